//! The arguments of `player`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use crate::telemetry::LogFormat;

/// The options and arguments of `player`.
#[derive(Debug, Args)]
pub struct PlayerArguments {
    /// The worker file; its `cmdport`, `max_message_size`, `conductor` and `allow` are used
    pub config: Option<PathBuf>,
    /// Listen on this address only [default: all]
    #[arg(short, long, value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,
    /// Listen on this port, whatever CONFIG says; 0 picks a free one [default: CONFIG's, or 6970]
    #[arg(short, long)]
    pub port: Option<u16>,
    /// Write the log to this file instead of standard error
    #[arg(short, long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// The form of the log
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Log more
    #[arg(short, long)]
    pub verbose: bool,
    /// Log errors only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// The largest message that a Python conductor may send [default: 10]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=4095))]
    pub max_message_size: Option<u64>,
    /// How much output a worker keeps on disk while its conductor can't be reached
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    pub spool_limit: u64,
    /// Accept connections from these addresses or networks, such as 10.0.0.0/8, or from `any`, instead of those in CONFIG's `allow`; CONFIG's `conductor` is always accepted [default: this machine]
    #[arg(long, value_name = "ADDRESS", num_args = 1.., value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Serve only the conductor that knows the secret in the first line of standard input, and stop when standard input
    /// ends; used by `conduct --local`
    #[arg(long, hide = true)]
    pub until_input_ends: bool,
}
