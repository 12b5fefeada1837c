//! How often trials fail.

use super::number::real;
use super::probability::Probability;

/// How many trials there were, and how many of them failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Failures {
    failed: usize,
    trials: usize,
}

impl Failures {
    /// So many failed trials; nothing if more trials failed than there were.
    pub fn new(failed: usize, trials: usize) -> Option<Self> {
        (failed <= trials).then_some(Self { failed, trials })
    }

    /// How many failed.
    pub const fn failed(self) -> usize {
        self.failed
    }

    /// How many trials there were.
    pub const fn trials(self) -> usize {
        self.trials
    }

    /// The p-value of Fisher's exact test of whether these trials fail more often than those of the baseline.
    ///
    /// It is one-sided: the question is only whether NEW fails more often, so that all 5 % are for that. It is the
    /// probability that so many failures or more are among these trials, if the failures of both were distributed among
    /// all trials at random.
    ///
    /// Fisher, *Statistical Methods for Research Workers*, 5th edition, 1934, section 21.02; the hypergeometric
    /// distribution by the ratios of neighbours, from its largest probability on, so that no number is too large or too
    /// small.
    pub fn more_often_than(self, base: Self) -> Probability {
        let all = self.failed + base.failed;
        let least = all.saturating_sub(base.trials);
        let most = all.min(self.trials);
        // P(k + 1) ÷ P(k), where k failures are among the trials of NEW.
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
