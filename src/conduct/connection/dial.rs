//! Reaches a player: looks up its addresses, connects, and reads its first answer. Tries again until the deadline.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::conduct::event::{End, EndKind};
use crate::conduct::reach::{Machine, Place, Printed, ReachError, Reached, Running, TURN, Way, hint_in, reach};
use crate::model::{Destination, Hint, words};
use crate::wait::Wait;
use crate::wire::{Greeting, Hello, RefusalReason};

use super::connect::connect;
use super::greet::{Dialled, Failure, greet, is_refusal, not_a_player, stranger};

/// The first and the longest pause between attempts.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// The same for a machine that is reached through a command: sshd drops connections while too many others are set up.
const LONGER_PAUSES: (Duration, Duration) = (Duration::from_millis(250), Wait::RetryPause.time());
/// How long one attempt may take to reach a player that was reached before.
const ATTEMPT: Duration = Duration::from_secs(4);
/// The same for a player that is reached through a command, which also has to log in.
const LONGER_ATTEMPT: Duration = Duration::from_secs(15);
/// How long a player that was started through a command may take to answer, however long its copy took.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Reaches a player and says `hello`. `patience` waits for a time, or until something ends the attempts.
///
/// With `again`, the player answered before. Then no attempt waits long, because its packets may be dropped on the way.
/// If the player refuses this address, or if something other than a player answers, another attempt follows: either
/// side may have a new address. A player that accepts connections but does not answer gets this much more time: its
/// listener will report what happened to a session that does not respond.
pub(in crate::conduct) fn dial(
    way: &Way<'_>,
    hello: &mut Hello,
    deadline: Instant,
    again: Option<Duration>,
    patience: &mut dyn FnMut(Duration) -> Option<End>,
) -> Result<Dialled, End> {
    Dial { way, deadline, again, patience, addresses: Vec::new(), earlier: None }.repeat(hello)
}

/// The attempts to reach a player.
struct Dial<'a> {
    way: &'a Way<'a>,
    deadline: Instant,
    /// How much more time a player gets if it answered before but does not answer now.
    again: Option<Duration>,
    patience: &'a mut dyn FnMut(Duration) -> Option<End>,
    /// The player's addresses, once they are known.
    addresses: Vec<SocketAddr>,
    /// Why an earlier attempt to reach the machine failed.
    earlier: Option<End>,
}

impl Dial<'_> {
    fn repeat(mut self, hello: &mut Hello) -> Result<Dialled, End> {
        let was_there = self.again.is_some();
        let pauses = if matches!(self.way, Way::Port(_)) { PAUSES } else { LONGER_PAUSES };
        let mut pause = pauses.0;
        loop {
            let failure = match self.attempt(hello) {
                // The player already knows this attempt. The next one has a higher number, and takes over.
                Ok(Dialled { greeting: Greeting::Refused(refusal), .. })
                    if refusal.reason == RefusalReason::Attempt =>
                {
                    Failure::Again(End::unreachable(refusal.message))
                }
                Ok(Dialled { greeting: Greeting::Result { message, .. }, .. }) if was_there => {
                    Failure::Again(End::unreachable(message))
                }
                Ok(dialled) => return Ok(dialled),
                Err(Failure::Stranger) if !was_there => {
                    return Err(stranger(End::lost(not_a_player(self.way)), self.way));
                }
                Err(Failure::Final(end)) => return Err(end),
                Err(failure) => failure,
            };
            if Instant::now() + pause >= self.deadline {
                match (&failure, self.again) {
                    (Failure::NotAnswered, Some(more)) if !more.is_zero() => {
                        (self.deadline, self.again) = (Instant::now() + more, Some(Duration::ZERO));
                    }
                    _ => return Err(failure.end(self.way)),
                }
            }
            if let Some(end) = (self.patience)(pause) {
                return Err(end);
            }
            // If the `hello` arrived but its answer was lost, the session has begun.
            hello.attempt += 1;
            pause = (pause * 2).min(pauses.1);
        }
    }

    fn attempt(&mut self, hello: &Hello) -> Result<Dialled, Failure> {
        match self.way {
            Way::Port(destination) => self.attempt_port(destination, hello, self.until(ATTEMPT)),
            Way::Transport(machine) => {
                let _place = self.turn(machine)?;
                let until = self.until(LONGER_ATTEMPT);
                let mut waited = Duration::ZERO;
                let reached = reach(machine, until, self.patience, &mut waited);
                // The time spent waiting for another worker's copy does not count.
                self.deadline += if self.again.is_none() { waited } else { Duration::ZERO };
                let Reached { connection, site, printed, sending } =
                    reached.map_err(|error| self.not_reached(error))?;
                // The time for the copy does not count either: afterwards, the player gets its full time to answer.
                let until = until.max(Instant::now() + FIRST_ANSWER);
                let dialled = greet(connection, hello, until, self.patience);
                if let (Some(sending), Ok(Dialled { greeting: Greeting::Welcome(welcome), .. })) = (sending, &dialled)
                    && let Some(pid) = welcome.process
                {
                    sending.arrived(Running { pid, session: hello.secret.fingerprint() });
                }
                dialled
                    .map(|dialled| Dialled { site: Some(site), ..dialled })
                    .map_err(|failure| with_words(failure, &printed))
            }
        }
    }

    fn not_reached(&mut self, error: ReachError) -> Failure {
        let is_timed_out = error.is_timed_out();
        match error.end() {
            (end, false) if self.again.is_none() || end.kind != EndKind::Unreachable => Failure::Final(end),
            // The last attempt had the least time, so the error of an earlier attempt is more useful.
            (end, _) if is_timed_out => Failure::Again(self.earlier.take().unwrap_or(end)),
            (end, _) => {
                self.earlier = Some(end.clone());
                Failure::Again(end)
            }
        }
    }

    /// Returns the deadline of an attempt. `again` is how long an attempt to reach a player again may take.
    fn until(&self, again: Duration) -> Instant {
        if self.again.is_some() { self.deadline.min(Instant::now() + again) } else { self.deadline }
    }

    /// Waits until the worker may connect to the machine. The time limit of a first attempt begins after this wait; a
    /// lease continues during it.
    fn turn(&mut self, machine: &Machine<'_>) -> Result<Place, Failure> {
        let begun = Instant::now();
        let place = machine.line_up();
        while !place.may_connect() {
            if let Some(end) = (self.patience)(Wait::TransportTurn.within(TURN)) {
                return Err(Failure::Final(end));
            }
            if self.again.is_some() && Instant::now() >= self.deadline {
                return Err(Failure::Again(End::unreachable(
                    "it was still waiting for other connections to its machine",
                )));
            }
        }
        if self.again.is_none() {
            self.deadline += begun.elapsed();
            (machine.progress)(self.deadline.saturating_duration_since(Instant::now()));
        }
        Ok(place)
    }

    /// Says `hello` to the first address that connects, and if that one refuses, to the others.
    fn attempt_port(&mut self, destination: &Destination, hello: &Hello, until: Instant) -> Result<Dialled, Failure> {
        self.look_up(destination, until)?;
        let mut unasked = self.addresses.clone();
        let mut refused = None;
        loop {
            let connected = self.while_wanted(|is_wanted| connect(&unasked, until, is_wanted))?;
            let answer = match connected {
                Err(error) => return refused.unwrap_or_else(|| Err(self.not_connected(destination, &error))),
                Ok((address, connection)) => {
                    unasked.retain(|unasked| *unasked != address);
                    greet(connection, hello, until, self.patience)
                }
            };
            match &answer {
                Ok(Dialled { greeting, .. }) if is_refusal(greeting) && !unasked.is_empty() => refused = Some(answer),
                Err(Failure::Stranger) if !unasked.is_empty() => refused = Some(answer),
                _ => return answer,
            }
        }
    }

    fn look_up(&mut self, Destination { host, port }: &Destination, until: Instant) -> Result<(), Failure> {
        if self.addresses.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            let found = self.while_wanted(|is_wanted| Wait::NameLookup.look_up(host, *port, left, is_wanted))?;
            let none = |error| {
                let why = format!("`{host}` has no address: {}", words(&error));
                Failure::Again(End::unreachable(why).with(Hint::CorrectName))
            };
            self.addresses = found.map_err(none)?;
        }
        Ok(())
    }

    /// Does work that regularly asks whether it is still wanted. Each question may take a command from the mailbox, so
    /// an end is remembered.
    fn while_wanted<T>(&mut self, work: impl FnOnce(&mut dyn FnMut() -> bool) -> T) -> Result<T, Failure> {
        let mut end = None;
        let done = work(&mut || {
            end = end.take().or_else(|| (self.patience)(Duration::ZERO));
            end.is_none()
        });
        end.map_or(Ok(done), |end| Err(Failure::Final(end)))
    }

    fn not_connected(&self, Destination { host, .. }: &Destination, error: &io::Error) -> Failure {
        let why = match error.kind() {
            io::ErrorKind::TimedOut => "connection timed out".to_owned(),
            io::ErrorKind::AddrNotAvailable if self.addresses.is_empty() => format!("`{host}` has no address"),
            _ => words(error),
        };
        Failure::Again(End::unreachable(why).because_of(error))
    }
}

/// If the player did not answer, adds what the transport printed to the reason, and a hint.
fn with_words(failure: Failure, printed: &Printed) -> Failure {
    let Failure::Again(end) = failure else { return failure };
    let lines = printed.lines();
    let reason = if lines.is_empty() { end.reason } else { format!("{}: {}", end.reason, lines.join(" / ")) };
    Failure::Again(End { reason, ..end }.with(hint_in(&lines).unwrap_or(Hint::ReadSystemLog)))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;
    use crate::conduct::testing::{options, plan, welcome};
    use crate::model::{Phase, WorkerId};
    use crate::wire::seed::encode_result;
    use crate::wire::{Secret, frame};

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
        crate::conduct::options::hello(&plan(1, 1, 1, &Phase::ALL), &options(), WorkerId(0), Secret::default())
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
        let again = Some(Duration::ZERO);
        let dialled = dial(&Way::Port(&destination(address.port())), &mut hello(), deadline, again, &mut patient);
        assert!(dialled.is_ok_and(|dialled| matches!(dialled.greeting, Greeting::Welcome(_))));
        player.join().unwrap();
        let (address, player) = answering(vec![refusal()]);
        let end =
            dial(&Way::Port(&destination(address.port())), &mut hello(), Instant::now(), again, &mut patient).err();
        assert_eq!(end, Some(End::unreachable("this player takes no connections from 192.0.2.1")));
        player.join().unwrap();
    }

    #[test]
    fn of_several_addresses_the_next_is_asked_when_one_refuses() {
        let (first, other) = (answering(vec![refusal()]), answering(vec![welcoming()]));
        let deadline = Instant::now() + Duration::from_secs(30);
        let attempt = |addresses| {
            let (destination, patience) = (destination(1), &mut patient);
            let way = &Way::Port(&destination);
            Dial { way, deadline, again: None, patience, addresses, earlier: None }.attempt(&hello())
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
