//! `validate`: prints the findings in configurations.

use std::path::Path;
use std::process::ExitCode;

use super::messages::{self, Refused};
use super::shell_syntax::LocalShells;
use crate::cli::{FindingsFormat, ValidateArguments};
use crate::config::{Diagnostics, Input, Lint, SeriesSize, ShellSyntax, Validated, validate};
use crate::model::{NOT_CARRIED_OUT, PASSED};
use crate::report::counted;
use crate::telemetry;

/// Checks each file. Exits with status 1 if there is an error.
pub(super) fn run(arguments: &ValidateArguments) -> Result<ExitCode, Refused> {
    if arguments.list {
        messages::print(&list())?;
        return Ok(ExitCode::from(PASSED));
    }
    let inputs: Vec<_> = arguments.config.iter().map(|path| input(path)).collect();
    let shells = LocalShells::default();
    let shells: Option<&dyn ShellSyntax> = if arguments.no_shell_check { None } else { Some(&shells) };
    let Validated { diagnostics: findings, series } = validate(&inputs, &arguments.defines, shells);
    let findings = if arguments.python { findings.with_python() } else { findings };
    let printed = messages::print(&match arguments.format {
        FindingsFormat::Text => findings.render(messages::is_colored(&std::io::stdout())),
        FindingsFormat::Json => findings.to_json(),
        FindingsFormat::Github => findings.to_github(),
    });
    for SeriesSize { file, points, trials, most } in &series {
        let points = counted(*points, "point");
        let trials = if most > trials { format!("{trials} to {most} trials") } else { counted(*trials, "trial") };
        telemetry::say(&format!("{}: {points}, {trials}", file.display()));
    }
    if !findings.is_empty() {
        telemetry::say(&summary(&findings));
    }
    printed?;
    let failed = findings.has_errors() || (arguments.strict && !findings.is_empty());
    Ok(ExitCode::from(if failed { NOT_CARRIED_OUT } else { PASSED }))
}

fn input(path: &Path) -> Input {
    if path == Path::new("-") {
        Input::read(Path::new("<standard input>"), std::io::stdin().lock())
    } else {
        Input::File(path.to_owned())
    }
}

fn list() -> String {
    let width = Lint::ALL.iter().map(|lint| lint.name().len()).max().unwrap_or(0);
    let line = |lint: &Lint| format!("{:width$}  {:7}  {}\n", lint.name(), lint.severity().word(), lint.description());
    Lint::ALL.iter().map(line).collect()
}

fn summary(findings: &Diagnostics) -> String {
    let (errors, warnings) = (findings.errors(), findings.warnings());
    let parts = [(errors, "error"), (warnings, "warning")];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| counted(count, what));
    parts.collect::<Vec<_>>().join(", ")
}
