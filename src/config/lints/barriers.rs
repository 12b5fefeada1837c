//! Lints on the barriers of all workers: workers that wait alone, and workers that wait for each other forever.
//!
//! A barrier is identified by its phase and name; all workers that have it wait for each other. Each worker thus orders
//! its barriers of a phase. If these orders form a cycle, none of its workers ever continues.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Steps;
use crate::config::{Diagnostic, Diagnostics, Lint, Place, nearest, quoted};
use crate::model::{Action, Mode, Phase, WorkerPlan};

/// How many barriers of adjacent `parallel:` steps are checked: no test has more, and the time is quadratic.
const MOST_TOGETHER: usize = 100;

/// A worker that reaches a barrier.
#[derive(Debug, Clone, Copy)]
struct Visit<'a> {
    worker: &'a str,
    /// The group of the step: steps that run together have the same number.
    group: usize,
    place: &'a Place,
}

/// The workers that reach each barrier, by phase and name.
type Barriers<'a> = BTreeMap<(Phase, &'a str), Vec<Visit<'a>>>;

/// Checks the barriers of all workers. `complete` means that `workers` contains all workers of the test.
pub(in crate::config) fn check(workers: &[(WorkerPlan, Steps)], complete: bool, diagnostics: &mut Diagnostics) {
    let mut barriers = Barriers::new();
    for (plan, steps) in workers {
        let worker = plan.name.as_str();
        for (phase, steps) in steps.iter() {
            let groups = steps.chunk_by(|left, right| [left, right].iter().all(|it| it.step.mode == Mode::Parallel));
            for (group, located) in
                groups.enumerate().flat_map(|(group, steps)| steps.iter().map(move |it| (group, it)))
            {
                let Action::Barrier(name) = &located.step.action else { continue };
                let visits = barriers.entry((phase, name)).or_default();
                if visits.last().is_none_or(|last| last.worker != worker) {
                    visits.push(Visit { worker, group, place: &located.action });
                }
            }
        }
    }
    for phase in Phase::ALL {
        check_order(phase, &barriers, diagnostics);
    }
    if complete {
        let apart = check_phases(&barriers, diagnostics);
        check_company(&barriers, &apart, diagnostics);
    }
}

/// Warns about barriers that only one worker has, except those in `apart`, which were already reported.
fn check_company(barriers: &Barriers<'_>, apart: &HashSet<&str>, diagnostics: &mut Diagnostics) {
    for ((phase, name), visits) in barriers {
        let [visit] = visits.as_slice() else { continue };
        if apart.contains(name) {
            continue;
        }
        let message = format!("only `{}` has the barrier {} in {phase}", visit.worker, quoted(name));
        let others = barriers.keys().filter(|(other, known)| other == phase && known != name);
        let hint = nearest::hint_or(name, others.map(|(_, name)| *name).take(100), || {
            "add it to the workers that should wait here, or remove it".to_owned()
        });
        diagnostics.push(Diagnostic::new(Lint::LonelyBarrier, visit.place.clone(), message, hint));
    }
}

/// Warns about a name that two workers use only in different phases. Returns all such names.
fn check_phases<'a>(barriers: &Barriers<'a>, diagnostics: &mut Diagnostics) -> HashSet<&'a str> {
    let mut by_name: BTreeMap<&str, Vec<(Phase, Visit<'_>)>> = BTreeMap::new();
    for ((phase, name), visits) in barriers {
        by_name.entry(name).or_default().extend(visits.iter().map(|visit| (*phase, *visit)));
    }
    let mut apart = HashSet::new();
    for (name, visits) in by_name {
        let Some([(first_phase, first), (phase, second)]) = disjoint(&visits) else { continue };
        apart.insert(name);
        let message = format!(
            "`{}` has the barrier {} in {phase}, but `{}` in {first_phase}, so they do not wait for each other",
            second.worker,
            quoted(name),
            first.worker
        );
        let hint = "move one of the steps, or give one of the barriers another name";
        let warning = Diagnostic::new(Lint::BarrierPhases, second.place.clone(), message, hint);
        diagnostics.push(warning.other(first.place.clone(), format!("`{}` has it here", first.worker)));
    }
    apart
}

/// Returns the first visits of two workers that have no phase in common, in the order of the phases.
fn disjoint<'a>(visits: &[(Phase, Visit<'a>)]) -> Option<[(Phase, Visit<'a>); 2]> {
    let mut sets: HashMap<&str, u8> = HashMap::new();
    for (phase, visit) in visits {
        *sets.entry(visit.worker).or_default() |= 1 << (*phase as u8);
    }
    // One worker represents all that have the barrier in the same phases.
    let mut firsts = BTreeMap::new();
    for visit in visits {
        firsts.entry(sets[visit.1.worker]).or_insert(*visit);
    }
    let mut pairs = firsts.iter().flat_map(|left| firsts.iter().map(move |right| (left, right)));
    let ((_, left), (_, right)) = pairs.find(|((left, _), (right, _))| *left & *right == 0)?;
    Some(if left.0 <= right.0 { [*left, *right] } else { [*right, *left] })
}

/// The barriers of one worker, by groups of steps that run together.
type Groups<'a> = BTreeMap<usize, Vec<(&'a str, Visit<'a>)>>;

/// Maps a barrier to the next barriers of some worker, with this worker's two visits.
type Order<'a> = BTreeMap<&'a str, BTreeMap<&'a str, (Visit<'a>, Visit<'a>)>>;

/// Reports barriers of a phase whose orders form a cycle.
fn check_order<'a>(phase: Phase, barriers: &Barriers<'a>, diagnostics: &mut Diagnostics) {
    let order = order(phase, barriers);
    let mut done = HashSet::new();
    for start in order.keys().copied() {
        let Some(circle) = circle(start, &order, &mut done) else { continue };
        let visits = |pair: &[&'a str]| Some((pair[0], pair[1], *order.get(pair[0])?.get(pair[1])?));
        let steps: Vec<_> = circle.windows(2).filter_map(visits).collect();
        let Some((last, rest)) = steps.split_last() else { continue };
        let reaches = |(from, to, (visit, _)): &(&str, &str, (Visit<'_>, Visit<'_>))| {
            format!("`{}` reaches {} before {}", visit.worker, quoted(from), quoted(to))
        };
        let orders: Vec<_> = std::iter::once(last).chain(rest).map(reaches).collect();
        let message = format!("workers would wait for each other: {}", orders.join(", "));
        let hint = "use these barriers in the same order in all workers";
        let mut error = Diagnostic::new(Lint::BarrierOrder, last.2.1.place.clone(), message, hint);
        for (from, to, (first, second)) in rest {
            error = error.other(first.place.clone(), format!("`{}` waits here for {}", first.worker, quoted(from)));
            error = error.other(second.place.clone(), format!("and only then reaches {}", quoted(to)));
        }
        diagnostics.push(error);
    }
}

/// Returns the order of the barriers of a phase. Barriers of one group of `parallel:` steps have no order.
fn order<'a>(phase: Phase, barriers: &Barriers<'a>) -> Order<'a> {
    let mut by_worker: BTreeMap<&str, Groups<'a>> = BTreeMap::new();
    for ((_, name), visits) in barriers.iter().filter(|((other, _), visits)| *other == phase && visits.len() > 1) {
        for visit in visits {
            by_worker.entry(visit.worker).or_default().entry(visit.group).or_default().push((*name, *visit));
        }
    }
    let mut order = Order::new();
    for groups in by_worker.values() {
        for (before, behind) in groups.values().zip(groups.values().skip(1)) {
            for (from, first) in before.iter().take(MOST_TOGETHER) {
                for (to, second) in behind.iter().take(MOST_TOGETHER) {
                    order.entry(from).or_default().entry(to).or_insert((*first, *second));
                }
            }
        }
    }
    order
}

/// Finds a cycle that is reachable from `start` without passing through `done`. Its first barrier is repeated at its
/// end. Adds all visited barriers to `done`.
fn circle<'a>(start: &'a str, order: &Order<'a>, done: &mut HashSet<&'a str>) -> Option<Vec<&'a str>> {
    let behind = |name: &str| order.get(name).map(|behind| behind.keys().copied().collect()).unwrap_or_default();
    let mut way: Vec<(&str, Vec<&'a str>)> = Vec::new();
    let mut on_way: HashMap<&str, usize> = HashMap::new();
    let mut found = None;
    if done.insert(start) {
        on_way.insert(start, 0);
        way.push((start, behind(start)));
    }
    while let Some((name, rest)) = way.last_mut() {
        let Some(next) = rest.pop() else {
            on_way.remove(name);
            way.pop();
            continue;
        };
        if let Some(at) = on_way.get(next) {
            // Only the first cycle is reported. Others are found once this one is fixed.
            found = found.or_else(|| Some(way[*at..].iter().map(|(name, _)| *name).chain([next]).collect()));
        } else if done.insert(next) {
            on_way.insert(next, way.len());
            way.push((next, behind(next)));
        }
    }
    found
}
