//! How a run is to be carried out, beside its plan.

use std::path::PathBuf;

use crate::model::{Plan, WorkerId, nanoseconds};
use crate::sys::DescriptorLimit;
use crate::wire::{Hello, PROTOCOL, Secret, TAKE_OVER};

/// The options of a run that are not part of its plan.
#[derive(Debug, Clone)]
pub struct Options {
    /// Go on without the players that cannot be reached; the run is incomplete then.
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
    /// The limit on descriptors that a `check` gets.
    pub descriptors: DescriptorLimit,
}

/// The first message to a worker's player.
pub(super) fn hello(plan: &Plan, options: &Options, worker: WorkerId, secret: Secret) -> Hello {
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
