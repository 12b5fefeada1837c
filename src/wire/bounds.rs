//! What a peer can make us keep, and how much of it at most.
//!
//! A peer may be broken or hostile. Whatever it makes us keep has a bound here, in bytes or in number, for each connection
//! or for each player. Three things can happen beyond a bound:
//!
//! - *The peer is at fault*: its connection ends, with a sentence that names the bound. A connection that broke another
//!   rule of the protocol ends in the same way.
//! - *It is cut*: the rest is left out, visibly.
//! - *It is refused*: the peer is told so, and what is there stays as it is.
//!
//! | what | at most | beyond that |
//! |---|---|---|
//! | bytes of a frame | 65536 | the peer is at fault |
//! | bytes of a message in parts | 2097152 | the peer is at fault |
//! | bytes of a text for people | 4096 | it is cut |
//! | bytes of a name | 255 | the peer is at fault |
//! | bytes of a path | 4096 | the peer is at fault |
//! | bytes of a first answer | 1048576 | the peer is at fault |
//! | protocols or features | 64 | it is cut |
//! | probes that wait for their answers | 64 | the peer is at fault |
//! | bytes of messages that are not acknowledged | 16777216 | the peer is at fault |
//! | bytes of data that are not acknowledged | 1048576 | it waits |
//! | steps of a phase | 16384 | the peer is at fault |
//! | variables of a plan | 16384 | the peer is at fault |
//! | processes in one list | 256 | it is cut |
//! | attempts of a step | 10000 | it is cut |
//! | sentences in a welcome | 64 | it is cut |
//! | connections that have not said what they want | 256 | the slowest goes |
//! | bytes of such connections together | 67108864 | the largest goes |
//! | refused connections that are not closed | 32 | the oldest is given up |
//! | sessions of a player | 1024 | it is refused |
//! | sessions that are over and were not delivered | 64 | the oldest is given up |
//! | phases of a Python conductor | 256 | it is refused |
//! | bytes of a Python conductor's phases | 67108864 | it is refused |
//! | files of a step on their way | 256 | the peer is at fault |
//! | bytes of messages that wait for output | 4194304 | the peer is at fault |
//! | bytes of output that is announced and not here | 2147483648 | the peer is at fault |
//! | bytes of the processes in one list | 65536 | it is cut |
//! | warnings of a player in a trial | 200 | it is cut |
//! | warnings in a trial | 10000 | the peer is at fault |
//! | messages about stages of a trial | 64 | the peer is at fault |
//!
//! A test compares the table with the constants.

use std::fmt;

/// The most of one thing that a peer can make us keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    what: &'static str,
    most: usize,
    beyond: Beyond,
}

/// What happens beyond a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// The connection ends.
    AtFault,
    /// The rest is left out.
    Cut,
    /// The peer is told that there is no more.
    Refused,
    /// The rest waits where it is, and takes no memory.
    Waits,
    /// What came first makes room.
    OldestGoes,
    /// What has made no progress for the longest time makes room.
    SlowestGoes,
    /// What takes most makes room.
    LargestGoes,
}

impl Bound {
    const fn new(what: &'static str, most: usize, beyond: Beyond) -> Self {
        Self { what, most, beyond }
    }

    /// How much it is.
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Whether so much is within it.
    ///
    /// # Errors
    ///
    /// Says that the peer has passed this bound.
    pub fn check(&self, amount: usize) -> Result<(), TooMuch> {
        if amount <= self.most { Ok(()) } else { Err(TooMuch(*self)) }
    }
}

/// A peer has passed a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMuch(Bound);

impl fmt::Display for TooMuch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "too many {}: at most {} are taken", self.0.what, self.0.most)
    }
}

impl std::error::Error for TooMuch {}

/// The payload of a session's frame, in bytes.
pub const FRAME: Bound = Bound::new("bytes of a frame", super::MAX_FRAME, Beyond::AtFault);

/// A message that comes in parts, in bytes: a plan is the longest.
pub const MESSAGE: Bound = Bound::new("bytes of a message in parts", 2 << 20, Beyond::AtFault);

/// A text for people, in bytes.
pub const TEXT: Bound = Bound::new("bytes of a text for people", 4 << 10, Beyond::Cut);

/// What identifies a run, a worker, a session or a player, in bytes.
pub const NAME: Bound = Bound::new("bytes of a name", 255, Beyond::AtFault);

/// A path on the player's machine, or a pattern of paths, in bytes: as long as Linux takes one.
pub const PATH: Bound = Bound::new("bytes of a path", 4 << 10, Beyond::AtFault);

/// A player's answer to a `hello`, in bytes: it has room for all the sentences of a welcome.
pub const ANSWER: Bound = Bound::new("bytes of a first answer", 1 << 20, Beyond::AtFault);

/// What a `hello` says that its sender can do.
pub const ABILITIES: Bound = Bound::new("protocols or features", 64, Beyond::Cut);

/// Clock probes whose answers the peer has not read. An honest conductor sends the next one when the last is answered, or
/// with a sign of life.
pub const PROBES: Bound = Bound::new("probes that wait for their answers", 64, Beyond::AtFault);

/// Messages that wait to be sent, or to be acknowledged, in bytes. What steps print is data, and not among them.
pub const MESSAGES: Bound = Bound::new("bytes of messages that are not acknowledged", 16 << 20, Beyond::AtFault);

/// Data on its way, in bytes: behind it the spool fills, and then the steps wait.
pub const DATA: Bound = Bound::new("bytes of data that are not acknowledged", super::WINDOW, Beyond::Waits);

/// The steps of one phase of a worker.
pub const STEPS: Bound = Bound::new("steps of a phase", 16 << 10, Beyond::AtFault);

/// The environment variables of a worker. Each worker of a run is one of them.
pub const VARIABLES: Bound = Bound::new("variables of a plan", 16 << 10, Beyond::AtFault);

/// The processes that hold an output, that could not be stopped, or that were left running.
pub const PROCESSES: Bound = Bound::new("processes in one list", 256, Beyond::Cut);

/// The attempts of an `until:` step; the last is always among them.
pub const ATTEMPTS: Bound = Bound::new("attempts of a step", 10_000, Beyond::Cut);

/// What a player tells the next conductor of earlier runs.
pub const SENTENCES: Bound = Bound::new("sentences in a welcome", 64, Beyond::Cut);

/// Connections that have not said what they want: silent ones shut nobody out.
pub const CALLERS: Bound = Bound::new("connections that have not said what they want", 256, Beyond::SlowestGoes);

/// What those connections have sent; at least twice the largest message that the player takes.
pub const CALLERS_BYTES: Bound = Bound::new("bytes of such connections together", 64 << 20, Beyond::LargestGoes);

/// Connections of those who may not connect, which have their answers.
pub const STRANGERS: Bound = Bound::new("refused connections that are not closed", 32, Beyond::OldestGoes);

/// The sessions that a player holds at a time; each is a process.
pub const SESSIONS: Bound = Bound::new("sessions of a player", 1024, Beyond::Refused);

/// Sessions that are over, and whose processes keep for an hour what they could not deliver.
pub const UNDELIVERED: Bound = Bound::new("sessions that are over and were not delivered", 64, Beyond::OldestGoes);

/// The phases that a player keeps for Python conductors, until their results are delivered.
pub const PHASES: Bound = Bound::new("phases of a Python conductor", 256, Beyond::Refused);

/// The memory that these phases take.
pub const PHASE_BYTES: Bound = Bound::new("bytes of a Python conductor's phases", 64 << 20, Beyond::Refused);

/// The files of a `fetch:` step that were announced and are not whole. A player that sends many small ones does not wait for
/// each answer.
pub const FILES: Bound = Bound::new("files of a step on their way", 256, Beyond::AtFault);

/// What a conductor holds back until the output of a step is there, in bytes of texts and lists: control overtakes data.
pub const HELD: Bound = Bound::new("bytes of messages that wait for output", 4 << 20, Beyond::AtFault);

/// What a step has printed at its end and the player still has: its spool has half of it.
pub const ANNOUNCED: Bound = Bound::new("bytes of output that is announced and not here", 2 << 30, Beyond::AtFault);

/// The processes that a conductor keeps of one list, in bytes of their command lines.
pub const PROCESS_BYTES: Bound = Bound::new("bytes of the processes in one list", 64 << 10, Beyond::Cut);

/// The sentences of a player that a conductor passes on.
pub const WARNINGS: Bound = Bound::new("warnings of a player in a trial", 200, Beyond::Cut);

/// The sentences of a player, passed on or not.
pub const WARNINGS_SENT: Bound = Bound::new("warnings in a trial", 10_000, Beyond::AtFault);

/// What a player says of itself and of its phases: that it is ready, through, about to leave.
pub const STAGES: Bound = Bound::new("messages about stages of a trial", 64, Beyond::AtFault);

/// All of them, in the order of the table.
#[cfg(test)]
const ALL: &[Bound] = &[
    FRAME,
    MESSAGE,
    TEXT,
    NAME,
    PATH,
    ANSWER,
    ABILITIES,
    PROBES,
    MESSAGES,
    DATA,
    STEPS,
    VARIABLES,
    PROCESSES,
    ATTEMPTS,
    SENTENCES,
    CALLERS,
    CALLERS_BYTES,
    STRANGERS,
    SESSIONS,
    UNDELIVERED,
    PHASES,
    PHASE_BYTES,
    FILES,
    HELD,
    ANNOUNCED,
    PROCESS_BYTES,
    WARNINGS,
    WARNINGS_SENT,
    STAGES,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_constants_are() {
        let beyond = |bound: &Bound| match bound.beyond {
            Beyond::AtFault => "the peer is at fault",
            Beyond::Cut => "it is cut",
            Beyond::Refused => "it is refused",
            Beyond::Waits => "it waits",
            Beyond::OldestGoes => "the oldest is given up",
            Beyond::SlowestGoes => "the slowest goes",
            Beyond::LargestGoes => "the largest goes",
        };
        let rows = ALL.iter().map(|bound| format!("//! | {} | {} | {} |", bound.what, bound.most, beyond(bound)));
        let table = include_str!("bounds.rs").lines().filter(|line| line.starts_with("//! | "));
        assert_eq!(table.skip(1).collect::<Vec<_>>(), rows.collect::<Vec<_>>());
    }

    #[test]
    fn whoever_passes_a_bound_is_told_which() {
        assert_eq!(PROBES.check(64), Ok(()));
        let why = PROBES.check(65).unwrap_err().to_string();
        assert_eq!(why, "too many probes that wait for their answers: at most 64 are taken");
    }
}
