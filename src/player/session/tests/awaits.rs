//! Steps that wait for a line of a spawned step.

use super::forms::{begun, ends, failed, passed, plain, run, until};
use super::*;
use crate::wire::ActionMessage;

pub(super) fn awaiting(label: &str, pattern: &str, limit: Option<u64>) -> StepMessage {
    let action = ActionMessage::Await { label: label.to_owned(), pattern: pattern.to_owned() };
    StepMessage { action: Some(action), timeout: limit.map(|seconds| seconds * SECOND), ..plain("ready") }
}

fn printed(by: usize, awaiting: usize, seconds: u64) -> SessionEvent {
    SessionEvent::Printed { by: run(by), awaiting: run(awaiting), at: at(seconds) }
}

fn unfulfilled(why: &str) -> OutcomeMessage {
    OutcomeMessage::Unfulfilled { why: why.to_owned() }
}

#[test]
fn an_await_passes_when_the_line_is_printed_whenever_that_is() {
    let steps = || vec![step("server", true, None), plain("work"), awaiting("SERVER", "up", None), plain("next")];
    for is_early in [true, false] {
        let mut session = in_run(steps());
        session.handle(started(run(0), 1), at(1));
        if is_early {
            assert_eq!(session.handle(printed(0, 2, 1), at(1)), []);
        }
        let mut actions = session.handle(ended(run(1), 2), at(2));
        if !is_early {
            assert_eq!((starts(&actions), session.next_deadline()), (vec![], Some(at(102))), "`step_timeout`");
            actions = session.handle(printed(0, 2, 5), at(6));
        }
        let [end] = &ends(&actions)[usize::from(is_early)..] else { panic!("{actions:?}") };
        let waited = if is_early { 0 } else { 3 * SECOND };
        assert_eq!((end.step, &end.outcome), (run(2), &passed()));
        assert!(is_early || end.duration == Some(waited), "{end:?}");
        assert_eq!(starts(&actions), [run(3)]);
    }
}

#[test]
fn an_await_fails_when_its_time_is_over_or_the_spawned_step_ends() {
    let server = || step("server", true, None);
    let mut session = in_run(vec![server(), awaiting("server", "up", Some(30)), plain("next")]);
    session.handle(started(run(0), 1), at(1));
    assert_eq!(session.next_deadline(), Some(at(31)));
    let late = session.handle(SessionEvent::Tick, at(31));
    let why = unfulfilled("step `server` printed no line that matches `up` within 30s");
    assert_eq!((outcomes(&late), starts(&late)), (vec![(1, why)], vec![run(2)]));

    let must = || StepMessage { must: true, ..awaiting("server", "up", None) };
    let mut session = in_run(vec![server(), must(), plain("next")]);
    session.handle(started(run(0), 1), at(1));
    let over = session.handle(failed(run(0), 2), at(2));
    let why = unfulfilled("step `server` ended without printing a line that matches `up`");
    assert_eq!(outcomes(&over), [(1, why.clone()), (2, skipped_for("`must:` step `ready` failed"))]);

    let mut session = in_run(vec![server(), plain("work"), awaiting("server", "up", None)]);
    session.handle(started(run(0), 1), at(1));
    session.handle(ended(run(0), 2), at(2));
    assert_eq!(outcomes(&session.handle(ended(run(1), 3), at(3)))[1..], [(2, why)], "it has ended before");

    let (_, actions) = begun(vec![awaiting("server", "up", None), server()]);
    assert_eq!(outcomes(&actions), [(0, unfulfilled("step `server` was not spawned in this trial"))]);
    let (_, actions) = begun(vec![awaiting("server", "u(", None)]);
    assert_eq!(outcomes(&actions), [(0, unfulfilled("`u(` is not a valid pattern: unclosed group"))]);
}

#[test]
fn a_line_that_was_printed_counts_even_if_the_step_has_ended_but_not_for_another_attempt() {
    let mut session = in_run(vec![step("server", true, None), plain("work"), awaiting("server", "up", None)]);
    session.handle(started(run(0), 1), at(1));
    session.handle(printed(0, 2, 2), at(2));
    session.handle(ended(run(0), 3), at(3));
    assert_eq!(outcomes(&session.handle(ended(run(1), 4), at(4)))[1..], [(2, passed())]);

    let server = StepMessage { spawn: true, label: "server".to_owned(), ..until(60, None) };
    let mut session = in_run(vec![server, plain("work"), awaiting("server", "up", None)]);
    session.handle(started(run(0), 1), at(1));
    session.handle(printed(0, 2, 2), at(2));
    session.handle(failed(run(0), 3), at(3));
    session.handle(SessionEvent::Tick, at(4));
    session.handle(started(run(0), 4), at(4));
    assert_eq!(outcomes(&session.handle(ended(run(1), 5), at(5)))[1..], []);
    assert_eq!(outcomes(&session.handle(printed(0, 2, 6), at(6))), [(2, passed())]);
}

#[test]
fn a_stopped_phase_or_a_lost_conductor_ends_an_await() {
    let steps = || vec![step("server", true, None), awaiting("server", "up", None)];
    let mut session = in_run(steps());
    session.handle(started(run(0), 1), at(1));
    let told = SessionEvent::Message(ConductorMessage::Stop(PhaseId { trial: 1, phase: Phase::Run }));
    assert_eq!(outcomes(&session.handle(told, at(2))), [(1, OutcomeMessage::Stopped)]);
    let mut session = in_run(steps());
    session.handle(started(run(0), 1), at(1));
    assert_eq!(outcomes(&session.handle(orphaned(), at(2))), [(1, OutcomeMessage::Stopped)]);
}

#[test]
fn the_lines_of_a_spawned_step_are_those_that_later_steps_await() {
    let again = || step("server", true, None);
    let mut plan = plan(vec![awaiting("server", "a", None), again(), awaiting("Server", "b", None), plain("server")]);
    plan.run.push(awaiting("other", "c", None));
    plan.collect = vec![awaiting("server", "d", None)];
    let mut session = Session::default();
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan))), at(0));
    let lines = |position| session.awaited_lines(run(position)).iter().map(|(step, _)| *step).collect::<Vec<_>>();
    assert_eq!(lines(1), [run(2), key(Phase::Collect, 0)]);
    assert_eq!(lines(3), [], "it is not spawned");
}
