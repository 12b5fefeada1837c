//! Descriptors that are kept for Reset: it is to run also when the steps before it have used up what there is.

use std::fs::File;
use std::os::fd::OwnedFd;

use crate::model::Phase;

/// How many: enough to make the process of a step, and for what its files take.
const KEPT: usize = 16;

/// Descriptors that nobody uses.
#[derive(Debug, Default)]
pub(super) struct Reserve(Vec<OwnedFd>);

impl Reserve {
    /// Before a step of this phase is started: Reset gets what is kept, for any other it is kept.
    pub(super) fn prepare(&mut self, phase: Phase) {
        if phase == Phase::Reset {
            self.0.clear();
        } else if self.0.len() < KEPT
            && let Ok(first) = File::open("/dev/null")
        {
            let copies = (self.0.len()..KEPT).map_while(|_| first.try_clone().ok());
            self.0.extend(copies.map(OwnedFd::from));
        }
    }
}
