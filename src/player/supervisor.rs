//! The supervisor of the conductor's `check`: it runs the command, and stops all processes that the command has
//! started.
//!
//! It is a separate process and a subreaper, so that nothing is left even if the conductor is killed. Its standard
//! input is a socket: if it closes, the command is no longer wanted; the result is written there. If the supervisor
//! itself is killed, its parent, the guard, ends the remaining processes; if it is stopped, the guard continues it. The
//! command is started by the same code as a step.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{self, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;

use super::environment::Environment;
use super::life;
use super::origin::Origins;
use super::session::NotStarted;
use super::step_image::shell_image;
use super::sweep::Sweep;
use crate::model::{Ending, PlayerTime, Process, nanoseconds};
use crate::sys::{self, Image, PrintsTo, Reaped, SignalDescriptor, Spawned, Spawner, clock};
use crate::wait::Wait;
use crate::wire::{OutcomeMessage, SupervisorMessage};

/// How long processes that outlive the command may take to end by themselves.
const LET_GO_WITHIN: Duration = Duration::from_millis(200);

/// How often these processes are checked meanwhile: not every end is reported to us.
const LOOK: Duration = Duration::from_millis(20);

/// Runs a command to its end, ends the processes that it leaves, and reports the result. Returns the exit status.
///
/// The program must have only one thread.
pub fn supervise(command: &OsStr) -> i32 {
    let descendants = Descendants::new();
    life::continue_without_parent();
    match descendants.and_then(|descendants| Ok((descendants, sys::fork()?))) {
        Ok((descendants, Some(supervisor))) => guard(supervisor, descendants),
        Ok((_, None)) => {
            life::continue_without_parent();
            sys::exit_now(report(command))
        }
        // Without a guard, the command still runs.
        Err(_) => report(command),
    }
}

/// Waits for the end of the supervisor, and ends the processes that it leaves. Returns its exit status.
fn guard(supervisor: u32, mut descendants: Descendants) -> i32 {
    let mut kill_at = None;
    descendants.child = supervisor;
    let ended = loop {
        descendants.wait(kill_at);
        if let Some(ended) = descendants.ended {
            break ended.how;
        }
        if descendants.is_stopped && kill_at.is_none() {
            kill_at = Some(clock().plus(Wait::SupervisorEnd.time()));
            sys::end_child(supervisor, Signal::TERM);
        } else if kill_at.is_some_and(|end| end <= clock()) {
            sys::end_child(supervisor, Signal::KILL);
        }
    };
    descendants.end();
    if let Ending::Exit(status) = ended { status } else { 1 }
}

fn report(command: &OsStr) -> i32 {
    let message = run(command).unwrap_or_else(|NotStarted { why, .. }| OutcomeMessage::NotStarted { why }.into());
    let socket = io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from);
    let sent = socket.and_then(|mut socket| {
        socket.write_all(&serde_json::to_vec(&message)?)?;
        // The guard has a copy of the socket, and may be stopped.
        socket.shutdown(Shutdown::Write)
    });
    i32::from(sent.is_err())
}

/// The processes below this one.
struct Descendants {
    /// The child that this process has created.
    child: u32,
    /// The end of this child, once it has ended.
    ended: Option<Reaped>,
    signals: SignalDescriptor,
    /// Whether a signal or the end of standard input has told this process to end.
    is_stopped: bool,
}

impl Descendants {
    fn new() -> io::Result<Self> {
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
        let signals = SignalDescriptor::new(&[Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP])?;
        Ok(Self { child: 0, ended: None, signals, is_stopped: false })
    }

    /// Waits until something happens, at most until `until`. Returns whether a process has ended.
    fn wait(&mut self, until: Option<PlayerTime>) -> bool {
        let input = io::stdin();
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if !self.is_stopped {
            descriptors.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN));
        }
        let _ = Wait::SupervisorEvents.poll(&mut descriptors, until.map(|until| until.since(clock())));
        while let Some(signal) = self.signals.take() {
            self.is_stopped |= signal != Signal::CHILD;
        }
        self.is_stopped = self.is_stopped || sys::input_has_ended();
        let reaped: Vec<Reaped> = std::iter::from_fn(sys::reap).collect();
        self.ended = self.ended.or_else(|| reaped.iter().copied().find(|ended| ended.pid == self.child));
        !reaped.is_empty()
    }

    /// Ends all of them. Returns those that were found, and those that could not be ended.
    fn end(&mut self) -> [Vec<Process>; 2] {
        let mut sweep = Sweep::new(BTreeSet::new(), clock());
        loop {
            if let Some(remaining) = sweep.look(clock(), &Origins::default(), |_| false) {
                return [sweep.found(), remaining];
            }
            if self.wait(Some(sweep.escalation.look_at)) {
                sweep.escalation.hurry();
            }
        }
    }
}

/// Runs a command to its end, and ends all processes that it has started.
fn run(command: &OsStr) -> Result<SupervisorMessage, NotStarted> {
    let mut descendants = Descendants::new()?;
    let image = shell_image("/bin/sh", command.as_bytes(), None, &Environment::inherited())?;
    let image = Image { prints_to: PrintsTo::Inherited, ..image };
    let began = clock();
    let Spawned { pid, mut report, .. } = Spawner::new()?.spawn(image, None)?;
    report.start(None);
    descendants.child = pid;
    while descendants.ended.is_none() && !descendants.is_stopped {
        descendants.wait(None);
    }
    let start = report.read().transpose()?;
    // If we end the command, its exit status is not its result.
    let outcome = descendants.ended.map_or(OutcomeMessage::Stopped, |ended| ended.how.into());
    // Remaining processes may end by themselves.
    let end = clock().plus(LET_GO_WITHIN);
    while !descendants.is_stopped && clock() < end && has_descendants() {
        descendants.wait(Some(clock().plus(LOOK)));
    }
    let [left, not_stopped] = descendants.end();
    let left = if outcome == OutcomeMessage::Stopped { Vec::new() } else { left };
    let began = start.map_or(began, |start| start.at);
    let duration = descendants.ended.map(|ended| nanoseconds(ended.at.since(began)));
    Ok(SupervisorMessage { outcome, duration, left, not_stopped })
}

/// Whether a process below this one is running.
fn has_descendants() -> bool {
    let (found, _) = Origins::default().find(|_| false);
    found.iter().any(|found| !found.is_ending && !found.process.has_ended())
}
