//! Which processes may be prepared before the message of the conductor: exactly those that it starts.

use super::*;
use crate::wire::ActionMessage;

/// Whether this message is needed before anything starts.
pub(super) fn is_word(event: &SessionEvent) -> bool {
    matches!(event, SessionEvent::Message(ConductorMessage::Go { .. } | ConductorMessage::Release { .. }))
}

fn plain(command: &str) -> StepMessage {
    step(command, false, None)
}

fn parallel(command: &str) -> StepMessage {
    StepMessage { parallel: true, ..plain(command) }
}

fn barrier() -> StepMessage {
    StepMessage { action: Some(ActionMessage::Barrier { name: "all".to_owned() }), ..plain("all") }
}

fn release(step: usize) -> SessionEvent {
    let (trial, phase) = (1, Phase::Run);
    SessionEvent::Message(ConductorMessage::Release { step: StepId { trial, phase, position: step }, at: None })
}

fn run(position: usize) -> StepId {
    key(Phase::Run, position)
}

#[test]
fn a_phase_that_is_armed_awaits_its_first_step_and_the_neighbours_that_run_with_it() {
    let steps = vec![parallel("a"), parallel("b"), plain("c"), parallel("d")];
    let mut session = Session::default();
    assert_eq!(session.awaited(), []);
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(steps)))), at(0));
    assert_eq!(session.awaited(), [key(Phase::Startup, 0)], "it is armed without being asked");
    session.handle(arm(Phase::Run), at(0));
    assert_eq!(session.awaited(), [run(0), run(1)]);
    assert_eq!(starts(&session.handle(go(Phase::Run), at(0))), [run(0), run(1)]);
    assert_eq!(session.awaited(), []);
}

#[test]
fn who_waits_at_a_barrier_awaits_what_stands_behind_it() {
    let mut session = in_run(vec![barrier(), plain("a"), parallel("b")]);
    assert_eq!(session.awaited(), [run(1)]);
    assert_eq!(starts(&session.handle(release(0), at(1))), [run(1)]);
    assert_eq!(session.awaited(), []);
}

#[test]
fn behind_a_barrier_may_stand_what_makes_no_process() {
    assert_eq!(in_run(vec![barrier(), barrier(), plain("a")]).awaited(), []);
    assert_eq!(in_run(vec![barrier()]).awaited(), []);
}

#[test]
fn who_is_not_to_go_on_awaits_nothing() {
    let mut session = in_run(vec![barrier(), plain("a")]);
    let stop = ConductorMessage::Stop(PhaseId { trial: 1, phase: Phase::Run });
    session.handle(SessionEvent::Message(stop), at(1));
    assert_eq!(session.awaited(), []);
    let mut session = in_run(vec![barrier(), plain("a")]);
    session.handle(orphaned(), at(1));
    assert_eq!(session.awaited(), []);
}
