//! The first message in each direction, in the seed's envelope.

use serde::de::Error;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::secret::Secret;
use super::{bounds, peer};

/// The first message of the conductor on a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocols that the conductor supports.
    #[serde(deserialize_with = "peer::protocols")]
    pub protocols: Vec<u32>,
    /// Optional features, by name.
    #[serde(default, deserialize_with = "peer::names")]
    pub features: Vec<String>,
    /// The name of the run.
    #[serde(deserialize_with = "peer::name")]
    pub run: String,
    /// The name of the worker.
    #[serde(deserialize_with = "peer::name")]
    pub worker: String,
    /// The secret for resuming this session, created for this worker and run.
    pub secret: Secret,
    /// The secret for adding sessions to this run, created once for each run and shared by all of its workers.
    #[serde(default)]
    pub run_secret: Secret,
    /// Counts this worker's sessions in the run, from 1: a lost worker returns in another session.
    #[serde(default = "one")]
    pub session: u64,
    /// Counts the session's connections, from 1. A higher one replaces a lower one.
    pub attempt: u64,
    /// The number of the player's frame that is expected next.
    pub next: u64,
    /// The player's incarnation, once it is known from a `welcome`: only that incarnation has the session.
    #[serde(default, deserialize_with = "peer::name_if_any")]
    pub incarnation: Option<String>,
    /// A description of the conductor for messages: user, machine, process.
    #[serde(default, deserialize_with = "peer::text")]
    pub conductor: String,
    /// Whether this only asks for the player's state. In that case, no session is created.
    #[serde(default)]
    pub check: bool,
    /// How long the player continues without its conductor, in nanoseconds.
    #[serde(default)]
    pub lease: u64,
}

impl Hello {
    /// Whether the sender has this feature.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|name| name == feature)
    }

    /// Describes the session for messages.
    pub fn describe(&self) -> String {
        let Self { worker, run, conductor, .. } = self;
        format!("worker {worker} of run {run} of {conductor}")
    }

    /// Whether `other` is from a worker of the same run. Another run may have the same name.
    pub fn is_of_same_run(&self, other: &Self) -> bool {
        self.run == other.run && self.run_secret == other.run_secret
    }
}

fn one() -> u64 {
    1
}

/// The answer of a player that accepts a session or a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol that will be used.
    pub protocol: u32,
    /// The player's version.
    #[serde(deserialize_with = "peer::text")]
    pub version: String,
    /// The name of the player's machine.
    #[serde(deserialize_with = "peer::text")]
    pub host: String,
    /// Identifies one start of the player.
    #[serde(deserialize_with = "peer::name")]
    pub incarnation: String,
    /// The result for the conductor.
    pub state: WelcomeState,
    /// The number of the conductor's frame that is expected next.
    pub next: u64,
    /// The limits of the player.
    pub limits: Limits,
    /// The player's `CLOCK_BOOTTIME` when it answered, in nanoseconds.
    #[serde(default)]
    pub clock: u64,
    /// The holder of the player, in the answer to a check.
    pub holder: Option<Holder>,
    /// What earlier runs left, as one message each.
    #[serde(default, deserialize_with = "peer::sentences")]
    pub leftovers: Vec<String>,
    /// What does not work on the machine, as one message each, in the answer to a check.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::sentences")]
    pub remarks: Vec<String>,
    /// The features that earlier versions do not have, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::names")]
    pub features: Vec<String>,
    /// The process ID of the player, if it serves only this session: `player --stdio` can be run again through this
    /// process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// The operating system of the player's machine, for messages.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::text_if_any")]
    pub system: Option<String>,
    /// The kernel of the player's machine, for messages.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::text_if_any")]
    pub kernel: Option<String>,
}

/// The limits of a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The maximum payload in bytes.
    pub frame: u64,
    /// The maximum amount of unacknowledged data in bytes.
    pub window: u64,
}

/// The result in a `welcome`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WelcomeState {
    /// A new session.
    New,
    /// The existing session, which continues.
    Resumed,
    /// In the answer to a check: the player is free.
    Free,
    /// In the answer to a check: a run holds the player.
    Busy,
    /// A state of a later version.
    #[serde(other)]
    Other,
}

/// The state of a run that holds a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderState {
    /// Its conductor is connected.
    #[default]
    Live,
    /// Nothing is received from its conductor, and the player waits for it.
    Silent,
    /// The player cleans up after it.
    Orphaned,
    /// Its process on the player does not respond: it was stopped, or it hangs.
    Unresponsive,
    /// A state of a later version.
    #[serde(other)]
    Other,
}

/// The kind of reason why a player refuses a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// Another run, or an earlier session of this worker, holds the player.
    Busy,
    /// The player supports none of the conductor's protocols.
    Protocol,
    /// The secret is wrong.
    Secret,
    /// A connection with a higher number arrived first.
    Attempt,
    /// There is no such session.
    Unknown,
    /// The player already has the maximum number of sessions.
    Full,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

/// The run that holds a player.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The name of the run; empty for a conductor that gives none, such as a Python conductor.
    #[serde(deserialize_with = "peer::text")]
    pub run: String,
    /// A description of its conductor for messages.
    #[serde(deserialize_with = "peer::text")]
    pub conductor: String,
    /// For how many seconds it has held the player.
    pub seconds: u64,
    /// The state of the run.
    #[serde(default)]
    pub state: HolderState,
    /// In how many seconds the player is free at the latest, if the state is not `Live`.
    #[serde(default)]
    pub free_within: u64,
    /// In how many seconds its lease expires, while its conductor is silent. The player cleans up only after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_within: Option<u64>,
}

impl Holder {
    /// Describes the holder for messages.
    pub fn describe(&self) -> String {
        match (self.run.as_str(), self.conductor.as_str()) {
            ("", conductor) => conductor.to_owned(),
            (run, "") => format!("run `{run}` of an unknown conductor"),
            (run, conductor) => format!("run `{run}` of {conductor}"),
        }
    }
}

/// The answer of a player that refuses a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind of reason.
    pub reason: RefusalReason,
    /// The reason as a message.
    #[serde(deserialize_with = "peer::reason")]
    pub message: String,
    /// The holder, if the player is busy.
    pub holder: Option<Holder>,
}

/// A first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Greeting {
    /// The request of the conductor.
    Hello(Hello),
    /// The player accepts.
    Welcome(Welcome),
    /// The player refuses.
    Refused(Refusal),
    /// The answer of a seed player, or of a Rust player to a message that it does not understand.
    Result {
        /// The seed's code.
        code: i64,
        /// The seed's message.
        #[serde(default = "peer::no_reason", deserialize_with = "peer::reason")]
        message: String,
    },
}

/// The envelope of every first message, as in version 1.
#[derive(Serialize)]
struct Envelope<'a> {
    version: u32,
    #[serde(flatten)]
    greeting: &'a Greeting,
}

impl Greeting {
    /// Returns the payload in the seed's envelope.
    pub fn encode(&self) -> Vec<u8> {
        json!(Envelope { version: 1, greeting: self }).to_string().into_bytes()
    }

    /// Decodes a payload.
    ///
    /// # Errors
    ///
    /// Returns an error if it is none of these messages.
    pub fn decode(payload: &[u8]) -> serde_json::Result<Self> {
        bounds::ANSWER.check(payload.len()).map_err(serde_json::Error::custom)?;
        serde_json::from_slice(payload)
    }
}
