//! Findings as workflow commands of GitHub, which shows them next to the affected lines.

use crate::config::{Diagnostic, Diagnostics};
use crate::model::WorkflowCommand;

impl Diagnostics {
    /// Formats all findings as workflow commands of GitHub, one per line.
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
