//! One step's process and its two streams, from its making until nobody holds its streams any more.

use std::os::fd::{AsFd, OwnedFd};

use super::escalation::Escalation;
use super::session::Streams;
use super::spool::Output;
use crate::model::{PlayerTime, Process, StepId};
use crate::sys::{PipeId, PreparedProcess, Reaped, Spawned};
use crate::wire::{Data, MAX_DATA, OutcomeMessage};

/// One step's process.
#[derive(Debug)]
pub(super) struct StepProcess {
    /// Which step.
    pub(super) key: StepId,
    /// The process and its group.
    pub(super) pid: u32,
    /// Where the child tells of its start, until it has.
    pub(super) report: Option<PreparedProcess>,
    /// When that is looked at the latest, and whether it is waited for since.
    pub(super) expected: PlayerTime,
    pub(super) waited_for: bool,
    /// Standard output and standard error.
    pub(super) streams: [Stream; 2],
    /// How the process ended, once it has.
    pub(super) ending: Option<(Reaped, PlayerTime)>,
    /// Its end, once it is being stopped.
    pub(super) stopping: Option<Escalation>,
    /// What could not be ended, once stopping is over.
    pub(super) not_stopped: Option<Vec<Process>>,
    /// Whether its end was told.
    pub(super) told: bool,
    /// When it is looked again whether somebody still holds its streams, while that is to be settled.
    pub(super) settled_by: Option<PlayerTime>,
}

/// One of the two streams.
#[derive(Debug)]
pub(super) struct Stream {
    /// Its number on the wire.
    pub(super) number: u32,
    /// Our end of the pipe, until everybody has closed theirs.
    pub(super) descriptor: Option<OwnedFd>,
    /// How many bytes the step has printed by now.
    pub(super) length: u64,
}

impl StepProcess {
    pub(super) fn new(key: StepId, spawned: Spawned, streams: Streams, expected: PlayerTime) -> Self {
        let Streams { numbers, lengths } = streams;
        let stream = |index: usize, descriptor| Stream {
            number: numbers[index],
            descriptor: Some(descriptor),
            length: lengths[index],
        };
        Self {
            key,
            pid: spawned.pid,
            report: Some(spawned.report),
            expected,
            waited_for: false,
            streams: [stream(0, spawned.stdout), stream(1, spawned.stderr)],
            ending: None,
            stopping: None,
            not_stopped: None,
            told: false,
            settled_by: None,
        }
    }

    /// Reads what is in the pipes after the process ended: all that it printed, as a pipe holds only so much.
    pub(super) fn drain(&mut self, output: &mut Output<'_>, buffer: &mut Vec<u8>) {
        /// More than a pipe can hold; what comes beyond it is printed by somebody who is still there.
        const MOST: u64 = 2 << 20;
        for stream in &mut self.streams {
            let end = stream.length + MOST;
            while stream.length < end && stream.read(output, buffer) {}
        }
    }

    /// How much the streams have had.
    pub(super) fn lengths(&self) -> [u64; 2] {
        self.streams.each_ref().map(|stream| stream.length)
    }

    /// Whether the step is over: its process has ended, and, when that is waited for, its standard output is closed; when it
    /// is being stopped, everything that it made has ended, or can't be ended.
    pub(super) fn is_over(&self, waits_for_output: bool) -> bool {
        if self.stopping.is_some() {
            return self.not_stopped.is_some();
        }
        self.ending.is_some() && !(waits_for_output && self.streams[0].descriptor.is_some())
    }

    /// The pipes that somebody still holds.
    pub(super) fn pipes(&self) -> Vec<PipeId> {
        let open = self.streams.iter().filter_map(|stream| stream.descriptor.as_ref());
        open.filter_map(|descriptor| PipeId::of(descriptor.as_fd())).collect()
    }

    /// Whether somebody still holds a stream.
    pub(super) fn is_held(&self) -> bool {
        self.streams.iter().any(|stream| stream.descriptor.is_some())
    }

    /// Whether nothing more is to come of it.
    pub(super) fn is_done(&self) -> bool {
        self.told && !self.is_held() && self.settled_by.is_none()
    }

    /// How the process ended, for the conductor.
    pub(super) fn outcome(&self) -> OutcomeMessage {
        match self.ending {
            Some((how, _)) => how.into(),
            None => OutcomeMessage::Stopped,
        }
    }
}

impl From<Reaped> for OutcomeMessage {
    fn from(how: Reaped) -> Self {
        match how {
            Reaped::Exit(status) => Self::Exit { status },
            Reaped::Signal(signal) => Self::Signal { signal },
        }
    }
}

impl Stream {
    /// Reads once, by way of `buffer`; whether there may be more.
    pub(super) fn read(&mut self, output: &mut Output<'_>, buffer: &mut Vec<u8>) -> bool {
        /// What is shorter is copied; what is longer takes the buffer with it.
        const SHORT: usize = MAX_DATA / 4;
        let Some(descriptor) = &self.descriptor else { return false };
        buffer.clear();
        buffer.reserve(MAX_DATA);
        match rustix::io::read(descriptor, rustix::buffer::spare_capacity(buffer)) {
            Ok(0) => {
                self.descriptor = None;
                false
            }
            Ok(count) => {
                let offset = self.length;
                self.length += count as u64;
                let bytes = if count < SHORT { buffer.as_slice().to_vec() } else { std::mem::take(buffer) };
                output.push(Data { stream: self.number, offset, bytes });
                true
            }
            Err(rustix::io::Errno::INTR) => true,
            Err(rustix::io::Errno::AGAIN) => false,
            Err(_) => {
                self.descriptor = None;
                false
            }
        }
    }
}
