//! Converts the plan to the message for one worker. Pure.

use std::collections::BTreeSet;

use crate::model::{
    Action, Bound, LARGEST_PLAN, LONGEST_NAME, MOST_STEPS, MOST_VARIABLES, Mode, Phase, Plan, PointId, Step, WorkerId,
    WorkerPlan, in_scratch, nanoseconds, variable,
};
use crate::wire::{
    AWAIT, ActionMessage, POINTS, PlanMessage, SCRATCH, ScratchMessage, StepMessage, UntilMessage, to_json,
};

/// The message with a worker's plan at a point, for this incarnation of its player.
pub(crate) fn plan_message(plan: &Plan, point: PointId, worker: WorkerId, incarnation: Option<String>) -> PlanMessage {
    let entry = plan.worker_at(point, worker);
    let settings = &plan.settings;
    let steps = |phase: Phase| entry.steps[phase].iter().map(|step| step_message(phase, step)).collect();
    PlanMessage {
        incarnation,
        trials: plan.most_trials(),
        phases: plan.phases.clone(),
        shell: entry.shell.clone(),
        directory: entry.directory.clone(),
        versions: Vec::new(),
        scratch: Some(if settings.keep_scratch { ScratchMessage::Keep } else { ScratchMessage::Remove }),
        environment: environment(plan, point, worker),
        step_timeout: settings.step_timeout.map(nanoseconds),
        reset_timeout: nanoseconds(settings.reset_timeout),
        lease: nanoseconds(settings.lease),
        startup: steps(Phase::Startup),
        run: steps(Phase::Run),
        collect: steps(Phase::Collect),
        reset: steps(Phase::Reset),
    }
}

/// Describes which worker's plan is larger than a player accepts, and what it has too much of. Returns `None` if all
/// are accepted. No part of a plan can be left out, and no player is asked.
pub fn too_large(plan: &Plan) -> Option<String> {
    /// The most bytes that one byte of a text becomes (`\\u0001`).
    const MOST_ESCAPED: usize = 6;
    let common = common_variables(plan);
    let parameters = plan.points.first().map_or(0, |point| point.parameters.len());
    let common_length = to_json(&common).len();
    // Most plans are far below all limits, so their messages need not be created.
    let is_small = |worker: &WorkerPlan| {
        // In this form, a text is at least as long as in memory, and what surrounds it is longer than in a message.
        let own = format!("{worker:?}").len().saturating_mul(MOST_ESCAPED);
        common_length.saturating_add(own) < LARGEST_PLAN
            // One more variable contains the worker's name.
            && common.len() + parameters + worker.environment.len() < MOST_VARIABLES
            && Phase::ALL.into_iter().all(|phase| worker.steps[phase].len() <= MOST_STEPS)
    };
    let all = (0..plan.points.len()).map(PointId).flat_map(|point| plan.workers().map(move |(id, _)| (point, id)));
    all.into_iter().find_map(|(point, id)| {
        let worker = plan.worker_at(point, id);
        if is_small(worker) {
            return None;
        }
        // The longest incarnation that a player may send.
        let message = plan_message(plan, point, id, Some("x".repeat(LONGEST_NAME)));
        let why = message.check().err()?;
        let at = if plan.points.len() > 1 { format!(" at `{}`", plan.point_name(point)) } else { String::new() };
        Some(format!("the plan of worker `{}` (`{}`){at} has {why}", worker.name, worker.file.display()))
    })
}

/// Describes what a worker's plan needs but its player cannot do. Players announce what they can do.
pub(crate) fn missing_features(plan: &Plan, worker: WorkerId, features: &[String]) -> Option<String> {
    let points = (0..plan.points.len()).map(PointId);
    let steps =
        points.flat_map(|point| plan.phases.iter().flat_map(move |phase| &plan.worker_at(point, worker).steps[*phase]));
    let needed = steps.filter_map(|step| match &step.action {
        Action::Await { .. } => Some((AWAIT, "`await:`")),
        _ if step.uses_scratch() => Some((SCRATCH, "`$CONDUCTOR_SCRATCH`")),
        _ => None,
    });
    let several = (plan.points.len() > 1).then_some((POINTS, "`[Parameters]`"));
    let needed = needed.chain(several);
    let missing: BTreeSet<_> = needed.filter(|(name, _)| features.iter().all(|feature| feature != name)).collect();
    let words: Vec<_> = missing.into_iter().map(|(_, words)| words).collect();
    (!words.is_empty()).then(|| words.join(" and "))
}

/// The worker's own variables, followed by those that every step gets.
fn environment(plan: &Plan, point: PointId, worker: WorkerId) -> Vec<(String, String)> {
    let entry = plan.worker_at(point, worker);
    let mut variables = entry.environment.clone();
    variables.extend(common_variables(plan));
    variables.extend(parameter_variables(plan, point));
    variables.push(("CONDUCTOR_WORKER".to_owned(), entry.name.to_string()));
    variables
}

/// The variables with the parameters at a point.
pub(crate) fn parameter_variables(plan: &Plan, point: PointId) -> impl Iterator<Item = (String, String)> + '_ {
    let parameters = plan.point(point).into_iter().flat_map(|point| &point.parameters);
    parameters.map(|(name, value)| (variable("CONDUCTOR_PARAM", name), value.clone()))
}

/// The variables with what is common to a run: its name, its trials, its workers and their addresses.
pub(crate) fn common_variables(plan: &Plan) -> Vec<(String, String)> {
    let names: Vec<_> = plan.workers.iter().map(|worker| worker.name.as_str()).collect();
    let own = [
        ("CONDUCTOR_RUN", plan.run.to_string()),
        ("CONDUCTOR_TRIALS", plan.planned_trials().to_string()),
        ("CONDUCTOR_WORKERS", names.join(" ")),
    ];
    let address = |worker: &WorkerPlan| (variable("CONDUCTOR_ADDR", worker.name.as_str()), worker.player_host.clone());
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
    own.chain(plan.workers.iter().filter(|worker| !worker.player_host.is_empty()).map(address)).collect()
}

/// Returns a step's message. A file of `put:` is identified by its step: the player requests it when it comes to that
/// step.
fn step_message(phase: Phase, step: &Step) -> StepMessage {
    let (command, action) = match &step.action {
        Action::Command(command) => (command.clone(), None),
        Action::Barrier(name) => (String::new(), Some(ActionMessage::Barrier { name: name.clone() })),
        Action::Stop(label) => (String::new(), Some(ActionMessage::Stop { label: label.as_str().to_owned() })),
        Action::Await { label, pattern } => {
            let (label, pattern) = (label.as_str().to_owned(), pattern.clone());
            (String::new(), Some(ActionMessage::Await { label, pattern }))
        }
        Action::Fetch(pattern) => {
            let (pattern, scratch) = in_scratch(pattern).map_or((pattern.as_str(), false), |inside| (inside, true));
            (String::new(), Some(ActionMessage::Fetch { pattern: pattern.to_owned(), scratch }))
        }
        Action::Put { remote, .. } => (String::new(), Some(ActionMessage::Put { remote: remote.clone() })),
    };
    let timeout = step.bound.map(|bound| match bound {
        Bound::Timeout(limit) | Bound::For(limit) => nanoseconds(limit),
    });
    StepMessage {
        label: step.label.as_str().to_owned(),
        command,
        action,
        must: step.must_pass(phase),
        spawn: step.mode == Mode::Spawn,
        parallel: step.mode == Mode::Parallel,
        timeout,
        passes_at_limit: matches!(step.bound, Some(Bound::For(_))),
        until: step
            .until
            .map(|until| UntilMessage { limit: nanoseconds(until.limit), attempt: until.attempt.map(nanoseconds) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conduct::testing::plan;
    use crate::model::Gate;

    #[test]
    fn a_plan_of_many_short_steps_or_variables_is_too_large_with_the_variables_that_every_worker_has() {
        let of = |variables: usize, steps: usize| {
            let mut plan = plan(2, 0, 1, &Phase::ALL);
            plan.workers[1].environment = vec![("A".to_owned(), String::new()); variables];
            plan.workers[1].steps[Phase::Run] = vec![Step::plain("s", ""); steps];
            too_large(&plan)
        };
        // Three variables and the address of each worker are common, and one contains the worker's name.
        assert_eq!(of(MOST_VARIABLES - 6, MOST_STEPS), None);
        let too_many = of(MOST_VARIABLES - 5, 0).unwrap();
        assert!(
            too_many.starts_with("the plan of worker `w1` (`w.cfg`) has too many variables in a plan"),
            "{too_many}"
        );
        let too_many = of(0, MOST_STEPS + 1).unwrap();
        assert!(too_many.starts_with("the plan of worker `w1` (`w.cfg`) has too many steps in a phase"), "{too_many}");
    }

    #[test]
    fn a_barrier_must_be_passed_unless_its_failure_does_not_count_or_it_stands_in_reset() {
        let mut plan = plan(1, 0, 1, &Phase::ALL);
        let barrier = |gate| Step { action: Action::Barrier("all".to_owned()), gate, ..Step::plain("meet", "") };
        for phase in [Phase::Run, Phase::Reset] {
            plan.workers[0].steps[phase] = [Gate::Plain, Gate::Must, Gate::MayFail].map(barrier).to_vec();
        }
        let message = plan_message(&plan, PointId(0), WorkerId(0), None);
        let must = |steps: &[StepMessage]| steps.iter().map(|step| step.must).collect::<Vec<_>>();
        assert_eq!(must(&message.run), [true, true, false]);
        assert_eq!(must(&message.reset), [false, true, false]);
    }
}
