//! Reaches a machine on which no player listens. A command such as `ssh` runs a script there, and the script runs a
//! player: if necessary, a copy of this program. The result is a connection like any other.

mod copies;
mod failure;
mod interpreter;
mod hosts;
mod machine;
mod places;
mod process;
mod programs;
mod script;
mod talk;

use std::time::{Duration, Instant};

use crate::wait::Wait;
use crate::wire::{Connection, Secret};

pub(super) use copies::Running;
use copies::Sending;
pub(super) use failure::{ReachError, hint_in};
pub use machine::Access;
use machine::Patience;
pub(crate) use machine::Site;
pub(super) use machine::{Machine, SLICE, TURN, Way};
pub(super) use places::Place;
pub(super) use process::Printed;
use process::TransportProcess;
pub use programs::Programs;
use script::Script;
use talk::Talk;

/// A player that waits for `hello`.
pub(super) struct Reached {
    pub(super) connection: Connection,
    pub(super) site: Site,
    /// What the command prints on standard error from now on.
    pub(super) printed: Printed,
    /// The copy that was sent, if one was.
    pub(super) sending: Option<Sending>,
}

/// Runs a player on the machine. The player waits for `hello` on the connection. The time spent waiting for the copy of
/// another worker is added to `waited`.
///
/// # Errors
///
/// Returns an error if this failed, or is no longer wanted.
pub(super) fn reach(
    machine: &Machine<'_>,
    until: Instant,
    patience: Patience<'_>,
    waited: &mut Duration,
) -> Result<Reached, ReachError> {
    let mark = Secret::random()?;
    let mark = mark.reveal();
    let size = machine.access.programs.size();
    let script = Script { mark, running: machine.running.as_ref(), size, limit: Wait::ProgramCopy.time() };
    let left = until.saturating_duration_since(Instant::now());
    let command = machine.transport.command(&script.text(machine.transport), mark, left);
    let Access { descriptors, endings, .. } = machine.access;
    let earlier = machine.earlier.take();
    let started =
        TransportProcess::start(machine.transport, &command, (machine.worker, earlier), *descriptors, endings);
    let (process, streams) = started.map_err(|error| ReachError::start(machine.transport.program_name(), &error))?;
    let mut talk = Talk {
        streams,
        mark,
        heard: Vec::new(),
        site: Site::default(),
        sending: None,
        asked_for: None,
        sent: None,
        until,
        patience,
        waited,
    };
    match talk.bring_player(machine) {
        Ok(()) => {
            let connection = Connection::new(talk.streams.output.into(), Some(talk.streams.input.into()))?;
            let printed = process.printed.clone();
            Ok(Reached { connection: connection.with_guard(process), site: talk.site, printed, sending: talk.sending })
        }
        Err(error) => {
            // No other worker should try the program of this player again.
            drop(talk.asked_for.take().and_then(|player| machine.send_instead_of(&player)));
            let printed = process.printed.clone();
            let error = error.with_words_of(process, talk.streams, &talk.heard);
            machine.earlier.replace(printed.lines());
            Err(error)
        }
    }
}
