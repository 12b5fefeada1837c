//! What a player of this program does not do: its connection ends then, and its worker is lost.

use thiserror::Error;

use crate::conduct::event::End;
use crate::model::{PhaseId, StepId};
use crate::wire::bounds::TooMuch;

/// What a player did that it must not do.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Fault {
    /// It passed a limit by doing this.
    #[error("its player {0} {1}")]
    TooMuch(&'static str, TooMuch),
    /// It sent a message about a phase that has not begun.
    #[error("its player sent a message about {} of trial {}, which has not begun", .0.phase, .0.trial)]
    NotBegun(PhaseId),
    /// It sent a message about a step that the plan does not have.
    #[error("its player sent a message about step {} of {}, which is not in the plan", .0.position, .0.phase)]
    NoSuchStep(StepId),
    /// It sent a message about the step of this label, in a trial that is over.
    #[error("its player sent a message about step `{0}` of trial {1}, which has ended")]
    TrialOver(String, u32),
    /// It reported this of the step of this label twice.
    #[error("its player reported {} of step `{}` in {} of trial {} twice", .0, .1, .2.phase, .2.trial)]
    Twice(&'static str, String, PhaseId),
    /// It reported the final end of a step that was not spawned.
    #[error("its player reported the end of a spawned step, but the step was not spawned")]
    NotSpawned,
    /// It announced this stream twice.
    #[error("its player announced stream {0} twice")]
    StreamTwice(u32),
    /// It sent data of a stream that it did not announce.
    #[error("its player sent data of stream {0}, which it did not announce")]
    NotAnnounced(u32),
    /// It left out bytes of a stream.
    #[error("its player sent byte {found} of stream {stream} instead of byte {expected}")]
    Gap {
        /// The stream.
        stream: u32,
        /// The offset of the bytes that came.
        found: u64,
        /// The offset that had to come.
        expected: u64,
    },
    /// It sent a file of a step before the one before was complete.
    #[error("its player sends several files of a step at the same time")]
    SeveralFiles,
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::lost(fault.to_string())
    }
}
