//! The exit statuses of the commands.

use super::verdict::{Conclusion, Reason, Verdict};

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

impl Conclusion {
    /// The exit status of `conduct`. When several reasons hold, an interrupt comes first, then what could not be carried
    /// out, then what is incomplete, then what failed.
    pub fn exit_status(&self) -> u8 {
        let reasons = self.reasons.iter().map(|reason| match reason {
            Reason::Interrupted(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
            Reason::NotCarriedOut(_) => NOT_CARRIED_OUT,
            Reason::Incomplete(_) => INCOMPLETE,
            Reason::Failed(_) => FAILED,
        });
        let verdict = match self.verdict {
            Verdict::Passed => PASSED,
            Verdict::Failed => FAILED,
            Verdict::Incomplete => INCOMPLETE,
        };
        reasons.chain([verdict]).min_by_key(|status| rank(*status)).unwrap_or(verdict)
    }
}

fn rank(status: u8) -> u8 {
    match status {
        128.. => 0,
        NOT_CARRIED_OUT => 1,
        INCOMPLETE => 2,
        FAILED => 3,
        _ => 4,
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
