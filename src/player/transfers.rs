//! The files of `fetch:` and `put:` steps on the player. They are read and written in small pieces, between the other
//! work of a session. They need no spool, because fetched files are already on the disk.

mod fetch;
mod put;
mod walk;

use super::session::SessionEvent;
use crate::model::{PlayerTime, StepId};
use crate::wire::{ActionMessage, ConductorMessage, Outbox, OutcomeMessage, PlanMessage, PlayerMessage, ROOM, Taken};
use fetch::Fetch;
use put::Put;

/// How many folders are read, or files opened, before other work continues.
const STEPS: usize = 64;

/// The first stream number of files. Those of steps' outputs are lower.
const FIRST_STREAM: u32 = 1 << 31;

/// The transfers of one session.
#[derive(Debug)]
pub(super) struct Transfers {
    fetches: Vec<Fetch>,
    puts: Vec<Put>,
    next_stream: u32,
    /// The steps that have ended and have not been reported.
    ended: Vec<(StepId, OutcomeMessage)>,
}

impl Transfers {
    /// Creates an empty set of transfers.
    pub(super) fn new() -> Self {
        Self { fetches: Vec::new(), puts: Vec::new(), next_stream: FIRST_STREAM, ended: Vec::new() }
    }

    /// Starts the transfer of a step. `scratch` is the scratch folder, or the reason why there is none.
    pub(super) fn begin(
        &mut self,
        key: StepId,
        plan: &PlanMessage,
        scratch: &Result<String, String>,
        outbox: &mut Outbox,
    ) {
        let directory = plan.directory.as_deref();
        match plan.steps(key.phase).get(key.position).and_then(|step| step.action.as_ref()) {
            Some(ActionMessage::Fetch { pattern, scratch: in_scratch }) => {
                let folder = if *in_scratch { scratch.as_deref().map(Some) } else { Ok(directory) };
                match folder.map_err(String::clone).and_then(|folder| Fetch::new(key, pattern, folder)) {
                    Ok(fetch) => self.fetches.push(fetch),
                    Err(why) => self.ended.push((key, OutcomeMessage::Unfulfilled { why })),
                }
            }
            Some(ActionMessage::Put { remote }) => {
                outbox.push(&PlayerMessage::PutWanted(key));
                self.puts.push(Put::new(key, remote, directory));
            }
            Some(ActionMessage::Barrier { .. } | ActionMessage::Stop { .. } | ActionMessage::Await { .. }) | None => {}
        }
    }

    /// Ends the transfer of a step without reporting this.
    pub(super) fn cancel(&mut self, key: StepId, outbox: &mut Outbox) {
        self.fetches.extract_if(.., |fetch| fetch.key == key).for_each(|fetch| fetch.cancel(outbox));
        let puts = self.puts.extract_if(.., |put| put.key == key);
        puts.for_each(|put| outbox.push(&PlayerMessage::PutOver(put.key)));
        self.ended.retain(|(ended, _)| *ended != key);
    }

    /// Handles what has arrived. Returns messages that are not about files.
    pub(super) fn take(&mut self, taken: Taken<ConductorMessage>, outbox: &mut Outbox) -> Option<ConductorMessage> {
        match taken {
            Taken::Message(message) => self.message(message, outbox),
            Taken::Data(data) => {
                // Data that belongs to no step is from a cancelled one.
                self.with_put(|put| put.has(data.stream), outbox, |put| put.data(&data));
                None
            }
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

    fn with_put(
        &mut self,
        is_meant: impl Fn(&Put) -> bool,
        outbox: &mut Outbox,
        act: impl FnOnce(&mut Put) -> Result<bool, String>,
    ) {
        let Some(index) = self.puts.iter().position(is_meant) else { return };
        let outcome = match act(&mut self.puts[index]) {
            Ok(false) => return,
            Ok(true) => OutcomeMessage::Exit { status: 0 },
            Err(why) => OutcomeMessage::Unfulfilled { why },
        };
        let Put { key, .. } = self.puts.swap_remove(index);
        if outcome.is_failure() {
            outbox.push(&PlayerMessage::PutOver(key));
        }
        self.ended.push((key, outcome));
    }

    /// Whether something can be done without waiting.
    pub(super) fn has_work(&self, outbox: &Outbox) -> bool {
        outbox.waiting_data() < ROOM && self.fetches.iter().any(Fetch::has_work)
    }

    /// Does some of the work, unless it has to wait for other output. Returns the steps that have ended.
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
        let over = self.fetches.extract_if(.., |fetch| fetch.is_over());
        self.ended.extend(over.map(|fetch| (fetch.key, fetch.outcome())));
    }
}
