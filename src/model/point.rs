//! A point of a series: the test with one value of each parameter.

use serde::{Deserialize, Serialize};

use super::{WorkerPlan, environment};

/// The position of a point in [`Plan::points`](super::Plan::points).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct PointId(pub usize);

/// A point. The default is the point of an ordinary test. Reports contain the fields that are not skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Point {
    /// The name, such as `qdisc=codel,rtt=10ms`; empty in an ordinary test.
    pub name: String,
    /// The parameters with their values, in the order of the test file.
    #[serde(with = "environment")]
    pub parameters: Vec<(String, String)>,
    /// The point with which it is compared, possibly itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<PointId>,
    /// The plan of each worker at this point, in the order of the plan's workers. Empty at the first point, whose plans
    /// are those of [`Plan::workers`](super::Plan::workers).
    #[serde(skip)]
    pub workers: Vec<WorkerPlan>,
    /// The command that judges each trial of the point, if it differs from that of the plan's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}

impl Point {
    /// Returns the value of a parameter.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    /// Returns the other parameters.
    pub fn without(&self, name: &str) -> Vec<(&str, &str)> {
        let others = self.parameters.iter().filter(|(own, _)| own != name);
        others.map(|(own, value)| (own.as_str(), value.as_str())).collect()
    }
}
