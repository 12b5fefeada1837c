//! Starting a step's process: a group of its own, no terminal input, nothing inherited but what it is to have.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::pipe::{PipeFlags, pipe_with};

use super::fork::fork_in_place;
use super::{Forked, exit_now, fork, restore_defaults};

/// What a process is made of.
#[derive(Debug, Clone)]
pub struct Image {
    /// The program, looked up in `PATH` when it has no `/`.
    pub program: CString,
    /// Its arguments, its own name first.
    pub arguments: Vec<CString>,
    /// Its environment, `NAME=value` each.
    pub environment: Vec<CString>,
    /// The folder in which it starts.
    pub directory: Option<CString>,
    /// Whether nobody will read what it prints: then it prints to nowhere, so that it outlives its reader.
    pub unheard: bool,
    /// When the program is to start, in nanoseconds of `CLOCK_BOOTTIME`; at once when there is no such instant.
    pub at: Option<u64>,
}

/// A process that was made, and our ends of its pipes, none of which blocks.
#[derive(Debug)]
pub struct Spawned {
    /// Its number, which is its group's too.
    pub pid: u32,
    /// What it prints.
    pub stdout: OwnedFd,
    /// What it complains of.
    pub stderr: OwnedFd,
    /// What the child says of its own start.
    pub report: StartReport,
}

/// What a child said of its own start.
#[derive(Debug)]
pub enum Report {
    /// It has not finished starting.
    NotYet,
    /// It runs the program.
    Started {
        /// Since this reading of `CLOCK_BOOTTIME`, in nanoseconds.
        at: u64,
        /// How long the instant had passed when it was ready to start.
        late: Duration,
    },
    /// It can't run the program.
    Failed(io::Error),
    /// It can't enter the folder.
    NoDirectory(io::Error),
}

/// How much of its standard output a step can leave unread.
const PIPE: usize = 256 << 10;

const STAMP: u8 = 0;
const STAGE_DIRECTORY: u8 = 1;
const STAGE_PROGRAM: u8 = 2;

/// Makes processes.
#[derive(Debug)]
pub struct Spawner {
    null: OwnedFd,
    stack: Box<[u8]>,
}

impl Spawner {
    /// One for this process, which must have one thread.
    ///
    /// # Errors
    ///
    /// Says why there is no `/dev/null`.
    pub fn new() -> io::Result<Self> {
        /// Enough for a search of `PATH`.
        const STACK: usize = 128 << 10;
        Ok(Self { null: File::open("/dev/null")?.into(), stack: vec![0; STACK].into() })
    }

    /// Makes a process: default signals, `/dev/null` as standard input, pipes as standard output and error.
    ///
    /// # Errors
    ///
    /// Says why the kernel makes no process or no pipe.
    pub fn spawn(&mut self, image: &Image) -> io::Result<Spawned> {
        let (stdout, child_stdout) = pipe_with(PipeFlags::CLOEXEC)?;
        let (stderr, child_stderr) = pipe_with(PipeFlags::CLOEXEC)?;
        let (report, child_report) = pipe_with(PipeFlags::CLOEXEC)?;
        // A larger pipe means fewer changes between a fast step and us. It is no matter if the kernel grants none.
        let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE);
        let arguments = pointers(&image.arguments);
        let environment = pointers(&image.environment);
        let null = self.null.as_raw_fd();
        let [out, error] = if image.unheard { [null; 2] } else { [child_stdout.as_raw_fd(), child_stderr.as_raw_fd()] };
        let descriptors = [null, out, error, child_report.as_raw_fd()];
        let pid = if image.may_block() {
            match fork()? {
                Forked::Child => become_program(image, &arguments, &environment, descriptors),
                Forked::Parent(pid) => pid,
            }
        } else {
            let mut work = || become_program(image, &arguments, &environment, descriptors);
            fork_in_place(&mut self.stack, &mut work)?
        };
        // SAFETY: both the child and we put it into its group, so that it is there whoever comes first.
        unsafe { libc::setpgid(pid.cast_signed(), pid.cast_signed()) };
        for ours in [&stdout, &stderr, &report] {
            rustix::io::ioctl_fionbio(ours, true)?;
        }
        Ok(Spawned { pid, stdout, stderr, report: StartReport::new(report) })
    }
}

impl Image {
    /// Whether its start can take long: it waits for an instant, or a folder, or a program of the user's, may lie on a server that does not answer.
    /// Then nobody may wait for it.
    fn may_block(&self) -> bool {
        self.at.is_some() || self.directory.is_some() || self.program.as_bytes() != b"/bin/sh"
    }
}

/// The child's own words about its start, as far as they have come.
#[derive(Debug)]
pub struct StartReport {
    descriptor: OwnedFd,
    said: Vec<u8>,
}

impl StartReport {
    fn new(descriptor: OwnedFd) -> Self {
        Self { descriptor, said: Vec::new() }
    }

    /// Reads what has come; the exec, or the child's end, completes it. It never waits: a shell on a file server that does
    /// not answer holds up its own step only. It must not be called again after an answer other than `NotYet`.
    pub fn read(&mut self) -> Report {
        let mut bytes = [0; 32];
        loop {
            match rustix::io::read(&self.descriptor, &mut bytes) {
                Ok(0) => return self.complete(),
                Ok(count) => self.said.extend_from_slice(&bytes[..count]),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::AGAIN) => return Report::NotYet,
                Err(error) => return Report::Failed(error.into()),
            }
        }
    }

    fn complete(&self) -> Report {
        match self.said[..] {
            [STAGE_DIRECTORY, a, b, c, d] => Report::NoDirectory(errno([a, b, c, d])),
            [STAMP, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, STAGE_PROGRAM, a, b, c, d] => {
                Report::Failed(errno([a, b, c, d]))
            }
            [STAMP, ref stamp @ ..] => {
                let halves = stamp.split_first_chunk().and_then(|(at, late)| Some((at, late.first_chunk()?)));
                halves.map_or_else(
                    || Report::Failed(io::Error::other("it told half of its start")),
                    |(at, late)| Report::Started {
                        at: u64::from_ne_bytes(*at),
                        late: Duration::from_nanos(u64::from_ne_bytes(*late)),
                    },
                )
            }
            _ => Report::Failed(io::Error::other("it ended before it ran the command")),
        }
    }
}

impl AsFd for StartReport {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn errno(bytes: [u8; 4]) -> io::Error {
    io::Error::from_raw_os_error(i32::from_ne_bytes(bytes))
}

fn pointers(texts: &[CString]) -> Vec<*const libc::c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
}

/// The child's side. Nothing here allocates: everything was prepared before the fork.
fn become_program(
    image: &Image,
    arguments: &[*const libc::c_char],
    environment: &[*const libc::c_char],
    descriptors: [RawFd; 4],
) -> ! {
    /// Above the four descriptors that are put in place, so that none is overwritten before it was copied.
    const ABOVE: RawFd = 10;
    restore_defaults();
    // SAFETY: system calls on numbers and on strings that live until exec; the process has one thread and never returns.
    unsafe {
        libc::setpgid(0, 0);
        let copies = descriptors.map(|descriptor| libc::fcntl(descriptor, libc::F_DUPFD, ABOVE));
        for (number, copy) in (0..).zip(copies) {
            libc::dup2(copy, number);
        }
        libc::fcntl(3, libc::F_SETFD, libc::FD_CLOEXEC);
        libc::syscall(libc::SYS_close_range, 4u32, u32::MAX, 0u32);
        if let Some(directory) = &image.directory
            && libc::chdir(directory.as_ptr()) != 0
        {
            give_up(STAGE_DIRECTORY);
        }
        let late = image.at.map_or(0, super::clock::wait_until);
        let mut stamp = [STAMP; 17];
        stamp[1..9].copy_from_slice(&super::boot_time_nanoseconds().to_ne_bytes());
        stamp[9..].copy_from_slice(&late.to_ne_bytes());
        libc::write(3, stamp.as_ptr().cast(), stamp.len());
        execute(&image.program, arguments, environment);
        give_up(STAGE_PROGRAM)
    }
}

/// # Safety
///
/// The arrays end with a null pointer, and their strings are alive.
unsafe fn execute(program: &CStr, arguments: &[*const libc::c_char], environment: &[*const libc::c_char]) {
    // SAFETY: as this function's own contract says.
    unsafe { libc::execvpe(program.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
}

fn give_up(stage: u8) -> ! {
    let error = io::Error::last_os_error().raw_os_error().unwrap_or(0).to_ne_bytes();
    let bytes = [stage, error[0], error[1], error[2], error[3]];
    // SAFETY: the buffer has the length that is given; descriptor 3 is the report.
    unsafe { libc::write(3, bytes.as_ptr().cast(), bytes.len()) };
    exit_now(127)
}
