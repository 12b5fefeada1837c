//! The first message each way, in the seed's envelope.

use serde::de::Error;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::secret::Secret;
use super::{bounds, peer};

/// How the conductor opens a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The protocols that it speaks.
    #[serde(deserialize_with = "peer::protocols")]
    pub protocols: Vec<u32>,
    /// Optional abilities, by name.
    #[serde(default, deserialize_with = "peer::names")]
    pub features: Vec<String>,
    /// The run.
    #[serde(deserialize_with = "peer::name")]
    pub run: String,
    /// The worker's name.
    #[serde(deserialize_with = "peer::name")]
    pub worker: String,
    /// Who may take this session over: made for this worker and run.
    pub secret: Secret,
    /// Who may add sessions to this run: made once a run, and the same for all of its workers.
    #[serde(default)]
    pub run_secret: Secret,
    /// Counts this worker's sessions in the run, from 1: a lost worker comes back in another one.
    #[serde(default = "one")]
    pub session: u64,
    /// Counts the session's connections, from 1; a higher one takes over from a lower one.
    pub attempt: u64,
    /// The number of the player's frame that is expected next.
    pub next: u64,
    /// The player's incarnation, once a `welcome` has named it: only that one has the session.
    #[serde(default, deserialize_with = "peer::name_if_any")]
    pub incarnation: Option<String>,
    /// Who asks, for people: user, machine, process.
    #[serde(default, deserialize_with = "peer::text")]
    pub conductor: String,
    /// Whether it only asks how the player is; then no session is made.
    #[serde(default)]
    pub check: bool,
    /// How long the player goes on without its conductor, in nanoseconds.
    #[serde(default)]
    pub lease: u64,
}

impl Hello {
    /// Whether its sender has this ability.
    pub fn has(&self, feature: &str) -> bool {
        self.features.iter().any(|name| name == feature)
    }

    /// Whose session it is about, for people.
    pub fn describe(&self) -> String {
        let Self { worker, run, conductor, .. } = self;
        format!("worker {worker} of run {run} of {conductor}")
    }

    /// Whether the other one is from a worker of the same run. Another run may have the same name.
    pub fn is_of_same_run(&self, other: &Self) -> bool {
        self.run == other.run && self.run_secret == other.run_secret
    }
}

fn one() -> u64 {
    1
}

/// How a player takes a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The protocol that will be spoken.
    pub protocol: u32,
    /// The player's version.
    #[serde(deserialize_with = "peer::text")]
    pub version: String,
    /// The name of its machine.
    #[serde(deserialize_with = "peer::text")]
    pub host: String,
    /// A number that is another one each time that the session begins anew.
    #[serde(deserialize_with = "peer::name")]
    pub incarnation: String,
    /// What it has for the conductor.
    pub state: WelcomeState,
    /// The number of the conductor's frame that is expected next.
    pub next: u64,
    /// What it can take.
    pub limits: Limits,
    /// The player's `CLOCK_BOOTTIME` when it answered, in nanoseconds.
    #[serde(default)]
    pub clock: u64,
    /// Who holds the player, in the answer to a check.
    pub holder: Option<Holder>,
    /// What earlier runs left, one sentence each.
    #[serde(default, deserialize_with = "peer::sentences")]
    pub leftovers: Vec<String>,
    /// What does not work on the machine, in the answer to a check, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::sentences")]
    pub remarks: Vec<String>,
    /// What it can do that earlier versions could not, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "peer::names")]
    pub features: Vec<String>,
    /// The number of the player's process, if it serves only this session: `player --stdio` can be run from there again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<u32>,
    /// The operating system of its machine, for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::text_if_any")]
    pub system: Option<String>,
    /// The kernel of its machine, for people.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "peer::text_if_any")]
    pub kernel: Option<String>,
}

/// What a player can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// The largest payload in bytes.
    pub frame: u64,
    /// How many bytes of data may be on the way.
    pub window: u64,
}

/// What a player that answers `welcome` has for the conductor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WelcomeState {
    /// A new session.
    New,
    /// The session, which goes on.
    Resumed,
    /// In the answer to a check: nobody holds it.
    Free,
    /// In the answer to a check: a run holds it.
    Busy,
    /// A state of a later version.
    #[serde(other)]
    Other,
}

/// The state of a run that holds a player.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HolderState {
    /// Its conductor is there.
    #[default]
    Live,
    /// Its conductor is not heard of, and the player waits for it.
    Silent,
    /// The player cleans up after it.
    Orphaned,
    /// Its process on the player does not respond: it was stopped, or hangs.
    Unresponsive,
    /// A state of a later version.
    #[serde(other)]
    Other,
}

/// Why a player refuses a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// Another run, or an earlier session of this worker, holds it.
    Busy,
    /// It speaks no protocol that the conductor speaks.
    Protocol,
    /// The secret is wrong.
    Secret,
    /// A connection with a higher number came first.
    Attempt,
    /// There is no such session.
    Unknown,
    /// It has as many sessions as it takes.
    Full,
    /// A reason of a later version.
    #[serde(other)]
    Other,
}

/// The run that holds a player.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run; empty for a conductor that names none, which is a Python conductor.
    #[serde(deserialize_with = "peer::text")]
    pub run: String,
    /// Its conductor, for people.
    #[serde(deserialize_with = "peer::text")]
    pub conductor: String,
    /// For how many seconds it has held the player.
    pub seconds: u64,
    /// How it is.
    #[serde(default)]
    pub state: HolderState,
    /// In how many seconds the player is free at the latest, when it is not a live one.
    #[serde(default)]
    pub free_within: u64,
    /// In how many seconds its lease is over, while its conductor is silent; only then the player cleans up after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_within: Option<u64>,
}

impl Holder {
    /// Who it is, for people.
    pub fn describe(&self) -> String {
        match (self.run.as_str(), self.conductor.as_str()) {
            ("", conductor) => conductor.to_owned(),
            (run, "") => format!("run `{run}` of an unknown conductor"),
            (run, conductor) => format!("run `{run}` of {conductor}"),
        }
    }
}

/// Why a player takes no session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// The kind of reason.
    pub reason: RefusalReason,
    /// The sentence for people.
    #[serde(deserialize_with = "peer::reason")]
    pub message: String,
    /// Who holds it, when it is busy.
    pub holder: Option<Holder>,
}

/// A first message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data", rename_all = "snake_case")]
pub enum Greeting {
    /// From the conductor.
    Hello(Hello),
    /// From the player: yes.
    Welcome(Welcome),
    /// From the player: no.
    Refused(Refusal),
    /// From a seed player, or from ours about something that it does not understand.
    Result {
        /// The seed's code.
        code: i64,
        /// The seed's message.
        #[serde(default = "peer::no_reason", deserialize_with = "peer::reason")]
        message: String,
    },
}

/// What stands around every first message, as in version 1.
#[derive(Serialize)]
struct Envelope<'a> {
    version: u32,
    #[serde(flatten)]
    greeting: &'a Greeting,
}

impl Greeting {
    /// The payload in the seed's envelope.
    pub fn encode(&self) -> Vec<u8> {
        json!(Envelope { version: 1, greeting: self }).to_string().into_bytes()
    }

    /// Reads a payload.
    ///
    /// # Errors
    ///
    /// Says why it is none of these messages.
    pub fn decode(payload: &[u8]) -> serde_json::Result<Self> {
        bounds::ANSWER.check(payload.len()).map_err(serde_json::Error::custom)?;
        serde_json::from_slice(payload)
    }
}
