//! What is known of a player, as the reports that programs read have it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::PlayerDescription;

/// What is known of a player; `null` what is not.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct PlayerEntry<'a> {
    kind: Option<Kind>,
    version: Option<Cow<'a, str>>,
    host: Option<Cow<'a, str>>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Seed,
    Session,
}

impl<'a> From<&'a PlayerDescription> for PlayerEntry<'a> {
    fn from(player: &'a PlayerDescription) -> Self {
        match player {
            PlayerDescription::Seed => Self { kind: Some(Kind::Seed), version: None, host: None },
            PlayerDescription::Session { version, host } => {
                Self { kind: Some(Kind::Session), version: Some(version.into()), host: Some(host.into()) }
            }
        }
    }
}

impl PlayerEntry<'_> {
    /// The player, if it is known.
    pub(super) fn player(self) -> Option<PlayerDescription> {
        Some(match self.kind? {
            Kind::Seed => PlayerDescription::Seed,
            Kind::Session => {
                PlayerDescription::Session { version: self.version?.into_owned(), host: self.host?.into_owned() }
            }
        })
    }
}
