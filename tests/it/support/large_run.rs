//! The events of a large run, as the coordinator would tell them, without having run anything.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "each test file uses the part of it that it needs, so no expectation holds in all of them"
)]

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use conductor::model::{
    ClockAnchor, Conclusion, ConductorTime, Definitions, Destination, Ending, Event, Outcome, Output, Phase, PhaseMap,
    Plan, PlayerDescription, PlayerTime, Point, Reason, RunId, RunSettings, Schedule, Stamped, Start, StartSkew, Step,
    StepReference, StepResult, Verdict, WorkerId, WorkerName, WorkerPlan,
};

const MILLISECOND: u64 = 1_000_000;

/// How large.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    pub workers: usize,
    pub steps: usize,
    pub trials: u32,
}

/// Numbers that look like chance and are the same every time.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn plan(size: Size) -> Plan {
    let step =
        |phase: Phase, index: usize| Step::plain(&format!("{phase}{index}"), &format!("do-{phase} --part {index}"));
    let worker = |index: usize| WorkerPlan {
        name: WorkerName::new(&format!("node{:04}", index + 1)).expect("a name"),
        file: PathBuf::from("node.cfg"),
        player: Destination { host: "10.0.0.1".to_owned(), port: 6970 }.into(),
        player_host: "10.0.0.1".to_owned(),
        conductor: None,
        results_port: 6971,
        shell: "/bin/sh".to_owned(),
        directory: None,
        environment: Vec::new(),
        variables: Definitions::default(),
        steps: PhaseMap::from_fn(|phase| (0..size.steps).map(|index| step(phase, index)).collect()),
    };
    Plan {
        run: RunId::new("large").expect("a name"),
        file: PathBuf::from("large.cfg"),
        trials: size.trials,
        phases: Phase::ALL.to_vec(),
        settings: RunSettings::default(),
        variables: Definitions::default(),
        metrics: Vec::new(),
        workers: (0..size.workers).map(worker).collect(),
        points: vec![Point::default()],
        schedule: Schedule::default(),
    }
}

/// All events of a run of this size: each step has some output, and one in about a thousand fails.
pub fn events(size: Size) -> Vec<Stamped> {
    let plan = Arc::new(plan(size));
    let mut now = 5_000 * MILLISECOND;
    let mut events = Vec::new();
    let mut chance = Chance(1);
    let at = ConductorTime::from_nanoseconds;
    let mut tell = |now: u64, event: Event| events.push(Stamped { at: at(now), event });
    let utc = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    tell(now, Event::RunStarted { plan: Arc::clone(&plan), anchor: ClockAnchor { conductor: at(now), utc } });
    for (worker, _) in plan.workers() {
        let player = PlayerDescription::Session {
            version: "0.1.0".to_owned(),
            host: format!("host{}", worker.0),
            system: None,
            kernel: None,
        };
        tell(now, Event::WorkerConnected { worker, player });
    }
    for trial in 1..=size.trials {
        tell(now, Event::trial_started(&plan, trial, 1));
        for phase in Phase::ALL {
            now = one_phase(&plan, (trial, phase), now, &mut chance, &mut tell);
        }
        tell(now, Event::TrialEnded { trial, verdict: Verdict::Failed });
    }
    let conclusion = Conclusion::new(Verdict::Failed, vec![Reason::Failed("some steps failed".to_owned())]);
    tell(now, Event::RunEnded { conclusion });
    events
}

fn one_phase(
    plan: &Plan,
    (trial, phase): (u32, Phase),
    begin: u64,
    chance: &mut Chance,
    tell: &mut impl FnMut(u64, Event),
) -> u64 {
    tell(begin, Event::PhaseStarted { trial, phase });
    for (worker, _) in plan.workers() {
        tell(begin + MILLISECOND, Event::PhaseReceived { trial, phase, worker });
    }
    let go = begin + 40 * MILLISECOND;
    tell(begin + 2 * MILLISECOND, Event::PhaseGo { trial, phase, lead: Duration::from_millis(38) });
    let (mut last, mut starts, mut ends) = (go, Vec::new(), Vec::new());
    for (worker, planned) in plan.workers() {
        let mut time = go + chance.below(900_000);
        for position in 0..planned.steps[phase].len() {
            let step = StepReference { trial, phase, worker, position };
            let started = Start {
                at: ConductorTime::from_nanoseconds(time),
                error: Duration::from_nanos(50_000 + chance.below(100_000)),
                player: PlayerTime::from_nanoseconds(time + 77),
                late: Duration::ZERO,
            };
            if position == 0 {
                starts.push(started);
            }
            tell(time, Event::StepStarted { step, started });
            let took = 200 * MILLISECOND + chance.below(800 * MILLISECOND) * if phase == Phase::Run { 4 } else { 1 };
            time += took;
            ends.push((time + MILLISECOND, step, result(started, took, worker, chance)));
            time += MILLISECOND;
        }
        last = last.max(time);
    }
    ends.sort_by_key(|(time, ..)| *time);
    for (time, step, result) in ends {
        tell(time, Event::StepEnded { step, result });
    }
    for (worker, _) in plan.workers() {
        tell(last, Event::WorkerPhaseEnded { trial, phase, worker });
    }
    tell(last, Event::PhaseEnded { trial, phase, skew: StartSkew::of(&starts, Vec::new()) });
    last + 5 * MILLISECOND
}

fn result(started: Start, took: u64, worker: WorkerId, chance: &mut Chance) -> StepResult {
    let outcome = match chance.below(2000) {
        0 => Outcome::Failed(Ending::Exit(3)),
        1 => Outcome::TimedOut(Duration::from_secs(1)),
        _ => Outcome::Passed,
    };
    let stderr = if outcome.is_failure() { "no route to host\n" } else { "" };
    StepResult {
        started: Some(started),
        duration: Some(Duration::from_nanos(took)),
        stdout: Output::from_bytes(format!("node {} sent {} packets\n", worker.0, chance.below(1_000_000))),
        stderr: Output::from_bytes(stderr),
        ..StepResult::without_output(outcome)
    }
}
