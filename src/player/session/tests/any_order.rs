//! Tests of the session's core with events in any order.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// An event that can occur at any time.
#[derive(Debug, Clone)]
enum Choice {
    Say(ConductorMessage),
    /// One of the pending events: a start, a failed start, an end, or the end of a sweep.
    World(usize, bool),
    /// A running step prints the line for which a step of its phase waits.
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

/// A simulated environment of the session. It carries out the session's actions when the test lets it.
#[derive(Default)]
struct World {
    starting: BTreeSet<StepId>,
    running: BTreeSet<StepId>,
    transferring: BTreeSet<StepId>,
    sweeping: bool,
    begun: BTreeMap<StepId, u32>,
    ended: BTreeMap<StepId, u32>,
    /// How many times Reset has run since another step was last started.
    resets: u32,
    touched: bool,
    /// The phases whose end was reported.
    through: BTreeSet<(u32, Phase)>,
    /// How often `Leaving` and `Left` were sent: the first and the last message of a session that leaves.
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

    /// Returns the next pending event, if there is one.
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
        Some(SessionEvent::Swept(Vec::new()))
    }
}

/// The number of random orders to try. `scripts/interleavings` sets a higher one.
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
