//! Connects to a player over TCP, at one of several addresses. The attempts overlap, so that an address that does not
//! respond delays no other: "Happy Eyeballs", RFC 8305.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::wait::Wait;
use crate::wire::Connection;

/// How long to wait for an attempt before the next address is tried as well (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);
/// How often `wanted` is called.
const LOOK: Duration = Duration::from_millis(100);

/// An attempt in progress.
type Attempt = (SocketAddr, Socket);

/// Connects to the first address that answers.
///
/// # Errors
///
/// Returns the error of the last address; `TimedOut` if one was still being tried at the deadline; `Interrupted` if
/// `wanted` returns `false`.
pub(super) fn connect(
    addresses: &[SocketAddr],
    deadline: Instant,
    mut wanted: impl FnMut() -> bool,
) -> io::Result<(SocketAddr, Connection)> {
    let mut untried = interleaved(addresses).into_iter();
    let mut attempts = Vec::new();
    let mut next_at = Instant::now();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        let now = Instant::now();
        if attempts.is_empty() || now >= next_at {
            match untried.next().map(|address| Ok((address, begin(address)?))) {
                Some(Ok(attempt)) => attempts.push(attempt),
                Some(Err(error)) => {
                    last = error;
                    continue;
                }
                None if attempts.is_empty() => return Err(last),
                None => {}
            }
            next_at = now + STAGGER;
        }
        let time = deadline.saturating_duration_since(now).min(LOOK);
        match wait(&mut attempts, time)? {
            Some(Ok((address, socket))) => return Ok((address, Connection::tcp(socket.into())?)),
            // The next attempt need not wait.
            Some(Err(error)) => (last, next_at) = (error, now),
            None if Instant::now() >= deadline => return Err(io::ErrorKind::TimedOut.into()),
            None if !wanted() => return Err(io::ErrorKind::Interrupted.into()),
            None => {}
        }
    }
}

/// Returns the addresses in their order, but alternating between IPv6 and IPv4 (RFC 8305, section 4).
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let is_first = |address: &&SocketAddr| addresses.first().is_some_and(|first| first.is_ipv6() == address.is_ipv6());
    let (first, second): (Vec<&SocketAddr>, Vec<&SocketAddr>) = addresses.iter().partition(is_first);
    let longest = first.len().max(second.len());
    (0..longest).flat_map(|index| [first.get(index), second.get(index)]).flatten().map(|address| **address).collect()
}

fn begin(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::from(address)) {
        Err(error) if error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => {}
        other => other?,
    }
    Ok(socket)
}

/// Waits until an attempt has finished, and removes it.
fn wait(attempts: &mut Vec<Attempt>, time: Duration) -> io::Result<Option<io::Result<Attempt>>> {
    let ready = {
        let mut descriptors: Vec<_> = attempts.iter().map(|(_, socket)| PollFd::new(socket, PollFlags::OUT)).collect();
        match Wait::ConnectAttempt.poll(&mut descriptors, Some(time)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
            Ok(_) => descriptors.iter().position(|descriptor| !descriptor.revents().is_empty()),
            Err(error) => return Err(error.into()),
        }
    };
    let Some((address, socket)) = ready.map(|index| attempts.remove(index)) else { return Ok(None) };
    Ok(Some(socket.take_error()?.map_or(Ok((address, socket)), Err)))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// More time than anything takes on a loaded machine.
    const LONG: Duration = Duration::from_secs(30);

    /// Returns an address that neither accepts nor refuses connections: its queue is full.
    fn swallowing() -> (Vec<Socket>, SocketAddr) {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let mut sockets = vec![listener];
        sockets.extend((0..3).map(|_| begin(address).unwrap()));
        (sockets, address)
    }

    /// Returns an address that refuses connections: its port is taken as long as the socket is kept, but nothing
    /// listens.
    fn refusing() -> (Socket, SocketAddr) {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        let address = socket.local_addr().unwrap().as_socket().unwrap();
        (socket, address)
    }

    #[test]
    fn an_address_that_swallows_connections_holds_up_no_other() {
        let (_sockets, swallowing) = swallowing();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let begun = Instant::now();
        let (_socket, refusing) = refusing();
        let (connected, _) = connect(&[swallowing, refusing, address], begun + LONG, || true).unwrap();
        assert_eq!(connected, address);
        assert!(begun.elapsed() < LONG / 2, "{:?}", begun.elapsed());
    }

    #[test]
    fn an_address_that_swallows_connections_is_tried_until_the_deadline_and_no_longer() {
        let (_sockets, swallowing) = swallowing();
        let time = Duration::from_millis(600);
        let begun = Instant::now();
        let (_socket, refusing) = refusing();
        let error = connect(&[swallowing, refusing], begun + time, || true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() >= time, "{:?}", begun.elapsed());
    }

    #[test]
    fn addresses_that_refuse_fail_at_once() {
        let [(_first, first), (_second, second)] = [refusing(), refusing()];
        let error = connect(&[first, second], Instant::now() + LONG, || true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }

    #[test]
    fn an_attempt_that_nobody_wants_any_more_ends() {
        let (_sockets, swallowing) = swallowing();
        let error = connect(&[swallowing], Instant::now() + LONG, || false).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::Interrupted);
    }

    #[test]
    fn the_families_take_turns_and_the_first_one_begins() {
        let [a4, b4] = [1, 2].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let [a6, b6] = [1, 2].map(|port| SocketAddr::from(([0, 0, 0, 0, 0, 0, 0, 1], port)));
        assert_eq!(interleaved(&[a6, b6, a4, b4]), [a6, a4, b6, b4]);
        assert_eq!(interleaved(&[a4, a6, b6]), [a4, a6, b6]);
        assert_eq!(interleaved(&[]), []);
    }
}
