//! A player that is told to stop while its conductor is there: what it says of that, and how long it may take.

use super::*;

fn told_to_stop() -> SessionEvent {
    let reason = "the player was told to stop".to_owned();
    SessionEvent::Orphaned { reason, reset_limit: Some(Duration::from_secs(30)) }
}

#[test]
fn what_it_was_ready_for_is_not_begun_and_reset_is() {
    for phase in [PhaseName::Collect, PhaseName::Reset] {
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
    let mut session = Session::new();
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(Vec::new())))), at(0));
    session.handle(arm(PhaseName::Reset), at(0));
    assert_eq!(starts(&session.handle(told_to_stop(), at(1))), []);
    let over = session.handle(SessionEvent::Swept { warnings: Vec::new() }, at(2));
    assert_eq!(over, [left("the player was told to stop; nothing had to be reset"), SessionAction::Finish]);
}
