//! The process of a step and its two streams, from its creation until no process holds the streams.

use std::os::fd::{AsFd, OwnedFd};

use super::audience::Audience;
use super::escalation::Escalation;
use super::line_watch::LineWatches;
use super::session::SessionEvent;
use crate::model::{Ending, PlayerTime, StepId};
use crate::sys::{PipeId, PreparedProcess, Reaped, Spawned, clock};
use crate::wire::{Data, LeftMessage, MAX_DATA, OutcomeMessage, StepEndedMessage};

/// The process of a step.
#[derive(Debug)]
pub(super) struct StepProcess {
    pub(super) key: StepId,
    /// The process ID, which is also the ID of its group.
    pub(super) pid: u32,
    /// The source of the report about its start, until that was read.
    pub(super) report: Option<PreparedProcess>,
    /// Until when this report need not be read; after that, it is waited for.
    pub(super) expected: PlayerTime,
    /// Standard output and standard error.
    pub(super) streams: [Stream; 2],
    /// The end of the process, once it has ended.
    pub(super) ending: Option<Reaped>,
    pub(super) stop: Stop,
    /// Whether the end of the process was reported.
    pub(super) is_reported: bool,
    /// When to check whether other processes still hold its streams, until this was reported.
    pub(super) settled_by: Option<PlayerTime>,
}

/// The state through which the output of steps passes.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// A buffer for all reads, so that a short line needs no large allocation.
    buffer: Vec<u8>,
    pub(super) lines: LineWatches,
}

/// Whether a step is being stopped, until its end is reported.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is not being stopped.
    No,
    /// It is being stopped with these signals.
    InProgress(Escalation),
    /// It was stopped. Contains what this took and left.
    Over(LeftMessage),
}

/// One of the two streams.
#[derive(Debug)]
pub(super) struct Stream {
    /// Its number in messages.
    pub(super) number: u32,
    /// Our end of the pipe, until all write ends are closed.
    pub(super) descriptor: Option<OwnedFd>,
    /// How many bytes the step has printed so far.
    pub(super) length: u64,
}

impl StepProcess {
    /// Creates the record of a new process, whose streams have these numbers and lengths.
    pub(super) fn new(key: StepId, spawned: Spawned, streams: [(u32, u64); 2], expected: PlayerTime) -> Self {
        let [stdout, stderr] = streams;
        let streams = [(stdout, spawned.stdout), (stderr, spawned.stderr)];
        let streams = streams.map(|((number, length), end)| Stream { number, descriptor: Some(end), length });
        Self {
            key,
            pid: spawned.pid,
            report: Some(spawned.report),
            expected,
            streams,
            ending: None,
            stop: Stop::No,
            is_reported: false,
            settled_by: None,
        }
    }

    /// Reads the pipes after the process has ended. This is everything that the process printed, because a pipe has a
    /// limited capacity.
    pub(super) fn drain(&mut self, audience: &mut Audience, reader: &mut Reader) {
        /// More than the capacity of a pipe. Further output is from other processes that are still running.
        const MOST: u64 = 2 << 20;
        for stream in &mut self.streams {
            let end = stream.length + MOST;
            while stream.length < end && stream.read(audience, reader) {}
        }
    }

    /// Returns the numbers of the streams, and how much the step has printed on each.
    pub(super) fn stream_lengths(&self) -> [(u32, u64); 2] {
        self.streams.each_ref().map(|stream| (stream.number, stream.length))
    }

    /// Whether its end is to be reported: if it is being stopped, whether this has ended; otherwise, whether its
    /// process has ended and, if `waits_for_output`, its standard output is closed.
    pub(super) fn is_over(&self, waits_for_output: bool) -> bool {
        let is_over = match &self.stop {
            Stop::No => self.ending.is_some() && !(waits_for_output && self.streams[0].descriptor.is_some()),
            Stop::InProgress(_) => false,
            Stop::Over(_) => true,
        };
        is_over && !self.is_reported
    }

    /// Returns the event that reports its end.
    pub(super) fn end(&mut self, audience: &mut Audience, reader: &mut Reader, now: PlayerTime) -> SessionEvent {
        self.drain(audience, reader);
        reader.lines.ended(self.key, now);
        self.is_reported = true;
        let [(_, stdout), (_, stderr)] = self.stream_lengths();
        let outcome = self.ending.map_or(OutcomeMessage::Stopped, |reaped| reaped.how.into());
        let stop = std::mem::replace(&mut self.stop, Stop::No);
        let left = if let Stop::Over(left) = stop { left } else { LeftMessage::default() };
        let end = StepEndedMessage { stdout, stderr, left, ..StepEndedMessage::new(self.key, outcome) };
        SessionEvent::Ended(end, self.ending.map_or(now, |reaped| reaped.at))
    }

    /// Records that it was not started. It ends by itself, and its end is not reported again.
    pub(super) fn fail(&mut self) {
        (self.is_reported, self.stop) = (true, Stop::No);
        self.streams.iter_mut().for_each(|stream| stream.descriptor = None);
    }

    /// Returns the pipes that other processes still hold.
    pub(super) fn pipes(&self) -> Vec<PipeId> {
        let open = self.streams.iter().filter_map(|stream| stream.descriptor.as_ref());
        open.filter_map(|descriptor| PipeId::of(descriptor.as_fd())).collect()
    }

    /// Whether another process still holds a stream.
    pub(super) fn is_held(&self) -> bool {
        self.streams.iter().any(|stream| stream.descriptor.is_some())
    }

    /// Whether nothing more will be reported about it.
    pub(super) fn is_done(&self) -> bool {
        self.is_reported && !self.is_held() && self.settled_by.is_none()
    }
}

impl From<Ending> for OutcomeMessage {
    fn from(how: Ending) -> Self {
        match how {
            Ending::Exit(status) => Self::Exit { status },
            Ending::Signal(signal) => Self::Signal { signal },
        }
    }
}

impl Stream {
    /// Reads once. Returns whether there may be more.
    pub(super) fn read(&mut self, audience: &mut Audience, Reader { buffer, lines }: &mut Reader) -> bool {
        /// Shorter output is copied; longer output takes over the buffer.
        const SHORT: usize = MAX_DATA / 4;
        let Some(descriptor) = &self.descriptor else { return false };
        buffer.clear();
        buffer.reserve(MAX_DATA);
        match rustix::io::read(descriptor, rustix::buffer::spare_capacity(buffer)) {
            Ok(count @ 1..) => {
                let offset = self.length;
                self.length += count as u64;
                lines.printed(self.number, buffer, clock);
                let bytes = if count < SHORT { buffer.as_slice().to_vec() } else { std::mem::take(buffer) };
                audience.push(Data { stream: self.number, offset, bytes });
                true
            }
            Err(rustix::io::Errno::INTR) => true,
            Err(rustix::io::Errno::AGAIN) => false,
            Ok(_) | Err(_) => {
                self.descriptor = None;
                false
            }
        }
    }
}
