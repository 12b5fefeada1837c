//! A step: one thing that a worker does in a phase.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::file_pattern::in_scratch;
use super::named::named;
use super::{FileLine, Phase};

/// The variable with the path of the scratch folder.
pub const SCRATCH_VARIABLE: &str = "CONDUCTOR_SCRATCH";

/// One thing that a worker does in a phase, as its line in the worker file says.
///
/// The order of the prefixes, outermost first, is the order of the fields (DESIGN 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The key of the step's line: a label for people. It need not be unique, and can be any text.
    pub label: String,
    /// What its failure means for the steps after it.
    pub gate: Gate,
    /// Whether the next step waits for it.
    pub mode: Mode,
    /// How long it may take.
    pub bound: Option<Bound>,
    /// Whether it is repeated until it succeeds.
    pub until: Option<Until>,
    /// What is done.
    pub action: Action,
    /// Where its line is, where that is known: a player is not told of it.
    pub origin: Option<FileLine>,
}

impl Step {
    /// The position of the first of those that run together with the one at this position: its own, unless there are
    /// neighbours of it that are `parallel:` like it.
    pub fn first_together(steps: &[Self], position: usize) -> usize {
        let last_alone = steps.iter().take(position + 1).rposition(|step| step.mode != Mode::Parallel);
        last_alone.map_or(0, |last| (last + 1).min(position))
    }

    /// How long it may take: its own limit, or else the `default` of all steps. `None` has no end.
    pub fn limit(&self, default: Option<Duration>) -> Option<Duration> {
        match (self.bound, self.until) {
            (Some(Bound::Timeout(limit) | Bound::For(limit)), _) => Some(limit),
            (None, Some(until)) => Some(until.limit.saturating_add(until.attempt.unwrap_or_default())),
            (None, None) => default,
        }
    }

    /// How long these steps take at most, each with this margin; `None` when one of them may take for ever.
    pub fn longest(steps: &[Self], default: Option<Duration>, margin: Duration) -> Option<Duration> {
        let (mut sum, mut together) = (Duration::ZERO, Duration::ZERO);
        for step in steps {
            // Nobody waits for a step that is spawned.
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

    /// Whether the rest of its worker's phase is skipped if it fails: a `must:` step, or a barrier whose failure counts.
    pub fn must_pass(&self, phase: Phase) -> bool {
        // What comes behind a barrier makes no sense without it. But Reset has to do what it can.
        let meets = matches!(self.action, Action::Barrier(_)) && self.gate != Gate::MayFail && phase != Phase::Reset;
        self.gate == Gate::Must || meets
    }

    /// Whether it uses the scratch folder, as far as its line says.
    pub fn uses_scratch(&self) -> bool {
        match &self.action {
            Action::Command(command) => command.contains(SCRATCH_VARIABLE),
            Action::Fetch(pattern) => in_scratch(pattern).is_some(),
            _ => false,
        }
    }

    /// A step that runs `command` and waits for it.
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

    /// The command for the shell, when the step has one.
    pub fn command(&self) -> Option<&str> {
        match &self.action {
            Action::Command(command) => Some(command),
            _ => None,
        }
    }
}

/// What a step's failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gate {
    /// It counts, and later steps run all the same.
    #[default]
    Plain,
    /// `must:` it counts, and the rest of this worker's phase is skipped.
    Must,
    /// `mayfail:` it does not count.
    MayFail,
}

named!(Gate: Plain "plain", Must "must", MayFail "mayfail");

/// Whether the next step waits for this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// The next step begins when this one is over.
    #[default]
    Wait,
    /// `spawn:` the next step begins at once.
    Spawn,
    /// `parallel:` it runs together with its neighbours of the same mode.
    Parallel,
}

named!(Mode: Wait "wait", Spawn "spawn", Parallel "parallel");

/// How long a step may take, and what it means when it took that long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// `timeout30:` stopped after that long, and failed.
    Timeout(Duration),
    /// `for30:` stopped after that long, and passed.
    For(Duration),
}

/// `until30:` repeated until it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Until {
    /// For at most that long.
    pub limit: Duration,
    /// How long one attempt may take.
    pub attempt: Option<Duration>,
}

/// What a step does. Each form is displayed as its prefix and what stands behind it; `config` reads that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Runs a command in the shell, which gets exactly this text.
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
        /// The file here, relative to the worker file.
        local: PathBuf,
        /// Where it goes on the player's machine.
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
