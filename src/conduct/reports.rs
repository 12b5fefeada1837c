//! The reports threads: they tell the reporters, however slow these are, and slow nobody.
//!
//! There are two, so that whoever reads an output slowly does not keep the folder of results from being written. A mark
//! in what that folder's reporters are told says when everything before it stands there.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, select, unbounded};

use crate::model::{Event, Reporter, Stamped};
use crate::wait::Wait;

use super::threads::Threads;

/// How often it is said that the outputs are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long they are waited for when the run was left at once, or an interrupt says so.
const HURRY: Duration = Wait::OutputsHurried.time();

/// Beyond so many events that wait, no reporter is told what steps print before they are over: whoever reads an output
/// slowly would otherwise cost memory for as long as steps print.
const BEHIND: usize = 10_000;

/// Reporters with their names for messages.
pub type NamedReporters = Vec<(String, Box<dyn Reporter>)>;

/// All reporters of a run.
#[derive(Default)]
pub struct Reporters {
    /// Those that somebody may read slowly, and that slow each other then.
    pub shown: NamedReporters,
    /// Those that write the folder of results, which a check reads.
    pub kept: NamedReporters,
}

/// The reports threads as the run loop sees them.
pub(super) struct Reports {
    shown: Queue,
    kept: Queue,
    failures: Receiver<String>,
    threads: Threads,
}

impl Reports {
    /// Starts the threads.
    pub(super) fn start(reporters: Reporters) -> Self {
        // At most one failure for each reporter, and one for each thread.
        let (failed, failures) = unbounded();
        let mut threads = Threads::new();
        let shown = Queue::start("reports", reporters.shown, &mut threads, &failed);
        let kept = Queue::start("results", reporters.kept, &mut threads, &failed);
        Self { shown, kept, failures, threads }
    }

    /// Passes an event on.
    pub(super) fn tell(&self, stamped: Stamped) {
        let stamped = Arc::new(stamped);
        self.shown.tell(Arc::clone(&stamped));
        self.kept.tell(stamped);
    }

    /// Sets a mark behind everything that the folder of results was told so far.
    pub(super) fn mark(&self) -> Mark {
        // Nothing is ever sent: that it is closed says that the mark is reached, or that nobody writes any more.
        let (sender, reached) = bounded(0);
        let _ = self.kept.sender.send(Item::Mark(sender));
        Mark { reached, taken: Arc::clone(&self.kept.taken) }
    }

    /// Which outputs can't be written, as it shows.
    pub(super) fn failures(&self) -> &Receiver<String> {
        &self.failures
    }

    /// Waits until everything was told. A slow reader may take its time, until an interrupt says that it has not.
    pub(super) fn finish(self, interrupts: &Receiver<i32>, hurry: bool) -> Vec<String> {
        let Self { shown, kept, failures, threads } = self;
        drop((shown, kept));
        let mut found = Vec::new();
        let mut deadline = Instant::now() + if hurry { HURRY } else { Wait::OutputsTaken.time() };
        let mut interrupts = interrupts.clone();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            select! {
                recv(failures) -> failure => match failure {
                    Ok(failure) => found.push(failure),
                    Err(_) => break,
                },
                recv(interrupts) -> signal => match signal {
                    Ok(_) => deadline = deadline.min(Instant::now() + HURRY),
                    Err(_) => interrupts = crossbeam_channel::never(),
                },
                default(Wait::OutputsTaken.within(PATIENCE.min(left))) => {
                    if left <= PATIENCE {
                        let text = "the outputs were not taken to their end";
                        tracing::error!("{text}");
                        found.push(text.to_owned());
                        break;
                    }
                    tracing::warn!("waiting for whoever reads the outputs");
                }
            }
        }
        threads.join(Duration::from_millis(100));
        found
    }
}

/// A place in what the folder of results is told.
pub(super) struct Mark {
    reached: Receiver<Infallible>,
    taken: Arc<AtomicU64>,
}

impl Mark {
    /// Closed when everything before it stands in the folder.
    pub(super) fn reached(&self) -> &Receiver<Infallible> {
        &self.reached
    }

    /// How much was taken so far: what shows that those who are behind come nearer.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed)
    }
}

/// What a thread is sent.
enum Item {
    Event(Arc<Stamped>),
    Mark(#[expect(dead_code, reason = "that it is dropped is what it says")] Sender<Infallible>),
}

/// The way to one thread.
struct Queue {
    sender: Sender<Item>,
    /// How often a reporter has taken an event.
    taken: Arc<AtomicU64>,
}

impl Queue {
    /// Starts its thread. What it gets has no bound, since events are small and their number is the plan's: outputs stay
    /// in the store.
    fn start(name: &str, reporters: NamedReporters, threads: &mut Threads, failed: &Sender<String>) -> Self {
        let (sender, items) = unbounded();
        let taken = Arc::new(AtomicU64::new(0));
        let (counter, failing) = (Arc::clone(&taken), failed.clone());
        // Without reporters nothing is kept for them: the thread would only throw it away.
        if !reporters.is_empty()
            && let Err(error) = threads.start(name.to_owned(), move || tell(reporters, &items, &counter, &failing))
        {
            let _ = failed.send(format!("no output can be written: {error}"));
        }
        Self { sender, taken }
    }

    fn tell(&self, stamped: Arc<Stamped>) {
        if matches!(stamped.event, Event::OutputReceived { .. }) && self.sender.len() > BEHIND {
            return;
        }
        // Without the thread there is nobody to be told; if there should be, that was said as a failure.
        let _ = self.sender.send(Item::Event(stamped));
    }
}

fn tell(mut reporters: NamedReporters, items: &Receiver<Item>, taken: &AtomicU64, failures: &Sender<String>) {
    // The run loop drops its sender at the end of every run, which ends this loop.
    let mut known = BTreeSet::new();
    for item in items {
        let Item::Event(stamped) = item else { continue };
        reporters.retain_mut(|(name, reporter)| {
            let told = catch_unwind(AssertUnwindSafe(|| reporter.report(&stamped)));
            taken.fetch_add(1, Ordering::Relaxed);
            let (why, goes_on) = match told {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => (error.to_string(), reporter.goes_on()),
                Err(_) => ("internal error".to_owned(), false),
            };
            let text = format!("output `{name}` can't be written: {why}");
            tracing::error!("{text}");
            // One is enough to say that the run's results are not complete.
            if known.insert(name.clone()) {
                let _ = failures.send(text);
            }
            goes_on
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use crossbeam_channel::{RecvTimeoutError, bounded, never};

    use super::*;
    use crate::model::{ConductorTime, Event};

    const LIMIT: Duration = Duration::from_mins(1);

    struct Full;

    impl Reporter for Full {
        fn report(&mut self, _: &Stamped) -> io::Result<()> {
            Err(io::Error::other("no space left"))
        }
    }

    struct Count(Sender<()>);

    impl Reporter for Count {
        fn report(&mut self, _: &Stamped) -> io::Result<()> {
            self.0.send(()).map_err(io::Error::other)
        }
    }

    /// A reporter whose reader never reads.
    struct Stuck(Receiver<()>);

    impl Reporter for Stuck {
        fn report(&mut self, _: &Stamped) -> io::Result<()> {
            self.0.recv().map_err(io::Error::other)
        }
    }

    fn event() -> Stamped {
        Stamped { at: ConductorTime::from_nanoseconds(1), event: Event::TrialStarted { trial: 1 } }
    }

    #[test]
    fn an_output_that_fails_is_dropped_and_the_others_go_on() {
        let (sender, told) = unbounded();
        let shown: NamedReporters =
            vec![("full.json".to_owned(), Box::new(Full)), ("count".to_owned(), Box::new(Count(sender)))];
        let reports = Reports::start(Reporters { shown, ..Reporters::default() });
        for _ in 0..3 {
            reports.tell(event());
        }
        let failures = reports.finish(&never(), false);
        assert_eq!(failures, ["output `full.json` can't be written: no space left"]);
        assert_eq!(told.iter().count(), 3);
    }

    /// An output of which one part fails after the other.
    struct Parts(Sender<()>);

    impl Reporter for Parts {
        fn report(&mut self, _: &Stamped) -> io::Result<()> {
            self.0.send(()).map_err(io::Error::other)?;
            Err(io::Error::other("no space left"))
        }

        fn goes_on(&self) -> bool {
            true
        }
    }

    #[test]
    fn an_output_of_many_parts_goes_on_after_the_failure_of_one_and_counts_once() {
        let (sender, told) = unbounded();
        let kept: NamedReporters = vec![("outputs".to_owned(), Box::new(Parts(sender)))];
        let reports = Reports::start(Reporters { kept, ..Reporters::default() });
        for _ in 0..3 {
            reports.tell(event());
        }
        assert_eq!(reports.finish(&never(), false), ["output `outputs` can't be written: no space left"]);
        assert_eq!(told.iter().count(), 3);
    }

    #[test]
    fn a_mark_is_reached_when_the_folder_of_results_has_all_before_it_however_slow_others_are() {
        let (_never_sends, stuck) = bounded(0);
        let (go_on, waits) = unbounded();
        let reports = Reports::start(Reporters {
            shown: vec![("pager".to_owned(), Box::new(Stuck(stuck)))],
            kept: vec![("kept".to_owned(), Box::new(Stuck(waits)))],
        });
        for _ in 0..2 {
            reports.tell(event());
        }
        let mark = reports.mark();
        go_on.send(()).unwrap();
        while mark.taken() < 1 {
            std::thread::yield_now();
        }
        assert!(mark.reached().try_recv().is_err_and(|error| error.is_empty()), "one of two is taken");
        go_on.send(()).unwrap();
        assert_eq!(mark.reached().recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
        // One behind which nothing is to be taken, and one of a run that keeps nothing.
        assert_eq!(reports.mark().reached().recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
        let nothing = Reports::start(Reporters::default());
        nothing.tell(event());
        assert_eq!(nothing.mark().reached().recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn an_interrupt_ends_the_wait_for_a_reader_that_never_reads() {
        let (_never_sends, stuck) = bounded(0);
        let shown: NamedReporters = vec![("pager".to_owned(), Box::new(Stuck(stuck)))];
        let reports = Reports::start(Reporters { shown, ..Reporters::default() });
        reports.tell(event());
        let (sender, interrupts) = bounded(1);
        sender.send(2).unwrap();
        assert_eq!(reports.finish(&interrupts, false), ["the outputs were not taken to their end"]);
    }
}
