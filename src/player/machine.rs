//! `exclusive`: only one run of a user at a time uses a machine.
//!
//! The player of a session listens on a socket name that all players of this user know. It passes the listening socket
//! to the other players of the same run, so that the name becomes free when the last of them has ended. It tells
//! players of other runs which run uses the machine. Any player of the run may answer, but those that are connected to
//! the conductor answer first.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use super::local_socket::{Found, NAMES, connect_or_listen};
use crate::model::{PlayerTime, words};
use crate::sys;
use crate::wait::Wait;
use crate::wire::seed::encode_result;
use crate::wire::{
    Connection, FrameDecoder, Greeting, Hello, Holder, HolderState, Refusal, RefusalReason, bounds, frame,
};

/// How many times to ask, if the holder ends while it is being asked.
const ATTEMPTS: usize = 5;

/// How long a player without a connection to its conductor waits for the other players of the run to answer first.
const OTHERS_FIRST: Duration = Duration::from_millis(500);

/// The result of requesting a machine for one run.
#[derive(Debug)]
pub(super) enum Taken {
    /// The run has the machine for as long as a process has this socket open.
    Held(UnixListener),
    /// Other users have bound all names, so runs cannot find each other.
    Unknown,
    /// The run does not get the machine.
    Refused(Refusal),
}

/// When a player answers the players of other runs that ask for the machine. The players of a run share the socket, so
/// each of them sees the request. A run is alive as long as one of its players is connected to the conductor, so a
/// player that is not connected lets the others answer first.
#[derive(Debug, Default)]
pub(super) struct Turn {
    /// When this player first saw a waiting request that it leaves to the others.
    asked: Option<PlayerTime>,
}

impl Turn {
    /// Whether this player answers now.
    pub(super) fn is_here(&mut self, is_asked: bool, is_cut_off: bool, now: PlayerTime) -> bool {
        if !is_asked || !is_cut_off {
            self.asked = None;
            return is_asked;
        }
        let is_late = now >= self.asked.get_or_insert(now).plus(OTHERS_FIRST);
        if is_late {
            self.asked = None;
        }
        is_late
    }

    /// Returns when to check again whether a request is still waiting.
    pub(super) fn next(&self) -> Option<PlayerTime> {
        Some(self.asked?.plus(OTHERS_FIRST))
    }
}

/// Takes the machine for the run of `hello`, or joins the other players of the run.
pub(super) fn take(hello: &Hello) -> Taken {
    let user = rustix::process::geteuid().as_raw();
    let names: [String; NAMES] = std::array::from_fn(|number| format!("conductor-machine-{user}-{number}"));
    for _ in 0..ATTEMPTS {
        let answer = match connect_or_listen(&names) {
            Ok(Found::Free(socket)) => socket.set_nonblocking(true).map(|()| Taken::Held(socket)),
            Ok(Found::Taken) => Ok(Taken::Unknown),
            Ok(Found::Unresponsive) => break,
            Ok(Found::Listening(stream)) => ask(&stream, hello),
            Err(error) => Err(error),
        };
        match answer {
            Ok(taken) => return taken,
            Err(error) => match error.kind() {
                ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {}
                ErrorKind::TimedOut => break,
                _ => return Taken::Refused(unknown(&error)),
            },
        }
    }
    Taken::Refused(unresponsive())
}

/// Asks the player that has the socket.
fn ask(stream: &UnixStream, hello: &Hello) -> io::Result<Taken> {
    sys::send_with(stream, &frame(&Greeting::Hello(hello.clone()).encode()), &[])?;
    let deadline = Instant::now() + Wait::MachineHolder.time();
    let (mut buffer, mut passed) = (vec![0; 16 << 10], Vec::new());
    let answer = FrameDecoder::new(bounds::ANSWER.most() as u64).wait_for_frame(|decoder| {
        Wait::MachineHolder.readable(stream, deadline)?;
        let (count, descriptors) = sys::receive_with(stream, &mut buffer)?;
        passed.extend(descriptors);
        decoder.push(&buffer[..count]);
        Ok(count)
    })?;
    match (Greeting::decode(&answer)?, passed.pop()) {
        (Greeting::Refused(refusal), _) => Ok(Taken::Refused(refusal)),
        (_, Some(socket)) => Ok(Taken::Held(socket.into())),
        _ => Err(ErrorKind::InvalidData.into()),
    }
}

/// Passes the socket to another player of the same run. An error means that the other player has ended, and is ignored.
pub(super) fn share(socket: &UnixListener, connection: &Connection) {
    let answer = frame(&encode_result(0, "this run uses the machine"));
    let _ = sys::send_with(connection, &answer, &[socket.as_fd()]);
}

fn unresponsive() -> Refusal {
    /// How long the conductor continues to ask, in seconds.
    const PATIENCE: u64 = 10;
    let holder = Holder {
        conductor: "a run whose player on this machine does not respond".to_owned(),
        state: HolderState::Unresponsive,
        free_within: PATIENCE,
        ..Holder::default()
    };
    let message = format!("{} uses this machine", holder.describe());
    Refusal { reason: RefusalReason::Busy, message, holder: Some(holder) }
}

fn unknown(error: &io::Error) -> Refusal {
    let message = format!("cannot find out whether another run uses this machine: {}", words(error));
    Refusal { reason: RefusalReason::Other, message, holder: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> PlayerTime {
        PlayerTime::from_nanoseconds(milliseconds * 1_000_000)
    }

    #[test]
    fn a_player_that_is_cut_off_answers_only_when_no_other_one_has() {
        let mut turn = Turn::default();
        assert!(turn.is_here(true, false, at(0)) && turn.next().is_none(), "it hears its conductor");
        assert!(!turn.is_here(false, true, at(1)) && turn.next().is_none(), "nobody asks");
        assert!(!turn.is_here(true, true, at(10)));
        assert_eq!(turn.next(), Some(at(510)));
        assert!(!turn.is_here(true, true, at(509)) && turn.is_here(true, true, at(510)), "nobody else has answered");
        assert!(!turn.is_here(true, true, at(600)), "for the next one the time begins again");
        assert!(!turn.is_here(false, true, at(700)) && turn.next().is_none(), "another player has answered");
        assert!(!turn.is_here(true, true, at(1200)) && turn.is_here(true, false, at(1201)), "it is connected again");
    }
}
