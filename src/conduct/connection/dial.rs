//! Reaching a player: its name, a connection, and its first answer. Tried again until there is no time left.

use std::io::{self, Read, Write};
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
    pub(crate) pending: Vec<u8>,
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
    repeat(destination, hello, (deadline, None), &mut patience)
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
    repeat(destination, hello, (deadline, Some(ATTEMPT)), &mut patience)
}

fn repeat(
    destination: &Destination,
    hello: &mut Hello,
    (deadline, most): (Instant, Option<Duration>),
    patience: &mut dyn FnMut(Duration) -> Option<End>,
) -> Result<Dialled, End> {
    let mut addresses = Vec::new();
    let mut pause = PAUSES.0;
    loop {
        let until = most.map_or(deadline, |most| deadline.min(Instant::now() + most));
        let why = match attempt(destination, &mut addresses, hello, until, patience) {
            // A copy of this connection came before it. The next attempt is a higher one, and takes over.
            Ok(Dialled { greeting: Greeting::Refused(refusal), .. }) if refusal.reason == "attempt" => refusal.message,
            Ok(Dialled { greeting: Greeting::Result { message, .. }, .. }) if most.is_some() => message,
            Ok(dialled) => return Ok(dialled),
            Err(Failure::Final(End::Refused(why))) if most.is_some() => why,
            Err(Failure::Final(end)) => return Err(end),
            Err(Failure::Again(why)) => why,
        };
        if Instant::now() + pause >= deadline {
            return Err(End::Unreachable(why));
        }
        if let Some(end) = patience(pause) {
            return Err(end);
        }
        // A `hello` that came through and whose answer did not has begun a session.
        hello.attempt += 1;
        pause = (pause * 2).min(PAUSES.1);
    }
}

fn attempt(
    destination: &Destination,
    addresses: &mut Vec<SocketAddr>,
    hello: &Hello,
    deadline: Instant,
    patience: &mut dyn FnMut(Duration) -> Option<End>,
) -> Result<Dialled, Failure> {
    let Destination::Tcp { host, port } = destination;
    let left = deadline.saturating_duration_since(Instant::now());
    let mut end = None;
    // A command may do something beside ending the attempt, so that each is asked for once.
    let mut is_wanted = || {
        end = end.take().or_else(|| patience(Duration::ZERO));
        end.is_none()
    };
    let connected = if addresses.is_empty() {
        let found = Wait::NameLookup.look_up(host, *port, left, &mut is_wanted);
        found.map_err(|error| format!("`{host}` has no address: {}", words(&error))).map(|found| *addresses = found)
    } else {
        Ok(())
    };
    match (end, connected) {
        (Some(end), _) => Err(Failure::Final(end)),
        (None, Err(why)) => Err(Failure::Again(why)),
        (None, Ok(())) => ask_each(destination, addresses, hello, deadline, patience),
    }
}

/// Says `hello` to the first of the addresses that connects, and when that one refuses, to the others.
fn ask_each(
    destination: &Destination,
    addresses: &[SocketAddr],
    hello: &Hello,
    deadline: Instant,
    patience: &mut dyn FnMut(Duration) -> Option<End>,
) -> Result<Dialled, Failure> {
    let mut unasked = addresses.to_vec();
    let mut refused = None;
    loop {
        let mut end = None;
        let mut is_wanted = || {
            end = end.take().or_else(|| patience(Duration::ZERO));
            end.is_none()
        };
        let connected =
            connect(&unasked, deadline, &mut is_wanted).and_then(|stream| Ok((stream.peer_addr()?, stream)));
        let answer = match (end, connected) {
            (Some(end), _) => return Err(Failure::Final(end)),
            (None, Err(error)) => return refused.unwrap_or_else(|| Err(not_connected(destination, addresses, &error))),
            (None, Ok((address, stream))) => {
                unasked.retain(|unasked| *unasked != address);
                Wait::PlayerReads.limit_writes(&stream, Wait::PlayerReads.time())?;
                greet(destination, stream, hello, deadline, patience)
            }
        };
        match &answer {
            Ok(Dialled { greeting, .. }) if is_refusal(greeting) && !unasked.is_empty() => refused = Some(answer),
            Err(Failure::Final(End::Refused(_))) if !unasked.is_empty() => refused = Some(answer),
            _ => return answer,
        }
    }
}

/// Whether who answers takes no connections from here. A Python player's answer has the same form, and is none.
fn is_refusal(greeting: &Greeting) -> bool {
    matches!(greeting, Greeting::Result { .. }) && !super::is_seed(greeting)
}

fn not_connected(destination: &Destination, addresses: &[SocketAddr], error: &io::Error) -> Failure {
    let Destination::Tcp { host, .. } = destination;
    Failure::Again(match error.kind() {
        io::ErrorKind::TimedOut => "connection timed out".to_owned(),
        io::ErrorKind::AddrNotAvailable if addresses.is_empty() => format!("`{host}` has no address"),
        _ => words(error),
    })
}

fn wanted(patience: &mut dyn FnMut(Duration) -> Option<End>) -> Result<(), Failure> {
    patience(Duration::ZERO).map_or(Ok(()), |end| Err(Failure::Final(end)))
}

/// Says `hello` and reads the answer.
fn greet(
    destination: &Destination,
    mut stream: TcpStream,
    hello: &Hello,
    deadline: Instant,
    patience: &mut dyn FnMut(Duration) -> Option<End>,
) -> Result<Dialled, Failure> {
    let deadline = deadline.max(Instant::now() + ANSWER);
    let sent = now();
    stream.write_all(&frame(&Greeting::Hello(hello.clone()).encode()))?;
    Wait::HelloAnswer.limit_reads(&stream, SLICE)?;
    let stranger = || Failure::Final(End::Refused(not_a_player(destination)));
    let mut decoder = FrameDecoder::new(bounds::ANSWER.most() as u64);
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) if begins_an_answer(decoder.pending()) => {
                return Err(Failure::Again("the connection was closed without an answer".to_owned()));
            }
            Ok(0) => return Err(stranger()),
            Ok(count) => decoder.push(&buffer[..count]),
            Err(error) if is_timeout(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        let answered = now();
        if let Some(payload) = decoder.next_frame().map_err(|_| stranger())? {
            let greeting = Greeting::decode(&payload).map_err(|_| stranger())?;
            let pending = decoder.pending().to_vec();
            return Ok(Dialled { stream, greeting, pending, sent, answered });
        }
        wanted(patience)?;
        if Instant::now() >= deadline {
            return Err(Failure::Again(NOT_ANSWERED.to_owned()));
        }
    }
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
        Destination::Tcp { host: "127.0.0.1".to_owned(), port }
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
        let mut addresses = vec![first.0, other.0];
        let deadline = Instant::now() + Duration::from_secs(30);
        let dialled = attempt(&destination(1), &mut addresses, &hello(), deadline, &mut patient);
        assert!(dialled.is_ok_and(|dialled| matches!(dialled.greeting, Greeting::Welcome(_))));
        let alone = answering(vec![refusal()]);
        let mut addresses = vec![alone.0];
        let dialled = attempt(&destination(1), &mut addresses, &hello(), deadline, &mut patient);
        assert!(dialled.is_ok_and(|dialled| is_refusal(&dialled.greeting)), "the last refusal is told");
        for (_, player) in [first, other, alone] {
            player.join().unwrap();
        }
    }
}
