//! The conductor's name is looked up by a process of its own: a resolver may take long, and the listener has no threads.

use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::clock::clock;
use super::listener::Listener;
use super::note::{Note, send};
use super::role::Role;
use super::watch;
use crate::model::PlayerTime;
use crate::sys::{self, Child};
use crate::wait::Wait;

/// How often the name is looked up.
const AGAIN: Duration = Duration::from_mins(1);

/// When the name is looked up.
#[derive(Debug, Default)]
pub(super) struct Lookups {
    /// The next time; none before the first.
    next: Option<PlayerTime>,
}

/// What the process does; its exit status.
pub(super) fn look_up(host: &str, mut notes: UnixStream) -> i32 {
    let limit = Wait::ConductorLookup;
    let found = limit.look_up(host, 0, limit.time(), || true).map_err(|error| error.to_string());
    let found = found.map(|found| found.iter().map(std::net::SocketAddr::ip).collect::<Vec<IpAddr>>());
    send(&mut notes, &Note::Addresses { found });
    0
}

impl Listener {
    /// When the name is looked up next, if there is one; the first time at once.
    pub(super) fn next_lookup(&self) -> Option<PlayerTime> {
        let is_wanted = self.settings.admission.host().is_some() && !self.is_stopping();
        is_wanted.then(|| self.lookups.next.unwrap_or(PlayerTime::from_nanoseconds(0)))
    }

    /// Begins to look the name up, when it is time to; in the process that does, its role.
    pub(super) fn start_lookup(&mut self) -> Option<Role> {
        let now = clock();
        if self.next_lookup().is_none_or(|next| now < next) {
            return None;
        }
        self.lookups.next = Some(now.plus(AGAIN));
        self.stop_lookup();
        let host = self.settings.admission.host()?.to_owned();
        match self.make(watch::MOST, |notes| Role::Lookup { host, notes }) {
            Ok(Ok(pid)) => self.registry.lookup = Some(pid),
            Ok(Err(role)) => return Some(role),
            Err(error) => tracing::error!("can't look up `conductor`: can't create a process: {error}"),
        }
        None
    }

    /// Ends the process that looks the name up, if there is one.
    pub(super) fn stop_lookup(&self) {
        // It has the listener's signals blocked, but for this one.
        self.registry.lookup.iter().for_each(|pid| drop(sys::kill_process(Child(*pid), libc::SIGKILL)));
    }
}
