//! The plan of one worker, as sent to its player.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::bounds::{self, TooMuch};
use super::outbox::to_json;
use super::peer;
use crate::model::{Phase, StepId};

/// Everything that a worker will do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanMessage {
    /// The player's incarnation, from its `welcome`. A plan for another incarnation is a replay.
    #[serde(default, deserialize_with = "peer::name_if_any")]
    pub incarnation: Option<String>,
    /// The number of trials.
    pub trials: u32,
    /// The chosen phases, in order.
    pub phases: Vec<Phase>,
    /// The shell that runs the commands, as `SHELL -c COMMAND`.
    #[serde(deserialize_with = "peer::path")]
    pub shell: String,
    /// The folder in which steps start; absent means the player's own.
    #[serde(default, deserialize_with = "peer::path_if_any")]
    pub directory: Option<String>,
    /// What happens to the scratch folders of the trials; absent means that there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ScratchMessage>,
    /// Commands that print the versions of programs. Their output is sent before `plan_taken`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Variables for every step, in order; a later one takes precedence. The player adds `CONDUCTOR_TRIAL`,
    /// `CONDUCTOR_PHASE` and `CONDUCTOR_STEP`.
    #[serde(deserialize_with = "peer::variables")]
    pub environment: Vec<(String, String)>,
    /// The time limit of a step, in nanoseconds; absent means no limit.
    pub step_timeout: Option<u64>,
    /// The time limit of the whole Reset, in nanoseconds.
    pub reset_timeout: u64,
    /// How long the player continues without its conductor, in nanoseconds.
    pub lease: u64,
    /// The steps of the phases, in the order of [`Phase::ALL`].
    #[serde(deserialize_with = "peer::steps")]
    pub startup: Vec<StepMessage>,
    /// See `startup`.
    #[serde(deserialize_with = "peer::steps")]
    pub run: Vec<StepMessage>,
    /// See `startup`.
    #[serde(deserialize_with = "peer::steps")]
    pub collect: Vec<StepMessage>,
    /// See `startup`.
    #[serde(deserialize_with = "peer::steps")]
    pub reset: Vec<StepMessage>,
}

impl PlanMessage {
    /// Checks that a player accepts this plan.
    ///
    /// # Errors
    ///
    /// Returns an error if the plan exceeds a bound.
    pub fn check(&self) -> Result<(), TooMuch> {
        Phase::ALL.into_iter().try_for_each(|phase| bounds::STEPS.check(self.steps(phase).len()))?;
        bounds::VARIABLES.check(self.environment.len())?;
        bounds::MESSAGE.check(to_json(self).len())
    }

    /// Returns the name of the worker, if it is in the variables.
    pub fn worker(&self) -> Option<&str> {
        let variable = self.environment.iter().rfind(|(name, _)| name == "CONDUCTOR_WORKER");
        variable.map(|(_, worker)| worker.as_str())
    }

    /// Returns this step, if the plan contains it.
    pub fn step(&self, id: StepId) -> Option<&StepMessage> {
        self.steps(id.phase).get(id.position)
    }

    /// Returns the steps of a phase.
    pub fn steps(&self, phase: Phase) -> &[StepMessage] {
        match phase {
            Phase::Startup => &self.startup,
            Phase::Run => &self.run,
            Phase::Collect => &self.collect,
            Phase::Reset => &self.reset,
        }
    }
}

/// What happens to a scratch folder after its trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScratchMessage {
    /// It is kept.
    Keep,
    /// It is removed. This also applies to values of later versions.
    #[serde(other)]
    Remove,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a prefix of its own, and absent for most steps")]
pub struct StepMessage {
    /// The label of the step.
    #[serde(deserialize_with = "peer::text")]
    pub label: String,
    /// The command for the shell; empty if the step does something else.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// The action of a step that runs no command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionMessage>,
    /// Whether the rest of the phase is skipped if the step fails.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub must: bool,
    /// Whether the next step starts immediately.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub spawn: bool,
    /// Whether it runs at the same time as adjacent steps with this flag.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub parallel: bool,
    /// Its own time limit in nanoseconds, which replaces that of the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Whether it passes instead of failing if it is stopped at its own limit.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub passes_at_limit: bool,
    /// How it is repeated until it succeeds, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UntilMessage>,
}

/// The action of a step that runs no command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ActionMessage {
    /// Waits for the other workers with this barrier in this phase.
    Barrier {
        /// The name of the barrier.
        #[serde(deserialize_with = "peer::text")]
        name: String,
    },
    /// Stops a spawned step.
    Stop {
        /// The label of the spawned step.
        #[serde(deserialize_with = "peer::text")]
        label: String,
    },
    /// Waits for a line that a spawned step prints.
    Await {
        /// The label of the spawned step.
        #[serde(deserialize_with = "peer::text")]
        label: String,
        /// The regular expression that must match the line.
        #[serde(deserialize_with = "peer::path")]
        pattern: String,
    },
    /// Sends files to the conductor.
    Fetch {
        /// The pattern of the files: a path with `*`, `?`, `[…]` and `**`.
        #[serde(deserialize_with = "peer::path")]
        pattern: String,
        /// Whether the pattern is relative to the scratch folder.
        #[serde(default, skip_serializing_if = "Not::not")]
        scratch: bool,
    },
    /// Receives a file from the conductor.
    Put {
        /// The destination: the path of the file, or a folder.
        #[serde(deserialize_with = "peer::path")]
        remote: String,
    },
}

/// How a step is repeated until it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntilMessage {
    /// The time limit in nanoseconds, counted from the first start.
    pub limit: u64,
    /// The time limit of one attempt, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
}
