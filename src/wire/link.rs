//! One connection of a session, the same on both sides. It never blocks, sends heartbeats and checks for those of the
//! peer, and timestamps clock probes at the socket call.
//!
//! The state that has to outlive a connection, the two directions with their frame numbers, is in [`Inbox`] and
//! [`Outbox`].

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::Duration;

use rustix::event::PollFd;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::outbox::to_json;
use super::{
    ACKNOWLEDGE_WITHIN, Connection, FrameDecoder, Inbox, MAX_FRAME, Outbox, SessionFrame, Signal, Taken, WINDOW,
    WireError, bounds, frame,
};
use crate::model::{Attention, Reading, words};

/// After how many silent intervals a connection counts as broken.
const SILENCE: u32 = 3;
/// How many bytes are read before they are handled.
const READ: usize = 256 << 10;
/// How much memory an idle connection keeps for writing: a conductor has a thousand connections.
const IDLE: usize = 4 << 10;
/// How much data is taken before it is acknowledged at the latest: a quarter of the credit.
const ACKNOWLEDGE: usize = WINDOW / 4;

/// Returns the interval of heartbeats. Three missing ones still leave half of the lease for another connection.
pub fn interval(lease: Duration) -> Duration {
    Duration::from_secs(2).min(lease / 6).max(Duration::from_millis(10))
}

/// One connection of a session. `T` is the clock of this side.
#[derive(Debug)]
pub struct Link<T> {
    connection: Connection,
    /// A description of the peer for messages.
    peer: &'static str,
    decoder: FrameDecoder,
    interval: Duration,
    /// The frame number of the last acknowledgement, how much data was taken since, and when to acknowledge it at the
    /// latest.
    acknowledged: u64,
    taken: usize,
    acknowledge_at: Option<T>,
    /// Bytes to be written, how many of them were written, and when some were last written or there were none.
    pending: Vec<u8>,
    written: usize,
    moved: T,
    heard: T,
    /// Since when silence counts: after this side itself was held up, it must listen first.
    attention: Attention<T>,
    since: T,
    beat_at: T,
    beat: bool,
    /// Whether heartbeats are probes, how many further probes to send, and the timestamps of unanswered ones.
    probing: bool,
    probes: usize,
    probed: VecDeque<u64>,
    /// Probes to answer, with the time of their arrival.
    answers: Vec<(u64, T)>,
}

/// The result of reading a connection.
#[derive(Debug)]
pub struct Received<M, T> {
    /// Messages and data, in order.
    pub taken: Vec<Taken<M>>,
    /// Answers to probes: when the probe was sent, when it was received, when it was answered, and when the answer
    /// arrived.
    pub answers: Vec<(u64, u64, u64, T)>,
    /// Why the connection has ended, if it has.
    pub broken: Option<LinkError>,
}

impl<M, T> Default for Received<M, T> {
    fn default() -> Self {
        Self { taken: Vec::new(), answers: Vec::new(), broken: None }
    }
}

impl<C: Copy + Ord> Link<Reading<C>> {
    /// Takes over a connection after its first messages. `decoder` may contain bytes that arrived after these.
    pub fn new(
        connection: Connection,
        peer: &'static str,
        mut decoder: FrameDecoder,
        interval: Duration,
        now: Reading<C>,
    ) -> Self {
        decoder.set_limit(MAX_FRAME as u64);
        Self {
            connection,
            peer,
            decoder,
            interval,
            acknowledged: 0,
            taken: 0,
            acknowledge_at: None,
            pending: Vec::new(),
            written: 0,
            moved: now,
            heard: now,
            attention: Attention::new(interval * (SILENCE - 1), now),
            since: now,
            beat_at: now.plus(interval),
            beat: false,
            probing: false,
            probes: 0,
            probed: VecDeque::new(),
            answers: Vec::new(),
        }
    }

    /// Sends this payload before anything else.
    pub fn begin_with(&mut self, payload: &[u8]) {
        self.pending.extend_from_slice(&frame(payload));
    }

    /// Whether bytes are waiting to be written.
    pub fn wants_to_write(&self) -> bool {
        self.written < self.pending.len()
    }

    /// Returns what to wait for.
    pub fn waits_for(&self) -> impl Iterator<Item = PollFd<'_>> {
        self.connection.waits_for(self.wants_to_write())
    }

    /// Returns when something was last received.
    pub fn heard(&self) -> Reading<C> {
        self.heard
    }

    /// Probes the clock of the peer `times` times in succession, and then with each heartbeat.
    pub fn probe(&mut self, times: usize) {
        self.probing = true;
        self.probes = self.probes.max(times);
    }

    /// Makes the next write acknowledge everything that was taken.
    pub fn acknowledge_now(&mut self, now: Reading<C>) {
        self.acknowledge_at = Some(now);
    }

    /// Returns when [`Self::time_passed`] must be called.
    pub fn next_deadline(&self) -> Reading<C> {
        let silent = self.heard.max(self.since).plus(self.interval * SILENCE);
        self.acknowledge_at.into_iter().fold(self.beat_at.min(silent), Ord::min)
    }

    /// Schedules a heartbeat if one is due.
    ///
    /// # Errors
    ///
    /// Returns an error if the peer has been silent, or has read nothing, for too long.
    pub fn time_passed(&mut self, now: Reading<C>) -> Result<(), LinkError> {
        let limit = self.interval * SILENCE;
        if self.attention.look(now).is_some() {
            self.since = now;
        }
        if now.since(self.heard.max(self.since)) >= limit {
            return Err(LinkError::Silent(self.peer, limit));
        }
        if !self.wants_to_write() {
            self.moved = now;
        } else if now.since(self.moved.max(self.since)) >= limit {
            return Err(LinkError::Stuck(self.peer, limit));
        }
        if self.beat_at <= now {
            self.beat_at = now.plus(self.interval);
            self.beat = true;
        }
        Ok(())
    }

    /// Reads what has arrived.
    pub fn read<M: DeserializeOwned>(
        &mut self,
        inbox: &mut Inbox,
        outbox: &mut Outbox,
        clock: impl Fn() -> Reading<C>,
    ) -> Received<M, Reading<C>> {
        let mut received = Received::default();
        received.broken = self.read_all(inbox, outbox, clock, &mut received).err();
        received
    }

    fn read_all<M: DeserializeOwned>(
        &mut self,
        inbox: &mut Inbox,
        outbox: &mut Outbox,
        clock: impl Fn() -> Reading<C>,
        received: &mut Received<M, Reading<C>>,
    ) -> Result<(), LinkError> {
        // Handle what arrived together with the first message.
        self.take_frames(inbox, outbox, received)?;
        let mut count = 0;
        while count < READ {
            match self.connection.read_into(&mut self.decoder) {
                Ok(0) => return Err(LinkError::Closed(self.peer)),
                Ok(read) => {
                    count += read;
                    self.heard = clock();
                    self.take_frames(inbox, outbox, received)?;
                    if self.decoder.is_busy() {
                        continue;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            }
            self.decoder.rest();
            break;
        }
        Ok(())
    }

    fn take_frames<M: DeserializeOwned>(
        &mut self,
        inbox: &mut Inbox,
        outbox: &mut Outbox,
        received: &mut Received<M, Reading<C>>,
    ) -> Result<(), WireError> {
        while let Some(payload) = self.decoder.next_payload()? {
            match SessionFrame::decode(payload)? {
                SessionFrame::Signal(Signal::Probe { sent }) => {
                    bounds::PROBES.check(self.answers.len() + 1)?;
                    self.answers.push((sent, self.heard));
                }
                SessionFrame::Signal(Signal::ProbeAnswer { sent, received: came, answered }) => {
                    // Answers arrive in the order of the probes, and each once.
                    let is_ours = self.probed.iter().position(|probe| *probe == sent);
                    self.probed.drain(..=is_ours.ok_or(WireError::UnknownProbe)?);
                    received.answers.push((sent, came, answered, self.heard));
                }
                SessionFrame::Signal(Signal::Acknowledge { next }) => outbox.acknowledged(next)?,
                SessionFrame::Signal(Signal::Heartbeat) => {}
                SessionFrame::Numbered(number, body) => {
                    let taken = inbox.take(number, body)?;
                    if let Some(Taken::Data(data)) = &taken {
                        self.taken += data.bytes.len();
                    }
                    received.taken.extend(taken);
                }
            }
        }
        Ok(())
    }

    /// Writes as much as the connection accepts.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if the connection has ended.
    pub fn write(
        &mut self,
        inbox: &Inbox,
        outbox: &mut Outbox,
        clock: impl Fn() -> Reading<C>,
    ) -> Result<(), LinkError> {
        loop {
            if !self.wants_to_write() {
                self.pending.clear();
                self.written = 0;
                self.put_signals(inbox, outbox, clock());
            }
            while self.pending.len() < MAX_FRAME && outbox.write_next(&mut self.pending) {}
            if !self.wants_to_write() {
                if self.pending.capacity() > IDLE {
                    self.pending = Vec::new();
                }
                return Ok(());
            }
            match self.connection.write(&self.pending[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.moved = clock();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Adds signals, which precede everything else. `now` is taken immediately before they are written to the
    /// connection.
    fn put_signals(&mut self, inbox: &Inbox, outbox: &Outbox, now: Reading<C>) {
        for (sent, came) in std::mem::take(&mut self.answers) {
            self.put(Signal::ProbeAnswer { sent, received: came.nanoseconds(), answered: now.nanoseconds() });
        }
        let beat = std::mem::take(&mut self.beat);
        let has_room = self.probed.len() < bounds::PROBES.most();
        if (self.probes > 0 && self.probed.is_empty()) || (beat && self.probing && has_room) {
            self.probes = self.probes.saturating_sub(1);
            self.probed.push_back(now.nanoseconds());
            self.put(Signal::Probe { sent: now.nanoseconds() });
        } else if beat {
            self.put(Signal::Heartbeat);
        }
        if inbox.next() > self.acknowledged {
            let at = *self.acknowledge_at.get_or_insert(now.plus(ACKNOWLEDGE_WITHIN));
            let goes_along = !self.pending.is_empty() || !outbox.is_idle();
            if at <= now || self.taken >= ACKNOWLEDGE || goes_along {
                (self.acknowledged, self.acknowledge_at, self.taken) = (inbox.next(), None, 0);
                self.put(Signal::Acknowledge { next: self.acknowledged });
            }
        }
    }

    fn put(&mut self, signal: Signal) {
        self.pending.extend_from_slice(&frame(to_json(&signal).as_bytes()));
    }
}

/// The reason why a connection has ended, as a message with the name of the peer.
#[derive(Debug, Error)]
pub enum LinkError {
    /// The peer was silent for this long.
    #[error("nothing was received from {} for {}", .0, shown(.1))]
    Silent(&'static str, Duration),
    /// The peer has read nothing for this long.
    #[error("{} has not read for {}", .0, shown(.1))]
    Stuck(&'static str, Duration),
    /// The peer closed the connection.
    #[error("the connection was closed by {0}")]
    Closed(&'static str),
    /// The connection cannot be read from or written to.
    #[error("the connection broke: {}", words(.0))]
    Broken(#[from] io::Error),
    /// The peer violated the protocol. Another connection would not help.
    #[error(transparent)]
    Fault(#[from] WireError),
}

/// Formats a limit for messages: three intervals can be a nanosecond shorter than intended.
fn shown(limit: &Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(
        u64::try_from((limit.as_micros() + 500) / 1000).unwrap_or(u64::MAX),
    ))
}
