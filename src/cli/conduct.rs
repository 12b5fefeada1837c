//! The arguments of `conduct`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, ValueEnum};

use super::log::LogArguments;
use crate::config::{self, Overrides};
use crate::model::{Format, Phase, RunId};

/// The options that a run keeps when it is resumed: these, and those of [`Overrides`].
const KEPT: [&str; 6] = ["phases", "dry_run", "check", "local", "yes", "run_id"];

/// The options and arguments of `conduct`.
#[derive(Debug, Args)]
#[command(mut_arg("quiet", |quiet| quiet.help("Log only errors; the report is printed as usual")))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub struct ConductArguments {
    /// The test file
    #[arg(required = true)]
    pub config: Option<PathBuf>,
    /// Phases to run: startup, run, collect, reset, or all; separated by spaces or commas [default: all]
    #[arg(short, long, value_name = "PHASE", num_args = 1.., value_delimiter = ',')]
    pub(crate) phases: Vec<String>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Print the steps of every worker in every phase, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Connect to every player and print its state, and run nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// Run every worker on this machine, without players
    #[arg(long, conflicts_with_all = ["check", "connect"])]
    pub local: bool,
    /// Let `--local` run workers that have addresses of other machines
    #[arg(long, requires = "local")]
    pub yes: bool,
    /// Run nothing if the configuration has warnings
    #[arg(long)]
    pub strict: bool,
    /// Also report what the Python program does not accept or reads differently in the configuration
    #[arg(long)]
    pub python: bool,
    /// Send FILE to machines of this architecture, as `uname -m` prints it; can be repeated
    #[arg(long = "program", value_name = "ARCH=FILE", value_parser = program)]
    pub programs: Vec<(String, PathBuf)>,
    /// Run the test without the players that cannot be reached
    #[arg(long)]
    pub skip_unreachable: bool,
    /// If a run whose conductor is gone still uses a player, end it immediately instead of waiting for it
    #[arg(long, conflicts_with = "check")]
    pub take_over: bool,
    /// Go on with an interrupted run, as it was called: RUN is its folder, or its name in the results folder of CONFIG,
    /// or `latest`
    #[arg(long, value_name = "RUN", help_heading = RESUME)]
    pub resume: Option<PathBuf>,
    /// Also run the trials again that failed
    #[arg(long, requires = "resume", help_heading = RESUME)]
    pub failed: bool,
    /// Go on with a configuration that has changed; later trials are not put together with earlier ones in statistics
    #[arg(long, requires = "resume", help_heading = RESUME)]
    pub accept_changes: bool,
    /// Format of the report, or of what `--dry-run` and `--check` print [default: `format` in CONFIG, or text]
    #[arg(short, long, value_enum, help_heading = REPORTS)]
    pub format: Option<Format>,
    /// Write the report to this file [default: `output` in CONFIG, or standard output]
    #[arg(short, long, value_name = "FILE", help_heading = REPORTS)]
    pub output: Option<PathBuf>,
    /// Also write a report in this format to this file; can be repeated
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = report, help_heading = REPORTS)]
    pub reports: Vec<(Format, PathBuf)>,
    /// Keep all outputs, events and reports in DIR/RUN, to which DIR/latest is a link [default: `results` in CONFIG]
    #[arg(long, value_name = "DIR", help_heading = REPORTS)]
    pub results: Option<PathBuf>,
    /// Name of the run [default: a random one]
    #[arg(long, value_name = "NAME", value_parser = run_id, help_heading = REPORTS)]
    pub run_id: Option<RunId>,
    /// When to use colors
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = clap::ColorChoice::Auto, help_heading = REPORTS)]
    pub color: clap::ColorChoice,
    #[command(flatten)]
    pub log: LogArguments,
    /// The arguments as they were given.
    #[arg(skip)]
    pub given: Vec<OsString>,
}

const REPORTS: &str = "Reports";
const RESUME: &str = "Resuming";

impl ConductArguments {
    /// Finds CONFIG behind a list: `--phases startup reset test.cfg` works as it is written, although clap takes all
    /// three for phases. Then the phases are read.
    ///
    /// # Errors
    ///
    /// A usage error, as clap words them.
    pub(super) fn settle(&mut self, matches: &ArgMatches, mut command: clap::Command) -> Result<(), clap::Error> {
        let is_given = |id: &&str| matches.value_source(id) == Some(ValueSource::CommandLine);
        let overrides = Overrides::augment_args(clap::Command::default());
        // Only the number of trials can be another one.
        let overrides = overrides.get_arguments().map(|known| known.get_id().as_str()).filter(|id| *id != "trials");
        let mut kept = KEPT[..1].iter().copied().chain(overrides).chain(KEPT[1..].iter().copied());
        if let Some(id) = kept.find(is_given).filter(|_| self.resume.is_some()) {
            let option = command.get_arguments().find(|known| known.get_id() == id).and_then(clap::Arg::get_long);
            let text = format!(
                "the argument '--resume <RUN>' cannot be used with '--{}'\n\n  hint: a run that is resumed keeps the options with \
                 which it began; remove this one",
                option.unwrap_or(id)
            );
            return Err(command.error(ErrorKind::ArgumentConflict, text));
        }
        // A run that is resumed has one.
        if self.config.is_none() && self.resume.is_none() {
            let at = |name| matches.indices_of(name).and_then(Iterator::last);
            let list = if at("phases") > at("workers") { &mut self.phases } else { &mut self.overrides.workers };
            self.config = list.pop_if(|_| true).map(PathBuf::from);
            if self.config.is_none() || (list.is_empty() && (at("phases").is_some() || at("workers").is_some())) {
                return Err(command.error(ErrorKind::MissingRequiredArgument, "the test file, CONFIG, is missing"));
            }
        }
        let is_none = |word: &&String| !Phase::ALL.into_iter().any(|phase| word_means(word, phase));
        if let Some(word) = self.phases.iter().find(is_none) {
            let words = Phase::ALL.iter().map(|phase| phase.word()).chain(["all"]);
            let hint =
                config::hint_or(word, words, || "the phases are startup, run, collect, reset, or all".to_owned());
            let text = format!("unknown phase `{word}`\n\n  hint: {hint}");
            return Err(command.error(ErrorKind::InvalidValue, text));
        }
        let chosen = |phase: &Phase| self.phases.iter().any(|word| word_means(word, *phase));
        self.overrides.phases = (!self.phases.is_empty()).then(|| Phase::ALL.into_iter().filter(chosen).collect());
        self.overrides.results = self.results.clone();
        self.overrides.local = self.local;
        Ok(())
    }
}

fn word_means(word: &str, phase: Phase) -> bool {
    word.eq_ignore_ascii_case("all") || word.parse() == Ok(phase)
}

/// Reads FORMAT=FILE.
pub(super) fn report(text: &str) -> Result<(Format, PathBuf), String> {
    let (word, file) = text.split_once('=').ok_or("expected FORMAT=FILE")?;
    let unknown = || format!("unknown format `{word}` (expected {})", Format::ALL.map(Format::word).join(", "));
    let format = Format::from_str(word, true).map_err(|_| unknown())?;
    if file.is_empty() {
        Err("the file name is missing; expected FORMAT=FILE".to_owned())
    } else {
        Ok((format, file.into()))
    }
}

/// Reads ARCH=FILE.
fn program(text: &str) -> Result<(String, PathBuf), String> {
    let (machine, file) = text.split_once('=').ok_or("expected ARCH=FILE")?;
    Ok((machine.to_owned(), file.into()))
}

fn run_id(text: &str) -> Result<RunId, String> {
    if text == "latest" {
        return Err("`latest` is reserved for the link to the last run".to_owned());
    }
    RunId::new(text).map_err(|error| error.to_string())
}
