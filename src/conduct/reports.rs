//! The reports thread: it tells the reporters, however slow they are, and slows nobody.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, select, unbounded};

use crate::model::{Event, Reporter, Stamped};

use super::threads::Threads;

/// How long the outputs are waited for without a word.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long they are waited for when the run was left at once, or an interrupt says so.
const HURRY: Duration = Duration::from_secs(2);

/// Beyond so many events that wait, no reporter is told what steps print before they are over: whoever reads an output
/// slowly would otherwise cost memory for as long as steps print.
const BEHIND: usize = 10_000;

/// The reports thread as the run loop sees it.
pub(super) struct Reports {
    sender: Sender<Stamped>,
    failures: Receiver<String>,
    threads: Threads,
}

impl Reports {
    /// Starts the thread. What it gets has no bound, since events are small and their number is the plan's: outputs stay
    /// in the store.
    pub(super) fn start(reporters: Vec<(String, Box<dyn Reporter>)>) -> Self {
        let (sender, events) = unbounded();
        // At most one failure for each reporter, and one for the thread.
        let (failed, failures) = unbounded();
        let mut threads = Threads::new();
        let failing = failed.clone();
        if let Err(error) = threads.start("reports".to_owned(), move || tell(reporters, &events, &failing)) {
            let _ = failed.send(format!("no output can be written: {error}"));
        }
        Self { sender, failures, threads }
    }

    /// Passes an event on.
    pub(super) fn tell(&self, stamped: Stamped) {
        if matches!(stamped.event, Event::OutputReceived { .. }) && self.sender.len() > BEHIND {
            return;
        }
        // Without the thread there is nobody to be told; that was said as a failure.
        let _ = self.sender.send(stamped);
    }

    /// Which outputs can't be written, as it shows.
    pub(super) fn failures(&self) -> &Receiver<String> {
        &self.failures
    }

    /// Waits until everything was told. A slow reader may take its time, until an interrupt says that it has not.
    pub(super) fn finish(self, interrupts: &Receiver<i32>, hurry: bool) -> Vec<String> {
        let Self { sender, failures, threads } = self;
        drop(sender);
        let mut found = Vec::new();
        let mut deadline = hurry.then(|| Instant::now() + HURRY);
        let mut interrupts = interrupts.clone();
        loop {
            let patience = deadline.map_or(PATIENCE, |deadline| deadline.saturating_duration_since(Instant::now()));
            select! {
                recv(failures) -> failure => match failure {
                    Ok(failure) => found.push(failure),
                    Err(_) => break,
                },
                recv(interrupts) -> signal => match signal {
                    Ok(_) => deadline = Some(Instant::now() + HURRY),
                    Err(_) => interrupts = crossbeam_channel::never(),
                },
                default(patience) => {
                    if deadline.is_some() {
                        found.push("the outputs were not taken to their end".to_owned());
                        break;
                    }
                    tracing::warn!("waiting for whoever reads the outputs");
                }
            }
        }
        threads.join(Instant::now() + Duration::from_millis(100));
        found
    }
}

fn tell(mut reporters: Vec<(String, Box<dyn Reporter>)>, events: &Receiver<Stamped>, failures: &Sender<String>) {
    // The run loop drops its sender at the end of every run, which ends this loop.
    for stamped in events {
        reporters.retain_mut(|(name, reporter)| {
            let told = catch_unwind(AssertUnwindSafe(|| reporter.report(&stamped)));
            let why = match told {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "a bug".to_owned(),
            };
            let text = format!("output `{name}` can't be written: {why}");
            tracing::error!("{text}");
            let _ = failures.send(text);
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use crossbeam_channel::{bounded, never};

    use super::*;
    use crate::model::{ConductorTime, Event};

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
        let reporters: Vec<(String, Box<dyn Reporter>)> =
            vec![("full.json".to_owned(), Box::new(Full)), ("count".to_owned(), Box::new(Count(sender)))];
        let reports = Reports::start(reporters);
        for _ in 0..3 {
            reports.tell(event());
        }
        let failures = reports.finish(&never(), false);
        assert_eq!(failures, ["output `full.json` can't be written: no space left"]);
        assert_eq!(told.iter().count(), 3);
    }

    #[test]
    fn an_interrupt_ends_the_wait_for_a_reader_that_never_reads() {
        let (_never_sends, stuck) = bounded(0);
        let reports = Reports::start(vec![("pager".to_owned(), Box::new(Stuck(stuck)))]);
        reports.tell(event());
        let (sender, interrupts) = bounded(1);
        sender.send(2).unwrap();
        assert_eq!(reports.finish(&interrupts, false), ["the outputs were not taken to their end"]);
    }
}
