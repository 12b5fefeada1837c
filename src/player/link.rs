//! A session's connection on the player's side: never blocks, answers signs of life, keeps the numbers.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::model::PlayerTime;
use crate::wire::{
    ACKNOWLEDGE_WITHIN, ConductorMessage, FrameDecoder, Inbox, MAX_FRAME, Outbox, SessionFrame, Signal, Taken, frame,
};

/// A session's connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: TcpStream,
    decoder: FrameDecoder,
    inbox: Inbox,
    acknowledged: u64,
    /// When what has come is acknowledged at the latest.
    acknowledge_at: Option<PlayerTime>,
    /// Bytes on their way into the socket.
    pending: Vec<u8>,
    written: usize,
    heard: PlayerTime,
    beat_at: PlayerTime,
    interval: Duration,
}

/// How many silent intervals break a connection.
const SILENCE: u32 = 3;

/// How much is gathered for one write.
const WRITE: usize = 256 << 10;

impl Link {
    /// Takes over a connection whose first message, a `hello`, was read, along with the bytes that came behind it.
    pub(super) fn new(
        stream: TcpStream,
        mut decoder: FrameDecoder,
        welcome: &[u8],
        lease: Duration,
        now: PlayerTime,
    ) -> std::io::Result<Self> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        decoder.set_limit(MAX_FRAME as u64);
        let interval = (lease / 6).min(Duration::from_secs(2)).max(Duration::from_millis(10));
        Ok(Self {
            stream,
            decoder,
            inbox: Inbox::new(),
            acknowledged: 0,
            acknowledge_at: None,
            pending: frame(welcome),
            written: 0,
            heard: now,
            beat_at: now.plus(interval),
            interval,
        })
    }

    /// The socket, to wait for.
    pub(super) fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Whether bytes wait for the socket.
    pub(super) fn wants_to_write(&self) -> bool {
        self.written < self.pending.len()
    }

    /// When it wants to be told that time has passed.
    pub(super) fn next_deadline(&self) -> PlayerTime {
        let silent = self.heard.plus(self.interval * SILENCE);
        [self.beat_at, silent].into_iter().chain(self.acknowledge_at).min().unwrap_or(silent)
    }

    /// Sends a heartbeat when it is time for one.
    ///
    /// # Errors
    ///
    /// Says when the conductor has been silent for too long.
    pub(super) fn time_passed(&mut self, outbox: &mut Outbox, now: PlayerTime) -> Result<(), String> {
        if self.heard.plus(self.interval * SILENCE) <= now {
            let silent = humantime::format_duration(self.interval * SILENCE);
            return Err(format!("nothing was heard of the conductor for {silent}"));
        }
        if self.beat_at <= now {
            self.beat_at = now.plus(self.interval);
            outbox.push_signal(Signal::Heartbeat);
        }
        Ok(())
    }

    /// Reads what has come, and returns the messages in it.
    ///
    /// # Errors
    ///
    /// Says why the connection is of no use any more.
    pub(super) fn read(
        &mut self,
        outbox: &mut Outbox,
        clock: impl Fn() -> PlayerTime,
    ) -> (Vec<ConductorMessage>, Result<(), String>) {
        let mut messages = Vec::new();
        let mut buffer = [0; 16 << 10];
        let result = loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => break Err("the conductor closed the connection".to_owned()),
                Ok(count) => {
                    self.heard = clock();
                    self.decoder.push(&buffer[..count]);
                    if let Err(why) = self.take_frames(outbox, &clock, &mut messages) {
                        break Err(why);
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => break Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => break Err(format!("the connection to the conductor broke: {error}")),
            }
        };
        (messages, result)
    }

    /// Takes the frames that are whole: also those that had come along with the `hello`.
    pub(super) fn take_frames(
        &mut self,
        outbox: &mut Outbox,
        clock: &impl Fn() -> PlayerTime,
        messages: &mut Vec<ConductorMessage>,
    ) -> Result<(), String> {
        while let Some(payload) = self.decoder.next_payload().map_err(|error| error.to_string())? {
            match SessionFrame::decode(payload).map_err(|error| error.to_string())? {
                SessionFrame::Signal(Signal::Probe { sent }) => {
                    let (received, answered) = (self.heard.nanoseconds(), clock().nanoseconds());
                    outbox.push_signal(Signal::ProbeAnswer { sent, received, answered });
                }
                SessionFrame::Signal(Signal::Acknowledge { next }) => {
                    outbox.acknowledged(next).map_err(|error| error.to_string())?;
                }
                SessionFrame::Signal(Signal::Heartbeat | Signal::ProbeAnswer { .. }) => {}
                SessionFrame::Numbered(number, body) => {
                    if let Taken::Message(message) = self.inbox.take(number, body).map_err(|error| error.to_string())? {
                        messages.push(message);
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes as much as the socket takes.
    ///
    /// # Errors
    ///
    /// Says why the connection is of no use any more.
    pub(super) fn write(&mut self, outbox: &mut Outbox, now: PlayerTime) -> Result<(), String> {
        if self.inbox.next() > self.acknowledged {
            let at = *self.acknowledge_at.get_or_insert(now.plus(ACKNOWLEDGE_WITHIN));
            if at <= now || !outbox.is_idle() {
                self.acknowledged = self.inbox.next();
                self.acknowledge_at = None;
                outbox.push_signal(Signal::Acknowledge { next: self.acknowledged });
            }
        }
        loop {
            if self.written == self.pending.len() {
                self.pending.clear();
                self.written = 0;
            }
            while self.pending.len() < WRITE && outbox.write_next(&mut self.pending) {}
            if self.written == self.pending.len() {
                return Ok(());
            }
            match self.stream.write(&self.pending[self.written..]) {
                Ok(count) => self.written += count,
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(format!("the connection to the conductor broke: {error}")),
            }
        }
    }
}
