//! What std lacks on Linux. The only `unsafe` code of the program is here; other platforms would follow here too.
#![expect(unsafe_code, reason = "fork, exec and signals have no safe interface; each use says why it is sound")]

mod cgroup;
mod child;
mod children;
mod clock;
mod descendants;
mod descriptors;
mod fork;
mod memory;
mod process;
mod pulse;
mod raw;
mod signals;
mod spawn;

pub use cgroup::{Cgroup, CgroupRoot};
pub use children::{Child, Reaped, direct_children, end_process, kill_group, kill_process, reap, something_of_group};
pub use clock::boot_time_nanoseconds;
pub use descendants::{Descendant, descendants};
pub use descriptors::{DescriptorLimit, can_have_more, input_has_ended};
pub use fork::{Forked, exit_now, fork, own_session, start_apart};
pub use memory::give_back_memory;
pub use process::{PipeId, Process};
pub use pulse::Pulse;
pub use signals::{SignalDescriptor, ignore_limits, is_ignored};
pub use spawn::{Image, PreparedProcess, PrintsTo, Spawned, Spawner, StartReport, When};
