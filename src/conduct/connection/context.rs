//! What an actor works with, whichever protocol its player speaks.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};

use crate::conduct::event::{Command, ConnectionEvent, End};
use crate::conduct::mailbox::Mailbox;
use crate::conduct::results_folder::ResultsFolder;
use crate::conduct::seed::players::SeedPlayers;
use crate::conduct::store::Store;
use crate::model::{Plan, StepId, WorkerId, words};
use crate::wait::Wait;
use crate::wire::Hello;

/// The way up to the coordinator.
#[derive(Clone)]
pub(in crate::conduct) struct Uplink {
    /// Who speaks.
    pub(in crate::conduct) worker: WorkerId,
    /// Of which of its sessions: a lost worker's last words must not be taken for those of the next session.
    pub(in crate::conduct) session: u64,
    /// Where it goes.
    pub(in crate::conduct) sender: Sender<(WorkerId, u64, ConnectionEvent)>,
}

impl Uplink {
    /// Says something. When the run loop is gone nobody listens any more, and nothing is lost by it.
    pub(in crate::conduct) fn say(&self, event: ConnectionEvent) {
        let _ = self.sender.send((self.worker, self.session, event));
    }
}

/// What an actor works with.
pub(in crate::conduct) struct Context {
    pub(in crate::conduct) plan: Arc<Plan>,
    pub(in crate::conduct) worker: WorkerId,
    pub(in crate::conduct) hello: Hello,
    pub(in crate::conduct) store: Store,
    pub(in crate::conduct) mailbox: Mailbox,
    pub(in crate::conduct) uplink: Uplink,
    pub(in crate::conduct) seeds: Arc<SeedPlayers>,
    /// The run's folder of results.
    pub(in crate::conduct) results: Option<ResultsFolder>,
}

impl Context {
    /// Says that not all output of a step can be saved, and that the run's is not complete.
    pub(in crate::conduct) fn unkept(&self, step: StepId, error: &io::Error) {
        let StepId { trial, phase, .. } = step;
        let label = self.plan.step(step.of(self.worker)).map_or("?", |step| step.label.as_str());
        let why = words(error);
        let warning = format!("cannot save all output of step `{label}` in {phase} of trial {trial}: {why}");
        self.uplink.say(ConnectionEvent::Warning(warning));
        self.uplink.say(ConnectionEvent::OutputFailed(format!("cannot save the output of the steps: {why}")));
    }
}

/// Waits so long, unless the coordinator wants something: before there is a plan that can only be the end.
pub(in crate::conduct) fn unless_ended(commands: &Receiver<Command>, time: Duration) -> Option<End> {
    (Wait::RetryPause.receive(commands, Some(time)) != Err(RecvTimeoutError::Timeout)).then_some(End::Closed)
}
