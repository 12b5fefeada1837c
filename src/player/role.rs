//! What a process that the listener made is there for.

use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::family::Cgroups;
use super::life;
use super::lookup::look_up;
use super::resume::open;
use super::seed_run::SeedRun;
use super::session::Session;
use super::session_process::{SessionProcess, clock};
use crate::sys;
use crate::wire::{FrameDecoder, PlanMessage};

/// What a process is there for.
pub(super) enum Role {
    /// It holds a session.
    Session(SessionRole),
    /// It runs the Reset of a session that died.
    Heir {
        /// The session's plan.
        plan: Box<PlanMessage>,
        /// The trial in which it died.
        trial: u32,
        /// Where it tells the listener.
        notes: UnixStream,
    },
    /// It looks up the conductor's name.
    Lookup {
        /// The name.
        host: String,
        /// Where it tells the listener.
        notes: UnixStream,
    },
    /// It runs phases for a seed conductor.
    Seed(SeedRun, UnixStream),
}

/// What a session begins with.
pub(super) struct SessionRole {
    pub(super) stream: TcpStream,
    pub(super) decoder: FrameDecoder,
    pub(super) welcome: Vec<u8>,
    pub(super) lease: Duration,
    pub(super) incarnation: String,
    pub(super) spool_limit: u64,
    pub(super) notes: UnixStream,
}

impl Role {
    /// Does what the process is there for; the exit status. Its steps get control groups where there may be some.
    pub(super) fn play(self, cgroups: Cgroups) -> i32 {
        life::continue_without_parent();
        sys::own_session();
        // What the listener knew is freed by now: each of its copies would keep that for as long as it lives.
        sys::give_back_memory();
        let process = match self {
            Self::Lookup { host, notes } => return look_up(&host, notes),
            Self::Seed(run, notes) => return run.run(notes, &cgroups),
            Self::Heir { plan, trial, notes } => {
                SessionProcess::new(Session::heir(*plan, trial), None, 0, notes, cgroups)
            }
            Self::Session(role) => {
                let SessionRole { stream, decoder, welcome, lease, incarnation, spool_limit, notes } = role;
                open(stream, decoder, lease).and_then(|mut link| {
                    link.begin_with(&welcome);
                    let session = Session::with_lease(lease, clock()).of(incarnation);
                    SessionProcess::new(session, Some(link), spool_limit, notes, cgroups)
                })
            }
        };
        match process {
            Ok(process) => process.run(),
            Err(error) => {
                tracing::error!("a session can't be held: {error}");
                1
            }
        }
    }
}
