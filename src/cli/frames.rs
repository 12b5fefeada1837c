//! The arguments of `frames`.

use std::path::PathBuf;

use clap::Args;

/// The options and arguments of `frames`.
#[derive(Debug, Args)]
pub struct FramesArguments {
    /// Files that `--trace-frames` wrote; the frames of all are printed in the order of their times
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// Print long messages in full
    #[arg(long)]
    pub full: bool,
}
