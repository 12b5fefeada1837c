//! Drives a worker whose player is the Python program (protocol version 1), with the commands and events of a session.
//!
//! A phase is downloaded, started by `run`, and answered result by result, each on a connection of its own. Nothing can
//! be stopped, and nothing is known of a phase before its end. The driver works in its actor's thread, and looks for
//! commands between its waits. It never waits longer than [`LOOK`] without looking.

mod exchange;
mod limits;
pub(super) mod players;
mod results;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crossbeam_channel::select;

use crate::model::{
    Attention, ConductorTime, Ending, Mode, Outcome, Phase, PhaseId, Printer, Step, StepId, StepResult, Stream, words,
};
use crate::wait::Wait;
use crate::wire::Connection;
use crate::wire::seed::{PHASES_COMPLETE, SeedPhase};

use super::connection::context::Context;
use super::event::{Command, ConnectionEvent, End};
use super::now::now;
use limits::{MARGIN, longest, seed_step, unsupported};
use players::{Claim, Turn};
use results::{Arrival, Results};

/// How long the driver waits without looking for commands.
const LOOK: Duration = Duration::from_millis(50);
/// How long an interrupted phase may still take.
const INTERRUPTED: Duration = Duration::from_secs(10);
/// The time between two looks that shows that the conductor itself was held up.
const HELD_UP: Duration = Duration::from_secs(1);
/// How long results may be missing after the `run` connection was closed.
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
    /// Prepares to receive the results of the player at the other end of this connection.
    ///
    /// # Errors
    ///
    /// Returns an error if a Python player does not support the plan, or if no port can be opened.
    pub(super) fn new(context: &'a Context, connection: &Connection) -> Result<Self, End> {
        if let Some(what) = unsupported(&context.plan, context.worker) {
            return Err(End::lost(format!("its player is a Python player, which does not support {what}")));
        }
        let entry = context.entry();
        let (player, local) = connection.addresses().map_err(|error| End::lost(words(&error)))?;
        let claim = context.seeds.claim(entry.results_port, context.worker);
        let limit = context.plan.settings.max_message_size;
        let (results, warning) = listen(claim, entry.results_port, player.ip(), limit)?;
        if let Some(warning) = warning {
            context.say(ConnectionEvent::Warning(warning));
        }
        let result_host = entry.conductor.clone().unwrap_or_else(|| local.ip().to_canonical().to_string());
        Ok(Self { context, player, results, result_host, has_phase: false })
    }

    /// Obeys commands until the end.
    pub(super) fn run(mut self) -> End {
        loop {
            let command = self.context.mailbox.within(Wait::PythonCommand, None).unwrap_or(Command::Abandon);
            if let Err(end) = self.obey(&command) {
                return end;
            }
        }
    }

    fn obey(&mut self, command: &Command) -> Result<(), End> {
        match *command {
            Command::Plan(_) => self.context.say(ConnectionEvent::PlanTaken),
            Command::Arm(phase) => self.arm(phase)?,
            Command::Go(phase, at) => self.go(phase, at)?,
            Command::Stop(phase) => self.stop_unstarted(phase)?,
            Command::EndTrial(trial) => self.context.say(ConnectionEvent::TrialEnded(trial)),
            // A worker with a barrier is refused on a seed player.
            Command::Release(..) | Command::FailBarrier(..) => {}
            Command::Bye | Command::Abandon => return Err(End::closed()),
        }
        Ok(())
    }

    fn steps(&self, phase: Phase) -> &'a [Step] {
        &self.context.entry().steps[phase]
    }

    /// Gets ready. A player that several workers share gets a phase only just before it is run, because it runs
    /// everything that it has received at once.
    fn arm(&mut self, phase: PhaseId) -> Result<(), End> {
        if self.context.seeds.turns(&self.context.entry().player).is_none() {
            self.download(phase)?;
        }
        self.context.say(ConnectionEvent::Armed(phase, Duration::ZERO));
        Ok(())
    }

    fn download(&mut self, phase: PhaseId) -> Result<(), End> {
        let default = self.context.plan.settings.step_timeout;
        let message = SeedPhase {
            result_host: self.result_host.clone(),
            result_port: self.results.port,
            steps: self.steps(phase.phase).iter().map(|step| seed_step(step, default)).collect(),
        };
        exchange::download(self.player, &message)?;
        self.has_phase = true;
        Ok(())
    }

    fn stop_unstarted(&mut self, phase: PhaseId) -> Result<(), End> {
        if self.has_phase {
            return Err(End::lost(
                "its Python player keeps the phase that it has received until it is restarted; Reset was not run",
            ));
        }
        for position in 0..self.steps(phase.phase).len() {
            let skipped = StepResult::without_output(Outcome::Skipped(None));
            self.context.say(ConnectionEvent::StepEnded(phase.step(position), skipped));
        }
        self.context.say(ConnectionEvent::PhaseEnded(phase));
        Ok(())
    }

    fn go(&mut self, phase: PhaseId, at: ConductorTime) -> Result<(), End> {
        let context = self.context;
        // Before the phase has begun, a command can only stop it or end the connection.
        if let Some(command) = context.mailbox.within(Wait::PythonStart, Some(at.since(now()))) {
            return self.obey(&command);
        }
        let entry = context.entry();
        let turns = context.seeds.turns(&entry.player);
        if let Some(turns) = turns {
            if turns.take.is_full() {
                tracing::info!("worker `{}` waits for its turn on the Python player at {}", entry.name, entry.player);
            }
            let never = Wait::PythonTurn.no_timer();
            select! {
                recv(never) -> _ => return Err(End::closed()),
                send(turns.take, ()) -> _ => {}
                recv(context.mailbox.commands) -> command => return self.obey(&command.unwrap_or(Command::Abandon)),
            }
        }
        let _turn = turns.map(Turn);
        if !self.has_phase {
            self.download(phase)?;
        }
        self.results.forget();
        let connection = exchange::start(self.player)?;
        self.has_phase = false;
        self.collect(&connection, phase)
    }

    /// Collects the results of a running phase.
    fn collect(&mut self, connection: &TcpStream, phase: PhaseId) -> Result<(), End> {
        let end = self.longest(phase.phase).and_then(|limit| Instant::now().checked_add(limit));
        let mut collecting = Collecting { step: phase.step(0), stopped: None, quiet: None, end };
        let mut attention = Attention::new(HELD_UP, now());
        loop {
            if let Some(pause) = attention.look(now()) {
                collecting.held_up(pause);
                self.results.held_up(pause);
            }
            if self.look(connection, &mut collecting)? {
                self.context.say(ConnectionEvent::PhaseEnded(phase));
                return Ok(());
            }
        }
    }

    /// How long a phase may take; `None` if one of its steps has no time limit.
    fn longest(&self, phase: Phase) -> Option<Duration> {
        longest(self.steps(phase), self.context.plan.settings.step_timeout)
    }

    /// Waits a while for results and processes them. Returns whether the phase has ended.
    fn look(&mut self, connection: &TcpStream, collecting: &mut Collecting) -> Result<bool, End> {
        match self.context.mailbox.within(Wait::PythonCommand, Some(Duration::ZERO)) {
            Some(Command::Stop(_)) => collecting.stopped = Some(Instant::now() + INTERRUPTED),
            Some(Command::Bye | Command::Abandon) => return Err(End::closed()),
            _ => {}
        }
        for arrival in self.results.wait(collecting.quiet.is_none().then_some(connection), LOOK) {
            if matches!(arrival, Arrival::Result(PHASES_COMPLETE, _)) {
                return Ok(true);
            }
            self.arrival(arrival, collecting)?;
        }
        if collecting.quiet.is_none() && exchange::is_over(connection) {
            collecting.quiet = Some(Instant::now() + MISSING);
        }
        let is_past = |limit: Option<Instant>| limit.is_some_and(|limit| limit < Instant::now());
        if is_past(collecting.quiet) {
            Err(End::lost("its player closed the connection without sending results"))
        } else if is_past(collecting.end) {
            let limit = humantime::format_duration(self.longest(collecting.step.phase).unwrap_or_default());
            Err(End::lost(format!(
                "its Python player did not end the phase within {limit}, which is longer than its steps may take"
            )))
        } else if is_past(collecting.stopped) {
            Err(End::lost("its Python player did not finish the phase within 10 s after the stop; Reset was not run"))
        } else {
            Ok(false)
        }
    }

    fn arrival(&self, arrival: Arrival, collecting: &mut Collecting) -> Result<(), End> {
        let step = collecting.step;
        match arrival {
            Arrival::Result(code, text) => self.result(step, code, &text)?,
            Arrival::TooLarge(why) => {
                self.context.say(ConnectionEvent::OutputFailed(why));
                self.context.say(ConnectionEvent::StepEnded(step, StepResult::without_output(Outcome::Lost)));
            }
            Arrival::Stranger(text) => {
                self.context.say(ConnectionEvent::Warning(text));
                return Ok(());
            }
        }
        collecting.step.position += 1;
        collecting.quiet = collecting.quiet.map(|_| Instant::now() + MISSING);
        // Many results, or long ones, take time.
        collecting.end = collecting.end.map(|end| end.max(Instant::now() + MARGIN));
        Ok(())
    }

    fn result(&self, id: StepId, code: i64, text: &str) -> Result<(), End> {
        let reference = id.of(self.context.worker);
        let Some(step) = self.context.plan.step(reference) else {
            return Err(End::lost(
                "its Python player sent more results than the phase has steps: it still had steps of an earlier run",
            ));
        };
        let mut result = StepResult::without_output(outcome(step, code, text));
        if result.outcome == Outcome::Passed {
            let mut stream = self.context.store.stream(Printer::Step(reference), Stream::Stdout);
            if let Err(error) = stream.append(text.as_bytes()) {
                self.context.unkept(id, &error);
            }
            result.stdout = stream.output(u64::MAX);
        }
        self.context.say(ConnectionEvent::StepEnded(id, result));
        Ok(())
    }
}

/// Listens for results from this player on the port that its worker's file specifies, or on any port if the worker
/// cannot have that one. In the second case, it also returns a warning.
fn listen(claim: Claim, wanted: u16, player: IpAddr, limit: u64) -> Result<(Results, Option<String>), End> {
    let listen = |port: u16| {
        Results::listen(port, player, limit)
            .map_err(|error| End::lost(format!("port {port} cannot be used to receive its results: {}", words(&error))))
    };
    let why = match claim {
        Claim::Refused => "another worker also uses",
        Claim::First => return Ok((listen(wanted)?, None)),
        Claim::Again => match listen(wanted) {
            Ok(results) => return Ok((results, None)),
            Err(_) => "its earlier connection still uses",
        },
    };
    let results = listen(0)?;
    let port = results.port;
    Ok((results, Some(format!("{why} `resultsport` {wanted}; the results of this worker are received on port {port}"))))
}

/// A phase whose results are being collected.
struct Collecting {
    /// The step whose result comes next.
    step: StepId,
    /// The deadline after the phase was told to stop.
    stopped: Option<Instant>,
    /// The deadline according to the plan.
    end: Option<Instant>,
    /// The deadline for missing results, once the `run` connection is closed.
    quiet: Option<Instant>,
}

impl Collecting {
    /// Extends the deadlines: the conductor itself did not run for this long, and has to process what arrived
    /// meanwhile.
    fn held_up(&mut self, pause: Duration) {
        for limit in [&mut self.stopped, &mut self.end, &mut self.quiet] {
            *limit = limit.and_then(|limit| limit.checked_add(2 * pause));
        }
    }
}

/// Converts a seed's result of a step.
fn outcome(step: &Step, code: i64, text: &str) -> Outcome {
    let seconds = text.strip_prefix("Command timed out after ").and_then(|rest| rest.strip_suffix(" seconds"));
    let limit = seconds.and_then(|seconds| seconds.parse().ok()).map(Duration::try_from_secs_f64);
    match (code, limit) {
        (0, _) if step.mode == Mode::Spawn && text == "Spawned" => Outcome::Spawned,
        (0, _) => Outcome::Passed,
        (1, Some(limit)) => Outcome::TimedOut(limit.unwrap_or_default()),
        (code, _) => {
            let code = i32::try_from(code).unwrap_or(i32::MAX);
            Outcome::Failed(if code < 0 { Ending::Signal(-code) } else { Ending::Exit(code) })
        }
    }
}
