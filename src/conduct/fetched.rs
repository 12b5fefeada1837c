//! The files that workers fetched in a trial, for its metrics.

use std::convert::Infallible;
use std::io::{self, Read};

use crossbeam_channel::{Receiver, TryRecvError};

use crate::metric::Files;

use super::results_folder::ResultsFolder;

/// The fetched files in the results folder, if there is one.
pub(crate) struct Fetched {
    pub(crate) results: Option<ResultsFolder>,
    /// Closed when the metrics are no longer wanted: reading ends then, unless a disk does not answer.
    pub(crate) unwanted: Receiver<Infallible>,
}

impl Files for Fetched {
    fn file(&self, trial: u32, worker: &str, path: &str) -> io::Result<Box<dyn Read + '_>> {
        let folder = self.results.as_ref().ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(folder.fetched(trial, worker, path)?))
    }

    fn go_on(&self) -> io::Result<()> {
        match self.unwanted.try_recv() {
            Err(TryRecvError::Disconnected) => Err(io::ErrorKind::Interrupted.into()),
            _ => Ok(()),
        }
    }
}
