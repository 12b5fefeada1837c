//! The options of the log, the same for `player` and `conduct`.

use std::path::PathBuf;

use clap::Args;
use tracing::level_filters::LevelFilter;

use crate::telemetry::LogFormat;

/// The options of the log.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Log")]
pub struct LogArguments {
    /// Write the log to this file [default: standard error]
    #[arg(short, long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// Format of the log
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Record all messages to and from other machines in this file, for `conductor frames`
    #[arg(long, value_name = "FILE")]
    pub trace_frames: Option<PathBuf>,
    /// Also log connections, waits and messages
    #[arg(short, long)]
    verbose: bool,
    /// Log only errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
}

impl LogArguments {
    /// The levels that are logged.
    pub(crate) fn levels(&self) -> LevelFilter {
        match (self.quiet, self.verbose) {
            (true, _) => LevelFilter::ERROR,
            (_, true) => LevelFilter::DEBUG,
            _ => LevelFilter::INFO,
        }
    }
}
