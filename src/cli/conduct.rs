//! The arguments of `conduct`.

use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, ValueEnum};

use crate::config::{nearest, parse_duration, parse_limit};
use crate::model::{Format, LONGEST_LEASE, OnFailure, Phase, RunId};
use crate::telemetry::LogFormat;

/// The options and arguments of `conduct`.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own on the command line")]
pub struct ConductArguments {
    /// The test file
    pub config: Option<PathBuf>,
    /// Go through the phases this often, whatever CONFIG says [default: 1]
    #[arg(short, long, value_name = "N", value_parser = trials)]
    pub trials: Option<u32>,
    /// Run these phases only: startup, run, collect, reset, or all; between them spaces or commas [default: all]
    #[arg(short, long, value_name = "PHASE", num_args = 1.., value_delimiter = ',')]
    phases: Vec<String>,
    /// Run the test on these workers only [default: all]
    #[arg(short = 'c', long, visible_alias = "clients", value_name = "NAME", num_args = 1.., value_delimiter = ',')]
    pub workers: Vec<String>,
    /// Set a variable, `%(NAME)s`, for all configuration files; can be repeated
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE", value_parser = definition)]
    pub defines: Vec<(String, String)>,
    /// Print every step of every worker in every phase; run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Reach every player and tell how it is; run nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub check: bool,
    /// The form of the results, or of what `--dry-run` and `--check` print [default: text]
    #[arg(short, long, value_enum)]
    pub format: Option<Format>,
    /// Write the results to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Also write a report in this format to this file; can be repeated
    #[arg(long = "report", value_name = "FORMAT=FILE", value_parser = report)]
    pub reports: Vec<(Format, PathBuf)>,
    /// Keep all that the run leaves in DIR/RUN: every output, the events, reports; DIR/latest is a link to it
    #[arg(long, value_name = "DIR")]
    pub results: Option<PathBuf>,
    /// The run's own name [default: a random one]
    #[arg(long, value_name = "NAME", value_parser = run_id)]
    pub run_id: Option<RunId>,
    /// How much of an output the reports keep, and the largest message of a Python player [default: 10]
    #[arg(long, value_name = "MB", value_parser = clap::value_parser!(u64).range(1..=4095))]
    pub max_message_size: Option<u64>,
    /// How long to go on trying to reach a player [default: 10s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub connect_timeout: Option<Duration>,
    /// How long a player goes on without its conductor [default: 1m]
    #[arg(long, value_name = "DURATION", value_parser = lease)]
    pub lease: Option<Duration>,
    /// How long a step may take; `none` lifts the limit [default: 1h]
    #[arg(long, value_name = "DURATION", value_parser = limit)]
    pub step_timeout: Option<Limit>,
    /// Whether a failed step ends the run early [default: continue]
    #[arg(long, value_enum, value_name = "ACTION")]
    pub on_failure: Option<OnFailure>,
    /// How far apart the workers may start, including the measurement's uncertainty; `none` lifts the limit [default: none]
    #[arg(long, value_name = "DURATION", value_parser = limit)]
    pub max_start_skew: Option<Limit>,
    /// Go on without the players that can't be reached
    #[arg(long)]
    pub skip_unreachable: bool,
    /// End at once what a run whose conductor is gone left on a player, instead of waiting for it
    #[arg(long, conflicts_with = "check")]
    pub take_over: bool,
    /// Refuse a configuration that has warnings
    #[arg(long)]
    pub strict: bool,
    /// Run every worker on this machine, without players: a rehearsal
    #[arg(long, conflicts_with = "check")]
    pub local: bool,
    /// Let `--local` run even what is meant for the addresses of other machines
    #[arg(long, requires = "local")]
    pub yes: bool,
    /// Log more
    #[arg(short, long)]
    pub verbose: bool,
    /// Log errors only; the results are printed all the same
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Write the log to this file instead of standard error
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// The form of the log
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// When to colour the results
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = clap::ColorChoice::Auto)]
    pub color: clap::ColorChoice,
}

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
                return Err(command.error(ErrorKind::MissingRequiredArgument, "CONFIG, the test file, is missing"));
            }
        }
        let is_none = |word: &&String| !Phase::ALL.into_iter().any(|phase| word_means(word, phase));
        if let Some(word) = self.phases.iter().find(is_none) {
            let words = Phase::ALL.iter().map(|phase| phase.word()).chain(["all"]);
            let hint = nearest(word, words).map(|word| format!("did you mean `{word}`?"));
            let hint = hint.unwrap_or_else(|| "the phases are startup, run, collect, reset; or all".to_owned());
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
    let (name, value) = text.split_once('=').ok_or("it has no `=`; write NAME=VALUE")?;
    if name.trim().is_empty() {
        return Err("the name is empty; write NAME=VALUE".to_owned());
    }
    Ok((name.trim().to_lowercase(), value.to_owned()))
}

/// Reads FORMAT=FILE.
pub(super) fn report(text: &str) -> Result<(Format, PathBuf), String> {
    let (word, file) = text.split_once('=').ok_or("it has no `=`; write FORMAT=FILE")?;
    let unknown = || format!("unknown format `{word}` (expected {})", Format::ALL.map(Format::word).join(", "));
    let format = Format::from_str(word, true).map_err(|_| unknown())?;
    if file.is_empty() { Err("it names no file; write FORMAT=FILE".to_owned()) } else { Ok((format, file.into())) }
}

fn trials(text: &str) -> Result<u32, String> {
    let number = text.parse().map_err(|_| "it is not a whole number".to_owned())?;
    if number == 0 { Err("it must be at least 1".to_owned()) } else { Ok(number) }
}

fn run_id(text: &str) -> Result<RunId, String> {
    if text == "latest" {
        return Err("in a folder of results, `latest` is the link to the last run".to_owned());
    }
    RunId::new(text).map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|words| as_sentence(&words))
}

fn lease(text: &str) -> Result<Duration, String> {
    let found = duration(text)?;
    if found > LONGEST_LEASE { Err("it is longer than a day".to_owned()) } else { Ok(found) }
}

fn limit(text: &str) -> Result<Limit, String> {
    parse_limit(text).map(Limit).map_err(|words| as_sentence(&words))
}

/// The configuration's words follow the text itself; clap's sentence needs a subject.
fn as_sentence(words: &str) -> String {
    format!("it {words}; write 30, 30s, 1m30s or 250ms")
}
