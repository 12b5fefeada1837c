//! The forms of steps: in which order they run, what is stopped when, and each outcome.

use super::awaits::awaiting;
use super::*;
use crate::wire::{ActionMessage, StepEndedMessage, UntilMessage};

pub(super) fn plain(command: &str) -> StepMessage {
    step(command, false, None)
}

fn barrier(name: &str) -> StepMessage {
    StepMessage { action: Some(ActionMessage::Barrier { name: name.to_owned() }), must: true, ..plain(name) }
}

fn stop_of(label: &str) -> StepMessage {
    StepMessage { action: Some(ActionMessage::Stop { label: label.to_owned() }), ..plain("stop") }
}

fn fetch(pattern: &str) -> StepMessage {
    StepMessage { action: Some(ActionMessage::Fetch { pattern: pattern.to_owned(), scratch: false }), ..plain("fetch") }
}

fn put(remote: &str) -> StepMessage {
    StepMessage { action: Some(ActionMessage::Put { remote: remote.to_owned() }), ..plain("put") }
}

fn transferred(key: StepId, seconds: u64) -> SessionEvent {
    SessionEvent::TransferEnded { key, outcome: passed(), at: at(seconds) }
}

pub(super) fn until(limit: u64, attempt: Option<u64>) -> StepMessage {
    let attempt = attempt.map(|seconds| seconds * SECOND);
    StepMessage { until: Some(UntilMessage { limit: limit * SECOND, attempt }), ..plain("try") }
}

/// The position of the `await:` step in the list below.
pub(super) const AWAITING: usize = 6;

/// Returns one step of each form, for random orders.
pub(super) fn all() -> Vec<StepMessage> {
    vec![
        step("server", true, None),
        StepMessage { parallel: true, ..step("left", false, Some(3)) },
        StepMessage { parallel: true, must: true, ..plain("right") },
        StepMessage { passes_at_limit: true, ..step("measure", false, Some(5)) },
        until(20, Some(4)),
        barrier("all"),
        awaiting("server", "up", None),
        stop_of("server"),
        fetch("*.log"),
        plain("last"),
    ]
}

pub(super) fn run(position: usize) -> StepId {
    key(Phase::Run, position)
}

pub(super) fn failed(key: StepId, seconds: u64) -> SessionEvent {
    let outcome = OutcomeMessage::Exit { status: 1 };
    SessionEvent::Ended(StepEndedMessage { stdout: 9, ..StepEndedMessage::new(key, outcome) }, at(seconds))
}

pub(super) fn passed() -> OutcomeMessage {
    OutcomeMessage::Exit { status: 0 }
}

pub(super) fn ends(actions: &[SessionAction]) -> Vec<StepEndedMessage> {
    let ends = actions.iter().filter_map(|action| match action {
        SessionAction::Send(PlayerMessage::StepEnded(end)) => Some(end.clone()),
        _ => None,
    });
    ends.collect()
}

/// Creates a session in the Run phase, and returns it with the actions of the start of the phase.
pub(super) fn begun(steps: Vec<StepMessage>) -> (Session, Vec<SessionAction>) {
    let mut session = Session::default();
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(steps)))), at(0));
    session.handle(arm(Phase::Run), at(0));
    let actions = session.handle(go(Phase::Run), at(0));
    (session, actions)
}

fn release(step: usize, instant: Option<u64>) -> SessionEvent {
    let at = instant.map(|seconds| seconds * SECOND);
    SessionEvent::Message(ConductorMessage::Release { step: run(step), at })
}

#[test]
fn a_must_that_fails_skips_the_rest_of_the_phase() {
    let mut session = in_run(vec![StepMessage { must: true, ..plain("prepare") }, plain("a"), plain("b")]);
    session.handle(started(run(0), 1), at(1));
    let end = session.handle(failed(run(0), 2), at(2));
    let skipped = skipped_for("`must:` step `prepare` failed");
    assert_eq!(outcomes(&end), [(0, OutcomeMessage::Exit { status: 1 }), (1, skipped.clone()), (2, skipped)]);
    assert!(end.contains(&SessionAction::Send(PlayerMessage::PhaseEnded(PhaseId { trial: 1, phase: Phase::Run }))));
    let mut session = in_run(vec![StepMessage { must: true, ..plain("prepare") }, plain("a")]);
    assert_eq!(starts(&session.handle(ended(run(0), 2), at(2))), [run(1)], "one that passes skips nothing");
}

#[test]
fn parallel_neighbours_run_together_and_the_next_step_waits_for_all_of_them() {
    let parallel = |name| StepMessage { parallel: true, ..plain(name) };
    let (mut session, actions) = begun(vec![parallel("a"), parallel("b"), plain("c"), parallel("d")]);
    assert_eq!(starts(&actions), [run(0), run(1)]);
    assert_eq!(starts(&session.handle(ended(run(1), 2), at(2))), []);
    assert_eq!(starts(&session.handle(ended(run(0), 3), at(3))), [run(2)], "a neighbour of another kind runs alone");
    assert_eq!(starts(&session.handle(ended(run(2), 4), at(4))), [run(3)]);
}

#[test]
fn parallel_steps_at_the_beginning_of_a_phase_all_start_at_its_instant() {
    let parallel = |name| StepMessage { parallel: true, ..plain(name) };
    let mut session = Session::default();
    let steps = vec![parallel("a"), parallel("b"), plain("c")];
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(steps)))), at(0));
    session.handle(arm(Phase::Run), at(0));
    let go = ConductorMessage::Go { phase: PhaseId { trial: 1, phase: Phase::Run }, at: Some(5 * SECOND) };
    let actions = session.handle(SessionEvent::Message(go), at(0));
    let start = |position, instant| SessionAction::Start { key: run(position), at: instant, again: false };
    assert_eq!(actions[1..], [start(0, Some(at(5))), start(1, Some(at(5)))]);
    session.handle(started(run(0), 5), at(5));
    session.handle(started(run(1), 5), at(5));
    session.handle(ended(run(0), 6), at(6));
    assert_eq!(session.handle(ended(run(1), 6), at(6)).last(), Some(&start(2, None)));
}

#[test]
fn a_for_is_interrupted_at_its_end_and_passes_and_one_that_fails_before_fails() {
    let measure = || StepMessage { passes_at_limit: true, ..step("measure", false, Some(5)) };
    let mut session = in_run(vec![measure()]);
    session.handle(started(run(0), 1), at(1));
    assert_eq!(session.handle(SessionEvent::Tick, at(6)), [SessionAction::Stop(run(0), Signal::INT)]);
    let end = session.handle(failed(run(0), 7), at(7));
    assert_eq!(outcomes(&end), [(0, OutcomeMessage::Elapsed { after: 5 * SECOND })]);
    let mut session = in_run(vec![measure()]);
    session.handle(started(run(0), 1), at(1));
    assert_eq!(outcomes(&session.handle(failed(run(0), 2), at(2))), [(0, OutcomeMessage::Exit { status: 1 })]);
}

#[test]
fn an_until_is_tried_again_until_it_succeeds_and_every_attempt_is_kept() {
    let mut session = in_run(vec![until(30, Some(4)), plain("next")]);
    let told = session.handle(started(run(0), 1), at(1));
    assert!(matches!(told[..], [SessionAction::Send(PlayerMessage::StepStarted(_))]));
    assert_eq!(session.handle(failed(run(0), 2), at(2)), []);
    let half = PlayerTime::from_nanoseconds(2 * SECOND + SECOND / 2);
    assert_eq!(session.next_deadline(), Some(half));
    let again = SessionAction::Start { key: run(0), at: None, again: true };
    assert_eq!(session.handle(SessionEvent::Tick, half), [again]);
    assert_eq!(session.handle(started(run(0), 3), at(3)), [], "it is told of once");
    assert_eq!(session.handle(SessionEvent::Tick, at(7)), [stop(run(0))], "an attempt has a limit of its own");
    session.handle(failed(run(0), 7), at(7));
    session.handle(SessionEvent::Tick, at(8));
    session.handle(started(run(0), 8), at(8));
    let end = session.handle(ended(run(0), 9), at(9));
    let [told] = &ends(&end)[..] else { panic!("{end:?}") };
    assert_eq!((&told.outcome, told.duration, told.stdout), (&passed(), Some(8 * SECOND), 3));
    let attempts: Vec<_> = told.attempts.iter().map(|attempt| (attempt.after / SECOND, &attempt.outcome)).collect();
    let late = OutcomeMessage::TimedOut { after: 4 * SECOND };
    assert_eq!(attempts, [(0, &OutcomeMessage::Exit { status: 1 }), (2, &late), (7, &passed())]);
    assert_eq!(starts(&end), [run(1)]);
}

#[test]
fn an_until_that_never_succeeds_fails_at_its_limit_also_between_two_attempts() {
    let mut session = in_run(vec![until(3, None)]);
    session.handle(started(run(0), 1), at(1));
    assert_eq!(session.handle(SessionEvent::Tick, at(4)), [stop(run(0))]);
    let late = OutcomeMessage::TimedOut { after: 3 * SECOND };
    assert_eq!(outcomes(&session.handle(failed(run(0), 5), at(5))), [(0, late.clone())]);
    let mut session = in_run(vec![until(3, None)]);
    session.handle(started(run(0), 1), at(1));
    session.handle(
        SessionEvent::Ended(
            StepEndedMessage::new(run(0), OutcomeMessage::Exit { status: 1 }),
            PlayerTime::from_nanoseconds(4 * SECOND - 1),
        ),
        at(3),
    );
    assert_eq!(outcomes(&session.handle(SessionEvent::Tick, at(4))), [(0, late)]);
    let mut stopped = in_run(vec![until(30, None)]);
    stopped.handle(started(run(0), 1), at(1));
    stopped.handle(failed(run(0), 2), at(2));
    let told = SessionEvent::Message(ConductorMessage::Stop(PhaseId { trial: 1, phase: Phase::Run }));
    assert_eq!(outcomes(&stopped.handle(told, at(2))), [(0, OutcomeMessage::Stopped)]);
}

#[test]
fn a_barrier_is_waited_at_until_its_release_and_what_follows_starts_at_that_instant() {
    let (mut session, actions) = begun(vec![barrier("all"), plain("next")]);
    let reached = PlayerMessage::BarrierReached(run(0));
    assert_eq!(actions, [SessionAction::Send(reached)]);
    let on = session.handle(release(0, Some(9)), at(8));
    let [told] = &ends(&on)[..] else { panic!("{on:?}") };
    assert_eq!((&told.outcome, told.duration), (&passed(), Some(9 * SECOND)), "it waited until the instant");
    assert_eq!(on.last(), Some(&SessionAction::Start { key: run(1), at: Some(at(9)), again: false }));
    assert_eq!(session.handle(release(0, None), at(9)), [], "once is enough");
}

#[test]
fn a_barrier_that_fails_skips_the_rest() {
    let (mut session, _) = begun(vec![barrier("all"), plain("next")]);
    let why = "worker `b` is lost".to_owned();
    let fail = ConductorMessage::FailBarrier { step: run(0), why: why.clone() };
    let on = session.handle(SessionEvent::Message(fail), at(8));
    assert_eq!(outcomes(&on), [(0, OutcomeMessage::Unfulfilled { why }), (1, skipped_for("barrier `all` failed"))]);
}

#[test]
fn a_wait_at_a_barrier_that_takes_too_long_asks_to_be_let_go_and_a_release_on_its_way_wins() {
    let steps = || vec![StepMessage { timeout: Some(5 * SECOND), ..barrier("all") }, plain("next")];
    let withdraw = SessionAction::Send(PlayerMessage::Withdraw(run(0)));
    let (mut session, _) = begun(steps());
    assert_eq!(session.handle(SessionEvent::Tick, at(5)), std::slice::from_ref(&withdraw));
    assert_eq!(session.handle(SessionEvent::Tick, at(6)), [], "it asks once");
    assert_eq!(outcomes(&session.handle(release(0, None), at(7))), [(0, passed())]);
    let (mut session, _) = begun(steps());
    assert_eq!(session.handle(SessionEvent::Tick, at(5)), [withdraw]);
    let why = "the time limit of the barrier has passed".to_owned();
    let fail = ConductorMessage::FailBarrier { step: run(0), why };
    let end = session.handle(SessionEvent::Message(fail), at(6));
    let late = OutcomeMessage::TimedOut { after: 5 * SECOND };
    assert_eq!(outcomes(&end), [(0, late), (1, skipped_for("barrier `all` failed"))]);
}

#[test]
fn who_is_left_alone_at_a_barrier_does_not_wait_for_its_release() {
    let (mut session, _) = begun(vec![barrier("all"), plain("next")]);
    let end = session.handle(orphaned(), at(2));
    assert_eq!(outcomes(&end), [(0, OutcomeMessage::Stopped), (1, skipped_for("the test says so"))]);
    assert!(end.contains(&SessionAction::Sweep), "nothing was started, and so nothing is to be reset: {end:?}");
}

#[test]
fn a_stop_waits_for_the_end_of_the_spawned_step_and_the_end_is_told_first() {
    let (mut session, _) = begun(vec![step("server", true, None), stop_of("server"), plain("next")]);
    let up = session.handle(started(run(0), 1), at(1));
    assert!(up.contains(&stop(run(0))), "{up:?}");
    let end = session.handle(failed(run(0), 2), at(2));
    let told: Vec<_> = end.iter().map(std::mem::discriminant).collect();
    assert_eq!(told.len(), 3, "{end:?}");
    let [SessionAction::Send(PlayerMessage::SpawnedEnded(spawned)), ..] = &end[..] else { panic!("{end:?}") };
    assert_eq!(spawned.outcome, OutcomeMessage::Stopped);
    assert_eq!(outcomes(&end), [(1, passed())]);
    assert_eq!(starts(&end), [run(2)]);
}

#[test]
fn a_stop_of_what_has_ended_passes_and_of_what_was_never_spawned_fails() {
    let (mut session, _) = begun(vec![step("server", true, None), plain("wait"), stop_of("server"), stop_of("other")]);
    session.handle(started(run(0), 1), at(1));
    session.handle(ended(run(0), 2), at(2));
    let end = session.handle(ended(run(1), 3), at(3));
    let why = "step `other` was not spawned in this trial".to_owned();
    assert_eq!(outcomes(&end), [(1, passed()), (2, passed()), (3, OutcomeMessage::Unfulfilled { why })]);
}

#[test]
fn a_spawned_step_with_a_time_of_its_own_is_stopped_after_it() {
    let mut session = in_run(vec![StepMessage { passes_at_limit: true, ..step("capture", true, Some(5)) }]);
    session.handle(started(run(0), 1), at(1));
    assert_eq!(session.next_deadline(), Some(at(6)));
    assert_eq!(session.handle(SessionEvent::Tick, at(6)), [SessionAction::Stop(run(0), Signal::INT)]);
    let end = session.handle(failed(run(0), 7), at(7));
    let [SessionAction::Send(PlayerMessage::SpawnedEnded(spawned))] = &end[..] else { panic!("{end:?}") };
    assert_eq!(spawned.outcome, OutcomeMessage::Elapsed { after: 5 * SECOND });
}

#[test]
fn files_are_transferred_before_the_next_step_and_count_as_something_to_reset() {
    let (mut session, actions) = begun(vec![fetch("*.log"), plain("after")]);
    let needed = SessionAction::Report(Note::ResetNeeded(1));
    assert!(actions.ends_with(&[needed, SessionAction::Transfer(run(0))]), "{actions:?}");
    let actions = session.handle(transferred(run(0), 3), at(3));
    assert_eq!(outcomes(&actions), [(0, passed())]);
    assert_eq!((ends(&actions)[0].duration, starts(&actions)), (Some(3 * SECOND), vec![run(1)]));
    assert_eq!(session.handle(transferred(run(0), 4), at(4)), [], "an end that comes twice is none");
}

#[test]
fn a_transfer_that_takes_too_long_or_is_stopped_is_cancelled_and_over_at_once() {
    let (mut session, _) = begun(vec![StepMessage { timeout: Some(5 * SECOND), must: true, ..put("/x") }, plain("no")]);
    let actions = session.handle(SessionEvent::Tick, at(5));
    assert!(actions.contains(&SessionAction::CancelTransfer(run(0))));
    assert_eq!(
        outcomes(&actions),
        [(0, OutcomeMessage::TimedOut { after: 5 * SECOND }), (1, skipped_for("`must:` step `put` failed"))]
    );
    let (mut session, _) = begun(vec![fetch("x")]);
    let stop = ConductorMessage::Stop(PhaseId { trial: 1, phase: Phase::Run });
    let actions = session.handle(SessionEvent::Message(stop), at(1));
    assert!(actions.contains(&SessionAction::CancelTransfer(run(0))));
    assert_eq!(outcomes(&actions), [(0, OutcomeMessage::Stopped)]);
    assert_eq!(session.handle(transferred(run(0), 2), at(2)), []);
}

#[test]
fn whoever_is_alone_with_its_reset_waits_for_no_file() {
    let mut plan = plan(vec![plain("work")]);
    plan.reset = vec![fetch("x"), plain("tidy"), fetch("y")];
    let mut session = Session::default();
    session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan))), at(0));
    session.handle(arm(Phase::Reset), at(0));
    let actions = session.handle(go(Phase::Reset), at(0));
    assert!(actions.contains(&SessionAction::Transfer(key(Phase::Reset, 0))));
    let gone = |position| (position, OutcomeMessage::Unfulfilled { why: "the test says so".to_owned() });
    let actions = session.handle(orphaned(), at(1));
    assert!(actions.contains(&SessionAction::CancelTransfer(key(Phase::Reset, 0))));
    assert_eq!((outcomes(&actions), starts(&actions)), (vec![gone(0)], vec![key(Phase::Reset, 1)]));
    session.handle(started(key(Phase::Reset, 1), 1), at(1));
    let actions = session.handle(ended(key(Phase::Reset, 1), 2), at(2));
    assert_eq!(outcomes(&actions), [(1, passed()), gone(2)]);
}

#[test]
fn a_process_that_never_starts_is_given_up_a_second_after_its_limit() {
    let mut session = in_run(vec![step("held", false, Some(5)), plain("next")]);
    assert_eq!(session.handle(SessionEvent::Tick, at(5)), []);
    assert_eq!(session.handle(SessionEvent::Tick, at(6)), [SessionAction::Stop(run(0), Signal::TERM)]);
    let end = session.handle(failed(run(0), 7), at(7));
    assert_eq!(outcomes(&end), [(0, OutcomeMessage::TimedOut { after: 5 * SECOND })]);
    assert_eq!(starts(&end), [run(1)]);
}

#[test]
fn a_spawned_process_that_never_starts_is_given_up_like_any_other() {
    let mut session = in_run(vec![step("server", true, Some(5)), plain("next")]);
    assert_eq!(session.handle(SessionEvent::Tick, at(6)), [SessionAction::Stop(run(0), Signal::TERM)]);
    assert_eq!(starts(&session.handle(failed(run(0), 7), at(7))), [run(1)]);
}

#[test]
fn a_for_that_is_over_at_a_barrier_has_passed_and_the_rest_is_run() {
    let mut session =
        in_run(vec![StepMessage { timeout: Some(5 * SECOND), passes_at_limit: true, ..barrier("all") }, plain("next")]);
    session.handle(SessionEvent::Tick, at(5));
    let why = "the time limit of the barrier has passed".to_owned();
    let fail = ConductorMessage::FailBarrier { step: run(0), why };
    let actions = session.handle(SessionEvent::Message(fail), at(6));
    assert_eq!(outcomes(&actions), [(0, OutcomeMessage::Elapsed { after: 5 * SECOND })]);
    assert_eq!(starts(&actions), [run(1)]);
}

#[test]
fn a_barrier_that_may_fail_lets_its_worker_go_on() {
    let mut session = in_run(vec![StepMessage { must: false, ..barrier("all") }, plain("next")]);
    let why = "lost".to_owned();
    let fail = ConductorMessage::FailBarrier { step: run(0), why: why.clone() };
    let actions = session.handle(SessionEvent::Message(fail), at(1));
    assert_eq!(outcomes(&actions), [(0, OutcomeMessage::Unfulfilled { why })]);
    assert_eq!(starts(&actions), [run(1)]);
}

#[test]
fn a_spawned_step_that_must_not_fail_skips_the_rest_of_the_phase_in_which_it_was_spawned() {
    let server = || StepMessage { must: true, ..step("server", true, None) };
    let mut session = in_run(vec![server(), plain("a"), plain("b")]);
    session.handle(started(run(0), 1), at(1));
    session.handle(started(run(1), 1), at(1));
    session.handle(failed(run(0), 2), at(2));
    let end = session.handle(ended(run(1), 3), at(3));
    let skipped = skipped_for("`must:` step `server` failed");
    assert_eq!(outcomes(&end), [(1, passed()), (2, skipped)]);
}
