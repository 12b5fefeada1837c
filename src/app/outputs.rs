//! The outputs of a run: the results, further reports, and the results folder.

use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use super::identity::Identity;
use super::messages;
use super::replayed::Replayed;
use super::results::Kept;
use super::resume::Resumed;
use super::{report_file, results};
use crate::cli::{ConductArguments, ReportArguments};
use crate::conduct::{self, NamedReporters, Reporters};
use crate::config;
use crate::model::{Conclusion, Format, Plan, Reason, Reporter, RunId, Verdict};
use crate::report::{self, Record, Style};
use crate::telemetry::{Screen, answer_to_stdout, is_one_file, meets_log};
use crate::wait::{Patience, Wait};

/// All outputs of a run.
pub(super) struct Outputs {
    main: Target,
    reports: Vec<Target>,
    results: Option<PathBuf>,
    /// The terminal that the outputs share with the live view.
    pub(super) screen: Screen,
    /// The record, which all reports share.
    record: Record,
}

/// The destination and the format of a report.
struct Target {
    format: Format,
    /// The path of the file; `None` for standard output.
    path: Option<PathBuf>,
    color: clap::ColorChoice,
}

impl Outputs {
    /// Returns the outputs of a run. The command line takes precedence over the test file.
    pub(super) fn new(arguments: &ConductArguments, file: config::Outputs, screen: Screen) -> Self {
        let format = arguments.format.or(file.format).unwrap_or(Format::Text);
        let main = Target { format, path: arguments.output.clone().or(file.output), color: arguments.color };
        let results = arguments.results.clone().or(file.results);
        let reports = targets(&arguments.reports);
        Self { main, reports, results, screen, record: Record::default() }
    }

    /// Returns the outputs of `report`, which has no results folder.
    pub(super) fn of_report(arguments: &ReportArguments, screen: Screen) -> Self {
        let main = Target { format: arguments.format, path: arguments.output.clone(), color: arguments.color };
        let reports = targets(&arguments.reports);
        Self { main, reports, results: None, screen, record: Record::default() }
    }

    /// Checks that no report is written to this file, which is still to be read.
    ///
    /// # Errors
    ///
    /// Returns a message if a report would be written there.
    pub(super) fn spare(&self, file: &Path) -> Result<(), String> {
        let inode = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino())).ok();
        let mut written = std::iter::once(&self.main).chain(&self.reports).filter_map(|target| target.path.as_ref());
        let found = written.find(|path| inode(path).is_some_and(|found| Some(found) == inode(file)));
        found.map_or(Ok(()), |path| {
            Err(format!("cannot write a report to `{}`: the report is made from this file", path.display()))
        })
    }

    /// Returns the folder of this run's results, if they are kept.
    pub(super) fn folder(&self, run: &RunId) -> Option<PathBuf> {
        self.results.as_ref().map(|results| results.join(run.as_str()))
    }

    /// Whether the results may end in the same place as a log without a file of its own.
    pub(super) fn meet_log(&self) -> bool {
        self.main.path.is_none() && meets_log()
    }

    /// Whether the results are human-readable and go to standard error too: what they contain is not printed there again.
    pub(super) fn are_read_with_errors(&self) -> bool {
        self.main.path.is_none() && self.main.format == Format::Text && is_one_file()
    }

    /// Whether the results go into a file.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.main.path.is_some()
    }

    /// Opens all outputs independently: if one cannot be written, the others still are. An interrupt ends the wait for
    /// a reader, and stays in its channel.
    pub(super) fn open(&self, run: &RunId, begun: Option<(&Plan, &Identity)>, interrupts: &Receiver<i32>) -> Opened {
        let kept = self.results.as_ref().map(|folder| results::open(folder, run, begun, &self.record)).transpose();
        let folder = self.folder(run).filter(|_| kept.is_ok());
        self.open_reports(folder.as_deref(), interrupts).with(kept.map(Option::unwrap_or_default))
    }

    /// Opens the results folder of a resumed run, in addition to `others`. Each report receives the recorded events
    /// first.
    pub(super) fn open_again(&self, resumed: &Resumed, others: Opened) -> Opened {
        let kept = self.results.as_ref().map(|folder| results::open_again(folder, resumed, &self.record)).transpose();
        let mut opened = others.with(kept.map(Option::unwrap_or_default));
        let Reporters { shown, apart, .. } = &mut opened.reporters;
        for reporters in [shown, apart] {
            let told = std::mem::take(reporters).into_iter().map(|(name, report)| {
                let replayed = Replayed { report, recorded: Some(Arc::clone(&resumed.recorded)) };
                (name, Box::new(replayed) as Box<dyn Reporter>)
            });
            reporters.extend(told);
        }
        opened
    }

    /// Opens the reports outside the results folder of the run. `folder` is that folder, if there is one.
    pub(super) fn open_reports(&self, folder: Option<&Path>, interrupts: &Receiver<i32>) -> Opened {
        let mut opened = Opened::default();
        let Reporters { shown, apart, patience, .. } = &mut opened.reporters;
        let mut open =
            |target: &Target, place: &mut NamedReporters| match target.open(self, folder, interrupts, patience) {
                Ok(reporter) => place.push((target.name(), reporter)),
                Err(why) => opened.refused.push(why),
            };
        open(&self.main, shown);
        self.reports.iter().for_each(|target| open(target, apart));
        opened
    }

    /// Reports why the run was not started, also as an error unless the results say so in the same place. A pending
    /// interrupt is reported as well.
    pub(super) fn not_carried_out(&self, reporters: Reporters, why: String, interrupts: &Receiver<i32>) -> ExitCode {
        if !self.are_read_with_errors() || reporters.shown.is_empty() {
            messages::refuse(&why);
        }
        let interrupt = interrupts.try_recv().ok().map(Reason::Interrupted);
        let reasons = interrupt.into_iter().chain([Reason::NotCarriedOut(why)]).collect();
        let conclusion = conduct::tell_end(reporters, Conclusion::new(Verdict::Incomplete, reasons), interrupts);
        ExitCode::from(conclusion.exit_status())
    }

    /// Opens the destination of the results for other text, which is available only as `text` and `json`.
    ///
    /// # Errors
    ///
    /// Returns a message if the destination cannot be opened or the format is another one.
    pub(super) fn open_plain(&self, what: &str, interrupts: &Receiver<i32>) -> Result<Plain, String> {
        let json = match self.main.format {
            Format::Json => true,
            Format::Text | Format::Classic => false,
            other => return Err(format!("{what} does not support the format `{other}`; use `text` or `json`")),
        };
        let name = self.main.name();
        let patience = Patience::default();
        let writer: Box<dyn Write> = match &self.main.path {
            None => answer_to_stdout(patience),
            Some(path) => {
                let created = report_file::create(path, Wait::PlainOutput, interrupts, &patience);
                Box::new(created.map_err(|error| messages::cannot_write(&name, &error))?)
            }
        };
        Ok(Plain { json, writer, name })
    }
}

/// The outputs that could be opened, and messages about those that could not.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) reporters: Reporters,
    pub(super) refused: Vec<String>,
    /// The record of the run, locked.
    pub(super) lock: Option<File>,
}

impl Opened {
    /// Adds the reporters of the results folder, or the message that it cannot be opened.
    fn with(mut self, kept: Result<Kept, String>) -> Self {
        match kept {
            Ok(kept) => {
                (self.reporters.kept, self.lock) = (kept.reporters, kept.lock);
                self.reporters.progress = kept.progress;
            }
            Err(why) => self.refused.push(why),
        }
        self
    }
}

/// The destination of the results, opened for other text.
pub(super) struct Plain {
    /// Whether the format is JSON instead of text.
    pub(super) json: bool,
    pub(super) writer: Box<dyn Write>,
    name: String,
}

impl Plain {
    /// Finishes the output. A closed pipe is not an error: the exit status is still valid.
    ///
    /// # Errors
    ///
    /// Returns a message if the output could not be written.
    pub(super) fn finish(self, written: io::Result<()>) -> Result<(), String> {
        match written {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(messages::cannot_write(&self.name, &error)),
            _ => Ok(()),
        }
    }
}

fn targets(reports: &[(Format, PathBuf)]) -> Vec<Target> {
    let color = clap::ColorChoice::Never;
    reports.iter().map(|(format, path)| Target { format: *format, path: Some(path.clone()), color }).collect()
}

impl Target {
    /// Returns the name of the destination in messages.
    fn name(&self) -> String {
        self.path.as_deref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string())
    }

    fn open(
        &self,
        of: &Outputs,
        folder: Option<&Path>,
        interrupts: &Receiver<i32>,
        patience: &Patience,
    ) -> Result<Box<dyn Reporter>, String> {
        let terminal = self.path.is_none() && io::stdout().is_terminal();
        let color = match self.color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto => terminal && messages::colors_are_wanted(),
        };
        let results = folder.map(Path::to_owned);
        let folder = folder.and_then(|folder| report_file::relative_url(self.path.as_deref()?, folder));
        let record = Some(of.record.clone());
        let style = Style { color, terminal, folder, results, record, ..Style::plain() };
        match &self.path {
            None => Ok(report::reporter(self.format, of.screen.stdout(patience.clone()), style)),
            Some(path) => {
                let opened = report_file::open(self.format, path, style, interrupts, patience);
                opened.map_err(|error| messages::cannot_write(&self.name(), &error))
            }
        }
    }
}
