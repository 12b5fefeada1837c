//! The context of a connection actor, whichever protocol its player uses.

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

/// An event, with its worker and the number of the worker's session. The last events of a lost worker must not be
/// attributed to its next session.
pub(in crate::conduct) type Said = (WorkerId, u64, ConnectionEvent);

/// The context of a connection actor.
pub(in crate::conduct) struct Context {
    pub(in crate::conduct) plan: Arc<Plan>,
    pub(in crate::conduct) worker: WorkerId,
    pub(in crate::conduct) hello: Hello,
    pub(in crate::conduct) store: Store,
    pub(in crate::conduct) mailbox: Mailbox,
    /// The channel to the coordinator.
    pub(in crate::conduct) events: Sender<Said>,
    pub(in crate::conduct) seeds: Arc<SeedPlayers>,
    /// What is needed to reach the player's machine.
    pub(in crate::conduct) access: Access,
    /// The results folder of the run.
    pub(in crate::conduct) results: Option<ResultsFolder>,
}

impl Context {
    /// Returns the worker's part of the plan.
    pub(in crate::conduct) fn entry(&self) -> &WorkerPlan {
        self.plan.worker(self.worker)
    }

    /// Returns the way to reach the player. `running` is the session's player, if it was reached before.
    pub(in crate::conduct) fn way(&self, running: Option<Running>) -> Way<'_> {
        Way::of(self.entry(), &self.access, running, Box::new(|within| self.say(ConnectionEvent::Reaching(within))))
    }

    /// Sends an event. If the run loop has ended, the event is no longer needed.
    pub(in crate::conduct) fn say(&self, event: ConnectionEvent) {
        let _ = self.events.send((self.worker, self.hello.session, event));
    }

    /// Reports that not all output of a step can be saved, and that the output of the run is incomplete.
    pub(in crate::conduct) fn unkept(&self, step: StepId, error: &io::Error) {
        let StepId { trial, phase, .. } = step;
        let label = self.plan.step(step.of(self.worker)).map_or("?", |step| step.label.as_str());
        let why = words(error);
        let warning = format!("cannot save all output of step `{label}` in {phase} of trial {trial}: {why}");
        self.say(ConnectionEvent::Warning(warning));
        self.say(ConnectionEvent::OutputFailed(format!("cannot save the output of the steps: {why}")));
    }
}
