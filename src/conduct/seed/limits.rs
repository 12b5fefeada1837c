//! What Python players do not support, and their form of a step.

use std::time::Duration;

use crate::model::{Action, Bound, Gate, Metric, Mode, Phase, Plan, PlannedStep, Source, Step, Stream, WorkerId};
use crate::wire::seed::SeedStep;

/// How much longer a phase may take than its steps.
pub(super) const MARGIN: Duration = if cfg!(test) { Duration::from_secs(2) } else { Duration::from_mins(1) };

/// The parts of a worker's plan that Python players do not support, by name.
pub(super) fn unsupported(plan: &Plan, worker: WorkerId) -> Option<String> {
    let entry = plan.worker(worker);
    let settings = [
        ("`[Parameters]`".to_owned(), plan.points.len() > 1),
        ("`[Environment]`".to_owned(), !entry.environment.is_empty()),
        ("`directory`".to_owned(), entry.directory.is_some()),
        (format!("`shell = {}`", entry.shell), entry.shell != "/bin/sh"),
        ("`max_start_skew`".to_owned(), plan.settings.max_start_skew.is_some()),
    ];
    let mut found: Vec<_> = settings.into_iter().filter(|(_, is_used)| *is_used).map(|(name, _)| name).collect();
    for phase in &plan.phases {
        let unsupported = |step| unsupported_form(*phase, step).or_else(|| unsupported_scratch(*phase, step));
        found.extend(entry.steps[*phase].iter().filter_map(unsupported));
    }
    found.extend(plan.metrics.iter().filter_map(|metric| unsupported_metric(plan, worker, metric)));
    (!found.is_empty()).then(|| found.join(", "))
}

/// Describes a metric that cannot be measured from what a Python player reports about this worker.
fn unsupported_metric(plan: &Plan, worker: WorkerId, metric: &Metric) -> Option<String> {
    let of_worker = |steps: &[PlannedStep]| steps.iter().any(|step| step.worker == worker);
    let is_spawned = |steps: &[PlannedStep]| {
        let mut own = steps.iter().filter(|step| step.worker == worker);
        own.any(|step| plan.worker(worker).steps[step.phase][step.position].mode == Mode::Spawn)
    };
    let what = match metric.source.as_ref()? {
        Source::Output(steps, Stream::Stderr) if of_worker(steps) => "from standard error",
        Source::Output(steps, Stream::Stdout) if is_spawned(steps) => "from a spawned step",
        Source::Duration(steps) if of_worker(steps) => "from a duration",
        Source::StartSkew(_) => "from a start skew",
        _ => return None,
    };
    Some(format!("a metric {what} (`[Metric {}]`)", metric.name))
}

fn unsupported_scratch(phase: Phase, step: &Step) -> Option<String> {
    let text = || format!("`$CONDUCTOR_SCRATCH` (`{}` in `[{}]`)", step.label, phase.section());
    step.uses_scratch().then(text)
}

fn unsupported_form(phase: Phase, step: &Step) -> Option<String> {
    let form = match (&step.action, step.gate, step.mode, step.bound, step.until) {
        (Action::Barrier(_), ..) => "barrier",
        (Action::Stop(_), ..) => "stop",
        (Action::Await { .. }, ..) => "await",
        (Action::Fetch(_), ..) => "fetch",
        (Action::Put { .. }, ..) => "put",
        (_, Gate::Must, ..) => "must",
        (_, _, Mode::Parallel, ..) => "parallel",
        (_, _, _, Some(Bound::For(_)), _) => "for",
        (_, _, _, _, Some(_)) => "until",
        _ => return None,
    };
    Some(format!("`{form}:` (`{}` in `[{}]`)", step.label, phase.section()))
}

/// Returns the seed's form of a step. The time limit is always included: without it, the seed takes 30 seconds.
pub(super) fn seed_step(step: &Step, default: Option<Duration>) -> SeedStep {
    let (spawn, timeout) = (step.mode == Mode::Spawn, step.limit(default));
    SeedStep { command: step.command().unwrap_or_default().to_owned(), spawn, timeout }
}

/// Returns how long a phase of these steps may take on a Python player, which runs them one after another; `None` if
/// one of them has no time limit.
pub(super) fn longest(steps: &[Step], default: Option<Duration>) -> Option<Duration> {
    Step::longest(steps, default, Duration::ZERO).map(|time| time.saturating_add(MARGIN))
}
