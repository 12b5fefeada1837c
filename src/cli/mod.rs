//! The command line: what can be written, and nothing of what is done about it.

mod conduct;
mod player;
mod report;
mod validate;

use std::ffi::OsString;
use std::path::Path;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

pub use conduct::ConductArguments;
pub use player::PlayerArguments;
pub use report::ReportArguments;
pub use validate::{FindingsFormat, ValidateArguments};

/// What the user asks for.
#[derive(Debug)]
pub enum Command {
    /// Wait on a test machine.
    Player(PlayerArguments),
    /// Run a test.
    Conduct(Box<ConductArguments>),
    /// Make the reports of a run again.
    Report(ReportArguments),
    /// Check configurations.
    Validate(ValidateArguments),
    /// Keep a command for a conductor.
    Keep(KeepArguments),
}

/// The command line of a process that a conductor starts for itself.
#[derive(Debug, Args)]
pub struct KeepArguments {
    /// What the shell gets.
    pub command: OsString,
}

/// Runs one test on many machines at once, and tells what happened.
#[derive(Debug, Parser)]
#[command(name = "conductor", version, disable_help_subcommand = true, arg_required_else_help = true)]
struct Conductor {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Wait on a test machine for conductors, and run there what they ask for
    #[command(version, display_name = "conductor player")]
    Player(PlayerArguments),
    /// Run a test on all of its players
    #[command(version, display_name = "conductor conduct", override_usage = "conductor conduct [OPTIONS] <CONFIG>")]
    Conduct(Box<ConductArguments>),
    /// Make the reports of a run again from its results folder
    #[command(version, display_name = "conductor report", after_help = report::HELP)]
    Report(ReportArguments),
    /// Check test files and worker files; nothing is run
    #[command(
        version,
        display_name = "conductor validate",
        override_usage = "conductor validate [OPTIONS] <CONFIG>..."
    )]
    Validate(ValidateArguments),
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
        Some("player") => Ok(Command::Player(of::<PlayerArguments>("player", arguments)?.0)),
        Some("conduct") => {
            let (mut conduct, matches, command) = of::<ConductArguments>("conduct", arguments)?;
            conduct.settle(&matches, command)?;
            Ok(Command::Conduct(Box::new(conduct)))
        }
        _ => subcommand(arguments),
    }
}

fn subcommand(arguments: Vec<OsString>) -> Result<Command, clap::Error> {
    let command = Conductor::command();
    let matches = command.clone().try_get_matches_from(arguments)?;
    Ok(match Conductor::from_arg_matches(&matches)?.command {
        Subcommands::Player(player) => Command::Player(player),
        Subcommands::Validate(validate) => Command::Validate(validate),
        Subcommands::Report(report) => Command::Report(report),
        Subcommands::Keep(keep) => Command::Keep(keep),
        Subcommands::Conduct(mut conduct) => {
            if let (Some(matches), Some(command)) =
                (matches.subcommand_matches("conduct"), command.find_subcommand("conduct"))
            {
                conduct.settle(matches, command.clone())?;
            }
            Command::Conduct(conduct)
        }
    })
}

/// Reads the command line of a program that has only this one command.
fn of<A: Args + FromArgMatches>(
    name: &'static str,
    arguments: Vec<OsString>,
) -> Result<(A, clap::ArgMatches, clap::Command), clap::Error> {
    let about = Conductor::command().find_subcommand(name).and_then(clap::Command::get_about).cloned();
    let usage = if name == "conduct" { "conduct [OPTIONS] <CONFIG>" } else { "player [OPTIONS] [CONFIG]" };
    let command = clap::Command::new(name)
        .bin_name(name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(about.unwrap_or_default())
        .override_usage(usage);
    let command = A::augment_args(command);
    let matches = command.clone().try_get_matches_from(arguments)?;
    Ok((A::from_arg_matches(&matches)?, matches, command))
}
