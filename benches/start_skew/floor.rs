//! The floor: as many shells, forked by one parent and exec'ed at one instant.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::null_mut;
use std::time::Duration;

use super::stamp;

/// Shells that can be started together.
pub struct Floor {
    arguments: Vec<CString>,
    /// Each shell's environment.
    environments: Vec<Vec<CString>>,
    /// When each was about to become the shell: memory that the children share with us.
    before: *mut i128,
}

/// What came of a start: the shells' own stamps, and how much later than right before its exec the slowest stamped.
pub struct Started {
    pub stamps: Vec<i128>,
    pub slowest: i128,
}

impl Floor {
    /// Of so many shells that run this command.
    pub fn new(count: usize, command: &str) -> Self {
        let text = |bytes: &[u8]| CString::new(bytes).expect("no null byte");
        let inherited = std::env::vars_os().map(|(name, value)| [name.as_bytes(), b"=", value.as_bytes()].concat());
        let inherited: Vec<_> = inherited.collect();
        let environment = |index| {
            let own = stamp::environment(index).map(String::into_bytes);
            inherited.iter().chain(&own).map(|variable| text(variable)).collect()
        };
        let (length, sharing) = (count * size_of::<i128>(), libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: new memory, of nobody else.
        let before = unsafe { libc::mmap(null_mut(), length, libc::PROT_READ | libc::PROT_WRITE, sharing, -1, 0) };
        assert_ne!(before, libc::MAP_FAILED, "there is memory");
        Self {
            arguments: ["/bin/sh", "-c", command].map(|argument| text(argument.as_bytes())).to_vec(),
            environments: (0..count).map(environment).collect(),
            before: before.cast(),
        }
    }

    /// Starts all of them at one instant, and waits for their ends.
    pub fn start(&self, log: &Path) -> Started {
        /// More than it takes to fork one.
        const EACH: Duration = Duration::from_millis(1);
        let _ = std::fs::remove_file(log);
        let ahead = 5 * EACH + EACH * u32::try_from(self.environments.len()).expect("a few");
        let instant = stamp::now() + i128::try_from(ahead.as_nanos()).expect("a while");
        let pids: Vec<_> = (0..self.environments.len()).map(|index| self.fork(index, instant)).collect();
        let in_time = stamp::now() < instant;
        for pid in pids {
            let mut status = 0;
            // SAFETY: the pointer is to a live integer.
            let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
            assert_eq!((waited, status), (pid, 0), "a shell ends well");
        }
        if !in_time {
            return self.start(log);
        }
        let read = stamp::read(log);
        // SAFETY: the memory has room for so many, and nobody writes there any more.
        let before = |index| unsafe { self.before.add(index).read() };
        let slowest = read.iter().map(|found| found.at - before(found.worker)).max().expect("a stamp");
        Started { stamps: read.iter().map(|found| found.at).collect(), slowest }
    }

    fn fork(&self, index: usize, instant: i128) -> libc::pid_t {
        let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (arguments, environment) = (pointers(&self.arguments), pointers(&self.environments[index]));
        let number = |nanoseconds: i128| i64::try_from(nanoseconds).expect("a time");
        let at = libc::timespec { tv_sec: number(instant / 1_000_000_000), tv_nsec: number(instant % 1_000_000_000) };
        // SAFETY: the child only calls the system, on what was made before, and writes to its own place of the memory.
        unsafe {
            let pid = libc::fork();
            assert!(pid >= 0, "a process can be made");
            if pid == 0 {
                libc::prctl(libc::PR_SET_TIMERSLACK, 1);
                libc::clock_nanosleep(libc::CLOCK_REALTIME, libc::TIMER_ABSTIME, &raw const at, null_mut());
                self.before.add(index).write(stamp::now());
                libc::execve(arguments[0], arguments.as_ptr(), environment.as_ptr());
                libc::_exit(127);
            }
            pid
        }
    }
}
