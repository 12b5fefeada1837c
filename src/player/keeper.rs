//! The keeper of a command that is no step: the `check` of a conductor.
//!
//! It is a process of its own, and the sub-reaper of all that the command makes, so that nothing of it is left even when the
//! conductor is killed; when the keeper is, its [guard](super::guard) does the same. Its standard input is a socket: when that
//! ends the command is not wanted any more, and what came of it is written there. The command starts as a step does, by the
//! same code.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use super::clock::clock;
use super::environment::Environment;
use super::escalation::Escalation;
use super::guard::guard;
use super::origin::{self, StepDescendant};
use super::session::StopWith;
use super::step_image::{not_run, shell_image};
use crate::model::{PlayerTime, Process, nanoseconds, words};
use crate::sys::{self, Image, PreparedProcess, PrintsTo, Reaped, SignalDescriptor, Spawner, StartReport, When};
use crate::wait::Wait;
use crate::wire::{KeeperMessage, OutcomeMessage};

/// How long what is still there when the command is over may take to end by itself.
const LET_GO_WITHIN: Duration = Duration::from_millis(200);

/// How often we look meanwhile: not every end is one that we are told of.
const LOOK: Duration = Duration::from_millis(20);

/// Runs a command to its end, ends what it leaves, and tells what came of it; the exit status.
///
/// The program must have one thread.
pub fn keep(command: &OsStr) -> i32 {
    guard(|| keep_alone(command))
}

fn keep_alone(command: &OsStr) -> i32 {
    let told = match Keeper::start(command) {
        Ok(keeper) => keeper.run(),
        Err(why) => OutcomeMessage::NotStarted { why }.into(),
    };
    let socket = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let said = socket.and_then(|mut socket| {
        socket.write_all(&serde_json::to_vec(&told)?)?;
        // The guard has it too, and may be stopped.
        socket.shutdown(Shutdown::Write)
    });
    i32::from(said.is_err())
}

/// A command that runs.
struct Keeper {
    /// Its process, which leads its group.
    pid: u32,
    began: PlayerTime,
    /// Where the process tells of its start.
    report: PreparedProcess,
    /// How its process ended, and when.
    ending: Option<(Reaped, PlayerTime)>,
    is_wanted: bool,
    signals: SignalDescriptor,
}

impl Keeper {
    fn start(command: &OsStr) -> Result<Self, String> {
        let failed = |error: io::Error| words(&error);
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(|error| failed(error.into()))?;
        let image = shell_image(("/bin/sh", command.as_bytes()), None, &Environment::inherited())?;
        let image = Image { prints_to: PrintsTo::Inherited, ..image };
        let signals = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP];
        let signals = SignalDescriptor::new(&signals).map_err(failed)?;
        let began = clock();
        let made =
            Spawner::new().and_then(|mut spawner| spawner.spawn(image, Some(When::Now), None)).map_err(failed)?;
        Ok(Self { pid: made.pid, began, report: made.report, ending: None, is_wanted: true, signals })
    }

    fn run(mut self) -> KeeperMessage {
        while self.ending.is_none() && self.is_wanted {
            self.wait(None);
        }
        // How it ends when it is told to is not its own.
        let outcome = match (self.hear_of_start(), self.ending) {
            (Err(why), _) => {
                self.ending = None;
                OutcomeMessage::NotStarted { why }
            }
            (Ok(()), Some((how, _))) => how.into(),
            (Ok(()), None) => OutcomeMessage::Stopped,
        };
        self.let_go();
        let (left, not_stopped) = self.end(outcome != OutcomeMessage::Stopped);
        let duration = self.ending.map(|(_, at)| at.since(self.began));
        let duration = duration.map(nanoseconds);
        KeeperMessage { outcome, duration, left, not_stopped }
    }

    /// Hears what the process says of its start, as far as it has: when it ran the command, or why it did not.
    fn hear_of_start(&mut self) -> Result<(), String> {
        match self.report.read() {
            StartReport::NotYet => Ok(()),
            StartReport::Started { at, .. } => {
                self.began = PlayerTime::from_nanoseconds(at);
                Ok(())
            }
            StartReport::NoProgram(shell, error) => Err(not_run(&shell, &error)),
            StartReport::NoDirectory(_, error) | StartReport::Failed(error) => Err(words(&error)),
        }
    }

    /// Gives what is still there a moment to end by itself.
    fn let_go(&mut self) {
        let end = clock().plus(LET_GO_WITHIN);
        while self.is_wanted && clock() < end && find().0.iter().any(is_alive) {
            self.wait(Some(clock().plus(LOOK)));
        }
    }

    /// Ends everything: what was there, if that is to be named, and what could not be ended.
    fn end(&mut self, names_them: bool) -> (Vec<Process>, Vec<Process>) {
        let mut left = BTreeMap::new();
        let mut escalation = Escalation::new(StopWith::Terminate, clock());
        loop {
            let look = || {
                let (found, certain) = find();
                for alive in found.iter().filter(|found| names_them && is_alive(found)) {
                    left.entry(alive.identity()).or_insert_with(|| Process::from(&alive.process));
                }
                (found, certain)
            };
            let is_its_group = |group| group == self.pid && sys::something_of_group(group);
            if let Some(not_stopped) = escalation.look(clock(), look, is_its_group) {
                return (left.into_values().collect(), not_stopped);
            }
            if self.wait(Some(escalation.next_deadline())) {
                escalation.hurry();
            }
        }
    }

    /// Waits until something happens, or until then; whether a process has ended.
    fn wait(&mut self, until: Option<PlayerTime>) -> bool {
        let input = io::stdin();
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if self.is_wanted {
            descriptors.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN));
        }
        let _ = Wait::KeeperEvents.poll(&mut descriptors, until.map(|until| until.since(clock())));
        while let Some(signal) = self.signals.take() {
            self.is_wanted &= signal == libc::SIGCHLD;
        }
        self.is_wanted = self.is_wanted && !sys::input_has_ended();
        self.reap()
    }

    fn reap(&mut self) -> bool {
        let mut has_some = false;
        while let Some((child, how, at)) = sys::reap() {
            has_some = true;
            if child.0 == self.pid {
                self.ending.get_or_insert((how, PlayerTime::from_nanoseconds(at)));
            }
        }
        has_some
    }
}

fn find() -> (Vec<StepDescendant>, bool) {
    origin::find(&[], None, |_| false)
}

fn is_alive(found: &StepDescendant) -> bool {
    !found.is_ending && !found.process.has_ended()
}
