//! A thread that passes events to reporters, and the queue to it.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, unbounded};

use crate::model::{Event, Reporter, Stamped};
use crate::wait::Wait;

use super::threads::Threads;

/// While more events than this wait in the queue, reporters get no output of steps that still run; they get it when the
/// step has ended. Otherwise a report whose reader is slow would need more memory for as long as steps print.
const BEHIND: usize = 10_000;

/// Reporters with their names for messages.
pub type NamedReporters = Vec<(String, Box<dyn Reporter>)>;

/// What a thread is sent.
pub(super) enum Item {
    Event(Arc<Stamped>),
    Mark(#[expect(dead_code, reason = "that it is dropped is what it says")] Sender<Infallible>),
}

/// How two threads pass on each event one after the other, where the results and the log share a place: the results have
/// each event first, and then the log, unless one of them takes longer than [`Wait::OutputFirst`].
pub(super) struct Order {
    /// Tells the other thread that an event was passed on here.
    done: Sender<()>,
    /// Says that the other thread has passed it on.
    other: Receiver<()>,
    /// In the second thread, how many events were passed on here before the first thread had passed them on.
    ahead: Option<u64>,
}

/// Whether the results and the log have to get an event in their order. The log has no output of steps, so output is
/// passed on at once.
fn is_in_order(stamped: &Stamped) -> bool {
    !matches!(stamped.event, Event::OutputReceived { .. })
}

/// The way to one thread.
pub(super) struct Queue {
    pub(super) sender: Sender<Item>,
    /// Counts on whenever a reporter has taken an event, or gone on with one.
    pub(super) taken: Arc<AtomicU64>,
}

impl Queue {
    /// Starts its thread. What it gets has no bound, since events are small and their number is the plan's: outputs stay
    /// in the store.
    ///
    /// What goes on is counted in `taken`: its reporters may count more than the events that they take.
    pub(super) fn start(
        name: &str,
        (reporters, taken): (NamedReporters, Arc<AtomicU64>),
        order: Option<Order>,
        threads: &mut Threads,
        failed: &Sender<String>,
    ) -> Self {
        let (sender, items) = unbounded();
        let (counter, failing) = (Arc::clone(&taken), failed.clone());
        // Without reporters nothing is kept for them: the thread would only throw it away.
        if !reporters.is_empty()
            && let Err(error) =
                threads.start(name.to_owned(), move || tell(reporters, &items, order, &counter, &failing))
        {
            let _ = failed.send(format!("cannot write any output: {error}"));
        }
        Self { sender, taken }
    }

    pub(super) fn tell(&self, stamped: Arc<Stamped>) {
        if !is_in_order(&stamped) && self.sender.len() > BEHIND {
            return;
        }
        // Without the thread there is nobody to be told; if there should be, that was said as a failure.
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
        let mut order = order.as_mut().filter(|_| is_in_order(&stamped));
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
    /// Those of the thread that passes on an event first, and of the one that passes it on next. The next event waits until
    /// both have had this one.
    pub(super) fn both() -> (Self, Self) {
        let (first, by_first) = unbounded();
        let (second, by_second) = unbounded();
        (Self { done: first, other: by_second, ahead: None }, Self { done: second, other: by_first, ahead: Some(0) })
    }

    /// In the second thread, waits until the first one has passed the next event on. After a wait that took too long, it does
    /// not wait again before the first thread has caught up.
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

    /// Tells the other thread that an event was passed on; the first of the two waits for the second one.
    fn after(&self) {
        let _ = self.done.send(());
        if self.ahead.is_none() {
            let _ = Wait::OutputFirst.receive(&self.other, Some(Wait::OutputFirst.time()));
        }
    }
}
