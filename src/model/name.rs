//! The names of runs, workers and metrics.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::on_one_line;

/// The longest name of a run or of a worker, in bytes.
pub const LONGEST_NAME: usize = 255;

/// Why a text is not a valid name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty.
    #[error("the name is empty")]
    Empty,
    /// It contains a character other than letters, digits, `.`, `_` and `-`.
    #[error("a name cannot contain `{}`", on_one_line(&.0.to_string()))]
    Character(char),
    /// It has more than [`LONGEST_NAME`] bytes.
    #[error("a name can have at most {LONGEST_NAME} bytes")]
    TooLong,
    /// It is `.` or `..`, which cannot be the name of a results folder.
    #[error("a name cannot consist of dots only")]
    Dots,
}

fn checked(text: &str) -> Result<String, NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > LONGEST_NAME {
        return Err(NameError::TooLong);
    }
    if let Some(found) = text.chars().find(|c| !(c.is_alphanumeric() || matches!(c, '.' | '_' | '-'))) {
        return Err(NameError::Character(found));
    }
    if text.chars().all(|c| c == '.') {
        return Err(NameError::Dots);
    }
    Ok(text.to_owned())
}

macro_rules! name {
    ($(#[$meta:meta])* $type:ident) => {
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $type(String);

        impl $type {
            /// Creates a name of letters, digits, `.`, `_` and `-`.
            ///
            /// # Errors
            ///
            /// Returns why the text is not a valid name.
            pub fn new(text: &str) -> Result<Self, NameError> {
                checked(text).map(Self)
            }

            /// Returns the name as written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $type {
            type Error = NameError;

            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(&text)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.pad(&self.0)
            }
        }
    };
}

name! {
    /// A worker: a role in the test, an entry of `[Workers]`.
    WorkerName
}

name! {
    /// A metric: an entry of the results of a test.
    MetricName
}

/// Prefixes of metric names that are reserved for the durations of steps and for start skews.
const RESERVED: [&str; 2] = ["step.", "start_skew."];

impl MetricName {
    /// Returns the reserved prefix with which it begins, if any.
    pub fn reserved(&self) -> Option<&'static str> {
        RESERVED.into_iter().find(|reserved| self.0.starts_with(reserved))
    }
}

name! {
    /// One invocation of `conduct`.
    RunId
}

/// Returns the name of the variable about `name`: upper case, with `_` for all except ASCII letters and digits.
pub fn variable(about: &str, name: &str) -> String {
    let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("{about}_{}", name.chars().map(upper).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_variable_has_letters_digits_and_lines() {
        assert_eq!(variable("CONDUCTOR_ADDR", "node-01.lab"), "CONDUCTOR_ADDR_NODE_01_LAB");
        assert_eq!(variable("CONDUCTOR_ADDR", "zürich"), "CONDUCTOR_ADDR_Z_RICH");
    }
}
