//! What a player of this program does not do: its connection ends then, and its worker is lost.

use std::fmt;

use crate::conduct::event::End;
use crate::model::{PhaseId, StepId, StepLabel};
use crate::wire::bounds::TooMuch;

/// What a player did that it must not do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It passed a limit by doing this.
    TooMuch(&'static str, TooMuch),
    /// It sent a message about a phase that has not begun.
    NotBegun(PhaseId),
    /// It sent a message about a step that the plan does not have.
    NoSuchStep(StepId),
    /// It sent a message about the step of this label, in a trial that is over.
    TrialOver(StepLabel, u32),
    /// It reported this of the step of this label twice.
    Twice(&'static str, StepLabel, PhaseId),
    /// It reported the final end of a step that was not spawned.
    NotSpawned,
    /// It announced this stream twice.
    StreamTwice(u32),
    /// It sent data of a stream that it did not announce.
    NotAnnounced(u32),
    /// It left out bytes of a stream.
    Gap {
        /// The stream.
        stream: u32,
        /// The offset of the bytes that came.
        found: u64,
        /// The offset that had to come.
        expected: u64,
    },
    /// It sent a file of a step before the one before was complete.
    SeveralFiles,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMuch(how, what) => write!(out, "its player {how} {what}"),
            Self::NotBegun(PhaseId { trial, phase }) => {
                write!(out, "its player sent a message about {phase} of trial {trial}, which has not begun")
            }
            Self::NoSuchStep(StepId { phase, position, .. }) => {
                write!(out, "its player sent a message about step {position} of {phase}, which is not in the plan")
            }
            Self::TrialOver(label, trial) => {
                write!(out, "its player sent a message about step `{label}` of trial {trial}, which has ended")
            }
            Self::Twice(what, label, PhaseId { trial, phase }) => {
                write!(out, "its player reported {what} of step `{label}` in {phase} of trial {trial} twice")
            }
            Self::NotSpawned => {
                write!(out, "its player reported the end of a spawned step, but the step was not spawned")
            }
            Self::StreamTwice(stream) => write!(out, "its player announced stream {stream} twice"),
            Self::NotAnnounced(stream) => {
                write!(out, "its player sent data of stream {stream}, which it did not announce")
            }
            Self::Gap { stream, found, expected } => {
                write!(out, "its player sent byte {found} of stream {stream} instead of byte {expected}")
            }
            Self::SeveralFiles => write!(out, "its player sends several files of a step at the same time"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::lost(fault.to_string())
    }
}
