//! Delivers the results of a phase to a Python conductor, each on its own connection.
//!
//! The conductor reads the results of one worker after another, so ours may have to wait for others. It sends `run`
//! before it listens, so a closed port is retried for a while. If a connection breaks before the conductor closes it,
//! the result was not read, and is sent again.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::Signal;

use super::life;
use crate::sys::{Process, SignalDescriptor};
use crate::wait::Wait;
use crate::wire::seed::SeedPhase;
use crate::wire::{Connection, frame};

/// The signal that tells a process that its results are no longer wanted: if a conductor is listening, it is a later
/// one.
pub(super) const SUPERSEDED: Signal = Signal::USR1;

/// How long a conductor may take to read a result before the next one is sent. The order of results is only guaranteed
/// on every network if one connection ends before the next begins.
const IN_ORDER: Duration = Duration::from_secs(10);

/// How many results may wait to be read. The conductor's queue of connections is hardly longer.
const MOST_UNTAKEN: usize = 4;

/// How long a conductor that does not listen is retried if the player is to stop.
const HURRIED: Duration = Duration::from_secs(1);

/// How often signals are checked.
const LOOK: Duration = Duration::from_secs(1);

/// Delivers the results in order, after the processes in `before` have delivered theirs.
///
/// # Errors
///
/// Returns an error if the results are not wanted or cannot be delivered.
pub(super) fn deliver(phase: &SeedPhase, results: &[Vec<u8>], before: &[Process], is_stopping: bool) -> io::Result<()> {
    let mut delivery = Delivery {
        phase,
        signals: SignalDescriptor::new(&[SUPERSEDED, Signal::TERM, Signal::INT])?,
        end: Instant::now() + Wait::PythonResult.time(),
        patience: Wait::PythonConductor.time(),
        untaken: VecDeque::new(),
    };
    if is_stopping {
        delivery.hurry();
    }
    while !before.iter().all(Process::has_ended) {
        delivery.wait(None, Wait::PythonConductorRetry.time())?;
    }
    results.iter().try_for_each(|payload| delivery.deliver(&frame(payload)))
}

struct Delivery<'a> {
    phase: &'a SeedPhase,
    signals: SignalDescriptor,
    /// When delivery is given up.
    end: Instant,
    /// How long a conductor that does not listen is retried.
    patience: Duration,
    /// The connections on which a result was sent and has not been read yet.
    untaken: VecDeque<Connection>,
}

/// The reason why a result was not delivered.
enum Failure {
    /// It is no longer wanted, or delivery has taken too long.
    GivenUp(io::Error),
    /// The conductor does not listen, or did not read the result.
    NotTaken(io::Error),
    /// The conductor's machine does not answer: its queue of connections may be full.
    NoAnswer,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::GivenUp(error)
    }
}

impl Delivery<'_> {
    /// Delivers one result.
    fn deliver(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut since = None;
        loop {
            match self.attempt(bytes) {
                Ok(()) => return Ok(()),
                Err(Failure::GivenUp(error)) => return Err(error),
                Err(Failure::NotTaken(error)) if since.get_or_insert_with(Instant::now).elapsed() >= self.patience => {
                    return Err(error);
                }
                Err(Failure::NotTaken(_) | Failure::NoAnswer) => {}
            }
            self.wait(None, Wait::PythonConductorRetry.time())?;
        }
    }

    fn attempt(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.look()?;
        let connection = self.connect()?;
        self.send(&connection, bytes)?;
        if self.is_taken(&connection, IN_ORDER)? {
            return Ok(());
        }
        self.untaken.push_back(connection);
        if self.untaken.len() > MOST_UNTAKEN
            && let Some(oldest) = self.untaken.pop_front()
        {
            // If this connection breaks now, its result is lost; the later ones may still be read.
            if let Err(given_up @ Failure::GivenUp(_)) = self.is_taken(&oldest, self.left()) {
                return Err(given_up);
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<Connection, Failure> {
        let SeedPhase { result_host, result_port, .. } = self.phase;
        let addresses = Wait::NameLookup.look_up(result_host, *result_port, self.left(), || true);
        let mut failure = Failure::NotTaken(io::Error::other("the name has no address"));
        for address in addresses.map_err(Failure::NotTaken)? {
            match Wait::PythonConnection.connect(&address).and_then(Connection::tcp) {
                Ok(connection) => return Ok(connection),
                Err(error) if error.kind() == ErrorKind::TimedOut => failure = Failure::NoAnswer,
                Err(error) => failure = Failure::NotTaken(error),
            }
        }
        Err(failure)
    }

    fn send(&mut self, connection: &Connection, mut bytes: &[u8]) -> Result<(), Failure> {
        while !bytes.is_empty() {
            match connection.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(Some((connection, PollFlags::OUT)), LOOK)?;
                }
                Err(error) => return Err(Failure::NotTaken(error)),
            }
        }
        connection.end_writing().map_err(Failure::NotTaken)
    }

    /// Whether the conductor closes a connection within this time, as it does after reading the result.
    fn is_taken(&mut self, connection: &Connection, time: Duration) -> Result<bool, Failure> {
        let end = Instant::now() + time;
        loop {
            match connection.read(&mut [0; 16]) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    self.wait(Some((connection, PollFlags::IN)), left.min(LOOK))?;
                }
                Err(error) => return Err(Failure::NotTaken(error)),
            }
        }
    }

    /// Waits until the connection is ready, or for this time.
    fn wait(&mut self, connection: Option<(&Connection, PollFlags)>, time: Duration) -> io::Result<()> {
        let left = self.left();
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        descriptors.extend(connection.map(|(connection, flags)| PollFd::new(connection, flags)));
        // Even if this was interrupted, the caller checks again and waits.
        let _ = Wait::PythonResult.poll(&mut descriptors, Some(time.min(left)));
        self.look()
    }

    fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// Handles signals.
    fn look(&mut self) -> io::Result<()> {
        life::show();
        while let Some(signal) = self.signals.take() {
            if signal == SUPERSEDED {
                return Err(io::Error::other("their conductor was restarted"));
            }
            self.hurry();
        }
        Ok(())
    }

    /// Shortens the time for delivery, because the player is to stop.
    fn hurry(&mut self) {
        self.end = self.end.min(Instant::now() + Wait::LastDelivery.time());
        self.patience = HURRIED;
    }
}
