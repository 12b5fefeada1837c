//! Carries out what a session decides: makes processes, stops them, reads what they print.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::session::{SessionEvent, StepKey, StopWith, Streams};
use super::spool::Output;
use super::step_process::{StepProcess, Stopping};
use super::sweep::{GRACE, Sweep};
use crate::model::PlayerTime;
use crate::sys::{self, Image, Report, Spawner};
use crate::wire::LeftMessage;

/// How long it may take until the start of a step is told: one that ends sooner is told of once instead of twice.
const TELL_WITHIN: Duration = Duration::from_millis(50);

/// The processes of one session.
#[derive(Debug)]
pub(super) struct Executor {
    spawner: Spawner,
    processes: Vec<StepProcess>,
    next_stream: u32,
    /// What is read goes through here, so that a short line costs no large allocation.
    buffer: Vec<u8>,
    sweep: Option<Sweep>,
    events: Vec<SessionEvent>,
}

impl Executor {
    /// One without processes.
    pub(super) fn new(spawner: Spawner) -> Self {
        Self { spawner, processes: Vec::new(), next_stream: 0, buffer: Vec::new(), sweep: None, events: Vec::new() }
    }

    /// Makes a step's process. Another attempt of a step goes on with its streams; who still holds those of the attempt
    /// before is not read from any more.
    pub(super) fn start(
        &mut self,
        key: StepKey,
        image: Result<Image, String>,
        behind: Option<Streams>,
        now: PlayerTime,
    ) {
        let at = image.as_ref().ok().and_then(|image| image.at).map(PlayerTime::from_nanoseconds);
        let expected = at.map_or(now, |at| at.max(now)).plus(TELL_WITHIN);
        match image.and_then(|image| self.spawner.spawn(image).map_err(|error| error.to_string())) {
            Ok(spawned) => {
                let streams = self.streams(key, behind);
                self.processes.push(StepProcess::new(key, spawned, streams, expected));
            }
            Err(why) => self.events.push(SessionEvent::NotStarted { key, why }),
        }
    }

    fn streams(&mut self, key: StepKey, behind: Option<Streams>) -> Streams {
        let Some(behind) = behind else {
            let numbers = [self.next_stream, self.next_stream + 1];
            self.next_stream += 2;
            return Streams { numbers, lengths: [0; 2] };
        };
        let before = self.processes.iter().position(|process| process.key == key && process.told);
        let read = before.map(|index| self.processes.swap_remove(index).lengths());
        Streams { lengths: read.unwrap_or(behind.lengths), ..behind }
    }

    /// Tells a step's process and its group to end.
    pub(super) fn stop(&mut self, key: StepKey, with: StopWith, now: PlayerTime) {
        let process = self.processes.iter_mut().find(|process| process.key == key && process.stopping.is_none());
        if let Some(process) = process {
            let stopping = Stopping { signal: with.first_signal(), until: now.plus(GRACE) };
            signal_group(process, &[stopping.signal, libc::SIGCONT]);
            process.stopping = Some(stopping);
        }
    }

    /// Tells everything to end that was started, wherever it is by now.
    pub(super) fn sweep(&mut self, now: PlayerTime) {
        self.sweep = Some(Sweep::new(now));
    }

    /// The processes that are alive, for people.
    pub(super) fn alive() -> Vec<(u32, String)> {
        sys::direct_children().into_iter().map(|child| (child.0, sys::command_line(child))).collect()
    }

    /// When it wants to be told that time has passed.
    pub(super) fn next_deadline(&self) -> Option<PlayerTime> {
        let stopping = self.processes.iter().filter(|process| !process.told).filter_map(|process| process.stopping);
        let starting = self.processes.iter().filter(|process| process.report.is_some() && !process.waited_for);
        let starting = starting.map(|process| process.expected);
        stopping
            .map(|stopping| stopping.until)
            .chain(starting)
            .chain(self.sweep.as_ref().map(Sweep::next_deadline))
            .min()
    }

    /// The descriptors to wait for; without `room` the output waits in its pipes.
    pub(super) fn descriptors(&self, room: bool) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.processes.iter().flat_map(move |process| {
            let streams = process.streams.iter().filter_map(|stream| stream.descriptor.as_ref());
            let report = process.report.iter().filter(|_| process.waited_for).map(AsFd::as_fd);
            report.chain(streams.filter(move |_| room).map(AsFd::as_fd))
        })
    }

    /// Takes whatever has become readable.
    pub(super) fn read(&mut self, output: &mut Output<'_>, now: PlayerTime) {
        /// Then somebody else has a turn, however fast the step prints.
        const ROUNDS: usize = 16;
        self.read_reports(now);
        // Nobody takes what a step prints before its start was told: one that has just begun waits for the next turn.
        let told = self.processes.iter_mut().filter(|process| process.report.is_none());
        for stream in told.flat_map(|process| &mut process.streams) {
            for _ in 0..ROUNDS {
                if !output.has_room() || !stream.read(output, &mut self.buffer) {
                    break;
                }
            }
        }
        self.processes.retain(|process| !process.told || process.is_held());
    }

    /// Takes the children that have ended, goes on with what is being stopped, and returns what happened.
    pub(super) fn events(&mut self, output: &mut Output<'_>, now: PlayerTime) -> Vec<SessionEvent> {
        while let Some((child, how, at)) = sys::reap() {
            let found = self.processes.iter_mut().find(|process| process.pid == child.0 && process.ending.is_none());
            if let Some(process) = found {
                process.ending = Some((how, PlayerTime::from_nanoseconds(at)));
            }
        }
        self.read_reports(now);
        for process in &mut self.processes {
            if !process.told && is_over(process, now) {
                process.drain(output, &mut self.buffer);
                process.told = true;
                let at = process.ending.map_or(now, |(_, at)| at);
                self.events.push(SessionEvent::Ended {
                    key: process.key,
                    outcome: process.outcome(),
                    at,
                    lengths: process.lengths(),
                    // While everything is being swept, who still holds a stream is about to end too.
                    left: LeftMessage { leaky: process.is_held() && self.sweep.is_none(), ..LeftMessage::default() },
                });
            }
        }
        self.processes.retain(|process| !process.told || process.is_held());
        if let Some(warnings) = self.sweep.as_mut().and_then(|sweep| sweep.look(now, |_| false)) {
            self.sweep = None;
            self.processes.clear();
            self.events.push(SessionEvent::Swept { warnings });
        }
        std::mem::take(&mut self.events)
    }

    /// Takes what children say of their own start.
    fn read_reports(&mut self, now: PlayerTime) {
        for process in &mut self.processes {
            process.waited_for = process.expected <= now;
            let Some(report) = &mut process.report else { continue };
            let event = match report.read() {
                Report::NotYet => continue,
                Report::Started { at, late } => SessionEvent::Started {
                    key: process.key,
                    at: PlayerTime::from_nanoseconds(at),
                    late,
                    pid: process.pid,
                    streams: [process.streams[0].number, process.streams[1].number],
                },
                Report::Failed(error) => not_started(process, format!("the shell can't be run: {error}")),
                Report::NoDirectory(error) => not_started(process, format!("the folder can't be entered: {error}")),
            };
            process.report = None;
            self.events.push(event);
        }
    }
}

/// Whether the step is over: its process has ended, and when it was told to end, its whole group has.
fn is_over(process: &mut StepProcess, now: PlayerTime) -> bool {
    let Some(stopping) = process.stopping else { return process.ending.is_some() };
    if process.ending.is_some() && !sys::something_of_group(process.pid) {
        return true;
    }
    if now < stopping.until {
        return false;
    }
    let Some(signal) = stopping.next_signal() else { return true };
    signal_group(process, &[signal, libc::SIGCONT]);
    process.stopping = Some(Stopping { signal, until: now.plus(GRACE) });
    false
}

/// A group that can't be signalled has ended by itself, or is named when everything is swept.
fn signal_group(process: &StepProcess, signals: &[i32]) {
    if process.ending.is_none() || sys::something_of_group(process.pid) {
        for signal in signals {
            let _ = sys::kill_group(process.pid, *signal);
        }
    }
}

/// The child ends by itself; its end is not to be told a second time.
fn not_started(process: &mut StepProcess, why: String) -> SessionEvent {
    process.told = true;
    process.streams.iter_mut().for_each(|stream| stream.descriptor = None);
    SessionEvent::NotStarted { key: process.key, why }
}

/// Where a shell is that is named without a folder.
fn path_of(shell: &str, environment: &BTreeMap<Vec<u8>, Vec<u8>>) -> Vec<u8> {
    let folders = environment.get(&b"PATH"[..]).filter(|_| !shell.contains('/'));
    let candidates = folders.into_iter().flat_map(|folders| folders.split(|byte| *byte == b':')).map(|folder| {
        let folder = if folder.is_empty() { b"." } else { folder };
        [folder, b"/", shell.as_bytes()].concat()
    });
    let runs = |path: &Vec<u8>| rustix::fs::access(path.as_slice(), rustix::fs::Access::EXEC_OK).is_ok();
    candidates.into_iter().find(runs).unwrap_or_else(|| shell.into())
}

/// What a step's process is made of.
///
/// # Errors
///
/// Says what in it no process can have.
pub(super) fn image(
    shell: &str,
    command: &str,
    directory: Option<&str>,
    environment: &BTreeMap<Vec<u8>, Vec<u8>>,
) -> Result<Image, String> {
    let text = |bytes: Vec<u8>, what: &str| CString::new(bytes).map_err(|_| format!("{what} has a NUL byte"));
    let variables = environment.iter().map(|(name, value)| {
        let mut variable = Vec::with_capacity(name.len() + value.len() + 2);
        variable.extend_from_slice(name);
        variable.push(b'=');
        variable.extend_from_slice(value);
        text(variable, "a variable of its environment")
    });
    Ok(Image {
        program: text(path_of(shell, environment), "the shell")?,
        arguments: vec![
            text(shell.into(), "the shell")?,
            text(b"-c".to_vec(), "")?,
            text(command.into(), "the command")?,
        ],
        environment: variables.collect::<Result<_, _>>()?,
        directory: directory.map(|directory| text(directory.into(), "the folder")).transpose()?,
        unheard: false,
        at: None,
    })
}
