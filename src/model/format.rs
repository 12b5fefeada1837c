//! The formats in which the results of a run are written.

use super::named::named;

/// A format of the results. The comments are the help of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
pub enum Format {
    /// Human-readable text
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
    /// Annotations for workflows of GitHub
    Github,
    /// A trace for ui.perfetto.dev
    Trace,
    /// Verdict, metrics and causes as Markdown
    Markdown,
    /// The values of all metrics, durations and start skews, one per line
    Csv,
}

named!(Format: Text "text", Classic "classic", Json "json", Jsonl "jsonl", Junit "junit", Html "html",
    Github "github", Trace "trace", Markdown "markdown", Csv "csv");

impl Format {
    /// Returns whether it is written at the end of the run; the other formats are written during the run.
    pub const fn is_whole_at_the_end(self) -> bool {
        matches!(self, Self::Json | Self::Junit | Self::Html | Self::Github | Self::Trace | Self::Markdown | Self::Csv)
    }
}

/// A format of a comparison of runs. The comments are the help of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ComparisonFormat {
    /// Human-readable text
    Text,
    /// For summaries of jobs and for comments
    Markdown,
    /// A line for each metric, point and run
    Csv,
    /// One document
    Json,
}
