//! Lint on variables such as `$CONDUCTOR_ADDR_SERVER` that commands use but no step has.

use std::collections::BTreeSet;

use super::{Steps, all};
use crate::config::{Diagnostic, Diagnostics, Lint, nearest, quoted};
use crate::model::{Mode, variable};

/// The variables of every step, except those that are named after workers and steps. A test compares them with the
/// documents.
const OF_EVERY_STEP: [&str; 9] = [
    "CONDUCTOR_RUN",
    "CONDUCTOR_TRIAL",
    "CONDUCTOR_TRIALS",
    "CONDUCTOR_PHASE",
    "CONDUCTOR_STEP",
    "CONDUCTOR_WORKER",
    "CONDUCTOR_WORKERS",
    "CONDUCTOR_SCRATCH",
    "CONDUCTOR_MARK",
];

const ADDRESS: &str = "CONDUCTOR_ADDR";
const PROCESS: &str = "CONDUCTOR_PID";

/// Warns about variables that a worker's commands use but none of its steps has. `parameters` are the variables of the
/// parameters, `workers` the names of all workers of the test, if known, and `without_address` those without an
/// address.
pub(in crate::config) fn check(
    steps: &Steps,
    environment: &[(String, String)],
    parameters: &[String],
    workers: Option<&[&str]>,
    without_address: &[&str],
    diagnostics: &mut Diagnostics,
) {
    if all(steps).all(|located| located.variables.is_empty()) {
        return;
    }
    let spawned = all(steps).filter(|located| located.step.mode == Mode::Spawn);
    let processes = spawned.map(|located| variable(PROCESS, located.step.label.as_str()));
    let mut known: BTreeSet<String> = processes.chain(OF_EVERY_STEP.map(str::to_owned)).collect();
    known.extend(workers.into_iter().flatten().map(|name| variable(ADDRESS, name)));
    known.extend(parameters.iter().cloned());
    known.extend(environment.iter().map(|(name, _)| name.clone()));
    for (name, place) in all(steps).flat_map(|located| &located.variables) {
        if let Some(worker) = without_address.iter().find(|worker| variable(ADDRESS, worker) == *name) {
            let message = format!("{} is empty, because worker {} has no address", quoted(name), quoted(worker));
            let hint = "set `player = ADDRESS` beside its `connect`";
            diagnostics.push(Diagnostic::new(Lint::UnknownVariable, place.clone(), message, hint));
        }
        let is_of_worker = name.strip_prefix(ADDRESS).is_some_and(|rest| rest.starts_with('_'));
        if known.contains(name) || (is_of_worker && workers.is_none()) {
            continue;
        }
        let hint = nearest::hint_or(name, known.iter().map(String::as_str).take(1000), || {
            if name.starts_with(PROCESS) {
                "only spawned steps of this worker have such a variable: `CONDUCTOR_PID_LABEL`".to_owned()
            } else if is_of_worker {
                "only workers of the test have such a variable: `CONDUCTOR_ADDR_WORKER`".to_owned()
            } else {
                "set it in `[Environment]`, or remove it".to_owned()
            }
        });
        let message = format!("no step has the variable {}", quoted(name));
        diagnostics.push(Diagnostic::new(Lint::UnknownVariable, place.clone(), message, hint));
    }
}
