//! Configuration: the text of test files and worker files becomes a [`Plan`](crate::model::Plan), with diagnostics.
//!
//! [`dialect`] parses lines into sections and entries with their places; `rank` and `worker_sections` determine which
//! sections apply to a worker; `scope` looks values up, replaces their variables and converts them to types;
//! `settings`, `worker_file`, `workers` and `step` define the keywords; `loader` combines these, and `lints` check the
//! whole. No part stops at the first mistake: each reports what it finds, and continues. A plan is returned only if
//! there is no error.

mod allow;
mod assign;
mod definitions;
mod diagnostic;
mod diagnostics;
mod directive;
mod duration;
mod duration_unit;
mod files;
mod interpolate;
mod lint;
mod lints;
mod loader;
mod located;
mod metric_section;
mod metric_source;
mod metrics;
mod nearest;
mod plan;
mod player;
mod rank;
mod reader;
mod render;
mod scope;
mod sections;
mod series;
mod settings;
mod shell;
mod source;
mod step;
mod text;
mod validate;
mod value;
mod worker;
mod worker_file;
mod worker_range;
mod worker_sections;
mod workers;

pub use diagnostic::Diagnostic;
pub use diagnostics::Diagnostics;
pub use duration::Limit;
pub use files::Input;
pub use lint::{Lint, Severity};
pub use metric_source::resolve_metrics;
pub(crate) use nearest::hint_or;
pub use plan::{Loaded, Overrides, load_metrics, load_test};
pub use player::{ConductorHost, PlayerSettings, load_player};
pub use settings::Outputs;
pub use shell::{ShellCommand, ShellRefusal, ShellSyntax};
pub use source::{Place, Position, Source, Span};
pub use validate::{SeriesSize, Validated, validate};
pub(in crate::config) use value::Refusal;
pub(crate) use value::definition;

// Names that the parts of this module use from each other.
pub(in crate::config) use diagnostic::{Reason, quoted, quoted_path, quoted_section};
pub(in crate::config) use directive::Directive;
pub(in crate::config) use files::Files;
pub(in crate::config) use loader::Loader;
pub(in crate::config) use reader::{DEFAULT, Document, Entry, Section, is_space};
pub(in crate::config) use scope::Scope;
pub(in crate::config) use sections::{
    CLIENTS, COORDINATOR, ENVIRONMENT, METRIC, PARAMETERS, SERIES, TEST, TEST_FILE, WORKER_FILE, WORKER_FILE_ONLY,
    WORKERS,
};
pub(in crate::config) use settings::Setting;
pub(in crate::config) use shell::Commands;
pub(in crate::config) use text::Text;

/// The dialect alone: lines to sections and entries, and variables in values, as in Python's `configparser`.
///
/// [`read`](dialect::read) takes a [`Source`] and never fails: it returns what it could read, and reports mistakes.
/// [`interpolate`](dialect::interpolate) replaces the variables of one entry's value.
pub mod dialect {
    pub use super::interpolate::{Interpolated, Layer, Variables, interpolate};
    pub use super::reader::{DEFAULT, Document, Entry, Section, read};
    pub use super::text::Text;
}
