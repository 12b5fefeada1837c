//! Holds a player's messages back until the data that they announce has arrived: control messages overtake data.
//!
//! Messages are passed on in order. A message that announces the lengths of streams waits for their bytes, and all
//! later messages wait with it. The end of a step also waits until it is settled which processes hold its output.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::io;
use std::time::Duration;

use super::fault::Fault;
use super::step_result::{list_weight, step_result, weight};
use crate::conduct::event::ConnectionEvent;
use crate::conduct::store::{Store, StreamWriter};
use crate::model::{ConductorTime, Outcome, Printer, Start, StepId, StepResult, Stream, WorkerId};
use crate::wire::{
    Data, OutcomeMessage, PlayerMessage, StepEndedMessage, StepSettledMessage, StepStartedMessage, bounds,
};

/// The minimum time between two reports of new output. Without it, a step that prints fast would wake every thread of
/// the conductor for each piece.
const PAUSE: Duration = Duration::from_millis(10);

/// A step that was started, and whose streams may still grow.
#[derive(Debug, Clone, Copy)]
struct Open {
    started: Start,
    /// Its standard output and standard error.
    streams: [u32; 2],
}

/// A stream that may still grow.
#[derive(Debug)]
struct Writing {
    step: StepId,
    stream: Stream,
    writer: StreamWriter,
    /// How much of it the result of its step contained, if the step has ended: it was leaky.
    told: Option<u64>,
}

/// The streams of one worker, and the messages that wait for them.
#[derive(Debug)]
pub(super) struct Streams {
    store: Store,
    worker: WorkerId,
    open: HashMap<StepId, Open>,
    writers: HashMap<u32, Writing>,
    held: VecDeque<PlayerMessage>,
    /// The number of bytes in the texts and lists of these messages.
    held_bytes: usize,
    /// The events about streams that have ended, to be passed on before the next message.
    over: VecDeque<ConnectionEvent>,
    /// The streams that have grown since the last report, and the time of that report.
    grown: BTreeSet<u32>,
    grown_at: Option<ConductorTime>,
    /// All streams that were announced have numbers below this.
    announced: u64,
    /// The steps whose output cannot be kept completely, each with the reason until it is taken.
    unkept: BTreeMap<StepId, Option<io::Error>>,
}

impl Streams {
    pub(super) fn new(store: Store, worker: WorkerId) -> Self {
        Self {
            store,
            worker,
            open: HashMap::new(),
            writers: HashMap::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            over: VecDeque::new(),
            grown: BTreeSet::new(),
            grown_at: None,
            announced: 0,
            unkept: BTreeMap::new(),
        }
    }

    /// Records that a stream was announced: data of it may arrive, even if it is no longer wanted.
    pub(super) fn announce(&mut self, stream: u32) {
        self.announced = self.announced.max(u64::from(stream) + 1);
    }

    /// Whether a message waits for data.
    pub(super) fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// Processes a message. `started` returns when a step started, on the conductor's clock.
    ///
    /// # Errors
    ///
    /// Returns an error if the player violates the protocol.
    pub(super) fn message(
        &mut self,
        message: PlayerMessage,
        started: impl Fn(&StepStartedMessage) -> Start,
    ) -> Result<(), Fault> {
        if let PlayerMessage::StepStarted(message) = &message {
            let StepStartedMessage { step, stdout, stderr, .. } = *message;
            self.open.insert(step, Open { started: started(message), streams: [stdout, stderr] });
            for (number, stream) in [(stdout, Stream::Stdout), (stderr, Stream::Stderr)] {
                self.announce(number);
                let writer = self.store.stream(Printer::Step(step.of(self.worker)), stream);
                let writing = Writing { step, stream, writer, told: None };
                if self.writers.insert(number, writing).is_some() {
                    return Err(Fault::StreamTwice(number));
                }
            }
        }
        match message {
            PlayerMessage::StepSettled(settled) => self.settle(settled),
            message => {
                if let PlayerMessage::StepEnded(ended) | PlayerMessage::SpawnedEnded(ended) = &message {
                    let missing = bounds::ANNOUNCED.check(self.missing(ended));
                    missing.map_err(|why| Fault::TooMuch("announced", why))?;
                }
                self.held_bytes += weight(&message);
                self.held.push_back(message);
                bounds::HELD.check(self.held_bytes).map_err(|why| Fault::TooMuch("sent", why))?;
            }
        }
        Ok(())
    }

    /// Accepts data. Returns whether it was wanted. Output of a leaky step is accepted until the trial ends; data of
    /// any other stream that has ended is dropped.
    ///
    /// # Errors
    ///
    /// Returns an error if the player violates the protocol. For errors of the disk, see [`Self::unkept`].
    pub(super) fn data(&mut self, data: &Data) -> Result<bool, Fault> {
        let Some(Writing { step, writer, .. }) = self.writers.get_mut(&data.stream) else {
            if u64::from(data.stream) >= self.announced {
                return Err(Fault::NotAnnounced(data.stream));
            }
            return Ok(false);
        };
        if data.offset != writer.received() {
            return Err(Fault::Gap { stream: data.stream, found: data.offset, expected: writer.received() });
        }
        self.grown.insert(data.stream);
        if let Err(error) = writer.append(&data.bytes) {
            self.unkept.entry(*step).or_insert(Some(error));
        }
        Ok(!data.bytes.is_empty())
    }

    /// Returns a step whose output the disk does not accept completely, once for each step.
    pub(super) fn unkept(&mut self) -> Option<(StepId, io::Error)> {
        self.unkept.iter_mut().find_map(|(step, error)| Some((*step, error.take()?)))
    }

    /// The streams that have grown since the last report, each once. A step that has ended since then is left out: its
    /// end event contains the whole output.
    pub(super) fn grown(&mut self, now: ConductorTime) -> Vec<ConnectionEvent> {
        if self.grown.is_empty() {
            return Vec::new();
        }
        self.grown_at = Some(now);
        let grown = std::mem::take(&mut self.grown).into_iter().filter_map(|stream| self.writers.get(&stream));
        grown.map(|own| ConnectionEvent::Output(own.step, own.stream, own.writer.output(u64::MAX))).collect()
    }

    /// The time of the next report of streams that have grown.
    pub(super) fn next_deadline(&self) -> Option<ConductorTime> {
        let earliest = self.grown_at.map_or(ConductorTime::default(), |reported| reported.plus(PAUSE));
        (!self.grown.is_empty()).then_some(earliest)
    }

    /// Accepts no more output of the leaky steps of these trials. Streams that grew after their step had ended are
    /// reported again, in full.
    fn end_late(&mut self, is_over: impl Fn(u32) -> bool) {
        let late = self.writers.extract_if(|_, own| own.told.is_some() && is_over(own.step.trial));
        let mut late: Vec<_> = late.map(|(_, own)| own).collect();
        late.retain(|own| own.told.is_some_and(|told| own.writer.received() > told));
        late.sort_unstable_by_key(|own| (own.step, own.stream));
        let events = late.into_iter();
        self.over
            .extend(events.map(|own| ConnectionEvent::OutputEnded(own.step, own.stream, own.writer.output(u64::MAX))));
    }

    /// Returns the next event whose data is complete.
    pub(super) fn next(&mut self) -> Option<ConnectionEvent> {
        // Not every message is an event.
        loop {
            if let Some(PlayerMessage::TrialEnded { trial }) = self.held.front() {
                let trial = *trial;
                self.end_late(|other| other <= trial);
            }
            if let Some(event) = self.over.pop_front() {
                return Some(event);
            }
            let whole = match self.held.front()? {
                PlayerMessage::StepEnded(ended) | PlayerMessage::SpawnedEnded(ended) => {
                    !ended.left.unsettled && self.missing(ended) == 0
                }
                _ => true,
            };
            if !whole {
                return None;
            }
            let message = self.held.pop_front()?;
            self.held_bytes = self.held_bytes.saturating_sub(weight(&message));
            if let Some(event) = self.event(message) {
                return Some(event);
            }
        }
    }

    /// Returns what a message means to the coordinator, if anything.
    fn event(&mut self, message: PlayerMessage) -> Option<ConnectionEvent> {
        Some(match message {
            PlayerMessage::PlanTaken => ConnectionEvent::PlanTaken,
            PlayerMessage::Versions { printed } => ConnectionEvent::Versions(printed),
            PlayerMessage::Armed(phase) => ConnectionEvent::Armed(phase, Duration::ZERO),
            PlayerMessage::StepStarted(StepStartedMessage { step, .. }) => {
                // If its end came first, that contains its start, too.
                ConnectionEvent::StepStarted(step, self.open.get(&step)?.started)
            }
            PlayerMessage::StepEnded(ended) => ConnectionEvent::StepEnded(ended.step, self.result(ended)),
            PlayerMessage::SpawnedEnded(ended) => ConnectionEvent::SpawnedEnded(ended.step, self.result(ended)),
            PlayerMessage::PhaseEnded(phase) => ConnectionEvent::PhaseEnded(phase),
            PlayerMessage::TrialEnded { trial } => ConnectionEvent::TrialEnded(trial),
            PlayerMessage::Leaving { reason } => ConnectionEvent::Leaving(reason),
            PlayerMessage::Warning { text } => ConnectionEvent::Warning(text),
            // The others are never held back.
            _ => return None,
        })
    }

    /// Returns what is known of the steps that were open when the connection was lost: when they started, and what they
    /// had printed by then.
    pub(super) fn lost(&mut self) -> Vec<ConnectionEvent> {
        let mut open: Vec<_> = self.open.drain().collect();
        open.sort_unstable_by_key(|(key, _)| *key);
        let mut events: Vec<_> = Vec::new();
        for (step, open) in open {
            let mut result = StepResult::without_output(Outcome::Lost);
            result.started = Some(open.started);
            for (stream, output) in open.streams.into_iter().zip([&mut result.stdout, &mut result.stderr]) {
                if let Some(own) = self.writers.remove(&stream) {
                    *output = own.writer.output(u64::MAX);
                }
            }
            events.push(ConnectionEvent::StepLost(step, result));
        }
        self.end_late(|_| true);
        events.extend(self.over.drain(..));
        events
    }

    /// Settles the end of a step that waits for this. An attempt that was followed by another has no such end.
    fn settle(&mut self, settled: StepSettledMessage) {
        let StepSettledMessage { step, stdout, stderr, leaky, holders } = settled;
        let ends = self.held.iter_mut().filter_map(|message| match message {
            PlayerMessage::StepEnded(ended) | PlayerMessage::SpawnedEnded(ended) => Some(ended),
            _ => None,
        });
        // A spawned step has two ends, and both may wait: one message settles them.
        for ended in ends.filter(|ended| ended.left.unsettled && ended.step == step) {
            (ended.stdout, ended.stderr) = (stdout, stderr);
            self.held_bytes = self.held_bytes.saturating_sub(list_weight(&ended.left.holders)) + list_weight(&holders);
            (ended.left.unsettled, ended.left.leaky, ended.left.holders) = (false, leaky, holders.clone());
        }
    }

    /// How many bytes are missing of what a step had printed at its end.
    fn missing(&self, ended: &StepEndedMessage) -> usize {
        let Some(open) = self.open.get(&ended.step) else { return 0 };
        let missing = |(stream, length): (&u32, u64)| {
            self.writers.get(stream).map_or(0, |own| length.saturating_sub(own.writer.received()))
        };
        let both = open.streams.iter().zip([ended.stdout, ended.stderr]).map(missing).fold(0, u64::saturating_add);
        usize::try_from(both).unwrap_or(usize::MAX)
    }

    /// Returns the result of a step. The streams of a spawned step are kept, since it continues.
    fn result(&mut self, ended: StepEndedMessage) -> StepResult {
        let keep = ended.outcome == OutcomeMessage::Spawned;
        let (step, lengths) = (ended.step, [ended.stdout, ended.stderr]);
        let mut result = step_result(ended);
        let Some(open) = self.open.get(&step).copied() else { return result };
        result.started = Some(open.started);
        let outputs = [&mut result.stdout, &mut result.stderr];
        for ((number, length), output) in open.streams.into_iter().zip(lengths).zip(outputs) {
            let Some(own) = self.writers.get_mut(&number) else { continue };
            // Output of a leaky step belongs to it whenever it arrives.
            *output = own.writer.output(if result.leaky { u64::MAX } else { length });
            own.told = (!keep).then(|| own.writer.received());
            if !keep && !result.leaky {
                self.writers.remove(&number);
            }
        }
        if !keep {
            self.open.remove(&step);
        }
        result
    }
}

#[cfg(test)]
mod tests;
