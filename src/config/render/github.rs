//! Findings as workflow commands of GitHub, which shows them beside the lines that they are about.

use std::fmt::Write;

use crate::config::{Diagnostic, Diagnostics};

impl Diagnostics {
    /// All findings as workflow commands of GitHub, a line each.
    pub fn to_github(&self) -> String {
        self.iter().map(|diagnostic| command(diagnostic) + "\n").collect()
    }
}

fn command(diagnostic: &Diagnostic) -> String {
    let file = property(&diagnostic.path.to_string_lossy());
    let mut command = format!("::{} file={file}", diagnostic.severity().word());
    if let Some(place) = &diagnostic.place {
        let (start, end) = (place.position(), place.source.position(place.source.first_line(place.span).end));
        let (line, column) = (start.line, start.column);
        // Writing to a `String` cannot fail.
        let _ = write!(command, ",line={line},endLine={line},col={column},endColumn={}", end.column);
    }
    let text = format!("{}\nhint: {}", diagnostic.message, diagnostic.hint);
    let _ = write!(command, ",title={}::{}", diagnostic.name(), data(&text));
    command
}

/// A text behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A text between the first `::` and the second.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
