//! Handles what a session's player sends: passes its messages and data on to the coordinator, the store and the log.

use std::time::{Duration, Instant};

use super::{Session, Stop};
use crate::conduct::clock::{ClockEstimate, Jump, Known, Sample};
use crate::conduct::connection::fault::Fault;
use crate::conduct::event::{ConnectionEvent, End};
use crate::conduct::now::now;
use crate::model::{ConductorTime, LogLevel, PlayerTime, Start};
use crate::wire::{LinkError, PlayerMessage, StepStartedMessage, Taken};

impl Session<'_> {
    pub(super) fn read(&mut self) -> Result<(), Stop> {
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
        // The player's messages cause answers, which it may never read.
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

    /// Passes on a warning, unless there were too many.
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
                    self.awaited.came(&data.bytes);
                }
                if let Some((step, error)) = self.streams.unkept() {
                    self.context.unkept(step, &error);
                }
            }
            Taken::Message(message) => self.message(message)?,
        }
        while let Some(event) = self.streams.next() {
            self.awaited.restart();
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
            // This is used at the end of the connection.
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
            // The wait at a barrier does not depend on data.
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

    /// Passes an event on to the coordinator, but readiness only if the coordinator has asked for it.
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
}

/// When a step started, on the conductor's clock.
fn started(clock: &ClockEstimate, step: &StepStartedMessage) -> Start {
    let player = PlayerTime::from_nanoseconds(step.at);
    let late = Duration::from_nanos(step.late);
    // Without a sample, all that is known is that it was before now.
    let Known { at, error } = clock.to_conductor(player).unwrap_or_else(|| Known { at: now(), error: Duration::MAX });
    Start { at, error, player, late }
}

/// The warning about a player that has to keep this many bytes of its steps' output.
fn stalled(kept: u64) -> String {
    let megabytes = kept / 1_000_000;
    format!(
        "the output of its steps arrives too slowly: {megabytes} MB wait on its disk, and steps that print are paused"
    )
}

/// The warning about a player whose clock jumped.
fn jumped(Jump { by, forward }: Jump) -> String {
    let (by, how) = (format!("{by:.1?}"), if forward { "forward" } else { "back" });
    format!("its player's clock jumped {how} by {by}: its machine was stopped for a while, or its clock was set")
}
