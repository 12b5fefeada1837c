//! A relay between conductor and player, on loopback, that does what networks do: it delays, narrows, stalls, cuts, resets
//! and refuses, at the moment that it is told to, and sends again what was sent before.
//!
//! One thread with one poll loop carries all connections of a relay. What is delayed waits in a queue with its due time,
//! so that however much is on its way, each byte is late by the same time. Every order is in force when its call returns.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::allow_attributes,
    missing_docs,
    reason = "each test file uses the part of it that it needs, so no expectation holds in all of them"
)]

#[path = "relay_engine.rs"]
mod engine;
#[path = "relay_lane.rs"]
mod lane;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use engine::Engine;

/// A direction, or both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    ToPlayer,
    ToConductor,
    Both,
}

impl Way {
    fn indices(self) -> std::ops::Range<usize> {
        match self {
            Self::ToPlayer => 0..1,
            Self::ToConductor => 1..2,
            Self::Both => 0..2,
        }
    }
}

/// A relay to a player. It ends, and with it all its connections, when it is dropped.
pub struct Relay {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    target: SocketAddr,
    orders: mpsc::Sender<(Order, mpsc::Sender<()>)>,
    waker: UnixStream,
    seen: Arc<Seen>,
    thread: Option<JoinHandle<()>>,
}

enum Order {
    Delay(Way, Duration),
    Rate(Way, Option<u64>),
    Stall(Way, bool),
    Strand,
    HalfClose(Way),
    Cut,
    Forbid(&'static str),
    CutAfter(Way, u64),
    Reset,
    Refuse(bool),
    Duplicate(bool),
    End,
}

/// What can be asked about a relay while it works.
#[derive(Default)]
struct Seen {
    accepted: AtomicUsize,
    open: AtomicUsize,
    /// How many bytes were handed on, to the player and to the conductor.
    passed: [AtomicU64; 2],
    /// What the conductor sent, by connection.
    recorded: Mutex<Vec<Vec<u8>>>,
}

impl Relay {
    /// Listens on a port of its own, for the player that listens on `port` of 127.0.0.1.
    pub fn to(port: u16) -> Self {
        let (orders, taken) = mpsc::channel();
        let (waker, woken) = UnixStream::pair().expect("a socket pair");
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let seen = Arc::new(Seen::default());
        let engine = Engine::new(target, Arc::clone(&seen));
        let own = engine.port();
        let thread = std::thread::spawn(move || engine.run(&taken, woken));
        Self { port: own, target, orders, waker, seen, thread: Some(thread) }
    }

    /// Each byte takes so long from now on.
    pub fn delay(&self, way: Way, time: Duration) {
        self.order(Order::Delay(way, time));
    }

    /// So many bytes a second pass from now on; any number when it is none.
    pub fn rate(&self, way: Way, bytes: Option<u64>) {
        self.order(Order::Rate(way, bytes));
    }

    /// Nothing passes any more, neither bytes nor the end of a connection, also of connections that are made meanwhile.
    pub fn stall(&self, way: Way) {
        self.order(Order::Stall(way, true));
    }

    /// What was stalled goes on.
    pub fn flow(&self, way: Way) {
        self.order(Order::Stall(way, false));
    }

    /// Nothing ever passes on the connections there are, as when a router forgets them; new ones are as good as any.
    pub fn strand(&self) {
        self.order(Order::Strand);
    }

    /// Ends one direction of each connection; the other goes on.
    pub fn half_close(&self, way: Way) {
        self.order(Order::HalfClose(way));
    }

    /// Closes all connections at both ends. What was on its way is gone.
    pub fn cut(&self) {
        self.order(Order::Cut);
    }

    /// The same once so many more bytes have passed in this direction.
    pub fn cut_after(&self, way: Way, bytes: u64) {
        self.order(Order::CutAfter(way, bytes));
    }

    /// From now on, closes each connection over which the conductor sends this.
    pub fn forbid(&self, text: &'static str) {
        self.order(Order::Forbid(text));
    }

    /// Resets all connections at both ends.
    pub fn reset(&self) {
        self.order(Order::Reset);
    }

    /// Whether new connections are refused, as by a port on which nobody listens.
    pub fn refuse(&self, refuse: bool) {
        self.order(Order::Refuse(refuse));
    }

    /// Whether all that the conductor sends over a new connection is sent over a second one, too, at the same time and
    /// right behind it. What that one is answered is thrown away.
    pub fn duplicate(&self, duplicate: bool) {
        self.order(Order::Duplicate(duplicate));
    }

    /// Sends the player what a connection sent, counted from 0, over one of its own; to read the answer from.
    pub fn replay(&self, connection: usize) -> TcpStream {
        let recorded = self.recorded(connection);
        let mut stream = TcpStream::connect(self.target).expect("a player takes connections");
        // The player may hang up before it has heard everything.
        let _ = stream.write_all(&recorded);
        stream
    }

    /// What the conductor sent over a connection, counted from 0; of one that sent much, the beginning.
    pub fn recorded(&self, connection: usize) -> Vec<u8> {
        self.seen.recorded.lock().unwrap()[connection].clone()
    }

    /// How many connections were made.
    pub fn accepted(&self) -> usize {
        self.seen.accepted.load(Ordering::SeqCst)
    }

    /// How many are there.
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// How many bytes were handed on.
    pub fn passed(&self, way: Way) -> u64 {
        way.indices().map(|index| self.seen.passed[index].load(Ordering::SeqCst)).sum()
    }

    fn order(&self, order: Order) {
        let (done, wait) = mpsc::channel();
        self.orders.send((order, done)).expect("the relay works");
        (&self.waker).write_all(&[0]).expect("the relay works");
        wait.recv().expect("the relay works");
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let (done, _) = mpsc::channel();
        let _ = self.orders.send((Order::End, done));
        let _ = (&self.waker).write_all(&[0]);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
