//! What a session's player said, held back until the data that it announced is there: control overtakes data.
//!
//! Messages are passed on in their order. One that announces the lengths of streams waits for their bytes, and whatever
//! came behind it waits with it; so does the end of a step of which it is not settled yet who holds its output.

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

/// How long output that grew may wait to be reported, once some was. Otherwise, a step that prints fast would wake every thread
/// of the conductor for each piece.
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
    /// How much of it was in the result of its step, once that is over: it was leaky.
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
    /// How many bytes of texts and lists they have.
    held_bytes: usize,
    /// What is to be told of streams that are over, before the next message.
    over: VecDeque<ConnectionEvent>,
    /// The streams that grew since that was reported, and when it was reported last.
    grown: BTreeSet<u32>,
    grown_at: Option<ConductorTime>,
    /// The streams that were announced have numbers below this.
    announced: u64,
    /// The steps of which not all that they printed can be kept, and why that is, until it is taken.
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

    /// A stream was announced: data of it may come, also when it is not wanted any more.
    pub(super) fn announce(&mut self, stream: u32) {
        self.announced = self.announced.max(u64::from(stream) + 1);
    }

    /// Whether a message waits for data.
    pub(super) fn is_waiting(&self) -> bool {
        !self.held.is_empty()
    }

    /// Takes a message. `started` says when a step started, on the conductor's clock.
    ///
    /// # Errors
    ///
    /// Says what an honest player would not have said.
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

    /// Takes data; whether it was wanted. A leaky step's output is taken until the trial ends; what comes for any other
    /// stream that is over is dropped.
    ///
    /// # Errors
    ///
    /// Says what an honest player would not have sent. For errors of the disk see [`Self::unkept`].
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

    /// A step of which the disk does not take all that it prints, once for each step.
    pub(super) fn unkept(&mut self) -> Option<(StepId, io::Error)> {
        self.unkept.iter_mut().find_map(|(step, error)| Some((*step, error.take()?)))
    }

    /// The streams that grew since they were reported last: each once, however many pieces came. Of a step that has ended
    /// meanwhile, the end has the whole output.
    pub(super) fn grown(&mut self, now: ConductorTime) -> Vec<ConnectionEvent> {
        if self.grown.is_empty() {
            return Vec::new();
        }
        self.grown_at = Some(now);
        let grown = std::mem::take(&mut self.grown).into_iter().filter_map(|stream| self.writers.get(&stream));
        grown.map(|own| ConnectionEvent::Output(own.step, own.stream, own.writer.output(u64::MAX))).collect()
    }

    /// When streams that grew have to be reported.
    pub(super) fn next_deadline(&self) -> Option<ConductorTime> {
        let earliest = self.grown_at.map_or(ConductorTime::default(), |reported| reported.plus(PAUSE));
        (!self.grown.is_empty()).then_some(earliest)
    }

    /// Takes no more output of the leaky steps of these trials, and reports those again, in full, whose output grew after
    /// they ended.
    fn end_late(&mut self, is_over: impl Fn(u32) -> bool) {
        let late = self.writers.extract_if(|_, own| own.told.is_some() && is_over(own.step.trial));
        let mut late: Vec<_> = late.map(|(_, own)| own).collect();
        late.retain(|own| own.told.is_some_and(|told| own.writer.received() > told));
        late.sort_unstable_by_key(|own| (own.step, own.stream));
        let events = late.into_iter();
        self.over
            .extend(events.map(|own| ConnectionEvent::OutputEnded(own.step, own.stream, own.writer.output(u64::MAX))));
    }

    /// The next event that has all its data.
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

    /// What a message means to the coordinator, if anything.
    fn event(&mut self, message: PlayerMessage) -> Option<ConnectionEvent> {
        Some(match message {
            PlayerMessage::PlanTaken => ConnectionEvent::PlanTaken,
            PlayerMessage::Versions { printed } => ConnectionEvent::Versions(printed),
            PlayerMessage::Armed(phase) => ConnectionEvent::Armed(phase, Duration::ZERO),
            PlayerMessage::StepStarted(StepStartedMessage { step, .. }) => {
                // If its end came first, that has its start too.
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

    /// What is known of the steps that were open when the connection was lost: when they started, and what they had
    /// printed by then.
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

    /// What is said of an end that waits for it: of an attempt after which there was another, none does.
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

    /// What a step left. The streams of one that was spawned are kept: it goes on.
    fn result(&mut self, ended: StepEndedMessage) -> StepResult {
        let keep = ended.outcome == OutcomeMessage::Spawned;
        let (step, lengths) = (ended.step, [ended.stdout, ended.stderr]);
        let mut result = step_result(ended);
        let Some(open) = self.open.get(&step).copied() else { return result };
        result.started = Some(open.started);
        let outputs = [&mut result.stdout, &mut result.stderr];
        for ((number, length), output) in open.streams.into_iter().zip(lengths).zip(outputs) {
            let Some(own) = self.writers.get_mut(&number) else { continue };
            // What a leaky step prints belongs to it whenever it comes.
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
mod tests {
    use super::*;
    use crate::conduct::testing::bytes;
    use crate::model::Process;
    use crate::model::{ConductorTime, Phase};
    use crate::wire::LeftMessage;

    fn startup(step: usize) -> StepId {
        StepId { trial: 1, phase: Phase::Startup, position: step }
    }

    fn started(step: usize, stdout: u32) -> PlayerMessage {
        let (step, at, late, pid, stderr) = (startup(step), 0, 0, 1, stdout + 1);
        PlayerMessage::StepStarted(StepStartedMessage { step, at, late, pid, stdout, stderr })
    }

    fn ended(step: usize, outcome: OutcomeMessage, stdout: u64) -> StepEndedMessage {
        let (step, duration, stderr, left) = (startup(step), None, 0, LeftMessage::default());
        let attempts = Vec::new();
        StepEndedMessage { step, outcome, duration, stdout, stderr, left, attempts }
    }

    fn take(streams: &mut Streams, message: PlayerMessage) {
        let at = crate::conduct::testing::start_at(ConductorTime::from_nanoseconds(1));
        streams.message(message, |_| at).unwrap();
    }

    fn data(stream: u32, offset: u64, text: &str) -> Data {
        Data { stream, offset, bytes: text.as_bytes().to_vec() }
    }

    #[test]
    fn a_spawned_step_ends_twice_and_each_end_has_its_bytes() {
        let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
        take(&mut streams, started(0, 10));
        take(&mut streams, PlayerMessage::StepEnded(ended(0, OutcomeMessage::Spawned, 3)));
        take(&mut streams, PlayerMessage::PhaseEnded(startup(0).phase_id()));
        let exit = OutcomeMessage::Exit { status: 0 };
        take(&mut streams, PlayerMessage::SpawnedEnded(ended(0, exit, 8)));
        assert!(matches!(streams.next(), Some(ConnectionEvent::StepStarted(..))));
        assert!(streams.next().is_none(), "its bytes are on the way");
        streams.data(&data(10, 0, "early")).unwrap();
        let Some(ConnectionEvent::StepEnded(_, result)) = streams.next() else { panic!("the spawn is whole") };
        assert_eq!((result.outcome, bytes(&result.stdout)), (Outcome::Spawned, b"ear".to_vec()));
        assert!(matches!(streams.next(), Some(ConnectionEvent::PhaseEnded(_))));
        assert!(streams.next().is_none());
        streams.data(&data(10, 5, " on")).unwrap();
        let Some(ConnectionEvent::SpawnedEnded(_, result)) = streams.next() else { panic!("the end is whole") };
        assert_eq!((result.outcome, bytes(&result.stdout)), (Outcome::Passed, b"early on".to_vec()));
        assert!(!streams.is_waiting());
    }

    fn leaky(stdout: u64, holder: &Process) -> PlayerMessage {
        let exit = OutcomeMessage::Exit { status: 0 };
        let left = LeftMessage { leaky: true, holders: vec![holder.clone()], ..LeftMessage::default() };
        PlayerMessage::StepEnded(StepEndedMessage { left, ..ended(0, exit, stdout) })
    }

    fn holder() -> Process {
        Process { pid: 7, user: "somebody".to_owned(), command: "sleep 600".to_owned() }
    }

    fn at(seconds: u64) -> ConductorTime {
        ConductorTime::from_nanoseconds(0).plus(Duration::from_secs(seconds))
    }

    /// A leaky step that printed `ab` by its end.
    fn leaks(streams: &mut Streams) {
        take(streams, started(0, 10));
        take(streams, leaky(2, &holder()));
        streams.data(&data(10, 0, "ab")).unwrap();
        assert_eq!(streams.next_deadline(), Some(at(0)));
        assert_eq!(streams.grown(at(3)).len(), 1);
        assert_eq!(streams.next_deadline(), None);
        streams.next();
        let Some(ConnectionEvent::StepEnded(_, result)) = streams.next() else { panic!("the step is whole") };
        assert_eq!((result.leaky, &result.holders[..], bytes(&result.stdout)), (true, &[holder()][..], b"ab".to_vec()));
    }

    #[test]
    fn what_comes_behind_the_end_of_a_leaky_step_is_its_output_until_the_trial_ends() {
        let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
        leaks(&mut streams);
        streams.data(&data(10, 2, " late")).unwrap();
        assert_eq!(streams.next_deadline(), Some(at(3).plus(PAUSE)));
        let grown = streams.grown(at(4));
        let [ConnectionEvent::Output(StepId { position: 0, .. }, Stream::Stdout, output)] = &grown[..] else {
            panic!("one stream grew: {grown:?}")
        };
        assert_eq!(bytes(output), b"ab late");
        take(&mut streams, PlayerMessage::TrialEnded { trial: 1 });
        let Some(ConnectionEvent::OutputEnded(_, Stream::Stdout, output)) = streams.next() else { panic!("it grew") };
        assert_eq!(bytes(&output), b"ab late");
        assert!(matches!(streams.next(), Some(ConnectionEvent::TrialEnded(1))));
        streams.data(&data(10, 7, " too late")).unwrap();
        assert!(streams.grown(at(5)).is_empty() && streams.writers.is_empty());
    }

    #[test]
    fn a_leaky_step_that_prints_nothing_more_is_told_of_once() {
        let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
        leaks(&mut streams);
        take(&mut streams, PlayerMessage::TrialEnded { trial: 1 });
        assert!(matches!(streams.next(), Some(ConnectionEvent::TrialEnded(1))));
        assert!(streams.writers.is_empty());
    }

    #[test]
    fn late_output_is_told_of_when_the_connection_is_lost() {
        let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
        leaks(&mut streams);
        streams.data(&data(10, 2, " late")).unwrap();
        let lost = streams.lost();
        let [ConnectionEvent::OutputEnded(_, Stream::Stdout, output)] = &lost[..] else { panic!("{lost:?}") };
        assert_eq!(bytes(output), b"ab late");
    }

    #[test]
    fn what_is_not_settled_holds_up_what_comes_behind_it_and_gets_what_was_printed_by_then() {
        let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
        take(&mut streams, started(0, 10));
        let left = LeftMessage { unsettled: true, ..LeftMessage::default() };
        let exit = OutcomeMessage::Exit { status: 0 };
        take(&mut streams, PlayerMessage::StepEnded(StepEndedMessage { left, ..ended(0, exit.clone(), 2) }));
        take(&mut streams, started(1, 20));
        take(&mut streams, PlayerMessage::StepEnded(ended(1, exit, 1)));
        streams.data(&data(10, 0, "ab")).unwrap();
        streams.data(&data(20, 0, "x")).unwrap();
        assert!(matches!(streams.next(), Some(ConnectionEvent::StepStarted(..))));
        assert!(streams.next().is_none() && streams.is_waiting());
        let settled = |step, stdout, leaky| {
            let (step, stderr, holders) = (startup(step), 0, Vec::new());
            PlayerMessage::StepSettled(StepSettledMessage { step, stdout, stderr, leaky, holders })
        };
        take(&mut streams, settled(1, 5, true));
        take(&mut streams, settled(0, 4, false));
        assert!(streams.next().is_none(), "its bytes are on the way");
        streams.data(&data(10, 2, "cd")).unwrap();
        let Some(ConnectionEvent::StepEnded(_, result)) = streams.next() else { panic!("the first is whole") };
        assert_eq!((result.leaky, bytes(&result.stdout)), (false, b"abcd".to_vec()));
        assert!(matches!(streams.next(), Some(ConnectionEvent::StepStarted(..))));
        let Some(ConnectionEvent::StepEnded(_, result)) = streams.next() else { panic!("the second is whole") };
        assert_eq!((result.leaky, bytes(&result.stdout)), (false, b"x".to_vec()), "nothing had to be settled");
    }

    #[test]
    fn thousands_of_messages_that_are_no_events_are_passed_over_one_by_one() {
        let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
        let exit = OutcomeMessage::Exit { status: 0 };
        let left = LeftMessage { unsettled: true, ..LeftMessage::default() };
        take(&mut streams, PlayerMessage::StepEnded(StepEndedMessage { left, ..ended(0, exit, 0) }));
        for number in 0..100_000 {
            take(&mut streams, started(1, 10 + 2 * number));
        }
        streams.open.clear();
        let (step, stdout, stderr, leaky, holders) = (startup(0), 0, 0, false, Vec::new());
        let settled = StepSettledMessage { step, stdout, stderr, leaky, holders };
        take(&mut streams, PlayerMessage::StepSettled(settled));
        assert!(matches!(streams.next(), Some(ConnectionEvent::StepEnded(..))));
        assert!(streams.next().is_none() && !streams.is_waiting());
    }

    #[test]
    fn what_was_never_announced_is_the_players_error() {
        let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
        assert!(streams.data(&data(10, 0, "b")).is_err());
        take(&mut streams, started(0, 10));
        assert!(streams.data(&data(12, 0, "b")).is_err());
        assert!(!streams.data(&data(9, 0, "b")).unwrap(), "a step that is over");
        let twice =
            streams.message(started(1, 11), |_| crate::conduct::testing::start_at(ConductorTime::from_nanoseconds(1)));
        assert_eq!(twice.unwrap_err().to_string(), "its player announced stream 11 twice");
    }

    #[test]
    fn a_gap_in_a_stream_is_the_players_error() {
        let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
        take(&mut streams, started(0, 10));
        assert!(streams.data(&data(10, 1, "b")).is_err());
    }
}
