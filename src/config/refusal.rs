//! Why a single value is refused, in a file or on the command line.

use std::fmt;

/// What is wrong with a value, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// What is wrong; it can follow the value itself.
    pub(super) problem: String,
    /// What to do.
    pub(super) hint: String,
}

impl Refusal {
    pub(super) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "it {}; {}", self.problem, self.hint)
    }
}

impl std::error::Error for Refusal {}
