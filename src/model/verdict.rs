//! The verdict of a trial and of a run.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::named::named;
use super::{Hint, signal_name};

/// How a trial, or a run as a whole, went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every step that counts passed, on every worker.
    Passed,
    /// A step that counts failed.
    Failed,
    /// Not everything that was asked for was seen: a worker was lost or left out, or the run was ended early.
    Incomplete,
}

named!(Verdict: Passed "passed", Failed "failed", Incomplete "incomplete");

/// Why a run is not simply passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "text")]
pub enum Reason {
    /// It could not be carried out: a player cannot be reached, is busy, or an output cannot be written.
    #[serde(rename = "not carried out")]
    NotCarriedOut(String),
    /// A signal of this number told the conductor to stop.
    #[serde(rename = "interrupted", serialize_with = "interrupt", deserialize_with = "signal")]
    Interrupted(i32),
    /// Something was not seen to its end.
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
    /// The word for its kind.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::NotCarriedOut(_) => "not carried out",
            Self::Interrupted(_) => "interrupted",
            Self::Incomplete(_) => "incomplete",
            Self::Failed(_) => "failed",
        }
    }

    /// The sentence for people.
    pub fn text(&self) -> String {
        match self {
            Self::NotCarriedOut(text) | Self::Incomplete(text) | Self::Failed(text) => text.clone(),
            Self::Interrupted(signal) => format!("interrupted by {}", signal_name(*signal)),
        }
    }
}

/// How a run as a whole went, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conclusion {
    /// How it went.
    pub verdict: Verdict,
    /// Why; empty when it passed.
    pub reasons: Vec<Reason>,
    /// What the user can do about it, where that is known: each once, in the order of the reasons.
    pub hints: Vec<Hint>,
}

impl Conclusion {
    /// One without hints.
    pub const fn new(verdict: Verdict, reasons: Vec<Reason>) -> Self {
        Self { verdict, reasons, hints: Vec::new() }
    }
}

// The exit statuses of the commands.

/// Everything passed.
pub const PASSED: u8 = 0;
/// It could not be carried out.
pub const NOT_CARRIED_OUT: u8 = 1;
/// The command line was wrong.
pub const USAGE: u8 = 2;
/// Something failed.
pub const FAILED: u8 = 3;
/// Not everything was seen.
pub const INCOMPLETE: u8 = 4;

/// A signal of this number ended it: the status that a shell gives to a command that a signal ends.
pub fn interrupted_by(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

impl Conclusion {
    /// The exit status of `conduct`. When several reasons hold, an interrupt comes first, then what could not be carried
    /// out, then what is incomplete, then what failed.
    pub fn exit_status(&self) -> u8 {
        // An interrupt is none of these, and comes before them.
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
