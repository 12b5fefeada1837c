//! The connections to a seed player's command port, with one message each.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use crate::conduct::event::End;
use crate::model::{on_one_line, words};
use crate::wait::Wait;
use crate::wire::seed::{SeedPhase, decode_result, encode_run};
use crate::wire::trace::Tap;
use crate::wire::{FrameDecoder, frame};

/// The time limit for making a connection, and for its answer.
const LIMIT: Duration = Wait::PythonAnswer.time();
/// The largest answer to a download.
const LARGEST_ANSWER: u64 = 1 << 20;

fn connect(player: SocketAddr) -> io::Result<TcpStream> {
    let stream = Wait::PythonAnswer.connect(&player)?;
    stream.set_nodelay(true)?;
    Wait::PythonAnswer.limit_writes(&stream, LIMIT)?;
    Ok(stream)
}

/// Sends a phase and waits for its acknowledgement.
pub(super) fn download(player: SocketAddr, phase: &SeedPhase) -> Result<(), End> {
    let failed = |error| failed("its Python player did not accept a phase", &error);
    let refused = |text: &str| End::lost(format!("its Python player refused a phase: {}", on_one_line(text)));
    let mut stream = connect(player).map_err(failed)?;
    let (tap, message) = (Tap::new(player), frame(&phase.encode()));
    stream.write_all(&message).map_err(failed)?;
    tap.sent(&message);
    let payload = answer(&stream).map_err(failed)?;
    tap.received_frame(&payload);
    match decode_result(&payload) {
        Ok((0, _)) => Ok(()),
        Ok((_, text)) => Err(refused(&text)),
        Err(error) => Err(refused(&error.to_string())),
    }
}

fn answer(stream: &TcpStream) -> io::Result<Vec<u8>> {
    let deadline = Instant::now() + LIMIT;
    let answer = FrameDecoder::new(LARGEST_ANSWER).wait_for_frame(|decoder| {
        Wait::PythonAnswer.readable(stream, deadline)?;
        decoder.read(stream)
    });
    answer.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => io::Error::other("no answer was received"),
        io::ErrorKind::UnexpectedEof => io::Error::other("the connection was closed without an answer"),
        _ => error,
    })
}

/// Starts what was downloaded. The connection stays open while it runs; its keepalive is the heartbeat.
pub(super) fn start(player: SocketAddr) -> Result<TcpStream, End> {
    let started = || {
        let mut stream = connect(player)?;
        let seconds = Duration::from_secs;
        let keepalive = TcpKeepalive::new().with_time(seconds(5)).with_interval(seconds(2)).with_retries(3);
        SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
        let message = frame(&encode_run());
        stream.write_all(&message)?;
        Tap::new(player).sent(&message);
        stream.set_nonblocking(true)?;
        Ok(stream)
    };
    started().map_err(|error| failed("cannot start its Python player", &error))
}

fn failed(what: &str, error: &io::Error) -> End {
    End::lost(format!("{what}: {}", words(error))).because_of(error)
}

/// Whether the player has closed the connection, or can no longer be reached. It never sends anything there.
pub(super) fn is_over(mut stream: &TcpStream) -> bool {
    match stream.read(&mut [0; 512]) {
        Ok(count) => count == 0,
        Err(error) => !matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted),
    }
}
