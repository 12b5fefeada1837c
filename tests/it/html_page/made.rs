//! Events of a small run that was not run, with times to the nanosecond.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use conductor::model::{
    ClockAnchor, Conclusion, ConductorTime, Definitions, Destination, Event, Outcome, Phase, PhaseMap, Plan,
    PlayerDescription, PlayerTime, Point, Reason, RunId, RunSettings, Schedule, Stamped, Start, Step, StepReference,
    StepResult, Verdict, WorkerId, WorkerName, WorkerPlan,
};

const MILLISECOND: u64 = 1_000_000;

/// A step: its worker and when it started, in milliseconds on the conductor's clock as it was estimated and on the
/// player's, with the error of the estimate; how long it ran.
pub(super) struct Ran {
    pub(super) worker: usize,
    pub(super) start: u64,
    pub(super) player: u64,
    pub(super) error: u64,
    pub(super) duration: u64,
    pub(super) result: StepResult,
}

/// What a step left that ended so.
pub(super) fn ended(outcome: Outcome) -> StepResult {
    StepResult { outcome, ..StepResult::default() }
}

fn plan(workers: &[&str], steps: &[Ran]) -> Plan {
    let worker = |(number, name): (usize, &&str)| {
        let own = steps.iter().filter(|step| step.worker == number).count();
        let step = |position| Step::plain(&format!("step{position}"), &format!("run {position}"));
        let mut planned = PhaseMap::from_fn(|_| Vec::new());
        planned[Phase::Run] = (0..own).map(step).collect();
        WorkerPlan {
            name: WorkerName::new(name).expect("a name"),
            file: PathBuf::from("node.cfg"),
            player: Destination { host: "10.0.0.1".to_owned(), port: 6970 }.into(),
            player_host: "10.0.0.1".to_owned(),
            conductor: None,
            results_port: 6971,
            shell: "/bin/sh".to_owned(),
            directory: None,
            environment: Vec::new(),
            variables: Definitions::default(),
            steps: planned,
        }
    };
    Plan {
        run: RunId::new("made").expect("a name"),
        file: PathBuf::from("made.cfg"),
        trials: 1,
        phases: vec![Phase::Run],
        settings: RunSettings::default(),
        variables: Definitions::default(),
        metrics: Vec::new(),
        workers: workers.iter().enumerate().map(worker).collect(),
        points: vec![Point::default()],
        schedule: Schedule::default(),
    }
}

/// A trial of Run with these steps, which ends after so many milliseconds; `more` comes before the end.
pub(super) fn events(workers: &[&str], steps: Vec<Ran>, end: u64, more: Vec<Event>) -> Vec<Stamped> {
    let plan = Arc::new(plan(workers, &steps));
    let at = |milliseconds: u64| ConductorTime::from_nanoseconds(milliseconds * MILLISECOND);
    let utc = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let (trial, phase) = (1, Phase::Run);
    let mut events = vec![
        Event::RunStarted { plan: Arc::clone(&plan), anchor: ClockAnchor { conductor: at(0), utc } },
        Event::trial_started(&plan, trial, 1),
        Event::PhaseStarted { trial, phase },
    ];
    let player =
        PlayerDescription::Session { version: "0.1.0".to_owned(), host: "box".to_owned(), system: None, kernel: None };
    events.extend(plan.workers().map(|(worker, _)| Event::WorkerConnected { worker, player: player.clone() }));
    let mut events: Vec<Stamped> = events.into_iter().map(|event| Stamped { at: at(0), event }).collect();
    let mut positions = vec![0; workers.len()];
    for Ran { worker, start, player, error, duration, result } in steps {
        let position = positions[worker];
        positions[worker] += 1;
        let step = StepReference { trial, phase, worker: WorkerId(worker), position };
        let started = Start {
            at: at(start),
            error: Duration::from_millis(error),
            player: PlayerTime::from_nanoseconds(player * MILLISECOND),
            late: Duration::ZERO,
        };
        let duration = Some(Duration::from_millis(duration));
        let result = StepResult { started: Some(started), duration, ..result };
        events.push(Stamped { at: at(end), event: Event::StepEnded { step, result } });
    }
    let conclusion = Conclusion::new(Verdict::Failed, vec![Reason::Failed("a step failed".to_owned())]);
    let last = [
        Event::PhaseEnded { trial, phase, skew: None },
        Event::TrialEnded { trial, verdict: Verdict::Failed },
        Event::RunEnded { conclusion },
    ];
    events.extend(more.into_iter().chain(last).map(|event| Stamped { at: at(end), event }));
    events
}
