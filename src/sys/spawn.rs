//! Starting the process of a step or a check: a group of its own, no terminal input, nothing inherited but what it is to
//! have.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::wait::Wait;

use super::child::{Blueprint, STAGE_DESCRIPTORS, STAGE_DIRECTORY, STAGE_PROGRAM, STAMP, StartSignal};
use super::children::{Child, kill_process};
use super::fork::fork_beside;
use super::raw;
use super::signals::is_ignored;

/// What a process is made of.
#[derive(Debug, Clone)]
pub struct Image {
    /// The path of the program.
    pub program: CString,
    /// Its arguments, its own name first.
    pub arguments: Vec<CString>,
    /// Its environment, `NAME=value` each.
    pub environment: Vec<Rc<CStr>>,
    /// The folder in which it starts.
    pub directory: Option<CString>,
    /// Where it prints.
    pub prints_to: PrintsTo,
}

/// Where a process prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrintsTo {
    /// To pipes that we read.
    Pipes,
    /// To nowhere: nobody will read it, and it outlives its reader.
    Nowhere,
    /// To our own standard output and error, which whoever started us reads.
    Inherited,
}

/// When a program is to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At once.
    Now,
    /// At this instant, in nanoseconds of `CLOCK_BOOTTIME`.
    At(u64),
}

impl When {
    /// At this instant if there is one.
    pub fn at(instant: Option<u64>) -> Self {
        instant.map_or(Self::Now, Self::At)
    }

    /// As a child is told: zero for at once.
    fn instant(self) -> u64 {
        match self {
            Self::Now => 0,
            Self::At(instant) => instant,
        }
    }
}

/// A process that was made, and our ends of its pipes, none of which blocks.
#[derive(Debug)]
pub struct Spawned {
    /// Its number, which is its group's too.
    pub pid: u32,
    /// Whether it began in the control group that it was to begin in.
    pub in_cgroup: bool,
    /// What it prints.
    pub stdout: OwnedFd,
    /// What it complains of.
    pub stderr: OwnedFd,
    /// What the child says of its own start.
    pub report: PreparedProcess,
}

/// What a child said of its own start.
#[derive(Debug)]
pub enum StartReport {
    /// It has not finished starting.
    NotYet,
    /// It runs the program.
    Started {
        /// Since this reading of `CLOCK_BOOTTIME`, in nanoseconds.
        at: u64,
        /// How long the instant had passed when it was ready to start.
        late: Duration,
    },
    /// It can't enter this folder.
    NoDirectory(CString, io::Error),
    /// It can't run this program.
    NoProgram(CString, io::Error),
    /// It came to nothing else.
    Failed(io::Error),
}

/// How much of its standard output a step can leave unread.
const PIPE: usize = 256 << 10;

/// Makes processes.
#[derive(Debug)]
pub struct Spawner {
    null: OwnedFd,
    /// The signals that we ignore, the first in the lowest bit.
    ignored: u64,
}

impl Spawner {
    /// Whether a process can be made here before it is known when its program is to start.
    pub const CAN_WAIT: bool = raw::IS_KNOWN;

    /// One for this process, which must have one thread.
    ///
    /// # Errors
    ///
    /// Says why there is no `/dev/null`.
    pub fn new() -> io::Result<Self> {
        let ignored = (1..=64).filter(|signal| is_ignored(*signal)).fold(0, |set, signal| set | 1 << (signal - 1));
        Ok(Self { null: File::open("/dev/null")?.into(), ignored })
    }

    /// Makes a process: default signals, `/dev/null` as standard input, pipes as standard output and error.
    ///
    /// It shares our memory until it is another program, which saves the copy of that; nothing waits for it meanwhile.
    /// It begins in a control group when there is one, and the kernel lets it. Without a `when` it waits until that is said
    /// to its [`PreparedProcess`]; that works only where [`Self::CAN_WAIT`].
    ///
    /// # Errors
    ///
    /// Says why the kernel makes no process or no pipe.
    pub fn spawn(&mut self, image: Image, when: Option<When>, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Spawned> {
        let (stdout, child_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stderr, child_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
        let (report, child_report) = pipe_with(PipeFlags::CLOEXEC)?;
        // A larger pipe means fewer changes between a fast step and us. It is no matter if the kernel grants none.
        let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE);
        let null = self.null.as_raw_fd();
        let [out, error] = match image.prints_to {
            PrintsTo::Pipes => [child_stdout.as_raw_fd(), child_stderr.as_raw_fd()],
            PrintsTo::Nowhere => [null; 2],
            PrintsTo::Inherited => [libc::STDOUT_FILENO, libc::STDERR_FILENO],
        };
        let descriptors = [null, out, error, child_report.as_raw_fd()];
        let mut birth = Birth::new(image, when, descriptors, self.ignored);
        let (pid, in_cgroup) = birth.begin(cgroup)?;
        // SAFETY: both the child and we put it into its group, so that it is there whoever comes first.
        unsafe { libc::setpgid(pid.cast_signed(), pid.cast_signed()) };
        for ours in [&stdout, &stderr, &report] {
            rustix::io::ioctl_fionbio(ours, true)?;
        }
        Ok(Spawned { pid, stdout, stderr, in_cgroup, report: PreparedProcess::new(report, birth) })
    }
}

/// What a child needs until it is another program. It stays where it is until then, however long that takes.
#[derive(Debug)]
struct Birth {
    parts: ManuallyDrop<Box<Parts>>,
    /// Whether the child needs it no more, or never was.
    over: bool,
}

#[derive(Debug)]
struct Parts {
    /// The blueprint points to what is in the image.
    blueprint: Blueprint,
    image: Image,
    stack: Vec<u8>,
}

impl Birth {
    fn new(image: Image, when: Option<When>, descriptors: [RawFd; 4], ignored: u64) -> Self {
        let null = [std::ptr::null()];
        let blueprint = Blueprint {
            program: image.program.as_ptr(),
            arguments: image.arguments.iter().map(|argument| argument.as_ptr()).chain(null).collect(),
            environment: image.environment.iter().map(|variable| variable.as_ptr()).chain(null).collect(),
            directory: image.directory.as_ref().map_or(std::ptr::null(), |directory| directory.as_ptr()),
            descriptors,
            ignored,
            start: StartSignal::new(when.map(When::instant)),
        };
        let parts = Parts { blueprint, image, stack: Vec::new() };
        Self { parts: ManuallyDrop::new(Box::new(parts)), over: true }
    }

    fn begin(&mut self, cgroup: Option<BorrowedFd<'_>>) -> io::Result<(u32, bool)> {
        let Parts { blueprint, stack, .. } = &mut **self.parts;
        let begun = fork_beside(stack, blueprint, cgroup)?;
        self.over = false;
        Ok(begun)
    }
}

impl Drop for Birth {
    fn drop(&mut self) {
        // A child that hangs on its way, on a file server for one, still uses it: it is left where it is.
        if self.over {
            // SAFETY: it is dropped once, here, and nobody uses it any more.
            unsafe { ManuallyDrop::drop(&mut self.parts) };
        }
    }
}

/// A process that has not come to its program yet, and what it tells of its start.
#[derive(Debug)]
pub struct PreparedProcess {
    descriptor: OwnedFd,
    said: Vec<u8>,
    birth: Birth,
}

impl PreparedProcess {
    fn new(descriptor: OwnedFd, birth: Birth) -> Self {
        Self { descriptor, said: Vec::new(), birth }
    }

    /// Says when the program is to start, for one that waits for that.
    pub fn start(&self, when: When) {
        self.birth.parts.blueprint.start.give(when.instant());
    }

    /// Ends one that waits for that, before it was said.
    pub fn cancel(&mut self, pid: u32) {
        if !self.is_on_its_way() {
            // It was ended by somebody else, and perhaps reaped: its number may be another's by now.
            return;
        }
        let _ = kill_process(Child(pid), libc::SIGKILL);
        // Much more than it takes: nothing that it is at can hold it up.
        let _ = Wait::PreparedEnd.poll(&mut [PollFd::new(&self.descriptor, PollFlags::IN)], None);
        if !self.is_on_its_way() {
            // It has closed what it had open, and waits for nothing any more but this.
            // SAFETY: no status is asked for.
            unsafe { libc::waitpid(pid.cast_signed(), std::ptr::null_mut(), 0) };
        }
    }

    /// Whether it has not come to its program or its end yet.
    pub fn is_on_its_way(&mut self) -> bool {
        matches!(self.read(), StartReport::NotYet)
    }

    /// Reads what has come; the exec, or the child's end, completes it. It never waits: a shell on a file server that does
    /// not answer holds up its own step only. It must not be called again after an answer other than `NotYet`.
    pub fn read(&mut self) -> StartReport {
        let mut bytes = [0; 32];
        loop {
            match rustix::io::read(&self.descriptor, &mut bytes) {
                Ok(0) => {
                    // Only the child had the other end: it is another program now, or none.
                    self.birth.over = true;
                    return self.complete();
                }
                Ok(count) => self.said.extend_from_slice(&bytes[..count]),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return StartReport::NotYet,
                Err(error) => return StartReport::Failed(error.into()),
            }
        }
    }

    fn complete(&self) -> StartReport {
        let image = &self.birth.parts.image;
        match self.said[..] {
            [STAGE_DESCRIPTORS, a, b, c, d] => StartReport::Failed(errno([a, b, c, d])),
            [STAGE_DIRECTORY, a, b, c, d] => {
                StartReport::NoDirectory(image.directory.clone().unwrap_or_default(), errno([a, b, c, d]))
            }
            [STAMP, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, STAGE_PROGRAM, a, b, c, d] => {
                StartReport::NoProgram(image.program.clone(), errno([a, b, c, d]))
            }
            [STAMP, ref stamp @ ..] => {
                let halves = stamp.split_first_chunk().and_then(|(at, late)| Some((at, late.first_chunk()?)));
                halves.map_or_else(
                    || StartReport::Failed(io::Error::other("it told half of its start")),
                    |(at, late)| StartReport::Started {
                        at: u64::from_ne_bytes(*at),
                        late: Duration::from_nanos(u64::from_ne_bytes(*late)),
                    },
                )
            }
            _ => StartReport::Failed(io::Error::other("it ended before it ran the command")),
        }
    }
}

impl AsFd for PreparedProcess {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn errno(bytes: [u8; 4]) -> io::Error {
    io::Error::from_raw_os_error(i32::from_ne_bytes(bytes))
}
