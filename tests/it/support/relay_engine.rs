//! The relay's thread: one poll loop that carries all its connections.

use std::io::{self, Read};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use socket2::{Domain, SockRef, Socket, Type};

use super::lane::{Conditions, Connection, Fate, PACKET};
use super::{Order, Seen};

/// What the sockets of a narrow link hold, and those of one that is narrow no more.
const NARROW_BUFFER: usize = 8 << 10;
const WIDE_BUFFER: usize = 4 << 20;

/// The relay's thread.
pub(super) struct Engine {
    port: u16,
    _keeper: Socket,
    listener: Option<TcpListener>,
    target: SocketAddr,
    ways: [Conditions; 2],
    duplicate: bool,
    connections: Vec<Connection>,
    seen: Arc<Seen>,
}

impl Engine {
    pub(super) fn new(target: SocketAddr, seen: Arc<Seen>) -> Self {
        // The port stays ours while the relay refuses connections.
        let keeper = bound(0);
        let port = keeper.local_addr().ok().and_then(|address| address.as_socket()).expect("an address").port();
        let listener = Some(listen(port));
        let (ways, connections) = (Default::default(), Vec::new());
        Self { port, _keeper: keeper, listener, target, ways, duplicate: false, connections, seen }
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Works until it is told to end.
    pub(super) fn run(mut self, orders: &mpsc::Receiver<(Order, mpsc::Sender<()>)>, mut woken: UnixStream) {
        woken.set_nonblocking(true).expect("a socket that does not block");
        loop {
            self.hand_on();
            let readable = self.wait(&woken);
            let now = Instant::now();
            for (position, side) in readable {
                self.connections[position].read(side, &self.ways[side], &self.seen, now);
            }
            self.accept(now);
            let _ = woken.read(&mut [0; 64]);
            for (order, done) in orders.try_iter() {
                if matches!(order, Order::End) {
                    return;
                }
                self.obey(&order);
                self.hand_on();
                let _ = done.send(());
            }
        }
    }

    /// Waits until something is there or is due; which ends of which connections can be read.
    fn wait(&self, woken: &UnixStream) -> Vec<(usize, usize)> {
        let now = Instant::now();
        let mut descriptors = vec![PollFd::new(woken, PollFlags::IN)];
        descriptors.extend(self.listener.as_ref().map(|listener| PollFd::new(listener, PollFlags::IN)));
        let (first, mut ends, mut due) = (descriptors.len(), Vec::new(), None::<Instant>);
        for (position, connection) in self.connections.iter().enumerate().filter(|(_, c)| !c.stranded) {
            for side in 0..2 {
                let reads = connection.lanes[side].takes(&self.ways[side], now);
                let writes = connection.lanes[1 - side].blocked && !self.ways[1 - side].stalled;
                let mut flags = if reads { PollFlags::IN } else { PollFlags::empty() };
                flags.set(PollFlags::OUT, writes);
                // A socket for which nothing is asked still tells of its end, again and again.
                if !flags.is_empty() {
                    ends.push((position, side, reads));
                    descriptors.push(PollFd::new(&connection.ends[side], flags));
                }
                due = due.into_iter().chain(connection.lanes[side].due(&self.ways[side], now)).min();
            }
        }
        let timeout = due.and_then(|due| Timespec::try_from(due.saturating_duration_since(now)).ok());
        let _ = poll(&mut descriptors, timeout.as_ref());
        let found = descriptors[first..].iter().zip(ends);
        found
            .filter(|(found, (.., reads))| *reads && !found.revents().is_empty())
            .map(|(_, (p, s, _))| (p, s))
            .collect()
    }

    /// Hands on what is due, and lets go of the connections that are over.
    fn hand_on(&mut self) {
        let now = Instant::now();
        for connection in &mut self.connections {
            for (lane, way) in self.ways.iter_mut().enumerate() {
                connection.write(lane, way, &self.seen, now);
            }
        }
        if self.ways.iter_mut().any(|way| way.fuse.take_if(|left| *left == 0).is_some()) {
            self.obey(&Order::Cut);
        }
        for connection in self.connections.extract_if(.., |connection| connection.fate != Fate::Goes) {
            if connection.fate == Fate::Resets {
                connection.ends.iter().for_each(set_to_reset);
            }
        }
        self.seen.open.store(self.connections.len(), Ordering::SeqCst);
    }

    fn accept(&mut self, now: Instant) {
        while let Some(Ok((conductor, _))) = self.listener.as_ref().map(TcpListener::accept) {
            let index = self.seen.accepted.fetch_add(1, Ordering::SeqCst);
            self.seen.recorded.lock().unwrap().push(Vec::new());
            let Ok(player) = connect(self.target, self.ways[1].rate.is_some()) else {
                set_to_reset(&conductor);
                continue;
            };
            let twin = self.duplicate.then(|| TcpStream::connect(self.target).expect("a player takes connections"));
            for stream in [&conductor, &player].into_iter().chain(&twin) {
                stream.set_nonblocking(true).expect("a socket that does not block");
                stream.set_nodelay(true).expect("a socket that does not wait");
            }
            self.connections.push(Connection::new(index, [conductor, player], twin, now));
        }
    }

    fn obey(&mut self, order: &Order) {
        match *order {
            Order::Delay(way, delay) => way.indices().for_each(|index| self.ways[index].delay = delay),
            Order::Rate(way, rate) => {
                way.indices().for_each(|index| self.ways[index].rate = rate);
                let size = if rate.is_some() { NARROW_BUFFER } else { WIDE_BUFFER };
                for connection in &self.connections {
                    for end in &connection.ends[way.indices()] {
                        let _ = SockRef::from(end).set_recv_buffer_size(size);
                    }
                }
            }
            Order::Stall(way, stalled) => way.indices().for_each(|index| self.ways[index].stalled = stalled),
            Order::Strand => self.connections.iter_mut().for_each(|connection| connection.stranded = true),
            Order::HalfClose(way) => {
                let now = Instant::now();
                for lane in self.connections.iter_mut().flat_map(|connection| &mut connection.lanes[way.indices()]) {
                    lane.end(now);
                }
            }
            Order::Cut => self.connections.iter_mut().for_each(|connection| connection.fate = Fate::Closes),
            Order::Forbid(text) => self.ways[0].forbidden = Some(text),
            Order::CutAfter(way, bytes) => way.indices().for_each(|index| self.ways[index].fuse = Some(bytes)),
            Order::Reset => self.connections.iter_mut().for_each(|connection| connection.fate = Fate::Resets),
            Order::Refuse(true) => self.listener = None,
            Order::Refuse(false) => _ = self.listener.get_or_insert_with(|| listen(self.port)),
            Order::Duplicate(duplicate) => self.duplicate = duplicate,
            Order::End => {}
        }
        // What is taken on later inherits it.
        if let Some(listener) = self.listener.as_ref().filter(|_| self.ways[0].rate.is_some()) {
            narrow(&SockRef::from(listener)).expect("a narrow link");
        }
    }
}

/// A socket that holds a port of 127.0.0.1. Only sockets of ours share it: the kernel gives a port whose sockets all have
/// `SO_REUSEADDR` to whoever asks for any port.
fn bound(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_port(true).expect("a port can be shared with its keeper");
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into()).expect("a port");
    socket
}

fn listen(port: u16) -> TcpListener {
    let socket = bound(port);
    socket.listen(1024).expect("a port to listen on");
    socket.set_nonblocking(true).expect("a socket that does not block");
    socket.into()
}

fn connect(target: SocketAddr, is_narrow: bool) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    if is_narrow {
        narrow(&socket)?;
    }
    socket.connect(&target.into())?;
    Ok(socket.into())
}

/// What is on its way waits with the sender: the packets of the loopback alone are larger than what a narrow link holds.
fn narrow(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_mss(PACKET)?;
    socket.set_recv_buffer_size(NARROW_BUFFER)
}

fn set_to_reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}
