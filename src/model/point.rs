//! A point of a series: the test with one value of each parameter.

use serde::{Deserialize, Serialize};

use super::{WorkerPlan, environment};

/// A point's place in [`Plan::points`](super::Plan::points).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct PointId(pub usize);

/// The test with one value of each parameter. The default is that of an ordinary test. Reports have what is not skipped.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Point {
    /// As `qdisc=codel,rtt=10ms`; empty in an ordinary test.
    pub name: String,
    /// The parameters with their values, in the order of the test file.
    #[serde(with = "environment")]
    pub parameters: Vec<(String, String)>,
    /// The point with which it is compared; that can be itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<PointId>,
    /// What each worker does here, in the order of the plan's workers. The plan's workers themselves have what they do at
    /// the first point, which has none here.
    #[serde(skip)]
    pub workers: Vec<WorkerPlan>,
    /// The command that judges each trial of the point, if it is not that of the plan's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<String>,
}
