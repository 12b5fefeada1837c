//! The statistics of measurements: medians, comparisons of two points, verdicts, outliers, drift.
//!
//! All functions are pure. Nothing is random except [`Random`], whose draws are determined by its seed.
//! `docs/statistics.md` describes the computations for users.
//!
//! | question | function | procedure |
//! |---|---|---|
//! | how large is it? | [`Location::of`] | median, interval by order statistics |
//! | how do two points of one run differ? | [`Comparison::paired`] | Wilcoxon signed-rank, Hodges–Lehmann |
//! | how do two runs differ? | [`Comparison::unpaired`] | Mann–Whitney, Hodges–Lehmann |
//! | is it better or worse? | [`judge`] | Holm, threshold |
//! | how many trials are needed? | [`Design::fewest_trials`], [`TrialsNeeded`] | smallest p-value, width of the interval |
//! | does it fail more often? | [`Failures::more_often_than`] | Fisher's exact test |
//! | is a trial unusual? | [`outliers`] | modified z-score |
//! | does it change with time? | [`Trend::of`] | Mann–Kendall |
//!
//! # Sources
//!
//! - Hollander, Wolfe & Chicken, *Nonparametric Statistical Methods*, 3rd edition, Wiley 2014: the rank procedures.
//! - Hoefler & Belli, *Scientific Benchmarking of Parallel Computing Systems*, SC 2015: medians with intervals by order
//!   statistics instead of means with standard deviations.
//! - Maricq et al., *Taming Performance Variability*, OSDI 2018: how many trials are needed, and the order of trials.
//! - Kalibera & Jones, *Rigorous Benchmarking in Reasonable Time*, ISMM 2013: ratios with intervals instead of tests
//!   alone.
//!
//! Each function names its own sources.

mod comparison;
mod distribution;
mod failures;
mod fewest;
mod holm;
mod interval;
mod location;
mod normal;
mod number;
mod outliers;
mod probability;
mod random;
mod rank_sum;
mod ranks;
mod sample;
mod shift;
mod signed_rank;
mod sums;
mod trend;
mod verdict;

pub use comparison::{Comparison, Scale};
pub use failures::Failures;
pub use fewest::Design;
pub use holm::holm;
pub use interval::Interval;
pub use location::Location;
pub use outliers::{Outlier, outliers};
pub use probability::{ERROR, Probability};
pub use random::Random;
pub use rank_sum::rank_sum;
pub use sample::{Pair, Pairs, Sample};
pub use shift::{Method, Shift};
pub use signed_rank::signed_rank;
pub use trend::{Drift, Trend};
pub use verdict::{Direction, Judgement, MOST_TRIALS, Row, Thresholds, TrialsNeeded, Verdict, judge};
