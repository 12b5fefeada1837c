//! Configuration: the text of test files and worker files becomes a [`Plan`](crate::model::Plan), with diagnostics.
//!
//! The way of a text: [`dialect`] reads lines into sections and entries, each with its place; `scope` looks values up,
//! replaces their variables and gives them types; `test_file`, `worker_file`, `workers` and `step` know the words;
//! `plan` puts it together. Nothing stops at the first mistake: every part reports what it finds, and goes on with
//! what it has. A plan comes out only when there was no error.

mod check;
mod diagnostic;
mod duration;
mod file_steps;
mod files;
mod interpolate;
mod nearest;
mod network;
mod not_yet;
mod notes;
mod plan;
mod player;
mod reader;
mod render;
mod scope;
mod source;
mod step;
mod test_file;
mod text;
mod value;
mod worker_file;
mod worker_range;
mod workers;

pub use check::validate_file;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use duration::{parse_duration, parse_limit};
pub use network::Network;
pub use plan::{Loaded, Outputs, Overrides, load_test};
pub use player::{PlayerSettings, load_player};
pub use source::{Place, Position, Source, Span};
pub use test_file::Format;
pub use workers::address_variable;

/// The dialect alone: lines to sections and entries, and variables in values, as Python's `configparser` has them.
///
/// [`read`](dialect::read) takes a [`Source`] and never fails: it returns what it could read, and what is wrong.
/// [`interpolate`](dialect::interpolate) replaces the variables of one entry's value.
pub mod dialect {
    pub use super::interpolate::{VariableProblem, VariableProblemKind, Variables, interpolate};
    pub use super::reader::{DEFAULT, Document, Entry, Problem, ProblemKind, Section, read};
    pub use super::text::Text;
}
