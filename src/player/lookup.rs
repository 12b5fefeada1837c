//! The conductor's name is looked up by a process of its own: a resolver may take long, and the listener has no threads.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::note::{Note, send};
use crate::model::PlayerTime;
use crate::sys::{self, Child};
use crate::wait::Wait;

/// How often the name is looked up.
const AGAIN: Duration = Duration::from_mins(1);

/// When the name is looked up, and by which process.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// The next time; none before the first.
    next: Option<PlayerTime>,
    pub(super) pid: Option<u32>,
}

impl Lookup {
    /// When the name is looked up next; the first time at once.
    pub(super) fn next(&self) -> PlayerTime {
        self.next.unwrap_or(PlayerTime::from_nanoseconds(0))
    }

    /// It is looked up now: whoever is still at that is ended.
    pub(super) fn begin(&mut self, now: PlayerTime) {
        self.next = Some(now.plus(AGAIN));
        self.stop();
    }

    /// Ends the process that looks the name up, if there is one.
    pub(super) fn stop(&self) {
        // It has the listener's signals blocked, but for this one.
        self.pid.iter().for_each(|pid| drop(sys::kill_process(Child(*pid), libc::SIGKILL)));
    }
}

/// What the process does; its exit status.
pub(super) fn look_up(host: &str, mut notes: UnixStream) -> i32 {
    let limit = Wait::ConductorLookup;
    let found = limit.look_up(host, 0, limit.time(), || true).map_err(|error| error.to_string());
    let found = found.map(|found| found.iter().map(SocketAddr::ip).collect::<Vec<IpAddr>>());
    send(&mut notes, &Note::Addresses { found });
    0
}
