//! A machine that is reached through a command, and what is needed to reach it.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use super::copies::{self, Copies, Running, Sending};
use super::hosts::KnownHosts;
use super::places::{Place, Places};
use super::process::Endings;
use super::programs::Programs;
use crate::conduct::event::End;
use crate::model::{Destination, PlayerAddress, Transport, WorkerPlan};
use crate::sys::DescriptorLimit;

/// How often a wait checks whether the coordinator still needs the result.
pub(in crate::conduct) const SLICE: Duration = Duration::from_millis(100);
/// How often a worker that waits for its turn checks whether it has come.
pub(in crate::conduct) const TURN: Duration = Duration::from_millis(25);

/// The machine of one worker, and what is known about it.
pub(in crate::conduct) struct Machine<'a> {
    pub(in crate::conduct) transport: &'a Transport,
    pub(in crate::conduct) worker: &'a str,
    pub(in crate::conduct) access: &'a Access,
    /// Called when the attempt begins and while it makes progress, with the time that it may take from then on.
    pub(in crate::conduct) progress: Progress<'a>,
    /// The session's player, if it was reached before.
    pub(in crate::conduct) running: Option<Running>,
    /// What the command printed on standard error in the previous attempt: the same lines are not logged at the info
    /// level again.
    pub(super) earlier: RefCell<Vec<String>>,
}

/// Called with the time that an attempt to reach a machine may take from now on.
pub(in crate::conduct) type Progress<'a> = Box<dyn Fn(Duration) + 'a>;

impl Machine<'_> {
    /// The command that reaches the machine, without the script. Workers with the same command share a copy.
    pub(super) fn command(&self) -> copies::Command {
        self.transport.command("", "", Duration::ZERO)
    }

    /// The copy that this worker sends because the program of another worker's player cannot be run.
    pub(super) fn send_instead_of(&self, player: &Running) -> Option<Sending> {
        self.access.copies.as_ref().map(|copies| copies.send_instead_of(&self.command(), player))
    }

    /// Waits in line for a connection to the machine.
    pub(in crate::conduct) fn line_up(&self) -> Place {
        let hosts = self.access.hosts.of(self.transport, self.access.descriptors);
        self.access.places.line_up(hosts)
    }
}

/// How a worker's player is reached.
pub(in crate::conduct) enum Way<'a> {
    /// It listens on a port.
    Port(&'a Destination),
    /// Through a command.
    Transport(Machine<'a>),
}

impl<'a> Way<'a> {
    /// The way that the plan specifies. `running` is the player of the session, if it was reached before.
    pub(in crate::conduct) fn of(
        plan: &'a WorkerPlan,
        access: &'a Access,
        running: Option<Running>,
        progress: Progress<'a>,
    ) -> Self {
        match &plan.player {
            PlayerAddress::Port(destination) => Self::Port(destination),
            PlayerAddress::Transport(transport) => Self::Transport(Machine {
                transport,
                worker: plan.name.as_str(),
                access,
                progress,
                running,
                earlier: RefCell::default(),
            }),
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
    pub(super) copies: Option<Copies>,
    /// The hosts that connections go through.
    hosts: KnownHosts,
    /// The commands that are no longer needed and have not ended yet.
    pub(in crate::conduct) endings: Endings,
}

impl Access {
    /// Creates the access with these programs to send.
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

    /// Returns the access for `--check`: its players end before another worker could run their program, so copies are
    /// not shared.
    pub(in crate::conduct) fn for_questions(&self) -> Self {
        Self { copies: None, ..self.clone() }
    }
}

/// Waits, and returns the end if the result is no longer wanted.
pub(in crate::conduct) type Patience<'a> = &'a mut dyn FnMut(Duration) -> Option<End>;

/// The place of a player that was reached through a command, as far as the script has reported it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Site {
    /// The system and the machine, as `uname -s` and `uname -m` print them.
    pub(crate) system: Option<(String, String)>,
    /// The folder of the copy, or the program's path.
    pub(crate) program: Option<String>,
}
