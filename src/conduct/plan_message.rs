//! From the plan to the message that tells one worker of it, pure.

use std::time::Duration;

use crate::model::{Action, Bound, Mode, Phase, Plan, Step, WorkerId};
use crate::wire::{PlanMessage, StepMessage};

/// What a worker's player is told, in this incarnation of it.
pub(crate) fn plan_message(plan: &Plan, worker: WorkerId, incarnation: Option<String>) -> PlanMessage {
    let entry = plan.worker(worker);
    let settings = &plan.settings;
    let steps = |phase: Phase| entry.steps[phase].iter().map(step_message).collect();
    PlanMessage {
        incarnation,
        trials: plan.trials,
        phases: plan.phases.iter().map(|phase| (*phase).into()).collect(),
        shell: entry.shell.clone(),
        directory: entry.directory.clone(),
        environment: environment(plan, worker),
        step_timeout: settings.step_timeout.map(nanoseconds),
        reset_timeout: nanoseconds(settings.reset_timeout),
        lease: nanoseconds(settings.lease),
        startup: steps(Phase::Startup),
        run: steps(Phase::Run),
        collect: steps(Phase::Collect),
        reset: steps(Phase::Reset),
    }
}

/// The worker's own variables, and behind them those that every step gets.
fn environment(plan: &Plan, worker: WorkerId) -> Vec<(String, String)> {
    let names: Vec<_> = plan.workers.iter().map(|worker| worker.name.as_str()).collect();
    let entry = plan.worker(worker);
    let mut variables = entry.environment.clone();
    let mut add = |name: &str, value: String| variables.push((name.to_owned(), value));
    add("CONDUCTOR_RUN", plan.run.to_string());
    add("CONDUCTOR_TRIALS", plan.trials.to_string());
    add("CONDUCTOR_WORKER", entry.name.to_string());
    add("CONDUCTOR_WORKERS", names.join(" "));
    for other in &plan.workers {
        add(&address_variable(other.name.as_str()), other.player_host.clone());
    }
    variables
}

fn address_variable(name: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("CONDUCTOR_ADDR_{}", name.chars().map(upper).collect::<String>())
}

/// A step's message. A form that the session does not know yet was refused with the configuration, and is sent as a
/// step that fails and says so.
fn step_message(step: &Step) -> StepMessage {
    let command = match &step.action {
        Action::Command(command) => command.clone(),
        _ => "echo 'this form of a step can not be run yet' >&2; exit 125".to_owned(),
    };
    let timeout = match step.bound {
        Some(Bound::Timeout(limit) | Bound::For(limit)) => Some(nanoseconds(limit)),
        None => None,
    };
    StepMessage { label: step.label.as_str().to_owned(), command, spawn: step.mode == Mode::Spawn, timeout }
}

/// A duration on the wire.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_address_has_letters_digits_and_lines() {
        assert_eq!(address_variable("node-01.lab"), "CONDUCTOR_ADDR_NODE_01_LAB");
        assert_eq!(address_variable("zürich"), "CONDUCTOR_ADDR_Z_RICH");
    }
}
