//! Reaching a machine on which no player listens. A command such as `ssh` runs a script there, and the script runs a
//! player: if none is there, a copy of this program. The result is a connection like any other.

mod copies;
mod failure;
mod interpreter;
mod hosts;
mod places;
mod process;
mod programs;
mod script;
mod talk;

use std::fmt;
use std::time::{Duration, Instant};

use super::event::End;
use crate::model::{Destination, PlayerAddress, Transport, WorkerPlan};
use crate::sys::DescriptorLimit;
use crate::wait::Wait;
use crate::wire::{Connection, Secret};

pub(super) use copies::Running;
use copies::{Copies, Sending};
pub(super) use failure::{ReachError, hint_in};
use hosts::KnownHosts;
pub(super) use places::Place;
use places::Places;
pub(super) use process::Printed;
use process::{Endings, TransportProcess};
pub use programs::Programs;
use script::Script;
use talk::Talk;

/// How often a wait checks whether the coordinator still needs the result.
pub(super) const SLICE: Duration = Duration::from_millis(100);
/// How often a worker that waits for its turn checks whether it has come.
pub(super) const TURN: Duration = Duration::from_millis(25);

/// The machine of one worker, and what is known about it.
pub(super) struct Machine<'a> {
    pub(super) transport: &'a Transport,
    pub(super) worker: &'a str,
    pub(super) access: &'a Access,
    /// Called when the attempt begins and while it makes progress, with the time that it may take from then on.
    pub(super) progress: Progress<'a>,
    /// The session's player, if it was reached before.
    pub(super) running: Option<Running>,
}

/// Called with the time that an attempt to reach a machine may take from now on.
pub(super) type Progress<'a> = Box<dyn Fn(Duration) + 'a>;

impl Machine<'_> {
    /// The command that reaches the machine, without the script. Workers with the same command share a copy.
    fn command(&self) -> copies::Command {
        self.transport.command("", "", Duration::ZERO)
    }

    /// The copy that this worker sends because the program of another worker's player cannot be run.
    fn send_instead_of(&self, player: &Running) -> Option<Sending> {
        self.access.copies.as_ref().map(|copies| copies.send_instead_of(&self.command(), player))
    }

    /// Waits in line for a connection to the machine.
    pub(super) fn line_up(&self) -> Place {
        let hosts = self.access.hosts.of(self.transport, self.access.descriptors);
        self.access.places.line_up(hosts)
    }
}

/// How a worker's player is reached.
pub(super) enum Way<'a> {
    /// It listens on a port.
    Port(&'a Destination),
    /// Through a command.
    Transport(Machine<'a>),
}

impl<'a> Way<'a> {
    /// The way that the plan specifies. `running` is the player of the session, if it was reached before.
    pub(super) fn of(
        plan: &'a WorkerPlan,
        access: &'a Access,
        running: Option<Running>,
        progress: Progress<'a>,
    ) -> Self {
        match &plan.player {
            PlayerAddress::Port(destination) => Self::Port(destination),
            PlayerAddress::Transport(transport) => {
                Self::Transport(Machine { transport, worker: plan.name.as_str(), access, progress, running })
            }
        }
    }
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(destination) => destination.fmt(out),
            Self::Transport(machine) => write!(out, "`{}`", machine.transport),
        }
    }
}

/// What is needed to reach machines.
#[derive(Debug, Clone)]
pub struct Access {
    /// The programs that can be sent.
    pub programs: Programs,
    /// The limit of descriptors with which this program was started. Programs that it starts get this limit.
    pub descriptors: DescriptorLimit,
    /// The turns of all workers.
    places: Places,
    /// The copies of the programs, if workers share them.
    copies: Option<Copies>,
    /// The hosts that connections go through.
    hosts: KnownHosts,
    /// The commands that are no longer needed and have not ended yet.
    pub(super) endings: Endings,
}

impl Access {
    /// With these programs to send.
    pub fn new(programs: Programs, descriptors: DescriptorLimit) -> Self {
        Self {
            programs,
            descriptors,
            places: Places::default(),
            copies: Some(Copies::default()),
            hosts: KnownHosts::default(),
            endings: Endings::default(),
        }
    }

    /// The same for `--check`: its players end before another worker could run their program, so copies are not shared.
    pub(super) fn for_questions(&self) -> Self {
        Self { copies: None, ..self.clone() }
    }
}

/// Waits, and says when the result is no longer wanted.
pub(super) type Patience<'a> = &'a mut dyn FnMut(Duration) -> Option<End>;

/// Where a player runs that was reached through a command, as far as the script has said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Site {
    /// The system and the machine, as `uname -s` and `uname -m` print them.
    pub(crate) system: Option<(String, String)>,
    /// The folder of the copy, or the program's path.
    pub(crate) program: Option<String>,
}

/// A player that waits for `hello`.
pub(super) struct Reached {
    pub(super) connection: Connection,
    pub(super) site: Site,
    /// What the command prints on standard error from now on.
    pub(super) printed: Printed,
    /// The copy that was sent, if one was.
    pub(super) sending: Option<Sending>,
}

/// Runs a player on the machine. The player waits for `hello` on the connection. `waited` becomes the time spent
/// waiting for the copy of another worker.
///
/// # Errors
///
/// Says why that failed, or that it is not wanted any more.
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
    let started = TransportProcess::start(machine.transport, &command, machine.worker, *descriptors, endings);
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
            Err(error.with_words_of(process, talk.streams, &talk.heard))
        }
    }
}
