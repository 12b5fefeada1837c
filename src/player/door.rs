//! Where a player waits for conductors: at a TCP port, or, if it serves one session, at a Unix socket.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;

use socket2::{Domain, Socket, Type};

/// Where a player waits for conductors.
pub(super) enum Door {
    /// Anybody can connect who is admitted.
    Machine(TcpListener),
    /// Only `player --stdio` of this user can connect.
    Session(UnixListener),
}

impl Door {
    /// Opens a port.
    ///
    /// # Errors
    ///
    /// If the port cannot be opened.
    pub(super) fn machine(address: Option<IpAddr>, port: u16) -> io::Result<Self> {
        let any_v6 = SocketAddr::from(([0u16; 8], port));
        let any_v4 = SocketAddr::from(([0u8; 4], port));
        let socket = match address {
            Some(address) => TcpListener::bind((address, port)),
            // A machine without IPv6 has no `::`; any other error is reported for the address that people know.
            None => bind_to_all(any_v6).or_else(|_| TcpListener::bind(any_v4)),
        };
        let shown =
            address.map_or_else(|| format!("port {port}"), |address| SocketAddr::new(address, port).to_string());
        let socket = socket.map_err(|error| io::Error::other(format!("cannot listen on {shown}: {error}")))?;
        socket.set_nonblocking(true)?;
        Ok(Self::Machine(socket))
    }

    /// Takes the Unix socket that is this process's standard input.
    ///
    /// # Errors
    ///
    /// If it is not there.
    pub(super) fn session() -> io::Result<Self> {
        let socket = UnixListener::from(io::stdin().as_fd().try_clone_to_owned()?);
        socket.local_addr()?;
        socket.set_nonblocking(true)?;
        Ok(Self::Session(socket))
    }

    /// The address of the port.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        if let Self::Machine(socket) = self { socket.local_addr().ok() } else { None }
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Machine(socket) => socket.as_fd(),
            Self::Session(socket) => socket.as_fd(),
        }
    }
}

/// Listens on every address, even if the system's sockets for IPv6 accept no IPv4 (`net.ipv6.bindv6only`).
fn bind_to_all(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV6, Type::STREAM, None)?;
    socket.set_only_v6(false)?;
    // As the standard library does: a player that is started again gets its port at once.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    Ok(socket.into())
}
