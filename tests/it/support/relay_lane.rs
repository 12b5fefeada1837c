//! A connection of the relay's, and its two directions: what is on its way, and when it is due.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::Seen;

/// How much may be on its way in one direction of a connection; beyond it, the sender has to wait.
const MOST: usize = 16 << 20;
/// How much of what a conductor sends is kept, from the beginning of each connection.
const RECORDED: usize = 1 << 20;
/// How much time's worth of bytes a narrow link holds, and what it takes at a time.
const BACKLOG: Duration = Duration::from_millis(20);
pub(super) const PACKET: u32 = 1460;

/// What a direction is like.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Conditions {
    pub(super) delay: Duration,
    pub(super) rate: Option<u64>,
    pub(super) stalled: bool,
    /// After how many bytes everything is cut.
    pub(super) fuse: Option<u64>,
    /// A connection that brings this is closed, and it is not handed on.
    pub(super) forbidden: Option<&'static str>,
}

/// What is to become of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Goes,
    Closes,
    Resets,
}

pub(super) struct Connection {
    index: usize,
    /// Those who send: the conductor, then the player.
    pub(super) ends: [TcpStream; 2],
    pub(super) lanes: [Lane; 2],
    twin: Option<TcpStream>,
    pub(super) stranded: bool,
    pub(super) fate: Fate,
}

/// One direction of a connection.
pub(super) struct Lane {
    queue: VecDeque<(Instant, Parcel)>,
    bytes: usize,
    /// When a narrow link has sent what it has, and when the last of it is due.
    free: Instant,
    pub(super) blocked: bool,
    heard_all: bool,
    ended: bool,
}

enum Parcel {
    Bytes(Vec<u8>),
    End,
    Reset,
}

impl Lane {
    pub(super) fn new(now: Instant) -> Self {
        Self { queue: VecDeque::new(), bytes: 0, free: now, blocked: false, heard_all: false, ended: false }
    }

    /// Hears nothing more, forgets what it has, and says that this is the end.
    pub(super) fn end(&mut self, now: Instant) {
        self.heard_all = true;
        self.bytes = 0;
        self.queue = [(now, Parcel::End)].into();
    }

    /// Whether it can take something from the one who sends.
    pub(super) fn takes(&self, way: &Conditions, now: Instant) -> bool {
        !way.stalled && !self.heard_all && self.bytes < MOST && self.free <= now + BACKLOG
    }

    /// When it has to be looked at again.
    pub(super) fn due(&self, way: &Conditions, now: Instant) -> Option<Instant> {
        let first = self.queue.front().filter(|_| !way.stalled && !self.blocked).map(|(due, _)| *due);
        let takes = self.free.checked_sub(BACKLOG).filter(|takes| *takes > now && !self.heard_all);
        first.into_iter().chain(takes).min()
    }

    fn push(&mut self, parcel: Parcel, way: &Conditions, now: Instant) {
        let mut due = now + way.delay;
        if let Parcel::Bytes(bytes) = &parcel {
            self.bytes += bytes.len();
            if let Some(rate) = way.rate {
                let takes = Duration::from_nanos(bytes.len() as u64 * 1_000_000_000 / rate.max(1));
                self.free = self.free.max(now) + takes;
                due = self.free + way.delay;
            }
        }
        // A shorter delay overtakes nothing.
        let due = self.queue.back().map_or(due, |(last, _)| due.max(*last));
        self.queue.push_back((due, parcel));
    }
}

impl Connection {
    pub(super) fn new(index: usize, ends: [TcpStream; 2], twin: Option<TcpStream>, now: Instant) -> Self {
        Self { index, ends, lanes: [Lane::new(now), Lane::new(now)], twin, stranded: false, fate: Fate::Goes }
    }

    pub(super) fn read(&mut self, side: usize, way: &Conditions, seen: &Seen, now: Instant) {
        let mut buffer = vec![0; if way.rate.is_some() { PACKET as usize } else { 64 << 10 }];
        let parcel = match self.ends[side].read(&mut buffer) {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return,
            Err(_) => Parcel::Reset,
            Ok(0) => Parcel::End,
            Ok(count) => {
                buffer.truncate(count);
                let is_forbidden = |text: &str| buffer.windows(text.len()).any(|window| window == text.as_bytes());
                if way.forbidden.is_some_and(is_forbidden) {
                    self.fate = Fate::Closes;
                    return;
                }
                if side == 0 {
                    let recorded = &mut seen.recorded.lock().unwrap()[self.index];
                    let room = RECORDED - recorded.len();
                    recorded.extend_from_slice(&buffer[..count.min(room)]);
                }
                Parcel::Bytes(buffer)
            }
        };
        if let Some(mut twin) = self.twin.as_ref() {
            // Its answers are thrown away, so that it never stands still.
            while matches!(twin.read(&mut [0; 4096]), Ok(1..)) {}
        }
        let lane = &mut self.lanes[side];
        lane.heard_all = !matches!(parcel, Parcel::Bytes(_));
        lane.push(parcel, way, now);
    }

    pub(super) fn write(&mut self, lane: usize, way: &mut Conditions, seen: &Seen, now: Instant) {
        let (to, passed) = (&mut self.ends[1 - lane], &seen.passed[lane]);
        let (lane, twin) = (&mut self.lanes[lane], self.twin.as_ref().filter(|_| lane == 0));
        lane.blocked = false;
        while let Some((due, parcel)) = lane.queue.front_mut().filter(|_| !way.stalled && !self.stranded) {
            if *due > now || way.fuse == Some(0) {
                return;
            }
            match parcel {
                Parcel::End => {
                    let _ = to.shutdown(Shutdown::Write);
                    lane.ended = true;
                }
                Parcel::Reset => self.fate = Fate::Resets,
                Parcel::Bytes(bytes) => {
                    let fuse = way.fuse.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX));
                    match to.write(&bytes[..bytes.len().min(fuse)]) {
                        Ok(count) => {
                            // A copy that its player does not take is not missed.
                            let _ = twin.map(|mut twin| twin.write(&bytes[..count]));
                            passed.fetch_add(count as u64, Ordering::SeqCst);
                            way.fuse = way.fuse.map(|left| left - count as u64);
                            lane.bytes -= count;
                            bytes.drain(..count);
                            if !bytes.is_empty() {
                                continue;
                            }
                        }
                        Err(error) if error.kind() == ErrorKind::WouldBlock => {
                            lane.blocked = true;
                            return;
                        }
                        Err(_) => self.fate = Fate::Resets,
                    }
                }
            }
            lane.queue.pop_front();
        }
        if self.fate == Fate::Goes && self.lanes.iter().all(|lane| lane.ended) {
            self.fate = Fate::Closes;
        }
    }
}
