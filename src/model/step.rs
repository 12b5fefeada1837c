//! A step: one thing that a worker does in a phase.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::file_pattern::in_scratch;
use super::named::named;
use super::{FileLine, Phase};

/// The environment variable that contains the path of the scratch folder.
pub const SCRATCH_VARIABLE: &str = "CONDUCTOR_SCRATCH";

/// A step, as its line in the worker file describes it.
///
/// The fields are in the order of the prefixes, outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The key of the step's line: a label for the reader. It can be any text and need not be unique.
    pub label: String,
    /// How its failure affects later steps.
    pub gate: Gate,
    /// Whether the next step waits for it.
    pub mode: Mode,
    /// Its time limit.
    pub bound: Option<Bound>,
    /// The settings of its repetition, if it is repeated until it succeeds.
    pub until: Option<Until>,
    /// What it does.
    pub action: Action,
    /// Its line, if known: plans for players do not include it.
    pub origin: Option<FileLine>,
}

impl Step {
    /// Returns the position of the first step that runs together with the step at `position`: that of its group if it
    /// is `parallel:`, otherwise `position` itself.
    pub fn first_together(steps: &[Self], position: usize) -> usize {
        let last_alone = steps.iter().take(position + 1).rposition(|step| step.mode != Mode::Parallel);
        last_alone.map_or(0, |last| (last + 1).min(position))
    }

    /// Returns its time limit: its own, or else `default`, that of all steps. `None` means no limit.
    pub fn limit(&self, default: Option<Duration>) -> Option<Duration> {
        match (self.bound, self.until) {
            (Some(Bound::Timeout(limit) | Bound::For(limit)), _) => Some(limit),
            (None, Some(until)) => Some(until.limit.saturating_add(until.attempt.unwrap_or_default())),
            (None, None) => default,
        }
    }

    /// Returns the longest time that these steps can take, each with this margin; `None` if one of them has no limit.
    pub fn longest(steps: &[Self], default: Option<Duration>, margin: Duration) -> Option<Duration> {
        let (mut sum, mut together) = (Duration::ZERO, Duration::ZERO);
        for step in steps {
            // No step waits for a spawned step.
            let limit = if step.mode == Mode::Spawn { Duration::ZERO } else { step.limit(default)? };
            let limit = limit.saturating_add(margin);
            if step.mode == Mode::Parallel {
                together = together.max(limit);
            } else {
                sum = sum.saturating_add(std::mem::take(&mut together)).saturating_add(limit);
            }
        }
        Some(sum.saturating_add(together))
    }

    /// Returns whether its failure skips the rest of the phase: a `must:` step, or a barrier whose failure counts.
    pub fn must_pass(&self, phase: Phase) -> bool {
        // Steps after a barrier make no sense if it failed. But Reset has to do what it can.
        let meets = matches!(self.action, Action::Barrier(_)) && self.gate != Gate::MayFail && phase != Phase::Reset;
        self.gate == Gate::Must || meets
    }

    /// Returns whether its line mentions the scratch folder.
    pub fn uses_scratch(&self) -> bool {
        match &self.action {
            Action::Command(command) => command.contains(SCRATCH_VARIABLE),
            Action::Fetch(pattern) => in_scratch(pattern).is_some(),
            _ => false,
        }
    }

    /// Creates a step that runs `command` and waits for it.
    pub fn plain(label: &str, command: &str) -> Self {
        Self {
            label: label.to_owned(),
            gate: Gate::Plain,
            mode: Mode::Wait,
            bound: None,
            until: None,
            action: Action::Command(command.to_owned()),
            origin: None,
        }
    }

    /// Returns the command for the shell, if the step has one.
    pub fn command(&self) -> Option<&str> {
        match &self.action {
            Action::Command(command) => Some(command),
            _ => None,
        }
    }
}

/// How the failure of a step is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// The failure counts, but later steps run anyway.
    #[default]
    Plain,
    /// `must:`: the failure counts, and the rest of this worker's phase is skipped.
    Must,
    /// `mayfail:`: the failure does not count.
    MayFail,
}

named!(Gate: Plain "plain", Must "must", MayFail "mayfail");

/// Whether the next step waits for this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The next step starts when this one has ended.
    #[default]
    Wait,
    /// `spawn:`: the next step starts immediately.
    Spawn,
    /// `parallel:`: the step runs together with its neighbours of the same mode.
    Parallel,
}

named!(Mode: Wait "wait", Spawn "spawn", Parallel "parallel");

/// The time limit of a step, and its outcome when it reaches the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// `timeout30:`: the step is stopped after this time, and has failed.
    Timeout(Duration),
    /// `for30:`: the step is stopped after this time, and has passed.
    For(Duration),
}

/// `until30:`: the step is repeated until it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    /// The time limit of the repetition.
    pub limit: Duration,
    /// The time limit of each attempt.
    pub attempt: Option<Duration>,
}

/// What a step does. Each form is displayed as its prefix and arguments; `config` parses this form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Runs this text, unchanged, in the shell.
    Command(String),
    /// `barrier:name`
    Barrier(String),
    /// `stop:label`
    Stop(String),
    /// `await:label pattern`
    Await {
        /// The spawned step that prints the line.
        label: String,
        /// The regular expression that matches it.
        pattern: String,
    },
    /// `fetch:pattern`
    Fetch(String),
    /// `put:local -> remote`
    Put {
        /// The local file, relative to the worker file.
        local: PathBuf,
        /// The destination on the player's machine.
        remote: String,
    },
}

impl fmt::Display for Action {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Command(command) => out.write_str(command),
            Self::Barrier(name) => write!(out, "barrier:{name}"),
            Self::Stop(label) => write!(out, "stop:{label}"),
            Self::Await { label, pattern } => write!(out, "await:{label} {pattern}"),
            Self::Fetch(pattern) => write!(out, "fetch:{pattern}"),
            Self::Put { local, remote } => write!(out, "put:{} -> {remote}", local.display()),
        }
    }
}
