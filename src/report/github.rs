//! The `github` report: workflow commands of GitHub, which shows them as annotations of the configuration files.
//!
//! Each cause is an error, with its output, a hint and its consequences; each warning is a warning. GitHub shows ten of
//! each for a step of a job, so there are at most ten, and the last one counts the rest. For a run that passed without
//! warnings, there are none.

use std::io::{self, Write};

use super::causes::{self, Cause, Kind};
use super::{Ended, Run, words};
use crate::model::{FileLine, WorkerId, WorkflowCommand, harmless, on_one_line};

/// The maximum number of errors, and of warnings, that GitHub shows for a step.
const MOST: usize = 10;

/// Writes the report of a run.
pub(super) fn write(ended: Ended<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let Ended { run, conclusion, .. } = ended;
    let causes = causes::causes(run, Some(conclusion));
    let errors: Vec<String> = causes.iter().map(|cause| of_cause(run, cause)).collect();
    let warnings = run.warnings.iter().map(|warning| {
        let (text, command) = (on_one_line(&warning.text), about(run, "warning", warning.worker, None));
        command.message(&format!("{}{text}", run.prefix(warning.worker)))
    });
    for (name, what, mut commands) in [("error", "cause", errors), ("warning", "warning", warnings.collect())] {
        if commands.len() > MOST {
            let rest = words::counted(commands.split_off(MOST - 1).len(), &format!("more {what}"));
            commands.push(about(run, name, None, None).message(&format!("and {rest}, which the other reports have")));
        }
        commands.iter().try_for_each(|command| writeln!(writer, "{command}"))?;
    }
    Ok(())
}

/// Returns the line of the configuration that a cause refers to.
fn line_of<'a>(run: &'a Run, cause: &Cause) -> Option<&'a FileLine> {
    match &cause.kind {
        Kind::Check(_) => run.plan()?.settings.check_origin.as_ref(),
        // A metric that only `check` printed may have no section.
        Kind::Metric(name, _) => {
            let plan = run.plan()?;
            plan.metric(name).map_or(plan.settings.check_origin.as_ref(), |metric| metric.origin.as_ref())
        }
        _ => run.step(*cause.own_steps().first()?)?.origin.as_ref(),
    }
}

/// Creates a command that refers to this line, or else to the file of this worker, or else to the test file.
fn about(run: &Run, name: &str, worker: Option<WorkerId>, line: Option<&FileLine>) -> WorkflowCommand {
    let command = WorkflowCommand::new(name);
    if let Some(FileLine { file, line }) = line {
        return command.with("file", file.display()).with("line", line);
    }
    let worker = worker.and_then(|worker| run.worker(worker)).map(|worker| &worker.file);
    match worker.or_else(|| run.plan().map(|plan| &plan.file)) {
        Some(file) => command.with("file", file.display()),
        None => command,
    }
}

fn of_cause(run: &Run, cause: &Cause) -> String {
    let shown = causes::shown(run, cause);
    let title = on_one_line(&shown.title).into_owned();
    let whose = run.plan().map(|plan| format!("{}, run {}", plan.file.display(), plan.run));
    let lines = shown.below(causes::printed(run, cause)).into_iter().chain(whose);
    let lines: Vec<String> = lines.map(|line| harmless(&line).into_owned()).collect();
    let command = about(run, "error", cause.workers.first().copied(), line_of(run, cause)).with("title", &title);
    // A message must not be empty.
    command.message(&if lines.is_empty() { title } else { lines.join("\n") })
}
