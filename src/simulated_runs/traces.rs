//! Tests the `trace` report of simulated runs: every step appears once, on its worker; parts of a thread are nested and
//! in order; arrows join barriers.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::Value;

use super::{faults_of, plan_of};
use crate::conduct::testing::simulate;
use crate::model::{Event, Format, Plan, Stamped, nanoseconds as nanoseconds_of};
use crate::report::testing::{plain, told};

/// A part of a track: its process and thread, its start and length in nanoseconds, and its category.
#[derive(Debug)]
struct Part {
    process: u64,
    thread: u64,
    start: u64,
    /// Negative, so that a part that contains others sorts before them.
    length: i64,
    category: String,
}

impl Part {
    fn end(&self) -> u64 {
        self.start + self.length.unsigned_abs()
    }
}

fn nanoseconds(microseconds: &Value) -> u64 {
    let nanoseconds = (microseconds.as_f64().unwrap() * 1000.0).round();
    format!("{nanoseconds:.0}").parse().unwrap()
}

fn part(entry: &Value) -> Part {
    let number = |key: &str| entry[key].as_u64().unwrap();
    let text = |key: &str| entry[key].as_str().unwrap().to_owned();
    let length = -i64::try_from(nanoseconds(&entry["dur"])).unwrap();
    let start = nanoseconds(&entry["ts"]);
    let (process, thread) = (number("pid"), number("tid"));
    Part { process, thread, start, length, category: text("cat") }
}

fn entries(document: &Value, kind: &str) -> Vec<Value> {
    document["traceEvents"].as_array().unwrap().iter().filter(|entry| entry["ph"] == kind).cloned().collect()
}

/// A step: its process, its trial, phase and label.
type Key = (u64, u64, String, String);

/// The steps that have a result in the events, each with its start, if known.
fn steps(plan: &Plan, events: &[Stamped]) -> BTreeMap<Key, Option<u64>> {
    let begin = events.first().map(|stamped| stamped.at).unwrap();
    let mut steps = BTreeMap::new();
    for stamped in events {
        if let Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } = &stamped.event {
            let (process, label) = (2 + step.worker.0 as u64, plan.label(*step).to_owned());
            let known: &mut Option<u64> =
                steps.entry((process, u64::from(step.trial), step.phase.word().to_owned(), label)).or_default();
            *known = known.or(result.started.map(|start| nanoseconds_of(start.at.since(begin))));
        }
    }
    steps
}

/// Checks that the parts of each thread follow or contain each other.
fn parts_are_nested(parts: &[Part]) {
    let mut open: Vec<&Part> = Vec::new();
    for part in parts {
        open.retain(|outer| (outer.process, outer.thread) == (part.process, part.thread));
        while open.last().is_some_and(|outer| outer.end() <= part.start) {
            open.pop();
        }
        if let Some(outer) = open.last() {
            assert!(part.end() <= outer.end(), "{part:?} reaches out of {outer:?}");
            let may_contain = ["trial/phase", "trial/check", "step/attempt"];
            let pair = format!("{}/{}", outer.category, part.category);
            assert!(may_contain.contains(&&*pair), "{part:?} is in {outer:?}");
        }
        open.push(part);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_trace_has_every_step_once_nested_and_in_order(
        (workers, trials) in (1..6_usize, 1..3_u32),
        gates in vec(0..8_usize, 7..30),
        choices in vec((0..11_usize, 0..5_usize, 0..7_usize, 0..2_u32), 0..5),
    ) {
        let plan = plan_of(workers, trials, &gates);
        let simulated = simulate(plan.clone(), false, &faults_of(&plan, &choices));
        let document: Value = serde_json::from_str(&told(Format::Trace, plain(), &simulated.events)).unwrap();
        let slices = entries(&document, "X");
        let mut parts: Vec<Part> = slices.iter().map(part).filter(|part| part.length < 0).collect();
        // Of two equal parts, the one that contains the other is written first.
        parts.sort_by_key(|part| (part.process, part.thread, part.start, part.length));
        parts_are_nested(&parts);

        let expected = steps(&plan, &simulated.events);
        let mut found = BTreeSet::new();
        let mut last = BTreeMap::new();
        for entry in slices.iter().filter(|entry| entry["cat"] == "step") {
            let arguments = &entry["args"];
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let own = part(entry);
            let key = (own.process, arguments["trial"].as_u64().unwrap(), text(&arguments["phase"]), text(&entry["name"]));
            if let Some(Some(start)) = expected.get(&key) {
                assert!(start.abs_diff(own.start) < 3_000_000, "{own:?} started at {start} ns");
            }
            assert!(found.insert(key), "{own:?} is there twice");
            let before = last.insert((own.process, own.thread), own.end());
            assert!(before.is_none_or(|before| before <= own.start), "{own:?} is written too late");
        }
        assert!(found.iter().eq(expected.keys()), "{found:#?} {expected:#?}");
        arrows_join_barriers(&document, &slices);
    }
}

/// Checks that each arrow has a beginning and an end, in steps of different workers.
fn arrows_join_barriers(document: &Value, slices: &[Value]) {
    let at = |kind: &str| -> BTreeMap<u64, Value> {
        entries(document, kind).into_iter().map(|entry| (entry["id"].as_u64().unwrap(), entry)).collect()
    };
    let (from, to) = (at("s"), at("f"));
    assert!(from.keys().eq(to.keys()));
    for (from, to) in from.values().zip(to.values()) {
        assert_ne!(from["pid"], to["pid"]);
        for end in [from, to] {
            let time = nanoseconds(&end["ts"]);
            let holds = |entry: &&Value| {
                let part = part(entry);
                let is_there = entry["pid"] == end["pid"] && entry["tid"] == end["tid"] && entry["name"] == end["name"];
                is_there && (part.start..=part.end()).contains(&time)
            };
            assert!(slices.iter().any(|slice| holds(&slice)), "{end} is in no barrier");
        }
    }
}
