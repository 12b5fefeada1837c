//! The arguments of `init`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The options and arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// Test to write
    #[arg(short, long, value_enum, default_value_t = Template::Minimal)]
    pub template: Template,
    /// Folder for the test file; it is created if it does not exist
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// A test that `init` can write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Template {
    /// Two workers; needs only a shell
    Minimal,
    /// A web server under load; needs python3 and curl
    Web,
    /// The throughput between two machines; needs iperf3
    Iperf3,
}
