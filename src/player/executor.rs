//! Carries out a session's decisions about processes: creates them, stops them, and reads their output.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::process::Signal;

use super::audience::Audience;
use super::escalation::Escalation;
use super::origin::Cgroups;
use super::process_tree::ProcessTree;
use super::session::SessionEvent;
use super::step_process::{Reader, StepProcess, Stop};
use super::sweep::Sweep;
use crate::model::{LinePattern, PlayerTime, StepId, nanoseconds};
use crate::sys::{self, PreparedProcess, Spawned, Start};
use crate::wire::{LeftMessage, StepSettledMessage, StepStartedMessage};

/// How long other processes may hold the output of a step after its end before the step counts as leaky.
const LET_GO_WITHIN: Duration = Duration::from_millis(200);

/// The processes of one session.
#[derive(Debug)]
pub(super) struct Executor {
    processes: Vec<StepProcess>,
    /// Prepared processes, which are created before the message that starts them arrives, so that many workers on a
    /// machine can start at the same time. Each is in its own group, and has not executed the program of the step yet.
    pub(super) prepared: Vec<(StepId, Spawned)>,
    pub(super) tree: ProcessTree,
    next_stream: u32,
    /// The numbers of the streams of steps whose processes have ended, and how much was read from each.
    streams: HashMap<StepId, [(u32, u64); 2]>,
    pub(super) reader: Reader,
    sweep: Option<Sweep>,
    /// Whether a step ends only when its standard output is closed, as with the Python player. Its time limit applies
    /// until then.
    waits_for_output: bool,
    /// The pending events in their order: the start of a step comes before its end.
    pub(super) events: VecDeque<SessionEvent>,
}

impl Executor {
    /// Creates an executor without processes. Steps get their own control groups if these are available.
    ///
    /// # Errors
    ///
    /// See [`ProcessTree::new`].
    pub(super) fn new(cgroups: Cgroups, waits_for_output: bool) -> io::Result<Self> {
        Ok(Self {
            processes: Vec::new(),
            prepared: Vec::new(),
            tree: ProcessTree::new(cgroups)?,
            next_stream: 0,
            streams: HashMap::new(),
            reader: Reader::default(),
            sweep: None,
            waits_for_output,
            events: VecDeque::new(),
        })
    }

    /// Ends the prepared processes of all steps except these. Returns the steps of these that have none.
    pub(super) fn retain_prepared(&mut self, wanted: &[StepId]) -> Vec<StepId> {
        for (key, mut process) in self.prepared.extract_if(.., |(key, _)| !wanted.contains(key)) {
            process.report.cancel();
            self.tree.forget(key, process.pid);
        }
        let is_ready = |key: &StepId| self.prepared.iter().any(|(of, _)| of == key);
        wanted.iter().copied().filter(|key| !is_ready(key)).collect()
    }

    /// Returns the prepared process of a step, if there is one that has not been ended from outside.
    pub(super) fn take_prepared(&mut self, key: StepId) -> Option<Spawned> {
        let index = self.prepared.iter().position(|(of, _)| *of == key)?;
        let (_, mut process) = self.prepared.swap_remove(index);
        process.report.is_preparing().then_some(process)
    }

    /// Starts the process of a step. Its report about the start is waited for from `expected` on. Another attempt of a
    /// step continues its streams; processes that still hold those of the previous attempt are not read any more.
    /// `awaited` are the lines for which other steps wait.
    pub(super) fn start(
        &mut self,
        key: StepId,
        process: Spawned,
        at: Option<PlayerTime>,
        expected: PlayerTime,
        awaited: Vec<(StepId, LinePattern)>,
    ) {
        process.report.start(at);
        self.processes.retain(|process| process.key != key || !process.is_reported);
        let streams = self.streams.remove(&key).unwrap_or_else(|| {
            self.next_stream += 2;
            [(self.next_stream - 2, 0), (self.next_stream - 1, 0)]
        });
        self.reader.lines.begin(key, streams.map(|(number, _)| number), awaited);
        self.processes.push(StepProcess::new(key, process, streams, expected));
    }

    /// Ends the process of a step, and all other processes of the step.
    pub(super) fn stop(&mut self, key: StepId, signal: Signal, now: PlayerTime) {
        let mut open = self.processes.iter_mut().filter(|process| !process.is_reported && process.key == key);
        if let Some(process) = open.find(|process| matches!(process.stop, Stop::No)) {
            process.stop = Stop::InProgress(Escalation::new(Some(key), signal, now));
        }
    }

    /// Ends all processes that were started, including their descendants.
    pub(super) fn sweep(&mut self, now: PlayerTime) {
        self.retain_prepared(&[]);
        let open = self.processes.iter().filter(|process| !process.is_reported);
        self.sweep = Some(Sweep::new(open.map(|process| process.key).collect(), now));
    }

    /// Returns when the executor has to be called again, even if nothing happens.
    pub(super) fn next_deadline(&self, now: PlayerTime) -> Option<PlayerTime> {
        let of_process = |process: &StepProcess| {
            let stopping =
                if let Stop::InProgress(escalation) = &process.stop { Some(escalation.look_at) } else { None };
            let starting = process.report.as_ref().map(|_| process.expected).filter(|expected| *expected > now);
            [stopping, starting, process.settled_by].into_iter().flatten().min()
        };
        let sweep = self.sweep.as_ref().map(|sweep| sweep.escalation.look_at);
        self.processes.iter().filter_map(of_process).chain(sweep).chain(self.reader.lines.next_deadline()).min()
    }

    /// Returns the descriptors to wait for. Without `room`, output stays in its pipes.
    pub(super) fn descriptors(&self, room: bool, now: PlayerTime) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.processes.iter().flat_map(move |process| {
            let streams = process.streams.iter().filter_map(|stream| stream.descriptor.as_ref());
            let report = process.report.iter().filter(move |_| process.expected <= now).map(AsFd::as_fd);
            report.chain(streams.filter(move |_| room).map(AsFd::as_fd))
        })
    }

    /// Reads all readable descriptors.
    pub(super) fn read(&mut self, audience: &mut Audience) {
        /// The maximum number of reads before another stream is read, however fast a step prints.
        const ROUNDS: usize = 16;
        self.read_reports();
        // Output must not arrive before the start is reported, so that of a step that has just started waits.
        for process in self.processes.iter_mut().filter(|process| process.report.is_none()) {
            for stream in &mut process.streams {
                for _ in 0..ROUNDS {
                    if !audience.has_room() || !stream.read(audience, &mut self.reader) {
                        break;
                    }
                }
            }
            if process.is_reported {
                self.streams.insert(process.key, process.stream_lengths());
            }
        }
    }

    /// Reaps children, continues escalations, and returns the first pending event.
    pub(super) fn next_event(&mut self, audience: &mut Audience, now: PlayerTime) -> Option<SessionEvent> {
        self.reap();
        self.read_reports();
        self.events.extend(self.reader.lines.take_found(now));
        for process in &mut self.processes {
            if let Stop::InProgress(escalation) = &mut process.stop
                && let Some(not_stopped) = escalation.look(now, &self.tree.origins, |_| false, |_| {})
            {
                let forced = escalation.forced(now);
                process.stop = Stop::Over(LeftMessage { not_stopped, forced, ..LeftMessage::default() });
            }
        }
        for process in self.processes.iter_mut().filter(|process| process.is_over(self.waits_for_output)) {
            let end = process.end(audience, &mut self.reader, now);
            // Lines that were printed before the end are reported before it.
            self.events.extend(self.reader.lines.take_found(now));
            self.events.push_back(end);
            self.streams.insert(process.key, process.stream_lengths());
            self.tree.is_over(process.key);
        }
        if let Some(warnings) = self.sweep.as_mut().and_then(|sweep| self.tree.look(sweep, now)) {
            self.sweep = None;
            self.processes.clear();
            self.streams.clear();
            self.reader.lines.clear();
            self.events.push_back(SessionEvent::Swept(warnings));
        }
        self.events.pop_front()
    }

    fn reap(&mut self) {
        while let Some(reaped) = sys::reap() {
            let mut running = self.processes.iter_mut().filter(|process| process.ending.is_none());
            if let Some(process) = running.find(|process| process.pid == reaped.pid) {
                process.ending = Some(reaped);
            }
            for process in &mut self.processes {
                if let Stop::InProgress(escalation) = &mut process.stop {
                    escalation.hurry();
                }
            }
            self.sweep.iter_mut().for_each(|sweep| sweep.escalation.hurry());
        }
    }

    /// Schedules another check of the output of this step, whose end is being reported, if other processes hold it.
    /// Returns whether they do.
    pub(super) fn settle_later(&mut self, key: StepId, now: PlayerTime) -> bool {
        // During a sweep, processes that still hold a stream are about to end too.
        let held = |process: &&mut StepProcess| process.key == key && process.is_reported && process.is_held();
        let held = self.processes.iter_mut().find(held).filter(|_| self.sweep.is_none());
        held.map(|process| process.settled_by = Some(now.plus(LET_GO_WITHIN))).is_some()
    }

    /// Checks which processes still hold the output of ended steps. Returns the steps whose output is closed, and those
    /// whose time has expired at `by`.
    pub(super) fn settle(&mut self, audience: &mut Audience, by: PlayerTime) -> Vec<StepSettledMessage> {
        let mut settled = Vec::new();
        for process in &mut self.processes {
            if process.settled_by.is_none_or(|end| end > by && process.is_held()) {
                continue;
            }
            process.settled_by = None;
            process.drain(audience, &mut self.reader);
            let ([(_, stdout), (_, stderr)], leaky) = (process.stream_lengths(), process.is_held());
            let holders = if leaky { self.tree.holders(process.key, &process.pipes()) } else { Vec::new() };
            settled.push(StepSettledMessage { step: process.key, stdout, stderr, leaky, holders });
        }
        self.processes.retain(|process| !process.is_done());
        settled
    }

    /// Reads the reports of children about their start.
    fn read_reports(&mut self) {
        for process in &mut self.processes {
            let Some(result) = process.report.as_mut().and_then(PreparedProcess::read) else { continue };
            process.report = None;
            self.events.push_back(match result {
                Ok(Start { at, late }) => SessionEvent::Started(StepStartedMessage {
                    step: process.key,
                    at: at.nanoseconds(),
                    late: nanoseconds(late),
                    pid: process.pid,
                    stdout: process.streams[0].number,
                    stderr: process.streams[1].number,
                }),
                Err(error) => {
                    process.fail();
                    SessionEvent::NotStarted(process.key, error.into())
                }
            });
        }
    }
}
