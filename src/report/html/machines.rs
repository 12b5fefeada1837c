//! The machines of a run. Workers with equal machines share a line.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::{Value, context};

use super::values::line;
use crate::model::{Plan, PlayerDescription, WorkerId};
use crate::report::{Run, compact, grouped};

/// The maximum number of names or addresses on a line. The others are counted.
const TOLD: usize = 12;

/// The known properties of a worker's machine and player.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Machine {
    pub(super) player: String,
    /// The name of the machine, if it is known.
    pub(super) host: Option<String>,
    pub(super) version: String,
    /// The system and the kernel of the machine, and the output of the commands of `versions`.
    pub(super) platform: String,
}

/// Returns the machine of a worker of the plan.
pub(super) fn machine(run: &Run, id: WorkerId) -> Machine {
    let description = run.players.get(&id);
    let (version, host) = match description {
        None => ("not reached".to_owned(), None),
        Some(PlayerDescription::Seed) => ("Python player".to_owned(), None),
        Some(PlayerDescription::Session { version, host, .. }) => (line(version), Some(line(host))),
    };
    let platform = description.and_then(PlayerDescription::platform);
    let platform = platform.map_or_else(|| "unknown".to_owned(), |platform| line(&platform));
    let versions = run.versions.get(&id).into_iter().flatten().map(|version| line(&version.printed));
    let platform = std::iter::once(platform).chain(versions).collect::<Vec<_>>().join("; ");
    let player = run.worker(id).map_or(String::new(), |worker| line(&worker.player.to_string()));
    Machine { player, host, version, platform }
}

/// Returns a line for all workers with equal players and machines, in the order of the first of each.
pub(super) fn lines(run: &Run) -> Vec<Value> {
    let machines = run.plan().into_iter().flat_map(Plan::workers).map(|(id, _)| (id, machine(run, id)));
    let groups = grouped(machines.map(|(id, own)| ((own.version.clone(), own.platform.clone()), (id, own))));
    let counts = counts(run);
    groups.iter().map(|(_, group)| value(run, group, &counts)).collect()
}

/// Returns the number of steps of each worker, and how many of them failed or were lost.
fn counts(run: &Run) -> BTreeMap<WorkerId, (usize, usize)> {
    let mut counts: BTreeMap<WorkerId, (usize, usize)> = BTreeMap::new();
    for finished in run.results() {
        let (steps, bad) = counts.entry(finished.reference.worker).or_default();
        *steps += 1;
        *bad += usize::from(finished.recorded.is_bad());
    }
    counts
}

fn value(run: &Run, group: &[(WorkerId, Machine)], counts: &BTreeMap<WorkerId, (usize, usize)>) -> Value {
    let machines = || group.iter().map(|(_, machine)| machine);
    let names: Vec<&str> = group.iter().map(|(worker, _)| run.name(*worker)).collect();
    let of = |part: fn(&(usize, usize)) -> usize| -> usize {
        group.iter().filter_map(|(worker, _)| counts.get(worker)).map(part).sum()
    };
    context! {
        count => group.len(),
        names => compact(&names),
        players => told(machines().map(|machine| machine.player.as_str())),
        hosts => told(machines().filter_map(|machine| machine.host.as_deref())),
        version => &group[0].1.version,
        platform => &group[0].1.platform,
        steps => of(|(steps, _)| *steps),
        bad => of(|(_, bad)| *bad),
    }
}

/// Lists names without duplicates.
fn told<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut known = BTreeSet::new();
    let different: Vec<&str> = names.filter(|name| known.insert(*name)).collect();
    let all = compact(&different);
    match different.len() {
        0 => "–".to_owned(),
        // Ranges have a short form.
        count if count > TOLD && all.len() >= 100 => {
            format!("{} and {} more", different[..TOLD].join(", "), count - TOLD)
        }
        _ => all,
    }
}
