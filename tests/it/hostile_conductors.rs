//! Players against hostile conductors: they stay within their bounds, leave nothing, and serve honest ones as before.
//! `scripts/hostile-conductor` makes more of them.
//!
//! `HOSTILE_CONDUCTORS` says how many cases there are, and `HOSTILE_SEED` which.

use std::collections::BTreeSet;

use conductor::wire::{ConductorMessage, PlayerMessage, Signal};

use crate::support::hostile_arena::{AT_ONCE, Arena};
use crate::support::hostile_conductor::{CELLS, KINDS};
use crate::support::message_types::types;
use crate::support::number_in;

#[test]
fn whatever_a_conductor_says_in_whatever_state_the_player_goes_on_and_leaves_nothing() {
    let mut arena = Arena::new(number_in("HOSTILE_SEED").unwrap_or(1) as u64);
    if let Some(cases) = number_in("HOSTILE_CONDUCTORS") {
        arena.campaign(Some(cases), None);
    } else {
        arena.play(CELLS / 4, AT_ONCE);
        arena.check();
    }
    println!("{}", arena.report());
    assert!(arena.faults().is_empty(), "{}", arena.faults().join("\n"));
    assert!(arena.has_all_types_and_states());
    assert!(arena.played() < CELLS || arena.range().0 > 0, "each type is met in each state");
}

#[test]
fn hostile_conductors_say_every_type_of_message_that_there_is() {
    let all: BTreeSet<String> =
        [types::<ConductorMessage>(), types::<PlayerMessage>(), types::<Signal>()].into_iter().flatten().collect();
    let missing: Vec<&String> = all.iter().filter(|kind| !KINDS.contains(&kind.as_str())).collect();
    assert!(missing.is_empty() && all.len() > 25, "{missing:?} {all:?}");
}
