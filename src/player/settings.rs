//! The settings of a player.

use std::net::IpAddr;

use super::admission::Admission;
use super::log_socket::LogSocket;

/// The settings of a player.
pub struct Settings {
    /// Whom it serves.
    pub service: Service,
    /// The largest message of a Python conductor, in bytes.
    pub max_message_size: u64,
    /// How many bytes of output a session stores on disk while its conductor receives none.
    pub spool_limit: u64,
    /// Who may connect.
    pub admission: Admission,
    /// What it logs, if that goes to the conductor.
    pub log: Option<LogSocket>,
    /// Whether `SIGHUP` stops the player. If not, it only starts a new log.
    pub stops_at_hang_up: bool,
}

/// Whom a player serves.
pub enum Service {
    /// Conductors that connect to a port.
    Machine {
        /// The address to listen on; `None` means all.
        bind: Option<IpAddr>,
        /// The port; 0 picks one.
        port: u16,
    },
    /// The conductor whose session has this fingerprint, which connects through `player --stdio`. The player ends with
    /// the session.
    Session(String),
}

impl Settings {
    /// Whether the player serves one session, and ends with it.
    pub(super) fn serves_one(&self) -> bool {
        matches!(self.service, Service::Session(_))
    }
}
