//! Reaching a player: its name, a connection, and its first answer. Tried again until there is no time left.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::conduct::event::End;
use crate::model::{ConductorTime, Destination};
use crate::wait::Wait;
pub(crate) use crate::wire::words;
use crate::wire::{FrameDecoder, Greeting, Hello, bounds, frame};

use super::super::now::now;
use super::connect::connect;

/// How often a wait looks whether the coordinator still wants it.
const SLICE: Duration = Duration::from_millis(100);
/// The shortest time that a player gets for its first answer, however late it was reached.
const ANSWER: Duration = Duration::from_secs(2);
/// The pauses between attempts grow from the first to the second.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// How long one attempt may take to reach a player again that was there before.
const ATTEMPT: Duration = Duration::from_secs(4);

/// A player that was reached.
pub(crate) struct Dialled {
    /// The connection.
    pub(crate) stream: TcpStream,
    /// Its first answer.
    pub(crate) greeting: Greeting,
    /// What came behind the answer.
    pub(crate) pending: Vec<u8>,
    /// When `hello` was sent.
    pub(crate) sent: ConductorTime,
    /// When the answer was there.
    pub(crate) answered: ConductorTime,
}

/// Why an attempt failed.
enum Failure {
    /// It may succeed later.
    Again(String),
    /// It never will.
    Final(End),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Again(words(&error))
    }
}

/// Reaches a player and says `hello`. Any command ends the attempt, for before a plan only the end can come.
pub(crate) fn dial(
    destination: &Destination,
    hello: &mut Hello,
    deadline: Instant,
    mut patience: impl FnMut(Duration) -> Option<End>,
) -> Result<Dialled, End> {
    repeat(destination, hello, (deadline, None), &mut patience)
}

/// The same for a player that was there before: no attempt waits long, for it may have gone into a void.
pub(crate) fn again(
    destination: &Destination,
    hello: &mut Hello,
    deadline: Instant,
    mut patience: impl FnMut(Duration) -> Option<End>,
) -> Result<Dialled, End> {
    hello.attempt += 1;
    repeat(destination, hello, (deadline, Some(ATTEMPT)), &mut patience)
}

fn repeat(
    destination: &Destination,
    hello: &mut Hello,
    (deadline, most): (Instant, Option<Duration>),
    patience: &mut dyn FnMut(Duration) -> Option<End>,
) -> Result<Dialled, End> {
    let mut addresses = Vec::new();
    let mut pause = PAUSES.0;
    loop {
        let until = most.map_or(deadline, |most| deadline.min(Instant::now() + most));
        let why = match attempt(destination, &mut addresses, hello, until, patience) {
            // A copy of this connection came before it. The next attempt is a higher one, and takes over.
            Ok(Dialled { greeting: Greeting::Refused(refusal), .. }) if refusal.reason == "attempt" => refusal.message,
            Ok(dialled) => return Ok(dialled),
            Err(Failure::Final(end)) => return Err(end),
            Err(Failure::Again(why)) => why,
        };
        if Instant::now() + pause >= deadline {
            return Err(End::Unreachable(why));
        }
        if let Some(end) = patience(pause) {
            return Err(end);
        }
        // A `hello` that came through and whose answer did not has begun a session.
        hello.attempt += 1;
        pause = (pause * 2).min(PAUSES.1);
    }
}

fn attempt(
    destination: &Destination,
    addresses: &mut Vec<SocketAddr>,
    hello: &Hello,
    deadline: Instant,
    patience: &mut dyn FnMut(Duration) -> Option<End>,
) -> Result<Dialled, Failure> {
    let Destination::Tcp { host, port } = destination;
    let left = deadline.saturating_duration_since(Instant::now());
    let mut end = None;
    // A command may do something beside ending the attempt, so that each is asked for once.
    let mut is_wanted = || {
        end = end.take().or_else(|| patience(Duration::ZERO));
        end.is_none()
    };
    let connected = if addresses.is_empty() {
        let found = Wait::NameLookup.look_up(host, *port, left, &mut is_wanted);
        found.map_err(|error| format!("`{host}` has no address: {}", words(&error))).map(|found| *addresses = found)
    } else {
        Ok(())
    };
    let connected = connected.and_then(|()| {
        connect(addresses, deadline, &mut is_wanted).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => "connection timed out".to_owned(),
            io::ErrorKind::AddrNotAvailable if addresses.is_empty() => format!("`{host}` has no address"),
            _ => words(&error),
        })
    });
    match (end, connected) {
        (Some(end), _) => Err(Failure::Final(end)),
        (None, Err(why)) => Err(Failure::Again(why)),
        (None, Ok(stream)) => {
            Wait::PlayerReads.limit_writes(&stream, Wait::PlayerReads.time())?;
            greet(destination, stream, hello, deadline, patience)
        }
    }
}

fn wanted(patience: &mut dyn FnMut(Duration) -> Option<End>) -> Result<(), Failure> {
    patience(Duration::ZERO).map_or(Ok(()), |end| Err(Failure::Final(end)))
}

/// Says `hello` and reads the answer.
fn greet(
    destination: &Destination,
    mut stream: TcpStream,
    hello: &Hello,
    deadline: Instant,
    patience: &mut dyn FnMut(Duration) -> Option<End>,
) -> Result<Dialled, Failure> {
    let deadline = deadline.max(Instant::now() + ANSWER);
    let sent = now();
    stream.write_all(&frame(&Greeting::Hello(hello.clone()).encode()))?;
    Wait::HelloAnswer.limit_reads(&stream, SLICE)?;
    let stranger = || Failure::Final(End::Refused(not_a_player(destination)));
    let mut decoder = FrameDecoder::new(bounds::ANSWER.most() as u64);
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) if begins_an_answer(decoder.pending()) => {
                return Err(Failure::Again("the connection was closed without an answer".to_owned()));
            }
            Ok(0) => return Err(stranger()),
            Ok(count) => decoder.push(&buffer[..count]),
            Err(error) if is_timeout(&error) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        let answered = now();
        if let Some(payload) = decoder.next_frame().map_err(|_| stranger())? {
            let greeting = Greeting::decode(&payload).map_err(|_| stranger())?;
            let pending = decoder.pending().to_vec();
            return Ok(Dialled { stream, greeting, pending, sent, answered });
        }
        wanted(patience)?;
        if Instant::now() >= deadline {
            let why = "the connection was taken and `hello` was not answered".to_owned();
            return Err(Failure::Again(why));
        }
    }
}

/// Whether these bytes, or none, may be the beginning of an answer that was cut off: a length below 16 MiB, and JSON.
fn begins_an_answer(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|first| *first == 0) && bytes.get(4).is_none_or(|first| *first == b'{')
}

/// What is said of a peer that speaks something else.
pub(super) fn not_a_player(destination: &Destination) -> String {
    format!("what answers at {destination} is not a player")
}

/// Whether a read or write only took too long.
pub(crate) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}
