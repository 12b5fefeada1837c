//! The plan of one worker, and how to reach its player.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Definitions, PhaseMap, Step, Transport, WorkerName, environment, text};

/// The address on which a player listens.
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

    /// Parses the displayed form.
    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, port) = text.rsplit_once(':').ok_or(())?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Ok(Self { host: host.to_owned(), port: port.parse().map_err(|_| ())? })
    }
}

/// How to reach a worker's player.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PlayerAddress {
    /// The player listens on this address.
    Port(Destination),
    /// A command starts the player on the machine.
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

    /// Parses the displayed form.
    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().map(Self::Port).or_else(|()| Transport::read(text).map(Self::Transport).map_err(|_| ()))
    }
}

/// The plan of one worker. Reports contain the fields that are not skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerPlan {
    /// Its name.
    pub name: WorkerName,
    /// The worker file; for a worker without one, the test file.
    #[serde(serialize_with = "text::path")]
    pub file: PathBuf,
    /// How to reach its player.
    #[serde(with = "text")]
    pub player: PlayerAddress,
    /// The player's host as written in the worker file, for `CONDUCTOR_ADDR_…` and for messages.
    #[serde(skip)]
    pub player_host: String,
    /// The conductor's address as written in the worker file; a Python player sends its results there.
    #[serde(skip)]
    pub conductor: Option<String>,
    /// The port for the results of a Python player.
    #[serde(skip)]
    pub results_port: u16,
    /// The shell that runs its commands.
    pub shell: String,
    /// The folder in which its steps start; `None` for the player's own.
    pub directory: Option<String>,
    /// The environment variables of its steps, in order; a later one takes precedence.
    #[serde(with = "environment")]
    pub environment: Vec<(String, String)>,
    /// The variables that take precedence over those of the plan, except over those of the command line.
    #[serde(default, skip_serializing_if = "Definitions::is_empty")]
    pub variables: Definitions,
    /// Its steps.
    #[serde(skip)]
    pub steps: PhaseMap<Vec<Step>>,
}
