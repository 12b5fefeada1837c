//! Controls a worker over a session: sends commands to the player, passes the player's messages on to the coordinator,
//! and writes data to the store.
//!
//! The actor's thread waits for its socket and its mailbox together. If the connection breaks, it connects again until
//! the worker's lease expires; messages that were lost are sent again over the next connection.

mod again;
mod messages;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::awaited::Awaited;
use super::context::Context;
use super::files::Files;
use super::reconnections::Reconnections;
use super::said::Said;
use super::streams::Streams;
use crate::conduct::clock::ClockEstimate;
use crate::conduct::event::{Command, ConnectionEvent, End, EndKind};
use crate::conduct::now::now;
use crate::conduct::plan_message::{missing_features, plan_message};
use crate::model::{ConductorTime, PhaseId, PlayerTime, PointId};
use crate::wait::Wait;
use crate::wire::{
    Channel, ConductorMessage, Connection, FrameDecoder, Hello, Link, LinkError, PlanMessage, VERSIONS, Welcome,
    interval,
};

/// How many clock probes are sent when a connection opens; one more is sent with each heartbeat.
const PROBES: usize = 5;

/// Why a session cannot continue as it is.
enum Stop {
    /// The session has ended.
    End(End),
    /// Its connection is broken.
    Broken(LinkError),
}

/// The player's `welcome`, the connection on which it arrived, and what arrived after it.
pub(super) type Begun = (Welcome, Connection, FrameDecoder);

struct Session<'a> {
    context: &'a Context,
    hello: Hello,
    /// The player's `welcome` on the last connection.
    welcome: Welcome,
    /// Whether the commands of `versions` were sent, or cannot be.
    has_asked_versions: bool,
    channel: Channel<ConductorTime>,
    clock: ClockEstimate,
    streams: Streams,
    files: Files,
    said: Said,
    /// The phase for which the coordinator wants the worker to be ready, and the one for which the player has said that
    /// it is.
    asked: Option<PhaseId>,
    ready: Option<PhaseId>,
    reconnections: Reconnections,
    /// What the player reported about leaving the session, once it leaves.
    parting: Option<String>,
    /// The wait for announced output.
    awaited: Awaited,
    /// When the player reported that it has left.
    left: Option<Instant>,
    /// The deadline for the player to close the connection, once the conductor has sent `bye`.
    farewell: Option<Instant>,
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}

/// Drives the session until its end.
pub(super) fn run(context: &Context, hello: Hello, begun: Begun) -> End {
    let (plan, worker) = (&context.plan, context.worker);
    let lease = plan.settings.lease;
    let mut session = Session {
        context,
        hello,
        welcome: begun.0.clone(),
        has_asked_versions: false,
        channel: Channel::new(now()),
        clock: ClockEstimate::default(),
        streams: Streams::new(context.store.clone(), worker),
        files: Files::new(Arc::clone(plan), worker, context.results.clone()),
        said: Said::new(Arc::clone(plan), worker),
        asked: None,
        ready: None,
        reconnections: Reconnections::new(lease, now()),
        parting: None,
        awaited: Awaited::new(lease),
        left: None,
        farewell: None,
    };
    let end = session.run(begun);
    if end.kind == EndKind::Lost {
        session.streams.lost().into_iter().for_each(|event| context.say(event));
    }
    end
}

impl Session<'_> {
    fn run(&mut self, mut begun: Begun) -> End {
        loop {
            let stop = self.connect(begun).map_or_else(|stop| stop, |()| self.drive());
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
            begun = match self.reach_again(&reason) {
                Ok(begun) => begun,
                Err(end) => return end,
            };
            let silent = now().since(self.channel.heard());
            self.context.say(ConnectionEvent::Resumed(silent));
        }
    }

    /// Returns how many frames have arrived and how many were acknowledged.
    fn counts(&self) -> (u64, u64) {
        (self.channel.inbox.next(), self.channel.outbox.unacknowledged())
    }

    /// Continues with a connection on which the player has sent `welcome`.
    fn connect(&mut self, (welcome, connection, decoder): Begun) -> Result<(), Stop> {
        self.hello.incarnation = Some(welcome.incarnation.clone());
        let interval = interval(self.context.plan.settings.lease);
        let mut link = Link::new(connection, "its player", decoder, interval, now());
        link.probe(PROBES);
        // Announced output could not arrive while there was no connection.
        self.awaited.restart();
        let next = welcome.next;
        self.welcome = welcome;
        // A player that has forgotten earlier messages cannot continue the session.
        self.channel.connect(link, next).map_err(|error| End::lost(error.to_string()))?;
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

    /// Checks that announced output arrives, and that a player that has left closes the connection.
    fn data_comes(&mut self) -> Result<(), End> {
        if !self.streams.is_waiting() {
            self.awaited.restart();
        } else if self.awaited.is_late() {
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
        // The next turn checks everything, whatever the result is.
        let _ = Wait::ConnectionEvents.poll(&mut descriptors, Some(timeout));
    }

    /// Returns the commands of `versions` for the first plan of the session, and none later.
    fn versions(&mut self) -> Vec<String> {
        let commands = &self.context.plan.settings.versions;
        if commands.is_empty() || std::mem::replace(&mut self.has_asked_versions, true) {
            return Vec::new();
        }
        if self.welcome.features.iter().any(|feature| feature == VERSIONS) {
            return commands.clone();
        }
        let name = self.context.plan.name(self.context.worker);
        tracing::info!("{name}: its player (version {}) does not support `versions`", self.welcome.version);
        Vec::new()
    }

    /// Returns the plan at this point.
    fn plan(&mut self, point: PointId) -> Result<PlanMessage, End> {
        let (plan, worker, Welcome { version, features, .. }) =
            (&self.context.plan, self.context.worker, &self.welcome);
        if let Some(missing) = missing_features(plan, worker, features) {
            let why = format!("its player (version {version}) does not support {missing}; update it");
            self.take_leave();
            return Err(End::lost(why));
        }
        let mut message = plan_message(plan, point, worker, self.hello.incarnation.clone());
        message.versions = self.versions();
        message.check().map_err(|why| End::lost(format!("its plan has {why}")))?;
        Ok(message)
    }

    fn command(&mut self, command: Command) -> Result<(), End> {
        let message = match command {
            Command::Plan(point) => ConductorMessage::Plan(Box::new(self.plan(point)?)),
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
                // A player that receives this need not wait for the end of the lease.
                self.take_leave();
                return Err(End::closed());
            }
        };
        self.channel.outbox.push(&message);
        Ok(())
    }

    /// Ends the session on the player, if the player receives this.
    fn take_leave(&mut self) {
        self.channel.outbox.push(&ConductorMessage::Bye);
        let _ = self.channel.write(now);
    }

    /// Converts a time to the player's clock, in the form of messages. Returns `None` until that clock is known.
    fn instant(&self, at: ConductorTime) -> Option<u64> {
        self.clock.to_player(at).map(PlayerTime::nanoseconds)
    }

    /// Reports to the coordinator that the worker is ready. Until its clock is known, no time could be sent to it.
    fn tell_if_ready(&mut self) {
        let Some(round_trip) = self.clock.round_trip() else { return };
        if let Some(phase) = self.asked.filter(|asked| self.ready == Some(*asked)) {
            (self.asked, self.ready) = (None, None);
            self.context.say(ConnectionEvent::Armed(phase, round_trip));
        }
    }
}
