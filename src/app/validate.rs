//! `validate`: prints what is wrong with configurations.

use std::io::{ErrorKind, Write};
use std::path::Path;
use std::process::ExitCode;

use super::messages;
use super::shell_syntax::LocalShells;
use crate::cli::{FindingsFormat, ValidateArguments};
use crate::config::{Diagnostics, Input, Lint, ShellSyntax, validate};
use crate::model::{NOT_CARRIED_OUT, PASSED};
use crate::report::counted;
use crate::telemetry;
use crate::wait::Patience;

/// Checks each file; 1 when there is an error.
pub(super) fn run(arguments: &ValidateArguments) -> ExitCode {
    if arguments.list {
        return print(&list()).map_or_else(|error| not_written(&error), |()| ExitCode::from(PASSED));
    }
    let inputs: Vec<_> = arguments.config.iter().map(|path| input(path)).collect();
    let shells = LocalShells::default();
    let shells: Option<&dyn ShellSyntax> = if arguments.no_shell_check { None } else { Some(&shells) };
    let findings = validate(&inputs, shells);
    let printed = print(&match arguments.format {
        FindingsFormat::Text => findings.render(messages::is_colored(&std::io::stdout())),
        FindingsFormat::Json => findings.to_json(),
        FindingsFormat::Github => findings.to_github(),
    });
    if !findings.is_empty() {
        telemetry::say(&summary(&findings));
    }
    if let Err(error) = printed {
        return not_written(&error);
    }
    let failed = findings.has_errors() || (arguments.strict && !findings.is_empty());
    ExitCode::from(if failed { NOT_CARRIED_OUT } else { PASSED })
}

fn input(path: &Path) -> Input {
    if path == Path::new("-") {
        Input::read(Path::new("<standard input>"), std::io::stdin().lock())
    } else {
        Input::File(path.to_owned())
    }
}

/// Prints what was asked for. A reader that has gone away wants no more, and the exit status answers its question.
fn print(text: &str) -> std::io::Result<()> {
    let mut output = telemetry::answer_to_stdout(Patience::default());
    let written = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    written.or_else(|error| if error.kind() == ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

fn not_written(error: &std::io::Error) -> ExitCode {
    messages::refuse(&format!("cannot write to standard output: {error}"))
}

fn list() -> String {
    let width = Lint::ALL.iter().map(|lint| lint.name().len()).max().unwrap_or(0);
    let line = |lint: &Lint| format!("{:width$}  {:7}  {}\n", lint.name(), lint.severity().word(), lint.sentence());
    Lint::ALL.iter().map(line).collect()
}

fn summary(findings: &Diagnostics) -> String {
    let (errors, warnings) = (findings.errors(), findings.warnings());
    let parts = [(errors, "error"), (warnings, "warning")];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(count, what));
    parts.collect::<Vec<_>>().join(", ")
}
