//! What workers on seed players share: ports for results, and turns on a player.

use std::collections::btree_map::{BTreeMap, Entry};
use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::model::{Plan, PlayerAddress, WorkerId, lock};

/// What the workers of a run share.
pub(in crate::conduct) struct SeedPlayers {
    /// The worker that uses each port.
    ports: Mutex<BTreeMap<u16, WorkerId>>,
    /// The players that several workers share.
    turns: HashMap<PlayerAddress, Turns>,
}

impl SeedPlayers {
    /// Creates the shared state for the workers of this plan. Which of them are on seed players is found out later.
    pub(in crate::conduct) fn new(plan: &Plan) -> Self {
        let mut seen = HashSet::new();
        let shared = plan.workers.iter().map(|worker| &worker.player).filter(|player| !seen.insert(*player));
        let turns = shared.map(|player| {
            let (take, give_back) = bounded(1);
            (player.clone(), Turns { take, give_back })
        });
        Self { ports: Mutex::default(), turns: turns.collect() }
    }

    /// Claims a port for one worker's results, unless another worker has it.
    pub(super) fn claim(&self, port: u16, worker: WorkerId) -> Claim {
        match lock(&self.ports).entry(port) {
            Entry::Vacant(free) => {
                free.insert(worker);
                Claim::First
            }
            Entry::Occupied(taken) if *taken.get() == worker => Claim::Again,
            Entry::Occupied(_) => Claim::Refused,
        }
    }

    /// The turns on a player, if several workers share it.
    pub(super) fn turns(&self, player: &PlayerAddress) -> Option<&Turns> {
        self.turns.get(player)
    }
}

/// Whether a worker gets a port for its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Claim {
    /// The worker is the first to claim it.
    First,
    /// The worker has claimed it before. Its earlier driver may still have the port open for a moment.
    Again,
    /// Another worker has it.
    Refused,
}

/// The turns on one player: a channel for one token, which is full during a turn.
pub(super) struct Turns {
    pub(super) take: Sender<()>,
    give_back: Receiver<()>,
}

/// The turn of the worker that has put the token into the channel.
pub(super) struct Turn<'a>(pub(super) &'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.give_back.try_recv();
    }
}
