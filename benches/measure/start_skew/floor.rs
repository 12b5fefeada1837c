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
        Self {
            arguments: ["/bin/sh", "-c", command].map(|argument| text(argument.as_bytes())).to_vec(),
            environments: (0..count).map(environment).collect(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.environments.len()
    }

    /// Starts all of them at one instant, and waits for their ends; their stamps.
    pub fn start(&self, log: &Path) -> Vec<i128> {
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
        stamp::read(log).iter().map(|stamp| stamp.at).collect()
    }

    fn fork(&self, index: usize, instant: i128) -> libc::pid_t {
        let pointers = |texts: &[CString]| -> Vec<*const libc::c_char> {
            texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect()
        };
        let (arguments, environment) = (pointers(&self.arguments), pointers(&self.environments[index]));
        let number = |nanoseconds: i128| i64::try_from(nanoseconds).expect("a time");
        let at = libc::timespec { tv_sec: number(instant / 1_000_000_000), tv_nsec: number(instant % 1_000_000_000) };
        // SAFETY: the child only calls the system, on what was made before.
        unsafe {
            let pid = libc::fork();
            assert!(pid >= 0, "a process can be made");
            if pid == 0 {
                libc::prctl(libc::PR_SET_TIMERSLACK, 1);
                libc::clock_nanosleep(libc::CLOCK_REALTIME, libc::TIMER_ABSTIME, &raw const at, null_mut());
                libc::execve(arguments[0], arguments.as_ptr(), environment.as_ptr());
                libc::_exit(127);
            }
            pid
        }
    }
}
