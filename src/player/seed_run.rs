//! The process that runs one phase of a Python conductor, and delivers its results.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::family::Cgroups;
use super::note::{self, Note};
use super::seed_delivery::{SUPERSEDED, deliver};
use super::session::Session;
use super::session_process::SessionProcess;
use crate::model::{PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE};
use crate::sys::Process;
use crate::wire::seed::{SeedPhase, encode_result};
use crate::wire::{
    ConductorMessage, Data, Outbox, OutcomeMessage, PhaseName, PlanMessage, PlayerMessage, StepEndedMessage,
    StepMessage,
};

/// A phase that a Python conductor has told us to run.
#[derive(Debug)]
pub(super) struct SeedRun {
    /// The phase.
    pub(super) phase: SeedPhase,
    /// The connection that said `run`, which is closed when all has run.
    pub(super) connection: Option<TcpStream>,
    /// The largest message.
    pub(super) limit: u64,
    /// Whether its steps are to run: when the player is about to stop the conductor is only told that they did not.
    pub(super) is_wanted: bool,
    /// The processes that have to deliver results to the same place first.
    pub(super) before: Vec<Process>,
}

impl SeedRun {
    /// Runs the phase, delivers its results; the exit status.
    pub(super) fn run(self, mut notes: UnixStream, cgroups: &Cgroups) -> i32 {
        let Self { phase, connection, limit, is_wanted, before } = self;
        let (mut kept, mut left, mut stopped) = (Kept::new(limit), Vec::new(), None);
        if is_wanted {
            let process = |notes| SessionProcess::new(Session::new(), None, 0, notes, cgroups.clone());
            let Ok(process) = notes.try_clone().and_then(process) else { return 1 };
            let alone = process.run_alone(phase_messages(&phase), kept);
            (kept, left, stopped) = (alone.kept, alone.left, alone.stopped);
        }
        note::send(&mut notes, &Note::Delivering);
        let mut results = kept.results(&phase);
        results.push(encode_result(PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE));
        if stopped != Some(SUPERSEDED)
            && let Err(why) = deliver(&phase, &results, &before, stopped.is_some() || !is_wanted)
        {
            tracing::warn!("results for {}:{} are lost: {why}", phase.result_host, phase.result_port);
        }
        note::send(&mut notes, &Note::Over { left, summary: None });
        drop(connection);
        0
    }
}

/// What is kept of a phase that runs for a seed conductor.
#[derive(Debug)]
pub(super) struct Kept {
    limit: usize,
    /// Standard outputs, by the numbers of their streams.
    outputs: BTreeMap<u32, Vec<u8>>,
    streams: BTreeMap<usize, u32>,
    ended: BTreeMap<usize, StepEndedMessage>,
}

impl Kept {
    fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { limit, outputs: BTreeMap::new(), streams: BTreeMap::new(), ended: BTreeMap::new() }
    }

    /// Takes what the steps printed: standard output is delivered, up to what fits into a message.
    pub(super) fn take_data(&mut self, outbox: &mut Outbox) {
        while let Some(Data { stream, bytes, .. }) = outbox.take_data() {
            if stream % 2 == 0 {
                let output = self.outputs.entry(stream).or_default();
                let room = self.limit.saturating_sub(output.len());
                output.extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
        }
    }

    /// Takes what the session says; whether its phase is over.
    pub(super) fn take(&mut self, message: PlayerMessage) -> bool {
        match message {
            PlayerMessage::StepStarted(started) => {
                self.streams.insert(started.step, started.stdout);
            }
            PlayerMessage::StepEnded(ended) => {
                self.ended.insert(ended.step, ended);
            }
            PlayerMessage::PhaseEnded { .. } => return true,
            _ => {}
        }
        false
    }

    /// The results of the phase, as the seed words them.
    fn results(mut self, phase: &SeedPhase) -> Vec<Vec<u8>> {
        let ended = std::mem::take(&mut self.ended);
        let results = phase.steps.iter().enumerate().map(|(position, step)| {
            let outcome = ended.get(&position).map(|ended| &ended.outcome);
            let (code, text) = match outcome {
                Some(OutcomeMessage::Exit { status: 0 } | OutcomeMessage::Elapsed { .. }) => (0, self.output(position)),
                Some(OutcomeMessage::Exit { status }) => (i64::from(*status), step.command.clone()),
                Some(OutcomeMessage::Signal { signal }) => (-i64::from(*signal), step.command.clone()),
                Some(OutcomeMessage::TimedOut { after }) => {
                    let seconds = Duration::from_nanos(*after).as_secs_f64();
                    (1, format!("Command timed out after {seconds} seconds"))
                }
                Some(OutcomeMessage::Spawned) => (0, "Spawned".to_owned()),
                Some(OutcomeMessage::NotStarted { why } | OutcomeMessage::Unfulfilled { why }) => (1, why.clone()),
                Some(OutcomeMessage::Stopped | OutcomeMessage::Skipped { .. }) | None => (1, "stopped".to_owned()),
            };
            fitting(code, text, self.limit)
        });
        results.collect()
    }

    fn output(&self, position: usize) -> String {
        let bytes = self.streams.get(&position).and_then(|stream| self.outputs.get(stream));
        String::from_utf8_lossy(bytes.map_or(&[][..], Vec::as_slice)).into_owned()
    }
}

/// A result within the limit of a message: a text that is too long loses its end, and says so.
fn fitting(code: i64, mut text: String, limit: usize) -> Vec<u8> {
    let mut payload = encode_result(code, &text);
    while payload.len() > limit && !text.is_empty() {
        let before = text.len();
        text.truncate(text.floor_char_boundary(before / 2));
        payload = encode_result(code, &format!("{text}\n[the rest is too long for a message]\n"));
    }
    payload
}

/// What the session has to be told, so that it runs this phase.
fn phase_messages(phase: &SeedPhase) -> [ConductorMessage; 3] {
    let steps = phase.steps.iter().enumerate().map(|(position, step)| StepMessage {
        label: format!("step{}", position + 1),
        command: step.command.clone(),
        spawn: step.spawn,
        timeout: step.timeout.map(|timeout| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX)),
        ..StepMessage::default()
    });
    let plan = PlanMessage {
        incarnation: None,
        trials: 1,
        phases: vec![PhaseName::Run],
        shell: "/bin/sh".to_owned(),
        directory: None,
        environment: Vec::new(),
        step_timeout: None,
        reset_timeout: 0,
        lease: 0,
        startup: Vec::new(),
        run: steps.collect(),
        collect: Vec::new(),
        reset: Vec::new(),
    };
    let (trial, phase) = (1, PhaseName::Run);
    [
        ConductorMessage::Plan(Box::new(plan)),
        ConductorMessage::Arm { trial, phase },
        ConductorMessage::Go { trial, phase, at: None },
    ]
}
