//! Tests of our reports with an independent reader of `JUnit` reports.

use junit_parser::{TestCase, TestSuites};

use crate::model::{Ending, Format, Outcome, Phase, Reason, Stamped, Step, StepResult, Verdict};
use crate::report::recorded::{
    Recording, failed, interrupted, left, lost, not_carried_out, passed, plain, plan, printing, rendered, spawned,
    told, worker,
};

fn read(events: &[Stamped]) -> TestSuites {
    let text = told(Format::Junit, plain(), events);
    junit_parser::from_reader(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// Returns `SUITE: CASE STATUS` for each case.
fn cases(suites: &TestSuites) -> Vec<String> {
    let status = |case: &TestCase| match &case.status {
        status if status.is_failure() => format!("failure ({})", status.failure_as_ref().message),
        status if status.is_error() => format!("error ({})", status.error_as_ref().message),
        status if status.is_skipped() => format!("skipped ({})", status.skipped_as_ref().message),
        _ => "passed".to_owned(),
    };
    let of_suite = |suite: &junit_parser::TestSuite| {
        let name = suite.name.clone();
        suite
            .cases
            .iter()
            .map(move |case| format!("{name}: {} {}", case.original_name, status(case)))
            .collect::<Vec<_>>()
    };
    suites.suites.iter().flat_map(of_suite).collect()
}

#[test]
fn every_step_is_a_case_and_failures_errors_and_skipped_ones_are_apart() {
    assert_eq!(
        cases(&read(&failed())),
        [
            "run: verdict failure (failed: `check` on dut in run of trial 1: exit 3)",
            "trial 1, run, dut: start passed",
            "trial 1, run, dut: check failure (failed: exit 3)",
            "trial 1, run, dut: timeout1 failure (timed out)",
            "trial 1, run, dut: kill failure (failed: SIGKILL)",
            "trial 1, run, generator: start passed",
            "trial 1, run, generator: probe passed",
            "trial 1, run, generator: last passed",
        ]
    );
    assert_eq!(
        cases(&read(&lost())),
        [
            "run: verdict error (lost: b in run of trial 1: nothing heard for 66s)",
            "trial 1, run, a: start passed",
            "trial 1, run, a: work passed",
            "trial 1, run, a: more passed",
            "trial 1, run, b: start error (the worker was lost before it started)",
            "trial 1, run, b: work error (its result is not known)",
            "trial 1, run, b: more skipped (not run)",
        ]
    );
}

#[test]
fn a_worker_that_is_not_there_any_more_is_an_error_in_every_later_phase() {
    let mut run = Recording::of(plan(vec![worker("w", Vec::new(), vec![Step::plain("work", "work")])]));
    run.trial();
    run.add(crate::model::Event::PhaseStarted { trial: 1, phase: Phase::Run });
    run.phase_done(Phase::Run);
    let suites = read(&run.over(Verdict::Incomplete, vec![Reason::Incomplete("w was lost".to_owned())]));
    assert_eq!(
        cases(&suites)[1..],
        [
            "trial 1, run, w: start error (the worker did not take part: it was lost or left out before the phase)",
            "trial 1, run, w: work skipped (the worker did not take part)",
        ]
    );
}

#[test]
fn no_reader_shows_green_where_the_exit_status_is_not_0() {
    let is_green = |events: &[Stamped]| {
        let suites = read(events);
        assert_eq!(suites.errors, suites.suites.iter().map(|suite| suite.errors).sum::<u64>());
        assert_eq!(suites.failures, suites.suites.iter().map(|suite| suite.failures).sum::<u64>());
        suites.errors + suites.failures == 0
    };
    assert!(is_green(&passed()));
    for events in [failed(), lost(), not_carried_out(), interrupted()] {
        assert!(!is_green(&events));
    }
}

#[test]
fn a_failure_that_does_not_count_is_green_and_says_so() {
    let suites = read(&failed());
    let generator = &suites.suites[2];
    assert_eq!(generator.properties.hashmap["probe: not_counted"], "failed: exit 1 (may fail)");
}

#[test]
fn a_spawned_step_is_told_by_its_end() {
    let mut run = Recording::of(plan(vec![worker("dut", Vec::new(), vec![spawned("server", "serve")])]));
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, StepResult::without_output(Outcome::Spawned));
    let step = run.reference(Phase::Run, 0, 0);
    let result = left(Outcome::Failed(Ending::Exit(2)), b"served\n", b"no more\n");
    run.add(crate::model::Event::SpawnedEnded { step, result });
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    let suites = read(&run.over(Verdict::Failed, vec![Reason::Failed("server failed".to_owned())]));
    let server = &suites.suites[1].cases[1];
    assert_eq!(server.status.failure_as_ref().text, "failed: exit 2\nserve\nno more");
    assert_eq!(server.system_out.as_deref(), Some("served\n"));
    assert_eq!(server.classname.as_deref(), Some("trial-1.dut.run"));
}

#[test]
fn labels_that_are_the_same_get_numbers() {
    let steps = ["start", "x", "x", "x (2)"].map(|label| Step::plain(label, "true"));
    let mut run = Recording::of(plan(vec![worker("w", Vec::new(), steps.to_vec())]));
    run.trial();
    run.phase(Phase::Run);
    for position in 0..4 {
        run.step(Phase::Run, 0, position, left(Outcome::Passed, b"", b""));
    }
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    let suites = read(&run.over(Verdict::Passed, Vec::new()));
    let names: Vec<&str> = suites.suites[1].cases.iter().map(|case| case.original_name.as_str()).collect();
    assert_eq!(names, ["start", "start (2)", "x", "x (2)", "x (2) (2)"]);
}

#[test]
fn whatever_a_step_prints_the_report_is_xml() {
    let bytes = "a\u{1b}[2J\0</testcase>]]>&amp;\u{fffe}\u{ffff}\u{9b}\u{202e}\r\n\t<![CDATA[".as_bytes();
    let events = printing(&[bytes, b"\xff\xfe"].concat(), u64::MAX);
    let text = told(Format::Junit, plain(), &events);
    let is_legal = |c: char| matches!(c, '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}');
    assert!(text.chars().all(is_legal), "{text}");
    let expected = "a\\x1b[2J\\x00&lt;/testcase&gt;]]&gt;&amp;amp;\\u{fffe}\\u{ffff}\\x9b\\u{202e}\\r\n    &lt;![CDATA[\u{fffd}\u{fffd}";
    for stream in ["system-out", "system-err"] {
        assert!(text.contains(&format!("<{stream}>{expected}</{stream}>")), "{text}");
    }
    assert_eq!(read(&events).suites[1].cases.len(), 2);
}

/// Output that becomes much larger in XML.
struct Escaped;

impl crate::model::OutputSource for Escaped {
    fn read_at(&self, _: u64, buffer: &mut [u8]) -> std::io::Result<usize> {
        buffer.fill(b'&');
        Ok(buffer.len())
    }
}

/// Records a run of these numbers of workers and trials. Each worker runs `steps` steps that print `bytes` bytes each.
fn large(workers: usize, trials: u32, steps: usize, bytes: u64) -> Vec<Stamped> {
    let node = |index: usize| {
        let steps = (0..steps).map(|step| Step::plain(&format!("s{step}"), "print")).collect();
        worker(&format!("node{index:02}"), Vec::new(), steps)
    };
    let mut plan = plan((0..workers).map(node).collect());
    plan.trials = trials;
    let mut run = Recording::of(plan);
    for trial in 1..=trials {
        run.number(trial);
        run.trial();
        run.phase(Phase::Run);
        for worker in 0..workers {
            for step in 0..steps {
                let stdout = crate::model::Output::new(std::sync::Arc::new(Escaped), bytes, None);
                let outcome = if step == 1 { Outcome::Failed(Ending::Exit(1)) } else { Outcome::Passed };
                run.step(Phase::Run, worker, step, StepResult { stdout, ..left(outcome, b"", b"") });
            }
        }
        run.phase_done(Phase::Run);
        run.add(crate::model::Event::TrialEnded { trial, verdict: Verdict::Failed });
    }
    run.ended(Verdict::Failed, vec![Reason::Failed("it failed".to_owned())])
}

#[test]
fn a_report_is_no_larger_than_16_mib_and_outputs_are_cut_first() {
    let text = told(Format::Junit, plain(), &large(20, 50, 1, 1 << 20));
    assert!((8 << 20..=16 << 20).contains(&text.len()), "{} bytes", text.len());
    assert!(text.contains("bytes left out"));
    assert_eq!(text.matches("<testcase ").count(), 1 + 20 * 50 * 2);
}

#[test]
fn cases_that_passed_are_left_out_where_cutting_outputs_does_not_do() {
    let text = rendered(|ended, writer| super::write_within(5000, ended, writer), &large(2, 1, 50, 100));
    assert!(text.len() < 5000, "{text}");
    assert!(text.contains("name=\"left_out\""), "{text}");
    assert_eq!(text.matches("<testcase ").count(), 1 + 2, "the verdict and the steps that failed");
}

#[test]
fn every_case_has_a_name_of_its_own_in_the_file() {
    let suites = read(&large(2, 3, 2, 1));
    let cases = suites.suites.iter().flat_map(|suite| &suite.cases);
    let names: Vec<_> = cases.map(|case| (case.classname.clone(), case.original_name.clone())).collect();
    let all: std::collections::BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!((all.len(), names.len()), (1 + 2 * 3 * 3, 1 + 2 * 3 * 3), "{names:?}");
}
