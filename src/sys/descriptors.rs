//! How many descriptors this process may have.

use std::os::fd::{AsFd, AsRawFd};

use rustix::event::PollFlags;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::wait::is_ready;

/// The limit as whoever started us has set it.
#[derive(Debug, Clone, Copy)]
pub struct DescriptorLimit(Rlimit);

impl DescriptorLimit {
    /// The limit as it is.
    pub fn of_this_process() -> Self {
        Self(getrlimit(Resource::Nofile))
    }

    /// Raises the limit as far as we may. The usual one is 1,024, for the sake of programs that use `select`; a thousand
    /// workers need more.
    pub fn raise() -> Self {
        let Self(limit) = Self::of_this_process();
        // Whoever may not have more finds out when it is needed, and says so then.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
        Self(limit)
    }

    /// Sets it back: for processes that start others.
    pub fn restore(self) {
        let _ = setrlimit(Resource::Nofile, self.0);
    }
}

/// Whether this process may have so many descriptors more than this one, which is its newest: new ones get the least
/// number that is free.
pub fn can_have_more(newest: impl AsFd, more: u64) -> bool {
    let number = u64::try_from(newest.as_fd().as_raw_fd()).unwrap_or(0);
    getrlimit(Resource::Nofile).current.is_none_or(|limit| number.saturating_add(more) < limit)
}

/// Whether this process's standard input has come to its end.
pub fn input_has_ended() -> bool {
    let input = std::io::stdin();
    is_ready(&input, PollFlags::IN) && matches!(rustix::io::read(input.as_fd(), &mut [0; 64]), Ok(0) | Err(_))
}

/// Closes every descriptor but standard input, output and error: those that another program left open.
pub fn close_all_but_standard() {
    // SAFETY: nothing in this process owns a descriptor yet; the caller has just begun.
    unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) };
}
