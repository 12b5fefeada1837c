//! Reaching a player: its name, a connection, and its first answer. Tried again until there is no time left.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::conduct::event::End;
use crate::model::{ConductorTime, Destination, is_timeout, words};
use crate::wait::Wait;
use crate::wire::{FrameDecoder, Greeting, Hello, bounds, frame};

use super::super::now::now;
use super::connect::connect;

/// How often a wait looks whether the coordinator still wants it.
const SLICE: Duration = Duration::from_millis(100);
/// The shortest time that a player gets for its first answer, however late it was reached.
const ANSWER: Duration = Duration::from_secs(2);
/// The pauses between attempts grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// How long one attempt may take to reach a player again that was there before.
const ATTEMPT: Duration = Duration::from_secs(4);

/// What is said of a player whose machine takes connections, and which says nothing.
pub(super) const NOT_ANSWERED: &str = "the connection was taken and `hello` was not answered";

/// A player that was reached.
pub(crate) struct Dialled {
    /// The connection.
    pub(crate) stream: TcpStream,
    /// Its first answer.
    pub(crate) greeting: Greeting,
    /// What came behind the answer.
    pub(crate) decoder: FrameDecoder,
    /// When `hello` was sent.
    pub(crate) sent: ConductorTime,
    /// When the answer was there.
    pub(crate) answered: ConductorTime,
}

/// Why an attempt failed.
enum Failure {
    /// It may succeed later.
    Again(String),
    /// It never will.
    Final(End),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Again(words(&error))
    }
}

/// Reaches a player and says `hello`. Any command ends the attempt, for before a plan only the end can come.
pub(crate) fn dial(
    destination: &Destination,
    hello: &mut Hello,
    deadline: Instant,
    mut patience: impl FnMut(Duration) -> Option<End>,
) -> Result<Dialled, End> {
    Dial { destination, deadline, most: None, patience: &mut patience, addresses: Vec::new() }.repeat(hello)
}

/// The same for a player that answered before. No attempt waits long, since its packets may be dropped on the way. A player
/// that refuses our address, or something that is not a player, is tried again: either side may have another address now.
pub(crate) fn again(
    destination: &Destination,
    hello: &mut Hello,
    deadline: Instant,
    mut patience: impl FnMut(Duration) -> Option<End>,
) -> Result<Dialled, End> {
    hello.attempt += 1;
    Dial { destination, deadline, most: Some(ATTEMPT), patience: &mut patience, addresses: Vec::new() }.repeat(hello)
}

/// The attempts to reach a player.
struct Dial<'a> {
    destination: &'a Destination,
    deadline: Instant,
    /// How long one attempt may take, for a player that was there before.
    most: Option<Duration>,
    /// Waits so long, or until something ends the attempts.
    patience: &'a mut dyn FnMut(Duration) -> Option<End>,
    /// The player's addresses, once they are known.
    addresses: Vec<SocketAddr>,
}

impl Dial<'_> {
    fn repeat(mut self, hello: &mut Hello) -> Result<Dialled, End> {
        let was_there = self.most.is_some();
        let mut pause = PAUSES.0;
        loop {
            let until = self.most.map_or(self.deadline, |most| self.deadline.min(Instant::now() + most));
            let why = match self.attempt(hello, until) {
                // A copy of this connection came before it. The next attempt is a higher one, and takes over.
                Ok(Dialled { greeting: Greeting::Refused(refusal), .. }) if refusal.reason == "attempt" => {
                    refusal.message
                }
                Ok(Dialled { greeting: Greeting::Result { message, .. }, .. }) if was_there => message,
                Ok(dialled) => return Ok(dialled),
                Err(Failure::Final(End::Refused(why))) if was_there => why,
                Err(Failure::Final(end)) => return Err(end),
                Err(Failure::Again(why)) => why,
            };
            if Instant::now() + pause >= self.deadline {
                return Err(End::Unreachable(why));
            }
            if let Some(end) = (self.patience)(pause) {
                return Err(end);
            }
            // A `hello` that came through and whose answer did not has begun a session.
            hello.attempt += 1;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Says `hello` to the first of the addresses that connects, and when that one refuses, to the others.
    fn attempt(&mut self, hello: &Hello, until: Instant) -> Result<Dialled, Failure> {
        self.look_up(until)?;
        let mut unasked = self.addresses.clone();
        let mut refused = None;
        loop {
            let connected = self.while_wanted(|is_wanted| connect(&unasked, until, is_wanted))?;
            let answer = match connected.and_then(|stream| Ok((stream.peer_addr()?, stream))) {
                Err(error) => return refused.unwrap_or_else(|| Err(self.not_connected(&error))),
                Ok((address, stream)) => {
                    unasked.retain(|unasked| *unasked != address);
                    Wait::PlayerReads.limit_writes(&stream, Wait::PlayerReads.time())?;
                    self.greet(stream, hello, until)
                }
            };
            match &answer {
                Ok(Dialled { greeting, .. }) if is_refusal(greeting) && !unasked.is_empty() => refused = Some(answer),
                Err(Failure::Final(End::Refused(_))) if !unasked.is_empty() => refused = Some(answer),
                _ => return answer,
            }
        }
    }

    fn look_up(&mut self, until: Instant) -> Result<(), Failure> {
        if self.addresses.is_empty() {
            let Destination { host, port } = self.destination;
            let left = until.saturating_duration_since(Instant::now());
            let found = self.while_wanted(|is_wanted| Wait::NameLookup.look_up(host, *port, left, is_wanted))?;
            self.addresses =
                found.map_err(|error| Failure::Again(format!("`{host}` has no address: {}", words(&error))))?;
        }
        Ok(())
    }

    /// Carries out what asks now and then whether it is still wanted. A command may do something other than ending the
    /// attempt, so that each is asked for once.
    fn while_wanted<T>(&mut self, work: impl FnOnce(&mut dyn FnMut() -> bool) -> T) -> Result<T, Failure> {
        let mut end = None;
        let done = work(&mut || {
            end = end.take().or_else(|| (self.patience)(Duration::ZERO));
            end.is_none()
        });
        end.map_or(Ok(done), |end| Err(Failure::Final(end)))
    }

    fn not_connected(&self, error: &io::Error) -> Failure {
        let Destination { host, .. } = self.destination;
        Failure::Again(match error.kind() {
            io::ErrorKind::TimedOut => "connection timed out".to_owned(),
            io::ErrorKind::AddrNotAvailable if self.addresses.is_empty() => format!("`{host}` has no address"),
            _ => words(error),
        })
    }

    /// Says `hello` and reads the answer.
    fn greet(&mut self, mut stream: TcpStream, hello: &Hello, until: Instant) -> Result<Dialled, Failure> {
        let until = until.max(Instant::now() + ANSWER);
        let sent = now();
        stream.write_all(&frame(&Greeting::Hello(hello.clone()).encode()))?;
        Wait::HelloAnswer.limit_reads(&stream, SLICE)?;
        let stranger = || Failure::Final(End::Refused(not_a_player(self.destination)));
        let mut decoder = FrameDecoder::new(bounds::ANSWER.most() as u64);
        loop {
            match decoder.read(&stream) {
                Ok(0) if begins_an_answer(decoder.pending()) => {
                    return Err(Failure::Again("the connection was closed without an answer".to_owned()));
                }
                Ok(0) => return Err(stranger()),
                Ok(_) => {}
                Err(error) if is_timeout(&error) || error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
            let answered = now();
            if let Some(payload) = decoder.next_payload().map_err(|_| stranger())? {
                let greeting = Greeting::decode(payload).map_err(|_| stranger())?;
                return Ok(Dialled { stream, greeting, decoder, sent, answered });
            }
            if let Some(end) = (self.patience)(Duration::ZERO) {
                return Err(Failure::Final(end));
            }
            if Instant::now() >= until {
                return Err(Failure::Again(NOT_ANSWERED.to_owned()));
            }
        }
    }
}

/// Whether who answers takes no connections from here. A Python player's answer has the same form, and is none.
fn is_refusal(greeting: &Greeting) -> bool {
    matches!(greeting, Greeting::Result { .. }) && !super::is_seed(greeting)
}

/// Whether these bytes, or none, may be the beginning of an answer that was cut off: a length below 16 MiB, and JSON.
fn begins_an_answer(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0) && bytes.get(4).is_none_or(|first| *first == b'{')
}

/// What is said of a peer that speaks something else.
pub(super) fn not_a_player(destination: &Destination) -> String {
    format!("what answers at {destination} is not a player")
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use super::*;
    use crate::conduct::testing::{options, plan, welcome};
    use crate::model::{Phase, WorkerId};
    use crate::wire::Secret;
    use crate::wire::seed::encode_result;

    /// A listener that gives each caller the next of these answers.
    fn answering(answers: Vec<Vec<u8>>) -> (SocketAddr, std::thread::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let thread = std::thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = stream.read(&mut [0; 4096]);
                let _ = stream.write_all(&frame(&answer));
                let _ = stream.read(&mut [0; 4096]);
            }
        });
        (address, thread)
    }

    fn hello() -> Hello {
        crate::conduct::hello(&plan(1, 1, 1, &Phase::ALL), &options(), WorkerId(0), Secret::default())
    }

    fn welcoming() -> Vec<u8> {
        Greeting::Welcome(welcome()).encode()
    }

    fn refusal() -> Vec<u8> {
        encode_result(1, "this player takes no connections from 192.0.2.1")
    }

    fn destination(port: u16) -> Destination {
        Destination { host: "127.0.0.1".to_owned(), port }
    }

    fn patient(time: Duration) -> Option<End> {
        Wait::RetryPause.pause(time);
        None
    }

    #[test]
    fn a_player_that_was_there_and_does_not_admit_us_is_tried_again_until_the_deadline() {
        let (address, player) = answering(vec![refusal(), refusal(), welcoming()]);
        let deadline = Instant::now() + Duration::from_secs(30);
        let dialled = again(&destination(address.port()), &mut hello(), deadline, patient);
        assert!(dialled.is_ok_and(|dialled| matches!(dialled.greeting, Greeting::Welcome(_))));
        player.join().unwrap();
        let (address, player) = answering(vec![refusal()]);
        let end = again(&destination(address.port()), &mut hello(), Instant::now(), patient).err();
        let why = "this player takes no connections from 192.0.2.1".to_owned();
        assert_eq!(end, Some(End::Unreachable(why)));
        player.join().unwrap();
    }

    #[test]
    fn of_several_addresses_the_next_is_asked_when_one_refuses() {
        let (first, other) = (answering(vec![refusal()]), answering(vec![welcoming()]));
        let deadline = Instant::now() + Duration::from_secs(30);
        let attempt = |addresses| {
            let (destination, patience) = (&destination(1), &mut patient);
            Dial { destination, deadline, most: None, patience, addresses }.attempt(&hello(), deadline)
        };
        let dialled = attempt(vec![first.0, other.0]);
        assert!(dialled.is_ok_and(|dialled| matches!(dialled.greeting, Greeting::Welcome(_))));
        let alone = answering(vec![refusal()]);
        let dialled = attempt(vec![alone.0]);
        assert!(dialled.is_ok_and(|dialled| is_refusal(&dialled.greeting)), "the last refusal is told");
        for (_, player) in [first, other, alone] {
            player.join().unwrap();
        }
    }
}
