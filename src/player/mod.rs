//! The player: the program that waits on a machine, and runs there what a conductor asks for.
//!
//! It is built like sshd. A listener of one thread takes connections, and forks a process for each session;
//! a session process holds one worker, and is the sub-reaper of its steps. A crash of one touches no
//! other. What a session decides is in its [core](session), which is pure. A conductor uses what ends processes for its own
//! `check`: it has that [kept](keep).

mod admission;
mod answer;
mod caller;
mod callers;
mod clock;
mod environment;
mod executor;
mod family;
mod farewell;
mod folder;
mod guard;
mod heir;
mod keeper;
mod kin;
mod ladder;
mod life;
mod listener;
mod lookup;
mod note;
mod ready;
mod refusals;
mod registry;
mod reserve;
mod resume;
mod role;
mod seed_conductors;
mod seed_delivery;
mod seed_results;
mod seed_run;
pub mod session;
mod session_entry;
mod session_log;
mod session_process;
mod spool;
mod step_image;
mod step_process;
mod sweep;
mod transfers;
mod watch;

use std::net::SocketAddr;

use crate::sys;
pub use admission::Admission;
pub use keeper::keep;
use listener::Listener;
pub use listener::Settings;

/// Waits for conductors until it is told to stop; the exit status. `announce` is told where it listens.
///
/// The program must have one thread: sessions are copies of it.
///
/// # Errors
///
/// Says why it can't listen.
pub fn play(settings: Settings, announce: impl FnOnce(SocketAddr)) -> Result<i32, String> {
    let (listener, address) = Listener::open(settings)?;
    announce(address);
    match listener.run() {
        Ok(status) => Ok(status),
        // This is a copy: it must not go on as the program that made it.
        Err(legacy) => {
            let (role, cgroups) = *legacy;
            sys::exit_now(role.play(cgroups))
        }
    }
}
