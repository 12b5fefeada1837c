//! Signals as something that a poll loop can wait for.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::raw::call;

/// Delivers signals through a descriptor instead of handlers.
#[derive(Debug)]
pub struct SignalDescriptor(OwnedFd);

impl SignalDescriptor {
    /// Blocks these signals for this process and makes them readable.
    ///
    /// A hang-up that whoever started us has ignored stays so: that is what `nohup` is for. The other signals get their
    /// default disposition, since the kernel reaps the children of a process that ignores `SIGCHLD`, and tells it nothing.
    ///
    /// # Errors
    ///
    /// Says why there is no such descriptor.
    pub fn new(signals: &[i32]) -> io::Result<Self> {
        let wanted: Vec<i32> =
            signals.iter().copied().filter(|signal| *signal != libc::SIGHUP || !is_ignored(*signal)).collect();
        let set = set_of(&wanted);
        // SAFETY: `set` is initialised, and the old mask is not asked for.
        if unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        for signal in wanted {
            // SAFETY: the default disposition runs no code of ours, and the signal is blocked already.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        // SAFETY: `set` is initialised.
        let descriptor = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC) };
        if descriptor < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is new and nobody else's.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(descriptor) }))
    }

    /// The next signal that has come, if one has.
    pub fn take(&self) -> Option<i32> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::uninit();
        let size = size_of::<libc::signalfd_siginfo>();
        // SAFETY: the buffer has the size that is given.
        let count = unsafe { libc::read(self.0.as_raw_fd(), info.as_mut_ptr().cast(), size) };
        if usize::try_from(count).ok()? != size {
            return None;
        }
        // SAFETY: the kernel has filled the whole structure.
        i32::try_from(unsafe { info.assume_init() }.ssi_signo).ok()
    }
}

impl AsFd for SignalDescriptor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Ignores the signals by which the system tells of a limit that a system call also tells of, and those of a terminal that
/// does not want to be written to from the background: a file that may not grow (`SIGXFSZ`) is an error like a full disk
/// then, and a line on a terminal (`SIGTTOU`) is written. Steps get the default dispositions again.
///
/// `SIGXCPU` stays as it is: no call tells of that limit, and whoever sets it wants an end.
pub fn ignore_limits() {
    for signal in [libc::SIGXFSZ, libc::SIGTTOU] {
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Whether this process ignores a signal: also one of the two that the C library keeps to itself and does not tell of.
pub fn is_ignored(signal: i32) -> bool {
    // Longer than the kernel's `struct sigaction`, which begins with the handler.
    let mut action = [0_usize; 8];
    let arguments = [signal.unsigned_abs() as usize, 0, action.as_mut_ptr().addr(), 8, 0, 0];
    // SAFETY: the buffer is long enough, and no new disposition is given.
    unsafe { call(libc::SYS_rt_sigaction, arguments) };
    action[0] == libc::SIG_IGN
}

fn set_of(signals: &[i32]) -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: `sigemptyset` initialises the set before anything reads it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}
