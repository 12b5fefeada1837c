//! Metrics: the numbers that a test measures, as `[Metric NAME]` describes them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::named::named;
use super::{Expectation, FileLine, MetricName, Phase, Stream, WorkerId, text};

/// A metric of a test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    /// Its name.
    pub name: MetricName,
    /// The setting `from`, as written.
    pub from: String,
    /// The source of its numbers. `None` in a plan that was read back from a record.
    #[serde(skip)]
    pub source: Option<Source>,
    /// How to find the numbers in the source. Without this, all numbers of the text are read; for `check`, those of its
    /// lines `metric NAME VALUE`.
    #[serde(flatten)]
    pub extract: Option<Extract>,
    /// Which number of the text is the value, if there are several.
    #[serde(default)]
    pub pick: Pick,
    /// How to combine the values of several workers.
    #[serde(default)]
    pub across: Across,
    /// The factor by which the number is multiplied.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub scale: f64,
    /// The unit of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// Which values are better, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub better: Option<Better>,
    /// The expected values.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::optional")]
    pub expect: Option<Expectation>,
    /// The smallest difference that matters.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::optional")]
    pub threshold: Option<Margin>,
    /// The maximum for half the width of the confidence interval.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::optional")]
    pub precision: Option<Margin>,
    /// The value that is used if nothing could be measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<f64>,
    /// The line where its section begins, if known.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text::optional")]
    pub origin: Option<FileLine>,
}

impl Metric {
    /// Returns whether its numbers are multiplied by a factor other than 1.
    pub fn is_scaled(&self) -> bool {
        !is_one(&self.scale)
    }

    /// Returns its settings as written, without those that have their default value.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let extract = match &self.extract {
            None => ("json", None),
            Some(Extract::Json(pointer)) => ("json", Some(pointer.clone())),
            Some(Extract::Regex(pattern)) => ("regex", Some(pattern.clone())),
        };
        let settings = [
            ("from", Some(self.from.clone())),
            extract,
            ("pick", (self.pick != Pick::default()).then(|| self.pick.to_string())),
            ("across", (self.across != Across::default()).then(|| self.across.to_string())),
            ("scale", self.is_scaled().then(|| self.scale.to_string())),
            ("unit", self.unit.clone()),
            ("better", self.better.map(|better| better.to_string())),
            ("expect", self.expect.as_ref().map(ToString::to_string)),
            ("threshold", self.threshold.map(|threshold| threshold.to_string())),
            ("precision", self.precision.map(|precision| precision.to_string())),
            ("default", self.default.map(|default| default.to_string())),
        ];
        settings.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }

    /// Returns the number of its values in a trial: one, or one for each worker if they are not combined. Each is a row
    /// of a comparison.
    pub fn values(&self) -> usize {
        match (&self.source, self.across) {
            (Some(Source::Output(steps, _) | Source::Duration(steps)), Across::Each) => steps.len(),
            (Some(Source::File(workers, _)), Across::Each) => workers.len(),
            _ => 1,
        }
    }
}

const fn one() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_one(scale: &f64) -> bool {
    scale.to_bits() == one().to_bits()
}

/// The source of the numbers of a metric.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The output of these steps, each of another worker, on this stream.
    Output(Vec<PlannedStep>, Stream),
    /// The durations of these steps, each of another worker, in seconds.
    Duration(Vec<PlannedStep>),
    /// The file at this path in the results of each of these workers.
    File(Vec<WorkerId>, String),
    /// The standard output of `check`.
    Check,
    /// How far apart the workers started this phase, in seconds.
    StartSkew(Phase),
}

/// A step of the plan, the same in each trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedStep {
    /// The worker.
    pub worker: WorkerId,
    /// The phase.
    pub phase: Phase,
    /// The position in the worker's phase, from 0.
    pub position: usize,
}

/// How to find numbers in a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extract {
    /// The values at this JSON pointer.
    Json(String),
    /// The text that the group of this regular expression matches.
    Regex(String),
}

/// Which number is the value, if there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Pick {
    /// The first one.
    First,
    /// The last one.
    #[default]
    Last,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// Their arithmetic mean.
    Mean,
    /// The one in the middle, or the mean of the two in the middle.
    Median,
    /// Their sum.
    Sum,
    /// How many there are.
    Count,
}

named!(Pick: First "first", Last "last", Min "min", Max "max", Mean "mean", Median "median", Sum "sum", Count "count");

/// How to combine the values of several workers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Across {
    /// Each worker has a value of its own.
    #[default]
    Each,
    /// Their sum.
    Sum,
    /// Their arithmetic mean.
    Mean,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

named!(Across: Each "each", Sum "sum", Mean "mean", Min "min", Max "max");

/// Which values of a metric are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The higher ones.
    Higher,
    /// The lower ones.
    Lower,
}

named!(Better: Higher "higher", Lower "lower");

/// A difference: a fraction of the value, or a number in the unit of the metric. It is not negative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Margin {
    /// A fraction: 0.02 is written `2%`.
    Relative(f64),
    /// A number in the unit of the metric.
    Absolute(f64),
}

impl FromStr for Margin {
    type Err = String;

    /// Parses `2%` and `2`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            let value = text.trim().parse::<f64>().ok().filter(|value| *value >= 0.0 && value.is_finite());
            value.ok_or_else(|| "it is neither a percentage such as `2%` nor a number".to_owned())
        };
        match text.trim().strip_suffix('%') {
            Some(percent) => number(percent).map(|percent| Self::Relative(percent / 100.0)),
            None => number(text).map(Self::Absolute),
        }
    }
}

impl fmt::Display for Margin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // 0.07 is not exactly 7 hundredths: without rounding, it is shown as 7.000000000000001 %.
            Self::Relative(part) => write!(out, "{}%", (part * 1e8).round() / 1e6),
            Self::Absolute(number) => write!(out, "{number}"),
        }
    }
}

/// The longest unit, in characters.
pub const LONGEST_UNIT: usize = 40;

/// Returns whether a text can be the unit of a metric: it is short and contains no control characters.
pub fn is_unit(text: &str) -> bool {
    text.chars().count() <= LONGEST_UNIT && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_margin_is_a_percentage_or_a_number() {
        for (text, margin) in [
            ("2%", Margin::Relative(0.02)),
            ("7%", Margin::Relative(0.07)),
            ("2.5%", Margin::Relative(0.025)),
            ("0.25", Margin::Absolute(0.25)),
        ] {
            assert_eq!(text.parse(), Ok(margin));
            assert_eq!(margin.to_string(), text);
        }
        for text in ["", "%", "-1%", "-1", "inf", "nan%", "two"] {
            assert_eq!(text.parse::<Margin>().unwrap_err(), "it is neither a percentage such as `2%` nor a number");
        }
    }

    #[test]
    fn a_metric_is_read_back_as_it_was_written() {
        let metric = Metric {
            name: MetricName::new("goodput").unwrap(),
            from: "client.run.iperf".to_owned(),
            source: None,
            extract: Some(Extract::Json("/end".to_owned())),
            pick: Pick::Max,
            across: Across::Sum,
            scale: 1e-6,
            unit: Some("Mbit/s".to_owned()),
            better: Some(Better::Higher),
            expect: Some("900..1000".parse().unwrap()),
            threshold: Some(Margin::Relative(0.02)),
            precision: None,
            default: Some(0.5),
            origin: Some("a:b.cfg:12".parse().unwrap()),
        };
        let text = serde_json::to_string(&metric).unwrap();
        assert_eq!(serde_json::from_str::<Metric>(&text).unwrap(), metric, "{text}");
        let plain = Metric { extract: None, scale: 1.0, ..metric };
        let text = serde_json::to_string(&plain).unwrap();
        assert_eq!(serde_json::from_str::<Metric>(&text).unwrap(), plain, "{text}");
    }
}
