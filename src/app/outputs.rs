//! The outputs of a run: the results where they are wanted, further reports, and the folder of results.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use crossbeam_channel::Receiver;

use super::{report_file, results};
use crate::cli::ConductArguments;
use crate::conduct::{self, Reporters};
use crate::config;
use crate::model::{Conclusion, Format, Plan, Reason, Reporter, RunId, Verdict};
use crate::report::{self, Style};
use crate::telemetry::{Screen, answer_to_stdout};
use crate::wait::{Patience, Wait};

/// All outputs of a run.
pub(super) struct Outputs {
    main: Target,
    reports: Vec<Target>,
    results: Option<PathBuf>,
    color: clap::ColorChoice,
    screen: Screen,
}

/// Where a report goes, and in which form.
struct Target {
    format: Format,
    /// Standard output when it is none.
    path: Option<PathBuf>,
}

impl Outputs {
    /// The command line wins over what the test file says.
    pub(super) fn new(arguments: &ConductArguments, file: config::Outputs, screen: Screen) -> Self {
        let format = arguments.format.or(file.format).unwrap_or(Format::Text);
        let main = Target { format, path: arguments.output.clone().or(file.output) };
        let report = |(format, path): &(Format, PathBuf)| Target { format: *format, path: Some(path.clone()) };
        Self {
            main,
            reports: arguments.reports.iter().map(report).collect(),
            results: arguments.results.clone().or(file.results),
            color: arguments.color,
            screen,
        }
    }

    /// The folder of this run's results, if they are kept.
    pub(super) fn folder(&self, run: &RunId) -> Option<PathBuf> {
        self.results.as_ref().map(|results| results.join(run.as_str()))
    }

    /// The terminal that they share with the live view.
    pub(super) fn screen(&self) -> &Screen {
        &self.screen
    }

    /// Whether the results go into a file.
    pub(super) fn is_elsewhere(&self) -> bool {
        self.main.path.is_some()
    }

    /// Opens all of them, each on its own: where one can't be written, the others still are. An interrupt ends the wait for
    /// a reader, and stays in its channel.
    pub(super) fn open(&self, run: &RunId, plan: Option<&Plan>, interrupts: &Receiver<i32>) -> Opened {
        let mut opened = Opened::default();
        let colors = std::iter::once(self.color).chain(std::iter::repeat(clap::ColorChoice::Never));
        for (target, color) in std::iter::once(&self.main).chain(&self.reports).zip(colors) {
            let Reporters { shown, apart, patience, .. } = &mut opened.reporters;
            let place = if std::ptr::eq(target, &raw const self.main) { shown } else { apart };
            match target.open(color, &self.screen, interrupts, patience) {
                Ok(reporter) => place.push((target.name(), reporter)),
                Err(why) => opened.refused.push(why),
            }
        }
        match self.results.as_ref().map(|folder| results::open(folder, run, plan)).transpose() {
            Ok(kept) => opened.reporters.kept = kept.unwrap_or_default(),
            Err(why) => opened.refused.push(why),
        }
        opened
    }

    /// Opens the place of the results for something else, which has the forms `text` and `json` only.
    ///
    /// # Errors
    ///
    /// Says why not, for people.
    pub(super) fn open_plain(&self, what: &str, interrupts: &Receiver<i32>) -> Result<Plain, String> {
        let json = match self.main.format {
            Format::Json => true,
            Format::Text | Format::Classic => false,
            other @ (Format::Jsonl | Format::Junit | Format::Html) => {
                return Err(format!("{what} has no form `{other}`; it has `text` and `json`"));
            }
        };
        let name = self.main.name();
        let patience = Patience::default();
        let writer: Box<dyn Write> = match &self.main.path {
            None => answer_to_stdout(patience),
            Some(path) => {
                let created = report_file::create(path, Wait::PlainOutput, interrupts, &patience);
                Box::new(created.map_err(|error| cannot(&name, &error))?)
            }
        };
        Ok(Plain { json, writer, name })
    }
}

/// The outputs that could be opened, and why the others could not, for people.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) reporters: Reporters,
    pub(super) refused: Vec<String>,
}

/// The place of the results, opened for something else.
pub(super) struct Plain {
    /// Whether JSON is wanted instead of text.
    pub(super) json: bool,
    pub(super) writer: Box<dyn Write>,
    name: String,
}

impl Plain {
    /// Says that it can't be written.
    pub(super) fn cannot(&self, error: &io::Error) -> String {
        cannot(&self.name, error)
    }
}

fn cannot(name: &str, error: &io::Error) -> String {
    format!("the output `{name}` can't be written: {error}")
}

impl Target {
    /// Its name in messages.
    fn name(&self) -> String {
        self.path.as_deref().map_or_else(|| "standard output".to_owned(), |path| path.display().to_string())
    }

    fn open(
        &self,
        color: clap::ColorChoice,
        screen: &Screen,
        interrupts: &Receiver<i32>,
        patience: &Patience,
    ) -> Result<Box<dyn Reporter>, String> {
        let terminal = self.path.is_none() && io::stdout().is_terminal();
        let color = match color {
            clap::ColorChoice::Always => true,
            clap::ColorChoice::Never => false,
            clap::ColorChoice::Auto => terminal && super::colors_are_wanted(),
        };
        let style = Style { color, terminal, ..Style::plain() };
        match &self.path {
            None => Ok(report::reporter(self.format, screen.stdout(patience.clone()), style)),
            Some(path) => {
                let opened = report_file::open(self.format, path, style, interrupts, patience);
                opened.map_err(|error| cannot(&self.name(), &error))
            }
        }
    }
}

/// Tells the reports, and the user, why nothing was done; an interrupt that came meanwhile is a reason too.
pub(super) fn not_carried_out(reporters: Reporters, why: String, interrupts: &Receiver<i32>) -> ExitCode {
    super::refuse(&why);
    let interrupt = interrupts.try_recv().ok().map(Reason::Interrupted);
    let reasons = interrupt.into_iter().chain([Reason::NotCarriedOut(why)]).collect();
    let conclusion = conduct::tell_end(reporters, Conclusion { verdict: Verdict::Incomplete, reasons }, interrupts);
    ExitCode::from(conclusion.exit_status())
}
