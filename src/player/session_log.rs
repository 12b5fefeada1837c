//! The log of a session: with `-v`, a line for what it is told and for what it does about that.
//!
//! The core is pure and logs nothing itself; this stands around it.

use std::time::Duration;

use tracing::Level;

use super::session::{NotStarted, Session, SessionAction, SessionEvent};
use crate::model::{Phase, PhaseId, PlayerTime, StepId, signal_name};
use crate::wire::{
    ConductorMessage, OutcomeMessage, PlanMessage, PlayerMessage, StepEndedMessage, StepStartedMessage, cleaned,
};

/// Has the session take an event, and logs both sides of that for those who want to know everything.
pub(super) fn handle(session: &mut Session, event: SessionEvent, now: PlayerTime) -> Vec<SessionAction> {
    if !tracing::enabled!(Level::DEBUG) {
        return session.handle(event, now);
    }
    // Logged first, so that the line's time is that of the arrival.
    log(session, Words(session.plan()).heard(&event, now));
    let actions = session.handle(event, now);
    for action in &actions {
        log(session, Words(session.plan()).done(action));
    }
    actions
}

fn log(session: &Session, text: Option<String>) {
    let variables = session.plan().map(|plan| plan.environment.as_slice()).unwrap_or_default();
    let worker = variables.iter().rfind(|(name, _)| name == "CONDUCTOR_WORKER").map(|(_, worker)| worker.as_str());
    if let Some(text) = text {
        tracing::debug!("{}: {text}", cleaned(worker.unwrap_or("a worker")));
    }
}

/// The words for what happens, with the labels of the plan's steps.
struct Words<'a>(Option<&'a PlanMessage>);

impl Words<'_> {
    fn heard(&self, event: &SessionEvent, now: PlayerTime) -> Option<String> {
        match event {
            SessionEvent::Message(message) => self.told(message, now),
            // What else is not started has its end told.
            SessionEvent::NotStarted(key, NotStarted { why, may_work_later: true }) if key.phase == Phase::Reset => {
                Some(format!("{} can't be started yet: {}", self.step(*key), cleaned(why)))
            }
            _ => None,
        }
    }

    fn told(&self, message: &ConductorMessage, now: PlayerTime) -> Option<String> {
        Some(match message {
            ConductorMessage::Go { phase, at } => format!("{}: go{}", phase.phase, when(*at, now)),
            ConductorMessage::Stop(id) => format!("{} is to stop", id.phase),
            ConductorMessage::Release { step, at } => format!("{}: released{}", self.step(*step), when(*at, now)),
            ConductorMessage::FailBarrier { step, why } => {
                format!("{}: never passed: {}", self.step(*step), cleaned(why))
            }
            ConductorMessage::EndTrial { trial } => format!("trial {trial} is to end"),
            ConductorMessage::Bye => "the conductor takes leave".to_owned(),
            // The answer to these says it, or each file.
            ConductorMessage::Plan(_)
            | ConductorMessage::Arm(_)
            | ConductorMessage::File(_)
            | ConductorMessage::FileEnded(_)
            | ConductorMessage::FileTaken { .. }
            | ConductorMessage::Unknown => return None,
        })
    }

    fn done(&self, action: &SessionAction) -> Option<String> {
        Some(match action {
            SessionAction::Send(message) => return self.said(message),
            SessionAction::Start { key, behind: Some(_), .. } => {
                format!("{}: once more", self.step(*key))
            }
            SessionAction::Stop(key, _) => format!("{} is being stopped", self.step(*key)),
            SessionAction::Transfer(key) => format!("{} transfers files", self.step(*key)),
            SessionAction::Sweep => "everything that was started is being stopped".to_owned(),
            SessionAction::Finish => "the session is over".to_owned(),
            // A start is told by its outcome; the listener logs who is on their own.
            SessionAction::Start { behind: None, .. }
            | SessionAction::Spawned { .. }
            | SessionAction::CancelTransfer(_)
            | SessionAction::ResetNeeded { .. }
            | SessionAction::ResetBegun
            | SessionAction::Orphaned { .. } => return None,
        })
    }

    fn said(&self, message: &PlayerMessage) -> Option<String> {
        Some(match message {
            PlayerMessage::PlanTaken => "the plan is taken".to_owned(),
            PlayerMessage::Armed(PhaseId { trial, phase }) => format!("ready for {phase} of trial {trial}"),
            PlayerMessage::StepStarted(StepStartedMessage { step, pid, late, .. }) => {
                let late = Some(*late).filter(|late| *late > 0).map(Duration::from_nanos);
                let late = late.map(|late| format!(", {late:.1?} late")).unwrap_or_default();
                format!("{} started, process {pid}{late}", self.step(*step))
            }
            PlayerMessage::StepEnded(StepEndedMessage { step, outcome, .. })
            | PlayerMessage::SpawnedEnded(StepEndedMessage { step, outcome, .. }) => {
                format!("{} {}", self.step(*step), outcome_in_words(outcome))
            }
            PlayerMessage::BarrierReached(step) => format!("{}: waits for the others", self.step(*step)),
            PlayerMessage::Withdraw(step) => format!("{}: waited for long enough", self.step(*step)),
            PlayerMessage::PhaseEnded(id) => format!("through with {}", id.phase),
            PlayerMessage::TrialEnded { trial } => format!("trial {trial} is over"),
            PlayerMessage::Warning { text } => cleaned(text),
            PlayerMessage::File(_)
            | PlayerMessage::FileEnded(_)
            | PlayerMessage::PutWanted(_)
            | PlayerMessage::PutOver(_)
            | PlayerMessage::StepSettled(_)
            | PlayerMessage::Leaving { .. }
            | PlayerMessage::Left { .. }
            | PlayerMessage::Stalled { .. }
            | PlayerMessage::Unknown => return None,
        })
    }

    fn step(&self, StepId { phase, position, .. }: StepId) -> String {
        let label = self.0.and_then(|plan| plan.steps(phase).get(position)).map_or("?", |step| step.label.as_str());
        format!("{} of {phase}", cleaned(label))
    }
}

/// How far away an instant is.
fn when(at: Option<u64>, now: PlayerTime) -> String {
    let Some(at) = at.map(PlayerTime::from_nanoseconds) else { return String::new() };
    if at >= now { format!(", in {:.1?}", at.since(now)) } else { format!(", {:.1?} too late", now.since(at)) }
}

fn outcome_in_words(outcome: &OutcomeMessage) -> String {
    match outcome {
        OutcomeMessage::Exit { status: 0 } | OutcomeMessage::Elapsed { .. } => "passed".to_owned(),
        OutcomeMessage::Exit { status } => format!("failed: exit {status}"),
        OutcomeMessage::Signal { signal } => format!("failed: {}", signal_name(*signal)),
        OutcomeMessage::TimedOut { .. } => "timed out".to_owned(),
        OutcomeMessage::Spawned => "spawned".to_owned(),
        OutcomeMessage::Stopped => "stopped".to_owned(),
        OutcomeMessage::Skipped { why: None } => "skipped".to_owned(),
        OutcomeMessage::Skipped { why: Some(why) } => format!("skipped: {}", cleaned(why)),
        OutcomeMessage::NotStarted { why } => format!("not started: {}", cleaned(why)),
        OutcomeMessage::Unfulfilled { why } => format!("failed: {}", cleaned(why)),
    }
}
