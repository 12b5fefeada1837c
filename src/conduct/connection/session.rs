//! Driving a worker over a session: commands go down, what the player says comes up, data goes to the store.
//!
//! The actor's thread owns everything of the session and is the only one that writes to its connection; the reader's
//! thread only reads. A session that breaks is a lost worker for now; that it is resumed has its place where
//! [`Session::incoming`] meets the end of the connection.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, after, bounded, never, select, tick};

use crate::conduct::clock::{ClockEstimate, Sample};
use crate::conduct::event::{Command, ConnectionEvent, End};
use crate::conduct::now::now;
use crate::conduct::plan_message::plan_message;
use crate::conduct::threads;
use crate::model::{ConductorTime, Phase, PlayerTime, Start};
use crate::wire::{
    ACKNOWLEDGE_WITHIN, Body, ConductorMessage, Inbox, Outbox, PlayerMessage, SessionFrame, Signal, Taken,
};

use super::Context;
use super::dial::{Dialled, is_timeout, words};
use super::pulse::Pulse;
use super::reader::{self, Incoming};
use super::streams::Streams;

/// How many clock probes open a session; one more goes with each heartbeat.
const PROBES: usize = 3;
/// How much data is taken before it is acknowledged, at the latest: a quarter of the player's credit.
const ACKNOWLEDGE: usize = 256 << 10;
/// How long the player gets to close the connection after `bye`.
const FAREWELL: Duration = Duration::from_millis(1500);
/// How long announced data may not grow before the player counts as broken.
const DATA_LIMIT: Duration = Duration::from_mins(1);

struct Session<'a> {
    context: &'a Context,
    stream: &'a TcpStream,
    inbox: Inbox,
    outbox: Outbox,
    clock: ClockEstimate,
    streams: Streams,
    pulse: Pulse,
    heard: Arc<AtomicU64>,
    /// What was acknowledged, and how much data has come since.
    acknowledged: u64,
    taken: usize,
    /// Whether an acknowledgement is due already.
    owes: bool,
    /// The phase for which the coordinator wants the worker ready, and the one for which it is without having been asked.
    asked: Option<(u32, Phase)>,
    early: Option<(u32, Phase)>,
    /// Why the player said that it leaves.
    parting: Option<String>,
    /// When data came last, or was last not waited for.
    progress: Instant,
    leaving: bool,
    store_failed: bool,
}

/// Drives the session until its end.
pub(super) fn run(context: &Context, dialled: Dialled) -> End {
    let heard = Arc::new(AtomicU64::new(now().nanoseconds()));
    // Four batches of at most 320 KiB: the player's credit of 1 MiB is used, and memory stays bounded.
    let (sender, incoming) = bounded(4);
    let name = format!("reads {}", context.plan.worker(context.worker).name);
    let Dialled { stream, pending, .. } = dialled;
    let reader = stream.try_clone().and_then(|copy| {
        let heard = Arc::clone(&heard);
        threads::start(name, move || reader::read(&copy, &pending, &heard, &sender))
    });
    let reader = match reader {
        Ok(reader) => reader,
        Err(error) => return End::Lost(format!("its connection can't be read: {}", words(&error))),
    };
    let lease = context.plan.settings.lease;
    let mut session = Session {
        context,
        stream: &stream,
        inbox: Inbox::new(),
        outbox: Outbox::new(),
        clock: ClockEstimate::default(),
        streams: Streams::new(context.store.clone()),
        pulse: Pulse::new(lease, now()),
        heard,
        acknowledged: 0,
        taken: 0,
        owes: false,
        asked: None,
        early: None,
        parting: None,
        progress: Instant::now(),
        leaving: false,
        store_failed: false,
    };
    let end = session.run(&incoming);
    if let End::Lost(_) = &end {
        for event in session.streams.lost() {
            context.uplink.say(event);
        }
    }
    // With the connection shut and nobody listening the reader is at its end.
    let _ = stream.shutdown(Shutdown::Both);
    drop(incoming);
    let _ = reader.join();
    end
}

impl Session<'_> {
    fn run(&mut self, incoming: &Receiver<Incoming>) -> End {
        let commands = self.context.commands.clone();
        let ticks = tick(self.pulse.interval());
        let (mut farewell, mut acknowledgement) = (never(), never());
        for _ in 0..PROBES {
            self.probe();
        }
        let mut done = self.flush();
        loop {
            if let Err(end) = done {
                return end;
            }
            done = select! {
                recv(commands) -> command => {
                    let command = command.unwrap_or(Command::Abandon);
                    if command == Command::Bye {
                        farewell = after(FAREWELL);
                    }
                    self.command(command)
                }
                recv(incoming) -> batch => match batch {
                    Ok(batch) => self.incoming(batch),
                    Err(_) => Err(End::Lost("its connection can't be read".to_owned())),
                },
                recv(ticks) -> _ => self.tick(),
                recv(acknowledgement) -> _ => self.acknowledge_and_flush(),
                recv(farewell) -> _ => Err(End::Closed),
            };
            if self.inbox.next() == self.acknowledged {
                acknowledgement = never();
            } else if !std::mem::replace(&mut self.owes, true) {
                acknowledgement = after(ACKNOWLEDGE_WITHIN);
            }
        }
    }

    fn command(&mut self, command: Command) -> Result<(), End> {
        if let Command::Arm { trial, phase } = command {
            if self.early.take() == Some((trial, phase)) {
                self.context.uplink.say(ConnectionEvent::Armed { trial, phase });
                return Ok(());
            }
            self.asked = Some((trial, phase));
        }
        let message = match command {
            Command::Plan => ConductorMessage::Plan(Box::new(plan_message(&self.context.plan, self.context.worker))),
            Command::Arm { trial, phase } => ConductorMessage::Arm { trial, phase: phase.into() },
            Command::Go { trial, phase } => ConductorMessage::Go { trial, phase: phase.into(), at: None },
            Command::Stop { trial, phase } => ConductorMessage::Stop { trial, phase: phase.into() },
            Command::EndTrial { trial } => ConductorMessage::EndTrial { trial },
            Command::Bye => {
                self.leaving = true;
                ConductorMessage::Bye
            }
            Command::Abandon => return Err(End::Closed),
        };
        self.outbox.push(&message);
        self.acknowledge_and_flush()
    }

    /// Takes a batch of frames.
    fn incoming(&mut self, batch: Incoming) -> Result<(), End> {
        let (arrived, frames) = match batch {
            Incoming::Frames { arrived, frames } => (arrived, frames),
            Incoming::End(_) if self.leaving => return Err(End::Closed),
            Incoming::End(reason) => {
                let parting = self.parting.take().map(|parting| format!("{parting}, and ran its Reset by itself"));
                return Err(End::Lost(parting.unwrap_or(reason)));
            }
        };
        for frame in frames {
            self.frame(frame, arrived).map_err(End::Lost)?;
            if self.taken >= ACKNOWLEDGE {
                self.acknowledge_and_flush()?;
            }
        }
        Ok(())
    }

    fn frame(&mut self, frame: SessionFrame<PlayerMessage>, arrived: ConductorTime) -> Result<(), String> {
        match frame {
            SessionFrame::Signal(signal) => self.signal(signal, arrived),
            SessionFrame::Numbered(number, body) => self.numbered(number, body, arrived),
        }
    }

    fn signal(&mut self, signal: Signal, arrived: ConductorTime) -> Result<(), String> {
        match signal {
            Signal::Acknowledge { next } => self.outbox.acknowledged(next).map_err(|error| error.to_string())?,
            Signal::ProbeAnswer { sent, received, answered } => self.clock.add(Sample {
                sent: ConductorTime::from_nanoseconds(sent),
                received: PlayerTime::from_nanoseconds(received),
                answered: PlayerTime::from_nanoseconds(answered),
                arrived,
            }),
            Signal::Heartbeat | Signal::Probe { .. } => {}
        }
        Ok(())
    }

    fn numbered(&mut self, number: u64, body: Body<PlayerMessage>, arrived: ConductorTime) -> Result<(), String> {
        match self.inbox.take(number, body).map_err(|error| error.to_string())? {
            Taken::Nothing => return Ok(()),
            Taken::Data(data) => {
                self.taken += data.bytes.len();
                self.progress = Instant::now();
                if let Err(error) = self.streams.data(&data)? {
                    self.store_fails(&error);
                }
            }
            Taken::Message(message) => {
                if let PlayerMessage::Leaving { reason } = &message {
                    self.parting = Some(reason.clone());
                }
                let clock = &self.clock;
                self.streams.message(message, |step| {
                    let player = PlayerTime::from_nanoseconds(step.at);
                    let late = Duration::from_nanos(step.late);
                    // Without a sample nothing is known but that it was before now.
                    let (at, error) = clock.to_conductor(player).unwrap_or((arrived, Duration::MAX));
                    Start { at, error, player, late }
                });
            }
        }
        while let Some(event) = self.streams.next() {
            self.pass_on(event);
        }
        Ok(())
    }

    /// Tells the coordinator; but that a worker is ready only when it was asked.
    fn pass_on(&mut self, event: ConnectionEvent) {
        if let ConnectionEvent::Armed { trial, phase } = event
            && self.asked.take_if(|asked| *asked == (trial, phase)).is_none()
        {
            self.early = Some((trial, phase));
        } else {
            self.context.uplink.say(event);
        }
    }

    fn store_fails(&mut self, error: &std::io::Error) {
        if !std::mem::replace(&mut self.store_failed, true) {
            let text = format!("what the steps print can't be kept: {}", words(error));
            self.context.uplink.say(ConnectionEvent::OutputFailed(text));
        }
    }

    fn tick(&mut self) -> Result<(), End> {
        let heard = ConductorTime::from_nanoseconds(self.heard.load(Ordering::Relaxed));
        if let Some(silence) = self.pulse.look(heard, now()) {
            let silence = Duration::from_millis(silence.as_millis().try_into().unwrap_or(u64::MAX));
            let silence = humantime::format_duration(silence);
            return Err(End::Lost(format!("nothing was heard of its player for {silence}")));
        }
        if !self.streams.is_waiting() {
            self.progress = Instant::now();
        } else if self.progress.elapsed() > DATA_LIMIT {
            return Err(End::Lost("its player does not send the output that it announced".to_owned()));
        }
        self.outbox.push_signal(Signal::Heartbeat);
        self.probe();
        self.flush()
    }

    fn probe(&mut self) {
        self.outbox.push_signal(Signal::Probe { sent: now().nanoseconds() });
    }

    fn acknowledge_and_flush(&mut self) -> Result<(), End> {
        if self.inbox.next() > self.acknowledged {
            self.acknowledged = self.inbox.next();
            self.taken = 0;
            self.owes = false;
            self.outbox.push_signal(Signal::Acknowledge { next: self.acknowledged });
        }
        self.flush()
    }

    /// Writes all that may be written, at once.
    fn flush(&mut self) -> Result<(), End> {
        let mut bytes = Vec::new();
        while self.outbox.write_next(&mut bytes) {}
        let mut stream = self.stream;
        match stream.write_all(&bytes) {
            Err(error) if is_timeout(&error) => Err(End::Lost("its player does not read what it is sent".to_owned())),
            // When the connection is broken the reader says so too, behind all that had come before.
            Ok(()) | Err(_) => Ok(()),
        }
    }
}
