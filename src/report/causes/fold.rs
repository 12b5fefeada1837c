//! Merges causes that are the same on several workers or in several trials.

use std::collections::BTreeMap;

use super::super::Run;
use super::cause::{Cause, Kind};

/// Merges causes that are in order of time. A merged cause is at the position of the first of them.
pub(super) fn folded(run: &Run, causes: Vec<Cause>) -> Vec<Cause> {
    let of_workers = together(causes, |cause| on_several_workers(run, cause));
    let mut folded = together(of_workers, |cause| in_several_trials(run, cause));
    for cause in &mut folded {
        cause.consequences.sort_by(|a, b| a.effect.cmp(&b.effect));
    }
    folded
}

/// The key by which causes are merged: a kind that describes all of them, and whatever else they must share.
type Common = (Kind, String);

/// Merges causes with the same key.
fn together(causes: Vec<Cause>, common: impl Fn(&Cause) -> Option<Common>) -> Vec<Cause> {
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    let mut folded: Vec<Cause> = Vec::new();
    for cause in causes {
        let Some((kind, key)) = common(&cause) else {
            folded.push(cause);
            continue;
        };
        let place = *known.entry(format!("{kind:?} {key}")).or_insert(folded.len());
        match folded.get_mut(place) {
            Some(first) => {
                first.kind = kind;
                first.absorb(cause);
            }
            None => folded.push(cause),
        }
    }
    folded
}

/// Returns the key by which a cause is merged with those of other workers, if it can be.
fn on_several_workers(run: &Run, cause: &Cause) -> Option<Common> {
    let first = *cause.workers.first()?;
    let kind = match &cause.kind {
        // The text about a metric can contain the worker in the name of its source.
        Kind::Metric(metric, what) => {
            let name = run.name(first);
            let what = what.replace(&format!(" on {name} in "), " in ");
            let folder =
                |trial: u32| what.replace(&format!("`trial-{trial}/{name}/"), &format!("`trial-{trial}/WORKER/"));
            Kind::Metric(metric.clone(), cause.trial.map_or(what.clone(), folder))
        }
        Kind::Step(_) | Kind::Lost(..) | Kind::LeftOut(..) | Kind::Unreachable { .. } | Kind::Unwritten(_) => {
            cause.kind.clone()
        }
        _ => return None,
    };
    Some((kind, format!("{:?}", (cause.trial, cause.phase, label(run, cause), cause.hint))))
}

/// Returns the key by which a cause is merged with those of other trials, if it can be.
fn in_several_trials(run: &Run, cause: &Cause) -> Option<Common> {
    let trial = cause.trial?;
    let kind = match &cause.kind {
        Kind::Metric(metric, what) => {
            Kind::Metric(metric.clone(), what.replace(&format!("`trial-{trial}/"), "`trial-N/"))
        }
        Kind::Step(_) | Kind::Check(_) => cause.kind.clone(),
        _ => return None,
    };
    Some((kind, format!("{:?}", (&cause.workers, cause.phase, label(run, cause)))))
}

/// Returns the label of the first step of a cause.
fn label<'r>(run: &'r Run, cause: &Cause) -> Option<&'r str> {
    cause.steps.first().and_then(|step| run.step(*step)).map(|step| step.label.as_str())
}

impl Cause {
    fn absorb(&mut self, other: Self) {
        let (own, more) = (self.trial, other.trials().collect::<Vec<_>>());
        self.more_trials.extend(more.into_iter().filter(|trial| Some(*trial) != own));
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
            mine.metrics.extend(consequence.metrics);
            mine.workers.extend(consequence.workers);
            mine.steps.extend(consequence.steps);
        }
    }
}
