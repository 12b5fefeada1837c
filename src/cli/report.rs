//! The arguments of `report`.

use std::path::PathBuf;

use clap::Args;

use super::conduct::report;
use crate::model::Format;

/// The options and arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// The folder of one run in the results folder, such as `results/latest`
    #[arg(value_name = "RESULTS/RUN")]
    pub folder: PathBuf,
    /// Format of the report
    #[arg(short, long, value_enum, default_value = "text")]
    pub format: Format,
    /// Write the report to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also write a report in this format to this file; can be repeated
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = report)]
    pub reports: Vec<(Format, PathBuf)>,
    /// Read the metrics again, as `[Metric NAME]` in this test file says
    #[arg(long, value_name = "CONFIG")]
    pub config: Option<PathBuf>,
    /// When to use colors
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = clap::ColorChoice::Auto)]
    pub color: clap::ColorChoice,
}
