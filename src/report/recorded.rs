//! Recorded runs for tests: the events of a few runs, as the coordinator would report them, with simulated times.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use jiff::{Timestamp, tz::TimeZone};
use snapbox::data::DataFormat;
use snapbox::{Data, assert_data_eq};

use super::record_reporter::{RecordReporter, Render};
use super::{Format, Style, reporter};
use crate::model::{
    Bound, ClockAnchor, Conclusion, ConductorTime, Ending, Event, Gate, Hint, Measured, Measurement, MetricName, Mode,
    Order, Outcome, Output, Phase, PhaseMap, Plan, PlayerDescription, PlayerTime, Point, PointId, Reason, Reporter,
    Rounds, Schedule, Stamped, Start, StartSkew, Step, StepReference, StepResult, Verdict, WorkerId, WorkerPlan,
    testing,
};

/// Returns a style for tests: no color, UTC.
pub(crate) fn plain() -> Style {
    let folder = Some(String::new());
    Style { color: false, terminal: false, time_zone: TimeZone::UTC, folder, results: None, record: None }
}

/// Returns the output of this format's reporter for these events.
pub(crate) fn told(format: Format, style: Style, events: &[Stamped]) -> String {
    written(|writer| reporter(format, writer, style), events)
}

/// Renders these events with `render`.
pub(super) fn rendered(render: Render, events: &[Stamped]) -> String {
    written(|writer| Box::new(RecordReporter::new(render, writer, plain())), events)
}

/// Returns the output of a reporter for these events.
fn written(make: impl FnOnce(Box<dyn Write + Send>) -> Box<dyn Reporter>, events: &[Stamped]) -> String {
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);
    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let written = Shared::default();
    let mut reporter = make(Box::new(written.clone()));
    for stamped in events {
        reporter.report(stamped).unwrap();
    }
    let bytes = written.0.lock().unwrap().clone();
    String::from_utf8(bytes).unwrap()
}

/// Compares a text with a file in `testdata/report`. If the environment contains `SNAPSHOTS=overwrite`, writes the file
/// instead.
pub(crate) fn snapshot(file: &str, text: impl Into<String>) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("testdata/report").join(file);
    let expected = Data::read_from(&path, Some(DataFormat::Text)).raw();
    assert_data_eq!(Data::text(text.into()).raw(), expected);
}

/// Creates a worker with these steps in Startup and Run.
pub(super) fn worker(name: &str, startup: Vec<Step>, run: Vec<Step>) -> WorkerPlan {
    let mut steps = PhaseMap::from_fn(|_| Vec::new());
    steps[Phase::Startup] = startup;
    steps[Phase::Run] = run;
    testing::worker(name, steps)
}

/// Creates a plan of one trial with Startup and Run.
pub(super) fn plan(workers: Vec<WorkerPlan>) -> Plan {
    testing::plan("7f3a", workers, &[Phase::Startup, Phase::Run])
}

/// Creates a spawned step.
pub(super) fn spawned(label: &str, command: &str) -> Step {
    Step { mode: Mode::Spawn, ..Step::plain(label, command) }
}

/// Creates the result of a step that ran for 12 ms.
pub(super) fn left(outcome: Outcome, stdout: &[u8], stderr: &[u8]) -> StepResult {
    StepResult {
        started: Some(Start {
            at: ConductorTime::from_nanoseconds(5_000_000_000),
            error: Duration::from_micros(150),
            player: PlayerTime::from_nanoseconds(7_000_000_000),
            late: Duration::ZERO,
        }),
        duration: Some(Duration::from_millis(12)),
        stdout: Output::from_bytes(stdout),
        stderr: Output::from_bytes(stderr),
        ..StepResult::without_output(outcome)
    }
}

/// Events that are 100 ms apart.
pub(super) struct Recording {
    pub(super) events: Vec<Stamped>,
    plan: Arc<Plan>,
    trial: u32,
    lost: Vec<WorkerId>,
}

impl Recording {
    /// Begins a run.
    pub(super) fn of(plan: Plan) -> Self {
        let plan = Arc::new(plan);
        let utc: Timestamp = "2026-11-23T16:56:17.123456Z".parse().unwrap();
        let conductor = ConductorTime::from_nanoseconds(5_000_000_000);
        let anchor = ClockAnchor { conductor, utc: SystemTime::try_from(utc).unwrap() };
        let mut recording = Self { events: Vec::new(), plan: Arc::clone(&plan), trial: 1, lost: Vec::new() };
        recording.add(Event::RunStarted { plan, anchor });
        recording
    }

    pub(super) fn add(&mut self, event: Event) {
        let at = ConductorTime::from_nanoseconds(5_000_000_000 + 100_000_000 * self.events.len() as u64);
        self.events.push(Stamped { at, event });
    }

    /// Sets the number of the trial that begins next.
    pub(super) fn number(&mut self, trial: u32) {
        self.trial = trial;
    }

    /// Connects all workers and begins the trial.
    pub(super) fn trial(&mut self) {
        for (worker, _) in Arc::clone(&self.plan).workers() {
            let player = PlayerDescription::Session {
                version: "0.1.0".to_owned(),
                host: "box".to_owned(),
                system: Some("Debian GNU/Linux 12 (bookworm)".to_owned()),
                kernel: Some("Linux 6.1.0-18-amd64 x86_64".to_owned()),
            };
            self.add(Event::WorkerConnected { worker, player });
        }
        self.add(Event::trial_started(&self.plan, self.trial, 1));
    }

    /// Begins a phase on all workers.
    pub(super) fn phase(&mut self, phase: Phase) {
        let trial = self.trial;
        self.add(Event::PhaseStarted { trial, phase });
        for (worker, _) in Arc::clone(&self.plan).workers() {
            self.add(Event::PhaseReceived { trial, phase, worker });
        }
        self.add(Event::PhaseGo { trial, phase, lead: Duration::from_millis(2) });
    }

    pub(super) fn reference(&self, phase: Phase, worker: usize, position: usize) -> StepReference {
        StepReference { trial: self.trial, phase, worker: WorkerId(worker), position }
    }

    pub(super) fn step(&mut self, phase: Phase, worker: usize, position: usize, result: StepResult) {
        let step = self.reference(phase, worker, position);
        self.add(Event::StepEnded { step, result });
    }

    pub(super) fn worker_done(&mut self, phase: Phase, worker: usize) {
        self.add(Event::WorkerPhaseEnded { trial: self.trial, phase, worker: WorkerId(worker) });
    }

    pub(super) fn phase_done(&mut self, phase: Phase) {
        let plan = Arc::clone(&self.plan);
        let busy = |(id, worker): (WorkerId, &WorkerPlan)| (!worker.steps[phase].is_empty()).then_some(id);
        let (workers, unknown) = (plan.workers().filter_map(busy).count() - self.lost.len(), self.lost.clone());
        let apart = u32::from(workers > 1);
        let (spread, bound) = (apart * Duration::from_micros(1_234), apart * Duration::from_micros(300));
        let skew = (workers > 0).then_some(StartSkew { spread, bound, workers, unknown });
        self.add(Event::PhaseEnded { trial: self.trial, phase, skew });
    }

    /// Ends the trial and the run.
    pub(super) fn over(mut self, verdict: Verdict, reasons: Vec<Reason>) -> Vec<Stamped> {
        self.add(Event::TrialEnded { trial: self.trial, verdict });
        self.ended(verdict, reasons)
    }

    /// Ends the run.
    pub(super) fn ended(mut self, verdict: Verdict, reasons: Vec<Reason>) -> Vec<Stamped> {
        self.add(Event::RunEnded { conclusion: Conclusion::new(verdict, reasons) });
        self.events
    }
}

/// One worker, on which everything passed. A spawned step ends at the end of the trial.
pub(crate) fn passed() -> Vec<Stamped> {
    let startup = vec![Step::plain("step1", "echo \"startup\""), spawned("spawn1", "sleep 60")];
    let run = vec![Step::plain("step1", "echo running; echo note >&2")];
    let mut run = Recording::of(plan(vec![worker("dut", startup, run)]));
    run.trial();
    run.phase(Phase::Startup);
    run.step(Phase::Startup, 0, 0, left(Outcome::Passed, b"startup\n", b""));
    run.step(Phase::Startup, 0, 1, StepResult::without_output(Outcome::Spawned));
    run.worker_done(Phase::Startup, 0);
    run.phase_done(Phase::Startup);
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"running\n", b"note\n"));
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    let step = run.reference(Phase::Startup, 0, 1);
    run.add(Event::SpawnedEnded { step, result: left(Outcome::Stopped, b"", b"") });
    run.over(Verdict::Passed, Vec::new())
}

/// Two workers with interleaved events. One step failed, one timed out, one was killed, and one that may fail failed.
pub(crate) fn failed() -> Vec<Stamped> {
    let dut = vec![
        Step::plain("check", "echo out; echo err >&2; exit 3"),
        Step { bound: Some(Bound::Timeout(Duration::from_secs(1))), ..Step::plain("timeout1", "sleep 5") },
        Step::plain("kill", "kill -9 $$"),
    ];
    let generator = vec![Step { gate: Gate::MayFail, ..Step::plain("probe", "false") }, Step::plain("last", "true")];
    let mut run = Recording::of(plan(vec![worker("dut", Vec::new(), dut), worker("generator", Vec::new(), generator)]));
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::Failed(Ending::Exit(3)), b"out\n", b"err\n"));
    run.step(Phase::Run, 1, 0, left(Outcome::Failed(Ending::Exit(1)), b"", b""));
    run.step(Phase::Run, 0, 1, left(Outcome::TimedOut(Duration::from_secs(1)), b"half a line", b""));
    run.step(Phase::Run, 1, 1, left(Outcome::Passed, b"", b""));
    run.worker_done(Phase::Run, 1);
    run.step(Phase::Run, 0, 2, left(Outcome::Failed(Ending::Signal(9)), b"", b""));
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    run.over(Verdict::Failed, vec![Reason::Failed("3 steps failed".to_owned())])
}

/// Two workers, one of which is lost during a step.
pub(crate) fn lost() -> Vec<Stamped> {
    let steps = || vec![Step::plain("work", "work"), Step { label: "more".to_owned(), ..Step::plain("", "more") }];
    let mut run = Recording::of(plan(vec![worker("a", Vec::new(), steps()), worker("b", Vec::new(), steps())]));
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"a was here\n", b""));
    run.add(Event::Warning { worker: Some(WorkerId(1)), text: "nothing heard for 40s".to_owned() });
    run.lost.push(WorkerId(1));
    let hint = Some(Hint::RestartPlayer);
    run.add(Event::WorkerLost { worker: WorkerId(1), reason: "nothing heard for 66s".to_owned(), hint });
    run.step(Phase::Run, 1, 0, StepResult::without_output(Outcome::Lost));
    run.step(Phase::Run, 1, 1, StepResult::without_output(Outcome::Skipped(None)));
    run.step(Phase::Run, 0, 1, left(Outcome::Passed, b"", b""));
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    run.over(Verdict::Incomplete, vec![Reason::Incomplete("b was lost".to_owned())])
}

/// Two trials with three workers of the same file and another worker. In the second trial, one of the three fails.
pub(super) fn range() -> Vec<Stamped> {
    let node = |name: &str| WorkerPlan {
        file: PathBuf::from("node.cfg"),
        ..worker(name, Vec::new(), vec![Step::plain("measure", "measure")])
    };
    let own = worker("router", Vec::new(), vec![Step::plain("watch", "watch")]);
    let mut plan = plan(vec![node("node01"), node("node02"), node("node03"), own]);
    plan.trials = 2;
    let mut run = Recording::of(plan);
    for trial in [1, 2] {
        run.trial = trial;
        run.trial();
        run.phase(Phase::Run);
        for node in [1, 0, 2] {
            let outcome = if (trial, node) == (2, 1) { Outcome::Failed(Ending::Exit(1)) } else { Outcome::Passed };
            let duration = Some(Duration::from_millis(10 * (node as u64 + u64::from(trial))));
            run.step(Phase::Run, node, 0, StepResult { duration, ..left(outcome, b"10 Gbit/s\n", b"") });
        }
        run.step(Phase::Run, 3, 0, left(Outcome::Passed, b"", b""));
        run.phase_done(Phase::Run);
        run.add(Event::TrialEnded { trial, verdict: if trial == 1 { Verdict::Passed } else { Verdict::Failed } });
    }
    run.ended(Verdict::Failed, vec![Reason::Failed("measure failed on node02".to_owned())])
}

/// A run whose player could not be reached.
pub(super) fn not_carried_out() -> Vec<Stamped> {
    let run = Recording::of(plan(vec![worker("dut", Vec::new(), vec![Step::plain("work", "work")])]));
    let reason = "dut at 127.0.0.1:6970 cannot be reached: connection refused";
    let mut events = run.ended(Verdict::Incomplete, vec![Reason::NotCarriedOut(reason.to_owned())]);
    if let Some(Stamped { event: Event::RunEnded { conclusion }, .. }) = events.last_mut() {
        conclusion.hints = vec![Hint::StartPlayer];
    }
    events
}

/// A run that was interrupted in a phase.
pub(super) fn interrupted() -> Vec<Stamped> {
    let mut run = Recording::of(plan(vec![worker("dut", Vec::new(), vec![Step::plain("work", "sleep 60")])]));
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::Stopped, b"", b""));
    run.ended(Verdict::Incomplete, vec![Reason::Interrupted(2)])
}

/// One step that prints these bytes on both streams. Reports keep `limit` bytes.
pub(super) fn printing(bytes: &[u8], limit: u64) -> Vec<Stamped> {
    let mut plan = plan(vec![worker("dut", Vec::new(), vec![Step::plain("work", "print\u{1b}[2J")])]);
    plan.settings.max_message_size = limit;
    let mut run = Recording::of(plan);
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, bytes, bytes));
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    run.over(Verdict::Passed, Vec::new())
}

/// A series of two points with a metric. In one trial it could not be measured, and in one its value was not expected.
pub(crate) fn measured() -> Vec<Stamped> {
    let mut plan = plan(vec![worker("client", Vec::new(), vec![Step::plain("load", "load")])]);
    plan.trials = 14;
    let point = |value: &str| Point {
        name: format!("window={value}"),
        parameters: vec![("window".to_owned(), value.to_owned())],
        baseline: Some(PointId(0)),
        ..Point::default()
    };
    plan.points = vec![point("64k"), Point { workers: plan.workers.clone(), ..point("1M") }];
    let order: Vec<PointId> = (0..plan.trials as usize).map(|trial| PointId(trial % 2)).collect();
    plan.schedule = Schedule::recorded(Order::Interleaved, 1, Rounds { warm_up: 0, counted: 7, most: 7 }, &order);
    let metric = serde_json::json!({"name": "goodput", "from": "client.run.load", "unit": "Mbit/s",
        "better": "higher", "expect": "900..", "threshold": "2%"});
    plan.metrics = vec![serde_json::from_value(metric).unwrap()];
    let mut run = Recording::of(plan);
    for trial in 1..=14 {
        run.trial = trial;
        run.trial();
        run.phase(Phase::Run);
        let value = 920.0 + f64::from(trial % 2) * 21.5 + f64::from(trial * 7 % 10) / 4.0;
        run.step(Phase::Run, 0, 0, left(Outcome::Passed, format!("{value}\n").as_bytes(), b""));
        run.worker_done(Phase::Run, 0);
        run.phase_done(Phase::Run);
        run.add(Event::MeasuringStarted { trial, verdict: Verdict::Passed });
        let measurement = match trial {
            6 => Measurement::Missing("no number in the standard output of `load` on client in run".to_owned()),
            9 => Measurement::Value { value: 812.0, outside: true, missing: None },
            _ => Measurement::Value { value, outside: false, missing: None },
        };
        let verdict = if measurement.is_failure() { Verdict::Failed } else { Verdict::Passed };
        let (metric, unit) = (MetricName::new("goodput").unwrap(), Some("Mbit/s".to_owned()));
        run.add(Event::Measured { trial, measured: Measured { metric, worker: None, unit, measurement } });
        run.add(Event::TrialEnded { trial, verdict });
    }
    let reason = "metric `goodput` of trial 6: missing: no number in the standard output of `load` on client in run";
    run.ended(Verdict::Failed, vec![Reason::Failed(reason.to_owned())])
}
