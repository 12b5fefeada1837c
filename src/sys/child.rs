//! The part of a new process that runs before exec. It may share its parent's memory, so nothing here allocates,
//! touches the state of the C library, or continues after an error.

use std::ffi::{CStr, CString};
use std::io;
use std::ops::Deref;
use std::os::fd::RawFd;
use std::rc::Rc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering, fence};

use super::clock::boot_time_nanoseconds;
use super::raw::{self, call};
use super::shared::Shared;
use crate::model::PlayerTime;

/// The program that a process executes, and its surroundings.
#[derive(Debug, Clone)]
pub struct Image {
    /// The path of the program.
    pub program: CString,
    /// Its arguments; the first one is its name.
    pub arguments: Vec<CString>,
    /// Its environment as `NAME=value` strings.
    pub environment: Vec<Rc<CStr>>,
    /// The folder in which it starts.
    pub directory: Option<CString>,
    /// The destination of its output.
    pub prints_to: PrintsTo,
}

/// The destination of a process's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintsTo {
    /// Pipes that we read.
    Pipes,
    /// `/dev/null`: nobody will read the output.
    Nowhere,
    /// Our own standard output and error.
    Inherited,
}

/// The stage at which a child reports about its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is about to execute its program. The numbers are the time and the delay, in nanoseconds.
    Start = 1,
    /// It has no room for its descriptors. In this and the other stages, the first number is that of the error.
    Descriptors,
    /// It cannot enter its folder.
    Directory,
    /// It cannot execute its program.
    Program,
}

/// Everything that a child needs until exec, in memory that does not move.
#[derive(Debug)]
pub(super) struct Blueprint {
    pub(super) image: Image,
    /// The arguments of the image, with a null pointer at the end.
    arguments: Vec<*const libc::c_char>,
    /// The environment of the image, with a null pointer at the end.
    environment: Vec<*const libc::c_char>,
    /// Standard input, output and error, and a descriptor that is closed on exec.
    descriptors: [RawFd; 4],
    /// The signals that the parent ignores, the first in the lowest bit.
    ignored: u64,
    /// When to start, and the report of the child.
    pub(super) start: StartPlace,
    /// The stack of a child that shares our memory.
    pub(super) stack: Vec<u8>,
}

impl Blueprint {
    pub(super) fn new(image: Image, descriptors: [RawFd; 4], ignored: u64) -> io::Result<Self> {
        let null = [std::ptr::null()];
        Ok(Self {
            arguments: image.arguments.iter().map(|argument| argument.as_ptr()).chain(null).collect(),
            environment: image.environment.iter().map(|variable| variable.as_ptr()).chain(null).collect(),
            image,
            descriptors,
            ignored,
            start: StartPlace::new(StartState { parent: std::process::id(), ..StartState::default() })?,
            stack: Vec::new(),
        })
    }
}

/// The place of a [`StartState`] in memory that the child shares with its parent.
#[derive(Debug)]
pub(super) enum StartPlace {
    /// On the heap, which a child that shares our memory until exec can use.
    Own(Box<StartState>),
    /// In a shared mapping, for a child with a copy of our memory.
    Shared(Shared<StartState>),
}

impl StartPlace {
    fn new(state: StartState) -> io::Result<Self> {
        Ok(if raw::IS_KNOWN { Self::Own(Box::new(state)) } else { Self::Shared(Shared::new(state)?) })
    }
}

impl Deref for StartPlace {
    type Target = StartState;

    fn deref(&self) -> &StartState {
        match self {
            Self::Own(state) => state,
            Self::Shared(state) => state,
        }
    }
}

/// When a child is to start its program, and its report about this. The child is created before the time is known.
#[derive(Debug, Default)]
pub(super) struct StartState {
    /// Zero until the time is known.
    is_given: AtomicU32,
    /// The time in nanoseconds of `CLOCK_BOOTTIME`; zero means immediately.
    at: AtomicU64,
    /// The process that sets the time.
    parent: u32,
    /// The last stage that was reported, with its numbers; zero if there is none.
    stage: AtomicU8,
    numbers: [AtomicU64; 2],
}

impl StartState {
    /// Returns the report of the child, once it has executed its program or has ended.
    pub(super) fn report(&self) -> Option<(Stage, [u64; 2])> {
        let reported = self.stage.load(Ordering::Acquire);
        let stages = [Stage::Start, Stage::Descriptors, Stage::Directory, Stage::Program];
        let stage = stages.into_iter().find(|stage| *stage as u8 == reported)?;
        Some((stage, self.numbers.each_ref().map(|number| number.load(Ordering::Relaxed))))
    }

    fn reports(&self, stage: Stage, numbers: [u64; 2]) {
        // A child that is killed in between has reported nothing, rather than the numbers of another stage.
        self.stage.store(0, Ordering::Relaxed);
        fence(Ordering::Release);
        for (place, number) in self.numbers.iter().zip(numbers) {
            place.store(number, Ordering::Relaxed);
        }
        self.stage.store(stage as u8, Ordering::Release);
    }

    /// Reports an error, and ends the child.
    fn give_up(&self, stage: Stage, answer: i64) -> ! {
        self.reports(stage, [answer.unsigned_abs(), 0]);
        end()
    }

    /// Starts the program at this time, or immediately.
    pub(super) fn give(&self, at: Option<PlayerTime>) {
        self.at.store(at.map_or(0, PlayerTime::nanoseconds), Ordering::Relaxed);
        self.is_given.store(1, Ordering::Release);
        // SAFETY: the memory is valid for as long as this runs; nothing is written.
        unsafe { call(libc::SYS_futex, [self.is_given.as_ptr().addr(), libc::FUTEX_WAKE as usize, 1, 0, 0, 0]) };
    }

    /// Waits for the start. If the parent ends meanwhile, the child ends too, because no other process can start it.
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
                // SAFETY: the memory is valid until exec; it is only read.
                unsafe {
                    call(libc::SYS_futex, [self.is_given.as_ptr().addr(), libc::FUTEX_WAIT as usize, 0, 0, 0, 0])
                };
            }
            ends_with_parent(0);
        }
        self.at.load(Ordering::Relaxed)
    }
}

/// The position of the descriptor that is closed on exec or when the child ends.
const REPORT: usize = 3;

/// Executes the program. Every pointer of the blueprint must be valid for as long as this runs.
pub(super) fn become_program(blueprint: &Blueprint) -> ! {
    restore_signals(blueprint.ignored);
    // SAFETY: system calls with numbers, and with strings that are valid until exec.
    unsafe {
        call(libc::SYS_setpgid, [0; 6]);
        arrange(blueprint);
        // Not earlier: the folder may not have existed before the start.
        let at = blueprint.start.wait();
        if let Some(directory) = &blueprint.image.directory {
            let answer = call(libc::SYS_chdir, [directory.as_ptr().addr(), 0, 0, 0, 0, 0]);
            if answer < 0 {
                blueprint.start.give_up(Stage::Directory, answer);
            }
        }
        report_start(&blueprint.start, at);
        let (arguments, environment) = (blueprint.arguments.as_ptr().addr(), blueprint.environment.as_ptr().addr());
        let program = blueprint.image.program.as_ptr().addr();
        let answer = call(libc::SYS_execve, [program, arguments, environment, 0, 0, 0]);
        blueprint.start.give_up(Stage::Program, answer)
    }
}

/// Resets every ignored signal to its default disposition and unblocks all signals. Exec resets handlers, but not
/// ignored signals.
fn restore_signals(ignored: u64) {
    /// Large enough for the kernel's `struct sigaction` on every architecture. All zeroes are the default disposition.
    const DEFAULT: [u64; 8] = [0; 8];
    const SET_SIZE: usize = 8;
    for signal in (1..=64_usize).filter(|signal| ignored >> (signal - 1) & 1 == 1) {
        // SAFETY: the buffer is as long as the structure; the default disposition runs no code of ours.
        unsafe { call(libc::SYS_rt_sigaction, [signal, DEFAULT.as_ptr().addr(), 0, SET_SIZE, 0, 0]) };
    }
    let none = [0_u64; 1];
    // SAFETY: the set has the given size.
    unsafe { call(libc::SYS_rt_sigprocmask, [libc::SIG_SETMASK as usize, none.as_ptr().addr(), 0, SET_SIZE, 0, 0]) };
}

/// Moves the descriptors to their positions, and closes all others.
///
/// # Safety
///
/// The process must have its own table of descriptors.
unsafe fn arrange(blueprint: &Blueprint) {
    /// Above the four positions, so that no descriptor is overwritten before it is copied.
    const ABOVE: usize = 10;
    // SAFETY: plain numbers; the table belongs to this process alone.
    unsafe {
        let copies = blueprint.descriptors.map(|descriptor| {
            let arguments = [descriptor.unsigned_abs() as usize, libc::F_DUPFD as usize, ABOVE, 0, 0, 0];
            let answer = call(libc::SYS_fcntl, arguments);
            usize::try_from(answer).unwrap_or_else(|_| blueprint.start.give_up(Stage::Descriptors, answer))
        });
        for (place, copy) in copies.into_iter().enumerate() {
            let flags = if place == REPORT { libc::O_CLOEXEC as usize } else { 0 };
            call(libc::SYS_dup3, [copy, place, flags, 0, 0, 0]);
        }
        call(libc::SYS_close_range, [4, u32::MAX as usize, 0, 0, 0, 0]);
    }
}

/// Waits until the start time, if there is one, and reports when this process started and how late it was ready.
fn report_start(start: &StartState, at: u64) {
    let late = if at > 0 { boot_time_nanoseconds().saturating_sub(at) } else { 0 };
    if late == 0 {
        wait_until(at);
    }
    start.reports(Stage::Start, [boot_time_nanoseconds(), late]);
}

/// Sleeps until shortly before the given time, and then reads the clock in a loop: sleeping to the end would add the
/// time that it takes to wake a processor.
fn wait_until(at: u64) {
    /// How long it may take to wake a processor, in nanoseconds.
    const AWAKE: u64 = 200_000;
    let asleep = at.saturating_sub(AWAKE);
    // The kernel's 64-bit `struct timespec`.
    let until = [asleep / 1_000_000_000, asleep % 1_000_000_000];
    let sleep = [libc::CLOCK_BOOTTIME as usize, libc::TIMER_ABSTIME as usize, until.as_ptr().addr(), 0, 0, 0];
    // SAFETY: numbers, and a structure that is only read.
    while unsafe { call(libc::SYS_clock_nanosleep, sleep) } == -i64::from(libc::EINTR) {}
    while boot_time_nanoseconds() < at {
        std::hint::spin_loop();
    }
}

fn end() -> ! {
    loop {
        // SAFETY: a number; this process does not continue.
        unsafe { call(libc::SYS_exit_group, [127, 0, 0, 0, 0, 0]) };
    }
}
