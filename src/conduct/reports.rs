//! The threads that pass events to the reporters. A slow reporter delays nothing else.
//!
//! A slow reader of one output delays neither the results folder nor another output nor the log: each has a thread of
//! its own. A mark in the queue of the results folder shows when everything before it has been written there.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select, unbounded};

use crate::model::{Conclusion, ConductorTime, Event, Reason, Reporter, Stamped, signal_name};
use crate::wait::{Patience, Wait};

pub use super::report_queue::NamedReporters;
use super::report_queue::{Item, Order, Queue};
use super::threads::Threads;

/// How often to log that the readers of the outputs are waited for.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long to wait for the readers of the outputs if the run was left at once, or after an interrupt.
const HURRY: Duration = Wait::OutputsHurried.time();
/// How often to look for an interrupt.
const LOOK: Duration = Duration::from_millis(50);
/// How long reporters may take to end after they no longer wait for their readers.
const LAST: Duration = Duration::from_secs(1);

/// All reporters of a run.
#[derive(Default)]
pub struct Reporters {
    /// The live view and the results, which may share a terminal: they get each event one after the other.
    pub shown: NamedReporters,
    /// Further reports, each with a reader of its own.
    pub apart: NamedReporters,
    /// The reporters that write the results folder, which a check reads.
    pub kept: NamedReporters,
    /// Increased by the reporters in `kept` while they process an event that takes long.
    pub progress: Arc<AtomicU64>,
    /// The log.
    pub log: Option<Log>,
    /// The patience that all outputs share. It ends if they are not read in time after the end of the run.
    pub patience: Patience,
}

/// The log of a run, as a reporter.
pub struct Log {
    /// The reporter that writes it.
    pub reporter: Box<dyn Reporter>,
    /// Whether the reporter needs an event. It gets no others.
    pub is_about: fn(&Event) -> bool,
    /// Whether it may end in the same place as the results. Then each of its events is written first to the results and
    /// then to the log, but the log does not wait for a slow reader of the results.
    pub is_shown: bool,
}

/// All reports threads, as seen by the run loop.
pub(super) struct Reports {
    queues: Vec<Queue>,
    kept: Queue,
    /// The outputs that cannot be written, each with the reason.
    pub(super) failures: Receiver<String>,
    /// Keeps `failures` open as long as the run lasts.
    failed: Sender<String>,
    threads: Threads,
    patience: Patience,
}

/// How the wait for the outputs ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    /// The outputs that could not be written, each with the reason.
    failures: Vec<String>,
    /// The signal that ended the wait for their readers.
    interrupted: Option<i32>,
}

impl Taken {
    /// Adds what went wrong to the reasons of a run.
    pub(super) fn add_to(self, conclusion: &mut Conclusion) {
        let interrupted = self.interrupted.map(Reason::Interrupted);
        for reason in interrupted.into_iter().chain(self.failures.into_iter().map(Reason::NotCarriedOut)) {
            if !conclusion.reasons.contains(&reason) {
                conclusion.reasons.push(reason);
            }
        }
    }
}

impl Reports {
    /// Starts the threads.
    pub(super) fn start(reporters: Reporters) -> Self {
        let Reporters { shown, apart, kept, progress, log, patience } = reporters;
        // At most one message for each reporter and each thread.
        let (failed, failures) = unbounded();
        let mut threads = Threads::default();
        // In a run with many workers, two threads that wait for each other at every event cost more than the log itself,
        // so they only do so at the events that are logged.
        let order = log.as_ref().filter(|log| log.is_shown).map(|log| Order::both(log.is_about));
        let (first, second) = order.unzip();
        let mut start = |name: &str, reporters, order| {
            Queue::start(name, (reporters, Arc::default()), order, &mut threads, &failed)
        };
        let mut queues = vec![start("reports", shown, first)];
        queues.extend(apart.into_iter().map(|one| start(&format!("report {}", one.0), vec![one], None)));
        if let Some(Log { reporter, is_about, .. }) = log {
            queues.push(start("log of the run", vec![("the log".to_owned(), reporter)], second).only(is_about));
        }
        let kept = Queue::start("results", (kept, progress), None, &mut threads, &failed);
        Self { queues, kept, failures, failed, threads, patience }
    }

    /// Passes an event on.
    pub(super) fn tell(&self, stamped: Stamped) {
        let stamped = Arc::new(stamped);
        for queue in self.queues.iter().chain([&self.kept]) {
            queue.tell(Arc::clone(&stamped));
        }
    }

    /// Sets a mark after everything that was sent to the results folder so far.
    pub(super) fn mark(&self) -> Mark {
        // Nothing is ever sent. The channel is closed when the mark is reached, or if nothing is written any more.
        let (sender, reached) = bounded(0);
        let _ = self.kept.sender.send(Item::Mark(sender));
        Mark { reached, taken: Arc::clone(&self.kept.taken) }
    }

    /// Reports the end of the run: first to the writers of the results folder, so that the other reports include their
    /// failures. An interrupt ends the wait for them, and stays in its channel.
    pub(super) fn tell_end(&self, at: ConductorTime, conclusion: &mut Conclusion, interrupts: &Receiver<i32>) {
        let ended = |conclusion: &Conclusion| {
            Arc::new(Stamped { at, event: Event::RunEnded { conclusion: conclusion.clone() } })
        };
        self.kept.tell(ended(conclusion));
        let mark = self.mark();
        let end = Instant::now() + Wait::ResultsWritten.time();
        while interrupts.is_empty() && Instant::now() < end {
            let looked = Wait::ResultsWritten.receive(&mark.reached, Some(LOOK));
            if looked == Err(RecvTimeoutError::Disconnected) {
                break;
            }
        }
        let failures: Vec<String> = self.failures.try_iter().collect();
        for text in &failures {
            let event = Event::OutputFailed { worker: None, text: text.clone() };
            let stamped = Arc::new(Stamped { at, event });
            self.queues.iter().for_each(|queue| queue.tell(Arc::clone(&stamped)));
        }
        Taken { failures, interrupted: None }.add_to(conclusion);
        self.queues.iter().for_each(|queue| queue.tell(ended(conclusion)));
    }

    /// Waits until all events were passed on, for a limited time. With `hurry` or after an interrupt, the time is
    /// shorter.
    pub(super) fn finish(self, interrupts: &Receiver<i32>, hurry: bool) -> Taken {
        let Self { queues, kept, failures, failed, threads, patience } = self;
        drop((queues, kept, failed));
        let mut taken = Taken { failures: Vec::new(), interrupted: None };
        let mut interrupts = interrupts.clone();
        let mut left = if hurry { HURRY } else { Wait::OutputsTaken.time() };
        // Time in which this thread did not run does not count.
        let mut looked = Instant::now();
        let is_cut = loop {
            select! {
                recv(failures) -> failure => match failure {
                    Ok(failure) => taken.failures.push(failure),
                    Err(_) => break false,
                },
                recv(interrupts) -> signal => match signal {
                    Ok(signal) => {
                        let shown = humantime::format_duration(HURRY);
                        let name = signal_name(signal);
                        tracing::warn!("{name} after the end of the run: waiting {shown} more for the readers of the outputs");
                        taken.interrupted = Some(signal);
                        left = left.min(HURRY);
                    }
                    Err(_) => interrupts = crossbeam_channel::never(),
                },
                default(Wait::OutputsTaken.within(PATIENCE.min(left))) => {
                    if left <= PATIENCE {
                        break true;
                    }
                    tracing::warn!("the run is over; waiting for the readers of the outputs");
                }
            }
            left = left.saturating_sub(looked.elapsed().min(PATIENCE));
            looked = Instant::now();
        };
        if !is_cut {
            // The signal interrupted nothing.
            taken.interrupted = None;
        } else if !give_up(&failures, &patience, &mut taken) {
            let text = "the outputs were not read completely";
            tracing::error!("{text}");
            taken.failures.push(text.to_owned());
        }
        threads.join(Duration::from_millis(100));
        taken
    }
}

/// Ends all waits for readers: outputs that still need one fail. Returns whether all threads have ended.
fn give_up(failures: &Receiver<String>, patience: &Patience, taken: &mut Taken) -> bool {
    patience.end();
    let end = Instant::now() + LAST;
    loop {
        match Wait::OutputsHurried.receive(failures, Some(end.saturating_duration_since(Instant::now()))) {
            Ok(failure) => taken.failures.push(failure),
            Err(error) => return error == RecvTimeoutError::Disconnected,
        }
    }
}

/// A position in the events that were passed to the writers of the results folder.
pub(super) struct Mark {
    /// Closed when everything before the mark has been written to the folder.
    pub(super) reached: Receiver<Infallible>,
    /// A counter of progress, which shows that writers that lag are catching up.
    pub(super) taken: Arc<AtomicU64>,
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::atomic::Ordering;

    use crossbeam_channel::{bounded, never};

    use super::*;
    use crate::conduct::testing::plan;
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
        Stamped { at: ConductorTime::from_nanoseconds(1), event: Event::trial_started(&plan(1, 1, 1, &[]), 1, 1) }
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
        assert_eq!(failures.failures, ["cannot write output `full.json`: no space left"]);
        assert_eq!(told.iter().count(), 3);
    }

    #[test]
    fn a_mark_is_reached_when_the_folder_of_results_has_all_before_it_however_slow_others_are() {
        let (_never_sends, stuck) = bounded(0);
        let (go_on, waits) = unbounded();
        let reports = Reports::start(Reporters {
            shown: vec![("pager".to_owned(), Box::new(Stuck(stuck)))],
            kept: vec![("kept".to_owned(), Box::new(Stuck(waits)))],
            ..Reporters::default()
        });
        for _ in 0..2 {
            reports.tell(event());
        }
        let mark = reports.mark();
        go_on.send(()).unwrap();
        while mark.taken.load(Ordering::Relaxed) < 1 {
            std::thread::yield_now();
        }
        assert!(mark.reached.try_recv().is_err_and(|error| error.is_empty()), "one of two is taken");
        go_on.send(()).unwrap();
        assert_eq!(mark.reached.recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
        // A mark with nothing pending before it, and one of a run that keeps nothing.
        assert_eq!(reports.mark().reached.recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
        let nothing = Reports::start(Reporters::default());
        nothing.tell(event());
        assert_eq!(nothing.mark().reached.recv_timeout(LIMIT), Err(RecvTimeoutError::Disconnected));
    }

    #[test]
    fn without_reporters_nothing_says_all_the_time_that_there_are_no_failures() {
        let reports = Reports::start(Reporters::default());
        assert!(reports.failures.try_recv().is_err_and(|error| error.is_empty()), "a select would return at once");
        assert_eq!(reports.finish(&never(), false), Taken { failures: Vec::new(), interrupted: None });
    }

    #[test]
    fn an_interrupt_ends_the_wait_for_a_reader_that_never_reads() {
        let (_never_sends, stuck) = bounded(0);
        let shown: NamedReporters = vec![("pager".to_owned(), Box::new(Stuck(stuck)))];
        let reports = Reports::start(Reporters { shown, ..Reporters::default() });
        reports.tell(event());
        let (sender, interrupts) = bounded(1);
        sender.send(2).unwrap();
        let failures = vec!["the outputs were not read completely".to_owned()];
        assert_eq!(reports.finish(&interrupts, false), Taken { failures, interrupted: Some(2) });
    }

    #[test]
    fn what_is_logged_follows_what_is_shown_but_not_whoever_reads_that_slowly() {
        let (go_on, stuck) = unbounded();
        let (logged, log) = unbounded();
        let reports = Reports::start(Reporters {
            shown: vec![("pager".to_owned(), Box::new(Stuck(stuck)))],
            log: Some(Log { reporter: Box::new(Count(logged)), is_about: |_| true, is_shown: true }),
            ..Reporters::default()
        });
        reports.tell(event());
        assert!(log.recv_timeout(Duration::from_millis(20)).is_err(), "it is not shown yet");
        go_on.send(()).unwrap();
        log.recv_timeout(LIMIT).unwrap();
        for _ in 0..100 {
            reports.tell(event());
        }
        assert!((0..100).all(|_| log.recv_timeout(LIMIT).is_ok()), "nobody reads what is shown");
        drop(go_on);
        assert_eq!(reports.finish(&never(), false).failures.len(), 1);
    }
}
