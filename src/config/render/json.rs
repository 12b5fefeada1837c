//! Findings as JSON.

use std::path::Path;

use serde::Serialize;

use crate::config::{Diagnostic, Diagnostics, Place};
use crate::model::object;

fn located(path: &Path, place: Option<&Place>) -> impl Serialize + use<> {
    let start = place.map(Place::position);
    let end = place.map(|place| place.source.position(place.span.end));
    object! {
        file: path.to_string_lossy().into_owned(),
        line: start.map(|start| start.line),
        column: start.map(|start| start.column),
        end_line: end.map(|end| end.line),
        end_column: end.map(|end| end.column),
    }
}

impl Diagnostics {
    /// Formats all findings as a JSON array of objects, in order, one per line. Each has `severity` (`error` or
    /// `warning`), `name` (that of the lint), `message`, `hint`, a place, and `related`, an array of objects with a
    /// `message` and a place. A place is `file`, `line`, `column`, `end_line`, `end_column`: lines and columns count
    /// from 1, columns in characters, the end is exclusive; all but `file` are null if the finding is about the file as
    /// a whole.
    pub fn to_json(&self) -> String {
        let lines: Vec<_> = self.iter().map(|diagnostic| format!("\n  {}", line(diagnostic))).collect();
        let end = if lines.is_empty() { "" } else { "\n" };
        format!("[{}{end}]\n", lines.join(","))
    }
}

fn line(diagnostic: &Diagnostic) -> String {
    let related = diagnostic.others.iter().map(|(place, message)| {
        object! {
            message: message,
            #[serde(flatten)]
            place: located(place.source.path(), Some(place)),
        }
    });
    let finding = object! {
        severity: diagnostic.severity().word(),
        name: diagnostic.name(),
        message: &diagnostic.message,
        #[serde(flatten)]
        place: located(&diagnostic.path, diagnostic.place.as_ref()),
        hint: &diagnostic.hint,
        related: related.collect::<Vec<_>>(),
    };
    #[expect(clippy::expect_used, reason = "texts and numbers are always JSON")]
    serde_json::to_string(&finding).expect("a finding is JSON")
}
