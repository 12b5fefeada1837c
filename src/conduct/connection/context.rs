//! What an actor works with, whichever protocol its player speaks.

use std::io;
use std::sync::Arc;

use crossbeam_channel::Sender;

use crate::conduct::event::ConnectionEvent;
use crate::conduct::mailbox::Mailbox;
use crate::conduct::reach::{Access, Running, Way};
use crate::conduct::results_folder::ResultsFolder;
use crate::conduct::seed::players::SeedPlayers;
use crate::conduct::store::Store;
use crate::model::{Plan, StepId, WorkerId, WorkerPlan, words};
use crate::wire::Hello;

/// Who says something, in which of its sessions, and what. A lost worker's last words must not be taken for those of its
/// next session.
pub(in crate::conduct) type Said = (WorkerId, u64, ConnectionEvent);

/// What an actor works with.
pub(in crate::conduct) struct Context {
    pub(in crate::conduct) plan: Arc<Plan>,
    pub(in crate::conduct) worker: WorkerId,
    pub(in crate::conduct) hello: Hello,
    pub(in crate::conduct) store: Store,
    pub(in crate::conduct) mailbox: Mailbox,
    /// The way up to the coordinator.
    pub(in crate::conduct) events: Sender<Said>,
    pub(in crate::conduct) seeds: Arc<SeedPlayers>,
    /// What reaching the player's machine takes.
    pub(in crate::conduct) access: Access,
    /// The run's folder of results.
    pub(in crate::conduct) results: Option<ResultsFolder>,
}

impl Context {
    /// What the plan says of the worker.
    pub(in crate::conduct) fn entry(&self) -> &WorkerPlan {
        self.plan.worker(self.worker)
    }

    /// How the player is reached. `running` is the session's player, if it was there before.
    pub(in crate::conduct) fn way(&self, running: Option<Running>) -> Way<'_> {
        Way::of(self.entry(), &self.access, running, Box::new(|within| self.say(ConnectionEvent::Reaching(within))))
    }

    /// Says something. When the run loop is gone nobody listens any more, and nothing is lost by it.
    pub(in crate::conduct) fn say(&self, event: ConnectionEvent) {
        let _ = self.events.send((self.worker, self.hello.session, event));
    }

    /// Says that not all output of a step can be saved, and that the run's is not complete.
    pub(in crate::conduct) fn unkept(&self, step: StepId, error: &io::Error) {
        let StepId { trial, phase, .. } = step;
        let label = self.plan.step(step.of(self.worker)).map_or("?", |step| step.label.as_str());
        let why = words(error);
        let warning = format!("cannot save all output of step `{label}` in {phase} of trial {trial}: {why}");
        self.say(ConnectionEvent::Warning(warning));
        self.say(ConnectionEvent::OutputFailed(format!("cannot save the output of the steps: {why}")));
    }
}
