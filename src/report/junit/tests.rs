//! What an independent reader of `JUnit` reports finds in ours.

use junit_parser::{TestCase, TestSuites};

use crate::model::{Ending, Format, Outcome, Phase, Reason, Stamped, Step, StepResult, Verdict};
use crate::report::recorded::{
    Recording, failed, interrupted, left, lost, not_carried_out, passed, plain, plan, printing, spawned, told, worker,
};

fn read(events: &[Stamped]) -> TestSuites {
    let text = told(Format::Junit, plain(), events);
    junit_parser::from_reader(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// `SUITE: CASE STATUS` for each case.
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
            "run: verdict failure (failed: 3 steps failed)",
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
            "run: verdict error (incomplete: b was lost)",
            "trial 1, run, a: start passed",
            "trial 1, run, a: work passed",
            "trial 1, run, a: more passed",
            "trial 1, run, b: start error (the worker was lost before it started)",
            "trial 1, run, b: work error (its worker was lost)",
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
    let probe = &suites.suites[2].cases[1];
    assert_eq!(probe.properties.hashmap["not_counted"], "failed: exit 1 (may fail)");
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
    assert_eq!(server.classname.as_deref(), Some("dut.run"));
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
