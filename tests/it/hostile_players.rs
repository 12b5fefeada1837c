//! Hostile players in every state of a conversation; `scripts/hostile-player` makes more of them.
//!
//! `HOSTILE_PLAYERS` says how many cases there are, and `HOSTILE_SEED` which.

use std::collections::BTreeSet;

use conductor::wire::{PlayerMessage, Signal};

use crate::support::hostile_player::campaign::many;
use crate::support::hostile_player::case::{State, cases};
use crate::support::hostile_player::words::{PLAYER, kinds};
use crate::support::message_types::types;
use crate::support::number_in;

/// Enough for every state and every thing that is said, in a few seconds.
const FEW: usize = 300;

#[test]
fn whatever_a_player_says_in_whatever_state_the_run_ends_and_the_honest_workers_are_complete() {
    let (count, seed) = (number_in("HOSTILE_PLAYERS").unwrap_or(FEW), number_in("HOSTILE_SEED").unwrap_or(1));
    let tally = many(count, seed as u64);
    println!("seed {seed}\n{}", tally.report());
    assert!(tally.faults.is_empty(), "{}", tally.faults.join("\n\n"));
    let not_met = tally.not_met();
    if count >= State::ALL.len() * kinds().len() {
        assert!(not_met.is_empty(), "these were never met: {not_met:?}");
        return;
    }
    let met = |is_so: &dyn Fn(State, &str) -> bool| {
        tally.met.cells().any(|(state, kind, count)| count > 0 && is_so(state, kind))
    };
    for state in State::ALL {
        assert!(met(&|other, _| other == state), "nobody was hostile in state {state:?}");
    }
    for kind in kinds() {
        assert!(met(&|_, other| other == kind), "nobody has tried `{kind}`");
    }
}

#[test]
fn hostile_players_know_every_message_of_a_player_and_every_signal() {
    let types: BTreeSet<_> = types::<PlayerMessage>().into_iter().chain(types::<Signal>()).collect();
    assert!(types.len() > 20, "{types:?}");
    let unknown: Vec<_> = types.iter().filter(|name| !PLAYER.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "a hostile player never says {unknown:?}");
}

#[test]
fn the_cells_of_the_table_are_walked_through_before_any_comes_again() {
    let all = State::ALL.len() * kinds().len();
    let cells: BTreeSet<_> = cases(all, 7).into_iter().map(|case| (case.state, case.kind)).collect();
    assert_eq!(cells.len(), all);
}
