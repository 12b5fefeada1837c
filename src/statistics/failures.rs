//! How often trials fail.

use super::number::real;
use super::probability::Probability;

/// The number of trials, and how many of them failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    failed: usize,
    trials: usize,
}

impl Failures {
    /// Creates the numbers; returns `None` if more trials failed than there were.
    pub fn new(failed: usize, trials: usize) -> Option<Self> {
        (failed <= trials).then_some(Self { failed, trials })
    }

    /// Returns the number of failed trials.
    pub const fn failed(self) -> usize {
        self.failed
    }

    /// Returns the number of trials.
    pub const fn trials(self) -> usize {
        self.trials
    }

    /// Returns the p-value of Fisher's exact test of whether these trials fail more often than those of the baseline.
    ///
    /// It is one-sided: the only question is whether NEW fails more often, so that side gets the whole 5 %. It is the
    /// probability that at least as many failures are among these trials, if the failures of both were distributed
    /// among all trials at random.
    ///
    /// Fisher, *Statistical Methods for Research Workers*, 5th edition, 1934, section 21.02. The hypergeometric
    /// distribution is computed from the ratios of neighbours, starting at its largest probability, so that no number
    /// is too large or too small.
    pub fn more_often_than(self, base: Self) -> Probability {
        let all = self.failed + base.failed;
        let least = all.saturating_sub(base.trials);
        let most = all.min(self.trials);
        // P(k + 1) ÷ P(k), if k failures are among the trials of NEW.
        let ratio =
            |k: usize| real(all - k) * real(self.trials - k) / (real(k + 1) * (real(base.trials + k + 1) - real(all)));
        let mode = (least..most).find(|k| ratio(*k) < 1.0).unwrap_or(most);
        let (mut before, mut from) = (0.0, 0.0);
        let mut add = |k: usize, weight: f64| if k < self.failed { before += weight } else { from += weight };
        let mut weight = 1.0;
        for k in mode..=most {
            add(k, weight);
            if k < most {
                weight *= ratio(k);
            }
        }
        weight = 1.0;
        for k in (least..mode).rev() {
            weight /= ratio(k);
            add(k, weight);
        }
        Probability::limited(from / (before + from))
    }
}
