//! Controlling a worker over a session: it sends commands to the player, passes the player's messages on to the
//! coordinator, and writes data to the store.
//!
//! The actor's thread waits for its socket and its mailbox together. If the connection breaks, it connects again until
//! the worker's lease is over; messages that were lost are sent again over the next connection.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::context::Context;
use super::dial::dial;
use super::fault::Fault;
use super::files::Files;
use super::greet::Dialled;
use super::reconnections::Reconnections;
use super::refused::not_welcome;
use super::said::Said;
use super::streams::Streams;
use crate::conduct::clock::{ClockEstimate, Jump, Known, Sample};
use crate::conduct::event::{Command, ConnectionEvent, End, EndKind};
use crate::conduct::now::now;
use crate::conduct::plan_message::{missing_features, plan_message};
use crate::conduct::reach::{ReachError, Way};
use crate::model::{Attention, ConductorTime, Hint, PhaseId, PlayerTime, Start};
use crate::wait::Wait;
use crate::wire::{
    Channel, ConductorMessage, Greeting, Hello, Link, LinkError, LogLevel, PlayerMessage, RefusalReason,
    StepStartedMessage, Taken, VERSIONS, interval,
};

/// How many clock probes open a connection; one more goes with each sign of life.
const PROBES: usize = 5;
/// How many bytes of data a slow network brings in a second.
const DATA_RATE: u64 = 32 << 10;

/// Why a session stops being driven as it is.
enum Stop {
    /// It is over.
    End(End),
    /// Its connection is.
    Broken(LinkError),
}

struct Session<'a> {
    context: &'a Context,
    hello: Hello,
    /// The player's process, if it serves only this session.
    player: Option<u32>,
    /// The version of the player, and what it can do.
    version: String,
    features: Vec<String>,
    /// Whether the commands of `versions` were sent, or cannot be.
    has_asked_versions: bool,
    channel: Channel<ConductorTime>,
    clock: ClockEstimate,
    streams: Streams,
    files: Files,
    said: Said,
    /// The phase for which the coordinator wants the worker ready, and the one for which the player has said that it is.
    asked: Option<PhaseId>,
    ready: Option<PhaseId>,
    reconnections: Reconnections,
    /// What the player said of its leave, once it takes it.
    parting: Option<String>,
    /// Since when what was announced is waited for, and how many bytes have come meanwhile.
    waiting: (Instant, u64),
    /// The time in which the conductor itself did not run does not count for that.
    attention: Attention<ConductorTime>,
    /// Since when the player has left, and nothing is missing of what it announced.
    left: Option<Instant>,
    /// When the wait for the player's farewell ends, once the conductor has taken leave.
    farewell: Option<Instant>,
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// Drives the session until its end.
pub(super) fn run(context: &Context, hello: Hello, dialled: Dialled) -> End {
    let mut session = Session {
        context,
        hello,
        player: None,
        version: String::new(),
        features: Vec::new(),
        has_asked_versions: false,
        channel: Channel::new(now()),
        clock: ClockEstimate::default(),
        streams: Streams::new(context.store.clone(), context.worker),
        files: Files::new(Arc::clone(&context.plan), context.worker, context.results.clone()),
        said: Said::new(Arc::clone(&context.plan), context.worker),
        asked: None,
        ready: None,
        reconnections: Reconnections::new(context.plan.settings.lease, now()),
        parting: None,
        waiting: (Instant::now(), 0),
        attention: Attention::new(2 * interval(context.plan.settings.lease), now()),
        left: None,
        farewell: None,
    };
    let end = session.run(dialled);
    if end.kind == EndKind::Lost {
        session.streams.lost().into_iter().for_each(|event| context.say(event));
    }
    end
}

impl Session<'_> {
    fn run(&mut self, mut dialled: Dialled) -> End {
        loop {
            let stop = self.connect(dialled).map_or_else(|stop| stop, |()| self.drive());
            let reason = match stop {
                Stop::End(end) => return end,
                Stop::Broken(reason) => reason.to_string(),
            };
            self.channel.disconnect();
            let is_idle = self.channel.outbox.is_settled();
            self.reconnections.broke(self.counts(), is_idle, self.channel.heard(), now());
            if let Some(parting) = self.parting.take() {
                return End::lost(parting);
            }
            if self.farewell.is_some() && self.channel.is_settled() {
                return End::closed();
            }
            self.context.say(ConnectionEvent::Broken(reason.clone()));
            dialled = match self.reach_again(&reason) {
                Ok(dialled) => dialled,
                Err(end) => return end,
            };
            let silent = now().since(self.channel.heard());
            self.context.say(ConnectionEvent::Resumed(silent));
        }
    }

    /// How many frames have come and were acknowledged, in both directions.
    fn counts(&self) -> (u64, u64) {
        (self.channel.inbox.next(), self.channel.outbox.unacknowledged())
    }

    /// Goes on with a connection on which the player has said `welcome`.
    fn connect(&mut self, dialled: Dialled) -> Result<(), Stop> {
        let Dialled { connection, greeting, decoder, .. } = dialled;
        let Greeting::Welcome(welcome) = greeting else {
            return Err(End::lost("its player did not answer with `welcome`").into());
        };
        self.hello.incarnation = Some(welcome.incarnation);
        (self.player, self.version, self.features) = (welcome.process, welcome.version, welcome.features);
        let interval = interval(self.context.plan.settings.lease);
        let mut link = Link::new(connection, "its player", decoder, interval, now());
        link.probe(PROBES);
        // What was announced cannot have come while there was no connection.
        self.waiting = (Instant::now(), 0);
        self.attention.look(now());
        // A player that does not remember what was said never will.
        self.channel.connect(link, welcome.next).map_err(|error| End::lost(error.to_string()))?;
        self.reconnections.begun(self.counts(), now());
        Ok(())
    }

    fn drive(&mut self) -> Stop {
        loop {
            if let Err(stop) = self.turn() {
                return stop;
            }
            self.wait();
        }
    }

    fn turn(&mut self) -> Result<(), Stop> {
        self.read()?;
        for command in self.context.mailbox.take() {
            self.command(command)?;
        }
        self.tell_if_ready();
        if self.farewell.is_some_and(|end| end <= Instant::now()) {
            return Err(End::closed().into());
        }
        self.data_comes()?;
        self.files.work(&mut self.channel.outbox);
        self.channel.write(now).map_err(Stop::Broken)
    }

    /// Whether what was announced comes, and the player goes that has left.
    fn data_comes(&mut self) -> Result<(), End> {
        if let Some(pause) = self.attention.look(now()) {
            self.waiting.0 += pause;
        }
        let (since, bytes) = self.waiting;
        if !self.streams.is_waiting() {
            self.waiting = (Instant::now(), 0);
        } else if since.elapsed() > Wait::AnnouncedOutput.time() + Duration::from_secs(bytes / DATA_RATE) {
            return Err(End::lost("its player did not send the output that it announced"));
        }
        let is_over = self.left.is_some_and(|left| left.elapsed() > Wait::Parting.time()) && !self.streams.is_waiting();
        match self.parting.take_if(|_| is_over) {
            Some(parting) => Err(End::lost(parting)),
            None => Ok(()),
        }
    }

    fn wait(&self) {
        let Some(link) = self.channel.link() else { return };
        let mailbox = PollFd::new(&self.context.mailbox, PollFlags::IN);
        let mut descriptors: Vec<_> = link.waits_for().chain([mailbox]).collect();
        let deadline = self.streams.next_deadline().into_iter().fold(link.next_deadline(), Ord::min);
        let mut timeout = deadline.since(now());
        let parting = self.left.map(|left| left + Wait::Parting.time());
        for end in self.farewell.into_iter().chain(parting) {
            timeout = timeout.min(end.saturating_duration_since(Instant::now()));
        }
        if self.files.has_work(&self.channel.outbox) {
            timeout = Duration::ZERO;
        }
        // Whatever this says, the next turn looks at everything.
        let _ = Wait::ConnectionEvents.poll(&mut descriptors, Some(timeout));
    }

    /// The commands of `versions`, with the first plan of the session.
    fn versions(&mut self) -> Vec<String> {
        let commands = &self.context.plan.settings.versions;
        if commands.is_empty() || std::mem::replace(&mut self.has_asked_versions, true) {
            return Vec::new();
        }
        if self.features.iter().any(|feature| feature == VERSIONS) {
            return commands.clone();
        }
        let name = self.context.plan.name(self.context.worker);
        tracing::info!("{name}: its player (version {}) does not support `versions`", self.version);
        Vec::new()
    }

    fn command(&mut self, command: Command) -> Result<(), End> {
        let message = match command {
            Command::Plan(point) => {
                let missing = missing_features(&self.context.plan, self.context.worker, &self.features);
                if let Some(missing) = missing {
                    let version = &self.version;
                    let why = format!("its player (version {version}) does not support {missing}; update it");
                    self.take_leave();
                    return Err(End::lost(why));
                }
                let incarnation = self.hello.incarnation.clone();
                let mut plan = plan_message(&self.context.plan, point, self.context.worker, incarnation);
                plan.versions = self.versions();
                plan.check().map_err(|why| End::lost(format!("its plan has {why}")))?;
                ConductorMessage::Plan(Box::new(plan))
            }
            Command::Arm(phase) => {
                self.said.asked(phase.trial);
                self.asked = Some(phase);
                if self.ready == self.asked {
                    return Ok(());
                }
                ConductorMessage::Arm(phase)
            }
            Command::Go(phase, at) => ConductorMessage::Go { phase, at: self.instant(at) },
            Command::Stop(phase) => ConductorMessage::Stop(phase),
            Command::Release(step, at) => ConductorMessage::Release { step, at: self.instant(at) },
            Command::FailBarrier(step, why) => ConductorMessage::FailBarrier { step, why },
            Command::EndTrial(trial) => ConductorMessage::EndTrial { trial },
            Command::Bye => {
                self.farewell = Some(Instant::now() + Wait::Farewell.time());
                ConductorMessage::Bye
            }
            Command::Abandon => {
                // Whoever hears it need not wait for the end of the lease.
                self.take_leave();
                return Err(End::closed());
            }
        };
        self.channel.outbox.push(&message);
        Ok(())
    }

    /// Ends the session on the player, if that hears it.
    fn take_leave(&mut self) {
        self.channel.outbox.push(&ConductorMessage::Bye);
        let _ = self.channel.write(now);
    }

    /// A time on the player's clock, in the form of messages; `None` until that clock is known.
    fn instant(&self, at: ConductorTime) -> Option<u64> {
        self.clock.to_player(at).map(PlayerTime::nanoseconds)
    }

    fn read(&mut self) -> Result<(), Stop> {
        let received = self.channel.read::<PlayerMessage>(now);
        if !received.answers.is_empty() {
            self.reconnections.answered();
        }
        for (sent, came, answered, arrived) in received.answers {
            let jump = self.clock.add(Sample {
                sent: ConductorTime::from_nanoseconds(sent),
                received: PlayerTime::from_nanoseconds(came),
                answered: PlayerTime::from_nanoseconds(answered),
                arrived,
            });
            if let Some(jump) = jump {
                self.warn(jumped(jump));
            }
        }
        for taken in received.taken {
            self.take(taken).map_err(End::from)?;
        }
        // What it says has answers, which it may never take.
        let unheard = self.channel.outbox.check();
        unheard.map_err(|why| End::lost(format!("its player did not acknowledge messages: {why}")))?;
        if self.streams.next_deadline().is_some_and(|deadline| deadline <= now()) {
            self.report_growth();
        }
        match received.broken {
            None => Ok(()),
            Some(LinkError::Fault(fault)) => Err(End::lost(fault.to_string()).into()),
            Some(reason) => Err(Stop::Broken(reason)),
        }
    }

    /// Passes on a sentence for people, unless there were too many.
    fn warn(&mut self, text: String) {
        if let Some(text) = self.said.sentence(text) {
            self.context.say(ConnectionEvent::Warning(text));
        }
    }

    fn take(&mut self, taken: Taken<PlayerMessage>) -> Result<(), Fault> {
        match taken {
            Taken::Message(PlayerMessage::Unknown) => return Ok(()),
            Taken::Data(data) => {
                if self.files.data(&data, &mut self.channel.outbox)? || self.streams.data(&data)? {
                    self.waiting.1 += data.bytes.len() as u64;
                }
                if let Some((step, error)) = self.streams.unkept() {
                    self.context.unkept(step, &error);
                }
            }
            Taken::Message(message) => self.message(message)?,
        }
        while let Some(event) = self.streams.next() {
            self.waiting = (Instant::now(), 0);
            self.report_growth();
            self.pass_on(event);
        }
        Ok(())
    }

    fn message(&mut self, mut message: PlayerMessage) -> Result<(), Fault> {
        self.said.take(&message)?;
        if let PlayerMessage::Stalled { kept } = message {
            message = PlayerMessage::Warning { text: stalled(kept) };
        }
        match &mut message {
            // That is for the end of the connection.
            PlayerMessage::Left { summary } => {
                self.parting = Some(std::mem::take(summary));
                self.left = Some(Instant::now());
                return Ok(());
            }
            PlayerMessage::Leaving { reason } => {
                self.parting = Some(format!("{reason}; it did not report the result of its Reset"));
            }
            PlayerMessage::Warning { text } => match self.said.sentence(std::mem::take(text)) {
                Some(sentence) => *text = sentence,
                None => return Ok(()),
            },
            PlayerMessage::Log { level, text } => {
                self.log(*level, std::mem::take(text));
                return Ok(());
            }
            // Who waits at a barrier waits for no data.
            PlayerMessage::BarrierReached(step) => {
                let round_trip = self.clock.round_trip().unwrap_or_default();
                self.context.say(ConnectionEvent::BarrierReached(*step, round_trip));
                return Ok(());
            }
            PlayerMessage::Withdraw(step) => {
                self.context.say(ConnectionEvent::Withdraw(*step));
                return Ok(());
            }
            PlayerMessage::File(file) => self.streams.announce(file.stream),
            PlayerMessage::PhaseEnded(phase) if self.streams.is_waiting() => {
                self.context.say(ConnectionEvent::Delivering(*phase));
            }
            _ => {}
        }
        let Some(message) = self.files.message(message, &mut self.channel.outbox)? else { return Ok(()) };
        let clock = &self.clock;
        self.streams.message(message, |step| started(clock, step))
    }

    /// Logs a line of the player's log. Info lines of the player are debug lines here.
    fn log(&mut self, level: LogLevel, line: String) {
        let worker = &self.hello.worker;
        let line = match level {
            LogLevel::Error | LogLevel::Warning => self.said.sentence(line),
            LogLevel::Info | LogLevel::Debug => self.said.detail(line, now()),
        };
        let Some(line) = line else { return };
        let line = line.strip_prefix(worker).and_then(|rest| rest.strip_prefix(": ")).unwrap_or(&line);
        match level {
            LogLevel::Error => tracing::error!("{worker}: player: {line}"),
            LogLevel::Warning => tracing::warn!("{worker}: player: {line}"),
            LogLevel::Info | LogLevel::Debug => tracing::debug!("{worker}: player: {line}"),
        }
    }

    fn report_growth(&mut self) {
        self.streams.grown(now()).into_iter().for_each(|event| self.context.say(event));
    }

    /// Tells the coordinator; but that a worker is ready only when it was asked.
    fn pass_on(&mut self, event: ConnectionEvent) {
        match event {
            ConnectionEvent::Armed(phase, _) => self.ready = Some(phase),
            ConnectionEvent::StepEnded(place, mut result) => {
                result.files = self.files.fetched(place);
                self.context.say(ConnectionEvent::StepEnded(place, result));
            }
            event => self.context.say(event),
        }
    }

    /// Tells the coordinator that the worker is ready. Where its clock is not known yet, no instant could be named to it.
    fn tell_if_ready(&mut self) {
        let Some(round_trip) = self.clock.round_trip() else { return };
        if let Some(phase) = self.asked.filter(|asked| self.ready == Some(*asked)) {
            (self.asked, self.ready) = (None, None);
            self.context.say(ConnectionEvent::Armed(phase, round_trip));
        }
    }

    /// Waits so long, or until a command comes, and obeys it.
    fn patience(&mut self, time: Duration) -> Option<End> {
        let command = self.context.mailbox.within(Wait::RetryPause, Some(time))?;
        self.command(command).err()
    }

    /// Makes another connection, until the worker's lease is over.
    fn reach_again(&mut self, reason: &str) -> Result<Dialled, End> {
        let lease = self.context.plan.settings.lease;
        let Some((pause, limit)) = self.reconnections.again(now()) else {
            return Err(End::lost(format!("{reason}, repeatedly and without progress")));
        };
        let deadline = Instant::now() + limit;
        if let Some(end) = self.patience(pause) {
            return Err(end);
        }
        self.hello.next = self.channel.inbox.next();
        let mut hello = Hello { attempt: self.hello.attempt + 1, ..self.hello.clone() };
        let session = self.hello.secret.fingerprint();
        let way = self.context.way(self.player.map(|process| (process, &*session)));
        let unanswered = Some(Wait::StoppedSession.within(until_killed(lease)));
        let dialled = dial(&way, &mut hello, deadline, unanswered, &mut |time| self.patience(time));
        self.hello.attempt = hello.attempt;
        let lease = humantime::format_duration(lease);
        match dialled {
            Ok(dialled) => match &dialled.greeting {
                Greeting::Welcome(_) => Ok(dialled),
                Greeting::Refused(refusal) if refusal.reason == RefusalReason::Unknown => {
                    let end = match way {
                        Way::Port(_) => End::lost(&refusal.message),
                        // The player that answers was started for this connection, so the one of the session has ended.
                        Way::Transport(_) => ReachError::gone(),
                    };
                    Err(End { reason: format!("{reason}: {}", end.reason), ..end })
                }
                other => Err(End::lost(format!("{reason}; {}", not_welcome(other, &way, &self.hello)))),
            },
            Err(End { kind: EndKind::Unreachable, reason: why, hint }) => {
                let end = End::lost(format!(
                    "{reason}, and it could not be reached again within its lease of {lease}: {why}"
                ));
                // If the machine is reached through a command, the user does not start players there.
                let hint = if let Way::Port(_) = way { Some(Hint::RestartPlayer) } else { hint };
                Err(End { hint, ..end })
            }
            Err(end) if end.kind == EndKind::Lost => Err(End { reason: format!("{reason}: {}", end.reason), ..end }),
            Err(end) => Err(end),
        }
    }
}

/// How long a listener may still take to kill a session that does not respond, once the lease is over, and to say so.
fn until_killed(lease: Duration) -> Duration {
    /// For the kill, and an attempt to connect that began just before.
    const MARGIN: Duration = Duration::from_secs(5);
    let silence = Wait::SignOfLife.given(lease);
    (silence + silence / 4).saturating_sub(lease) + MARGIN
}

/// When a step started, on the conductor's clock.
fn started(clock: &ClockEstimate, step: &StepStartedMessage) -> Start {
    let player = PlayerTime::from_nanoseconds(step.at);
    let late = Duration::from_nanos(step.late);
    // Without a sample nothing is known but that it was before now.
    let Known { at, error } = clock.to_conductor(player).unwrap_or_else(|| Known { at: now(), error: Duration::MAX });
    Start { at, error, player, late }
}

/// What is said of a player that has to keep too much of what its steps print, in bytes.
fn stalled(kept: u64) -> String {
    let megabytes = kept / 1_000_000;
    format!(
        "the output of its steps arrives too slowly: {megabytes} MB wait on its disk, and steps that print are paused"
    )
}

/// What is said of a player whose clock did not go on evenly.
fn jumped(Jump { by, forward }: Jump) -> String {
    let (by, how) = (format!("{by:.1?}"), if forward { "forward" } else { "back" });
    format!("its player's clock jumped {how} by {by}: its machine was stopped for a while, or its clock was set")
}
