//! A step: one thing that a worker does in a phase.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::StepLabel;

/// One thing that a worker does in a phase, as its line in the worker file says.
///
/// The order of the prefixes, outermost first, is the order of the fields (DESIGN 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The key of the step's line: a label for people.
    pub label: StepLabel,
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
}

impl Step {
    /// The position of the first of those that run together with the one at this position: its own, unless there are
    /// neighbours of it that are `parallel:` like it.
    pub fn first_together(steps: &[Self], position: usize) -> usize {
        let last_alone = steps.iter().take(position + 1).rposition(|step| step.mode != Mode::Parallel);
        last_alone.map_or(0, |last| (last + 1).min(position))
    }

    /// A step that runs `command` and waits for it.
    pub fn plain(label: &str, command: &str) -> Self {
        Self {
            label: StepLabel::new(label),
            gate: Gate::Plain,
            mode: Mode::Wait,
            bound: None,
            until: None,
            action: Action::Command(command.to_owned()),
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
    Stop(StepLabel),
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
            Self::Fetch(pattern) => write!(out, "fetch:{pattern}"),
            Self::Put { local, remote } => write!(out, "put:{} -> {remote}", local.display()),
        }
    }
}
