//! The settings of a player.

use std::net::IpAddr;

use super::admission::Admission;
use super::log_socket::LogSocket;

/// The settings of a player.
pub struct Settings {
    /// The conductors that it serves.
    pub service: Service,
    /// The maximum size of a message of a Python conductor, in bytes.
    pub max_message_size: u64,
    /// How many bytes of output a session stores on disk while its conductor does not receive any.
    pub spool_limit: u64,
    /// Who may connect.
    pub admission: Admission,
    /// The log of the player, if it goes to the conductor.
    pub log: Option<LogSocket>,
    /// Whether `SIGHUP` stops the player. Otherwise it only starts a new log.
    pub stops_at_hang_up: bool,
}

/// The conductors that a player serves.
pub enum Service {
    /// Conductors that connect to a port.
    Machine {
        /// The address to listen on; `None` means all addresses.
        bind: Option<IpAddr>,
        /// The port; 0 picks a free one.
        port: u16,
    },
    /// The conductor whose session has this fingerprint. It connects through `player --stdio`, and the player ends with
    /// the session.
    Session(String),
}

impl Settings {
    /// Whether the player serves one session, and ends with it.
    pub(super) fn serves_one(&self) -> bool {
        matches!(self.service, Service::Session(_))
    }
}
