//! Tests of the live view of whole runs.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;
use crate::model::{
    Blame, Ending, Gate, Imprecise, Margin, MetricName, Order, Outcome, PointId, PrecisionJudgement, Rounds, Schedule,
    Start, Verdict, WorkerPlan, display_width,
};
use crate::report::recorded::{Recording, left, plan, snapshot, spawned, worker};

fn board(recording: &Recording) -> Board {
    let mut board = Board::default();
    recording.events.iter().for_each(|stamped| board.take(stamped));
    board
}

/// Returns the lines `after` seconds after the last event, on a terminal of this size.
fn view(recording: &Recording, after: u64, (columns, rows): (usize, usize)) -> Vec<String> {
    let last = recording.events.last().unwrap().at;
    let shown = board(recording).lines(last.plus(Duration::from_secs(after)), columns - 1, rows - 3);
    for line in &shown {
        assert!(display_width(&line.text) < columns, "it does not fit {columns} columns: {}", line.text);
    }
    assert!(shown.len() <= rows - 3, "it does not fit {rows} rows: {shown:#?}");
    shown
        .into_iter()
        .map(|line| if line.bad { format!("* {}", line.text) } else { format!("  {}", line.text) })
        .collect()
}

fn lines(recording: &Recording, after: u64) -> Vec<String> {
    view(recording, after, (80, 24))
}

fn start(run: &mut Recording, worker: usize, position: usize) {
    let step = run.reference(Phase::Run, worker, position);
    let at = run.events.last().unwrap().at;
    let started = Start { at, ..left(Outcome::Passed, b"", b"").started.unwrap() };
    run.add(Event::StepStarted { step, started });
}

fn prints(run: &mut Recording, worker: usize, position: usize, text: &str) {
    let step = run.reference(Phase::Run, worker, position);
    run.add(Event::OutputReceived { step, stream: Stream::Stdout, output: Output::from_bytes(text) });
}

fn two_workers() -> Recording {
    let steps = || vec![Step::plain("measure", "measure"), Step::plain("more", "more")];
    Recording::of(plan(vec![worker("dut", Vec::new(), steps()), worker("generator", Vec::new(), steps())]))
}

fn barrier(name: &str) -> Step {
    Step { action: Action::Barrier(name.to_owned()), ..Step::plain(name, "") }
}

fn failure() -> StepResult {
    left(Outcome::Failed(Ending::Exit(1)), b"", b"checksum mismatch in block 4711\n")
}

#[test]
fn each_worker_has_a_line_with_its_state_its_step_and_what_it_printed_last() {
    let mut run = two_workers();
    assert_eq!(
        lines(&run, 2),
        [
            "    dut, generator  connecting  2.0s of 10s",
            "  Connecting: waiting for dut, generator",
            "  [                          ] 0 of 4 steps",
        ]
    );
    run.trial();
    run.phase(Phase::Run);
    start(&mut run, 0, 0);
    start(&mut run, 1, 0);
    prints(&mut run, 0, 0, "10 %\n20 %\u{1b}[2J\n\n");
    run.step(Phase::Run, 1, 0, left(Outcome::Failed(Ending::Exit(1)), b"", b""));
    run.step(Phase::Run, 1, 1, left(Outcome::Passed, b"", b""));
    run.worker_done(Phase::Run, 1);
    assert_eq!(
        lines(&run, 2),
        [
            "* failed: `measure` on generator in run of trial 1: exit 1",
            "* ! generator  done",
            "    dut        running  2.6s of 1h  measure  | 20 %\\x1b[2J",
            "  Trial 1 of 1, run, 2.9s: waiting for dut",
            "  [=============>            ] 2 of 4 steps",
        ]
    );
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
    run.step(Phase::Run, 0, 1, left(Outcome::Passed, b"", b""));
    assert_eq!(lines(&run, 0)[4], "  [==========================] 4 of 4 steps");
}

#[test]
fn the_last_line_is_shown_also_if_it_comes_with_the_end_of_the_step() {
    let mut run = two_workers();
    run.trial();
    run.phase(Phase::Run);
    prints(&mut run, 0, 0, "first\n");
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"first\nlast\n", b""));
    assert!(lines(&run, 0)[0].ends_with("| last"), "{:?}", lines(&run, 0));
    run.step(Phase::Run, 1, 0, left(Outcome::Failed(Ending::Exit(1)), b"out\n", b"err\n"));
    assert!(lines(&run, 0)[1].ends_with("| err"), "{:?}", lines(&run, 0));
}

#[test]
fn a_step_that_takes_unusually_long_is_marked_and_one_that_may_fail_is_not() {
    let mut run = two_workers();
    run.trial();
    run.phase(Phase::Run);
    start(&mut run, 0, 0);
    run.worker_done(Phase::Run, 1);
    assert!(!lines(&run, 30)[0].starts_with('*'), "{:?}", lines(&run, 30));
    assert!(lines(&run, 61)[0].starts_with("*   dut "), "{:?}", lines(&run, 61));
    let mut same = two_workers();
    same.trial();
    same.phase(Phase::Run);
    start(&mut same, 0, 0);
    same.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
    same.phase_done(Phase::Run);
    same.phase(Phase::Run);
    start(&mut same, 0, 0);
    assert!(lines(&same, 6)[0].starts_with("*   dut "), "it took 12 ms the last time");
    let probe = Step { gate: Gate::MayFail, ..Step::plain("probe", "probe") };
    let mut run = Recording::of(plan(vec![worker("dut", Vec::new(), vec![probe, Step::plain("more", "more")])]));
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, failure());
    assert!(lines(&run, 0)[0].starts_with("    dut "), "{:?}", lines(&run, 0));
}

#[test]
fn the_check_has_a_line_while_it_runs() {
    let mut plan = plan(vec![worker("dut", Vec::new(), vec![Step::plain("s", "s")])]);
    plan.settings.check = Some("./judge \"$CONDUCTOR_RESULTS\"".to_owned());
    let mut run = Recording::of(plan);
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    run.add(Event::CheckStarted { trial: 1 });
    assert_eq!(
        lines(&run, 3),
        [
            "    check  running  3.0s of 1h  ./judge \"$CONDUCTOR_RES…",
            "    dut    done",
            "  Trial 1 of 1, check, 3.0s",
            "  [==========================] 1 of 1 steps",
        ]
    );
    run.add(Event::CheckEnded { trial: 1, result: left(Outcome::Passed, b"", b"") });
    assert!(!lines(&run, 0)[0].contains("check"), "{:?}", lines(&run, 0));
}

#[test]
fn the_line_of_the_trial_says_that_metrics_are_measured_and_for_how_long() {
    let mut run = Recording::of(plan(vec![worker("dut", Vec::new(), vec![Step::plain("s", "s")])]));
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    run.add(Event::MeasuringStarted { trial: 1, verdict: Verdict::Passed });
    let measuring = ["    dut  done", "  Trial 1 of 1, metrics, 3.0s", "  [==========================] 1 of 1 steps"];
    assert_eq!(lines(&run, 3), measuring);
    run.add(Event::TrialEnded { trial: 1, verdict: Verdict::Passed });
    assert_eq!(lines(&run, 3)[1], "  Trial 1 of 1");
}

/// A server and clients that meet at a barrier. Some have reached it; others are lost, slow or have failed.
fn meeting(clients: usize) -> Recording {
    let digits = clients.to_string().len();
    let steps = || vec![Step::plain("iperf", "iperf"), Step::plain("verify", "verify"), barrier("done")];
    let client = |index: usize| WorkerPlan {
        file: PathBuf::from("client.cfg"),
        ..worker(&format!("client{index:0digits$}"), Vec::new(), steps())
    };
    let server = worker("server", Vec::new(), vec![spawned("serve", "serve"), barrier("done")]);
    let mut run = Recording::of(plan(std::iter::once(server).chain((1..=clients).map(client)).collect()));
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, StepResult::without_output(Outcome::Spawned));
    prints(
        &mut run,
        0,
        0,
        "listening on port 5201\naccepted a connection from 192.0.2.17, port 40312, \
                            which is far more than fits in a line of eighty columns\n",
    );
    for client in 1..=clients {
        start(&mut run, client, 0);
        prints(&mut run, client, 0, &format!("{client} Gbit/s\n"));
    }
    // One client is still at its first step, one of many is lost, and one has failed at the second step; the others
    // have reached the barrier.
    for client in 2..=clients {
        run.step(Phase::Run, client, 0, left(Outcome::Passed, format!("{client} Gbit/s\n").as_bytes(), b""));
        match client {
            2 => run.step(Phase::Run, client, 1, failure()),
            3 => start(&mut run, client, 1),
            4 => run.add(Event::WorkerLost {
                worker: WorkerId(4),
                reason: "its player was restarted".to_owned(),
                hint: None,
            }),
            5 => run.add(Event::WorkerBroken { worker: WorkerId(5), reason: "connection reset by peer".to_owned() }),
            _ => run.step(Phase::Run, client, 1, left(Outcome::Passed, b"equal\n", b"")),
        }
    }
    run
}

#[test]
fn the_view_fits_every_size_with_3_20_and_200_workers() {
    let mut text = String::new();
    for workers in [3, 20, 200] {
        for (columns, rows) in [(80, 24), (40, 24), (200, 50)] {
            let run = meeting(workers - 1);
            let shown = view(&run, 3, (columns, rows)).join("\n");
            writeln!(text, "{workers} workers, {columns} columns, {rows} rows\n{shown}\n").unwrap();
        }
    }
    snapshot("board.txt", text);
}

#[test]
fn of_many_different_workers_those_are_shown_that_failed() {
    let workers =
        (0..100).map(|index| worker(&format!("w{index:02}"), Vec::new(), vec![Step::plain(&format!("s{index}"), "s")]));
    let mut run = Recording::of(plan(workers.collect()));
    run.trial();
    run.phase(Phase::Run);
    for index in (0..100).rev() {
        start(&mut run, index, 0);
    }
    run.step(Phase::Run, 70, 0, left(Outcome::Failed(Ending::Exit(1)), b"", b""));
    run.worker_done(Phase::Run, 70);
    let shown = view(&run, 1, (80, 9));
    let names: Vec<&str> =
        shown.iter().filter_map(|line| line.trim_start_matches(['*', '!', ' ']).split(' ').next()).collect();
    assert_eq!(names, ["failed:", "w70", "w99", "and", "Trial", "[>"], "{shown:#?}");
    assert_eq!(shown[3], "    and 98 more workers");
    assert!(shown[4].ends_with("waiting for w[00-69,71-99]"), "{shown:?}");
}

#[test]
fn what_went_wrong_first_stands_at_the_top_with_what_followed_from_it() {
    let steps = || vec![Step { gate: Gate::Must, ..Step::plain("verify", "verify") }, barrier("done")];
    let node = |index: usize| WorkerPlan {
        file: PathBuf::from("node.cfg"),
        ..worker(&format!("node{index:02}"), Vec::new(), steps())
    };
    let mut all = plan((1..=20).map(node).collect());
    all.trials = 2;
    let mut run = Recording::of(all);
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 6, 0, failure());
    let failed = run.reference(Phase::Run, 6, 0);
    let skipped = StepResult::without_output(Outcome::Skipped(None));
    run.step(Phase::Run, 6, 1, StepResult { because: Some(Blame::Step(failed)), ..skipped });
    let not_passed = Outcome::Unfulfilled("worker `node07` skipped it".to_owned());
    for worker in (0..20).filter(|worker| *worker != 6) {
        run.step(Phase::Run, worker, 0, left(Outcome::Passed, b"", b""));
        run.step(Phase::Run, worker, 1, StepResult::without_output(not_passed.clone()));
    }
    let shown = lines(&run, 1);
    assert_eq!(shown[0], "* failed: `verify` on node07 in run of trial 1: exit 1");
    assert!(shown[1].contains("19 workers"), "{shown:#?}");
    // The next trial shows the first cause of the last trial and one of its own.
    run.phase_done(Phase::Run);
    run.add(Event::TrialEnded { trial: 1, verdict: Verdict::Failed });
    run.number(2);
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 3, 0, failure());
    let shown = lines(&run, 1);
    assert_eq!(shown[0], "* failed: `verify` on node07 in run of trial 1: exit 1");
    assert_eq!(shown[2], "* failed: `verify` on node04 in run of trial 2: exit 1");
}

#[test]
fn wide_characters_shift_no_column_and_fit_the_width() {
    let steps = |label: &str| vec![Step::plain(label, "measure")];
    let named = [("日本", "測定"), ("plain", "measure"), ("b", "me\u{301}s")];
    let mut run = Recording::of(plan(named.map(|(name, label)| worker(name, Vec::new(), steps(label))).into()));
    run.trial();
    run.phase(Phase::Run);
    for worker in 0..3 {
        start(&mut run, worker, 0);
        prints(&mut run, worker, 0, &"結果".repeat(30));
    }
    prints(&mut run, 1, 0, &"x".repeat(300));
    prints(&mut run, 2, 0, &"e\u{301}".repeat(300));
    let shown = lines(&run, 1);
    let of = |part: &str| -> Vec<usize> {
        shown[..3].iter().map(|line| display_width(line.split_once(part).expect(part).0)).collect()
    };
    for part in ["running", " | "] {
        assert!(of(part).iter().all(|place| *place == of(part)[0]), "{part}: {shown:#?}");
    }
    assert!(shown[..3].iter().all(|line| line.ends_with('…')), "{shown:#?}");
}

#[test]
fn trials_that_are_added_to_reach_a_precision_have_a_line_and_are_among_all() {
    let mut run = two_workers();
    run.trial();
    let worst = Imprecise {
        metric: MetricName::new("goodput").unwrap(),
        worker: None,
        point: String::new(),
        values: 10,
        reached: Some(Margin::Relative(0.041)),
        wanted: Margin::Relative(0.03),
    };
    let judgement = PrecisionJudgement { trials: 11, added: 1, left: 37, imprecise: 1, worst: Some(worst) };
    run.add(Event::PrecisionJudged { judgement });
    run.number(11);
    run.trial();
    run.phase(Phase::Run);
    let shown = lines(&run, 0);
    let lines: Vec<&str> = shown.iter().rev().skip(1).take(2).map(|line| line.trim_start()).collect();
    assert!(lines[0].starts_with("Trial 11 of 11, run"), "{shown:#?}");
    assert_eq!(lines[1], "Precision: goodput: ±4.1 %, wanted 3 %: at most 38 more trials");
}

#[test]
fn of_leaky_steps_of_earlier_trials_nothing_is_kept_and_nothing_is_shown() {
    let mut run = two_workers();
    let late = run.reference(Phase::Run, 0, 0);
    for trial in 1..=100 {
        run.number(trial);
        run.trial();
        run.phase(Phase::Run);
        let leaky = StepResult { leaky: true, ..left(Outcome::Passed, b"in time\n", b"") };
        run.step(Phase::Run, 0, 0, leaky);
    }
    let output = Output::from_bytes("in time\ntoo late\n");
    run.add(Event::OutputReceived { step: late, stream: Stream::Stdout, output });
    assert_eq!(board(&run).workers[0].printed.lengths.len(), 1);
    assert!(lines(&run, 0)[0].ends_with("| in time"), "{:?}", lines(&run, 0));
}

#[test]
fn a_cause_that_is_longer_than_a_line_has_several() {
    let mut run = two_workers();
    run.trial();
    run.phase(Phase::Run);
    let why = "it was started and then stopped for a reason that takes many words, and these are all of them";
    run.step(Phase::Run, 0, 0, left(Outcome::NotStarted(why.to_owned()), b"", b""));
    let shown = lines(&run, 0);
    let begin = shown[..3].iter().map(|line| line.trim_start_matches(['*', ' '])).collect::<Vec<_>>().join(" ");
    assert_eq!(begin, format!("failed: `measure` on dut in run of trial 1: could not be started: {why}"));
}

#[test]
fn the_time_left_of_a_run_that_is_resumed_follows_from_the_trials_since_then() {
    let mut planned = plan(vec![worker("dut", Vec::new(), vec![Step::plain("measure", "measure")])]);
    planned.trials = 10;
    let rounds = Rounds { warm_up: 0, counted: 10, most: 10 };
    planned.schedule = Schedule::recorded(Order::Interleaved, 1, rounds, &[PointId(0); 10]);
    let mut run = Recording::of(planned.clone());
    run.add(Event::RunResumed { plan: Arc::new(planned), done: 6, generation: 1 });
    for trial in [7, 8] {
        run.number(trial);
        run.trial();
    }
    // The first of the trials takes a minute, and three are left.
    let last = run.events.last_mut().unwrap();
    last.at = last.at.plus(Duration::from_mins(1));
    let shown = lines(&run, 0);
    assert!(shown.iter().any(|line| line.contains("Trial 8 of 10, about 3 min left")), "{shown:#?}");
    assert!(shown.last().unwrap().ends_with("] 6 of 10 steps"), "{shown:#?}");
}
