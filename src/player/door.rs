//! Where a player waits for conductors: at a TCP port, or, if it serves one session, at a Unix socket.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;

use crate::wire::listen_everywhere;

/// The socket on which a player waits for conductors.
pub(super) enum Door {
    /// A TCP port. Conductors with an allowed address can connect.
    Machine(TcpListener),
    /// A Unix socket. Only a `player --stdio` of the same user can connect.
    Session(UnixListener),
}

impl Door {
    /// Opens a port.
    ///
    /// # Errors
    ///
    /// Returns an error if the port cannot be opened.
    pub(super) fn machine(address: Option<IpAddr>, port: u16) -> io::Result<Self> {
        let socket = match address {
            Some(address) => TcpListener::bind((address, port)),
            None => listen_everywhere(port),
        };
        let shown =
            address.map_or_else(|| format!("port {port}"), |address| SocketAddr::new(address, port).to_string());
        let socket = socket.map_err(|error| io::Error::other(format!("cannot listen on {shown}: {error}")))?;
        socket.set_nonblocking(true)?;
        Ok(Self::Machine(socket))
    }

    /// Takes the Unix socket from the standard input of this process.
    ///
    /// # Errors
    ///
    /// Returns an error if standard input is not a Unix socket.
    pub(super) fn session() -> io::Result<Self> {
        let socket = UnixListener::from(io::stdin().as_fd().try_clone_to_owned()?);
        socket.local_addr()?;
        socket.set_nonblocking(true)?;
        // Child processes would inherit it and keep the socket open.
        rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
        Ok(Self::Session(socket))
    }

    /// Returns the address of the port.
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
