//! What every command tells its user, and whether in colours.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::config::Diagnostics;
use crate::model::NOT_CARRIED_OUT;
use crate::report::counted;
use crate::telemetry;
use crate::wait::Patience;

/// Why a command cannot do what it was asked for: a sentence for the user.
pub(super) struct Refused(pub(super) String);

impl From<String> for Refused {
    fn from(why: String) -> Self {
        Self(why)
    }
}

/// Tells the user why nothing is done.
pub(super) fn refuse(text: &str) -> ExitCode {
    // What was logged before stands before it.
    telemetry::flush();
    telemetry::say(&format!("error: {text}"));
    ExitCode::from(NOT_CARRIED_OUT)
}

/// Prints what was asked for. A reader that has gone away wants no more, and the exit status answers its question.
pub(super) fn print(text: &str) -> Result<(), String> {
    let mut output = telemetry::answer_to_stdout(Patience::default());
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(format!("cannot write to standard output: {error}")),
        _ => Ok(()),
    }
}

/// Says that an output cannot be written.
pub(super) fn cannot_write(name: &str, error: &std::io::Error) -> String {
    format!("cannot write the output `{name}`: {error}")
}

/// Whether colours were switched off on the command line.
static WITHOUT_COLORS: AtomicBool = AtomicBool::new(false);

/// Switches colours off, in all that this process prints.
pub(super) fn use_no_colors() {
    WITHOUT_COLORS.store(true, Ordering::Relaxed);
}

/// Whether a terminal may get colours: they are not switched off, and the terminal can do more than print lines.
pub(super) fn colors_are_wanted() -> bool {
    let is_off = WITHOUT_COLORS.load(Ordering::Relaxed);
    !is_off && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && !telemetry::terminal_is_dumb()
}

/// Prints what is wrong with configurations on standard error.
pub(super) fn print_findings(findings: &Diagnostics) {
    let text = findings.render(is_colored(&std::io::stderr()));
    if !text.is_empty() {
        telemetry::say(text.trim_end());
    }
}

/// Why nothing is done when a configuration has errors, which are printed above.
pub(super) fn has_errors(path: &Path, findings: &Diagnostics) -> String {
    format!("the configuration `{}` has {}", path.display(), counted(findings.errors(), "error"))
}

/// Whether what is written there may have colours.
pub(super) fn is_colored(stream: &impl std::io::IsTerminal) -> bool {
    stream.is_terminal() && colors_are_wanted()
}
