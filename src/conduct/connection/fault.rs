//! Violations of the protocol by a player. They end its connection, and its worker is lost.

use thiserror::Error;

use crate::conduct::event::End;
use crate::model::{PhaseId, StepId};
use crate::wire::bounds::TooMuch;

/// A violation of the protocol by a player.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum Fault {
    /// It exceeded a limit by doing this.
    #[error("its player {0} {1}")]
    TooMuch(&'static str, TooMuch),
    /// It sent a message about a phase that has not begun.
    #[error("its player sent a message about {} of trial {}, which has not begun", .0.phase, .0.trial)]
    NotBegun(PhaseId),
    /// It sent a message about a step that is not in the plan.
    #[error("its player sent a message about step {} of {}, which is not in the plan", .0.position, .0.phase)]
    NoSuchStep(StepId),
    /// It sent a message about the step with this label, in a trial that has ended.
    #[error("its player sent a message about step `{0}` of trial {1}, which has ended")]
    TrialOver(String, u32),
    /// It reported this about the step with this label twice.
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
        /// The offset of the received bytes.
        found: u64,
        /// The expected offset.
        expected: u64,
    },
    /// It sent a file of a step before the previous one was complete.
    #[error("its player sends several files of a step at the same time")]
    SeveralFiles,
}

impl From<Fault> for End {
    fn from(fault: Fault) -> Self {
        Self::lost(fault.to_string())
    }
}
