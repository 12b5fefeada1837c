//! The folder of results: what a run leaves for later, in `DIR/RUN/`; `DIR/latest` is a link to the last run that began.
//!
//! | file | holds |
//! |---|---|
//! | `configuration.json` | the plan: every worker and every step, with all variables replaced |
//! | `events.jsonl` | the events, as they happened |
//! | `outputs/trial-1/WORKER/run-01-LABEL.stdout` | what a step printed, whole; the store writes there |
//! | `report.txt`, `report.json`, … | the run in the other formats |
//! | `values.csv` | the values of the metrics, and how long each step took |
//! | `trial-1/WORKER/` | what the worker fetched; the connection actors write there |

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::journal::{CONFIGURATION, EVENTS, Journal};
use super::messages;
use super::report_file;
use crate::conduct::{NamedReporters, ResultsFolder, Room};
use crate::model::{Event, Format, Plan, Reporter, RunId, Stamped};
use crate::report::{self, Style};

/// The reports that are kept, beside the steps' outputs.
const KEPT: [(Format, &str); 6] = [
    (Format::Jsonl, EVENTS),
    (Format::Text, "report.txt"),
    (Format::Json, "report.json"),
    (Format::Junit, "junit.xml"),
    (Format::Html, "report.html"),
    (Format::Csv, "values.csv"),
];

/// Makes the folder of a run, and what is written there. Without a plan there is only the reason why to be told.
///
/// # Errors
///
/// Says what cannot be made, for people.
pub(super) fn open(results: &Path, run: &RunId, plan: Option<&Plan>) -> Result<NamedReporters, String> {
    let folder = results.join(run.as_str());
    let refused = |what: &Path, error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists if what == folder => {
            format!("the results folder `{}` already exists; use another name for the run", what.display())
        }
        _ => format!("cannot create the results folder `{}`: {error}", what.display()),
    };
    fs::create_dir_all(results).map_err(|error| refused(results, &error))?;
    fs::create_dir(&folder).map_err(|error| refused(&folder, &error))?;
    let mut reporters = NamedReporters::new();
    if let Some(plan) = plan {
        let path = folder.join(CONFIGURATION);
        write_plan(plan, &path).map_err(|error| messages::cannot_write(&path.display().to_string(), &error))?;
        let latest = Latest { results: results.to_owned(), run: run.clone() };
        reporters.push((results.join("latest").display().to_string(), Box::new(latest)));
    }
    let room = Room::of(&folder);
    for (format, name) in KEPT {
        let path = folder.join(name);
        // The reports are in the folder themselves.
        let style = Style { folder: Some(String::new()), results: Some(folder.clone()), ..Style::plain() };
        let reporter = report_file::create_new(format, &path, style, room)
            .map_err(|error| messages::cannot_write(&path.display().to_string(), &error))?;
        let reporter = match format {
            Format::Jsonl => {
                let disk = ResultsFolder::open(&folder).map_err(|error| refused(&folder, &error))?;
                Box::new(Journal { events: reporter, disk: Box::new(disk) })
            }
            _ => reporter,
        };
        reporters.push((path.display().to_string(), reporter));
    }
    Ok(reporters)
}

/// Has `latest` mean this run once a trial begins: a run that was refused leaves it with the one before.
struct Latest {
    results: PathBuf,
    run: RunId,
}

impl Reporter for Latest {
    fn report(&mut self, stamped: &Stamped) -> std::io::Result<()> {
        match stamped.event {
            Event::TrialStarted { trial: 1, .. } => link(&self.results, &self.run),
            _ => Ok(()),
        }
    }
}

/// Has `latest` mean this run: whoever looks at any time finds the one run or the other.
fn link(results: &Path, run: &RunId) -> std::io::Result<()> {
    let fresh: PathBuf = results.join(format!(".latest.{run}"));
    std::os::unix::fs::symlink(run.as_str(), &fresh)?;
    fs::rename(&fresh, results.join("latest")).inspect_err(|_| {
        let _ = fs::remove_file(&fresh);
    })
}

fn write_plan(plan: &Plan, path: &Path) -> std::io::Result<()> {
    let mut writer = BufWriter::new(File::create_new(path)?);
    report::dry_run_json(plan, &mut writer)?;
    std::io::Write::flush(&mut writer)
}
