//! The command line: what can be written, and nothing of what is done about it.

mod compare;
mod conduct;
mod frames;
mod help;
mod init;
mod log;
mod player;
mod report;
mod validate;

use std::ffi::OsString;
use std::path::Path;

use clap::error::ErrorKind;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use compare::{CompareArguments, HistoryArguments};
pub use conduct::ConductArguments;
pub use frames::FramesArguments;
pub use help::{HelpArguments, SYNTAX};
pub use init::{InitArguments, Template};
pub use log::LogArguments;
pub use player::PlayerArguments;
pub use report::ReportArguments;
pub use validate::{FindingsFormat, ValidateArguments};

/// The command line of a process that a conductor starts for itself.
#[derive(Debug, Args)]
pub struct KeepArguments {
    /// What the shell gets.
    pub command: OsString,
}

/// The columns that a help text may have.
const WIDTH: usize = 80;

/// Run one test on several machines at the same time, and report the results
#[derive(Debug, Parser)]
#[command(name = "conductor", version, disable_help_subcommand = true, arg_required_else_help = true)]
#[command(after_help = include_str!("help/conductor.txt"))]
struct Conductor {
    #[command(subcommand)]
    command: Command,
}

/// What the user asks for. The comments are the help of the command line.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write an example test that runs at once
    #[command(after_help = include_str!("help/init.txt"))]
    Init(InitArguments),
    /// Wait on a test machine for conductors, and run the steps of a worker for them
    #[command(after_help = include_str!("help/player.txt"))]
    Player(PlayerArguments),
    /// Run a test on the players of all its workers, and report the results
    #[command(after_help = include_str!("help/conduct.txt"))]
    Conduct(Box<ConductArguments>),
    /// Write reports of an earlier run from its results folder
    #[command(after_help = include_str!("help/report.txt"))]
    Report(ReportArguments),
    /// Compare the metrics of runs with those of another run
    #[command(after_help = include_str!("help/compare.txt"))]
    Compare(CompareArguments),
    /// Show how a metric has changed from run to run
    #[command(after_help = include_str!("help/history.txt"))]
    History(HistoryArguments),
    /// Check test files and worker files without running anything
    #[command(after_help = include_str!("help/validate.txt"))]
    Validate(ValidateArguments),
    /// Print what `--trace-frames` recorded
    #[command(after_help = include_str!("help/frames.txt"))]
    Frames(FramesArguments),
    /// Describe a command, or the syntax of test files and worker files
    #[command(after_help = include_str!("help/help.txt"))]
    Help(HelpArguments),
    /// Keep a command for a conductor
    #[command(hide = true)]
    Keep(KeepArguments),
}

/// Reads a command line. The name by which the program was called, without folder and extension, selects the command
/// when it is `player` or `conduct`; under any other name the first argument does.
///
/// # Errors
///
/// What clap says of it, with usage; also `--help` and `--version`.
pub fn parse(arguments: Vec<OsString>) -> Result<Command, clap::Error> {
    let name = arguments.first().and_then(|name| Path::new(name).file_stem()).and_then(|stem| stem.to_str());
    match name {
        Some("player") => {
            let matches = link("player").try_get_matches_from(arguments)?;
            Ok(Command::Player(PlayerArguments::from_arg_matches(&matches)?))
        }
        Some("conduct") => {
            let command = link("conduct");
            let given = arguments.iter().skip(1).cloned().collect();
            let matches = matches(&command, with_optional_config, arguments)?;
            conduct(ConductArguments::from_arg_matches(&matches)?, given, &matches, command)
        }
        _ => subcommand(arguments),
    }
}

fn subcommand(arguments: Vec<OsString>) -> Result<Command, clap::Error> {
    let program = program();
    let with_optional = |program: clap::Command| program.mut_subcommand("conduct", with_optional_config);
    // The name of the command is the first argument.
    let given = arguments.iter().skip(2).cloned().collect();
    let matches = matches(&program, with_optional, arguments)?;
    match (Conductor::from_arg_matches(&matches)?.command, matches.subcommand()) {
        (Command::Conduct(arguments), Some((name, matches))) => {
            conduct(*arguments, given, matches, program.find_subcommand(name).cloned().unwrap_or_default())
        }
        (Command::Help(arguments), _) => {
            arguments.settle(program)?;
            Ok(Command::Help(arguments))
        }
        (command, _) => Ok(command),
    }
}

fn conduct(
    mut arguments: ConductArguments,
    given: Vec<OsString>,
    matches: &ArgMatches,
    command: clap::Command,
) -> Result<Command, clap::Error> {
    arguments.given = given;
    arguments.settle(matches, command)?;
    Ok(Command::Conduct(Box::new(arguments)))
}

/// What clap makes of the arguments. Where CONFIG is missing, it may stand behind a list, which then has taken it.
fn matches(
    command: &clap::Command,
    with_optional_config: impl FnOnce(clap::Command) -> clap::Command,
    arguments: Vec<OsString>,
) -> Result<ArgMatches, clap::Error> {
    match command.clone().try_get_matches_from(&arguments) {
        Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => {
            with_optional_config(command.clone()).try_get_matches_from(arguments)
        }
        matches => matches,
    }
}

fn with_optional_config(conduct: clap::Command) -> clap::Command {
    conduct.mut_arg("config", |config| config.required(false))
}

/// The definitions of the command line: the program, and its links `conduct` and `player`. Manual pages and completions are
/// made from them.
pub fn command_lines() -> [clap::Command; 3] {
    [program(), link("conduct"), link("player")]
}

/// The program with all its commands.
fn program() -> clap::Command {
    let program = Conductor::command().mut_subcommands(|command| {
        let name = format!("conductor {}", command.get_name());
        command.version(env!("CARGO_PKG_VERSION")).max_term_width(WIDTH).display_name(&name).bin_name(name)
    });
    program.max_term_width(WIDTH)
}

/// The command of this name as a program.
fn link(name: &'static str) -> clap::Command {
    let command = program().find_subcommand(name).cloned().unwrap_or_default();
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let help = help.replace(&format!("conductor {name}"), name);
    command.bin_name(name).display_name(name).after_help(help)
}
