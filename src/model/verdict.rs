//! The verdict of a trial and of a run.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::named::named;
use super::{Hint, signal_name};

/// The verdict of a trial or of a whole run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every step that counts passed, on every worker.
    #[default]
    Passed,
    /// A step that counts failed.
    Failed,
    /// Something is missing: a worker was lost or left out, or the run was ended early.
    Incomplete,
}

named!(Verdict: Passed "passed", Failed "failed", Incomplete "incomplete");

/// Why a run did not simply pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "text")]
pub enum Reason {
    /// The run could not be carried out: a player cannot be reached or is busy, or an output cannot be written.
    #[serde(rename = "not carried out")]
    NotCarriedOut(String),
    /// This signal interrupted the conductor.
    #[serde(rename = "interrupted", serialize_with = "interrupt", deserialize_with = "signal")]
    Interrupted(i32),
    /// Something is missing, such as the results of a lost worker.
    #[serde(rename = "incomplete")]
    Incomplete(String),
    /// A step failed.
    #[serde(rename = "failed")]
    Failed(String),
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn interrupt<S: Serializer>(signal: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&Reason::Interrupted(*signal).text())
}

fn signal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let text = String::deserialize(deserializer)?;
    let signal = (1..=64).find(|signal| Reason::Interrupted(*signal).text() == text);
    signal.ok_or_else(|| D::Error::custom(format!("unknown interrupt `{text}`")))
}

impl Reason {
    /// Returns the name of its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotCarriedOut(_) => "not carried out",
            Self::Interrupted(_) => "interrupted",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }

    /// Returns the reason as a message.
    pub fn text(&self) -> String {
        match self {
            Self::NotCarriedOut(text) | Self::Incomplete(text) | Self::Failed(text) => text.clone(),
            Self::Interrupted(signal) => format!("interrupted by {}", signal_name(*signal)),
        }
    }
}

/// The result of a whole run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// The verdict.
    pub verdict: Verdict,
    /// The reasons; empty if the run passed.
    pub reasons: Vec<Reason>,
    /// The hints for the user, if any: each once, in the order of the reasons.
    pub hints: Vec<Hint>,
}

impl Conclusion {
    /// Creates a conclusion without hints.
    pub const fn new(verdict: Verdict, reasons: Vec<Reason>) -> Self {
        Self { verdict, reasons, hints: Vec::new() }
    }
}

// The exit statuses of the commands.

/// Everything passed.
pub const PASSED: u8 = 0;
/// The run could not be carried out.
pub const NOT_CARRIED_OUT: u8 = 1;
/// The command line was invalid.
pub const USAGE: u8 = 2;
/// Something failed.
pub const FAILED: u8 = 3;
/// Something is missing.
pub const INCOMPLETE: u8 = 4;

/// Returns the status for a run that this signal ended, the same as a shell reports for a command that a signal ends.
pub fn interrupted_by(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

impl Conclusion {
    /// Returns the exit status of `conduct`. Of several reasons, an interrupt takes precedence, then a run that could
    /// not be carried out, then an incomplete one, then a failure.
    pub fn exit_status(&self) -> u8 {
        // An interrupt is not listed: it takes precedence over all of these.
        const ORDER: [u8; 4] = [NOT_CARRIED_OUT, INCOMPLETE, FAILED, PASSED];
        let reasons = self.reasons.iter().map(|reason| match reason {
            Reason::Interrupted(signal) => interrupted_by(*signal),
            Reason::NotCarriedOut(_) => NOT_CARRIED_OUT,
            Reason::Incomplete(_) => INCOMPLETE,
            Reason::Failed(_) => FAILED,
        });
        let verdict = match self.verdict {
            Verdict::Passed => PASSED,
            Verdict::Failed => FAILED,
            Verdict::Incomplete => INCOMPLETE,
        };
        let rank = |status: &u8| ORDER.iter().position(|known| known == status);
        reasons.chain([verdict]).min_by_key(rank).unwrap_or(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_important_reason_decides() {
        let all = [
            Reason::Failed(String::new()),
            Reason::Incomplete(String::new()),
            Reason::NotCarriedOut(String::new()),
            Reason::Interrupted(15),
        ];
        let statuses = (1..=4).map(|count| Conclusion::new(Verdict::Failed, all[..count].to_vec()).exit_status());
        assert_eq!(statuses.collect::<Vec<_>>(), [3, 4, 1, 143]);
        assert_eq!(Conclusion::new(Verdict::Passed, Vec::new()).exit_status(), 0);
    }
}
