//! Connections that processes of steps hold to the test, each its own: the line that comes first names the process, and the
//! end says that it is gone.
#![expect(clippy::expect_used, reason = "what a test needs and does not get ends it")]

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::net::{TcpListener, TcpStream};

use super::{DEADLINE, eventually};

/// Where they connect to.
pub struct Sockets(TcpListener);

impl Sockets {
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a port need not be waited for");
        Self(listener)
    }

    pub fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }

    /// Waits until so many processes have said their names, and are gone; the names, sorted.
    #[track_caller]
    pub fn wait_for_ends(&self, processes: usize) -> Vec<u32> {
        let held: Vec<BufReader<TcpStream>> = (0..processes).map(|_| self.accept()).collect();
        let mut names: Vec<u32> = held.into_iter().map(name_and_end).collect();
        names.sort_unstable();
        names
    }

    #[track_caller]
    fn accept(&self) -> BufReader<TcpStream> {
        let mut accepted = None;
        eventually("another process connects", || {
            accepted = self.0.accept().ok().map(|(stream, _)| stream);
            accepted.is_some()
        });
        let stream = accepted.expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
        BufReader::new(stream)
    }
}

#[track_caller]
fn name_and_end(mut held: BufReader<TcpStream>) -> u32 {
    let (mut name, mut rest) = (String::new(), Vec::new());
    held.read_line(&mut name).expect("a process says its name");
    let end = held.read_to_end(&mut rest);
    // Nothing of it may be left, not even one that inherited the socket.
    assert!(matches!(end, Ok(0)) || end.is_err_and(|error| error.kind() == ErrorKind::ConnectionReset), "{name} lives");
    name.trim_end().parse().expect("the name of a process is a number")
}
