//! `player --stdio`: a conductor has run this program on the machine through a command such as `ssh`. It passes its
//! standard input and output to the player of the conductor's session, and ends when that player has closed the
//! connection. If there is no such player, it starts one, and then ends only after the player: Slurm and systemd end
//! the remaining processes of a command when its first process has ended. The player is a child of process 1, so that
//! it continues if this process and its children are killed.
//!
//! A session player listens on an abstract Unix socket (unix(7)) whose name is derived from the secret of the session.
//! Both sides check that the other side runs as the same user (`local_socket`).

use std::fs::{self, File};
use std::io::{self, ErrorKind, PipeReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags};

use super::local_socket::{Found, connect_or_listen, has_own_user};
use crate::sys::{self, DescriptorLimit};
use crate::wait::Wait;
use crate::wire::{Connection, FrameDecoder, Greeting, Hello, VERBOSE, bounds, frame};

/// The maximum size of the first message, including its length field.
const MESSAGE: usize = 64 << 10;

/// Connects a conductor to the player of its session, and returns the exit status. The first line that it prints begins
/// with `mark`.
///
/// # Errors
///
/// Returns an error with the reason if there is no player or no message.
pub fn pass_on(mark: &str) -> io::Result<i32> {
    if !has_own_user() {
        return Err(io::Error::new(
            ErrorKind::PermissionDenied,
            "cannot run as user 65534, which stands for every unknown user in a user namespace; use another user",
        ));
    }
    take_name();
    // One of the inherited descriptors is the copy of the program itself.
    sys::close_all_but_standard();
    let mut output = io::stdout();
    writeln!(output, "{mark} player {}", env!("CARGO_PKG_VERSION"))?;
    output.flush()?;
    let hello = hello()?;
    let Ok(Greeting::Hello(content)) = Greeting::decode(&hello) else {
        return Err(io::Error::new(ErrorKind::InvalidData, "the conductor's first message is not `hello`"));
    };
    let (player, started) = player_of(&content)?;
    hand_over(&player, &hello)?;
    close_standard()?;
    // The player closes its end when it closes the connection; it never writes.
    wait_for_end(player);
    started.into_iter().for_each(wait_for_end);
    Ok(0)
}

/// Waits for the other end to be closed, and closes this one.
fn wait_for_end(descriptor: impl AsFd) {
    while Wait::PassedOn.poll(&mut [PollFd::new(&descriptor, PollFlags::IN)], None).is_err() {}
}

/// Makes ps(1) show this process as `conductor`, although its file is a descriptor of another process.
pub(super) fn take_name() {
    let _ = fs::write("/proc/self/comm", "conductor");
}

/// Reads the first message, and nothing after it.
fn hello() -> io::Result<Vec<u8>> {
    let (input, deadline) = (io::stdin(), Instant::now() + Wait::Caller.time());
    FrameDecoder::new(bounds::ANSWER.most() as u64).wait_for_frame(|decoder| {
        Wait::Caller.readable(&input, deadline)?;
        decoder.read(&input)
    })
}

/// Connects to the player of a session. If there is none, starts it, and also returns a pipe that closes when the
/// player ends.
fn player_of(hello: &Hello) -> io::Result<(UnixStream, Option<PipeReader>)> {
    let mut started = None;
    let names = hello.secret.names().map(|name| format!("conductor-{name}"));
    for _ in 0..2 {
        match connect_or_listen(&names)? {
            Found::Listening(player) => return Ok((player, started)),
            // Connections wait until the player is running and accepts them.
            Found::Free(listener) => started = Some(start_player(hello, listener)?),
            Found::Taken => {
                let why = "other users have bound all socket names of this session";
                return Err(io::Error::new(ErrorKind::PermissionDenied, why));
            }
            Found::Unresponsive => {
                let why =
                    "the player of this session accepts no connections, or another user has bound its socket name";
                return Err(io::Error::new(ErrorKind::TimedOut, why));
            }
        }
    }
    Err(io::Error::other("the player of this session ended while it was starting"))
}

/// Starts a player for one session in its own terminal session, so that it continues if the connection breaks. Returns
/// a pipe that closes when the player has ended.
fn start_player(hello: &Hello, listener: UnixListener) -> io::Result<PipeReader> {
    let (ended, output) = io::pipe()?;
    let mut command = Command::new("/proc/self/exe");
    command.arg0("conductor").args(["player", "--session", &hello.secret.fingerprint()]);
    command.args(hello.has(VERBOSE).then_some("--verbose"));
    command.stdin(OwnedFd::from(listener)).stdout(output).stderr(Stdio::null());
    sys::start_detached(&mut command, DescriptorLimit::of_this_process());
    let mut parent = command.spawn()?;
    // This intermediate process has ended or is about to end.
    let _ = Wait::LeftoverEnd.has_ended(&mut parent);
    Ok(ended)
}

/// Passes on the first message and this process's standard input and output.
fn hand_over(player: &UnixStream, hello: &[u8]) -> io::Result<()> {
    let (input, output) = (io::stdin(), io::stdout());
    let message = frame(hello);
    let sent = sys::send_with(player, &message, &[input.as_fd(), output.as_fd()])?;
    if sent == message.len() { Ok(()) } else { Err(ErrorKind::WriteZero.into()) }
}

/// Closes this process's copies of the connection, so that the other side sees its end.
fn close_standard() -> io::Result<()> {
    let null = File::options().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    Ok(rustix::stdio::dup2_stderr(&null)?)
}

/// What a process has passed on.
pub(super) enum Passed {
    /// Nothing yet.
    NotYet(UnixStream),
    /// The connection, which the process keeps open for as long as this exists, and the bytes of its first message.
    Whole(Connection, Vec<u8>),
}

/// Takes what a process has passed on. Does not block.
///
/// # Errors
///
/// Returns an error if anything else arrives, or if the process has closed the socket.
pub(super) fn take(stream: UnixStream) -> io::Result<Passed> {
    let mut bytes = vec![0; MESSAGE];
    let (count, mut descriptors) = match sys::receive_with(&stream, &mut bytes) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
            return Ok(Passed::NotYet(stream));
        }
        received => received?,
    };
    bytes.truncate(count);
    descriptors.push(stream.into());
    if descriptors.len() == 3 {
        Ok(Passed::Whole(Connection::passed(descriptors)?, bytes))
    } else {
        Err(ErrorKind::InvalidData.into())
    }
}
