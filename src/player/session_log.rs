//! The log of a session: with `-v`, a line for each event and for what the session does about it.
//!
//! The session itself is pure and logs nothing.

use std::time::Duration;

use tracing::Level;

use super::session::SessionAction::{self, Send};
use super::session::SessionEvent::{self, Message};
use super::session::{NotStarted, Session};
use crate::model::{Outcome, Phase, PlayerTime, StepId};
use crate::wire::{ConductorMessage, OutcomeMessage, PlanMessage, PlayerMessage, cleaned};

/// Handles an event, and logs it and the actions.
pub(super) fn handle(session: &mut Session, event: SessionEvent, now: PlayerTime) -> Vec<SessionAction> {
    if !tracing::enabled!(Level::DEBUG) {
        return session.handle(event, now);
    }
    // Logged first, so that the line has the time at which the event arrived.
    log(session, Words(session.plan()).event(&event, now));
    let actions = session.handle(event, now);
    for action in &actions {
        log(session, Words(session.plan()).action(action));
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

/// Descriptions with the labels of the plan's steps. What has none is in the log in another way.
struct Words<'a>(Option<&'a PlanMessage>);

impl Words<'_> {
    fn event(&self, event: &SessionEvent, now: PlayerTime) -> Option<String> {
        Some(match event {
            Message(ConductorMessage::Go { phase, at }) => format!("{}: go{}", phase.phase, when(*at, now)),
            Message(ConductorMessage::Stop(id)) => format!("{}: stop requested", id.phase),
            Message(ConductorMessage::Release { step, at }) => {
                format!("{}: released{}", self.step(*step), when(*at, now))
            }
            Message(ConductorMessage::FailBarrier { step, why }) => {
                format!("{}: not passed: {}", self.step(*step), cleaned(why))
            }
            Message(ConductorMessage::EndTrial { trial }) => format!("end of trial {trial} requested"),
            Message(ConductorMessage::Bye) => "the conductor ends the session".to_owned(),
            SessionEvent::Printed { awaiting, .. } => format!("{}: the line was printed", self.step(*awaiting)),
            // In other phases, this ends the step.
            SessionEvent::NotStarted(key, NotStarted { why, may_work_later: true }) if key.phase == Phase::Reset => {
                format!("{} cannot be started yet: {}", self.step(*key), cleaned(why))
            }
            _ => return None,
        })
    }

    fn action(&self, action: &SessionAction) -> Option<String> {
        Some(match action {
            SessionAction::Start { key, again: true, .. } => format!("{}: next attempt", self.step(*key)),
            SessionAction::Stop(key, _) => format!("stopping {}", self.step(*key)),
            SessionAction::Transfer(key) => format!("{} transfers files", self.step(*key)),
            SessionAction::Sweep => "stopping all processes of the trial".to_owned(),
            SessionAction::Finish => "the session has ended".to_owned(),
            Send(PlayerMessage::PlanTaken) => "the plan was accepted".to_owned(),
            Send(PlayerMessage::Armed(id)) => format!("ready for {} of trial {}", id.phase, id.trial),
            Send(PlayerMessage::StepStarted(started)) => {
                let late = Some(started.late).filter(|late| *late > 0).map(Duration::from_nanos);
                let late = late.map(|late| format!(", {late:.1?} late")).unwrap_or_default();
                format!("{} started, process {}{late}", self.step(started.step), started.pid)
            }
            Send(PlayerMessage::StepEnded(ended) | PlayerMessage::SpawnedEnded(ended)) => {
                format!("{} {}", self.step(ended.step), outcome_in_words(ended.outcome.clone()))
            }
            Send(PlayerMessage::BarrierReached(step)) => format!("{}: waiting for the other workers", self.step(*step)),
            Send(PlayerMessage::Withdraw(step)) => format!("{}: time limit of the barrier reached", self.step(*step)),
            Send(PlayerMessage::PhaseEnded(id)) => format!("finished {}", id.phase),
            Send(PlayerMessage::TrialEnded { trial }) => format!("trial {trial} has ended"),
            Send(PlayerMessage::Warning { text }) => cleaned(text),
            _ => return None,
        })
    }

    fn step(&self, step: StepId) -> String {
        let label = self.0.and_then(|plan| plan.step(step)).map_or("?", |step| step.label.as_str());
        format!("{} of {}", cleaned(label), step.phase)
    }
}

/// How far away an instant is.
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
