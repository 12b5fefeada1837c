//! The log of a session: with `-v`, a line for each event and each resulting action.
//!
//! The session itself is pure and logs nothing.

use std::time::Duration;

use tracing::Level;

use super::session::SessionAction::{self, Send};
use super::session::SessionEvent::{self, Message};
use super::session::{NotStarted, Session};
use crate::model::{Outcome, Phase, PlayerTime, StepId};
use crate::wire::{ConductorMessage, OutcomeMessage, PlanMessage, PlayerMessage, cleaned};

/// Handles an event, and logs it and the resulting actions.
pub(super) fn handle(session: &mut Session, event: SessionEvent, now: PlayerTime) -> Vec<SessionAction> {
    if !tracing::enabled!(Level::DEBUG) {
        return session.handle(event, now);
    }
    // Log the event first, so that the line has the time at which it arrived.
    log(session, event_in_words(session, &event, now));
    let actions = session.handle(event, now);
    for action in &actions {
        log(session, action_in_words(session, action));
    }
    actions
}

fn log(session: &Session, text: Option<String>) {
    if let Some(text) = text {
        let worker = session.plan().and_then(PlanMessage::worker).unwrap_or("a worker");
        tracing::debug!("{}: {text}", cleaned(worker));
    }
}

/// Describes an event. Returns `None` for an event that is logged in another way.
fn event_in_words(session: &Session, event: &SessionEvent, now: PlayerTime) -> Option<String> {
    Some(match event {
        Message(ConductorMessage::Go { phase, at }) => format!("{}: go{}", phase.phase, when(*at, now)),
        Message(ConductorMessage::Stop(id)) => format!("{}: stop requested", id.phase),
        Message(ConductorMessage::Release { step, at }) => {
            format!("{}: released{}", step_in_words(session, *step), when(*at, now))
        }
        Message(ConductorMessage::FailBarrier { step, why }) => {
            format!("{}: not passed: {}", step_in_words(session, *step), cleaned(why))
        }
        Message(ConductorMessage::EndTrial { trial }) => format!("end of trial {trial} requested"),
        Message(ConductorMessage::Bye) => "the conductor ends the session".to_owned(),
        SessionEvent::Printed { awaiting, .. } => {
            format!("{}: the line was printed", step_in_words(session, *awaiting))
        }
        // In other phases, this ends the step.
        SessionEvent::NotStarted(key, NotStarted { why, may_work_later: true }) if key.phase == Phase::Reset => {
            format!("{} cannot be started yet: {}", step_in_words(session, *key), cleaned(why))
        }
        _ => return None,
    })
}

/// Describes an action. Returns `None` for an action that is logged in another way.
fn action_in_words(session: &Session, action: &SessionAction) -> Option<String> {
    Some(match action {
        SessionAction::Start { key, again: true, .. } => format!("{}: next attempt", step_in_words(session, *key)),
        SessionAction::Stop(key, _) => format!("stopping {}", step_in_words(session, *key)),
        SessionAction::Transfer(key) => format!("{} transfers files", step_in_words(session, *key)),
        SessionAction::Sweep => "stopping all processes of the trial".to_owned(),
        SessionAction::Finish => "the session has ended".to_owned(),
        Send(PlayerMessage::PlanTaken) => "the plan was accepted".to_owned(),
        Send(PlayerMessage::Armed(id)) => format!("ready for {} of trial {}", id.phase, id.trial),
        Send(PlayerMessage::StepStarted(started)) => {
            let late = Some(started.late).filter(|late| *late > 0).map(Duration::from_nanos);
            let late = late.map(|late| format!(", {late:.1?} late")).unwrap_or_default();
            format!("{} started, process {}{late}", step_in_words(session, started.step), started.pid)
        }
        Send(PlayerMessage::StepEnded(ended) | PlayerMessage::SpawnedEnded(ended)) => {
            format!("{} {}", step_in_words(session, ended.step), outcome_in_words(ended.outcome.clone()))
        }
        Send(PlayerMessage::BarrierReached(step)) => {
            format!("{}: waiting for the other workers", step_in_words(session, *step))
        }
        Send(PlayerMessage::Withdraw(step)) => {
            format!("{}: time limit of the barrier reached", step_in_words(session, *step))
        }
        Send(PlayerMessage::PhaseEnded(id)) => format!("finished {}", id.phase),
        Send(PlayerMessage::TrialEnded { trial }) => format!("trial {trial} has ended"),
        Send(PlayerMessage::Warning { text }) => cleaned(text),
        _ => return None,
    })
}

fn step_in_words(session: &Session, step: StepId) -> String {
    let label = session.step(step).map_or("?", |step| step.label.as_str());
    format!("{} of {}", cleaned(label), step.phase)
}

/// Describes how far away a time is.
fn when(at: Option<u64>, now: PlayerTime) -> String {
    let Some(at) = at.map(PlayerTime::from_nanoseconds) else { return String::new() };
    if at >= now { format!(", in {:.1?}", at.since(now)) } else { format!(", {:.1?} too late", now.since(at)) }
}

fn outcome_in_words(outcome: OutcomeMessage) -> String {
    match Outcome::from(outcome) {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Spawned => "spawned".to_owned(),
        Outcome::Stopped => "stopped".to_owned(),
        Outcome::Skipped(None) => "skipped".to_owned(),
        Outcome::Skipped(Some(why)) => format!("skipped: {}", cleaned(&why)),
        failure => cleaned(&failure.how_it_failed()),
    }
}
