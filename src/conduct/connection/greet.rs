//! The first message in each direction of any connection.

use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use crate::conduct::event::End;
use crate::conduct::now::now;
use crate::conduct::reach::{SLICE, Site, Way};
use crate::model::{ConductorTime, Hint, words};
use crate::wait::Wait;
use crate::wire::{Connection, FrameDecoder, Greeting, Hello, bounds, frame};

/// The shortest time that a player gets for its first answer, however late it was reached.
const ANSWER: Duration = Duration::from_secs(2);

/// A player that has answered.
pub(crate) struct Dialled {
    /// The connection.
    pub(crate) connection: Connection,
    /// Its first answer.
    pub(crate) greeting: Greeting,
    /// The decoder, with what arrived after the answer.
    pub(crate) decoder: FrameDecoder,
    /// Where the player is, if it was reached through a command.
    pub(crate) site: Option<Site>,
    /// When `hello` was sent.
    pub(crate) sent: ConductorTime,
    /// When the answer arrived.
    pub(crate) answered: ConductorTime,
}

/// Why an attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// The player's machine accepts connections, but the player does not answer.
    NotAnswered,
    /// The program that answers is not a player.
    Stranger,
    /// Another attempt may succeed, unless this is the last.
    Again(End),
    /// No further attempt is to be made.
    Final(End),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Again(End::unreachable(words(&error)).because_of(&error))
    }
}

impl Failure {
    /// Returns the end of the connection, if this attempt was the last.
    pub(super) fn end(self, way: &Way<'_>) -> End {
        match self {
            Self::NotAnswered => {
                let hint = if let Way::Port(_) = way { Hint::LookAtPlayer } else { Hint::ReadSystemLog };
                End::unreachable("the connection was accepted, but `hello` was not answered").with(hint)
            }
            Self::Stranger => stranger(End::unreachable(not_a_player(way)), way),
            Self::Again(end) | Self::Final(end) => end,
        }
    }
}

/// Says `hello` and reads the answer.
pub(super) fn greet(
    connection: Connection,
    hello: &Hello,
    until: Instant,
    patience: &mut dyn FnMut(Duration) -> Option<End>,
) -> Result<Dialled, Failure> {
    let until = until.max(Instant::now() + ANSWER);
    let would_block = |error: &io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
    let sent = now();
    let mut unsent = frame(&Greeting::Hello(hello.clone()).encode());
    let mut decoder = FrameDecoder::new(bounds::ANSWER.most() as u64);
    loop {
        if !unsent.is_empty() {
            match connection.write(&unsent) {
                Ok(count) => drop(unsent.drain(..count)),
                Err(error) if would_block(&error) => {}
                Err(error) => return Err(error.into()),
            }
        }
        match connection.read_into(&mut decoder) {
            Ok(0) if begins_an_answer(decoder.pending()) => {
                return Err(Failure::Again(End::unreachable("the connection was closed without an answer")));
            }
            Ok(0) => return Err(Failure::Stranger),
            Ok(_) => {}
            Err(error) if would_block(&error) => {}
            Err(error) => return Err(error.into()),
        }
        let answered = now();
        if let Some(payload) = decoder.next_payload().map_err(|_| Failure::Stranger)? {
            let greeting = Greeting::decode(payload).map_err(|_| Failure::Stranger)?;
            return Ok(Dialled { connection, greeting, decoder, site: None, sent, answered });
        }
        if let Some(end) = patience(Duration::ZERO) {
            return Err(Failure::Final(end));
        }
        if Instant::now() >= until {
            return Err(Failure::NotAnswered);
        }
        let mut descriptors: Vec<_> = connection.waits_for(!unsent.is_empty()).collect();
        // The next round checks everything, whatever the result is.
        let _ = Wait::HelloAnswer.poll(&mut descriptors, Some(SLICE));
    }
}

/// Whether the player refuses connections from this address. A Python player's answer has the same form but is not a
/// refusal.
pub(super) fn is_refusal(greeting: &Greeting) -> bool {
    matches!(greeting, Greeting::Result { .. }) && !is_seed(greeting)
}

/// Whether this is how a Python player answers a command that it does not know.
pub(crate) fn is_seed(greeting: &Greeting) -> bool {
    matches!(greeting, Greeting::Result { code: 2, message } if message == "no such command")
}

/// Whether these bytes, or none, may be the beginning of an answer that was cut off: a length below 16 MiB, and JSON.
fn begins_an_answer(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0) && bytes.get(4).is_none_or(|first| *first == b'{')
}

/// Adds what the user can do to the end of a connection to a program that is not a player.
pub(super) fn stranger(end: End, way: &Way<'_>) -> End {
    if let Way::Port(_) = way { end.with(Hint::CorrectPort) } else { end }
}

/// The message about a program that is not a player.
pub(super) fn not_a_player(way: &Way<'_>) -> String {
    format!("the program at {way} is not a player")
}
