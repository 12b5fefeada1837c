//! What the reports show first about runs that went wrong in the usual ways. The expected texts are in
//! `testdata/report/causes`.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::conduct::testing::{Fault, plan, simulate};
use crate::model::{
    Action, Bound, Event, FileLine, Format, Gate, Metric, Mode, OnFailure, Outcome, Output, Phase, Plan, PlannedStep,
    Source, Stamped, Step, StepReference, Stream, WorkerId, WorkerName,
};
use crate::report::Board;
use crate::report::testing::{plain, snapshot, told};

/// The size of the live view on a terminal of 80 columns and 24 rows.
const ROOM: (usize, usize) = (79, 21);

/// A plan with this many workers, each with these steps in Run.
fn plan_of(workers: usize, run: &[Step]) -> Plan {
    let mut plan = plan(workers, 0, 1, &[Phase::Startup, Phase::Run]);
    for (number, worker) in (1..).zip(&mut plan.workers) {
        worker.name = WorkerName::new(&format!("node{number:02}")).unwrap();
        let at = |line| FileLine { file: worker.file.as_path().into(), line };
        let origins = (10..).map(|line| Some(at(line)));
        worker.steps[Phase::Run] =
            run.iter().zip(origins).map(|(step, origin)| Step { origin, ..step.clone() }).collect();
    }
    plan
}

fn step(label: &str) -> Step {
    Step::plain(label, label)
}

fn must(label: &str) -> Step {
    Step { gate: Gate::Must, ..step(label) }
}

fn barrier(name: &str) -> Step {
    Step { action: Action::Barrier(name.to_owned()), ..step(name) }
}

/// The reference to a step of Run.
fn run(worker: usize, position: usize) -> StepReference {
    StepReference { trial: 1, phase: Phase::Run, worker: WorkerId(worker), position }
}

/// Adds printed lines to each step that failed.
fn printed(events: &mut [Stamped]) {
    for stamped in events {
        let (Event::StepEnded { result, .. } | Event::SpawnedEnded { result, .. } | Event::CheckEnded { result, .. }) =
            &mut stamped.event
        else {
            continue;
        };
        if matches!(result.outcome, Outcome::Failed(_)) {
            result.stderr = Output::from_bytes("checksum mismatch in block 4711\n");
        }
    }
}

/// Compares what the formats report about the causes of this run.
fn compare(name: &str, plan: Plan, skip_unreachable: bool, faults: impl IntoIterator<Item = Fault>) {
    let faults: BTreeSet<Fault> = faults.into_iter().collect();
    let mut simulated = simulate(plan, skip_unreachable, &faults);
    let is_seen = |fault: &&Fault| !matches!(fault, Fault::Slow(..));
    assert!(faults.iter().filter(is_seen).all(|fault| simulated.came_to_pass.contains(fault)), "{name}");
    printed(&mut simulated.events);
    let told = |format| told(format, plain(), &simulated.events);
    let text = told(Format::Text);
    let (_, end) = text.rsplit_once("\n\n").unwrap_or(("", &text));
    snapshot(&format!("causes/{name}.text.txt"), end);
    let document: serde_json::Value = serde_json::from_str(&told(Format::Json)).unwrap();
    let causes = serde_json::to_string_pretty(&document["causes"]).unwrap();
    snapshot(&format!("causes/{name}.json"), causes + "\n");
    snapshot(&format!("causes/{name}.github.txt"), told(Format::Github));
    let junit = told(Format::Junit);
    let (run, _) = junit.split_once("    </testsuite>\n").unwrap();
    snapshot(&format!("causes/{name}.junit.xml"), run.to_owned() + "    </testsuite>\n</testsuites>\n");
    snapshot(&format!("causes/{name}.html"), top(&told(Format::Html)));
    snapshot(&format!("causes/{name}.board.txt"), last_picture(&simulated.events));
}

/// The beginning of a page: the verdict and the causes. Neither is created by its script.
fn top(page: &str) -> String {
    let (_, top) = page.split_once("<main>\n").unwrap();
    let (top, _) = top.split_once("<section id=\"timeline\"").unwrap();
    top.split_once("<section id=\"metrics\"").map_or(top, |(top, _)| top).to_owned()
}

/// The live view before it is removed. Lines to look at begin with `*`.
fn last_picture(events: &[Stamped]) -> String {
    let mut board = Board::default();
    for stamped in events {
        board.take(stamped);
    }
    let (columns, rows) = ROOM;
    let lines = board.lines(events.last().unwrap().at, columns, rows);
    let lines = lines.iter().map(|line| format!("{} {}", if line.bad { '*' } else { ' ' }, line.text));
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn a_step_that_must_pass_fails_before_a_barrier_of_twenty_workers() {
    let plan = plan_of(20, &[must("verify"), barrier("done"), step("measure")]);
    compare("must_of_twenty", plan, false, [Fault::Fails(run(6, 0), 1)]);
}

#[test]
fn a_spawned_server_dies() {
    let mut plan = plan_of(2, &[step("load")]);
    plan.workers[0].steps[Phase::Startup] = vec![Step { mode: Mode::Spawn, ..step("server") }];
    let action = Action::Await { label: "server".to_owned(), pattern: "up".to_owned() };
    plan.workers[0].steps[Phase::Run] = vec![Step { action, ..step("ready") }];
    let server = StepReference { phase: Phase::Startup, ..run(0, 0) };
    compare("server_dies", plan, false, [Fault::Dies(server, Duration::from_millis(1500), 2)]);
}

#[test]
fn a_worker_is_lost() {
    let plan = plan_of(3, &[step("load"), barrier("done"), step("save")]);
    compare("lost_worker", plan, false, [Fault::Loses(run(1, 0))]);
}

#[test]
fn the_check_of_a_trial_fails() {
    let mut plan = plan_of(2, &[step("load")]);
    plan.settings.check = Some("judge".to_owned());
    compare("check_fails", plan, false, [Fault::Check(1)]);
}

/// A plan with three trials and two workers, each with its own value of a metric.
fn with_metric() -> Plan {
    let mut plan = plan_of(2, &[step("load")]);
    plan.trials = 3;
    let metric = serde_json::json!({"name": "goodput", "from": "node[01-02].run.load", "unit": "Mbit/s",
        "expect": "900..1000", "origin": "test.cfg:31"});
    let mut metric: Metric = serde_json::from_value(metric).unwrap();
    let steps = plan.workers().map(|(worker, _)| PlannedStep { worker, phase: Phase::Run, position: 0 }).collect();
    metric.source = Some(Source::Output(steps, Stream::Stdout));
    plan.metrics = vec![metric];
    plan
}

#[test]
fn a_metric_has_a_value_that_is_not_expected() {
    compare("metric_outside", with_metric(), false, [Fault::Outside(2, WorkerId(1))]);
}

#[test]
fn a_metric_has_no_value() {
    compare("metric_missing", with_metric(), false, [Fault::Unmeasured(2, WorkerId(1))]);
}

#[test]
fn the_workers_start_too_far_apart() {
    let mut plan = plan_of(2, &[step("load")]);
    plan.settings.max_start_skew = Some(Duration::from_millis(10));
    compare("start_skew", plan, false, [Fault::Late(run(1, 0), Duration::from_millis(250))]);
}

#[test]
fn a_step_cannot_be_started() {
    let plan = plan_of(2, &[must("load"), step("save")]);
    compare("not_started", plan, false, [Fault::NotStarted(run(0, 0))]);
}

#[test]
fn players_cannot_be_reached() {
    let unreachable = [Fault::Unreachable(WorkerId(1)), Fault::Unreachable(WorkerId(2))];
    compare("unreachable", plan_of(3, &[step("load")]), false, unreachable.clone());
    compare("left_out", plan_of(3, &[step("load")]), true, unreachable);
}

#[test]
fn the_disk_is_full() {
    compare("disk_full", plan_of(2, &[step("load")]), false, [Fault::DiskFull(run(0, 0))]);
}

#[test]
fn a_barrier_is_given_up_because_one_worker_still_works() {
    let limit = Some(Bound::Timeout(Duration::from_secs(10)));
    let plan = plan_of(3, &[step("load"), Step { bound: limit, ..barrier("done") }, step("save")]);
    compare("barrier_times_out", plan, false, [Fault::Slow(run(2, 0), Duration::from_mins(1))]);
}

#[test]
fn a_file_is_missing_that_a_stopped_server_would_have_written() {
    let mut plan = plan_of(2, &[step("load"), step("save")]);
    plan.phases.push(Phase::Collect);
    plan.settings.on_failure = OnFailure::Stop;
    let action = Action::Fetch("access.log".to_owned());
    plan.workers[1].steps[Phase::Collect] = vec![Step { action, ..step("log") }];
    plan.workers[1].steps[Phase::Run] = vec![step("serve")];
    let slow = Fault::Slow(run(1, 0), Duration::from_secs(5));
    compare("missing_file", plan, false, [Fault::NotStarted(run(0, 0)), slow]);
}

#[test]
fn workers_wait_for_each_other() {
    let mut plan = plan_of(2, &[barrier("a"), barrier("b"), step("load")]);
    plan.workers[1].steps[Phase::Run].swap(0, 1);
    compare("deadlock", plan, false, []);
}

#[test]
fn no_more_than_ten_annotations_are_written_and_the_last_counts_the_rest() {
    let steps: Vec<Step> = (1..=12).map(|number| step(&format!("part{number}"))).collect();
    compare("twelve_causes", plan_of(1, &steps), false, (0..12).map(|position| Fault::Fails(run(0, position), 1)));
}

#[test]
fn three_things_go_wrong_at_once() {
    let plan = plan_of(8, &[must("verify"), barrier("done"), step("save")]);
    let failed = [1, 3, 4].map(|worker| Fault::Fails(run(worker, 0), 2));
    let others = [Fault::Loses(run(5, 0)), Fault::NotStarted(run(7, 0))];
    compare("three_causes", plan, false, failed.into_iter().chain(others));
}
