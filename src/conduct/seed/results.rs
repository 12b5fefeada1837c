//! Where a seed player's results come in: a listener, and the connections in the order in which they were made.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Protocol, Socket, Type};

use crate::wait::Wait;
use crate::wire::seed::{PHASES_COMPLETE, decode_result};
use crate::wire::{FrameDecoder, FrameError};

/// How long a connection may stay without progress.
const SILENT: Duration = Duration::from_secs(5);
/// How many connections are read at the same time; the seed makes one after another.
const MOST: usize = 32;

/// What came over one connection.
#[derive(Debug, PartialEq)]
pub(super) enum Arrival {
    /// A result: its code and message.
    Result(i64, String),
    /// A result that is over the limit; it is not read.
    TooLarge(String),
    /// Something else, from whomever.
    Stranger(String),
}

impl Arrival {
    /// Whether it says that the phase is over.
    pub(super) fn is_last(&self) -> bool {
        matches!(self, Self::Result(PHASES_COMPLETE, _))
    }
}

struct Connection {
    stream: TcpStream,
    decoder: FrameDecoder,
    progress: Instant,
    arrival: Option<Arrival>,
}

/// The listener of one worker.
pub(super) struct Results {
    listener: TcpListener,
    port: u16,
    limit: u64,
    connections: VecDeque<Connection>,
    buffer: Vec<u8>,
}

impl Results {
    /// Listens on a port, 0 for any, on all addresses of this machine. A frame is at most `limit` bytes.
    pub(super) fn listen(port: u16, limit: u64) -> io::Result<Self> {
        let listener = match bind((Ipv6Addr::UNSPECIFIED, port).into()) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => bind((Ipv4Addr::UNSPECIFIED, port).into())?,
            other => other?,
        };
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port, limit, connections: VecDeque::new(), buffer: vec![0; 64 << 10] })
    }

    /// The port that it listens on.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Waits for results, at most so long, or until something happens on `other`. They come in the order of their
    /// connections; one that is slow holds those behind it up, and is dropped when it is silent.
    pub(super) fn wait(&mut self, other: Option<&TcpStream>, time: Duration) -> Vec<Arrival> {
        self.poll(other, time);
        self.accept();
        for connection in &mut self.connections {
            connection.read(&mut self.buffer, self.limit);
        }
        let mut arrivals = Vec::new();
        while let Some(front) = self.connections.front_mut() {
            let Some(arrival) = front.arrival.take() else {
                break;
            };
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

    fn accept(&mut self) {
        while self.connections.len() < MOST {
            let Ok((stream, _)) = self.listener.accept() else {
                return;
            };
            if stream.set_nonblocking(true).is_ok() {
                let decoder = FrameDecoder::new(self.limit);
                self.connections.push_back(Connection { stream, decoder, progress: Instant::now(), arrival: None });
            }
        }
    }
}

impl Connection {
    fn read(&mut self, buffer: &mut [u8], limit: u64) {
        while self.arrival.is_none() {
            match self.stream.read(buffer) {
                Ok(0) => self.arrival = Some(Arrival::Stranger(self.decoder.end().to_string())),
                Ok(count) => {
                    self.progress = Instant::now();
                    self.decoder.push(&buffer[..count]);
                    self.arrival = self.cut(limit);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.progress.elapsed() > SILENT {
                        self.arrival = Some(Arrival::Stranger("it is silent".to_owned()));
                    }
                    return;
                }
                Err(error) => self.arrival = Some(Arrival::Stranger(error.to_string())),
            }
        }
    }

    fn cut(&mut self, limit: u64) -> Option<Arrival> {
        match self.decoder.next_frame() {
            Ok(None) => None,
            Ok(Some(payload)) => Some(match decode_result(&payload) {
                Ok((code, text)) => Arrival::Result(code, text),
                Err(why) => Arrival::Stranger(why),
            }),
            // A length that begins with `{` or a letter is no length: whoever sends it is no player.
            Err(FrameError::TooLarge { length, .. }) if length < 0x2000_0000 => Some(Arrival::TooLarge(format!(
                "a result of {length} bytes is over `max_message_size`, which is {limit} bytes"
            ))),
            Err(error) => Some(Arrival::Stranger(error.to_string())),
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}
