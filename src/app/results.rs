//! The results folder: what a run leaves for later, in `DIR/RUN/`. `DIR/latest` is a link to the last run that began.
//!
//! | file | contents |
//! |---|---|
//! | `configuration.json` | the plan: every worker and every step, with all variables replaced |
//! | `resume.json` | the secret of the run, and what else is needed to resume it |
//! | `events.jsonl` | the events, in their order |
//! | `outputs/trial-1/WORKER/run-01-LABEL.stdout` | the whole output of a step; the store writes there |
//! | `report.txt`, `report.json`, … | the run in the other formats |
//! | `values.csv` | the values of the metrics, and the duration of each step |
//! | `trial-1/WORKER/` | what the worker fetched; the connection actors write there |

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use rustix::fs::OFlags;

use super::identity::{IDENTITY, Identity};
use super::journal::{CONFIGURATION, EVENTS, Journal};
use super::messages;
use super::record;
use super::replayed::Replayed;
use super::report_file;
use super::resume::{self, Resumed};
use crate::conduct::{NamedReporters, ResultsFolder, Room, Sparing};
use crate::model::{Event, Format, Plan, Reporter, RunId, Stamped};
use crate::report::{self, Record, Style};

/// The reports in the folder. The outputs of the steps are kept as well.
const KEPT: [(Format, &str); 6] = [
    (Format::Jsonl, EVENTS),
    (Format::Text, "report.txt"),
    (Format::Json, "report.json"),
    (Format::Junit, "junit.xml"),
    (Format::Html, "report.html"),
    (Format::Csv, "values.csv"),
];

/// Creates the folder of a run and opens its files. Without a plan, only the reason why the run is not carried out is
/// reported.
///
/// # Errors
///
/// Returns a message if something cannot be created.
pub(super) fn open(
    results: &Path,
    run: &RunId,
    begun: Option<(&Plan, &Identity)>,
    record: &Record,
) -> Result<Kept, String> {
    let folder = results.join(run.as_str());
    let refused = |what: &Path, error: &std::io::Error| match error.kind() {
        std::io::ErrorKind::AlreadyExists if what == folder => {
            format!("the results folder `{}` already exists; use another name for the run", what.display())
        }
        _ => format!("cannot create the results folder `{}`: {error}", what.display()),
    };
    let opened = ResultsFolder::make(results, run.as_str()).map_err(|(path, error)| refused(&path, &error))?;
    let mut reporters = NamedReporters::new();
    if let Some((plan, identity)) = begun {
        let failed = |name: &str, error: std::io::Error| {
            messages::cannot_write(&folder.join(name).display().to_string(), &error)
        };
        record::write_configuration(&opened, plan, &identity.files).map_err(|error| failed(CONFIGURATION, error))?;
        identity.write(&opened).map_err(|error| failed(IDENTITY, error))?;
        reporters.push(latest(results, run));
    }
    let kept = keep(&folder, &opened, reporters, record, report_file::create_new)?;
    let lock = opened.open_file(&[EVENTS], OFlags::RDWR).ok().filter(|events| resume::lock(events).is_ok());
    Ok(Kept { lock, ..kept })
}

/// Adds the reports in the folder at this path to `reporters`, each opened by `open`. The events become a journal.
fn keep(
    path: &Path,
    folder: &ResultsFolder,
    mut reporters: NamedReporters,
    record: &Record,
    open: impl Fn(Format, &Path, Style, Room) -> std::io::Result<Box<dyn Reporter>>,
) -> Result<Kept, String> {
    let (room, progress) = (Room::of(path), Arc::default());
    let (url, record) = (Some(String::new()), Some(record.clone()));
    let style = Style { folder: url, results: Some(path.to_owned()), record, ..Style::plain() };
    for (format, name) in KEPT {
        let path = path.join(name);
        let shown = path.display().to_string();
        let opened = open(format, &path, style.clone(), room);
        let reporter = opened.map_err(|error| messages::cannot_write(&shown, &error))?;
        let reporter = match format {
            Format::Jsonl => {
                let (disk, progress) = (Box::new(folder.clone()), Arc::clone(&progress));
                Box::new(Journal { events: reporter, disk, progress })
            }
            _ => reporter,
        };
        reporters.push((shown, reporter));
    }
    Ok(Kept { reporters, lock: None, progress })
}

/// The reporters that write the folder of a run.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) reporters: NamedReporters,
    /// The record, locked so that no other process can resume the run.
    pub(super) lock: Option<File>,
    /// Increases as long as writing makes progress.
    pub(super) progress: Arc<AtomicU64>,
}

/// Opens the folder of a resumed run. Its reports are written anew, from the beginning of the run.
///
/// # Errors
///
/// Returns a message if something cannot be created.
pub(super) fn open_again(results: &Path, resumed: &Resumed, record: &Record) -> Result<Kept, String> {
    let recorded = &resumed.recorded;
    let open = |format: Format, path: &Path, style, room| -> std::io::Result<Box<dyn Reporter>> {
        if format == Format::Jsonl {
            let file = resumed.events.try_clone()?;
            return Ok(report::continued_events(Box::new(Sparing { file, room, written: recorded.length })));
        }
        match fs::remove_file(path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let report = report_file::create_new(format, path, style, room)?;
        Ok(Box::new(Replayed { report, recorded: Some(Arc::clone(recorded)) }))
    };
    let kept = keep(&resumed.path, &recorded.folder, vec![latest(results, &resumed.run)], record, open)?;
    Ok(Kept { lock: resumed.events.try_clone().ok(), ..kept })
}

fn latest(results: &Path, run: &RunId) -> (String, Box<dyn Reporter>) {
    let latest = Latest { results: results.to_owned(), run: run.clone(), is_linked: false };
    (results.join("latest").display().to_string(), Box::new(latest))
}

/// Makes `latest` a link to this run when a trial begins: a refused run leaves the link unchanged.
struct Latest {
    results: PathBuf,
    run: RunId,
    is_linked: bool,
}

impl Reporter for Latest {
    fn report(&mut self, stamped: &Stamped) -> std::io::Result<()> {
        match stamped.event {
            Event::TrialStarted { .. } if !std::mem::replace(&mut self.is_linked, true) => {
                link(&self.results, &self.run)
            }
            _ => Ok(()),
        }
    }
}

/// Atomically makes `latest` a link to this run.
fn link(results: &Path, run: &RunId) -> std::io::Result<()> {
    let fresh: PathBuf = results.join(format!(".latest.{run}"));
    std::os::unix::fs::symlink(run.as_str(), &fresh)?;
    fs::rename(&fresh, results.join("latest")).inspect_err(|_| {
        let _ = fs::remove_file(&fresh);
    })
}
