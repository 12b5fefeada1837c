//! What a new process does until it is another program. It may share its parent's memory, so that nothing here
//! allocates, touches the C library's own state, or goes on after an error.

use std::os::fd::RawFd;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use super::raw::call;

/// What a child tells first of a start that works.
pub(super) const STAMP: u8 = 0;
/// What it tells when it has no room for its descriptors.
pub(super) const STAGE_DESCRIPTORS: u8 = 3;
/// What it tells when it can't enter its folder.
pub(super) const STAGE_DIRECTORY: u8 = 1;
/// What it tells when it can't run its program.
pub(super) const STAGE_PROGRAM: u8 = 2;

/// A child that a process makes, ready to go: all that it needs, in memory that stays where it is.
#[derive(Debug)]
pub(super) struct Blueprint {
    /// The program's path, with a null byte.
    pub(super) program: *const libc::c_char,
    /// Its arguments, with a null pointer at the end.
    pub(super) arguments: Vec<*const libc::c_char>,
    /// The same of its environment.
    pub(super) environment: Vec<*const libc::c_char>,
    /// The folder to enter, or null.
    pub(super) directory: *const libc::c_char,
    /// Standard input, output and error, and where it tells of its start.
    pub(super) descriptors: [RawFd; 4],
    /// The signals that its parent ignores, the first in the lowest bit.
    pub(super) ignored: u64,
    /// When to start.
    pub(super) start: StartSignal,
}

/// When a child is to start its program. It may be made before that is known: the signal is in memory that it shares
/// with whoever made it.
#[derive(Debug)]
pub(super) struct StartSignal {
    /// Zero until the instant is known.
    is_given: AtomicU32,
    /// The instant, in nanoseconds of `CLOCK_BOOTTIME`; zero for at once.
    at: AtomicU64,
    /// Who gives it.
    parent: u32,
}

impl StartSignal {
    /// That is given from the beginning, or will be.
    pub(super) fn new(at: Option<u64>) -> Self {
        let (is_given, parent) = (AtomicU32::new(at.is_some().into()), std::process::id());
        Self { is_given, at: AtomicU64::new(at.unwrap_or(0)), parent }
    }

    /// Gives it.
    pub(super) fn give(&self, at: u64) {
        self.at.store(at, Ordering::Relaxed);
        self.is_given.store(1, Ordering::Release);
        // SAFETY: the signal is there for as long as this runs; nothing is written.
        unsafe { call(libc::SYS_futex, [self.is_given.as_ptr().addr(), WAKE, 1, 0, 0, 0]) };
    }

    /// Waits for it. A child whose parent ends meanwhile ends too, as nobody else gives the signal.
    fn wait(&self) -> u64 {
        let ends_with_parent = |signal: i32| {
            let arguments = [libc::PR_SET_PDEATHSIG as usize, signal.unsigned_abs() as usize, 0, 0, 0, 0];
            // SAFETY: numbers only.
            unsafe { call(libc::SYS_prctl, arguments) };
        };
        if self.is_given.load(Ordering::Acquire) == 0 {
            ends_with_parent(libc::SIGKILL);
            // SAFETY: no arguments.
            if unsafe { call(libc::SYS_getppid, [0; 6]) } != i64::from(self.parent) {
                end();
            }
            while self.is_given.load(Ordering::Acquire) == 0 {
                // SAFETY: the signal is there until the child is another program; it is only read.
                unsafe { call(libc::SYS_futex, [self.is_given.as_ptr().addr(), WAIT, 0, 0, 0, 0]) };
            }
            ends_with_parent(0);
        }
        self.at.load(Ordering::Relaxed)
    }
}

const WAIT: usize = (libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG) as usize;
const WAKE: usize = (libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG) as usize;

/// The descriptor on which it tells of its start, once all are in their places.
const TOLD: usize = 3;

/// Becomes the program. Every pointer of the blueprint is good for as long as this runs.
pub(super) fn become_program(blueprint: &Blueprint) -> ! {
    restore_signals(blueprint.ignored);
    // SAFETY: system calls on numbers, and on strings that are there until exec.
    unsafe {
        call(libc::SYS_setpgid, [0; 6]);
        arrange(blueprint.descriptors);
        // Only then is it looked what is there: whoever gives the signal may have waited for just that folder.
        let at = blueprint.start.wait();
        if !blueprint.directory.is_null() {
            let answer = call(libc::SYS_chdir, [blueprint.directory.addr(), 0, 0, 0, 0, 0]);
            if answer < 0 {
                give_up(TOLD, STAGE_DIRECTORY, answer);
            }
        }
        tell_of_start(at);
        let answer = call(
            libc::SYS_execve,
            [
                blueprint.program.addr(),
                blueprint.arguments.as_ptr().addr(),
                blueprint.environment.as_ptr().addr(),
                0,
                0,
                0,
            ],
        );
        give_up(TOLD, STAGE_PROGRAM, answer)
    }
}

/// Gives every signal its default disposition and blocks none. What has a handler is reset by exec; only what is ignored
/// would stay so.
fn restore_signals(ignored: u64) {
    /// The kernel's `struct sigaction` of every architecture fits in, and all zeroes are the default disposition.
    const DEFAULT: [u64; 8] = [0; 8];
    const SET_SIZE: usize = 8;
    for signal in (1..=64_usize).filter(|signal| ignored >> (signal - 1) & 1 == 1) {
        // SAFETY: the buffer is as long as the structure; the default disposition runs no code of ours.
        unsafe { call(libc::SYS_rt_sigaction, [signal, DEFAULT.as_ptr().addr(), 0, SET_SIZE, 0, 0]) };
    }
    let none = [0_u64; 1];
    // SAFETY: the set is as long as it says.
    unsafe { call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, none.as_ptr().addr(), 0, SET_SIZE, 0, 0]) };
}

/// Puts the descriptors in their places, and closes all others.
///
/// # Safety
///
/// The process must have a table of descriptors of its own.
unsafe fn arrange(descriptors: [RawFd; 4]) {
    /// Above the four places, so that none is overwritten before it was copied.
    const ABOVE: usize = 10;
    // SAFETY: plain numbers; the table is this process's own.
    unsafe {
        let copies = descriptors.map(|descriptor| {
            let arguments = [descriptor.unsigned_abs() as usize, libc::F_DUPFD as usize, ABOVE, 0, 0, 0];
            let answer = call(libc::SYS_fcntl, arguments);
            usize::try_from(answer)
                .unwrap_or_else(|_| give_up(descriptors[TOLD].unsigned_abs() as usize, STAGE_DESCRIPTORS, answer))
        });
        for (place, copy) in copies.into_iter().enumerate() {
            let flags = if place == TOLD { libc::O_CLOEXEC as usize } else { 0 };
            call(libc::SYS_dup3, [copy, place, flags, 0, 0, 0]);
        }
        call(libc::SYS_close_range, [4, u32::MAX as usize, 0, 0, 0, 0]);
    }
}

/// Waits for the instant, if there is one, and tells when this process started and how much too late it was ready.
///
/// # Safety
///
/// Descriptor 3 must be the one to tell.
unsafe fn tell_of_start(at: u64) {
    let mut late = 0;
    if at > 0 {
        let now = super::boot_time_nanoseconds();
        late = now.saturating_sub(at);
        if late == 0 {
            wait_until(at);
        }
    }
    let mut stamp = [STAMP; 17];
    stamp[1..9].copy_from_slice(&super::boot_time_nanoseconds().to_ne_bytes());
    stamp[9..].copy_from_slice(&late.to_ne_bytes());
    // SAFETY: the buffer has the length that is given.
    unsafe { call(libc::SYS_write, [TOLD, stamp.as_ptr().addr(), stamp.len(), 0, 0, 0]) };
}

/// Sleeps until shortly before the instant, and looks at the clock for the rest: whoever sleeps to the end is late by what
/// it takes to wake a processor.
fn wait_until(at: u64) {
    /// As long as it may take to wake one.
    const AWAKE: u64 = 200_000;
    let asleep = at.saturating_sub(AWAKE);
    // The kernel's `struct timespec` of 64 bits.
    let until = [asleep / 1_000_000_000, asleep % 1_000_000_000];
    let sleep = [libc::CLOCK_BOOTTIME as usize, libc::TIMER_ABSTIME as usize, until.as_ptr().addr(), 0, 0, 0];
    // SAFETY: numbers, and a structure that is only read.
    while unsafe { call(libc::SYS_clock_nanosleep, sleep) } == -i64::from(libc::EINTR) {}
    while super::boot_time_nanoseconds() < at {
        std::hint::spin_loop();
    }
}

fn give_up(told: usize, stage: u8, answer: i64) -> ! {
    let error = i32::try_from(-answer).unwrap_or(libc::EIO).to_ne_bytes();
    let bytes = [stage, error[0], error[1], error[2], error[3]];
    // SAFETY: the buffer has the length that is given.
    unsafe { call(libc::SYS_write, [told, bytes.as_ptr().addr(), bytes.len(), 0, 0, 0]) };
    end()
}

fn end() -> ! {
    loop {
        // SAFETY: a number; nothing of this process goes on.
        unsafe { call(libc::SYS_exit_group, [127, 0, 0, 0, 0, 0]) };
    }
}
