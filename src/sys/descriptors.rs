//! The limit of open descriptors of this process.

use std::os::fd::{AsFd, AsRawFd};

use rustix::event::PollFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::wait::is_ready;

/// The limit with which this process was started.
#[derive(Debug, Clone, Copy)]
pub struct DescriptorLimit(Rlimit);

impl DescriptorLimit {
    /// Returns the current limit.
    pub fn of_this_process() -> Self {
        Self(getrlimit(Resource::Nofile))
    }

    /// Raises the limit as far as possible. The usual limit is 1,024, for programs that use `select`; a thousand
    /// workers need more. Returns the previous limit.
    pub fn raise() -> Self {
        let Self(limit) = Self::of_this_process();
        // If this is not allowed, an error is reported when more descriptors are needed.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        Self(limit)
    }

    /// Restores the limit, for processes that start others.
    pub fn restore(self) {
        let _ = setrlimit(Resource::Nofile, self.0);
    }
}

/// Whether this process may open `more` descriptors after `newest`, its newest one: a new descriptor gets the lowest
/// free number.
pub fn can_have_more(newest: impl AsFd, more: u64) -> bool {
    let number = u64::try_from(newest.as_fd().as_raw_fd()).unwrap_or(0);
    getrlimit(Resource::Nofile).current.is_none_or(|limit| number.saturating_add(more) < limit)
}

/// Whether the standard input of this process has ended.
pub fn input_has_ended() -> bool {
    let input = std::io::stdin();
    is_ready(&input, PollFlags::IN) && matches!(rustix::io::read(input.as_fd(), &mut [0; 64]), Ok(0) | Err(_))
}

/// Closes all descriptors that were inherited, except standard input, output and error.
pub fn close_all_but_standard() {
    // SAFETY: nothing in this process owns a descriptor yet; the caller has just started.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
}
