//! The arguments of `conduct`.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, ValueEnum};

use super::log::LogArguments;
use crate::config::{self, Refusal};
use crate::model::{Format, OnFailure, Phase, RunId};

/// The options and arguments of `conduct`.
#[derive(Debug, Args)]
#[command(mut_arg("quiet", |quiet| quiet.help("Log only errors; the report is printed as usual")))]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub struct ConductArguments {
    /// The test file
    #[arg(required = true)]
    pub config: Option<PathBuf>,
    /// Number of trials [default: `trials` in CONFIG, or 1]
    #[arg(short, long, value_name = "N", value_parser = config::count)]
    pub trials: Option<u32>,
    /// Phases to run: startup, run, collect, reset, or all; separated by spaces or commas [default: all]
    #[arg(short, long, value_name = "PHASE", num_args = 1.., value_delimiter = ',')]
    phases: Vec<String>,
    /// Workers to run: names, or ranges such as node[1-3] [default: all]
    #[arg(short = 'c', long, visible_alias = "clients", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub workers: Vec<String>,
    /// Set the variable `%(NAME)s` in all configuration files; can be repeated
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = definition)]
    pub defines: Vec<(String, String)>,
    /// Print the steps of every worker in every phase, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Connect to every player and print its state, and run nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// Run every worker on this machine, without players
    #[arg(long, conflicts_with = "check")]
    pub local: bool,
    /// Let `--local` run workers that have addresses of other machines
    #[arg(long, requires = "local")]
    pub yes: bool,
    /// Run nothing if the configuration has warnings
    #[arg(long)]
    pub strict: bool,
    /// Run the test without the players that cannot be reached
    #[arg(long)]
    pub skip_unreachable: bool,
    /// If a run whose conductor is gone still uses a player, end it immediately instead of waiting for it
    #[arg(long, conflicts_with = "check")]
    pub take_over: bool,
    /// Time limit to reach a player [default: `connect_timeout` in CONFIG, or 10s]
    #[arg(long, value_name = "DURATION", value_parser = config::duration, help_heading = LIMITS)]
    pub connect_timeout: Option<Duration>,
    /// Time that a player continues without its conductor [default: `lease` in CONFIG, or 1m]
    #[arg(long, value_name = "DURATION", value_parser = config::lease, help_heading = LIMITS)]
    pub lease: Option<Duration>,
    /// Time limit of a step, or `none` [default: `step_timeout` in CONFIG, or 1h]
    #[arg(long, value_name = "DURATION", value_parser = step_limit, help_heading = LIMITS)]
    pub step_timeout: Option<Limit>,
    /// Largest time between the starts of the first and the last worker, including the uncertainty of the measurement,
    /// or `none` [default: `max_start_skew` in CONFIG, or none]
    #[arg(long, value_name = "DURATION", value_parser = skew_limit, help_heading = LIMITS)]
    pub max_start_skew: Option<Limit>,
    /// What to do when a step has failed [default: `on_failure` in CONFIG, or continue]
    #[arg(long, value_enum, value_name = "ACTION", help_heading = LIMITS)]
    pub on_failure: Option<OnFailure>,
    /// Size of the part of each output that the reports keep, and of the largest message of a Python player
    /// [default: `max_message_size` in CONFIG, or 10]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=4095), help_heading = LIMITS)]
    pub max_message_size: Option<u64>,
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
}

/// Headings of options.
const LIMITS: &str = "Limits";
const REPORTS: &str = "Reports";

/// A limit that can be lifted: `None` means none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit(pub Option<Duration>);

impl ConductArguments {
    /// The chosen phases in their order, each once; `None` when none is named.
    ///
    /// [`Self::settle`] has seen to it that every word is one.
    pub fn phases(&self) -> Option<Vec<Phase>> {
        let chosen = |phase: &Phase| self.phases.iter().any(|word| word_means(word, *phase));
        (!self.phases.is_empty()).then(|| Phase::ALL.into_iter().filter(chosen).collect())
    }

    /// Finds CONFIG behind a list: `--phases startup reset test.cfg` works as it is written, although clap takes all
    /// three for phases. Then the phases are checked.
    ///
    /// # Errors
    ///
    /// A usage error, as clap words them.
    pub(super) fn settle(&mut self, matches: &ArgMatches, mut command: clap::Command) -> Result<(), clap::Error> {
        if self.config.is_none() {
            let at = |name| matches.indices_of(name).and_then(Iterator::last);
            let list = if at("phases") > at("workers") { &mut self.phases } else { &mut self.workers };
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
        Ok(())
    }
}

fn word_means(word: &str, phase: Phase) -> bool {
    word.eq_ignore_ascii_case("all") || word.parse() == Ok(phase)
}

fn definition(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    if name.trim().is_empty() {
        return Err("the name is empty; expected NAME=VALUE".to_owned());
    }
    Ok((name.trim().to_lowercase(), value.to_owned()))
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

fn run_id(text: &str) -> Result<RunId, String> {
    if text == "latest" {
        return Err("`latest` is reserved for the link to the last run".to_owned());
    }
    RunId::new(text).map_err(|error| error.to_string())
}

fn step_limit(text: &str) -> Result<Limit, Refusal> {
    config::limit(text).map(Limit)
}

fn skew_limit(text: &str) -> Result<Limit, Refusal> {
    config::optional_duration(text).map(Limit)
}
