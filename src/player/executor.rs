//! Carries out what a session decides: makes processes, stops them, reads what they print.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use super::escalation::Escalation;
use super::process_tree::{Cgroups, ProcessTree};
use super::session::{NotStarted, SessionEvent, StopWith, Streams};
use super::spool::Output;
use super::step_image;
use super::step_process::StepProcess;
use super::sweep::Sweep;
use crate::model::{PlayerTime, Process, StepId};
use crate::sys::{self, Image, Spawned, Spawner, StartReport, When};
use crate::wire::{LeftMessage, StepSettledMessage};

/// How long it may take until the start of a step is told: one that ends sooner is told of once instead of twice.
const TELL_WITHIN: Duration = Duration::from_millis(50);

/// How long after a step's end its output may still be held by others without that being a leak.
const LET_GO_WITHIN: Duration = Duration::from_millis(200);

/// The processes of one session.
#[derive(Debug)]
pub(super) struct Executor {
    spawner: Spawner,
    processes: Vec<StepProcess>,
    /// Processes that are made before the message comes that starts them: then it takes little to obey, on however many
    /// workers of a machine at once. Each waits, in a group of its own, and has not begun to be the step's program.
    ready: Vec<(StepId, Spawned)>,
    tree: ProcessTree,
    next_stream: u32,
    /// How much the streams have had of steps on which others printed after their ends, by the first one's number.
    printed_on: HashMap<u32, [u64; 2]>,
    /// What is read goes through here, so that a short line costs no large allocation.
    buffer: Vec<u8>,
    sweep: Option<Sweep>,
    /// Whether a step is over only when nobody holds its standard output any more.
    waits_for_output: bool,
    events: Vec<SessionEvent>,
}

impl Executor {
    /// One without processes, whose steps get control groups of their own if there may be such.
    pub(super) fn new(spawner: Spawner, cgroups: Cgroups) -> Self {
        Self {
            spawner,
            processes: Vec::new(),
            ready: Vec::new(),
            tree: ProcessTree::new(cgroups),
            next_stream: 0,
            printed_on: HashMap::new(),
            buffer: Vec::new(),
            sweep: None,
            waits_for_output: false,
            events: Vec::new(),
        }
    }

    /// From now on a step is over only when its standard output is closed, as for the Python player. Until then its time
    /// limit applies.
    pub(super) fn wait_for_output(&mut self) {
        self.waits_for_output = true;
    }

    /// Ends what was made ready for other steps than these; those of these for which nothing is ready.
    pub(super) fn keep_ready(&mut self, wanted: &[StepId]) -> Vec<StepId> {
        for (key, mut process) in self.ready.extract_if(.., |(key, _)| !wanted.contains(key)) {
            process.report.cancel(process.pid);
            self.tree.forget(key, process.pid);
        }
        let is_ready = |key: &StepId| self.ready.iter().any(|(of, _)| of == key);
        wanted.iter().copied().filter(|key| Spawner::CAN_WAIT && !is_ready(key)).collect()
    }

    /// Makes a step's process, which waits until the step is started. Where that fails it is made then, and fails again.
    pub(super) fn make_ready(&mut self, key: StepId, image: Image) {
        if let Ok(process) = self.tree.start(key, image, None, &mut self.spawner) {
            self.ready.push((key, process));
        }
    }

    /// Starts a step whose process was made ready; whether there was one.
    pub(super) fn start_ready(&mut self, key: StepId, when: When, now: PlayerTime) -> bool {
        let Some(index) = self.ready.iter().position(|(of, _)| *of == key) else { return false };
        let (_, mut process) = self.ready.swap_remove(index);
        // One that somebody else has ended meanwhile is as good as none.
        if !process.report.is_on_its_way() {
            return false;
        }
        process.report.start(when);
        self.begin((key, when), process, None, now);
        true
    }

    /// Makes a step's process. Another attempt of a step goes on with its streams; who still holds those of the attempt
    /// before is not read from any more.
    pub(super) fn start(
        &mut self,
        (key, when): (StepId, When),
        image: Result<Image, String>,
        behind: Option<Streams>,
        now: PlayerTime,
    ) {
        match image
            .map_err(NotStarted::from)
            .and_then(|image| self.tree.start(key, image, Some(when), &mut self.spawner))
        {
            Ok(process) => self.begin((key, when), process, behind, now),
            Err(why) => self.events.push(SessionEvent::NotStarted(key, why)),
        }
    }

    /// The next step waits for the start of this one: it is told as soon as it is known.
    pub(super) fn is_waited_for(&mut self, key: StepId, now: PlayerTime) {
        let starting = self.processes.iter_mut().filter(|process| process.key == key && process.report.is_some());
        starting.for_each(|process| process.expected = process.expected.min(now));
    }

    fn begin(&mut self, (key, when): (StepId, When), process: Spawned, behind: Option<Streams>, now: PlayerTime) {
        let at = match when {
            When::At(instant) => PlayerTime::from_nanoseconds(instant).max(now),
            When::Now => now,
        };
        let streams = self.streams(key, behind);
        self.processes.push(StepProcess::new(key, process, streams, at.plus(TELL_WITHIN)));
    }

    fn streams(&mut self, key: StepId, behind: Option<Streams>) -> Streams {
        let Some(behind) = behind else {
            let numbers = [self.next_stream, self.next_stream + 1];
            self.next_stream += 2;
            return Streams { numbers, lengths: [0; 2] };
        };
        self.processes.retain(|process| process.key != key || !process.told);
        let lengths = self.printed_on.remove(&behind.numbers[0]).unwrap_or(behind.lengths);
        Streams { lengths, ..behind }
    }

    /// Tells a step's process to end, and everything that belongs to the step.
    pub(super) fn stop(&mut self, key: StepId, with: StopWith, now: PlayerTime) {
        let mut open = self.processes.iter_mut().filter(|process| !process.told && process.stopping.is_none());
        if let Some(process) = open.find(|process| process.key == key) {
            process.stopping = Some(Escalation::new(with, now));
        }
    }

    /// Tells everything to end that was started, wherever it is by now.
    pub(super) fn sweep(&mut self, now: PlayerTime) {
        self.keep_ready(&[]);
        let open = self.processes.iter().filter(|process| !process.told);
        self.sweep = Some(Sweep::new(open.map(|process| process.key).collect(), now));
    }

    /// The processes that are alive, for people.
    pub(super) fn alive(&self) -> Vec<Process> {
        self.tree.children()
    }

    /// When it wants to be told that time has passed.
    pub(super) fn next_deadline(&self) -> Option<PlayerTime> {
        let open = self.processes.iter().filter(|process| !process.told && process.not_stopped.is_none());
        let stopping = open.filter_map(|process| process.stopping.as_ref()).map(Escalation::next_deadline);
        let starting = self.processes.iter().filter(|process| process.report.is_some() && !process.waited_for);
        let starting = starting.map(|process| process.expected);
        let sweep = self.sweep.as_ref().map(|sweep| sweep.escalation.next_deadline());
        let settling = self.processes.iter().filter_map(|process| process.settled_by);
        stopping.chain(starting).chain(sweep).chain(settling).min()
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
        for process in self.processes.iter_mut().filter(|process| process.report.is_none()) {
            for stream in &mut process.streams {
                for _ in 0..ROUNDS {
                    if !output.has_room() || !stream.read(output, &mut self.buffer) {
                        break;
                    }
                }
            }
            if process.told {
                self.printed_on.insert(process.streams[0].number, process.lengths());
            }
        }
        self.processes.retain(|process| !process.is_done());
    }

    /// Takes the children that have ended, goes on with what is being stopped, and returns what happened.
    pub(super) fn events(&mut self, output: &mut Output<'_>, now: PlayerTime) -> Vec<SessionEvent> {
        self.reap();
        self.read_reports(now);
        self.go_on_with_stops(now);
        for index in 0..self.processes.len() {
            if !self.processes[index].told && self.processes[index].is_over(self.waits_for_output) {
                self.tell_end(index, output, now);
            }
        }
        self.processes.retain(|process| !process.is_done());
        if let Some(warnings) = self.sweep.as_mut().and_then(|sweep| self.tree.look(sweep, now)) {
            self.sweep = None;
            self.processes.clear();
            self.printed_on.clear();
            self.events.push(SessionEvent::Swept { warnings });
        }
        std::mem::take(&mut self.events)
    }

    fn reap(&mut self) {
        while let Some((child, how, at)) = sys::reap() {
            let found = self.processes.iter_mut().find(|process| process.pid == child.0 && process.ending.is_none());
            if let Some(process) = found {
                process.ending = Some((how, PlayerTime::from_nanoseconds(at)));
            }
            let escalations = self.processes.iter_mut().filter_map(|process| process.stopping.as_mut());
            escalations.chain(self.sweep.iter_mut().map(|sweep| &mut sweep.escalation)).for_each(Escalation::hurry);
        }
    }

    fn go_on_with_stops(&mut self, now: PlayerTime) {
        for process in self.processes.iter_mut().filter(|process| !process.told && process.not_stopped.is_none()) {
            if let Some(escalation) = &mut process.stopping {
                process.not_stopped = self.tree.end_step(process.key, process.pid, escalation, now);
            }
        }
    }

    /// Tells of the end of a step's process.
    fn tell_end(&mut self, index: usize, output: &mut Output<'_>, now: PlayerTime) {
        let process = &mut self.processes[index];
        process.drain(output, &mut self.buffer);
        process.told = true;
        let not_stopped = process.not_stopped.take().unwrap_or_default();
        let forced = process.stopping.as_ref().and_then(|escalation| escalation.forced(now));
        self.tree.is_over(process.key);
        self.events.push(SessionEvent::Ended {
            key: process.key,
            outcome: process.outcome(),
            at: process.ending.map_or(now, |(_, at)| at),
            lengths: process.lengths(),
            left: LeftMessage { not_stopped, forced, ..LeftMessage::default() },
        });
    }

    /// If others hold the output of this step, whose end is being told, what comes of that is told in a moment; whether it
    /// is so.
    pub(super) fn settle_later(&mut self, key: StepId, now: PlayerTime) -> bool {
        // While everything is being swept, who still holds a stream is about to end too.
        let held = |process: &&mut StepProcess| process.key == key && process.told && process.is_held();
        let held = self.processes.iter_mut().find(held).filter(|_| self.sweep.is_none());
        held.map(|process| process.settled_by = Some(now.plus(LET_GO_WITHIN))).is_some()
    }

    /// Looks again who holds the output of steps that are over: what came of those that hold it no more, and of all whose
    /// moment is over `by` then.
    pub(super) fn settle(&mut self, output: &mut Output<'_>, by: PlayerTime) -> Vec<StepSettledMessage> {
        let mut settled = Vec::new();
        for process in &mut self.processes {
            if process.settled_by.is_none_or(|end| end > by && process.is_held()) {
                continue;
            }
            process.settled_by = None;
            process.drain(output, &mut self.buffer);
            let ([stdout, stderr], leaky) = (process.lengths(), process.is_held());
            let holders = if leaky { self.tree.holders(process.key, &process.pipes()) } else { Vec::new() };
            settled.push(StepSettledMessage { step: process.key, stdout, stderr, leaky, holders });
        }
        self.processes.retain(|process| !process.is_done());
        settled
    }

    /// Takes what children say of their own start.
    fn read_reports(&mut self, now: PlayerTime) {
        for process in &mut self.processes {
            process.waited_for = process.expected <= now;
            let Some(report) = &mut process.report else { continue };
            let event = match report.read() {
                StartReport::NotYet => continue,
                StartReport::Started { at, late } => SessionEvent::Started {
                    key: process.key,
                    at: PlayerTime::from_nanoseconds(at),
                    late,
                    pid: process.pid,
                    streams: [process.streams[0].number, process.streams[1].number],
                },
                StartReport::NoDirectory(folder, error) => {
                    let why = step_image::not_entered(&folder.to_string_lossy(), &error);
                    not_started(process, NotStarted::new(why, &error))
                }
                StartReport::NoProgram(shell, error) => {
                    not_started(process, NotStarted::new(step_image::not_run(&shell, &error), &error))
                }
                StartReport::Failed(error) => {
                    not_started(process, NotStarted::new(step_image::not_made(&error), &error))
                }
            };
            process.report = None;
            self.events.push(event);
        }
    }
}

/// The child ends by itself; its end is not to be told a second time.
fn not_started(process: &mut StepProcess, why: NotStarted) -> SessionEvent {
    process.told = true;
    process.streams.iter_mut().for_each(|stream| stream.descriptor = None);
    SessionEvent::NotStarted(process.key, why)
}
