//! Tests reports of simulated runs: the reported causes are the injected faults, and everything else that went wrong
//! followed from one of these. The expected causes are computed here from the events, without the model of `report`.

mod scenarios;
mod traces;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::conduct::testing::{Fault, Simulated, plan, simulate};
use crate::model::{
    Action, Bound, Event, Gate, Mode, OnFailure, Outcome, Phase, Plan, Step, StepReference, Verdict, WorkerId,
};
use crate::report::testing::{Told, causes};

/// The labels of the steps of Run in the plan below; their positions matter.
const RUN: [&str; 6] = ["first", "a", "middle", "ready", "b", "last"];

/// A plan in which every worker prepares, spawns a server, works, meets the others at two barriers, and awaits its
/// server; then collects what its last step of Run wrote, and resets.
fn plan_of(workers: usize, trials: u32, choices: &[usize]) -> Plan {
    let mut plan = plan(workers, 1, trials, &Phase::ALL);
    let mut chosen = choices.iter().copied().cycle();
    let step = |label: &str| Step::plain(label, label);
    for worker in &mut plan.workers {
        let mut gated = |label: &str| {
            const GATES: [Gate; 4] = [Gate::Plain, Gate::Must, Gate::Plain, Gate::MayFail];
            Step { gate: GATES[chosen.next().unwrap_or_default() % 4], ..step(label) }
        };
        let server = Step { mode: Mode::Spawn, ..step("server") };
        worker.steps[Phase::Startup] = vec![gated("prepare"), server];
        let (label, pattern) = ("server".to_owned(), "up".to_owned());
        let limit = Some(Bound::Timeout(Duration::from_secs(20)));
        worker.steps[Phase::Run] = RUN
            .into_iter()
            .map(|name| match name {
                "a" | "b" => Step { action: Action::Barrier(name.to_owned()), bound: limit, ..step(name) },
                "ready" => {
                    let action = Action::Await { label: label.clone(), pattern: pattern.clone() };
                    Step { action, ..step(name) }
                }
                other => gated(other),
            })
            .collect();
        let file = Step { action: Action::Fetch("file".to_owned()), ..step("file") };
        worker.steps[Phase::Collect] = vec![gated("collect"), file];
        worker.steps[Phase::Reset] = vec![step("reset")];
    }
    plan
}

/// A fault: its kind, its worker, its place among the steps, and its trial.
type Choice = (usize, usize, usize, u32);

/// Returns the chosen faults, at most one for each step.
fn faults_of(plan: &Plan, choices: &[Choice]) -> BTreeSet<Fault> {
    const PLACES: [(Phase, usize); 7] = [
        (Phase::Startup, 0),
        (Phase::Startup, 1),
        (Phase::Run, 0),
        (Phase::Run, 2),
        (Phase::Run, 5),
        (Phase::Collect, 0),
        (Phase::Reset, 0),
    ];
    let mut at: BTreeMap<StepReference, Fault> = BTreeMap::new();
    let mut others = BTreeSet::new();
    for (number, (kind, worker, place, trial)) in choices.iter().copied().enumerate() {
        let worker = WorkerId(worker % plan.workers.len());
        let (phase, position) = PLACES[place % PLACES.len()];
        let step = StepReference { trial: 1 + trial % plan.trials, phase, worker, position };
        let status = 1 + i32::try_from(number % 2).unwrap();
        let (server, first) = (
            StepReference { phase: Phase::Startup, position: 1, ..step },
            StepReference { phase: Phase::Run, position: 0, ..step },
        );
        match kind {
            0 | 1 => _ = at.entry(step).or_insert(Fault::Fails(step, status)),
            2 => _ = at.entry(step).or_insert(Fault::NotStarted(step)),
            3 => _ = at.entry(step).or_insert(Fault::Slow(step, Duration::from_secs(100))),
            4 => {
                let after = Duration::from_millis(300 + 700 * place as u64);
                at.entry(server).or_insert(Fault::Dies(server, after, status));
            }
            5 => _ = at.entry(step).or_insert(Fault::Loses(step)),
            6 => _ = others.insert(Fault::Unreachable(worker)),
            7 => _ = at.entry(first).or_insert(Fault::Late(first, Duration::from_secs(1))),
            8 => _ = at.entry(step).or_insert(Fault::DiskFull(step)),
            9 => _ = others.insert(Fault::Check(step.trial)),
            _ => {
                if !others.iter().any(|fault| matches!(fault, Fault::Interrupt(_))) {
                    others.insert(Fault::Interrupt(Duration::from_millis(1500 * (place as u64 + 1))));
                }
            }
        }
    }
    at.into_values().chain(others).collect()
}

/// A cause, as expected or as reported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Step(StepReference),
    Unfinished(BTreeSet<StepReference>),
    Lost(u32, WorkerId),
    LeftOut(WorkerId),
    Unreachable(WorkerId),
    Skew(u32, Phase),
    Unwritten(WorkerId),
    Check(u32),
    Interrupted,
}

/// What went wrong, according to the events of a run.
struct Facts<'a> {
    plan: &'a Plan,
    simulated: &'a Simulated,
    outcomes: BTreeMap<StepReference, Outcome>,
}

impl<'a> Facts<'a> {
    fn new(plan: &'a Plan, simulated: &'a Simulated) -> Self {
        let mut outcomes = BTreeMap::new();
        for stamped in &simulated.events {
            if let Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } = &stamped.event {
                outcomes.insert(*step, result.outcome.clone());
            }
        }
        Self { plan, simulated, outcomes }
    }

    fn counts(&self, step: StepReference) -> bool {
        step.phase != Phase::Reset && self.plan.step(step).is_some_and(|step| step.gate != Gate::MayFail)
    }

    /// The steps that have to be reported.
    fn bad(&self) -> BTreeSet<StepReference> {
        let bad = self.outcomes.iter().filter(|(step, outcome)| match outcome {
            Outcome::Lost => true,
            Outcome::Skipped(_) => step.phase != Phase::Reset,
            outcome => outcome.is_failure() && self.counts(**step),
        });
        bad.map(|(step, _)| *step).collect()
    }

    /// The faults that happened, as causes.
    fn expected(&self) -> BTreeSet<Cause> {
        let mut expected = BTreeSet::new();
        for fault in &self.simulated.came_to_pass {
            if let Fault::Fails(step, _) | Fault::NotStarted(step) | Fault::Dies(step, ..) = fault {
                let failed = self.outcomes.get(step).is_some_and(Outcome::is_failure);
                expected.extend((failed && self.counts(*step)).then_some(Cause::Step(*step)));
            }
        }
        expected.extend(self.simulated.gave_up.iter().map(|open| Cause::Unfinished(open.clone())));
        let mut checks = Vec::new();
        let (mut trial, mut is_checking) = (None, false);
        let mut incomplete = BTreeSet::new();
        for stamped in &self.simulated.events {
            match &stamped.event {
                Event::TrialStarted { trial: number, .. } => trial = Some(*number),
                Event::TrialEnded { .. } => (trial, is_checking) = (None, false),
                Event::CheckStarted { .. } => is_checking = true,
                Event::WorkerLost { worker, .. } => {
                    incomplete.extend(trial.filter(|_| !is_checking));
                    expected.insert(trial.map_or(Cause::LeftOut(*worker), |trial| Cause::Lost(trial, *worker)));
                }
                Event::WorkerUnreachable { worker, .. } => _ = expected.insert(Cause::Unreachable(*worker)),
                Event::OutputFailed { worker: Some(worker), .. } => {
                    incomplete.extend(trial);
                    expected.insert(Cause::Unwritten(*worker));
                }
                Event::Interrupted { .. } => _ = expected.insert(Cause::Interrupted),
                Event::CheckEnded { trial, result } if result.outcome.is_failure() => checks.push(*trial),
                Event::PhaseEnded { trial, phase, skew: Some(skew) } if *phase != Phase::Reset => {
                    let limit = self.plan.settings.max_start_skew;
                    if skew.unknown.is_empty() && limit.is_some_and(|limit| skew.spread > limit) {
                        expected.insert(Cause::Skew(*trial, *phase));
                    }
                }
                _ => {}
            }
        }
        for cause in &expected {
            match cause {
                Cause::Step(step) => _ = incomplete.insert(step.trial),
                Cause::Unfinished(steps) => incomplete.extend(steps.iter().map(|step| step.trial)),
                Cause::LeftOut(_) => incomplete.extend(1..=self.plan.trials),
                _ => {}
            }
        }
        expected.extend(checks.into_iter().filter(|trial| !incomplete.contains(trial)).map(Cause::Check));
        expected
    }

    /// The reported causes, one by one.
    fn told(told: &[Told]) -> BTreeSet<Cause> {
        let all = told.iter().flat_map(|told| {
            let each = |cause: fn(WorkerId) -> Cause| told.workers.iter().map(|worker| cause(*worker)).collect();
            let trial = told.trial.unwrap_or_default();
            let causes: Vec<Cause> = match told.kind {
                "step" => told.steps.iter().map(|step| Cause::Step(*step)).collect(),
                "unfinished" => vec![Cause::Unfinished(told.steps.iter().copied().collect())],
                "lost" => told.workers.iter().map(|worker| Cause::Lost(trial, *worker)).collect(),
                "left out" => each(Cause::LeftOut),
                "unreachable" => each(Cause::Unreachable),
                "start skew" => vec![Cause::Skew(trial, told.phase.expect("a phase"))],
                "not written" => each(Cause::Unwritten),
                "check" => told.trials.iter().copied().map(Cause::Check).collect(),
                "interrupted" => vec![Cause::Interrupted],
                other => panic!("{other}: {told:?}"),
            };
            causes
        });
        all.collect()
    }

    /// Checks that each step that went wrong is reported once, and no other step is reported as failed.
    fn every_step_is_told_once(&self, told: &[Told]) {
        let mut counts: BTreeMap<StepReference, usize> = BTreeMap::new();
        for step in told.iter().flat_map(|told| told.steps.iter().chain(&told.consequences)) {
            *counts.entry(*step).or_default() += 1;
        }
        for (step, count) in &counts {
            assert_eq!(*count, 1, "{step:?} is told {count} times: {told:#?}");
        }
        let bad = self.bad();
        for step in &bad {
            assert!(counts.contains_key(step), "{step:?} is not told: {:?}, {told:#?}", self.outcomes[step]);
        }
        let stopped = |step: &StepReference| self.outcomes.get(step) == Some(&Outcome::Stopped);
        let unfinished = |step: &StepReference| self.simulated.gave_up.iter().any(|open| open.contains(step));
        for step in counts.keys().filter(|step| !bad.contains(*step)) {
            assert!(stopped(step) || unfinished(step), "{step:?} went wrong in no way: {told:#?}");
        }
    }

    /// Checks that a skipped step has the same cause as the step because of which its player skipped it.
    fn skipped_steps_are_where_their_reasons_are(&self, told: &[Told]) {
        let place = |step: &StepReference| {
            told.iter().position(|told| told.steps.contains(step) || told.consequences.contains(step))
        };
        let skipped = |step: &StepReference| matches!(self.outcomes.get(step), Some(Outcome::Skipped(_)));
        for (step, reason) in self.simulated.skipped_for.iter().filter(|(step, _)| skipped(step)) {
            if step.phase != Phase::Reset && self.outcomes.contains_key(reason) {
                assert_eq!(place(step), place(reason), "{step:?} was skipped for {reason:?}: {told:#?}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_causes_that_are_told_are_the_faults_that_were_put_in(
        (workers, trials) in (1..6_usize, 1..3_u32),
        (skip, stop) in (any::<bool>(), any::<bool>()),
        gates in vec(0..8_usize, 7..30),
        choices in vec((0..11_usize, 0..5_usize, 0..7_usize, 0..2_u32), 0..5),
    ) {
        let mut plan = plan_of(workers, trials, &gates);
        plan.settings.max_start_skew = Some(Duration::from_millis(500));
        plan.settings.check = Some("judge".to_owned());
        plan.settings.on_failure = if stop { OnFailure::Stop } else { OnFailure::Continue };
        let faults = faults_of(&plan, &choices);
        let simulated = simulate(plan.clone(), skip, &faults);
        let (facts, told) = (Facts::new(&plan, &simulated), causes(&simulated.events));
        assert_eq!(Facts::told(&told), facts.expected(), "{told:#?}");
        facts.every_step_is_told_once(&told);
        facts.skipped_steps_are_where_their_reasons_are(&told);
        let only = matches!(&told[..], [one] if one.kind != "interrupted");
        assert!(!only || told[0].consequences.len() + told[0].steps.len() >= facts.bad().len());
        match simulated.verdict {
            Verdict::Passed => assert!(told.iter().all(|told| told.kind == "not written"), "{told:#?}"),
            _ => assert!(!told.is_empty()),
        }
    }
}
