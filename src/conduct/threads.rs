//! The threads of a run. At the end, they are joined for a limited time; the others are named in the log and abandoned.

use std::convert::Infallible;
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};

use crate::wait::Wait;

/// The size of a thread's stack: there can be two thousand threads, and none recurses deeply.
const STACK: usize = 256 << 10;

/// Threads that were started and are not yet joined.
#[derive(Debug)]
pub(crate) struct Threads {
    handles: Vec<JoinHandle<()>>,
    /// Nothing is ever sent. The channel is closed when all threads are at their end.
    ends: Receiver<Infallible>,
    alive: Sender<Infallible>,
}

impl Default for Threads {
    /// Creates an empty set of threads.
    fn default() -> Self {
        let (alive, ends) = bounded(0);
        Self { handles: Vec::new(), ends, alive }
    }
}

impl Threads {
    /// Starts a thread. Joins those that have ended meanwhile: until then, the system keeps their stacks.
    pub(crate) fn start(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.handles.extract_if(.., |handle| handle.is_finished()).for_each(join);
        let alive = self.alive.clone();
        let handle = Builder::new().name(name).stack_size(STACK).spawn(move || {
            body();
            drop(alive);
        })?;
        self.handles.push(handle);
        Ok(())
    }

    /// Waits until all threads have ended, at most for this time. The others are named in the log and left running.
    pub(crate) fn join(self, time: Duration) {
        let Self { handles, ends, alive } = self;
        drop(alive);
        let all_over = Wait::ThreadsEnd.receive(&ends, Some(time)) == Err(RecvTimeoutError::Disconnected);
        for handle in handles {
            if !all_over && !handle.is_finished() {
                tracing::warn!("the thread `{}` did not end in time, and is left running", name(&handle));
            } else {
                join(handle);
            }
        }
    }
}

/// Joins a thread that has ended, or is about to.
fn join(handle: JoinHandle<()>) {
    let name = name(&handle);
    if handle.join().is_err() {
        tracing::error!("the thread `{name}` panicked");
    }
}

fn name(handle: &JoinHandle<()>) -> String {
    handle.thread().name().unwrap_or("a thread").to_owned()
}
