//! Workflow commands of GitHub: lines that it shows as annotations of a file.

use std::fmt::{Display, Write};

/// A workflow command: `::error file=…,line=…,title=…::message`. Its parts are escaped as GitHub requires.
#[derive(Debug)]
pub struct WorkflowCommand {
    text: String,
    separator: char,
}

impl WorkflowCommand {
    /// Creates a command with this name, such as `error`.
    pub fn new(name: &str) -> Self {
        Self { text: format!("::{name}"), separator: ' ' }
    }

    /// Adds a property.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Display) -> Self {
        let value = escaped(&value.to_string()).replace(':', "%3A").replace(',', "%2C");
        // Writing to a `String` cannot fail.
        let _ = write!(self.text, "{}{key}={value}", self.separator);
        self.separator = ',';
        self
    }

    /// Returns the command with its message, which may have several lines.
    pub fn message(&self, message: &str) -> String {
        format!("{}::{}", self.text, escaped(message))
    }
}

fn escaped(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_part_of_a_command_is_escaped_in_it() {
        let command = WorkflowCommand::new("error").with("file", "a,b:c%").with("line", 3);
        let expected = "::error file=a%2Cb%3Ac%25,line=3::50%25: one,%0Atwo%0D";
        assert_eq!(command.message("50%: one,\ntwo\r"), expected);
    }
}
