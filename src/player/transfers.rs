//! The files of `fetch:` and `put:` steps, on the player's side: read from and written to the disk in small pieces, between
//! everything else that a session does. They need no spool: what is fetched lies on the disk already.

mod fetch;
mod put;
mod walk;

use super::session::SessionEvent;
use crate::model::{PlayerTime, StepId};
use crate::wire::{ActionMessage, ConductorMessage, Outbox, OutcomeMessage, PlanMessage, PlayerMessage, ROOM, Taken};
use fetch::Fetch;
use put::{Put, PutEnd};

/// How many small things are done before everything else gets its turn: as many folders are read, or files opened.
const STEPS: usize = 64;

/// The streams of files are numbered from here on: those of steps' outputs come before.
const FIRST_STREAM: u32 = 1 << 31;

/// The transfers of one session.
#[derive(Debug)]
pub(super) struct Transfers {
    fetches: Vec<Fetch>,
    puts: Vec<Put>,
    next_stream: u32,
    /// Steps that are over and not yet told of.
    ended: Vec<(StepId, OutcomeMessage)>,
}

impl Transfers {
    /// None yet.
    pub(super) fn new() -> Self {
        Self { fetches: Vec::new(), puts: Vec::new(), next_stream: FIRST_STREAM, ended: Vec::new() }
    }

    /// Begins a step's transfer.
    pub(super) fn begin(&mut self, key: StepId, plan: &PlanMessage, outbox: &mut Outbox) {
        let directory = plan.directory.as_deref();
        match plan.steps(key.phase).get(key.position).and_then(|step| step.action.as_ref()) {
            Some(ActionMessage::Fetch { pattern }) => match Fetch::new(key, pattern, directory) {
                Ok(fetch) => self.fetches.push(fetch),
                Err(why) => self.ended.push((key, OutcomeMessage::Unfulfilled { why })),
            },
            Some(ActionMessage::Put { remote }) => {
                outbox.push(&PlayerMessage::PutWanted(key));
                self.puts.push(Put::new(key, remote, directory));
            }
            Some(ActionMessage::Barrier { .. } | ActionMessage::Stop { .. }) | None => {}
        }
    }

    /// Ends a step's transfer; nothing more is said of it.
    pub(super) fn cancel(&mut self, key: StepId, outbox: &mut Outbox) {
        for fetch in self.fetches.extract_if(.., |fetch| fetch.key == key) {
            fetch.cancel(outbox);
        }
        for put in self.puts.extract_if(.., |put| put.key == key) {
            outbox.push(&PlayerMessage::PutOver(put.key));
        }
        self.ended.retain(|(ended, _)| *ended != key);
    }

    /// Takes what has come, but for messages that are not about files: those are given back.
    pub(super) fn take(&mut self, taken: Taken<ConductorMessage>, outbox: &mut Outbox) -> Option<ConductorMessage> {
        match taken {
            Taken::Message(message) => self.message(message, outbox),
            Taken::Data(data) => {
                // What belongs to none is of one that is not wanted any more.
                self.with_put(|put| put.has(data.stream), outbox, |put| put.data(&data));
                None
            }
            Taken::Nothing => None,
        }
    }

    fn message(&mut self, message: ConductorMessage, outbox: &mut Outbox) -> Option<ConductorMessage> {
        match message {
            ConductorMessage::File(file) => {
                let key = file.step;
                self.with_put(|put| put.key == key, outbox, |put| put.begin(&file));
            }
            ConductorMessage::FileEnded(end) => {
                self.with_put(|put| put.has(end.stream), outbox, |put| put.ended(end.clone()));
            }
            ConductorMessage::FileTaken { stream, error } => {
                self.fetches.iter_mut().any(|fetch| fetch.taken(stream, error.as_deref()));
                self.end_fetches();
            }
            other => return Some(other),
        }
        None
    }

    fn with_put(&mut self, is_meant: impl Fn(&Put) -> bool, outbox: &mut Outbox, act: impl FnOnce(&mut Put) -> PutEnd) {
        let Some(index) = self.puts.iter().position(is_meant) else { return };
        let Some(end) = act(&mut self.puts[index]) else { return };
        let put = self.puts.swap_remove(index);
        let outcome = match end {
            Ok(()) => OutcomeMessage::Exit { status: 0 },
            Err(why) => {
                outbox.push(&PlayerMessage::PutOver(put.key));
                OutcomeMessage::Unfulfilled { why }
            }
        };
        self.ended.push((put.key, outcome));
    }

    /// Whether something can be done now, without waiting for anybody.
    pub(super) fn has_work(&self, outbox: &Outbox) -> bool {
        outbox.waiting_data() < ROOM && self.fetches.iter().any(Fetch::has_work)
    }

    /// Does some of what can be done now, if it has its turn: each fetch has its own. What happened.
    pub(super) fn work(&mut self, has_turn: bool, outbox: &mut Outbox, now: PlayerTime) -> Vec<SessionEvent> {
        for _ in 0..STEPS {
            if !has_turn || !self.has_work(outbox) {
                break;
            }
            for fetch in self.fetches.iter_mut().filter(|fetch| fetch.has_work()) {
                fetch.step(&mut self.next_stream, outbox);
            }
        }
        self.end_fetches();
        let ended = |(key, outcome)| SessionEvent::TransferEnded { key, outcome, at: now };
        self.ended.drain(..).map(ended).collect()
    }

    fn end_fetches(&mut self) {
        self.fetches.retain(|fetch| match fetch.outcome() {
            Some(outcome) => {
                self.ended.push((fetch.key, outcome));
                false
            }
            None => true,
        });
    }
}
