//! A terminal of the test's own that can hang up.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "only one of the programs that share this uses it"
)]

use std::fs::File;
use std::io::PipeWriter;
use std::os::fd::OwnedFd;
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// A terminal that shows everything until it hangs up.
pub struct Terminal {
    end: OwnedFd,
    /// Its end tells the reader to hang up.
    is_wanted: PipeWriter,
    reader: JoinHandle<()>,
}

impl Terminal {
    pub fn new() -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).expect("a pseudo-terminal");
        grantpt(&ours).expect("a pseudo-terminal of ours");
        unlockpt(&ours).expect("a pseudo-terminal of ours");
        let name = ptsname(&ours, Vec::new()).expect("its name");
        let end = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).expect("its other end");
        let (unwanted, is_wanted) = std::io::pipe().expect("a pipe");
        let reader = std::thread::spawn(move || {
            let mut descriptors = [PollFd::new(&ours, PollFlags::IN), PollFd::new(&unwanted, PollFlags::IN)];
            while poll(&mut descriptors, None).is_ok() && descriptors[1].revents().is_empty() {
                let _ = rustix::io::read(&ours, &mut [0; 4096]);
            }
        });
        Self { end, is_wanted, reader }
    }

    /// The end that a process has.
    pub fn end(&self) -> File {
        File::from(self.end.try_clone().expect("a descriptor"))
    }

    /// Whoever reads or writes from now on gets an error.
    pub fn hang_up(self) {
        drop(self.is_wanted);
        self.reader.join().expect("the reader of a terminal");
    }
}
