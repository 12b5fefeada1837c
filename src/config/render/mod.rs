//! The forms of findings: text with excerpts for people, JSON for programs, annotations for GitHub's workflows.

mod github;
mod json;
mod text;
