//! How an output looks.

use jiff::tz::TimeZone;

/// How an output looks, which depends on where it goes.
#[derive(Debug, Clone)]
pub struct Style {
    /// Whether `text` marks outcomes with colours as well as with words.
    pub color: bool,
    /// Whether a terminal reads it, so that control characters in remote text must be made harmless.
    pub terminal: bool,
    /// The zone in which times are told.
    pub time_zone: TimeZone,
}

impl Style {
    /// For a file or a pipe: no colour, remote text as it came, times of this machine's zone.
    pub fn plain() -> Self {
        Self { color: false, terminal: false, time_zone: TimeZone::system() }
    }
}
