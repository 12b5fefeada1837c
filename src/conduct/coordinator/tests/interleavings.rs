//! Random orders of events: the guarantees hold in each of them.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;

use super::world::{LEAVES, World};
use crate::conduct::coordinator::Input;
use crate::conduct::event::End;
use crate::conduct::testing::plan;
use crate::model::{
    Action, Ending, Event, OnFailure, OnInterrupt, Order, Outcome, Phase, Plan, Point, PointId, Reason, Rounds,
    Schedule, Step as ModelStep, StepId, Verdict, WorkerId,
};

/// One thing that may happen next.
#[derive(Debug, Clone)]
enum Step {
    Speak(usize),
    Cut(usize),
    Unreachable(usize),
    Mute(usize),
    Break(usize),
    Mend(usize),
    Leave(usize, bool),
    Withdraw(usize),
    CheckEnds,
    MeasuringEnds,
    Wait,
    HeldUp,
    Interrupt,
    OutputFails,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        120 => (0..4_usize).prop_map(Step::Speak),
        1 => (0..4_usize).prop_map(Step::Cut),
        1 => (0..4_usize).prop_map(Step::Unreachable),
        1 => (0..4_usize).prop_map(Step::Mute),
        3 => (0..4_usize).prop_map(Step::Break),
        9 => (0..4_usize).prop_map(Step::Mend),
        1 => (0..4_usize, any::<bool>()).prop_map(|(worker, after)| Step::Leave(worker, after)),
        1 => (0..4_usize).prop_map(Step::Withdraw),
        3 => Just(Step::CheckEnds),
        3 => Just(Step::MeasuringEnds),
        1 => Just(Step::Wait),
        1 => Just(Step::HeldUp),
        1 => Just(Step::Interrupt),
        1 => Just(Step::OutputFails),
    ]
}

fn never(_: WorkerId, _: StepId) -> Outcome {
    Outcome::Passed
}

fn sometimes(worker: WorkerId, place: StepId) -> Outcome {
    let number = worker.0 + place.position + place.phase as usize;
    if number.is_multiple_of(3) { Outcome::Failed(Ending::Exit(1)) } else { Outcome::Passed }
}

fn phases() -> impl Strategy<Value = Vec<Phase>> {
    proptest::sample::subsequence(Phase::ALL.to_vec(), 1..=4)
}

struct Check<'a> {
    world: &'a World,
    interrupts: usize,
}

impl Check<'_> {
    /// Checks that each step of a phase that has begun has one end for each worker that took part.
    fn steps(&self) {
        let mut lost = Vec::new();
        let mut expected: BTreeMap<_, usize> = BTreeMap::new();
        for event in &self.world.reports {
            match event {
                Event::WorkerLost { worker, .. } => lost.push(*worker),
                Event::Warning { worker: Some(worker), text } if text == LEAVES => lost.push(*worker),
                Event::WorkerConnected { worker, .. } => lost.retain(|gone| gone != worker),
                Event::PhaseStarted { trial, phase } => {
                    let plan = &self.world.plan;
                    for (id, _) in plan.workers().filter(|(id, _)| !lost.contains(id)) {
                        for position in 0..plan.worker_in(*trial, id).steps[*phase].len() {
                            expected.insert((*trial, *phase, id, position), 0);
                        }
                    }
                }
                Event::StepEnded { step, .. } => {
                    // A worker that leaves runs its Reset at any time, and then all of it.
                    if step.phase == Phase::Reset && lost.contains(&step.worker) {
                        for position in 0..self.world.plan.worker_in(step.trial, step.worker).steps[step.phase].len() {
                            expected.entry((step.trial, step.phase, step.worker, position)).or_insert(0);
                        }
                    }
                    let key = (step.trial, step.phase, step.worker, step.position);
                    *expected.get_mut(&key).expect("only what was begun can end") += 1;
                }
                _ => {}
            }
        }
        for (key, count) in expected {
            assert_eq!(count, 1, "{key:?}");
        }
    }

    /// Checks that everything that is opened is closed, in order, and that the end comes last.
    fn order(&self) {
        let ends = self.world.reports.iter().filter(|event| matches!(event, Event::RunEnded { .. })).count();
        assert_eq!(ends, 1);
        assert!(matches!(self.world.reports.first(), Some(Event::RunStarted { .. })));
        assert!(matches!(self.world.reports.last(), Some(Event::RunEnded { .. })));
        let count = |seen: fn(&Event) -> bool| self.world.reports.iter().filter(|event| seen(event)).count();
        let trials = count(|event| matches!(event, Event::TrialStarted { .. }));
        assert_eq!(trials, count(|event| matches!(event, Event::TrialEnded { .. })));
    }

    /// Checks that every session is closed once, by one side.
    fn sessions(&self) {
        for (index, player) in self.world.players.iter().enumerate() {
            assert!(player.begun);
            assert!(player.over || player.closed > 0, "w{index} is still open");
        }
    }

    /// Checks that Reset was run wherever something was started, unless the worker was lost or the conductor left at
    /// once.
    fn resets(&self) {
        if self.interrupts > 1 || !self.world.plan.has(Phase::Reset) {
            return;
        }
        let lost = self.world.reports.iter().filter_map(|event| match event {
            Event::WorkerLost { worker, .. } => Some(*worker),
            _ => None,
        });
        let lost: Vec<_> = lost.collect();
        let gone = |event: &&Event| matches!(event, Event::PhaseGo { phase, .. } if *phase != Phase::Reset);
        let trials: std::collections::BTreeSet<_> = self
            .world
            .reports
            .iter()
            .filter(gone)
            .filter_map(|event| match event {
                Event::PhaseGo { trial, .. } => Some(*trial),
                _ => None,
            })
            .collect();
        for (id, _) in self.world.plan.workers().filter(|(id, _)| !lost.contains(id)) {
            assert!(self.world.players[id.0].resets >= trials.len(), "w{} has no reset", id.0);
        }
    }

    /// Checks that what was said about Resets that workers ran by themselves is reported, and that these count as
    /// Resets.
    fn own_resets(&self) {
        let is_told = |event: &Event, who: WorkerId, place: StepId| {
            matches!(event, Event::StepEnded { step, result } if result.outcome != Outcome::Lost
                && (step.worker, step.trial, step.phase, step.position) == (who, place.trial, place.phase, place.position))
        };
        for (who, place) in &self.world.own_steps {
            assert!(
                self.world.reports.iter().any(|event| is_told(event, *who, *place)),
                "{who:?} {place:?} is missing"
            );
        }
        for (who, of) in &self.world.own_resets {
            let is_over = |event: &&Event| matches!(event, Event::WorkerPhaseEnded { trial, phase: Phase::Reset, worker } if (worker, trial) == (who, of));
            assert_eq!(self.world.reports.iter().filter(is_over).count(), 1, "the Reset of {who:?} in trial {of}");
        }
    }

    fn verdict(&self) {
        let conclusion = self.world.conclusion.as_ref().expect("the run is over");
        assert_eq!(
            conclusion.verdict == Verdict::Passed,
            conclusion
                .reasons
                .iter()
                .all(|reason| matches!(reason, Reason::NotCarriedOut(text) if text == "an output fails"),)
        );
        let interrupted = conclusion.reasons.iter().any(|reason| matches!(reason, Reason::Interrupted(_)));
        assert_eq!(interrupted, self.interrupts > 0);
    }
}

/// Gives each worker some of two barriers in each phase, before its steps, also in orders that cannot be passed.
fn add_barriers(plan: &mut Plan, choices: &[usize]) {
    const NAMES: [&[&str]; 5] = [&[], &["x"], &["y"], &["x", "y"], &["y", "x"]];
    let barrier = |name: &&str| ModelStep { action: Action::Barrier((*name).to_owned()), ..ModelStep::plain("b", "") };
    for (worker, choices) in plan.workers.iter_mut().zip(choices.chunks(4)) {
        for (phase, choice) in Phase::ALL.into_iter().zip(choices) {
            worker.steps[phase].splice(0..0, NAMES[*choice].iter().map(barrier));
        }
    }
}

/// Makes the plan a series of two points. The second point has other barriers.
fn add_point(plan: &mut Plan, choices: &[usize]) {
    let mut other = plan.clone();
    let choices: Vec<usize> = choices.iter().map(|choice| (choice + 1) % 5).collect();
    add_barriers(&mut other, &choices);
    let point = |name: &str, workers| Point { name: name.to_owned(), workers, ..Point::default() };
    plan.points = vec![point("a=1", Vec::new()), point("a=2", other.workers)];
    let rounds = Rounds { warm_up: 0, counted: plan.trials, most: 0 };
    plan.schedule = Schedule::new(Order::Shuffled, 0, 2, rounds, <[PointId]>::reverse);
    plan.trials *= 2;
}

/// How many orders are tried; `scripts/interleavings` tries more.
fn cases() -> u32 {
    std::env::var("INTERLEAVINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_in_whatever_order_the_run_ends(
        shape in (1..5_usize, 1..4_usize, 1..3_u32, phases()),
        flags in (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
        is_series in any::<bool>(),
        barriers in vec(0..5_usize, 16),
        steps in vec(step(), 0..400),
    ) {
        let (workers, count, trials, phases) = shape;
        let (skip, stop, failing, collect) = flags;
        let mut plan = plan(workers, count, trials, &phases);
        add_barriers(&mut plan, &barriers);
        if is_series {
            add_point(&mut plan, &barriers);
        }
        plan.settings.check = failing.then(|| "judge".to_owned());
        plan.settings.on_failure = if stop { OnFailure::Stop } else { OnFailure::Continue };
        plan.settings.on_interrupt = if collect { OnInterrupt::Collect } else { OnInterrupt::Reset };
        let mut world = World::new(plan, skip);
        world.outcome = if failing { sometimes } else { never };
        world.give(Input::Start);
        let mut interrupts = 0;
        for step in steps {
            if world.conclusion.is_some() {
                break;
            }
            match step {
                Step::Speak(worker) => { world.speak(worker % workers); }
                Step::Cut(worker) => world.cut(worker % workers, End::lost("cut")),
                Step::Unreachable(worker) => world.cut(worker % workers, End::unreachable("far")),
                // In a phase without a limit, a mute player is detected by its connection.
                Step::Mute(worker) => {
                    if world.coordinator.next_deadline().is_some() {
                        world.players[worker % workers].mute = true;
                    }
                }
                Step::Break(worker) => world.set_broken(worker % workers, true),
                Step::Mend(worker) => world.set_broken(worker % workers, false),
                Step::Leave(worker, after) => world.leave(worker % workers, after),
                Step::Withdraw(worker) => world.withdraw(worker % workers),
                Step::CheckEnds => { world.check_ends(if failing { Outcome::Failed(Ending::Exit(1)) } else { Outcome::Passed }); }
                Step::MeasuringEnds => { world.measuring_ends(); }
                Step::HeldUp => {
                    world.now = world.now.plus(Duration::from_mins(10));
                    world.give(Input::HeldUp(Duration::from_mins(10)));
                }
                Step::Wait => { world.wait(); }
                Step::Interrupt => {
                    interrupts += 1;
                    world.give(Input::Interrupt(2));
                }
                Step::OutputFails => world.give(Input::OutputFailed("an output fails".to_owned())),
            }
        }
        for worker in 0..workers {
            if world.players[worker].mute && world.coordinator.next_deadline().is_none() {
                world.cut(worker, End::lost("nothing heard"));
            }
        }
        // A connection that is not restored ends its worker.
        for worker in 0..workers {
            if world.conclusion.is_none() {
                match worker % 2 {
                    0 => world.set_broken(worker, false),
                    _ if world.players[worker].broken => world.cut(worker, End::lost("not back")),
                    _ => {}
                }
            }
        }
        if world.conclusion.is_none() {
            for player in &mut world.players {
                player.mute = false;
            }
            world.finish();
        }
        let check = Check { world: &world, interrupts };
        check.steps();
        check.order();
        check.sessions();
        check.resets();
        check.own_resets();
        check.verdict();
    }
}
