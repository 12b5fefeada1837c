//! The process that runs a seed conductor's phases, and delivers the results as the seed's player does.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::family::Cgroups;
use super::note::{self, Note};
use super::session::Session;
use super::session_process::SessionProcess;
use crate::sys::SignalDescriptor;
use crate::wait::Wait;
use crate::wire::seed::{PHASES_COMPLETE, SeedPhase, encode_result};
use crate::wire::{
    ConductorMessage, Data, Outbox, OutcomeMessage, PhaseName, PlanMessage, PlayerMessage, StepEndedMessage,
    StepMessage, frame,
};

/// How long a conductor that does not listen yet is tried: the seed sends `run` before it listens.
const PATIENCE: Duration = Wait::PythonConductor.time();

/// The signal that says that nobody waits for the results any more: whoever listens for them is a later conductor.
pub(super) const SUPERSEDED: i32 = libc::SIGHUP;

/// What a seed conductor has told us to run.
#[derive(Debug)]
pub(super) struct SeedRun {
    /// The phases, in order.
    pub(super) phases: Vec<SeedPhase>,
    /// The connection that said `run`; the conductor waits for its end.
    pub(super) connection: TcpStream,
    /// The largest message.
    pub(super) limit: u64,
}

impl SeedRun {
    /// Runs all, delivers all; the exit status.
    pub(super) fn run(self, mut notes: UnixStream, cgroups: &Cgroups) -> i32 {
        let mut left = Vec::new();
        let mut results = Vec::new();
        let mut stopped = None;
        for phase in &self.phases {
            let process = |notes| SessionProcess::new(Session::new(), None, 0, notes, cgroups.clone());
            let Ok(process) = notes.try_clone().and_then(process) else { return 1 };
            let alone = process.run_alone(phase_messages(phase), Kept::new(self.limit));
            results.extend(alone.kept.results(phase));
            left = alone.left;
            stopped = alone.stopped;
            if stopped.is_some() {
                break;
            }
        }
        note::send(&mut notes, &Note::Delivering);
        results.push(encode_result(PHASES_COMPLETE, "phases complete"));
        if let Some(phase) = self.phases.last().filter(|_| stopped != Some(SUPERSEDED))
            && let Err(why) = deliver_all(phase, &results)
        {
            tracing::warn!("results for {}:{} are lost: {why}", phase.result_host, phase.result_port);
        }
        note::send(&mut notes, &Note::Over { left, summary: None });
        drop(self.connection);
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

/// Delivers the results in their order, unless they are not wanted any more.
fn deliver_all(phase: &SeedPhase, results: &[Vec<u8>]) -> std::io::Result<()> {
    let signals = SignalDescriptor::new(&[SUPERSEDED])?;
    let end = Instant::now() + PATIENCE;
    results.iter().try_for_each(|payload| deliver(phase, payload, end, &signals))
}

/// Delivers one result on a connection of its own, and waits until the conductor has taken it.
fn deliver(phase: &SeedPhase, payload: &[u8], end: Instant, signals: &SignalDescriptor) -> std::io::Result<()> {
    let mut stream = connect(phase, end, signals)?;
    Wait::PythonConductor.limit_writes(&stream, PATIENCE)?;
    Wait::PythonConductor.limit_reads(&stream, PATIENCE)?;
    stream.write_all(&frame(payload))?;
    stream.shutdown(std::net::Shutdown::Write)?;
    // Results are connections of their own: only the end of one before the next begins keeps their order.
    let _ = stream.read(&mut [0; 1]);
    Ok(())
}

fn connect(phase: &SeedPhase, end: Instant, signals: &SignalDescriptor) -> std::io::Result<TcpStream> {
    loop {
        if signals.take().is_some() {
            return Err(std::io::Error::other("their conductor has been started anew"));
        }
        let left = end.saturating_duration_since(Instant::now());
        let addresses = Wait::NameLookup.look_up(&phase.result_host, phase.result_port, left, || true)?;
        let mut error = std::io::Error::other("the name has no address");
        for address in addresses {
            match Wait::PythonConductor.connect(&address) {
                Ok(stream) => return Ok(stream),
                Err(why) => error = why,
            }
        }
        if Instant::now() >= end {
            return Err(error);
        }
        Wait::PythonConductorRetry.pause(Wait::PythonConductorRetry.time());
    }
}
