//! Findings as workflow commands of GitHub, which shows them beside the lines that they are about.

use crate::config::{Diagnostic, Diagnostics};
use crate::model::WorkflowCommand;

impl Diagnostics {
    /// All findings as workflow commands of GitHub, a line each.
    pub fn to_github(&self) -> String {
        self.iter().map(|diagnostic| command(diagnostic) + "\n").collect()
    }
}

fn command(diagnostic: &Diagnostic) -> String {
    let mut command =
        WorkflowCommand::new(diagnostic.severity().word()).with("file", diagnostic.path.to_string_lossy());
    if let Some(place) = &diagnostic.place {
        let (start, end) = (place.position(), place.source.position(place.source.first_line(place.span).end));
        let lines = command.with("line", start.line).with("endLine", start.line);
        command = lines.with("col", start.column).with("endColumn", end.column);
    }
    let text = format!("{}\nhint: {}", diagnostic.message, diagnostic.hint);
    command.with("title", diagnostic.name()).message(&text)
}
