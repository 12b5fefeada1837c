//! The arguments of `compare` and `history`.

use std::path::PathBuf;

use clap::Args;

use crate::model::{ComparisonFormat, Margin};

/// The options and arguments of `compare`.
#[derive(Debug, Args)]
pub struct CompareArguments {
    /// The folder of the run that the others are compared with, such as `results/latest`
    #[arg(value_name = "BASE")]
    pub base: PathBuf,
    /// The folders of the runs that are compared with it
    #[arg(value_name = "NEW", required_unless_present = "by")]
    pub new: Vec<PathBuf>,
    /// Compare points that differ only in this parameter, with its first value in BASE; without NEW, those of BASE
    #[arg(long, value_name = "PARAMETER")]
    pub by: Option<String>,
    /// From which change on a difference matters, such as `5%`, instead of the thresholds of the metrics
    #[arg(long, value_name = "CHANGE")]
    pub threshold: Option<Margin>,
    /// Also fail if a comparison is undecided
    #[arg(long)]
    pub strict: bool,
    /// Format of the comparison
    #[arg(short, long, value_enum, default_value = "text")]
    pub format: ComparisonFormat,
}

/// The options and arguments of `history`.
#[derive(Debug, Args)]
pub struct HistoryArguments {
    /// The results folder, whose runs are shown
    #[arg(value_name = "RESULTS")]
    pub folder: PathBuf,
    /// Name of the metric, such as `goodput` or `step.WORKER.PHASE.LABEL`
    #[arg(short, long, value_name = "NAME")]
    pub metric: String,
    /// Format of the history
    #[arg(short, long, value_enum, default_value = "text")]
    pub format: ComparisonFormat,
}
