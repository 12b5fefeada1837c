//! The arguments of `player`.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::Args;

use super::log::LogArguments;
use crate::config;

/// The options and arguments of `player`.
#[derive(Debug, Args)]
pub struct PlayerArguments {
    /// The worker file, or with `--worker` the test file; `cmdport`, `allow`, `conductor` and `max_message_size` are read
    /// from it
    pub config: Option<PathBuf>,
    /// Use the settings of this worker in the test file CONFIG
    #[arg(short, long, value_name = "NAME", requires = "config")]
    pub worker: Option<String>,
    /// Set the variable `%(NAME)s` in CONFIG, as `conduct` does; can be repeated
    // A later one wins.
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = config::definition, requires = "config")]
    pub defines: Vec<(String, String)>,
    /// Address to listen on [default: all addresses of this machine]
    #[arg(short, long, value_name = "ADDRESS")]
    pub bind: Option<IpAddr>,
    /// Port to listen on; 0 selects a free one [default: `cmdport` in CONFIG, or 6970]
    #[arg(short, long)]
    pub port: Option<u16>,
    /// Addresses and networks that may connect, such as 10.0.0.0/8, or `any`; the `conductor` in CONFIG always can
    /// [default: `allow` in CONFIG, or this machine]
    #[arg(long, value_name = "ADDRESS", num_args = 1.., value_delimiter = ',')]
    pub allow: Vec<String>,
    /// Largest message that a Python conductor may send [default: `max_message_size` in CONFIG, or 10]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=4095))]
    pub max_message_size: Option<u64>,
    /// Disk space for the output of a worker whose conductor cannot be reached
    #[arg(long, value_name = "MB", default_value_t = 1024)]
    pub spool_limit: u64,
    #[command(flatten)]
    pub log: LogArguments,
    /// Pass standard input and output to the player of the session that the conductor asks for; used by `connect`
    #[arg(long, hide = true, value_name = "MARK", conflicts_with_all = ["config", "session"])]
    pub stdio: Option<String>,
    /// Serve the session with this fingerprint, on the Unix socket that is standard input; used by `--stdio`
    #[arg(long, hide = true, value_name = "FINGERPRINT", conflicts_with = "config")]
    pub session: Option<String>,
}
