//! Starts the process of a step or a check in its own group, without terminal input, and with no inherited descriptors
//! except those that it needs.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Signal;

use super::child::{Blueprint, Image, PrintsTo, Stage};
use super::children::signal_child;
use super::fork::fork_beside;
use super::signals::is_ignored;
use crate::model::PlayerTime;
use crate::wait::Wait;

/// A new process, and our non-blocking ends of its pipes.
#[derive(Debug)]
pub struct Spawned {
    /// Its process ID, which is also the ID of its group.
    pub pid: u32,
    /// Whether it started in the requested control group.
    pub in_cgroup: bool,
    /// Its standard output.
    pub stdout: OwnedFd,
    /// Its standard error.
    pub stderr: OwnedFd,
    /// Its report about its start.
    pub report: PreparedProcess,
}

/// The start of a program.
#[derive(Debug)]
pub struct Start {
    /// The time of the start.
    pub at: PlayerTime,
    /// How long after the requested time the process was ready.
    pub late: Duration,
}

/// The reason why a program was not started.
#[derive(Debug)]
pub enum StartError {
    /// The process cannot enter this folder.
    Directory(CString, io::Error),
    /// The process cannot execute this program.
    Program(CString, io::Error),
    /// The process could not be created or prepared.
    Process(io::Error),
}

/// The size of a step's standard output pipe, in bytes: how much a step can print before it is read.
const PIPE: usize = 256 << 10;

/// Creates processes.
#[derive(Debug)]
pub struct Spawner {
    null: OwnedFd,
    /// The signals that we ignore, the first in the lowest bit.
    ignored: u64,
}

impl Spawner {
    /// Creates a spawner for this process, which must have only one thread.
    ///
    /// # Errors
    ///
    /// Returns an error if `/dev/null` cannot be opened.
    pub fn new() -> io::Result<Self> {
        let ignored = (1..=64).filter(|signal| is_ignored(*signal)).fold(0, |set, signal| set | 1 << (signal - 1));
        Ok(Self { null: File::open("/dev/null")?.into(), ignored })
    }

    /// Creates a process with default signals, `/dev/null` as standard input, and pipes as standard output and error.
    ///
    /// It shares our memory until exec, which saves copying; we do not wait for exec. It starts in the control group if
    /// one is given and the kernel supports this, and waits for [`PreparedProcess::start`].
    ///
    /// # Errors
    ///
    /// Returns an error if the kernel creates no process, pipe or shared memory.
    pub fn spawn(&mut self, image: Image, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Spawned> {
        let (stdout, child_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stderr, child_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
        let (report, child_report) = pipe_with(PipeFlags::CLOEXEC)?;
        // A larger pipe makes the scheduler switch less often between a fast step and us. A failure does not matter.
        let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE);
        let null = self.null.as_raw_fd();
        let [out, error] = match image.prints_to {
            PrintsTo::Pipes => [child_stdout.as_raw_fd(), child_stderr.as_raw_fd()],
            PrintsTo::Nowhere => [null; 2],
            PrintsTo::Inherited => [libc::STDOUT_FILENO, libc::STDERR_FILENO],
        };
        let descriptors = [null, out, error, child_report.as_raw_fd()];
        let mut blueprint = Box::new(Blueprint::new(image, descriptors, self.ignored)?);
        let (pid, in_cgroup) = fork_beside(&mut blueprint, cgroup)?;
        let blueprint = ManuallyDrop::new(blueprint);
        // SAFETY: both the child and we move it to its group, so that the group exists whichever is first.
        unsafe { libc::setpgid(pid.cast_signed(), pid.cast_signed()) };
        let report = PreparedProcess { pid, descriptor: report, blueprint, is_over: false };
        for ours in [&stdout, &stderr, &report.descriptor] {
            rustix::io::ioctl_fionbio(ours, true)?;
        }
        Ok(Spawned { pid, in_cgroup, stdout, stderr, report })
    }
}

/// A process that has not executed its program yet, and its report about this.
#[derive(Debug)]
pub struct PreparedProcess {
    pid: u32,
    /// Reaches its end when the process has executed its program or has ended: only the process has the other end.
    descriptor: OwnedFd,
    /// The child uses it until it has executed its program or has ended.
    blueprint: ManuallyDrop<Box<Blueprint>>,
    is_over: bool,
}

impl PreparedProcess {
    /// Starts the program at this time, or immediately.
    pub fn start(&self, at: Option<PlayerTime>) {
        self.blueprint.start.give(at);
    }

    /// Ends a process that is waiting to be started.
    pub fn cancel(&mut self) {
        if !self.is_preparing() {
            // Somebody else ended it, and it may have been reaped: its ID may belong to another process by now.
            return;
        }
        signal_child(self.pid, Signal::KILL);
        // Nothing that the process does can delay its end for as long as this limit.
        let _ = Wait::PreparedEnd.poll(&mut [PollFd::new(&self.descriptor, PollFlags::IN)], None);
        if !self.is_preparing() {
            // It has closed its descriptors, so it only has to be reaped.
            // SAFETY: no status is requested.
            unsafe { libc::waitpid(self.pid.cast_signed(), std::ptr::null_mut(), 0) };
        }
    }

    /// Whether it has neither executed its program nor ended yet.
    pub fn is_preparing(&mut self) -> bool {
        self.read().is_none()
    }

    /// Returns the result of the start, once it is known. This never blocks: a shell on a file server that does not
    /// answer only delays its own step. It must not be called again after it has returned a result.
    pub fn read(&mut self) -> Option<Result<Start, StartError>> {
        match rustix::io::retry_on_intr(|| rustix::io::read(&self.descriptor, &mut [0])) {
            Ok(_) => {
                self.is_over = true;
                Some(self.result())
            }
            Err(rustix::io::Errno::AGAIN) => None,
            Err(error) => Some(Err(StartError::Process(error.into()))),
        }
    }

    fn result(&self) -> Result<Start, StartError> {
        let Some((stage, [first, second])) = self.blueprint.start.report() else {
            return Err(StartError::Process(io::Error::other("it ended before it ran the command")));
        };
        let image = &self.blueprint.image;
        let error = || io::Error::from_raw_os_error(i32::try_from(first).unwrap_or(libc::EIO));
        match stage {
            Stage::Start => Ok(Start { at: PlayerTime::from_nanoseconds(first), late: Duration::from_nanos(second) }),
            Stage::Descriptors => Err(StartError::Process(error())),
            Stage::Directory => Err(StartError::Directory(image.directory.clone().unwrap_or_default(), error())),
            Stage::Program => Err(StartError::Program(image.program.clone(), error())),
        }
    }
}

impl AsFd for PreparedProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for PreparedProcess {
    fn drop(&mut self) {
        // A child that hangs before exec, for example on a file server, still uses the blueprint; in that case, it is
        // leaked.
        if self.is_over {
            // SAFETY: it is dropped only once, here, and is no longer in use.
            unsafe { ManuallyDrop::drop(&mut self.blueprint) };
        }
    }
}
