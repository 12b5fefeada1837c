//! `await:` steps, which wait until a spawned step prints a line, and references to spawned steps.

use super::event::Turn;
use super::steps::not_spawned;
use super::work::{State, Work};
use super::{Ended, Session};
use crate::model::{LinePattern, PlayerTime, StepId};
use crate::wire::{ActionMessage, OutcomeMessage, PlanMessage};

/// Compares labels. They are keys of a configuration, so case is ignored.
fn is_label(label: &str, other: &str) -> bool {
    label == other || label.to_lowercase() == other.to_lowercase()
}

impl Session {
    /// Returns the patterns for which later steps wait in the output of this spawned step, each with the waiting step.
    pub fn awaited_lines(&self, key: StepId) -> Vec<(StepId, LinePattern)> {
        let Some((plan, step)) = self.plan().and_then(|plan| Some((plan, plan.step(key)?))) else { return Vec::new() };
        if !step.spawn {
            return Vec::new();
        }
        let lines = awaiting(plan, key).filter(|(_, label, _)| is_label(label, &step.label));
        lines.filter_map(|(step, _, pattern)| Some((step, LinePattern::new(pattern).ok()?))).collect()
    }

    /// Returns the last spawned step with this label that has not ended.
    pub(super) fn last_spawned(&mut self, trial: u32, label: &str) -> Option<&mut Work> {
        let mut spawned = self.works.iter_mut().rev().filter(|work| work.is_spawned && work.key.trial == trial);
        spawned.find(|work| is_label(&work.step.label, label))
    }

    /// Returns the last spawned step with this label that has ended.
    pub(super) fn last_ended(&self, trial: u32, label: &str) -> Option<&Ended> {
        self.ended.iter().rfind(|ended| ended.trial == trial && is_label(&ended.label, label))
    }

    /// Starts to wait for a line. The line may have been printed already.
    pub(super) fn await_line(&mut self, key: StepId, label: &str, pattern: &str, turn: &mut Turn) {
        let outcome = if let Err((why, _)) = LinePattern::new(pattern) {
            OutcomeMessage::Unfulfilled { why: format!("`{pattern}` is not a valid pattern: {why}") }
        } else if let Some(target) = self.last_spawned(key.trial, label) {
            if !target.printed.contains(&key) {
                let target = target.key;
                self.work(key).into_iter().for_each(|work| work.wait(State::Awaiting(target), turn.now));
                return;
            }
            OutcomeMessage::Exit { status: 0 }
        } else {
            match self.last_ended(key.trial, label) {
                Some(ended) if ended.printed.contains(&key) => OutcomeMessage::Exit { status: 0 },
                Some(_) => ended_before(label, pattern),
                None => not_spawned(label),
            }
        };
        self.wait_ended(key, outcome, turn.now, turn);
    }

    /// Records that a spawned step has printed a line for which `awaiting` waits now or later.
    pub(super) fn printed(&mut self, by: StepId, awaiting: StepId, at: PlayerTime, turn: &mut Turn) {
        if let Some(work) = self.work(by) {
            work.printed.push(awaiting);
        }
        if self.work(awaiting).is_some_and(|work| work.state == State::Awaiting(by)) {
            self.wait_ended(awaiting, OutcomeMessage::Exit { status: 0 }, at, turn);
        }
    }

    /// Fails the steps that wait for a line of this spawned step, which has ended.
    pub(super) fn awaited_ended(&mut self, target: &Work, at: PlayerTime, turn: &mut Turn) {
        let waiting = self.works.iter().filter(|work| work.state == State::Awaiting(target.key));
        let waiting = waiting.filter_map(|work| match &work.step.action {
            Some(ActionMessage::Await { label, pattern }) => Some((work.key, ended_before(label, pattern))),
            _ => None,
        });
        for (key, outcome) in waiting.collect::<Vec<_>>() {
            self.wait_ended(key, outcome, at, turn);
        }
    }
}

/// Returns the `await:` steps of the plan after this step, with the label and the pattern of each.
fn awaiting(plan: &PlanMessage, key: StepId) -> impl Iterator<Item = (StepId, &str, &str)> {
    let StepId { trial, phase, position } = key;
    let phases = plan.phases.iter().copied().filter(move |later| *later >= phase);
    let steps = phases.flat_map(move |phase| {
        plan.steps(phase).iter().enumerate().map(move |(position, step)| (StepId { trial, phase, position }, step))
    });
    let later = steps.filter(move |(step, _)| (step.phase, step.position) > (phase, position));
    later.filter_map(|(step, message)| match &message.action {
        Some(ActionMessage::Await { label, pattern }) => Some((step, label.as_str(), pattern.as_str())),
        _ => None,
    })
}

fn ended_before(label: &str, pattern: &str) -> OutcomeMessage {
    OutcomeMessage::Unfulfilled {
        why: format!("step `{label}` ended without printing a line that matches `{pattern}`"),
    }
}
