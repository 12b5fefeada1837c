//! What workers on seed players share: ports for results, and turns on a player.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::model::{Destination, Plan};

/// What the workers of a run share.
pub(in crate::conduct) struct SeedPlayers {
    ports: Mutex<BTreeSet<u16>>,
    turns: HashMap<Destination, Turns>,
}

impl SeedPlayers {
    /// For the workers of this plan; which of them are on seed players shows later.
    pub(in crate::conduct) fn new(plan: &Plan) -> Self {
        let mut counts: HashMap<&Destination, usize> = HashMap::new();
        for worker in &plan.workers {
            *counts.entry(&worker.player).or_default() += 1;
        }
        let shared = counts.into_iter().filter(|(_, count)| *count > 1);
        let turns = shared.map(|(player, _)| (player.clone(), Turns::new())).collect();
        Self { ports: Mutex::new(BTreeSet::new()), turns }
    }

    /// Takes a port for one worker's results; whether it was still free.
    pub(super) fn claim(&self, port: u16) -> bool {
        self.ports.lock().unwrap_or_else(PoisonError::into_inner).insert(port)
    }

    /// Whether several workers are on this player.
    pub(super) fn is_shared(&self, player: &Destination) -> bool {
        self.turns.contains_key(player)
    }

    /// The turns on a player that several workers share.
    pub(super) fn turn(&self, player: &Destination) -> Option<&Turns> {
        self.turns.get(player)
    }
}

/// The turns on one player: who has the only token runs, and gives it back.
pub(super) struct Turns {
    give: Sender<()>,
    tokens: Receiver<()>,
}

impl Turns {
    fn new() -> Self {
        // There is one token.
        let (give, tokens) = bounded(1);
        let _ = give.try_send(());
        Self { give, tokens }
    }

    /// Whether somebody's turn lasts.
    pub(super) fn is_taken(&self) -> bool {
        self.tokens.is_empty()
    }

    /// Where the token comes from.
    pub(super) fn tokens(&self) -> &Receiver<()> {
        &self.tokens
    }

    /// Holds a token that was received, and gives it back in the end.
    pub(super) fn taken(&self) -> Turn<'_> {
        Turn(self)
    }
}

/// One worker's turn.
pub(super) struct Turn<'a>(&'a Turns);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let _ = self.0.give.try_send(());
    }
}
