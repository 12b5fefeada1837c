//! The judgement whether the medians of a series are precise enough. It is made when the planned trials have ended.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::measurement::in_digits;
use super::{Margin, MetricName, Plan, WorkerId, counted, text};

/// The fewest values for a precise median: with fewer, the interval is narrow by chance too often.
pub const FEWEST_FOR_PRECISION: u32 = 10;

/// The result of the check when all planned trials had ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PrecisionJudgement {
    /// The number of planned trials now, of all points together.
    pub trials: u32,
    /// The number of trials that were just added: one for each point, or none.
    pub added: u32,
    /// The number of trials that may still be added later.
    pub left: u32,
    /// The number of medians that are not precise enough.
    pub imprecise: usize,
    /// The median that is farthest from the wanted precision.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<Imprecise>,
}

/// A median that is not precise enough.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Imprecise {
    /// The metric.
    pub metric: MetricName,
    /// The worker that the values belong to; `None` if each combines the values of several workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worker: Option<WorkerId>,
    /// The name of the point; empty if there is only one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub point: String,
    /// The number of values.
    pub values: usize,
    /// Half the width of the interval, as a fraction of the median or in the unit of the metric, like `wanted`. `None`
    /// if that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::optional")]
    pub reached: Option<Margin>,
    /// The maximum for half the width of the interval.
    #[serde(with = "text")]
    pub wanted: Margin,
}

impl Imprecise {
    /// Returns the ratio of half the width of the interval to its maximum.
    pub fn excess(&self) -> f64 {
        let number = |margin| match margin {
            Margin::Relative(number) | Margin::Absolute(number) => number,
        };
        let reached = self.reached.filter(|_| self.has_enough()).map_or(f64::INFINITY, number);
        if reached == 0.0 { 0.0 } else { reached / number(self.wanted) }
    }

    const fn has_enough(&self) -> bool {
        self.values >= FEWEST_FOR_PRECISION as usize
    }

    fn subject(&self, plan: Option<&Plan>) -> String {
        let Self { metric, worker, point, .. } = self;
        let worker = worker.map(|id| format!(" of {}", plan.map_or("?", |plan| plan.name(id)))).unwrap_or_default();
        let point = if point.is_empty() { String::new() } else { format!(" at {point}") };
        format!("{metric}{worker}{point}")
    }
}

/// Describes what was reached and what is wanted.
impl fmt::Display for Imprecise {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.reached.filter(|_| self.has_enough()) {
            _ if !self.has_enough() => {
                write!(out, "{}, at least {FEWEST_FOR_PRECISION} are needed", counted(self.values, "value"))
            }
            Some(reached) => write!(out, "±{}, wanted {}", shown(reached), shown(self.wanted)),
            None => write!(out, "the median is 0, of which {} cannot be reached", shown(self.wanted)),
        }
    }
}

/// Formats a margin with three digits.
fn shown(margin: Margin) -> String {
    let (number, unit) = match margin {
        Margin::Relative(part) => (part * 100.0, " %"),
        Margin::Absolute(number) => (number, ""),
    };
    format!("{}{unit}", in_digits(number, 3, -4))
}

impl PrecisionJudgement {
    /// Describes the judgement in one line: why the run continues, or why no more trials are added.
    pub fn text(&self, plan: Option<&Plan>) -> String {
        let Self { trials, added, left, imprecise, worst } = self;
        let Some(worst) = worst else {
            return format!("all medians are precise enough after {}", counted((trials - added) as usize, "trial"));
        };
        let others = match imprecise.saturating_sub(1) {
            0 => String::new(),
            others => format!(" (and {others} more)"),
        };
        let then = match added + left {
            _ if *added == 0 => "no more trials, because of `max_trials`".to_owned(),
            more => format!("at most {}", counted(more as usize, "more trial")),
        };
        format!("{}: {worst}{others}: {then}", worst.subject(plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imprecise(values: usize, reached: Option<Margin>, wanted: &str) -> Imprecise {
        let metric = MetricName::new("goodput").unwrap();
        let wanted = wanted.parse().unwrap();
        Imprecise { metric, worker: None, point: "qdisc=codel".to_owned(), values, reached, wanted }
    }

    #[test]
    fn a_judgement_says_in_one_line_why_the_run_goes_on_or_ends() {
        let text = |added, left, imprecise, worst| {
            PrecisionJudgement { trials: 20 + added, added, left, imprecise, worst }.text(None)
        };
        let relative = |part| Some(Margin::Relative(part));
        for (known, expected) in [
            (imprecise(10, relative(0.041), "3%"), "goodput at qdisc=codel: ±4.1 %, wanted 3 %"),
            (imprecise(12, relative(0.12345), "0.5%"), "goodput at qdisc=codel: ±12.3 %, wanted 0.5 %"),
            (imprecise(10, Some(Margin::Absolute(1235.4)), "20"), "goodput at qdisc=codel: ±1235, wanted 20"),
            (imprecise(12, None, "3%"), "goodput at qdisc=codel: the median is 0, of which 3 % cannot be reached"),
            (imprecise(9, relative(0.001), "3%"), "goodput at qdisc=codel: 9 values, at least 10 are needed"),
        ] {
            assert_eq!(text(2, 36, 1, Some(known.clone())), format!("{expected}: at most 38 more trials"));
            let none = ": no more trials, because of `max_trials`";
            assert_eq!(text(0, 0, 4, Some(known)), format!("{expected} (and 3 more){none}"));
        }
        assert_eq!(text(0, 30, 0, None), "all medians are precise enough after 20 trials");
    }

    #[test]
    fn the_worst_is_that_which_is_farthest_from_what_is_wanted() {
        let excess = |values, reached, wanted| imprecise(values, reached, wanted).excess();
        assert!((excess(10, Some(Margin::Relative(0.06)), "3%") - 2.0).abs() < 1e-9);
        assert!((excess(10, Some(Margin::Absolute(6.0)), "3") - 2.0).abs() < 1e-9);
        assert!(excess(9, Some(Margin::Relative(0.01)), "3%").is_infinite());
        assert!(excess(10, None, "3%").is_infinite());
    }
}
