//! What one worker will do, and how it is reached.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Definitions, PhaseMap, Step, Transport, WorkerName, environment, text};

/// Where a player listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Destination {
    /// A name or an address.
    pub host: String,
    /// The player's `cmdport`.
    pub port: u16,
}

impl std::fmt::Display for Destination {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(out, "[{host}]:{port}") } else { write!(out, "{host}:{port}") }
    }
}

impl std::str::FromStr for Destination {
    type Err = ();

    /// Reads what is displayed.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok(Self { host: host.to_owned(), port: port.parse().map_err(|_| ())? })
    }
}

/// How a worker's player is reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PlayerAddress {
    /// It listens there.
    Port(Destination),
    /// A command brings it to the machine.
    Transport(Transport),
}

impl From<Destination> for PlayerAddress {
    fn from(destination: Destination) -> Self {
        Self::Port(destination)
    }
}

impl std::fmt::Display for PlayerAddress {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Port(destination) => destination.fmt(out),
            Self::Transport(transport) => transport.fmt(out),
        }
    }
}

impl std::str::FromStr for PlayerAddress {
    type Err = ();

    /// Reads what is displayed.
    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().map(Self::Port).or_else(|()| Transport::read(text).map(Self::Transport).map_err(|_| ()))
    }
}

/// What one worker will do. Reports have what is not skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerPlan {
    /// Its name.
    pub name: WorkerName,
    /// The worker file; for a worker without one, the test file.
    #[serde(serialize_with = "text::path")]
    pub file: PathBuf,
    /// How its player is reached.
    #[serde(with = "text")]
    pub player: PlayerAddress,
    /// The player's host as the worker file has it, for `CONDUCTOR_ADDR_…` and for people.
    #[serde(skip)]
    pub player_host: String,
    /// The conductor's address as the worker file has it; a seed player sends its results there.
    #[serde(skip)]
    pub conductor: Option<String>,
    /// The port for a seed player's results.
    #[serde(skip)]
    pub results_port: u16,
    /// The shell that runs its commands.
    pub shell: String,
    /// The folder in which its steps start; the player's own when it is none.
    pub directory: Option<String>,
    /// Variables that its steps get, in order; a later one wins.
    #[serde(with = "environment")]
    pub environment: Vec<(String, String)>,
    /// The variables that take precedence over those of the plan, except over those of the command line.
    #[serde(default, skip_serializing_if = "Definitions::is_empty")]
    pub variables: Definitions,
    /// Its steps.
    #[serde(skip)]
    pub steps: PhaseMap<Vec<Step>>,
}
