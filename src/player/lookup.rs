//! The process that looks up the conductor's name: a resolver may take long, and the listener has no threads.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;

use super::note::{Note, send};
use crate::wait::Wait;

/// Looks up the name and reports its addresses. Returns the exit status.
pub(super) fn look_up(host: &str, notes: &UnixStream) -> i32 {
    let limit = Wait::ConductorLookup;
    let found = limit.look_up(host, 0, limit.time(), || true).map_err(|error| error.to_string());
    let found = found.map(|found| found.iter().map(SocketAddr::ip).collect::<Vec<IpAddr>>());
    send(notes, &Note::Addresses(found));
    0
}
