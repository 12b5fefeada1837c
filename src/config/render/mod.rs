//! The forms of findings: text with excerpts for people, JSON for programs, annotations for GitHub's workflows.

mod github;
mod json;
mod text;

use super::Diagnostics;

impl Diagnostics {
    /// All findings as text for people, a blank line between them; empty when there is none.
    pub fn render(&self, color: bool) -> String {
        text::render(self, color)
    }

    /// All findings as a JSON array of objects, in order. Each has `severity` (`error` or `warning`), `name` (the lint's),
    /// `message`, `hint`, a place, and `related`, an array of objects with a `message` and a place. A
    /// place is `file`, `line`, `column`, `end_line`, `end_column`: lines and columns count from 1, columns in
    /// characters, the end is the first column behind; all but `file` are null when the finding is about the file as a
    /// whole.
    pub fn to_json(&self) -> String {
        json::render(self)
    }

    /// All findings as workflow commands of GitHub, a line each.
    pub fn to_github(&self) -> String {
        github::render(self)
    }
}
