//! What the configuration can say and the program can't do yet: all of it is refused here, by name.
//!
//! The parsers know these words already. Whoever builds what a word means takes it off its list.

use super::{Diagnostic, Lint, Place};

/// Keys of `[Coordinator]`.
pub(super) const COORDINATOR_KEYS: [&str; 1] = ["connect"];

/// The error for a setting.
pub(super) fn setting(key: &str, place: Place) -> Diagnostic {
    Diagnostic::new(Lint::NotSupportedYet, place, format!("`{key}` is not supported yet"), "leave the line out")
}
