//! Measures the metrics of a trial, from what the trial left in the store and in the results folder.
//!
//! The coordinator waits for it only for a limited time. It ends when its result is no longer wanted, unless a disk
//! does not answer.

use std::convert::Infallible;
use std::io::{self, Read};

use crossbeam_channel::{Receiver, TryRecvError};

use crate::metric::{Files, Left, measure};
use crate::model::{Measured, Plan};

use super::results_folder::ResultsFolder;

/// Measures the metrics of a trial that left this, with the files in the results folder of the run. Ends early if the
/// channel is closed.
pub(super) fn measure_trial(
    plan: &Plan,
    left: &Left,
    results: Option<&ResultsFolder>,
    unwanted: Receiver<Infallible>,
) -> Vec<Measured> {
    measure(plan, left, &InFolder { results, unwanted })
}

/// The files in a results folder.
struct InFolder<'r> {
    results: Option<&'r ResultsFolder>,
    unwanted: Receiver<Infallible>,
}

impl Files for InFolder<'_> {
    fn file(&self, trial: u32, worker: &str, path: &str) -> io::Result<Box<dyn Read + '_>> {
        let folder = self.results.ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(folder.fetched(trial, worker, path)?))
    }

    fn go_on(&self) -> io::Result<()> {
        match self.unwanted.try_recv() {
            Err(TryRecvError::Disconnected) => Err(io::ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    }
}
