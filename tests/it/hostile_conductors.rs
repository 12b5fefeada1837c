//! Players against hostile conductors: they stay within their bounds, leave nothing, and serve honest ones as before.

use std::collections::BTreeSet;

use conductor::wire::{ConductorMessage, PlayerMessage, Signal};
use serde::de::DeserializeOwned;

use crate::support::hostile_arena::{AT_ONCE, Arena};
use crate::support::hostile_conductor::{CELLS, KINDS};

#[test]
fn whatever_a_conductor_says_in_whatever_state_the_player_goes_on_and_leaves_nothing() {
    let mut arena = Arena::new(1);
    // `scripts/hostile-conductor` plays all of them, and more.
    arena.play(CELLS / 4, AT_ONCE);
    println!("{}", arena.report());
    assert!(arena.faults().is_empty(), "{}", arena.faults().join("\n"));
    assert!(arena.has_all_types_and_states());
}

/// The types that a message may have.
fn types<M: DeserializeOwned>() -> BTreeSet<String> {
    let error = serde_json::from_str::<M>(r#"{"type": "none"}"#).err().expect("no such type").to_string();
    let (_, list) = error.split_once("expected one of ").expect("what there is");
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn hostile_conductors_say_every_type_of_message_that_there_is() {
    let all: BTreeSet<String> =
        [types::<ConductorMessage>(), types::<PlayerMessage>(), types::<Signal>()].into_iter().flatten().collect();
    let missing: Vec<&String> = all.iter().filter(|kind| !KINDS.contains(&kind.as_str())).collect();
    assert!(missing.is_empty() && all.len() > 25, "{missing:?} {all:?}");
}
