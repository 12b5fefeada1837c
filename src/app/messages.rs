//! The messages of all commands to the user, and whether they have colors.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::Diagnostics;
use crate::model::NOT_CARRIED_OUT;
use crate::report::counted;
use crate::telemetry;
use crate::wait::Patience;

/// Why a command cannot be carried out, as a message for the user.
pub(super) struct Refused(pub(super) String);

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self(why)
    }
}

/// Prints why nothing is done.
pub(super) fn refuse(text: &str) -> ExitCode {
    // Earlier log lines come first.
    telemetry::flush();
    telemetry::say(&format!("error: {text}"));
    ExitCode::from(NOT_CARRIED_OUT)
}

/// Prints the answer of a command. A closed pipe is not an error: the exit status is still valid.
pub(super) fn print(text: &str) -> Result<(), String> {
    let mut output = telemetry::answer_to_stdout(Patience::default());
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write to standard output: {error}")),
        _ => Ok(()),
    }
}

/// Returns the message that an output cannot be written.
pub(super) fn cannot_write(name: &str, error: &std::io::Error) -> String {
    format!("cannot write the output `{name}`: {error}")
}

/// Whether colors are disabled on the command line.
static WITHOUT_COLORS: AtomicBool = AtomicBool::new(false);

/// Disables colors in all output of this process.
pub(super) fn use_no_colors() {
    WITHOUT_COLORS.store(true, Ordering::Relaxed);
}

/// Whether colors may be sent to a terminal: they are not disabled, and the terminal can do more than print lines.
pub(super) fn colors_are_wanted() -> bool {
    let is_off = WITHOUT_COLORS.load(Ordering::Relaxed);
    !is_off && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !telemetry::terminal_is_dumb()
}

/// Prints the findings in configurations on standard error.
pub(super) fn print_findings(findings: &Diagnostics) {
    let text = findings.render(is_colored(&std::io::stderr()));
    if !text.is_empty() {
        telemetry::say(text.trim_end());
    }
}

/// Returns the message that a configuration has errors, which are printed above it.
pub(super) fn has_errors(path: &Path, findings: &Diagnostics) -> String {
    format!("the configuration `{}` has {}", path.display(), counted(findings.errors(), "error"))
}

/// Whether output to this stream may have colors.
pub(super) fn is_colored(stream: &impl std::io::IsTerminal) -> bool {
    stream.is_terminal() && colors_are_wanted()
}
