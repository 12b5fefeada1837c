//! The names of the sections of test files and worker files.

/// The settings of a test.
pub(super) const TEST: &str = "Test";
/// The workers of a test, each with its file.
pub(super) const WORKERS: &str = "Workers";
/// The parameters of a series, in a test file.
pub(super) const PARAMETERS: &str = "Parameters";
/// The order of a series, in a test file.
pub(super) const SERIES: &str = "Series";
/// Another name for [`WORKERS`].
pub(super) const CLIENTS: &str = "Clients";
/// The address of a worker's player, in a worker file.
pub(super) const COORDINATOR: &str = "Coordinator";
/// Environment variables of the steps, in both kinds of file.
pub(super) const ENVIRONMENT: &str = "Environment";

/// The first word of the sections of metrics, in a test file: `[Metric NAME]`.
pub(super) const METRIC: &str = "Metric";

/// The sections of a test file.
pub(super) const TEST_FILE: [&str; 3] = [TEST, ENVIRONMENT, WORKERS];
/// The sections that only a worker file has.
pub(super) const WORKER_FILE_ONLY: [&str; 5] = [COORDINATOR, "Startup", "Run", "Collect", "Reset"];
/// The sections of a worker file.
pub(super) const WORKER_FILE: [&str; 6] = [COORDINATOR, ENVIRONMENT, "Startup", "Run", "Collect", "Reset"];
