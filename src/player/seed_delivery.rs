//! Delivering the results of a phase to a Python conductor, each on a connection of its own.
//!
//! The conductor reads the results of one worker after another: ours may have to wait until others have had their turn. It
//! says `run` before it listens, so that a closed port is tried again for a while. A result whose connection breaks before the
//! conductor has closed it was not read, and is sent again.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::life;
use crate::sys::{Process, SignalDescriptor};
use crate::wait::Wait;
use crate::wire::frame;
use crate::wire::seed::SeedPhase;
use crate::wire::trace::Tap;

/// The signal that says that nobody waits for the results any more: whoever listens for them is a later conductor.
pub(super) const SUPERSEDED: i32 = libc::SIGUSR1;

/// How long a conductor is given to take a result before the next one is sent. Only the end of one connection before the
/// next begins keeps the order on every network.
const IN_ORDER: Duration = Duration::from_secs(10);

/// How many results may wait to be taken. The conductor's queue of connections is hardly longer.
const MOST_UNTAKEN: usize = 4;

/// How long a conductor that does not listen is tried when the player was told to stop.
const HURRIED: Duration = Duration::from_secs(1);

/// How often we look whether we are told something else.
const LOOK: Duration = Duration::from_secs(1);

/// Delivers the results in their order, after these processes have delivered theirs.
///
/// # Errors
///
/// Says why they are not wanted, or can't be delivered.
pub(super) fn deliver(phase: &SeedPhase, results: &[Vec<u8>], before: &[Process], is_stopping: bool) -> io::Result<()> {
    let mut delivery = Delivery {
        phase,
        signals: SignalDescriptor::new(&[SUPERSEDED, libc::SIGTERM, libc::SIGINT])?,
        end: Instant::now() + Wait::PythonResult.time(),
        patience: Wait::PythonConductor.time(),
        untaken: VecDeque::new(),
    };
    if is_stopping {
        delivery.hurry();
    }
    while !before.iter().all(Process::has_ended) {
        delivery.wait(None, Wait::PythonConductorRetry.time()).map_err(io::Error::from)?;
    }
    results.iter().try_for_each(|payload| delivery.deliver(&frame(payload)))
}

struct Delivery<'a> {
    phase: &'a SeedPhase,
    signals: SignalDescriptor,
    /// When it is given up.
    end: Instant,
    /// How long a conductor that does not listen is tried.
    patience: Duration,
    /// The connections whose results were sent and not taken yet.
    untaken: VecDeque<TcpStream>,
}

/// Why a result is not delivered.
enum Failure {
    /// It is not wanted any more, or has taken too long.
    GivenUp(io::Error),
    /// The conductor does not listen, or did not read it.
    NotTaken(io::Error),
    /// The conductor's machine does not answer: its queue of connections may be full.
    NoAnswer,
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::GivenUp(error) | Failure::NotTaken(error) => error,
            Failure::NoAnswer => ErrorKind::TimedOut.into(),
        }
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
                Err(Failure::NoAnswer) => {}
                Err(Failure::NotTaken(error)) => {
                    if since.get_or_insert_with(Instant::now).elapsed() >= self.patience {
                        return Err(error);
                    }
                }
            }
            self.wait(None, Wait::PythonConductorRetry.time()).map_err(io::Error::from)?;
        }
    }

    fn attempt(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.look()?;
        let mut stream = self.connect()?;
        self.send(&mut stream, bytes)?;
        if self.is_taken(&stream, IN_ORDER)? {
            return Ok(());
        }
        self.untaken.push_back(stream);
        if self.untaken.len() > MOST_UNTAKEN
            && let Some(oldest) = self.untaken.pop_front()
        {
            let left = self.end.saturating_duration_since(Instant::now());
            // One that breaks by now has been sent for nothing; those behind it may still be read.
            if let Err(Failure::GivenUp(error)) = self.is_taken(&oldest, left) {
                return Err(Failure::GivenUp(error));
            }
        }
        Ok(())
    }

    fn connect(&mut self) -> Result<TcpStream, Failure> {
        let SeedPhase { result_host, result_port, .. } = self.phase;
        let left = self.end.saturating_duration_since(Instant::now());
        let addresses =
            Wait::NameLookup.look_up(result_host, *result_port, left, || true).map_err(Failure::NotTaken)?;
        let mut failure = Failure::NotTaken(io::Error::other("the name has no address"));
        for address in addresses {
            match Wait::PythonConnection.connect(&address) {
                Ok(stream) => return Ok(stream),
                Err(error) if error.kind() == ErrorKind::TimedOut => failure = Failure::NoAnswer,
                Err(error) => failure = Failure::NotTaken(error),
            }
        }
        Err(failure)
    }

    fn send(&mut self, stream: &mut TcpStream, all: &[u8]) -> Result<(), Failure> {
        let mut bytes = all;
        stream.set_nonblocking(true).map_err(Failure::GivenUp)?;
        while !bytes.is_empty() {
            match stream.write(bytes) {
                Ok(count) => bytes = &bytes[count..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(Some((stream, PollFlags::OUT)), LOOK)?;
                }
                Err(error) => return Err(Failure::NotTaken(error)),
            }
        }
        Tap::new(format!("{}:{}", self.phase.result_host, self.phase.result_port)).sent(all);
        stream.shutdown(Shutdown::Write).map_err(Failure::NotTaken)
    }

    /// Whether the conductor closes a connection within this time, which it does when it has read the result.
    fn is_taken(&mut self, mut stream: &TcpStream, time: Duration) -> Result<bool, Failure> {
        let end = Instant::now() + time;
        loop {
            match stream.read(&mut [0; 16]) {
                Ok(_) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    self.wait(Some((stream, PollFlags::IN)), left.min(LOOK))?;
                }
                Err(error) => return Err(Failure::NotTaken(error)),
            }
        }
    }

    /// Waits until the stream is ready, or so long.
    fn wait(&mut self, stream: Option<(&TcpStream, PollFlags)>, time: Duration) -> Result<(), Failure> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::GivenUp(ErrorKind::TimedOut.into()));
        }
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        descriptors.extend(stream.map(|(stream, flags)| PollFd::new(stream, flags)));
        // Interrupted or not, the caller looks and waits again.
        let _ = Wait::PythonResult.poll(&mut descriptors, Some(time.min(left)));
        self.look()
    }

    /// Looks whether we are told something else.
    fn look(&mut self) -> Result<(), Failure> {
        life::show();
        while let Some(signal) = self.signals.take() {
            if signal == SUPERSEDED {
                return Err(Failure::GivenUp(io::Error::other("their conductor has been started anew")));
            }
            self.hurry();
        }
        Ok(())
    }

    /// The player was told to stop: there is not much time left.
    fn hurry(&mut self) {
        self.end = self.end.min(Instant::now() + Wait::LastDelivery.time());
        self.patience = HURRIED;
    }
}
