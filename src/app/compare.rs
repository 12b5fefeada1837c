//! `compare` and `history`: compare the metrics of several runs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::journal::EVENTS;
use super::messages::{self, Refused};
use super::record::{self, OpenRecord, cannot_read};
use crate::cli::{CompareArguments, HistoryArguments};
use crate::model::{PASSED, on_one_line};
use crate::report::{ComparedRun, Comparison, History, write_comparison};
use crate::values::Options;

/// Compares runs. Exits with status 3 if something is worse, 4 if something is missing, 1 if nothing can be compared.
pub(super) fn run(arguments: &CompareArguments) -> Result<ExitCode, Refused> {
    let folders = std::iter::once(&arguments.base).chain(&arguments.new);
    let runs = folders.map(|folder| read(folder)).collect::<Result<Vec<_>, _>>()?;
    let options = Options { by: arguments.by.clone(), threshold: arguments.threshold };
    if let Some(by) = &options.by
        && !runs.iter().any(|run| run.has_parameter(by))
    {
        return Err(Refused(format!("the runs have no parameter `{}`", on_one_line(by))));
    }
    let comparison = Comparison::new(runs, &options);
    let mut text = Vec::new();
    let written = write_comparison(&comparison, arguments.format, arguments.strict, &mut text);
    print(written, &text)?;
    Ok(ExitCode::from(comparison.status(arguments.strict)))
}

/// Shows a metric over the runs of a results folder. Exits with status 1 if no run has the metric.
pub(super) fn history(arguments: &HistoryArguments) -> Result<ExitCode, Refused> {
    if arguments.folder.join(EVENTS).is_file() {
        return Err(Refused(is_a_run(&arguments.folder, &arguments.metric)));
    }
    let mut runs = Vec::new();
    for folder in run_folders(&arguments.folder)? {
        runs.push(read(&folder)?);
    }
    let history = History::new(runs, arguments.metric.clone());
    if history.is_empty() {
        let (metric, folder) = (on_one_line(&arguments.metric), arguments.folder.display());
        return Err(Refused(format!("no run in `{folder}` has the metric `{metric}`")));
    }
    let mut text = Vec::new();
    let written = history.write(arguments.format, &mut text);
    print(written, &text)?;
    Ok(ExitCode::from(PASSED))
}

fn print(written: std::io::Result<()>, text: &[u8]) -> Result<(), String> {
    written.map_err(|error| messages::cannot_write("standard output", &error))?;
    messages::print(&String::from_utf8_lossy(text))
}

/// Returns the message that this is the folder of a run, with the command for the results folder that contains it.
fn is_a_run(folder: &Path, metric: &str) -> String {
    // If the folder is a link, the folder that contains the link works too.
    let results = match folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.display().to_string(),
        Some(_) => ".".to_owned(),
        None => "RESULTS".to_owned(),
    };
    let (results, metric) = (on_one_line(&results).into_owned(), on_one_line(metric));
    format!(
        "`{}` is the folder of a run, not a results folder\n  hint: name the folder that has the runs: `conductor history \
         {results} --metric {metric}`",
        folder.display()
    )
}

/// Returns the folders of the runs in a results folder. Links, such as `latest`, are left out.
pub(super) fn run_folders(results: &Path) -> Result<Vec<PathBuf>, String> {
    let refused = |error: std::io::Error| cannot_read(results, &error);
    let mut folders = Vec::new();
    for entry in fs::read_dir(results).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let path = entry.path();
        if entry.file_type().map_err(refused)?.is_dir() && path.join(EVENTS).is_file() {
            folders.push(path);
        }
    }
    Ok(folders)
}

/// Reads the record of a run.
fn read(folder: &Path) -> Result<ComparedRun, String> {
    let mut record = OpenRecord::open(folder)?;
    let mut run = ComparedRun::new(folder.display().to_string(), record::version(&record.folder));
    while let Some(stamped) = record.next()? {
        run.take(&stamped);
    }
    record.warn_unless_whole("comparing what has been recorded so far");
    Ok(run)
}
