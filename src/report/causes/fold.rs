//! Causes that are the same on several workers, told as one.

use std::collections::BTreeMap;

use super::super::Run;
use super::cause::{Cause, Kind};

/// Folds causes, which are in the order of time; each stands where the first of it was.
pub(super) fn folded(run: &Run, causes: Vec<Cause>) -> Vec<Cause> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut folded: Vec<Cause> = Vec::new();
    for cause in causes {
        let place = part_in_common(run, &cause).map(|part| *known.entry(part).or_insert(folded.len()));
        match place.and_then(|place| folded.get_mut(place)) {
            Some(first) => first.absorb(cause),
            None => folded.push(cause),
        }
    }
    for cause in &mut folded {
        cause.consequences.sort_by(|a, b| a.effect.cmp(&b.effect));
    }
    folded
}

/// What a cause has in common with those that are told together with it, if there can be any.
fn part_in_common(run: &Run, cause: &Cause) -> Option<String> {
    let is_of_workers = !cause.workers.is_empty();
    let may = match cause.kind {
        Kind::Step(_)
        | Kind::Lost(..)
        | Kind::LeftOut(..)
        | Kind::Unreachable { .. }
        | Kind::Unwritten(_)
        | Kind::Metric(..) => is_of_workers,
        _ => false,
    };
    let label = || cause.steps.first().and_then(|step| run.step(*step)).map(|step| step.label.as_str());
    may.then(|| format!("{:?}", (&cause.kind, cause.trial, cause.phase, label())))
}

impl Cause {
    fn absorb(&mut self, other: Self) {
        for worker in other.workers {
            if !self.workers.contains(&worker) {
                self.workers.push(worker);
            }
        }
        self.workers.sort_unstable();
        self.steps.extend(other.steps);
        for consequence in other.consequences {
            let mine = self.follow(consequence.effect);
            mine.trials.extend(consequence.trials);
            mine.workers.extend(consequence.workers);
            mine.steps.extend(consequence.steps);
        }
    }
}
