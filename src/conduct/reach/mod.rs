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

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::event::End;
use crate::model::{Destination, PlayerAddress, Transport, WorkerPlan, on_one_line};
use crate::sys::DescriptorLimit;
use crate::wait::Wait;
use crate::wire::{Connection, Secret};

pub(super) use copies::Running;
use copies::{Copies, Sending, Turn};
pub(super) use failure::{ReachError, hint_in};
use failure::{broken, no_folder};
use hosts::KnownHosts;
use interpreter::interpreter;
pub(super) use places::Place;
use places::Places;
pub(super) use process::Printed;
use process::{Endings, Streams, TransportProcess};
use programs::Program;
pub use programs::Programs;
use script::Script;

/// How often a wait checks whether the coordinator still needs the result.
pub(super) const SLICE: Duration = Duration::from_millis(100);
/// How often a worker that waits for its turn checks whether it has come.
pub(super) const TURN: Duration = Duration::from_millis(25);
/// How often the progress of a copy is passed on.
const TOLD: Duration = Duration::from_secs(2);
/// The most bytes that are read before the first line of the script. They are the greeting of a login shell.
const GREETING: usize = 64 << 10;

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

/// The conversation with the script.
struct Talk<'a, 'p> {
    streams: Streams,
    mark: &'a str,
    /// What was read and is not a complete line of the script yet. A greeting comes first.
    heard: Vec<u8>,
    site: Site,
    /// The copy that this worker sends.
    sending: Option<Sending>,
    /// The player of another worker whose program is to be run.
    asked_for: Option<Running>,
    /// The program that was sent.
    sent: Option<Arc<Program>>,
    until: Instant,
    patience: Patience<'p>,
    waited: &'p mut Duration,
}

impl Talk<'_, '_> {
    fn bring_player(&mut self, machine: &Machine<'_>) -> Result<(), ReachError> {
        for stream in [&self.streams.input, &self.streams.output] {
            stream.set_nonblocking(true)?;
        }
        loop {
            let line = self.line()?;
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "player" => return Ok(()),
                "found" => drop(self.learn_site(rest)),
                "copy" if self.sent.is_none() || self.asked_for.is_some() => {
                    let (system, architecture) = self.learn_site(rest);
                    let program = machine.access.programs.for_machine(&system, &architecture)?;
                    match self.turn(machine)? {
                        None => self.send(&program, &machine.progress)?,
                        // A new connection has room for this. If it is broken, no further line arrives.
                        Some(Running { pid, session }) => drop(writeln!(self.streams.input, "{pid} {session}")),
                    }
                    self.sent = Some(program);
                }
                "none" => return Err(no_folder(rest)),
                "short" => return Err(ReachError::CutShort),
                "gone" => return Err(ReachError::Over(ReachError::gone())),
                "broken" => return Err(broken(rest, self.sent.as_deref().and_then(interpreter).as_deref())),
                "missing" => {
                    let program = machine.transport.settings.program.as_deref();
                    return Err(ReachError::not_installed(program.unwrap_or_default()));
                }
                _ => return Err(ReachError::unexpected(&line)),
            }
        }
    }

    /// Waits until it is this worker's turn to send a copy, or until it can run the program of another worker's player.
    fn turn(&mut self, machine: &Machine<'_>) -> Result<Option<Running>, ReachError> {
        if let Some(player) = self.asked_for.take() {
            self.sending = machine.send_instead_of(&player);
            return Ok(None);
        }
        let Some(copies) = &machine.access.copies else { return Ok(None) };
        let (command, begun) = (machine.command(), Instant::now());
        let mut told: Option<Instant> = None;
        let player = loop {
            match copies.turn(&command) {
                Turn::Send(sending) => {
                    self.sending = Some(sending);
                    break None;
                }
                Turn::Run(player) => break Some(player),
                Turn::Wait => {}
            }
            if told.is_none_or(|told| told.elapsed() >= TOLD) {
                (machine.progress)(Wait::ProgramCopy.without_progress());
                told = Some(Instant::now());
            }
            if let Some(end) = (self.patience)(Wait::SharedCopy.within(TURN)) {
                return Err(ReachError::Over(end));
            }
            self.hear()?;
        };
        self.asked_for.clone_from(&player);
        *self.waited += begun.elapsed();
        self.until += begun.elapsed();
        Ok(player)
    }

    /// Takes the system, the machine and the place of the program; the first two.
    fn learn_site(&mut self, line: &str) -> (String, String) {
        let mut words = line.splitn(3, ' ').map(|word| on_one_line(word).into_owned());
        let system = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.site.system = Some(system.clone());
        self.site.program = words.next().map(|path| match path.rsplit_once("/conductor-") {
            // The folder of the copy is removed before the program runs.
            Some((folder, rest)) if rest == self.mark => folder.to_owned(),
            _ => path,
        });
        system
    }

    /// The next line of the script, without the mark.
    fn line(&mut self) -> Result<String, ReachError> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(line);
            }
            if self.heard.len() > GREETING {
                return Err(ReachError::Greeting);
            }
            if !self.hear()? {
                self.wait(PollFlags::IN)?;
            }
        }
    }

    /// Reads what has come; whether something has.
    fn hear(&mut self) -> Result<bool, ReachError> {
        let mut buffer = [0; 4096];
        match self.streams.output.read(&mut buffer) {
            Ok(0) => Err(ReachError::Ended),
            Ok(count) => {
                self.heard.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(_) => Err(ReachError::Ended),
        }
    }

    /// Removes a complete line that begins with the mark from what was read, and drops everything before it.
    fn take_line(&mut self) -> Option<String> {
        let heard = &self.heard;
        let begins = heard.windows(self.mark.len()).position(|window| window == self.mark.as_bytes())?;
        let end = begins + heard[begins..].iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&heard[begins + self.mark.len()..end]).trim().to_owned();
        self.heard.drain(..=end);
        Some(line)
    }

    /// Sends the size of the program, and then the program. It continues as long as the machine makes progress.
    fn send(&mut self, program: &Arc<Program>, progress: &Progress<'_>) -> Result<(), ReachError> {
        let mut buffer = vec![0; 64 << 10];
        let mut unsent = format!("{}\n", program.size).into_bytes();
        let mut offset = 0;
        let soon = || Instant::now() + Wait::ProgramCopy.without_progress();
        let latest = Instant::now() + Wait::ProgramCopy.time();
        let mut told: Option<Instant> = None;
        self.until = soon();
        while !unsent.is_empty() {
            if told.is_none_or(|told| told.elapsed() >= TOLD) {
                progress(Wait::ProgramCopy.without_progress());
                told = Some(Instant::now());
            }
            match self.streams.input.write(&unsent) {
                Ok(count) => {
                    unsent.drain(..count);
                    self.until = soon().min(latest);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(PollFlags::OUT)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The script has ended; its last line says why.
                Err(_) => return Ok(()),
            }
            if unsent.is_empty() && offset < program.size {
                let count = program.read_at(&mut buffer, offset)?;
                if count == 0 {
                    return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
                }
                unsent.extend_from_slice(&buffer[..count]);
                offset += count as u64;
            }
        }
        Ok(())
    }

    fn wait(&mut self, flags: PollFlags) -> Result<(), ReachError> {
        if let Some(end) = (self.patience)(Duration::ZERO) {
            return Err(ReachError::Over(end));
        }
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ReachError::TimedOut);
        }
        // The next round checks everything, whatever the result is.
        let stream = if flags == PollFlags::IN { &self.streams.output } else { &self.streams.input };
        let _ = Wait::TransportAnswer.poll(&mut [PollFd::new(stream, flags)], Some(left.min(SLICE)));
        Ok(())
    }
}
