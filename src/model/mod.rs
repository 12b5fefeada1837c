//! Plain values that every part speaks in: names, phases, steps, the plan, outcomes and events.
//!
//! Nothing here does anything: no file, socket, clock or thread, and nothing of ours is imported. The parts of the
//! program know each other only through these types.

mod attention;
mod barrier;
mod blame;
mod definition;
mod display_width;
pub(crate) mod environment;
mod event;
mod expectation;
mod fetched;
mod file_line;
mod file_pattern;
mod format;
mod harmless;
mod hex;
mod hint;
mod line_pattern;
mod measurement;
mod metric;
mod name;
mod named;
mod names;
mod network;
mod object;
mod os_error;
mod outcome;
mod output;
mod phase;
mod plan;
mod player;
mod point;
mod printer;
mod process;
mod recorded_result;
mod precision;
mod schedule;
mod signal;
mod start;
mod step;
mod step_id;
pub(crate) mod text;
mod time;
mod transport;
mod trial_started;
mod verdict;
mod version;
mod worker_plan;
mod workflow_command;

pub use attention::Attention;
pub use barrier::BarrierResult;
pub use blame::{Absence, BarrierFailure, Blame};
pub use definition::{Definition, Definitions, Origin};
pub use display_width::{beginning_within, display_width, padded};
pub use event::{Event, Reporter, Stamped};
pub use expectation::Expectation;
pub use fetched::{FetchedFile, FetchedFiles};
pub use file_line::FileLine;
pub use file_pattern::{FilePattern, PatternComponent, in_scratch};
pub use format::{ComparisonFormat, Format};
pub use harmless::{harmless, is_harmful, on_one_line};
pub use hex::hex;
pub use hint::Hint;
pub use line_pattern::LinePattern;
pub use measurement::{Measurement, shown_number};
pub use metric::{Across, Better, Extract, LONGEST_UNIT, Margin, Metric, Pick, PlannedStep, Source, is_unit};
pub use name::{LONGEST_NAME, MetricName, NameError, RunId, StepLabel, WorkerName, variable};
pub(crate) use named::named;
pub use names::Names;
pub use network::{Network, is_loopback, is_loopback_host};
pub(crate) use object::object;
pub use os_error::{is_timeout, words};
pub use outcome::{Attempt, Ending, Forced, Outcome, StepResult};
pub use output::{Output, OutputSource, Stream, Unkept};
pub use phase::{PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE, Phase, PhaseMap};
pub use plan::{
    LARGEST_PLAN, LONGEST_LEASE, LONGEST_PATH, MOST_STEPS, MOST_VARIABLES, OnFailure, OnInterrupt, Plan, RunSettings,
};
pub use player::{PlayerDescription, PlayerEntry};
pub use point::{Point, PointId};
pub use precision::{FEWEST_FOR_PRECISION, Imprecise, PrecisionJudgement};
pub use printer::Printer;
pub use process::Process;
pub use schedule::{Order, Rounds, Schedule, Slot};
pub use signal::signal_name;
pub use start::{Start, StartSkew};
pub use step::{Action, Bound, Gate, Mode, SCRATCH_VARIABLE, Step, Until};
pub use step_id::{PhaseId, StepId, StepReference, WorkerId};
pub(crate) use time::in_seconds;
pub use time::{ClockAnchor, ConductorTime, Nanoseconds, PlayerTime, Reading, nanoseconds};
pub use transport::{Transport, TransportError, TransportSettings};
pub use verdict::{
    Conclusion, FAILED, INCOMPLETE, NOT_CARRIED_OUT, PASSED, Reason, USAGE, Verdict, interrupted_by,
};
pub use version::{MOST_VERSIONS, PrintedVersion};
pub use worker_plan::{Destination, PlayerAddress, WorkerPlan};
pub use workflow_command::WorkflowCommand;
