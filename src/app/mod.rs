//! The commands. This module connects all parts of the program that have side effects.

mod changes;
mod check;
mod compare;
mod conduct;
mod expected;
mod frames;
mod identity;
mod init;
mod journal;
mod live;
mod log;
mod messages;
mod outputs;
mod player;
mod record;
mod remeasure;
mod replayed;
mod report;
mod report_file;
mod results;
mod resume;
mod shell_syntax;
mod signals;
mod validate;

use std::process::ExitCode;

use messages::Refused;

use crate::cli::{self, Command};
use crate::model::{PASSED, USAGE};
use crate::player::supervise;
use crate::sys;
use crate::telemetry;

/// Runs the program with the command line of this process.
pub fn run() -> ExitCode {
    report_panics();
    sys::ignore_limits();
    sys::keep_freed_memory();
    let status = match cli::parse(std::env::args_os().collect()) {
        Ok(Command::Init(arguments)) => init::run(&arguments),
        Ok(Command::Player(arguments)) => player::run(&arguments),
        Ok(Command::Conduct(arguments)) => conduct::run(&arguments),
        Ok(Command::Report(arguments)) => report::run(&arguments),
        Ok(Command::Compare(arguments)) => compare::run(&arguments),
        Ok(Command::History(arguments)) => compare::history(&arguments),
        Ok(Command::Validate(arguments)) => validate::run(&arguments),
        Ok(Command::Frames(arguments)) => frames::run(&arguments),
        Ok(Command::Help(_)) => messages::print(cli::SYNTAX).map(|()| ExitCode::from(PASSED)).map_err(Refused),
        Ok(Command::Keep(arguments)) => Ok(ExitCode::from(u8::try_from(supervise(&arguments.command)).unwrap_or(1))),
        Err(error) => {
            // If standard output or standard error is closed, there is nowhere to report it.
            let _ = error.print();
            Ok(ExitCode::from(if error.use_stderr() { USAGE } else { PASSED }))
        }
    };
    let status = status.unwrap_or_else(|Refused(why)| messages::refuse(&why));
    telemetry::flush();
    status
}

/// Installs a panic hook that reports to standard error only if somebody can read it. The hooks of color-eyre and of
/// the standard library would block if nobody reads, or panic again and abort.
fn report_panics() {
    // Bug reports go into pipes or files, where colors do not belong, and color-eyre does not check for that.
    let builder = color_eyre::config::HookBuilder::default().theme(color_eyre::config::Theme::new());
    let (hook, _) = builder.into_hooks();
    std::panic::set_hook(Box::new(move |info| telemetry::say_if_heard(&hook.panic_report(info).to_string())));
}
