//! A cause and its consequences.

use std::collections::BTreeSet;

use crate::model::{ConductorTime, Hint, MetricName, Outcome, Phase, Reason, StartSkew, StepReference, WorkerId};

/// Something that went wrong by itself, and not because of something else.
#[derive(Debug, Clone)]
pub(in crate::report) struct Cause {
    pub(in crate::report) kind: Kind,
    pub(in crate::report) at: ConductorTime,
    pub(in crate::report) trial: Option<u32>,
    /// The other trials in which the same thing went wrong.
    pub(in crate::report) more_trials: BTreeSet<u32>,
    pub(in crate::report) phase: Option<Phase>,
    /// The workers on which it happened.
    pub(in crate::report) workers: Vec<WorkerId>,
    /// The steps that failed or did not end: one per worker in most kinds.
    pub(in crate::report) steps: Vec<StepReference>,
    /// The consequences.
    pub(in crate::report) consequences: Vec<Consequence>,
    /// What the user can do about it.
    pub(in crate::report) hint: Option<Hint>,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) enum Kind {
    /// A step failed, or its result is not known.
    Step(Outcome),
    /// Steps had not ended when the time limit of this barrier passed.
    Unfinished(String),
    /// Workers waited for each other at barriers.
    Deadlock,
    /// `check` failed, or could not be carried out.
    Check(Outcome),
    /// A metric was not measured, or has an unexpected value: its name, and what happened.
    Metric(MetricName, String),
    /// A worker was lost. Contains the reason.
    Lost(String),
    /// A worker was left out of all trials because it could not be reached. Contains the reason.
    LeftOut(String),
    /// A worker could not be reached, or its player refused it, so the run did not begin or did not continue.
    Unreachable { refused: bool, reason: String },
    /// The workers started too far apart.
    Skew(StartSkew),
    /// Something could not be written.
    Unwritten(String),
    /// A signal interrupted the run.
    Interrupted(i32),
    /// The record of the run has no end.
    RecordEnded,
    /// Any other reason.
    Other(Reason),
}

/// The consequences of one kind of a cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct Consequence {
    pub(in crate::report) effect: Effect,
    /// The trials whose start skews, checks or metrics are affected.
    pub(in crate::report) trials: BTreeSet<u32>,
    /// The metrics that are missing.
    pub(in crate::report) metrics: BTreeSet<MetricName>,
    pub(in crate::report) workers: BTreeSet<WorkerId>,
    pub(in crate::report) steps: Vec<StepReference>,
}

/// The kind of a consequence. Reports list the kinds in this order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum Effect {
    /// Workers could not pass this barrier.
    Barrier(String),
    /// Steps that depend on the cause failed.
    Failed,
    /// The results of steps are not known.
    Lost,
    /// Steps were stopped.
    Stopped,
    /// Steps were skipped.
    Skipped,
    /// The output of steps could not be kept.
    Unkept,
    /// The workers of this phase did not start together in these trials, or it is unknown whether they did.
    Skew(Phase),
    /// The checks of these trials did not pass.
    Check,
    /// Metrics of these trials could not be measured.
    Metrics,
    /// The end of Reset was not seen on these workers.
    NotReset,
    /// The number of trials that were not run, and the reason if workers could not be reached again.
    Trials(u32, Option<String>),
}

/// The trials that a cause can affect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Trials {
    All,
    One(u32),
}

/// Creates a cause without trials, workers and steps.
pub(super) fn cause(kind: Kind, at: ConductorTime) -> Cause {
    let (trial, more_trials, phase, workers, steps, consequences, hint) = Default::default();
    Cause { kind, at, trial, more_trials, phase, workers, steps, consequences, hint }
}

impl Cause {
    /// Returns the trials in which this went wrong, if it belongs to trials.
    pub(in crate::report) fn trials(&self) -> impl Iterator<Item = u32> {
        self.trial.into_iter().chain(self.more_trials.iter().copied())
    }

    /// Returns the steps of the cause; for a lost worker, the step that it was running.
    pub(in crate::report) fn own_steps(&self) -> Vec<StepReference> {
        let is_lost = matches!(self.kind, Kind::Lost(..)) && self.steps.is_empty();
        let was_running = |effect| {
            let steps = self.consequences.iter().filter(|one| one.effect == effect).flat_map(|one| &one.steps);
            steps.copied().find(|step| self.workers.contains(&step.worker))
        };
        // A player that was shut down reports its step as stopped.
        let lost = is_lost.then(|| was_running(Effect::Lost).or_else(|| was_running(Effect::Stopped))).flatten();
        self.steps.iter().copied().chain(lost).collect()
    }

    /// Adds a step to the consequences.
    pub(super) fn add(&mut self, effect: Effect, step: StepReference) {
        let consequence = self.follow(effect);
        consequence.steps.push(step);
        consequence.workers.insert(step.worker);
    }

    /// Returns the consequence of this kind, adding it if there is none.
    pub(super) fn follow(&mut self, effect: Effect) -> &mut Consequence {
        let place = self.consequences.iter().position(|known| known.effect == effect).unwrap_or_else(|| {
            let (trials, metrics, workers, steps) = Default::default();
            self.consequences.push(Consequence { effect, trials, metrics, workers, steps });
            self.consequences.len() - 1
        });
        &mut self.consequences[place]
    }

    /// Returns the trials whose results this cause can leave incomplete.
    pub(super) fn can_leave_incomplete(&self) -> Option<Trials> {
        let own = self.trial.map(Trials::One);
        match self.kind {
            Kind::LeftOut(..) => Some(Trials::All),
            Kind::Step(_) | Kind::Unfinished(_) | Kind::Deadlock | Kind::Lost(..) => own,
            Kind::Unwritten(_) => own.filter(|_| !self.workers.is_empty()),
            _ => None,
        }
    }
}

impl Kind {
    /// Returns the word for this kind in machine-readable reports.
    pub(in crate::report) const fn word(&self) -> &'static str {
        match self {
            Self::Step(_) => "step",
            Self::Unfinished(_) => "unfinished",
            Self::Deadlock => "deadlock",
            Self::Check(_) => "check",
            Self::Metric(..) => "metric",
            Self::Lost(..) => "lost",
            Self::LeftOut(..) => "left out",
            Self::Unreachable { .. } => "unreachable",
            Self::Skew(_) => "start skew",
            Self::Unwritten(_) => "not written",
            Self::Interrupted(_) => "interrupted",
            Self::RecordEnded => "no end",
            Self::Other(_) => "other",
        }
    }
}

impl Effect {
    /// Returns the word for this effect in machine-readable reports.
    pub(in crate::report) const fn word(&self) -> &'static str {
        match self {
            Self::Barrier(_) => "barrier",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Stopped => "stopped",
            Self::Skipped => "skipped",
            Self::Unkept => "output incomplete",
            Self::Skew(_) => "start skew unknown",
            Self::Check => "check",
            Self::Metrics => "metrics missing",
            Self::NotReset => "not reset",
            Self::Trials(..) => "trials not run",
        }
    }
}
