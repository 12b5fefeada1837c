//! Tests of the session's core with given events.

mod any_order;
mod awaited;
mod awaits;
mod ending;
mod forms;
mod lease;

use rustix::process::Signal;

use super::*;
use crate::model::{PhaseId, StepId};
use crate::wire::{StepEndedMessage, StepMessage, StepStartedMessage};

const SECOND: u64 = 1_000_000_000;

fn at(seconds: u64) -> PlayerTime {
    PlayerTime::from_nanoseconds(seconds * SECOND)
}

fn step(command: &str, spawn: bool, timeout: Option<u64>) -> StepMessage {
    StepMessage {
        label: command.to_owned(),
        command: command.to_owned(),
        spawn,
        timeout: timeout.map(|seconds| seconds * SECOND),
        ..StepMessage::default()
    }
}

fn plan(run: Vec<StepMessage>) -> PlanMessage {
    PlanMessage {
        versions: Vec::new(),
        incarnation: None,
        trials: 2,
        phases: Phase::ALL.map(Phase::from).to_vec(),
        shell: "/bin/sh".to_owned(),
        directory: None,
        scratch: None,
        environment: Vec::new(),
        step_timeout: Some(100 * SECOND),
        reset_timeout: 50 * SECOND,
        lease: 60 * SECOND,
        startup: vec![step("prepare", false, None)],
        run,
        collect: Vec::new(),
        reset: vec![step("undo", false, None), step("tidy", false, None)],
    }
}

fn key(phase: Phase, position: usize) -> StepId {
    StepId { trial: 1, phase, position }
}

fn started(key: StepId, seconds: u64) -> SessionEvent {
    let at = seconds * SECOND;
    SessionEvent::Started(StepStartedMessage { step: key, at, late: 0, pid: 7, stdout: 0, stderr: 1 })
}

fn ended(key: StepId, seconds: u64) -> SessionEvent {
    let outcome = OutcomeMessage::Exit { status: 0 };
    SessionEvent::Ended(StepEndedMessage { stdout: 3, ..StepEndedMessage::new(key, outcome) }, at(seconds))
}

fn stop(key: StepId) -> SessionAction {
    SessionAction::Stop(key, Signal::TERM)
}

fn arm(phase: Phase) -> SessionEvent {
    SessionEvent::Message(ConductorMessage::Arm(PhaseId { trial: 1, phase }))
}

fn go(phase: Phase) -> SessionEvent {
    SessionEvent::Message(ConductorMessage::Go { phase: PhaseId { trial: 1, phase }, at: None })
}

fn orphaned() -> SessionEvent {
    SessionEvent::Orphaned { reason: "the test says so".to_owned(), reset_limit: None }
}

/// Creates a session with a plan, in the Run phase.
fn in_run(steps: Vec<StepMessage>) -> Session {
    let mut session = Session::default();
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(steps)))), at(0));
    session.handle(arm(Phase::Run), at(0));
    session.handle(go(Phase::Run), at(0));
    session
}

fn left(summary: &str) -> SessionAction {
    SessionAction::Send(PlayerMessage::Left { summary: summary.to_owned() })
}

fn starts(actions: &[SessionAction]) -> Vec<StepId> {
    let starts = actions.iter().filter_map(|action| match action {
        SessionAction::Start { key, .. } => Some(*key),
        _ => None,
    });
    starts.collect()
}

fn outcomes(actions: &[SessionAction]) -> Vec<(usize, OutcomeMessage)> {
    let ends = actions.iter().filter_map(|action| match action {
        SessionAction::Send(PlayerMessage::StepEnded(end)) => Some((end.step.position, end.outcome.clone())),
        _ => None,
    });
    ends.collect()
}

fn skipped_for(why: &str) -> OutcomeMessage {
    OutcomeMessage::Skipped { why: Some(why.to_owned()) }
}

#[test]
fn nothing_starts_before_go_and_steps_follow_one_another() {
    let mut session = Session::default();
    let taken = session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(vec![])))), at(0));
    let ready = PlayerMessage::Armed(PhaseId { trial: 1, phase: Phase::Startup });
    assert_eq!(taken, [SessionAction::Send(PlayerMessage::PlanTaken), SessionAction::Send(ready)]);
    let armed = session.handle(arm(Phase::Reset), at(0));
    assert_eq!(starts(&armed), []);
    let gone = session.handle(go(Phase::Reset), at(0));
    assert_eq!(starts(&gone), [key(Phase::Reset, 0)]);
    session.handle(started(key(Phase::Reset, 0), 1), at(1));
    let next = session.handle(ended(key(Phase::Reset, 0), 2), at(2));
    assert_eq!(starts(&next), [key(Phase::Reset, 1)]);
    let last = session.handle(ended(key(Phase::Reset, 1), 3), at(3));
    let end = PlayerMessage::PhaseEnded(PhaseId { trial: 1, phase: Phase::Reset });
    assert_eq!(last.last(), Some(&SessionAction::Send(end)));
}

#[test]
fn a_step_that_takes_too_long_is_stopped_and_its_end_says_so() {
    let mut session = in_run(vec![step("slow", false, Some(5))]);
    session.handle(started(key(Phase::Run, 0), 1), at(1));
    assert_eq!(session.next_deadline(), Some(at(6)));
    assert_eq!(session.handle(SessionEvent::Tick, at(5)), []);
    assert_eq!(session.handle(SessionEvent::Tick, at(6)), [stop(key(Phase::Run, 0))]);
    let end = session.handle(ended(key(Phase::Run, 0), 7), at(7));
    assert_eq!(outcomes(&end), [(0, OutcomeMessage::TimedOut { after: 5 * SECOND })]);
}

#[test]
fn a_stopped_phase_stops_its_step_and_skips_the_rest() {
    let mut session = in_run(vec![step("one", false, None), step("two", false, None)]);
    session.handle(started(key(Phase::Run, 0), 1), at(1));
    let told = SessionEvent::Message(ConductorMessage::Stop(PhaseId { trial: 1, phase: Phase::Run }));
    assert_eq!(session.handle(told, at(2)), [stop(key(Phase::Run, 0))]);
    let end = session.handle(ended(key(Phase::Run, 0), 3), at(3));
    assert_eq!(outcomes(&end), [(0, OutcomeMessage::Stopped), (1, OutcomeMessage::Skipped { why: None })]);
    assert_eq!(starts(&end), []);
}

#[test]
fn a_spawned_step_lets_the_next_one_go_on_and_is_told_twice() {
    let mut session = in_run(vec![step("server", true, None), step("client", false, None)]);
    let up = session.handle(started(key(Phase::Run, 0), 1), at(1));
    assert_eq!(outcomes(&up), [(0, OutcomeMessage::Spawned)]);
    assert_eq!(starts(&up), [key(Phase::Run, 1)]);
    let down = session.handle(ended(key(Phase::Run, 0), 2), at(2));
    let [SessionAction::Send(PlayerMessage::SpawnedEnded(end))] = &down[..] else { panic!("{down:?}") };
    assert_eq!((end.outcome.clone(), end.duration), (OutcomeMessage::Exit { status: 0 }, Some(SECOND)));
}

#[test]
fn an_orphan_stops_its_step_runs_reset_sweeps_and_finishes() {
    let mut session = in_run(vec![step("one", false, None), step("two", false, None)]);
    session.handle(started(key(Phase::Run, 0), 1), at(1));
    let reason = "the test says so".to_owned();
    let parting = SessionAction::Send(PlayerMessage::Leaving { reason: reason.clone() });
    let orphan = SessionAction::Report(Note::Orphaned(reason));
    assert_eq!(session.handle(orphaned(), at(2)), [orphan, parting, stop(key(Phase::Run, 0))]);
    let stopped = session.handle(ended(key(Phase::Run, 0), 3), at(3));
    assert_eq!(starts(&stopped), [key(Phase::Reset, 0)]);
    session.handle(ended(key(Phase::Reset, 0), 4), at(4));
    let reset = session.handle(ended(key(Phase::Reset, 1), 5), at(5));
    assert_eq!(reset.last(), Some(&SessionAction::Sweep));
    let over = session.handle(SessionEvent::Swept(Vec::new()), at(6));
    assert_eq!(over, [left("the test says so; its steps were stopped and Reset was run"), SessionAction::Finish]);
}

#[test]
fn an_orphan_in_reset_finishes_that_reset_and_runs_no_second_one() {
    let mut session = in_run(vec![]);
    session.handle(arm(Phase::Reset), at(1));
    session.handle(go(Phase::Reset), at(1));
    session.handle(started(key(Phase::Reset, 0), 1), at(1));
    assert_eq!(starts(&session.handle(orphaned(), at(2))), []);
    let next = session.handle(ended(key(Phase::Reset, 0), 3), at(3));
    assert_eq!(starts(&next), [key(Phase::Reset, 1)]);
    let over = session.handle(ended(key(Phase::Reset, 1), 4), at(4));
    assert_eq!((starts(&over), over.last()), (vec![], Some(&SessionAction::Sweep)));
}

#[test]
fn a_conductor_that_leaves_between_two_phases_leaves_nothing_that_is_not_reset() {
    let mut session = in_run(vec![step("one", false, None)]);
    session.handle(started(key(Phase::Run, 0), 1), at(1));
    session.handle(ended(key(Phase::Run, 0), 2), at(2));
    let bye = || SessionEvent::Message(ConductorMessage::Bye);
    assert_eq!(starts(&session.handle(bye(), at(3))), [key(Phase::Reset, 0)]);
}

#[test]
fn a_conductor_that_leaves_before_the_end_of_a_trial_leaves_nothing_that_was_spawned() {
    let mut session = in_run(vec![step("server", true, None)]);
    session.handle(started(key(Phase::Run, 0), 1), at(1));
    session.handle(arm(Phase::Reset), at(2));
    session.handle(go(Phase::Reset), at(2));
    session.handle(ended(key(Phase::Reset, 0), 3), at(3));
    session.handle(ended(key(Phase::Reset, 1), 3), at(3));
    let left = session.handle(SessionEvent::Message(ConductorMessage::Bye), at(4));
    assert_eq!((starts(&left), left.last()), (vec![], Some(&SessionAction::Sweep)));
}

#[test]
fn a_reset_that_takes_too_long_is_stopped_as_a_whole() {
    let mut session = in_run(vec![]);
    session.handle(arm(Phase::Reset), at(0));
    session.handle(go(Phase::Reset), at(0));
    session.handle(started(key(Phase::Reset, 0), 1), at(1));
    assert_eq!(session.next_deadline(), Some(at(50)));
    assert_eq!(session.handle(SessionEvent::Tick, at(50)), [stop(key(Phase::Reset, 0))]);
    let end = session.handle(ended(key(Phase::Reset, 0), 51), at(51));
    let expected =
        [(0, OutcomeMessage::TimedOut { after: 50 * SECOND }), (1, skipped_for("reset took longer than 50s"))];
    assert_eq!(outcomes(&end), expected);
}

#[test]
fn a_step_of_reset_whose_process_can_not_be_made_is_tried_again_for_as_long_as_reset_may_take() {
    let lacks = |key: StepId| {
        SessionEvent::NotStarted(key, NotStarted { why: "no processes".to_owned(), may_work_later: true })
    };
    for works_at in [Some(20), None] {
        let mut session = in_run(vec![]);
        session.handle(arm(Phase::Reset), at(0));
        session.handle(go(Phase::Reset), at(0));
        let undo = key(Phase::Reset, 0);
        for second in 0..works_at.unwrap_or(50) {
            assert_eq!(session.handle(lacks(undo), at(second)), [], "it is not over");
            assert_eq!(session.next_deadline(), Some(at(second).plus(Duration::from_millis(500))));
            let again = SessionAction::Start { key: undo, at: None, again: false };
            if second < 49 {
                assert_eq!(session.handle(SessionEvent::Tick, at(second + 1)), [again]);
            }
        }
        if let Some(second) = works_at {
            session.handle(started(undo, second), at(second));
            assert_eq!(starts(&session.handle(ended(undo, 21), at(21))), [key(Phase::Reset, 1)]);
        } else {
            let why = "no processes; it was retried until `reset_timeout` had passed".to_owned();
            assert_eq!(outcomes(&session.handle(SessionEvent::Tick, at(50))), [], "a last attempt was due");
            let end = outcomes(&session.handle(lacks(undo), at(50)));
            let expected = [(0, OutcomeMessage::NotStarted { why }), (1, skipped_for("reset took longer than 50s"))];
            assert_eq!(end, expected);
        }
    }
}

#[test]
fn a_step_of_another_phase_whose_process_can_not_be_made_has_failed() {
    let mut session = in_run(vec![step("one", false, None)]);
    let lacks = SessionEvent::NotStarted(
        key(Phase::Run, 0),
        NotStarted { why: "no processes".to_owned(), may_work_later: true },
    );
    let why = "no processes".to_owned();
    assert_eq!(outcomes(&session.handle(lacks, at(1))), [(0, OutcomeMessage::NotStarted { why })]);
}
