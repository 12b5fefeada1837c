//! The arguments of `report`.

use std::path::PathBuf;

use clap::Args;

use super::conduct::report;
use crate::model::Format;

/// The text after the options in `report --help`.
pub(super) const HELP: &str = "\
Examples:
  conductor report results/latest
          Print the text report of the last run
  conductor report results/latest -f junit -o junit.xml --report html=page.html
          Write two reports into files

The reports are those that the run itself wrote or could have written. If the conductor was killed, or if the run
is not over, they have what was recorded until then, and the verdict is `incomplete`. Only the folder of the run is
read: `events.jsonl`, `configuration.json`, and the files in `outputs`.

Exit status:
  0  The reports were written, whatever the verdict of the run
  1  The folder can't be read, or a report can't be written
  2  The command line is wrong";

/// The options and arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// The folder of one run in the results folder, such as `results/latest`
    #[arg(value_name = "RESULTS/RUN")]
    pub folder: PathBuf,
    /// The format of the report
    #[arg(short, long, value_enum, default_value = "text")]
    pub format: Format,
    /// Write the report to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also write a report in this format to this file; can be repeated
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = report)]
    pub reports: Vec<(Format, PathBuf)>,
    /// When to color the report
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = clap::ColorChoice::Auto)]
    pub color: clap::ColorChoice,
}
