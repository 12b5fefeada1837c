//! A connection: one descriptor to read from and one to write to.

use std::fmt::Debug;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags};
use rustix::net::{Shutdown, getpeername, getsockname, shutdown};
use socket2::{Domain, SockRef, Socket, Type};

use super::FrameDecoder;
use super::trace::Tap;

/// How much unsent data may be in the kernel, so that urgent messages do not wait for much other data.
const UNSENT: u32 = 64 << 10;

/// Listens on a port (0 for any) on all addresses of this machine, even if its IPv6 sockets accept no IPv4 by default
/// (`net.ipv6.bindv6only`).
///
/// # Errors
///
/// See bind(2) and listen(2).
pub fn listen_everywhere(port: u16) -> io::Result<TcpListener> {
    let listen = || -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
        socket.set_only_v6(false)?;
        // As in the standard library: a restarted program gets its port immediately.
        socket.set_reuse_address(true)?;
        socket.bind(&SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)).into())?;
        socket.listen(128)?;
        Ok(socket.into())
    };
    // A machine without IPv6 has no `::`. Any other error is reported for the IPv4 address, which users know.
    listen().or_else(|_| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)))
}

/// A connection that never blocks. Its ends are one socket, or two descriptors such as those of pipes. A clone is the
/// same connection.
#[derive(Debug, Clone)]
pub struct Connection {
    input: Arc<OwnedFd>,
    output: Arc<OwnedFd>,
    /// A descriptor that keeps the connection open elsewhere, and is closed with it.
    companion: Option<Arc<OwnedFd>>,
    /// A value that is dropped after the last clone is closed.
    _guard: Option<Arc<dyn Debug + Send + Sync>>,
    /// Records the frames, if requested.
    tap: Arc<Tap>,
}

impl Connection {
    /// Creates a connection from a descriptor to read from and one to write to.
    ///
    /// # Errors
    ///
    /// See fcntl(2).
    pub fn new(input: OwnedFd, output: Option<OwnedFd>) -> io::Result<Self> {
        let input = Arc::new(input);
        let output = output.map_or_else(|| Arc::clone(&input), Arc::new);
        rustix::io::ioctl_fionbio(&input, true)?;
        rustix::io::ioctl_fionbio(&output, true)?;
        let peer = getpeername(&input).ok().flatten().and_then(|address| SocketAddr::try_from(address).ok());
        let peer = peer.map_or_else(|| "pipe".to_owned(), |address| address.to_string());
        Ok(Self { input, output, companion: None, _guard: None, tap: Arc::new(Tap::new(peer)) })
    }

    /// Creates a connection from descriptors that another process has passed: those of [`Self::descriptors`].
    ///
    /// # Errors
    ///
    /// See fcntl(2). The error is `InvalidInput` if there are none.
    pub fn passed(descriptors: Vec<OwnedFd>) -> io::Result<Self> {
        let mut descriptors = descriptors.into_iter();
        let input = descriptors.next().ok_or(io::ErrorKind::InvalidInput)?;
        let connection = Self::new(input, descriptors.next())?;
        Ok(Self { companion: descriptors.next().map(Arc::new), ..connection })
    }

    /// Makes the connection drop `guard` after its last clone is closed.
    #[must_use]
    pub fn with_guard(self, guard: impl Debug + Send + Sync + 'static) -> Self {
        Self { _guard: Some(Arc::new(guard)), ..self }
    }

    /// Creates a connection from a TCP stream, and makes it send small messages immediately.
    ///
    /// # Errors
    ///
    /// See setsockopt(2).
    pub fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT)?;
        Self::new(stream.into(), None)
    }

    /// Creates both ends of a connection within this process, with two pipes.
    ///
    /// # Errors
    ///
    /// See pipe(2).
    pub fn pair() -> io::Result<(Self, Self)> {
        let ((near_input, far_output), (far_input, near_output)) = (io::pipe()?, io::pipe()?);
        let near = Self::new(near_input.into(), Some(near_output.into()))?;
        Ok((near, Self::new(far_input.into(), Some(far_output.into()))?))
    }

    /// Reads what has arrived.
    ///
    /// # Errors
    ///
    /// See read(2). The error is `WouldBlock` if nothing has arrived.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = rustix::io::read(&self.input, &mut *buffer)?;
        self.tap.received(&buffer[..count]);
        Ok(count)
    }

    /// Reads what has arrived into a decoder.
    ///
    /// # Errors
    ///
    /// See [`Self::read`].
    pub fn read_into(&self, decoder: &mut FrameDecoder) -> io::Result<usize> {
        let count = decoder.read(&self.input)?;
        self.tap.received(decoder.newest(count));
        Ok(count)
    }

    /// Writes as many bytes as there is room for.
    ///
    /// # Errors
    ///
    /// See write(2). The error is `WouldBlock` if there is no room.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let count = rustix::io::write(&self.output, bytes)?;
        self.tap.sent(&bytes[..count]);
        Ok(count)
    }

    /// Tells the other side that nothing more will be written. With a pipe, this is only possible by closing it.
    ///
    /// # Errors
    ///
    /// See shutdown(2).
    pub fn end_writing(&self) -> io::Result<()> {
        Ok(shutdown(&self.output, Shutdown::Write)?)
    }

    /// Returns what to wait for: that the connection can be read from, or written to if `is_writing`.
    pub fn waits_for(&self, is_writing: bool) -> impl Iterator<Item = PollFd<'_>> {
        let output = is_writing.then(|| PollFd::new(&self.output, PollFlags::OUT));
        [PollFd::new(&self.input, PollFlags::IN)].into_iter().chain(output)
    }

    /// Returns the descriptors that another process needs to continue the connection with [`Self::passed`].
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        let is_one = self.input.as_raw_fd() == self.output.as_raw_fd() && self.companion.is_none();
        let output = (!is_one).then(|| self.output.as_fd());
        [self.input.as_fd()].into_iter().chain(output).chain(self.companion.as_deref().map(AsFd::as_fd)).collect()
    }

    /// Returns the addresses of the other side and of this side.
    ///
    /// # Errors
    ///
    /// See getpeername(2). Fails for anything except a TCP connection.
    pub fn addresses(&self) -> io::Result<(SocketAddr, SocketAddr)> {
        Ok((
            getpeername(&self.input)?.ok_or(io::ErrorKind::NotConnected)?.try_into()?,
            getsockname(&self.input)?.try_into()?,
        ))
    }
}

impl AsFd for Connection {
    /// The descriptor to read from.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.input.as_fd()
    }
}
