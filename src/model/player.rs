//! The description of a player.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a player reported about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "PlayerEntry", try_from = "PlayerEntry")]
pub enum PlayerDescription {
    /// A player of this program.
    Session {
        /// The version of its program.
        version: String,
        /// The name of its machine.
        host: String,
        /// The operating system of its machine, if reported.
        system: Option<String>,
        /// The kernel of its machine, if reported.
        kernel: Option<String>,
    },
    /// A player that uses the protocol of the Python program.
    Seed,
}

impl PlayerDescription {
    /// Returns the known versions, by name, that can affect measurements: of the player, and of the system and the
    /// kernel of its machine.
    pub fn versions(&self) -> Vec<(&'static str, &str)> {
        let Self::Session { version, system, kernel, .. } = self else { return Vec::new() };
        let all = [("conductor", Some(version)), ("system", system.as_ref()), ("kernel", kernel.as_ref())];
        all.into_iter().filter_map(|(name, value)| Some((name, value?.as_str()))).collect()
    }

    /// Returns the system and the kernel of the machine on one line, as far as they are known.
    pub fn platform(&self) -> Option<String> {
        let Self::Session { system, kernel, .. } = self else { return None };
        let known: Vec<&str> = [system, kernel].into_iter().flatten().map(String::as_str).collect();
        (!known.is_empty()).then(|| known.join(", "))
    }
}

impl fmt::Display for PlayerDescription {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session { version, host, .. } => write!(out, "conductor {version} on {host}"),
            Self::Seed => out.write_str("a Python player"),
        }
    }
}

/// The description of a player in machine-readable reports. Unknown values are `null`.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct PlayerEntry {
    /// `seed` or `session`.
    kind: Option<String>,
    version: Option<String>,
    host: Option<String>,
    system: Option<String>,
    kernel: Option<String>,
}

impl From<PlayerDescription> for PlayerEntry {
    fn from(player: PlayerDescription) -> Self {
        match player {
            PlayerDescription::Seed => Self { kind: Some("seed".to_owned()), ..Self::default() },
            PlayerDescription::Session { version, host, system, kernel } => {
                let (kind, version, host) = (Some("session".to_owned()), Some(version), Some(host));
                Self { kind, version, host, system, kernel }
            }
        }
    }
}

impl TryFrom<PlayerEntry> for PlayerDescription {
    type Error = &'static str;

    fn try_from(PlayerEntry { kind, version, host, system, kernel }: PlayerEntry) -> Result<Self, Self::Error> {
        match (kind.as_deref(), version, host) {
            (Some("seed"), ..) => Ok(Self::Seed),
            (Some("session"), Some(version), Some(host)) => Ok(Self::Session { version, host, system, kernel }),
            _ => Err("invalid player"),
        }
    }
}
