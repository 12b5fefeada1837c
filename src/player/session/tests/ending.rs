//! A player that is told to stop while its conductor is connected: what it reports, and how long it may take.

use super::*;
use crate::wire::{ActionMessage, PlanMessage};

fn told_to_stop() -> SessionEvent {
    let reason = "the player was shut down".to_owned();
    SessionEvent::Orphaned { reason, reset_limit: Some(Duration::from_secs(30)) }
}

#[test]
fn what_it_was_ready_for_is_not_begun_and_reset_is() {
    for phase in [Phase::Collect, Phase::Reset] {
        let mut session = in_run(vec![step("one", false, None)]);
        session.handle(started(key(Phase::Run, 0), 1), at(1));
        session.handle(ended(key(Phase::Run, 0), 2), at(2));
        session.handle(arm(phase), at(2));
        assert_eq!(starts(&session.handle(told_to_stop(), at(3))), [key(Phase::Reset, 0)]);
        assert_eq!(session.handle(go(phase), at(3)), [], "the order and the word crossed");
    }
}

#[test]
fn where_nothing_was_begun_its_last_word_is_that_nothing_had_to_be_reset() {
    let mut session = Session::default();
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(Vec::new())))), at(0));
    session.handle(arm(Phase::Reset), at(0));
    assert_eq!(starts(&session.handle(told_to_stop(), at(1))), []);
    let over = session.handle(SessionEvent::Swept(Vec::new()), at(2));
    assert_eq!(over, [left("the player was shut down; no Reset was needed"), SessionAction::Finish]);
}

#[test]
fn a_reset_that_its_lease_has_made_due_has_no_more_time_than_the_stop_leaves_it() {
    let mut session = in_run(vec![step("one", false, None)]);
    session.handle(started(key(Phase::Run, 0), 1), at(1));
    session.handle(orphaned(), at(2));
    session.handle(told_to_stop(), at(3));
    session.handle(ended(key(Phase::Run, 0), 4), at(4));
    assert_eq!(session.next_deadline(), Some(at(34)));
}

#[test]
fn a_reset_at_work_may_take_as_long_from_now_on_as_one_that_is_begun_now() {
    for was_alone in [false, true] {
        let mut session = in_run(vec![]);
        session.handle(arm(Phase::Reset), at(0));
        session.handle(go(Phase::Reset), at(0));
        session.handle(started(key(Phase::Reset, 0), 1), at(1));
        if was_alone {
            session.handle(orphaned(), at(2));
        }
        assert_eq!(session.next_deadline(), Some(at(50)));
        session.handle(told_to_stop(), at(10));
        assert_eq!(session.next_deadline(), Some(at(40)));
        assert_eq!(session.handle(SessionEvent::Tick, at(40)), [stop(key(Phase::Reset, 0))]);
        let end = session.handle(ended(key(Phase::Reset, 0), 41), at(41));
        assert_eq!(outcomes(&end)[0], (0, OutcomeMessage::TimedOut { after: 30 * SECOND }));
    }
    // If less time is left, the limit stays.
    let mut session = in_run(vec![]);
    session.handle(arm(Phase::Reset), at(0));
    session.handle(go(Phase::Reset), at(0));
    session.handle(told_to_stop(), at(45));
    assert_eq!(session.next_deadline(), Some(at(50)));
}

#[test]
fn a_barrier_in_a_reset_that_nobody_listens_to_fails_at_once_and_the_rest_is_run() {
    let barrier =
        StepMessage { action: Some(ActionMessage::Barrier { name: "all".to_owned() }), ..step("meet", false, None) };
    let mut session = Session::default();
    let plan = PlanMessage { reset: vec![barrier, step("undo", false, None)], ..plan(vec![step("one", false, None)]) };
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan))), at(0));
    session.handle(arm(Phase::Run), at(0));
    session.handle(go(Phase::Run), at(0));
    session.handle(started(key(Phase::Run, 0), 1), at(1));
    session.handle(told_to_stop(), at(2));
    let actions = session.handle(ended(key(Phase::Run, 0), 3), at(3));
    assert_eq!(starts(&actions), [key(Phase::Reset, 1)]);
}

#[test]
fn without_reset_among_the_phases_none_is_left_to_anybody() {
    let needs_reset = |phases: &[Phase]| {
        let mut session = Session::default();
        let plan = PlanMessage { phases: phases.to_vec(), ..plan(vec![step("one", false, None)]) };
        session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan))), at(0));
        session.handle(arm(Phase::Run), at(0));
        session.handle(go(Phase::Run), at(0)).contains(&SessionAction::Report(Note::ResetNeeded(1)))
    };
    assert!(needs_reset(&[Phase::Run, Phase::Reset]));
    assert!(!needs_reset(&[Phase::Run]));
}
