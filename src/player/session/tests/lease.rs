//! The lease, in virtual time: how long a session continues without its conductor, and what it does then.

use super::*;

fn with_plan(run: Vec<StepMessage>) -> Session {
    let mut session = Session::with_lease(Duration::from_secs(9), at(0));
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(run)))), at(0));
    session
}

#[test]
fn a_lease_ends_when_nothing_was_heard_for_so_long_and_not_before() {
    let mut session = Session::with_lease(Duration::from_secs(9), at(0));
    session
        .handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(vec![step("one", false, None)])))), at(0));
    session.handle(go(Phase::Startup), at(0));
    session.handle(started(key(Phase::Startup, 0), 0), at(0));
    // The lease of the plan is in force from now on, and each message restarts it.
    session.heard(at(30));
    assert_eq!(session.next_deadline(), Some(at(90)));
    session.heard(at(20));
    assert_eq!(session.handle(SessionEvent::Tick, PlayerTime::from_nanoseconds(90 * SECOND - 1)), []);
    let reason = "nothing was received from the conductor for 1m".to_owned();
    let gone = session.handle(SessionEvent::Tick, at(90));
    assert_eq!(gone[0], SessionAction::Report(Note::Orphaned(reason)));
    assert_eq!(gone.last(), Some(&stop(key(Phase::Startup, 0))));
    // Reset waits only for the end of the running step.
    let stopped = session.handle(ended(key(Phase::Startup, 0), 90), at(90));
    assert!(starts(&stopped) == [key(Phase::Reset, 0)] && stopped.contains(&SessionAction::Report(Note::ResetBegun)));
    assert!(session.may_come_back);
    // A conductor that has started another session does not ask again.
    assert_eq!(session.handle(orphaned(), at(91)), []);
    assert!(!session.may_come_back);
}

#[test]
fn a_conductor_that_comes_back_within_the_lease_finds_everything_as_it_was() {
    let mut session = with_plan(Vec::new());
    for seconds in [59, 118, 177] {
        assert_eq!(session.handle(SessionEvent::Tick, at(seconds)), []);
        session.heard(at(seconds));
    }
    assert_eq!(starts(&session.handle(go(Phase::Startup), at(178))), [key(Phase::Startup, 0)]);
}

#[test]
fn a_conductor_that_is_gone_before_its_plan_ends_the_session_and_nothing_has_to_be_reset() {
    let mut session = Session::with_lease(Duration::from_mins(1), at(0));
    session.shorten_lease(Duration::from_secs(10));
    assert_eq!(session.next_deadline(), Some(at(10)));
    let gone = session.handle(SessionEvent::Tick, at(10));
    assert!(starts(&gone).is_empty() && gone.last() == Some(&SessionAction::Sweep), "{gone:?}");
    let told = left("nothing was received from the conductor for 10s; no Reset was needed");
    assert_eq!(session.handle(SessionEvent::Swept(Vec::new()), at(11)), [told, SessionAction::Finish]);
    assert!(!session.may_come_back && session.begun.is_none_or(|begun| begun.phase != Phase::Reset));
}

#[test]
fn a_lease_that_ends_in_reset_stops_nothing_of_it() {
    let mut session = with_plan(Vec::new());
    session.handle(arm(Phase::Reset), at(0));
    session.handle(go(Phase::Reset), at(55));
    let reason = "nothing was received from the conductor for 1m".to_owned();
    let told = SessionAction::Send(PlayerMessage::Leaving { reason: reason.clone() });
    assert_eq!(session.handle(SessionEvent::Tick, at(60)), [SessionAction::Report(Note::Orphaned(reason)), told]);
    session.handle(started(key(Phase::Reset, 0), 60), at(60));
    assert_eq!(starts(&session.handle(ended(key(Phase::Reset, 0), 61), at(61))), [key(Phase::Reset, 1)]);
    let over = session.handle(ended(key(Phase::Reset, 1), 62), at(62));
    assert_eq!((starts(&over), over.last()), (vec![], Some(&SessionAction::Sweep)));
}

#[test]
fn signs_of_life_without_a_plan_hold_a_player_for_an_hour_at_most() {
    let mut session = Session::with_lease(Duration::from_secs(9), at(0));
    for second in (3..3600).step_by(3) {
        session.heard(at(second));
        assert_eq!(session.handle(SessionEvent::Tick, at(second)), []);
    }
    session.heard(at(3599));
    assert_eq!(session.next_deadline(), Some(at(3600)));
    let reason = "its conductor sent no plan for 1h".to_owned();
    let over = session.handle(SessionEvent::Tick, at(3600));
    assert_eq!(over[0], SessionAction::Report(Note::Orphaned(reason)));
    assert!(!session.may_come_back);
    let mut planned = with_plan(Vec::new());
    planned.heard(at(3600));
    assert_eq!(planned.next_deadline(), Some(at(3660)), "a plan has come");
}

#[test]
fn no_lease_is_longer_than_a_day() {
    let mut session = Session::with_lease(Duration::MAX, at(0));
    let plan = PlanMessage { lease: u64::MAX, ..plan(Vec::new()) };
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan))), at(0));
    assert_eq!(session.next_deadline(), Some(at(24 * 60 * 60)));
}

#[test]
fn a_plan_for_another_player_ends_the_session_and_is_not_taken() {
    let meant = |incarnation: &str| {
        let plan = PlanMessage { incarnation: Some(incarnation.to_owned()), ..plan(Vec::new()) };
        SessionEvent::Message(ConductorMessage::Plan(Box::new(plan)))
    };
    let mut session = Session::with_lease(Duration::from_secs(9), at(0)).of("this".to_owned());
    let refused = session.handle(meant("that"), at(1));
    assert_eq!(refused.last(), Some(&SessionAction::Sweep), "{refused:?}");
    // Neither a second plan nor any message after it is accepted.
    assert_eq!(session.handle(meant("this"), at(1)), []);
    assert_eq!(session.handle(go(Phase::Startup), at(1)), []);
    let over = session.handle(SessionEvent::Swept(Vec::new()), at(2));
    assert_eq!(over.last(), Some(&SessionAction::Finish));
    assert!(session.plan().is_none());
    let mut session = Session::with_lease(Duration::from_secs(9), at(0)).of("this".to_owned());
    assert_eq!(session.handle(meant("this"), at(1))[0], SessionAction::Send(PlayerMessage::PlanTaken));
}

#[test]
fn what_failed_in_a_reset_without_a_conductor_is_in_the_summary() {
    let mut session = Session::for_reset(plan(Vec::new()), 1);
    let begun = session.handle(orphaned(), at(0));
    assert_eq!(starts(&begun), [key(Phase::Reset, 0)]);
    session.handle(started(key(Phase::Reset, 0), 1), at(1));
    let outcome = OutcomeMessage::Exit { status: 9 };
    session.handle(SessionEvent::Ended(StepEndedMessage::new(key(Phase::Reset, 0), outcome), at(2)), at(2));
    session.handle(started(key(Phase::Reset, 1), 3), at(3));
    session.handle(ended(key(Phase::Reset, 1), 4), at(4));
    let told = "the test says so; its steps were stopped and Reset was run, but `undo` failed";
    assert_eq!(session.summary(false).as_deref(), Some(told));
    assert_eq!(session.summary(true).as_deref(), Some("Reset was run for it, but `undo` failed"));
}
