//! The arguments of `validate`.

use std::path::PathBuf;

use clap::Args;

/// What `validate` is told.
#[derive(Debug, Args)]
pub struct ValidateArguments {
    /// Test files, which bring their worker files along, or worker files
    #[arg(required = true)]
    pub config: Vec<PathBuf>,
    /// Warnings are errors
    #[arg(long)]
    pub strict: bool,
}
