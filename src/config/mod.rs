//! Configuration: the text of test files and worker files becomes a [`Plan`](crate::model::Plan), with diagnostics.
//!
//! The way of a text: [`dialect`] reads lines into sections and entries, each with its place; `scope` looks values up,
//! replaces their variables and gives them types; `test_file`, `worker_file`, `workers` and `step` know the words;
//! `loader` puts it together, and `lints` look at the whole. Nothing stops at the first mistake: every part reports what it finds, and goes on with
//! what it has. A plan comes out only when there was no error.

mod allow;
mod diagnostic;
mod diagnostics;
mod duration;
mod environment;
mod files;
mod interpolate;
mod lint;
mod lints;
mod loader;
mod nearest;
mod not_yet;
mod notes;
mod plan;
mod player;
mod reader;
mod refusal;
mod render;
mod scope;
mod sections;
mod severity;
mod shell;
mod source;
mod step;
mod test_file;
mod text;
mod validate;
mod value;
mod worker_file;
mod worker_range;
mod workers;

pub use diagnostic::Diagnostic;
pub use diagnostics::Diagnostics;
pub(crate) use duration::{duration, lease, limit, optional_duration};
pub use lint::Lint;
pub(crate) use nearest::hint_or;
pub use plan::{Loaded, Outputs, Overrides, load_test, load_test_with_shell};
pub use player::{ConductorHost, PlayerSettings, load_player};
pub(crate) use refusal::Refusal;
pub use severity::Severity;
pub use shell::{ShellCommand, ShellRefusal, ShellSyntax};
pub use source::{Place, Position, Source, Span};
pub use validate::{Input, validate};
pub(crate) use value::count;

// What the parts of this module have from each other.
pub(in crate::config) use diagnostic::{Reason, quoted, quoted_path, quoted_section};
pub(in crate::config) use files::Files;
pub(in crate::config) use lints::{Notes, bounds};
pub(in crate::config) use loader::Loader;
pub(in crate::config) use reader::{DEFAULT, Document, Entry, Section, is_space};
pub(in crate::config) use scope::{Budget, Scope};
pub(in crate::config) use sections::{
    CLIENTS, COORDINATOR, COORDINATOR_KEYS, ENVIRONMENT, TEST, TEST_FILE, TEST_KEYS, WORKER_FILE, WORKER_FILE_ONLY,
    WORKERS,
};
pub(in crate::config) use shell::Commands;
pub(in crate::config) use test_file::TestSettings;
pub(in crate::config) use text::Text;

/// The dialect alone: lines to sections and entries, and variables in values, as Python's `configparser` has them.
///
/// [`read`](dialect::read) takes a [`Source`] and never fails: it returns what it could read, and what is wrong.
/// [`interpolate`](dialect::interpolate) replaces the variables of one entry's value.
pub mod dialect {
    pub use super::interpolate::{Interpolated, VariableProblem, VariableProblemKind, Variables, interpolate};
    pub use super::reader::{DEFAULT, Document, Entry, Problem, ProblemKind, Section, read};
    pub use super::text::Text;
}
