//! The arguments of `validate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::config;

/// The options and arguments of `validate`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub struct ValidateArguments {
    /// Test files, whose worker files are also checked, or worker files; `-` is standard input
    #[arg(required_unless_present = "list")]
    pub config: Vec<PathBuf>,
    /// Set the variable `%(NAME)s` in all files, as `conduct` does; can be repeated
    // A later one wins.
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = config::definition)]
    pub defines: Vec<(String, String)>,
    /// Format of the findings
    #[arg(short, long, default_value = "text")]
    pub format: FindingsFormat,
    /// Treat warnings as errors
    #[arg(long)]
    pub strict: bool,
    /// Also report what the Python program does not accept or reads differently
    #[arg(long)]
    pub python: bool,
    /// Do not check the syntax of commands with the shells of this machine
    #[arg(long)]
    pub no_shell_check: bool,
    /// Print all lints and what they find, and check nothing
    #[arg(long, exclusive = true)]
    pub list: bool,
}

/// The form in which findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FindingsFormat {
    /// Human-readable text
    Text,
    /// A JSON array
    Json,
    /// Annotations for GitHub Actions
    Github,
}
