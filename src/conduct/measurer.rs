//! Measures the metrics of a trial: a thread reads what the trial left, from the store and from the folder of results.
//!
//! The coordinator does not wait for it for ever, and the thread ends when nobody waits for it any more, but for a disk that
//! does not answer.

use std::convert::Infallible;
use std::io::{self, Read};
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded};

use crate::metric::{Files, Left, Measured, measure, unmeasured};
use crate::model::{Plan, words};

use super::results_folder::ResultsFolder;
use super::threads::Threads;

/// The measurements of a trial.
pub(super) type Measurements = (u32, Vec<Measured>);

/// One trial that is to be measured.
pub(super) struct Measuring {
    pub(super) plan: Arc<Plan>,
    pub(super) left: Left,
    /// The folder of the run's results.
    pub(super) results: Option<ResultsFolder>,
}

/// Begins to measure; what comes of it is sent. It ends early when the sender that comes back is dropped, on which nothing is
/// ever sent.
pub(super) fn start(
    threads: &mut Threads,
    measuring: Measuring,
    measured: &Sender<Measurements>,
) -> Sender<Infallible> {
    let (wanted, unwanted) = bounded(0);
    let (trial, plan, told) = (measuring.left.trial(), Arc::clone(&measuring.plan), measured.clone());
    let started = threads.start("metrics".to_owned(), move || {
        let Measuring { plan, left, results } = measuring;
        let _ = told.send((trial, measure(&plan, &left, &InFolder { results: results.as_ref(), unwanted })));
    });
    if let Err(error) = started {
        let _ = measured.send((trial, unmeasured(&plan, &words(&error))));
    }
    wanted
}

/// The files in a folder of results.
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
