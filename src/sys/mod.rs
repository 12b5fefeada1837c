//! What std lacks on Linux. The only `unsafe` code of the program is here; other platforms would follow here too.
#![expect(unsafe_code, reason = "fork, exec and signals have no safe interface; each use says why it is sound")]

mod child;
mod children;
mod clock;
mod fork;
mod raw;
mod signals;
mod spawn;

pub use children::{Child, Reaped, command_line, direct_children, kill_group, kill_process, reap, something_of_group};
pub use clock::boot_time_nanoseconds;
pub use fork::{Forked, exit_now, fork, own_session};
pub use signals::{SignalDescriptor, is_ignored};
pub use spawn::{Image, Report, Spawned, Spawner, StartReport};
