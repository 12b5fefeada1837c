//! Receives a Python player's results, with a listener and its connections in the order in which they were made.
//!
//! Only the player's address may connect. Connections are read concurrently, and each has to keep a pace: one that
//! sends nothing, or too little, is dropped, and the ones after it are processed.

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use crate::wait::Wait;
use crate::wire::seed::decode_result;
use crate::wire::trace::Tap;
use crate::wire::{FrameDecoder, FrameError, listen_everywhere};

/// How long a connection may take, in addition to the time that its bytes take at the slowest pace.
const GRACE: Duration = Duration::from_secs(5);
/// The slowest pace, in bytes per second.
const SLOWEST: u64 = 64 << 10;
/// How many connections are dropped at once: a queue contains no more.
const MOST_DROPPED: usize = 256;
/// How many addresses that may not connect are remembered, so that each is reported once.
const MOST_STRANGERS: usize = 16;
/// How many connections are read at the same time; the seed makes one after another.
const MOST: usize = 32;

/// What arrived on one connection.
#[derive(Debug, PartialEq)]
pub(super) enum Arrival {
    /// A result: its code and message.
    Result(i64, String),
    /// A result that exceeds the limit; it is not read.
    TooLarge(String),
    /// Something other than a result, which is reported.
    Stranger(String),
}

impl Arrival {
    fn invalid(why: impl Display) -> Self {
        Self::Stranger(format!("a connection to its results port did not send a valid result: {why}"))
    }
}

struct Connection {
    stream: TcpStream,
    tap: Tap,
    decoder: FrameDecoder,
    since: Instant,
    received: u64,
    arrival: Option<Arrival>,
}

/// The listener of one worker.
pub(super) struct Results {
    listener: TcpListener,
    /// The port on which it listens.
    pub(super) port: u16,
    /// The only address that may connect.
    player: IpAddr,
    /// The other addresses that tried to connect.
    strangers: BTreeSet<IpAddr>,
    limit: u64,
    connections: VecDeque<Connection>,
}

impl Results {
    /// Listens on a port (0 for any), on all addresses of this machine, for the player at this address. A frame has at
    /// most `limit` bytes.
    pub(super) fn listen(port: u16, player: IpAddr, limit: u64) -> io::Result<Self> {
        let player = player.to_canonical();
        let listener = listen_everywhere(port)?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port, player, strangers: BTreeSet::new(), limit, connections: VecDeque::new() })
    }

    /// Drops everything that arrived while no phase was running: it is not a result of the phase that begins.
    pub(super) fn forget(&mut self) {
        self.connections.clear();
        for _ in 0..MOST_DROPPED {
            if self.listener.accept().is_err() {
                return;
            }
        }
    }

    /// Gives connections more time: the conductor itself did not run for this long, so they were not slow.
    pub(super) fn held_up(&mut self, pause: Duration) {
        self.connections.iter_mut().for_each(|connection| connection.since += pause);
    }

    /// Waits for results, at most for this time, or until something happens on `other`. Results are returned in the
    /// order of their connections; a slow connection delays those after it for a few seconds.
    pub(super) fn wait(&mut self, other: Option<&TcpStream>, time: Duration) -> Vec<Arrival> {
        self.poll(other, time);
        let mut arrivals = self.accept();
        for connection in &mut self.connections {
            connection.read();
        }
        while let Some(arrival) = self.connections.front_mut().and_then(|front| front.arrival.take()) {
            arrivals.push(arrival);
            self.connections.pop_front();
        }
        arrivals
    }

    fn poll(&self, other: Option<&TcpStream>, time: Duration) {
        let mut descriptors = Vec::with_capacity(self.connections.len() + 2);
        if self.connections.len() < MOST {
            descriptors.push(PollFd::new(&self.listener, PollFlags::IN));
        }
        descriptors.extend(other.map(|stream| PollFd::new(stream, PollFlags::IN)));
        let open = self.connections.iter().filter(|connection| connection.arrival.is_none());
        descriptors.extend(open.map(|connection| PollFd::new(&connection.stream, PollFlags::IN)));
        // An interrupted poll is a short wait; the caller looks and waits again.
        let _ = Wait::PythonResults.poll(&mut descriptors, Some(time));
    }

    /// Accepts connections. Those from other addresses are closed, and each address is reported.
    fn accept(&mut self) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        while self.connections.len() < MOST {
            let Ok((stream, peer)) = self.listener.accept() else { break };
            let address = peer.ip().to_canonical();
            if address != self.player {
                if self.strangers.len() < MOST_STRANGERS && self.strangers.insert(address) {
                    arrivals.push(Arrival::Stranger(format!(
                        "closed a connection to its results port: it came from {address}, not from {}",
                        self.player
                    )));
                }
            } else if stream.set_nonblocking(true).is_ok() {
                let (tap, decoder) = (Tap::new(peer), FrameDecoder::new(self.limit));
                let (since, received, arrival) = (Instant::now(), 0, None);
                self.connections.push_back(Connection { stream, tap, decoder, since, received, arrival });
            }
        }
        arrivals
    }
}

impl Connection {
    fn read(&mut self) {
        /// The most reads in one call. Then another connection has its turn.
        const ROUNDS: usize = 64;
        for _ in 0..ROUNDS {
            if self.arrival.is_some() {
                return;
            }
            match self.decoder.read(&self.stream) {
                Ok(0) => self.arrival = Some(Arrival::invalid(self.decoder.end())),
                Ok(count) => {
                    self.received += count as u64;
                    self.arrival = self.cut();
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.is_too_slow() {
                        self.arrival = Some(Arrival::invalid("the sender is too slow"));
                    }
                    return;
                }
                Err(error) => self.arrival = Some(Arrival::invalid(error)),
            }
        }
    }

    fn is_too_slow(&self) -> bool {
        self.since.elapsed() > GRACE + Duration::from_millis(self.received.saturating_mul(1000) / SLOWEST)
    }

    fn cut(&mut self) -> Option<Arrival> {
        match self.decoder.next_frame() {
            Ok(None) => None,
            Ok(Some(payload)) => {
                self.tap.received_frame(&payload);
                let result = decode_result(&payload);
                Some(result.map_or_else(Arrival::invalid, |(code, text)| Arrival::Result(code, text)))
            }
            // A length never begins with `{` or a letter: the sender is not a player.
            Err(FrameError::TooLarge { length, limit }) if length < 0x2000_0000 => Some(Arrival::TooLarge(format!(
                "a result of {length} bytes exceeds `max_message_size` ({limit} bytes)"
            ))),
            Err(error) => Some(Arrival::invalid(error)),
        }
    }
}
