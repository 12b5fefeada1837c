//! The formats of findings: text with excerpts, JSON, and annotations for GitHub workflows.

mod github;
mod json;
mod text;
