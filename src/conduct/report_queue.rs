//! A thread that passes events to reporters, and its queue.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::model::{Event, Reporter, Stamped};
use crate::wait::Wait;

use super::threads::Threads;

/// While more events than this wait in the queue, reporters get no output of running steps; they get it when the step
/// has ended. Otherwise, a report with a slow reader would need more and more memory while steps print.
const BEHIND: usize = 10_000;

/// Reporters with their names for messages.
pub type NamedReporters = Vec<(String, Box<dyn Reporter>)>;

/// An item in the queue of a thread.
pub(super) enum Item {
    Event(Arc<Stamped>),
    Mark(#[expect(dead_code, reason = "that it is dropped is what it says")] Sender<Infallible>),
}

/// Makes two threads pass on each logged event in order if the results and the log go to the same place: first to the
/// results, then to the log, unless one of them takes longer than [`Wait::OutputFirst`].
pub(super) struct Order {
    /// Informs the other thread that an event was passed on here.
    done: Sender<()>,
    /// Receives a message when the other thread has passed on an event.
    other: Receiver<()>,
    /// In the second thread, how many logged events it has passed on that the first one has not.
    ahead: Option<u64>,
    /// Whether an event is in the log. Other events are passed on immediately.
    is_logged: fn(&Event) -> bool,
}

/// The queue of one thread.
pub(super) struct Queue {
    /// Which events the reporters get.
    wants: fn(&Event) -> bool,
    pub(super) sender: Sender<Item>,
    /// Increases whenever a reporter has taken an event, or made progress with one.
    pub(super) taken: Arc<AtomicU64>,
}

impl Queue {
    /// Starts the thread. Its queue is unbounded, since events are small and the plan limits their number: outputs stay
    /// in the store.
    ///
    /// Progress is counted in `taken`. A reporter may also count progress within one event.
    pub(super) fn start(
        name: &str,
        (reporters, taken): (NamedReporters, Arc<AtomicU64>),
        order: Option<Order>,
        threads: &mut Threads,
        failed: &Sender<String>,
    ) -> Self {
        let (sender, items) = unbounded();
        let (counter, failing) = (Arc::clone(&taken), failed.clone());
        // Without reporters, there is no thread and the events are dropped.
        if !reporters.is_empty()
            && let Err(error) =
                threads.start(name.to_owned(), move || tell(reporters, &items, order, &counter, &failing))
        {
            let _ = failed.send(format!("cannot write any output: {error}"));
        }
        Self { wants: |_| true, sender, taken }
    }

    /// Passes only these events on.
    pub(super) fn only(self, wants: fn(&Event) -> bool) -> Self {
        Self { wants, ..self }
    }

    pub(super) fn tell(&self, stamped: Arc<Stamped>) {
        let is_output = matches!(stamped.event, Event::OutputReceived { .. });
        if !(self.wants)(&stamped.event) || (is_output && self.sender.len() > BEHIND) {
            return;
        }
        // Without a thread, nothing receives the event. If it could not be started, that was reported as a failure.
        let _ = self.sender.send(Item::Event(stamped));
    }
}

fn tell(
    mut reporters: NamedReporters,
    items: &Receiver<Item>,
    mut order: Option<Order>,
    taken: &AtomicU64,
    failed: &Sender<String>,
) {
    // The run loop drops its sender at the end of every run, which ends this loop.
    for item in items {
        let Item::Event(stamped) = item else { continue };
        let mut order = order.as_mut().filter(|order| (order.is_logged)(&stamped.event));
        if let Some(order) = &mut order {
            order.before();
        }
        reporters.retain_mut(|(name, reporter)| {
            let told = catch_unwind(AssertUnwindSafe(|| reporter.report(&stamped)));
            taken.fetch_add(1, Ordering::Relaxed);
            let why = match told {
                Ok(Ok(())) => return true,
                Ok(Err(error)) => error.to_string(),
                Err(_) => "internal error".to_owned(),
            };
            let text = format!("cannot write output `{name}`: {why}");
            tracing::error!("{text}");
            let _ = failed.send(text);
            false
        });
        if let Some(order) = order {
            order.after();
        }
    }
}

impl Order {
    /// Returns the orders of the first and the second thread. Neither passes on the next event that is in the log before
    /// both have passed on this one.
    pub(super) fn both(is_logged: fn(&Event) -> bool) -> (Self, Self) {
        let (first, by_first) = unbounded();
        let (second, by_second) = unbounded();
        let order = |done, other, ahead| Self { done, other, ahead, is_logged };
        (order(first, by_second, None), order(second, by_first, Some(0)))
    }

    /// In the second thread, waits until the first one has passed on the next event. After a wait that took too long,
    /// it does not wait again before the first thread has caught up.
    fn before(&mut self) {
        let Some(ahead) = &mut self.ahead else { return };
        *ahead += 1;
        while *ahead > 0 {
            let time = if *ahead == 1 { Wait::OutputFirst.time() } else { Duration::ZERO };
            if Wait::OutputFirst.receive(&self.other, Some(time)).is_err() {
                return;
            }
            *ahead -= 1;
        }
    }

    /// Informs the other thread that an event was passed on. The first thread then waits for the second one.
    fn after(&self) {
        let _ = self.done.send(());
        if self.ahead.is_none() {
            let _ = Wait::OutputFirst.receive(&self.other, Some(Wait::OutputFirst.time()));
        }
    }
}
