//! System calls that std does not have on Linux. Only this module contains `unsafe` code.
#![expect(unsafe_code, reason = "fork, exec and signals have no safe interface; each use says why it is sound")]

mod cgroup;
mod child;
mod children;
mod clock;
mod descendants;
mod descriptors;
mod fork;
mod memory;
mod passing;
mod process;
mod raw;
mod shared;
mod signals;
mod spawn;

pub use cgroup::{Cgroup, CgroupRoot};
pub use child::{Image, PrintsTo};
pub use children::{Reaped, direct_children, end_child, end_group, reap, signal_child, something_of_group};
pub use clock::{boot_time_nanoseconds, clock};
pub use descendants::{Descendant, descendants};
pub use descriptors::{DescriptorLimit, can_have_more, close_all_but_standard, input_has_ended};
pub use fork::{exit_now, fork, own_session, start_apart, start_detached};
pub use memory::{Next, give_back_memory, keep_freed_memory};
pub use passing::{receive_with, send_with};
pub use process::{PipeId, Process};
pub use shared::Shared;
pub use signals::{SignalDescriptor, ignore_limits, is_ignored};
pub use spawn::{PreparedProcess, Spawned, Spawner, Start, StartError};
