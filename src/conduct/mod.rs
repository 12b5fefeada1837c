//! The conductor's side: everything between a plan and the reporters.
//!
//! ```text
//!                 ┌ Coordinator (pure) ┐
//! interrupts ───▶ │      run loop      │ ──event──▶ reports threads ──▶ reporters
//!                 └─────────▲──────────┘
//!          commands │       │ events (bounded)
//!                   ▼       │
//!            connection actor, one a worker ──data──▶ store (on disk)
//!              session  or  seed
//!                 │
//!               player
//! ```
//!
//! The run loop works in the caller's thread: it asks the coordinator what to do, and carries it out by sending on
//! unbounded channels, so that it waits for nobody. An actor owns its worker's connection and all that belongs to it.

mod check;
mod check_output;
mod checker;
mod clock;
mod connection;
mod coordinator;
mod event;
mod mailbox;
mod now;
mod plan_message;
mod report_queue;
mod reports;
mod results_folder;
mod run_loop;
mod seed;
mod store;
#[cfg(test)]
mod testing;
mod threads;
mod waiting_log;

use std::path::PathBuf;

use crossbeam_channel::Receiver;

use crate::model::{Conclusion, Plan, WorkerId, nanoseconds};
use crate::wire::{Hello, PROTOCOL, Secret, TAKE_OVER};

pub use check::{CheckAnswer, CheckReport, ClockCheck, check};
pub use checker::KeeperCommand;
pub use reports::{NamedReporters, Reporters};
pub use results_folder::folder_beneath;
pub use run_loop::conduct;

/// What a run is told beside its plan.
#[derive(Debug, Clone)]
pub struct Options {
    /// Go on without the players that can't be reached; the run is incomplete then.
    pub skip_unreachable: bool,
    /// End what an orphaned run left on a player, instead of being refused.
    pub take_over: bool,
    /// The folder of this run's results, when there is one.
    pub results: Option<PathBuf>,
    /// Who asks, for the people at the other end: user, machine, process.
    pub conductor: String,
    /// What players know this run's conductor by.
    pub run_secret: Secret,
    /// What the private player knows its conductor by, when the run has one.
    pub player_secret: Option<Secret>,
    /// How the process is made that keeps a `check`.
    pub keeper: KeeperCommand,
}

/// Says which worker's plan is larger than a player takes, and of what it has too much; nothing when all are taken.
pub fn too_large(plan: &Plan) -> Option<String> {
    plan_message::too_large(plan).map(|(id, why)| {
        let worker = plan.worker(id);
        format!("the plan of worker `{}` (`{}`) has {why}", worker.name, worker.file.display())
    })
}

/// Tells the reporters why there was no run, and waits for whoever reads them, as after a run. What could not be written is
/// among the reasons that come back.
pub fn tell_end(reporters: Reporters, conclusion: Conclusion, interrupts: &Receiver<i32>) -> Conclusion {
    run_loop::tell_end(reports::Reports::start(reporters), conclusion, interrupts, false)
}

/// The first message to a worker's player.
fn hello(plan: &Plan, options: &Options, worker: WorkerId, secret: Secret) -> Hello {
    let features = if options.take_over { vec![TAKE_OVER.to_owned()] } else { Vec::new() };
    Hello {
        protocols: vec![PROTOCOL],
        features,
        run: plan.run.to_string(),
        worker: plan.worker(worker).name.to_string(),
        secret,
        run_secret: options.run_secret.clone(),
        player_secret: options.player_secret.clone(),
        session: 1,
        attempt: 1,
        next: 0,
        incarnation: None,
        conductor: options.conductor.clone(),
        check: false,
        lease: nanoseconds(plan.settings.lease),
    }
}
