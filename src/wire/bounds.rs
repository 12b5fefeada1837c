//! The limits on what a peer can make this process store.
//!
//! A peer may be broken or hostile. Everything that it can make this process store has a limit here, in bytes or as a number,
//! for each connection or for each player. The last column says what happens beyond the limit:
//!
//! - *the connection fails*: it ends with an error that names the limit, as after any other violation of the protocol.
//! - *the rest is left out*: a mark shows where.
//! - *it is refused*: the peer gets an error, and what is already stored stays as it is.
//! - *the sender waits*: the rest stays where it is until there is space.
//! - *the oldest is dropped*, *the slowest is closed*, *the largest is closed*: this makes space for the new one.
//!
//! | what | limit | beyond that |
//! |---|---|---|
//! | bytes in a frame | 65536 | the connection fails |
//! | bytes in a message of several parts | 2097152 | the connection fails |
//! | bytes in a human-readable text | 4096 | the rest is left out |
//! | bytes in a name | 255 | the connection fails |
//! | bytes in a path | 4096 | the connection fails |
//! | bytes in the answer to `hello` | 1048576 | the connection fails |
//! | protocols or features | 64 | the rest is left out |
//! | unanswered clock probes | 64 | the connection fails |
//! | bytes of unacknowledged messages | 16777216 | the connection fails |
//! | bytes of unacknowledged data | 1048576 | the sender waits |
//! | steps in a phase | 16384 | the connection fails |
//! | variables in a plan | 16384 | the connection fails |
//! | processes in one list | 256 | the rest is left out |
//! | attempts of a step | 10000 | the rest is left out |
//! | messages about earlier runs in a welcome | 64 | the rest is left out |
//! | connections without a complete first message | 256 | the slowest is closed |
//! | bytes from all of these connections | 67108864 | the largest is closed |
//! | refused connections that are still open | 32 | the oldest is dropped |
//! | sessions of a player | 1024 | it is refused |
//! | ended sessions with undelivered results | 64 | the oldest is dropped |
//! | phases of a Python conductor | 256 | it is refused |
//! | bytes of a Python conductor's phases | 67108864 | it is refused |
//! | files of a step in transfer | 256 | the connection fails |
//! | bytes of messages that wait for the output of a step | 4194304 | the connection fails |
//! | bytes of output that has not arrived | 2147483648 | the connection fails |
//! | bytes of command lines in one list of processes | 65536 | the rest is left out |
//! | warnings in a trial that are shown | 200 | the rest is left out |
//! | warnings in a trial | 10000 | the connection fails |
//! | details of a player's log in a second | 1000 | the rest is left out |
//! | messages about the stages of a trial | 64 | the connection fails |
//!
//! A test compares the table with the constants.

use thiserror::Error;

use crate::model::{LARGEST_PLAN, LONGEST_NAME, LONGEST_PATH, MOST_STEPS, MOST_VARIABLES};

/// A limit on how much of one thing a peer can make us store.
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
    /// The peer is told that no more is possible.
    Refused,
    /// The rest stays where it is, and uses no memory.
    Waits,
    /// The oldest entry makes room.
    OldestGoes,
    /// The entry that has made no progress for the longest time makes room.
    SlowestGoes,
    /// The largest entry makes room.
    LargestGoes,
}

impl Bound {
    const fn new(what: &'static str, most: usize, beyond: Beyond) -> Self {
        Self { what, most, beyond }
    }

    /// Returns the limit.
    pub const fn most(&self) -> usize {
        self.most
    }

    /// Checks that this amount is within the bound.
    ///
    /// # Errors
    ///
    /// Returns an error if the peer has exceeded the bound.
    pub fn check(&self, amount: usize) -> Result<(), TooMuch> {
        if amount <= self.most { Ok(()) } else { Err(TooMuch(*self)) }
    }
}

/// The error that a peer has exceeded a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("too many {}: at most {} are allowed", .0.what, .0.most)]
pub struct TooMuch(Bound);

/// The payload of a session frame, in bytes.
pub const FRAME: Bound = Bound::new("bytes in a frame", super::MAX_FRAME, Beyond::AtFault);

/// A message that is sent in parts, in bytes. A plan is the longest.
pub const MESSAGE: Bound = Bound::new("bytes in a message of several parts", LARGEST_PLAN, Beyond::AtFault);

/// A human-readable text, in bytes.
pub const TEXT: Bound = Bound::new("bytes in a human-readable text", 4 << 10, Beyond::Cut);

/// A name that identifies a run, a worker, a session or a player, in bytes.
pub const NAME: Bound = Bound::new("bytes in a name", LONGEST_NAME, Beyond::AtFault);

/// A path on the player's machine, or a pattern of paths, in bytes: the limit of Linux.
pub const PATH: Bound = Bound::new("bytes in a path", LONGEST_PATH, Beyond::AtFault);

/// A player's answer to a `hello`, in bytes. It has room for all the messages of a welcome.
pub const ANSWER: Bound = Bound::new("bytes in the answer to `hello`", 1 << 20, Beyond::AtFault);

/// The protocols or the features in a `hello`.
pub const ABILITIES: Bound = Bound::new("protocols or features", 64, Beyond::Cut);

/// Clock probes whose answers the peer has not read. A correct conductor sends the next one when the last is answered,
/// or instead of a heartbeat.
pub const PROBES: Bound = Bound::new("unanswered clock probes", 64, Beyond::AtFault);

/// Messages that wait to be sent or acknowledged, in bytes. The output of steps is data, and does not count.
pub const MESSAGES: Bound = Bound::new("bytes of unacknowledged messages", 16 << 20, Beyond::AtFault);

/// Data that has not been acknowledged, in bytes. Further output goes to the spool; when that is full, the steps wait.
pub const DATA: Bound = Bound::new("bytes of unacknowledged data", super::WINDOW, Beyond::Waits);

/// The steps of one phase of a worker.
pub const STEPS: Bound = Bound::new("steps in a phase", MOST_STEPS, Beyond::AtFault);

/// The environment variables of a worker. There is at least one for each worker of the run.
pub const VARIABLES: Bound = Bound::new("variables in a plan", MOST_VARIABLES, Beyond::AtFault);

/// The processes that hold an output, that could not be stopped, or that were left running.
pub const PROCESSES: Bound = Bound::new("processes in one list", 256, Beyond::Cut);

/// The attempts of an `until:` step. The last one is always kept.
pub const ATTEMPTS: Bound = Bound::new("attempts of a step", 10_000, Beyond::Cut);

/// The messages of a player to the next conductor about earlier runs.
pub const SENTENCES: Bound = Bound::new("messages about earlier runs in a welcome", 64, Beyond::Cut);

/// Connections without a complete first message. Silent ones do not shut others out.
pub const CALLERS: Bound = Bound::new("connections without a complete first message", 256, Beyond::SlowestGoes);

/// The bytes that these connections have sent; at least twice the maximum message size of the player.
pub const CALLERS_BYTES: Bound = Bound::new("bytes from all of these connections", 64 << 20, Beyond::LargestGoes);

/// Connections from addresses that may not connect, which have been answered.
pub const STRANGERS: Bound = Bound::new("refused connections that are still open", 32, Beyond::OldestGoes);

/// The sessions that a player holds at the same time; each is a process.
pub const SESSIONS: Bound = Bound::new("sessions of a player", 1024, Beyond::Refused);

/// Sessions that have ended, whose processes keep undelivered results for an hour.
pub const UNDELIVERED: Bound = Bound::new("ended sessions with undelivered results", 64, Beyond::OldestGoes);

/// The phases that a player keeps for Python conductors until their results are delivered.
pub const PHASES: Bound = Bound::new("phases of a Python conductor", 256, Beyond::Refused);

/// The memory of these phases.
pub const PHASE_BYTES: Bound = Bound::new("bytes of a Python conductor's phases", 64 << 20, Beyond::Refused);

/// The files of a `fetch:` step that were announced and are incomplete. A player that sends many small files does not
/// wait for each answer.
pub const FILES: Bound = Bound::new("files of a step in transfer", 256, Beyond::AtFault);

/// The messages that a conductor holds back until the output of a step has arrived, in bytes of texts and lists:
/// control messages overtake data.
pub const HELD: Bound = Bound::new("bytes of messages that wait for the output of a step", 4 << 20, Beyond::AtFault);

/// The output that a step has printed by its end and that the player has not sent yet. The limit of the spool is half of
/// this.
pub const ANNOUNCED: Bound = Bound::new("bytes of output that has not arrived", 2 << 30, Beyond::AtFault);

/// The processes of one list that a conductor keeps, in bytes of their command lines.
pub const PROCESS_BYTES: Bound = Bound::new("bytes of command lines in one list of processes", 64 << 10, Beyond::Cut);

/// The warnings of a player that a conductor passes on.
pub const WARNINGS: Bound = Bound::new("warnings in a trial that are shown", 200, Beyond::Cut);

/// The warnings of a player, whether passed on or not.
pub const WARNINGS_SENT: Bound = Bound::new("warnings in a trial", 10_000, Beyond::AtFault);

/// The lines of a player's log that a conductor adds to its own. Warnings and errors in it count as `WARNINGS`.
pub const LOG_DETAILS: Bound = Bound::new("details of a player's log in a second", 1000, Beyond::Cut);

/// The messages of a player about itself and its phases: that it is ready, has finished, or is about to leave.
pub const STAGES: Bound = Bound::new("messages about the stages of a trial", 64, Beyond::AtFault);

/// All bounds, in the order of the table.
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
    LOG_DETAILS,
    STAGES,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_the_constants_are() {
        let beyond = |bound: &Bound| match bound.beyond {
            Beyond::AtFault => "the connection fails",
            Beyond::Cut => "the rest is left out",
            Beyond::Refused => "it is refused",
            Beyond::Waits => "the sender waits",
            Beyond::OldestGoes => "the oldest is dropped",
            Beyond::SlowestGoes => "the slowest is closed",
            Beyond::LargestGoes => "the largest is closed",
        };
        let rows = ALL.iter().map(|bound| format!("//! | {} | {} | {} |", bound.what, bound.most, beyond(bound)));
        let table = include_str!("bounds.rs").lines().filter(|line| line.starts_with("//! | "));
        assert_eq!(table.skip(1).collect::<Vec<_>>(), rows.collect::<Vec<_>>());
    }

    #[test]
    fn whoever_passes_a_bound_is_told_which() {
        assert_eq!(PROBES.check(64), Ok(()));
        let why = PROBES.check(65).unwrap_err().to_string();
        assert_eq!(why, "too many unanswered clock probes: at most 64 are allowed");
    }
}
