//! Abstract Unix sockets (unix(7)), through which the processes of one user find each other.
//!
//! Such a socket has no permissions: every user of the machine can bind its name and connect to it. Therefore each side
//! checks the user of the other side, and there are several names for each purpose: a name that another user has bound
//! is skipped. If a listener accepts no connections, its user is unknown: it may be a process of this user whose queue
//! is kept full by other users.

use std::io::{self, ErrorKind};
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::sockopt::socket_peercred;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use crate::wait::Wait;

/// The number of names for each purpose.
pub(super) const NAMES: usize = 4;

/// The pause before the names are tried again.
const PAUSE: Duration = Duration::from_millis(10);

/// The result of trying the names for one purpose.
#[derive(Debug)]
pub(super) enum Found {
    /// A process of this user is listening. This is a non-blocking connection to it.
    Listening(UnixStream),
    /// No process of this user was listening. Now this process is.
    Free(UnixListener),
    /// Other users have bound all names.
    Taken,
    /// A process is listening but accepts no connections. It may be a process of this user.
    Unresponsive,
}

/// The result of trying one name.
enum Knock {
    Ours(UnixStream),
    Others,
    Nobody,
    /// A process is listening, but its queue of connections is full.
    Full,
}

/// Connects to the process of this user that listens on one of the names. If there certainly is none, listens on the
/// first free name.
///
/// # Errors
///
/// See socket(2), connect(2) and bind(2).
pub(super) fn connect_or_listen(names: &[String; NAMES]) -> io::Result<Found> {
    let (begun, wait) = (Instant::now(), Wait::LocalSocket);
    loop {
        let (mut free, mut is_full) = (Vec::new(), false);
        for name in names {
            match knock(name)? {
                Knock::Ours(stream) => return Ok(Found::Listening(stream)),
                Knock::Nobody => free.push(name),
                Knock::Full => is_full = true,
                Knock::Others => {}
            }
        }
        let is_late = begun.elapsed() >= wait.time();
        // Another user may have filled the queue of a process of this user, which will soon empty it.
        if is_full && is_late {
            return Ok(Found::Unresponsive);
        }
        if !is_full {
            for name in free {
                match UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?) {
                    Ok(listener) => return Ok(Found::Free(listener)),
                    // Another process of this user was faster, or another user has bound the name and does not listen.
                    Err(error) if error.kind() == ErrorKind::AddrInUse && is_late => {}
                    Err(error) if error.kind() == ErrorKind::AddrInUse => break,
                    Err(error) => return Err(error),
                }
            }
        }
        if is_late {
            return Ok(Found::Taken);
        }
        wait.pause(PAUSE);
    }
}

fn knock(name: &str) -> io::Result<Knock> {
    let socket =
        socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)?;
    match connect(&socket, &SocketAddrUnix::new_abstract_name(name.as_bytes())?) {
        Ok(()) if has_same_user(&socket) => Ok(Knock::Ours(socket.into())),
        Ok(()) => Ok(Knock::Others),
        Err(Errno::CONNREFUSED) => Ok(Knock::Nobody),
        Err(Errno::AGAIN) => Ok(Knock::Full),
        Err(error) => Err(error.into()),
    }
}

/// Whether the user of this process can be compared with others. A user namespace shows all users that it does not know
/// as 65534 (`overflowuid` in `user_namespaces(7)`), so that they cannot be distinguished.
pub(super) fn has_own_user() -> bool {
    const OVERFLOW: u32 = 65534;
    rustix::process::geteuid().as_raw() != OVERFLOW
}

/// Whether the other side of a socket runs as this user.
pub(super) fn has_same_user(socket: impl AsFd) -> bool {
    has_own_user() && socket_peercred(socket).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(purpose: &str) -> [String; NAMES] {
        std::array::from_fn(|number| format!("conductor-test-{purpose}-{}-{number}", std::process::id()))
    }

    #[test]
    fn the_first_listens_and_others_connect_to_it_until_it_ends() {
        let names = names("first");
        let Ok(Found::Free(listener)) = connect_or_listen(&names) else { panic!("the name is free") };
        let Ok(Found::Listening(_)) = connect_or_listen(&names) else { panic!("somebody listens") };
        drop(listener);
        assert!(matches!(connect_or_listen(&names), Ok(Found::Free(_))));
    }

    #[test]
    fn a_listener_is_found_at_each_of_the_names() {
        let names = names("each");
        for name in &names {
            let _listener = UnixListener::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap();
            assert!(matches!(connect_or_listen(&names), Ok(Found::Listening(_))), "{name}");
        }
    }

    #[test]
    fn a_listener_that_accepts_nothing_may_be_one_of_this_user() {
        let names = names("full");
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        rustix::net::bind(&socket, &SocketAddrUnix::new_abstract_name(names[0].as_bytes()).unwrap()).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let mut queue = Vec::new();
        while let Ok(Knock::Ours(stream)) = knock(&names[0]) {
            queue.push(stream);
        }
        assert!(matches!(connect_or_listen(&names), Ok(Found::Unresponsive)), "nobody else becomes the first");
        drop(queue);
        // A listener of this user on another name is still found.
        let _second = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&names[1]).unwrap()).unwrap();
        assert!(matches!(connect_or_listen(&names), Ok(Found::Listening(_))));
    }

    #[test]
    fn a_name_that_is_bound_and_refuses_connections_is_passed_over() {
        let names = names("bound");
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap();
        rustix::net::bind(&socket, &SocketAddrUnix::new_abstract_name(names[0].as_bytes()).unwrap()).unwrap();
        let Ok(Found::Free(listener)) = connect_or_listen(&names) else { panic!("the others are free") };
        assert_eq!(listener.local_addr().unwrap().as_abstract_name(), Some(names[1].as_bytes()));
    }
}
