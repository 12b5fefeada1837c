//! Lints that need more than one value: a whole file, all steps of a worker, or all workers of a test.

pub(super) mod barriers;
pub(super) mod bounds;
pub(super) mod commands;
pub(super) mod defaults;
pub(super) mod puts;
pub(super) mod several_lines;
pub(super) mod shared_player;
mod shell_text;
pub(super) mod steps;
pub(super) mod unknown_variables;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

use super::Place;
use crate::model::{PhaseMap, Step};

/// A step with its location.
#[derive(Debug)]
pub(super) struct LocatedStep {
    pub(super) step: Step,
    /// The place of its key.
    pub(super) key: Place,
    /// The place of its command, or of the prefix that replaces it.
    pub(super) action: Place,
    /// The variables of this program that its command uses.
    pub(super) variables: Vec<(String, Place)>,
}

/// The steps of a worker.
pub(super) type Steps = PhaseMap<Vec<LocatedStep>>;

/// Iterates over all steps of a worker, in order.
fn all(steps: &Steps) -> impl Iterator<Item = &LocatedStep> {
    steps.iter().flat_map(|(_, steps)| steps)
}

/// Returns each repeated key, with its first item and the repeated one.
pub(super) fn repeated<K: Eq + Hash + Clone, T: Copy>(
    items: impl IntoIterator<Item = (K, T)>,
) -> impl Iterator<Item = (K, T, T)> {
    let mut firsts = HashMap::new();
    items.into_iter().filter_map(move |(key, item)| match firsts.entry(key) {
        Entry::Occupied(first) => Some((first.key().clone(), *first.get(), item)),
        Entry::Vacant(place) => {
            place.insert(item);
            None
        }
    })
}
