//! Driving a worker whose player is the Python program (protocol version 1): the same commands and events as for a session.
//!
//! A phase is downloaded, started by `run`, and answered result by result on connections of their own; nothing can be
//! stopped, and nothing is known of it before its end. The driver works in its actor's thread, and looks for commands
//! between its waits, none of which is longer than [`LOOK`] without a look.

mod exchange;
mod limits;
pub(super) mod players;
mod results;
#[cfg(test)]
mod tests;

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crossbeam_channel::{RecvTimeoutError, TryRecvError, select};

use crate::model::{
    Attention, ConductorTime, Ending, Mode, Outcome, Phase, PhaseId, Printer, Step, StepId, StepResult, Stream, words,
};
use crate::wait::Wait;
use crate::wire::Connection;
use crate::wire::seed::SeedPhase;

use super::connection::context::Context;
use super::event::{Command, ConnectionEvent, End};
use super::now::now;
use limits::{MARGIN, longest, seed_step, unsupported};
use results::{Arrival, Results};

/// How long the driver waits without looking for commands.
const LOOK: Duration = Duration::from_millis(50);
/// How long a phase that was interrupted may still take.
const INTERRUPTED: Duration = Duration::from_secs(10);
/// How far apart two looks are when the conductor itself was held up.
const HELD_UP: Duration = Duration::from_secs(1);
/// How long results may be missing when the `run` connection is closed.
const MISSING: Duration = Duration::from_secs(5);

/// One worker on a seed player.
pub(super) struct SeedDriver<'a> {
    context: &'a Context,
    player: SocketAddr,
    results: Results,
    result_host: String,
    /// Whether the player has a phase that it was not told to run.
    has_phase: bool,
}

impl<'a> SeedDriver<'a> {
    /// Makes ready for the results of the player at the other end of this connection.
    ///
    /// # Errors
    ///
    /// Says what of the plan the seed cannot do, or why nothing can be listened on.
    pub(super) fn new(context: &'a Context, connection: &Connection) -> Result<Self, End> {
        if let Some(what) = unsupported(&context.plan, context.worker) {
            return Err(End::Refused(format!("its player is a Python player, which does not support {what}")));
        }
        let entry = context.plan.worker(context.worker);
        let (player, local) = connection.addresses().map_err(|error| End::Refused(words(&error)))?;
        let own = context.seeds.claim(entry.results_port);
        let port = if own { entry.results_port } else { 0 };
        let limit = context.plan.settings.max_message_size;
        let results = Results::listen(port, player.ip(), limit).map_err(|error| {
            End::Refused(format!("port {port} cannot be used to receive its results: {}", words(&error)))
        })?;
        if !own {
            let text = format!(
                "another worker also uses `resultsport` {}; the results of this worker are received on port {}",
                entry.results_port,
                results.port()
            );
            context.uplink.say(ConnectionEvent::Warning(text));
        }
        let result_host = entry.conductor.clone().unwrap_or_else(|| local.ip().to_canonical().to_string());
        Ok(Self { context, player, results, result_host, has_phase: false })
    }

    /// Obeys commands until the end.
    pub(super) fn run(mut self) -> End {
        loop {
            // The run loop holds the other end of this channel until it has said the end, or is gone itself.
            let command =
                Wait::PythonCommand.receive(self.context.mailbox.commands(), None).unwrap_or(Command::Abandon);
            let done = match command {
                Command::Plan => self.say(ConnectionEvent::PlanTaken),
                Command::Arm(phase) => self.arm(phase),
                Command::Go(phase, at) => self.go(phase, at),
                Command::Stop(phase) => self.stop_unstarted(phase),
                Command::EndTrial(trial) => self.say(ConnectionEvent::TrialEnded(trial)),
                // A worker with a barrier is refused on a seed player.
                Command::Release(..) | Command::FailBarrier(..) => Ok(()),
                Command::Bye | Command::Abandon => Err(End::Closed),
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    #[expect(clippy::unnecessary_wraps, reason = "all commands have answers of one kind")]
    fn say(&self, event: ConnectionEvent) -> Result<(), End> {
        self.context.uplink.say(event);
        Ok(())
    }

    fn steps(&self, phase: Phase) -> &'a [Step] {
        &self.context.plan.worker(self.context.worker).steps[phase]
    }

    /// Gets ready. A player that several workers share gets a phase only just before it is run, for it runs all that it
    /// has at once.
    fn arm(&mut self, phase: PhaseId) -> Result<(), End> {
        if !self.context.seeds.is_shared(&self.context.plan.worker(self.context.worker).player) {
            self.download(phase)?;
        }
        self.say(ConnectionEvent::Armed(phase, Duration::ZERO))
    }

    fn download(&mut self, phase: PhaseId) -> Result<(), End> {
        let default = self.context.plan.settings.step_timeout;
        let message = SeedPhase {
            result_host: self.result_host.clone(),
            result_port: self.results.port(),
            steps: self.steps(phase.phase).iter().map(|step| seed_step(step, default)).collect(),
        };
        exchange::download(self.player, &message)?;
        self.has_phase = true;
        Ok(())
    }

    fn stop_unstarted(&mut self, phase: PhaseId) -> Result<(), End> {
        if self.has_phase {
            return lost(
                "its Python player keeps the phase that it has received until it is restarted; Reset was not run",
            );
        }
        for position in 0..self.steps(phase.phase).len() {
            let skipped = StepResult::without_output(Outcome::Skipped(None));
            self.say(ConnectionEvent::StepEnded(phase.step(position), skipped))?;
        }
        self.say(ConnectionEvent::PhaseEnded(phase))
    }

    fn go(&mut self, phase: PhaseId, at: ConductorTime) -> Result<(), End> {
        let context = self.context;
        let command = Wait::PythonStart.receive(context.mailbox.commands(), Some(at.since(now())));
        if command != Err(RecvTimeoutError::Timeout) {
            return self.interrupted(phase, command.as_ref().ok());
        }
        let entry = context.plan.worker(context.worker);
        let _turn = match context.seeds.turn(&entry.player) {
            None => None,
            Some(turns) => {
                if turns.is_taken() {
                    tracing::info!(
                        "worker `{}` waits for its turn on the Python player at {}",
                        entry.name,
                        entry.player
                    );
                }
                let never = Wait::PythonTurn.no_timer();
                select! {
                    recv(never) -> _ => return Err(End::Closed),
                    recv(turns.tokens()) -> _ => Some(turns.taken()),
                    recv(context.mailbox.commands()) -> command => return self.interrupted(phase, command.as_ref().ok()),
                }
            }
        };
        if !self.has_phase {
            self.download(phase)?;
        }
        self.results.forget();
        let connection = exchange::start(self.player)?;
        self.has_phase = false;
        self.collect(&connection, phase)
    }

    /// Something is wanted before the phase has begun.
    fn interrupted(&mut self, phase: PhaseId, command: Option<&Command>) -> Result<(), End> {
        match command {
            Some(Command::Stop(_)) => self.stop_unstarted(phase),
            _ => Err(End::Closed),
        }
    }

    /// Takes the results of a phase that runs.
    fn collect(&mut self, connection: &TcpStream, phase: PhaseId) -> Result<(), End> {
        let limit = longest(self.steps(phase.phase), self.context.plan.settings.step_timeout);
        let end = limit.and_then(|limit| Instant::now().checked_add(limit));
        let mut collecting = Collecting { step: phase.step(0), stopped: None, quiet: None, limit, end };
        let mut attention = Attention::new(HELD_UP, now());
        loop {
            if let Some(pause) = attention.look(now()) {
                collecting.held_up(pause);
                self.results.held_up(pause);
            }
            match self.look(connection, &mut collecting) {
                Ok(false) => {}
                Ok(true) => return self.say(ConnectionEvent::PhaseEnded(phase)),
                Err(end) => return Err(end),
            }
        }
    }

    /// Waits a while for results and takes them; whether the phase is over.
    fn look(&mut self, connection: &TcpStream, collecting: &mut Collecting) -> Result<bool, End> {
        match self.context.mailbox.commands().try_recv() {
            Ok(Command::Stop(_)) => collecting.stopped = Some(Instant::now()),
            Ok(Command::Bye | Command::Abandon) | Err(TryRecvError::Disconnected) => return Err(End::Closed),
            Ok(_) | Err(TryRecvError::Empty) => {}
        }
        for arrival in self.results.wait(collecting.quiet.is_none().then_some(connection), LOOK) {
            if arrival.is_last() {
                return Ok(true);
            }
            self.arrival(arrival, collecting)?;
        }
        if collecting.quiet.is_none() && exchange::is_over(connection) {
            collecting.quiet = Some(Instant::now());
        }
        if collecting.quiet.is_some_and(|since| since.elapsed() > MISSING) {
            return lost("its player closed the connection without sending results");
        }
        if let (Some(limit), Some(end)) = (collecting.limit, collecting.end)
            && end < Instant::now()
        {
            let limit = humantime::format_duration(limit);
            return lost(format!(
                "its Python player did not end the phase within {limit}, which is longer than its steps may take"
            ));
        }
        if collecting.stopped.is_some_and(|since| since.elapsed() > INTERRUPTED) {
            return lost("its Python player did not finish the phase within 10 s after the stop; Reset was not run");
        }
        Ok(false)
    }

    fn arrival(&self, arrival: Arrival, collecting: &mut Collecting) -> Result<(), End> {
        let step = collecting.step;
        match arrival {
            Arrival::Result(code, text) => self.result(step, code, &text)?,
            Arrival::TooLarge(why) => {
                self.say(ConnectionEvent::OutputFailed(why))?;
                self.say(ConnectionEvent::StepEnded(step, StepResult::without_output(Outcome::Lost)))?;
            }
            Arrival::Elsewhere(address) => {
                let player = self.player.ip().to_canonical();
                let text =
                    format!("closed a connection to its results port: it came from {address}, not from {player}");
                return self.say(ConnectionEvent::Warning(text));
            }
            Arrival::Stranger(why) => {
                let text = format!("a connection to its results port did not send a valid result: {why}");
                return self.say(ConnectionEvent::Warning(text));
            }
        }
        collecting.step.position += 1;
        collecting.quiet = collecting.quiet.map(|_| Instant::now());
        // Many and long results take their time.
        collecting.end = collecting.end.map(|end| end.max(Instant::now() + MARGIN));
        Ok(())
    }

    fn result(&self, id: StepId, code: i64, text: &str) -> Result<(), End> {
        let Some(step) = self.context.plan.step(id.of(self.context.worker)) else {
            return lost(
                "its Python player sent more results than the phase has steps: it still had steps of an earlier run",
            );
        };
        let outcome = outcome(step, code, text);
        let mut result = StepResult::without_output(outcome);
        if result.outcome == Outcome::Passed {
            let mut stream = self.context.store.stream(Printer::Step(id.of(self.context.worker)), Stream::Stdout);
            if let Err(error) = stream.append(text.as_bytes()) {
                self.context.unkept(id, &error);
            }
            result.stdout = stream.output(u64::MAX);
        }
        self.say(ConnectionEvent::StepEnded(id, result))
    }
}

/// The worker is lost, for this reason.
fn lost<T>(reason: impl Into<String>) -> Result<T, End> {
    Err(End::Lost(reason.into()))
}

/// A phase whose results are taken.
struct Collecting {
    /// The step whose result comes next.
    step: StepId,
    /// When the phase was told to stop.
    stopped: Option<Instant>,
    /// How long it may take, and when it has taken too long.
    limit: Option<Duration>,
    end: Option<Instant>,
    /// Since when results are missing: the `run` connection is closed, and none has come after it.
    quiet: Option<Instant>,
}

impl Collecting {
    /// The conductor itself did not run for so long, and has to take what came meanwhile.
    fn held_up(&mut self, pause: Duration) {
        let later = 2 * pause;
        for limit in [&mut self.stopped, &mut self.end, &mut self.quiet] {
            *limit = limit.and_then(|limit| limit.checked_add(later));
        }
    }
}

/// What a seed's result says of its step.
fn outcome(step: &Step, code: i64, text: &str) -> Outcome {
    let timed_out = || text.strip_prefix("Command timed out after ")?.strip_suffix(" seconds")?.parse::<f64>().ok();
    match code {
        0 if step.mode == Mode::Spawn && text == "Spawned" => Outcome::Spawned,
        0 => Outcome::Passed,
        1 if timed_out().is_some() => {
            let limit = timed_out().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
            Outcome::TimedOut(limit.unwrap_or_default())
        }
        code => {
            let code = i32::try_from(code).unwrap_or(i32::MAX);
            Outcome::Failed(if code < 0 { Ending::Signal(-code) } else { Ending::Exit(code) })
        }
    }
}
