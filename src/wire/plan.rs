//! The plan of one worker, as its player receives it.

use std::ops::Not;

use serde::{Deserialize, Serialize};

use super::bounds::{self, TooMuch};
use super::outbox::to_json;
use super::peer;
use crate::model::{Phase, StepId};

/// All that a worker will do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PlanMessage {
    /// The player's incarnation, as its `welcome` named it: a plan that was made for another one is a replay.
    #[serde(default, deserialize_with = "peer::name_if_any")]
    pub incarnation: Option<String>,
    /// How many trials there will be.
    pub trials: u32,
    /// The chosen phases, in order.
    pub phases: Vec<Phase>,
    /// The shell that runs the commands, as `SHELL -c COMMAND`.
    #[serde(deserialize_with = "peer::path")]
    pub shell: String,
    /// The folder in which steps start; absent means the player's own.
    #[serde(default, deserialize_with = "peer::path_if_any")]
    pub directory: Option<String>,
    /// What becomes of the scratch folders of the trials; absent means that there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scratch: Option<ScratchMessage>,
    /// Commands that show versions of programs; what they print comes before `plan_taken`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<String>,
    /// Variables for every step, in order; a later one wins. `CONDUCTOR_TRIAL`, `CONDUCTOR_PHASE` and `CONDUCTOR_STEP` are
    /// the player's to add.
    #[serde(deserialize_with = "peer::variables")]
    pub environment: Vec<(String, String)>,
    /// How long a step may take, in nanoseconds; absent means for ever.
    pub step_timeout: Option<u64>,
    /// How long the whole Reset may take, in nanoseconds.
    pub reset_timeout: u64,
    /// How long the player goes on without its conductor, in nanoseconds.
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
    /// Whether a player takes it.
    ///
    /// # Errors
    ///
    /// Says of what it has too much.
    pub fn check(&self) -> Result<(), TooMuch> {
        Phase::ALL.into_iter().try_for_each(|phase| bounds::STEPS.check(self.steps(phase).len()))?;
        bounds::VARIABLES.check(self.environment.len())?;
        bounds::MESSAGE.check(to_json(self).len())
    }

    /// The name of the worker, if its variables have it.
    pub fn worker(&self) -> Option<&str> {
        let variable = self.environment.iter().rfind(|(name, _)| name == "CONDUCTOR_WORKER");
        variable.map(|(_, worker)| worker.as_str())
    }

    /// This step, if the plan has it.
    pub fn step(&self, id: StepId) -> Option<&StepMessage> {
        self.steps(id.phase).get(id.position)
    }

    /// The steps of a phase.
    pub fn steps(&self, phase: Phase) -> &[StepMessage] {
        match phase {
            Phase::Startup => &self.startup,
            Phase::Run => &self.run,
            Phase::Collect => &self.collect,
            Phase::Reset => &self.reset,
        }
    }
}

/// What becomes of a scratch folder after its trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScratchMessage {
    /// It is kept.
    Keep,
    /// It is removed, also where a later version knows something else.
    #[serde(other)]
    Remove,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a prefix of its own, and absent for most steps")]
pub struct StepMessage {
    /// Its label.
    #[serde(deserialize_with = "peer::text")]
    pub label: String,
    /// The command for the shell; empty when the step does something else.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub command: String,
    /// What it does instead of running a command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<ActionMessage>,
    /// Whether the rest of the phase is skipped when it fails.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub must: bool,
    /// Whether the next step starts at once.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub spawn: bool,
    /// Whether it runs together with its neighbours that say so too.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub parallel: bool,
    /// Its own limit in nanoseconds, instead of the plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<u64>,
    /// Whether it passes when it is stopped at its own limit, instead of failing.
    #[serde(default, skip_serializing_if = "Not::not")]
    pub passes_at_limit: bool,
    /// Whether it is repeated until it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UntilMessage>,
}

/// What a step does that runs no command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ActionMessage {
    /// Waits for the other workers that have this barrier in this phase.
    Barrier {
        /// Its name.
        #[serde(deserialize_with = "peer::text")]
        name: String,
    },
    /// Stops a spawned step.
    Stop {
        /// The spawned step's label.
        #[serde(deserialize_with = "peer::text")]
        label: String,
    },
    /// Waits for a line that a spawned step prints.
    Await {
        /// The spawned step's label.
        #[serde(deserialize_with = "peer::text")]
        label: String,
        /// The regular expression that matches the line.
        #[serde(deserialize_with = "peer::path")]
        pattern: String,
    },
    /// Sends files to the conductor.
    Fetch {
        /// Which: a path with `*`, `?`, `[…]` and `**`.
        #[serde(deserialize_with = "peer::path")]
        pattern: String,
        /// Whether it begins in the scratch folder.
        #[serde(default, skip_serializing_if = "Not::not")]
        scratch: bool,
    },
    /// Takes a file from the conductor.
    Put {
        /// Where it goes: its path, or a folder.
        #[serde(deserialize_with = "peer::path")]
        remote: String,
    },
}

/// How a step is repeated until it succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UntilMessage {
    /// For at most so many nanoseconds, counted from its first start.
    pub limit: u64,
    /// How long one attempt may take, in nanoseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u64>,
}
