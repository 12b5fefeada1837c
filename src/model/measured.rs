//! A metric that was measured in a trial.

use serde::{Deserialize, Serialize};

use super::{Measurement, MetricName, Plan, WorkerId};

/// The result of measuring a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The name of the metric.
    pub metric: MetricName,
    /// The worker that the value belongs to. `None` if the value combines several workers or comes from `check`.
    pub worker: Option<WorkerId>,
    /// The unit of the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    /// The result.
    #[serde(flatten)]
    pub measurement: Measurement,
}

impl Measured {
    /// Describes how it makes this trial fail, if it does: `metric rate on client of trial 2: 902, expected == 901`.
    /// Metrics do not make warm-up trials fail. A value that is missing in a trial that had not passed before is a
    /// consequence of that.
    pub fn failure(&self, plan: &Plan, trial: u32, had_passed: bool) -> Option<String> {
        let Self { metric, worker, unit, measurement } = self;
        if plan.is_warm_up(trial) || !(had_passed || measurement.value().is_some()) {
            return None;
        }
        let expect = plan.metric(metric).and_then(|planned| planned.expect.as_ref());
        let expect = expect.filter(|_| measurement.value().is_some());
        let expected = expect.map(|expect| format!(", expected {expect}")).unwrap_or_default();
        let on = worker.map(|worker| format!(" on {}", plan.name(worker))).unwrap_or_default();
        let text = measurement.text(unit.as_deref());
        measurement.is_failure().then(|| format!("metric `{metric}`{on} of trial {trial}: {text}{expected}"))
    }
}
