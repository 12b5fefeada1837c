//! The formats in which the results of a run are written.

use std::fmt;

/// A format of the results. The comments are the help of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// The lines of the Python conductor, byte for byte
    Classic,
    /// One document: that of the Python conductor with more fields
    Json,
    /// A line of JSON for each event, written during the run
    Jsonl,
    /// For continuous integration
    Junit,
    /// One page for a browser
    Html,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 6] = [Self::Text, Self::Classic, Self::Json, Self::Jsonl, Self::Junit, Self::Html];

    /// Its name on the command line and in the test file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Classic => "classic",
            Self::Json => "json",
            Self::Jsonl => "jsonl",
            Self::Junit => "junit",
            Self::Html => "html",
        }
    }

    /// Whether it is written when the run is over; the others are written during the run.
    pub const fn is_whole_at_the_end(self) -> bool {
        matches!(self, Self::Json | Self::Junit | Self::Html)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.pad(self.word())
    }
}
