//! The commands: everything that has an effect is put together here.

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
            // A closed standard output or error leaves nobody to tell.
            let _ = error.print();
            Ok(ExitCode::from(if error.use_stderr() { USAGE } else { PASSED }))
        }
    };
    let status = status.unwrap_or_else(|Refused(why)| messages::refuse(&why));
    telemetry::flush();
    status
}

/// Has a panic reported on standard error, where that finds a reader. The library's own hook, and that of the standard library,
/// would wait for one for ever, or panic again and abort.
fn report_panics() {
    // A report of a bug goes into a pipe or a file without colours, and color-eyre does not look.
    let builder = color_eyre::config::HookBuilder::default().theme(color_eyre::config::Theme::new());
    let (hook, _) = builder.into_hooks();
    std::panic::set_hook(Box::new(move |info| telemetry::say_if_heard(&hook.panic_report(info).to_string())));
}
