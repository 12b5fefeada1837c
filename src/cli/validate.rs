//! The arguments of `validate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// The options and arguments of `validate`.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Test files, which bring their worker files along, or worker files; `-` is standard input
    #[arg(required_unless_present = "list")]
    pub config: Vec<PathBuf>,
    /// The form of the findings
    #[arg(short, long, default_value = "text")]
    pub format: FindingsFormat,
    /// Warnings are errors
    #[arg(long)]
    pub strict: bool,
    /// Do not ask the shells of this machine whether they understand the commands
    #[arg(long)]
    pub no_shell_check: bool,
    /// Print the names of all lints, and what each finds
    #[arg(long, exclusive = true)]
    pub list: bool,
}

/// The form in which findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FindingsFormat {
    /// For people
    Text,
    /// A JSON array
    Json,
    /// Annotations of GitHub's workflows
    Github,
}
