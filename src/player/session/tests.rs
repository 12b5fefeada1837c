//! The session's core under tables of events, and under any order of them.

mod awaited;
mod ending;
mod forms;
mod lease;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
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

/// A session with a plan, in the middle of Run.
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
    let orphan = SessionAction::Report(Note::Orphaned { reason });
    assert_eq!(session.handle(orphaned(), at(2)), [orphan, parting, stop(key(Phase::Run, 0))]);
    let stopped = session.handle(ended(key(Phase::Run, 0), 3), at(3));
    assert_eq!(starts(&stopped), [key(Phase::Reset, 0)]);
    session.handle(ended(key(Phase::Reset, 0), 4), at(4));
    let reset = session.handle(ended(key(Phase::Reset, 1), 5), at(5));
    assert_eq!(reset.last(), Some(&SessionAction::Sweep));
    let over = session.handle(SessionEvent::Swept { warnings: Vec::new() }, at(6));
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

/// What may come at any time.
#[derive(Debug, Clone)]
enum Choice {
    Say(ConductorMessage),
    /// Something of what the world owes comes true: a start, a failed start, an end, the end of a sweep.
    World(usize, bool),
    /// A running step prints the line for which one of its phase waits.
    Print(usize),
    Orphan,
    Wait(u64),
}

fn choice() -> impl Strategy<Value = Choice> {
    let phase = prop::sample::select(Phase::ALL.map(Phase::from).to_vec());
    let say = (0..8, 1..3_u32, phase, 0..8_usize).prop_map(|(what, trial, phase, step)| match what {
        0 => ConductorMessage::Arm(PhaseId { trial, phase }),
        1 => ConductorMessage::Go { phase: PhaseId { trial, phase }, at: None },
        2 => ConductorMessage::Stop(PhaseId { trial, phase }),
        3 => ConductorMessage::EndTrial { trial },
        4 => ConductorMessage::FailBarrier {
            step: StepId { trial, phase, position: step },
            why: "the test says so".to_owned(),
        },
        5 | 6 => ConductorMessage::Release { step: StepId { trial, phase, position: step }, at: None },
        _ => ConductorMessage::Plan(Box::new(plan(Vec::new()))),
    });
    prop_oneof![
        6 => say.prop_map(Choice::Say),
        8 => (any::<usize>(), any::<bool>()).prop_map(|(which, good)| Choice::World(which, good)),
        2 => any::<usize>().prop_map(Choice::Print),
        1 => Just(Choice::Orphan),
        2 => (1..200_u64).prop_map(Choice::Wait),
    ]
}

/// Everything around the session: it does what it is told, whenever the test lets it.
#[derive(Default)]
struct World {
    starting: BTreeSet<StepId>,
    running: BTreeSet<StepId>,
    transferring: BTreeSet<StepId>,
    sweeping: bool,
    begun: BTreeMap<StepId, u32>,
    ended: BTreeMap<StepId, u32>,
    /// Resets since something else was started last.
    resets: u32,
    touched: bool,
    /// The phases of which the end was told.
    through: BTreeSet<(u32, Phase)>,
    /// What is told first and last by one that leaves.
    leaving: u32,
    left: u32,
    finished: u32,
}

impl World {
    fn take(&mut self, actions: Vec<SessionAction>) {
        for action in actions {
            let is_finish = matches!(action, SessionAction::Finish);
            assert!(self.left == 0 || (is_finish && self.finished == 0), "{action:?} after the last word");
            match action {
                SessionAction::Start { key, again, .. } => {
                    assert_eq!(self.finished, 0, "nothing starts after the end");
                    assert!(!self.starting.contains(&key) && !self.running.contains(&key), "{key:?} runs twice");
                    // Another attempt belongs to the same step.
                    *self.begun.entry(key).or_default() += u32::from(!again);
                    match (key.phase, key.position) {
                        (Phase::Reset, 0) => self.resets += 1,
                        (Phase::Reset, _) => {}
                        _ => (self.resets, self.touched) = (0, true),
                    }
                    self.starting.insert(key);
                }
                SessionAction::Transfer(key) => {
                    assert!(self.transferring.insert(key), "{key:?} transfers twice");
                    *self.begun.entry(key).or_default() += 1;
                    if key.phase != Phase::Reset {
                        (self.resets, self.touched) = (0, true);
                    }
                }
                SessionAction::CancelTransfer(key) => assert!(self.transferring.remove(&key), "{key:?} is not at work"),
                SessionAction::Send(PlayerMessage::StepEnded(end)) => {
                    let key = end.step;
                    *self.ended.entry(key).or_default() += 1;
                }
                SessionAction::Send(PlayerMessage::PhaseEnded(PhaseId { trial, phase })) => {
                    self.through.insert((trial, phase));
                }
                SessionAction::Send(PlayerMessage::Leaving { .. }) => self.leaving += 1,
                SessionAction::Send(PlayerMessage::Left { .. }) => self.left += 1,
                SessionAction::Sweep => self.sweeping = true,
                SessionAction::Finish => self.finished += 1,
                _ => {}
            }
        }
    }

    fn print(&self, which: usize, now: PlayerTime) -> Option<SessionEvent> {
        let by = *self.running.iter().nth(which.checked_rem(self.running.len())?)?;
        let awaiting = StepId { position: forms::AWAITING, ..by };
        Some(SessionEvent::Printed { by, awaiting, at: now })
    }

    /// The next thing that comes true, if the world owes anything.
    fn next(&mut self, which: usize, good: bool, now: PlayerTime) -> Option<SessionEvent> {
        let processes = self.starting.len() + self.running.len();
        let which = which.checked_rem(processes + self.transferring.len() + usize::from(self.sweeping))?;
        if let Some(key) = which.checked_sub(processes).and_then(|which| self.transferring.iter().nth(which)).copied() {
            self.transferring.remove(&key);
            let outcome = OutcomeMessage::Exit { status: i32::from(!good) };
            return Some(SessionEvent::TransferEnded { key, outcome, at: now });
        }
        if let Some(key) = self.starting.iter().nth(which).copied() {
            self.starting.remove(&key);
            if !good {
                let why = NotStarted { why: "the test says so".to_owned(), may_work_later: false };
                return Some(SessionEvent::NotStarted(key, why));
            }
            self.running.insert(key);
            let at = now.nanoseconds();
            let message = StepStartedMessage { step: key, at, late: 0, pid: 1, stdout: 0, stderr: 1 };
            return Some(SessionEvent::Started(message));
        }
        if let Some(key) = self.running.iter().nth(which - self.starting.len()).copied() {
            self.running.remove(&key);
            let outcome = OutcomeMessage::Exit { status: i32::from(!good) };
            return Some(SessionEvent::Ended(StepEndedMessage::new(key, outcome), now));
        }
        self.sweeping = false;
        self.running.clear();
        Some(SessionEvent::Swept { warnings: Vec::new() })
    }
}

/// How many orders are tried: more by `scripts/interleavings`.
fn cases() -> u32 {
    std::env::var("INTERLEAVINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_a_session_ends_each_step_once_and_resets_at_most_once_a_trial(
        choices in prop::collection::vec(choice(), 0..120),
    ) {
        let (mut session, mut world, mut now) = (Session::default(), World::default(), at(1));
        let steps = forms::all();
        world.take(session.handle(SessionEvent::Message(ConductorMessage::Plan(Box::new(plan(steps)))), now));
        for choice in choices {
            let event = match choice {
                Choice::Say(message) => Some(SessionEvent::Message(message)),
                Choice::World(which, good) => world.next(which, good, now),
                Choice::Print(which) => world.print(which, now),
                Choice::Orphan => Some(orphaned()),
                Choice::Wait(seconds) => {
                    now = now.plus(Duration::from_secs(seconds));
                    Some(SessionEvent::Tick)
                }
            };
            if let Some(event) = event.filter(|_| world.finished == 0) {
                let awaited = Some(session.awaited()).filter(|awaited| awaited::is_word(&event) && !awaited.is_empty());
                let actions = session.handle(event, now);
                let starts = starts(&actions);
                prop_assert!(starts.is_empty() || awaited.is_none_or(|awaited| awaited == starts), "{starts:?}");
                world.take(actions);
            }
        }
        if world.finished == 0 {
            world.take(session.handle(orphaned(), now));
        }
        for _ in 0..50 {
            if let Some(event) = world.next(0, true, now).filter(|_| world.finished == 0) {
                world.take(session.handle(event, now));
            }
        }
        prop_assert_eq!(world.finished, 1, "{:?}", session);
        for (key, count) in &world.begun {
            prop_assert!(*count == 1, "{key:?} began {count} times");
            prop_assert!(world.ended.get(key) == Some(&1), "{key:?} ended {:?} times", world.ended.get(key));
            prop_assert!(world.through.contains(&(key.trial, key.phase)), "the end of the phase of {key:?} is not told");
        }
        prop_assert_eq!((world.leaving, world.left), (1, 1), "what became of it is told");
        prop_assert!(world.transferring.is_empty(), "nobody waits for files any more");
        prop_assert!(!world.touched || world.resets >= 1, "no Reset after the last step");
    }
}
