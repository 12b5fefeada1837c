//! The player: the program that waits on a machine and runs there what a conductor requests.
//!
//! It is built like sshd. A single-threaded listener accepts connections and forks a process for each session. A
//! session process holds one worker, and is the subreaper of its steps. A crash of one does not affect the others. The
//! decisions of a session are made in its core (`session`), which is pure. A conductor uses the same code to end the
//! processes of its own `check`: a process [supervises](supervise) it.

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

/// Waits for conductors until it is told to stop. Calls `announce` with the address on which it listens. Returns the
/// exit status.
///
/// The program must have only one thread, because sessions are forked from it.
///
/// # Errors
///
/// Returns an error if it cannot listen.
pub fn play(settings: Settings, announce: impl FnOnce(SocketAddr)) -> std::io::Result<i32> {
    let (listener, address) = Listener::open(settings)?;
    if let Some(address) = address {
        announce(address);
    }
    match listener.run() {
        End::Status(status) => Ok(status),
        // This is a forked process: it must not continue as the program that forked it.
        End::Child(work) => {
            life::continue_without_parent();
            sys::own_session();
            // The listener's data has been freed: otherwise, each forked process would keep it for as long as it runs.
            sys::give_back_memory(sys::Next::Work);
            sys::exit_now(work())
        }
    }
}
