//! The player: the program that waits on a machine, and runs there what a conductor asks for.
//!
//! It is built like sshd. A listener of one thread takes connections, and forks a process for each session;
//! a session process holds one worker, and is the sub-reaper of its steps. A crash of one touches no
//! other. What a session decides is in its core (`session`), which is pure. A conductor uses what ends processes for its own
//! `check`: a process [supervises](supervise) it.

mod admission;
mod answer;
mod audience;
mod callers;
mod door;
mod ending;
mod environment;
mod escalation;
mod executor;
mod life;
mod line_watch;
mod listener;
mod local_socket;
mod log_socket;
mod lookup;
mod machine;
mod note;
mod origin;
mod platform;
mod process_tree;
mod processes;
mod python_delivery;
mod python_phases;
mod python_results;
mod python_run;
mod refusals;
mod registry;
mod removal;
mod scratch;
mod session;
mod session_entry;
mod session_log;
mod session_process;
mod settings;
mod spool;
mod stdio;
mod step_image;
mod step_process;
mod supervisor;
mod survival;
mod sweep;
mod transfers;
mod versions;
mod watch;

use std::net::SocketAddr;

use crate::sys;
pub use admission::Admission;
use listener::Listener;
pub use log_socket::LogSocket;
use processes::End;
pub use settings::{Service, Settings};
pub use stdio::pass_on;
pub use supervisor::supervise;

/// Waits for conductors until it is told to stop; the exit status. `announce` is told where it listens.
///
/// The program must have one thread: sessions are copies of it.
///
/// # Errors
///
/// If it cannot listen.
pub fn play(settings: Settings, announce: impl FnOnce(SocketAddr)) -> std::io::Result<i32> {
    let (listener, address) = Listener::open(settings)?;
    if let Some(address) = address {
        announce(address);
    }
    match listener.run() {
        End::Status(status) => Ok(status),
        // This is a copy: it must not go on as the program that made it.
        End::Child(work) => {
            life::continue_without_parent();
            sys::own_session();
            // What the listener knew is freed by now: each of its copies would keep that for as long as it lives.
            sys::give_back_memory();
            sys::exit_now(work())
        }
    }
}
