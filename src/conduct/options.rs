//! How to carry out a run, apart from its plan.

use std::path::PathBuf;

use super::reach::Access;
use crate::model::{Plan, PlayerAddress, WorkerId, nanoseconds};
use crate::wire::{EXCLUSIVE, Hello, PROTOCOL, Secret, TAKE_OVER, VERBOSE};

/// The options of a run that are not part of its plan.
#[derive(Debug, Clone)]
pub struct Options {
    /// Continue without the players that cannot be reached. The run is then incomplete.
    pub skip_unreachable: bool,
    /// End what an orphaned run left on a player, instead of being refused by it.
    pub take_over: bool,
    /// The folder of this run's results, if there is one.
    pub results: Option<PathBuf>,
    /// The conductor, as shown to people at the other end: user, machine, process.
    pub conductor: String,
    /// The secret by which players recognize this run's conductor.
    pub run_secret: Secret,
    /// The secret from which those of the run's sessions are derived. No player gets it.
    pub sessions_secret: Secret,
    /// How often the run was resumed. Sessions have higher numbers each time, so that players end the earlier ones.
    pub resumed: u32,
    /// What is needed to reach machines.
    pub access: Access,
}

/// The first message to a worker's player.
pub(super) fn hello(plan: &Plan, options: &Options, worker: WorkerId, secret: Secret) -> Hello {
    let is_exclusive =
        matches!(&plan.worker(worker).player, PlayerAddress::Transport(transport) if transport.is_exclusive());
    let features = [
        (TAKE_OVER, options.take_over),
        (EXCLUSIVE, is_exclusive),
        (VERBOSE, tracing::enabled!(tracing::Level::DEBUG)),
    ];
    Hello {
        protocols: vec![PROTOCOL],
        features: features.into_iter().filter(|(_, is_wanted)| *is_wanted).map(|(name, _)| name.to_owned()).collect(),
        run: plan.run.to_string(),
        worker: plan.worker(worker).name.to_string(),
        secret,
        run_secret: options.run_secret.clone(),
        session: 1,
        attempt: 1,
        next: 0,
        incarnation: None,
        conductor: options.conductor.clone(),
        check: false,
        lease: nanoseconds(plan.settings.lease),
    }
}
