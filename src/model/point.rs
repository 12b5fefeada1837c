//! A point of a series: the test with one value of each parameter.

use super::WorkerPlan;

/// A point's place in [`Plan::points`](super::Plan::points).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PointId(pub usize);

/// The test with one value of each parameter. The default is that of an ordinary test.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Point {
    /// As `qdisc=codel,rtt=10ms`; empty in an ordinary test.
    pub name: String,
    /// The parameters with their values, in the order of the test file.
    pub parameters: Vec<(String, String)>,
    /// The point with which it is compared; that can be itself.
    pub baseline: Option<PointId>,
    /// What each worker does here, in the order of the plan's workers. The plan's workers themselves have what they do at
    /// the first point, which has none here.
    pub workers: Vec<WorkerPlan>,
    /// The command that judges each trial of the point, if it is not that of the plan's settings.
    pub check: Option<String>,
}
