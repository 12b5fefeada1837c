//! What is known of a player.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a player said of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "PlayerEntry", try_from = "PlayerEntry")]
pub enum PlayerDescription {
    /// A player of our own kind.
    Session {
        /// Its program's version.
        version: String,
        /// Its machine's name.
        host: String,
    },
    /// A player that speaks the Python seed's wire.
    Seed,
}

impl fmt::Display for PlayerDescription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { version, host } => write!(out, "conductor {version} on {host}"),
            Self::Seed => out.write_str("a Python player"),
        }
    }
}

/// What is known of a player, as the reports that programs read have it; `null` what is not.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PlayerEntry {
    /// `seed` or `session`.
    kind: Option<String>,
    version: Option<String>,
    host: Option<String>,
}

impl From<PlayerDescription> for PlayerEntry {
    fn from(player: PlayerDescription) -> Self {
        let (kind, version, host) = match player {
            PlayerDescription::Seed => ("seed", None, None),
            PlayerDescription::Session { version, host } => ("session", Some(version), Some(host)),
        };
        Self { kind: Some(kind.to_owned()), version, host }
    }
}

impl TryFrom<PlayerEntry> for PlayerDescription {
    type Error = &'static str;

    fn try_from(PlayerEntry { kind, version, host }: PlayerEntry) -> Result<Self, Self::Error> {
        match (kind.as_deref(), version, host) {
            (Some("seed"), ..) => Ok(Self::Seed),
            (Some("session"), Some(version), Some(host)) => Ok(Self::Session { version, host }),
            _ => Err("invalid player"),
        }
    }
}
