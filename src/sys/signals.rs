//! Signals that a poll loop can wait for.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::Signal;

use super::raw::call;

/// A descriptor that delivers signals instead of handlers.
#[derive(Debug)]
pub struct SignalDescriptor(OwnedFd);

impl SignalDescriptor {
    /// Blocks these signals for this process and makes them readable.
    ///
    /// If `SIGHUP` was ignored when this program started, it still is, for the sake of `nohup`. The other signals are
    /// reset to their default disposition, because the kernel reports no children to a process that ignores `SIGCHLD`.
    ///
    /// # Errors
    ///
    /// Returns an error if the kernel provides no such descriptor.
    pub fn new(signals: &[Signal]) -> io::Result<Self> {
        let signals = signals.iter().map(|signal| signal.as_raw());
        let wanted: Vec<i32> = signals.filter(|signal| *signal != libc::SIGHUP || !is_ignored(*signal)).collect();
        let mut set = MaybeUninit::uninit();
        // SAFETY: `sigemptyset` initialises the set before anything else reads it, and the old mask is not requested.
        // The default disposition runs no code of ours, and the signals are already blocked. The descriptor is new.
        unsafe {
            libc::sigemptyset(set.as_mut_ptr());
            for signal in &wanted {
                libc::sigaddset(set.as_mut_ptr(), *signal);
            }
            if libc::sigprocmask(libc::SIG_BLOCK, set.as_ptr(), std::ptr::null_mut()) != 0 {
                return Err(io::Error::last_os_error());
            }
            for signal in wanted {
                libc::signal(signal, libc::SIG_DFL);
            }
            match libc::signalfd(-1, set.as_ptr(), libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) {
                -1 => Err(io::Error::last_os_error()),
                descriptor => Ok(Self(OwnedFd::from_raw_fd(descriptor))),
            }
        }
    }

    /// Returns the next signal that has arrived, if there is one.
    pub fn take(&self) -> Option<Signal> {
        // The kernel's `struct signalfd_siginfo`, which begins with the number of the signal.
        let mut info = [[0; 4]; size_of::<libc::signalfd_siginfo>() / 4];
        let count = rustix::io::read(&self.0, info.as_flattened_mut()).ok()?;
        Signal::from_named_raw(i32::from_ne_bytes(info[0])).filter(|_| count > 0)
    }
}

impl AsFd for SignalDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Ignores signals that would stop or end the program because of its output. With this, a file that may not grow
/// (`SIGXFSZ`) is an error like a full disk, and a program in the background can write to the terminal (`SIGTTOU`).
/// Steps get the default dispositions again.
///
/// `SIGXCPU` keeps its disposition: no system call reports this limit, which is meant to end the program.
pub fn ignore_limits() {
    for signal in [libc::SIGXFSZ, libc::SIGTTOU] {
        // SAFETY: ignoring a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Whether this process ignores a signal, which may be one of the two that the C library reserves.
pub fn is_ignored(signal: i32) -> bool {
    // Longer than the kernel's `struct sigaction`, which begins with the handler.
    let mut action = [0_usize; 8];
    let arguments = [signal.unsigned_abs() as usize, 0, action.as_mut_ptr().addr(), 8, 0, 0];
    // SAFETY: the buffer is long enough, and no new disposition is set.
    unsafe { call(libc::SYS_rt_sigaction, arguments) };
    action[0] == libc::SIG_IGN
}
