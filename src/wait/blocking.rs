//! The blocking calls. Each takes what it waits for, and none waits longer than that allows.

use std::fs::File;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, after, bounded, never};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags, fcntl_getfl, fcntl_setfl, open};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{Limit, Wait};

/// A pipe that reports room takes this many bytes at once (pipe(7), `PIPE_BUF`).
pub const PAGE: usize = 4096;
/// A wait for a reader is reported after this time.
const SLOW: Duration = Duration::from_secs(1);
/// How often a waiting function checks whether to continue.
const LOOK: Duration = Duration::from_millis(100);

/// Whether a descriptor is ready for one of these events now. Does not wait.
pub fn is_ready(descriptor: impl AsFd, flags: PollFlags) -> bool {
    let mut descriptors = [PollFd::from_borrowed_fd(descriptor.as_fd(), flags)];
    poll(&mut descriptors, Some(&Timespec::default())).is_ok_and(|count| count > 0)
}

impl Wait {
    /// Returns the shorter of this time and the wait's own limit. `None` means no limit, which is allowed only for
    /// waits for the next event and for those whose limit is computed elsewhere.
    fn at_most(self, time: Option<Duration>) -> Option<Duration> {
        match (self.limit(), time) {
            (Limit::Fixed(limit) | Limit::Progress(_, limit), time) => Some(time.map_or(limit, |time| time.min(limit))),
            (_, time) => time,
        }
    }

    /// Waits until one of the descriptors is ready. Returns 0 if the time passes before that.
    ///
    /// # Errors
    ///
    /// Returns the errors of poll(2), including `INTR`: the caller checks everything and waits again.
    pub fn poll(self, descriptors: &mut [PollFd<'_>], time: Option<Duration>) -> Result<usize, Errno> {
        // A time that the kernel cannot express is as good as no limit.
        let timeout = self.at_most(time).and_then(|time| Timespec::try_from(time).ok());
        poll(descriptors, timeout.as_ref())
    }

    /// Waits until a stream can be read or has ended.
    ///
    /// # Errors
    ///
    /// Returns the errors of poll(2), and `TimedOut` at the deadline.
    pub fn readable(self, stream: impl AsFd, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        let is_ready = !left.is_zero() && self.poll(&mut [PollFd::new(&stream, PollFlags::IN)], Some(left))? > 0;
        if is_ready { Ok(()) } else { Err(io::ErrorKind::TimedOut.into()) }
    }

    /// Waits until the reader of a stream has made room for a page. Returns whether there is room. A stream that cannot
    /// be polled, or has an error, has room: a write does not block there.
    pub fn has_room(self, stream: &impl AsFd, time: Duration) -> bool {
        self.poll(&mut [PollFd::new(stream, PollFlags::OUT)], Some(time)) != Ok(0)
    }

    /// Waits for a value.
    ///
    /// # Errors
    ///
    /// Returns an error if the time passes, or if no sender is left.
    pub fn receive<T>(self, receiver: &Receiver<T>, time: Option<Duration>) -> Result<T, RecvTimeoutError> {
        match self.at_most(time) {
            Some(time) => receiver.recv_timeout(time),
            None => receiver.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Returns the shorter of this time and the wait's own limit, for `select!`.
    pub fn within(self, time: Duration) -> Duration {
        self.at_most(Some(time)).unwrap_or(time)
    }

    /// Returns a channel for `select!` that receives a value when the time has passed.
    pub fn timer(self, time: Duration) -> Receiver<Instant> {
        after(self.within(time))
    }

    /// Returns a channel for `select!` that never receives a value: the sender of the awaited event keeps the limit.
    pub fn no_timer(self) -> Receiver<Instant> {
        never()
    }

    /// Sleeps.
    pub fn pause(self, time: Duration) {
        std::thread::sleep(self.within(time));
    }

    /// Limits each later write to a blocking socket to this time.
    ///
    /// # Errors
    ///
    /// Returns the errors of setsockopt(2).
    pub fn limit_writes(self, socket: impl AsFd, time: Duration) -> io::Result<()> {
        Ok(set_socket_timeout(socket, Timeout::Send, Some(self.within(time)))?)
    }

    /// Connects to an address.
    ///
    /// # Errors
    ///
    /// Returns the errors of connect(2), or an error if the time passes.
    pub fn connect(self, address: &SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect_timeout(address, self.time())
    }

    /// Looks up the addresses of a name in a thread of its own, because a resolver may take too long. A numeric address
    /// needs no thread. `more` is asked repeatedly whether to keep waiting.
    ///
    /// # Errors
    ///
    /// Returns the error of the resolver; `TimedOut` if the time passes or `more` returns `false`.
    pub fn look_up(
        self,
        host: &str,
        port: u16,
        time: Duration,
        more: impl FnMut() -> bool,
    ) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![(address, port).into()]);
        }
        let (sender, found) = bounded(1);
        let name = (host.to_owned(), port);
        std::thread::Builder::new().name("resolver".to_owned()).spawn(move || {
            let addresses = (name.0.as_str(), name.1).to_socket_addrs().map(Iterator::collect);
            // The caller may no longer be waiting.
            let _ = sender.send(addresses);
        })?;
        self.until(
            Some(time),
            || (),
            more,
            "timed out",
            || match self.receive(&found, Some(LOOK)) {
                Ok(addresses) => addresses.map(Some),
                Err(RecvTimeoutError::Timeout) => Ok(None),
                Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the resolver's thread has ended")),
            },
        )
    }

    /// Opens a file for writing, and creates it if it does not exist. Waits only for a named pipe, until a process
    /// opens it for reading. `slow` is called once if that takes more than a second; `more` is asked repeatedly whether
    /// to keep waiting.
    ///
    /// # Errors
    ///
    /// Returns the errors of open(2); for a named pipe, an error if no process reads it.
    pub fn open_to_write(
        self,
        path: &Path,
        flags: OFlags,
        slow: impl FnOnce(),
        more: impl Fn() -> bool,
    ) -> io::Result<File> {
        /// How often to look for a reader.
        const PAUSE: Duration = Duration::from_millis(20);
        let flags = flags | OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = self.until(None, slow, more, "no process has opened this named pipe to read it", || {
            match open(path, flags, Mode::from_raw_mode(0o666)) {
                Err(Errno::NXIO) if path.metadata().is_ok_and(|found| found.file_type().is_fifo()) => {}
                opened => return Ok(Some(opened?)),
            }
            self.pause(PAUSE);
            Ok(None)
        })?;
        fcntl_setfl(&file, fcntl_getfl(&file)? - OFlags::NONBLOCK)?;
        Ok(File::from(file))
    }

    /// Writes some of the bytes, once their reader has made room for a page. `slow` is called once if that takes more
    /// than a second; `more` is asked repeatedly whether to keep waiting. A file on a disk always has room.
    ///
    /// # Errors
    ///
    /// Returns the errors of write(2); `TimedOut` if nothing was read in time or `more` returns `false`.
    pub fn write(
        self,
        to: &mut (impl Write + AsFd),
        bytes: &[u8],
        slow: impl FnOnce(),
        more: impl Fn() -> bool,
    ) -> io::Result<usize> {
        self.until(None, slow, more, "no process has read it", || {
            // A stream that cannot be polled, or has an error, is written to: that does not block either.
            let ready = self.poll(&mut [PollFd::new(&*to, PollFlags::OUT)], Some(LOOK));
            Ok((!matches!(ready, Ok(0) | Err(Errno::INTR))).then_some(()))
        })?;
        to.write(&bytes[..bytes.len().min(PAGE)])
    }

    /// Repeats an attempt, which waits for a moment, until it returns something. `slow` is called once if that takes
    /// more than a second; `more` is asked whether to continue.
    fn until<T>(
        self,
        time: Option<Duration>,
        slow: impl FnOnce(),
        mut more: impl FnMut() -> bool,
        late: &str,
        mut attempt: impl FnMut() -> io::Result<Option<T>>,
    ) -> io::Result<T> {
        let (begin, mut slow) = (Instant::now(), Some(slow));
        let end = self.at_most(time).map(|limit| begin + limit);
        loop {
            if let Some(done) = attempt()? {
                return Ok(done);
            }
            if !more() || end.is_some_and(|end| end <= Instant::now()) {
                return Err(io::Error::new(io::ErrorKind::TimedOut, late));
            }
            if begin.elapsed() >= SLOW {
                slow.take().into_iter().for_each(|slow| slow());
            }
        }
    }

    /// Waits for the end of a process, and kills it if the time passes.
    ///
    /// # Errors
    ///
    /// Returns `TimedOut` for a process that was killed, otherwise the errors of waitpid(2).
    pub fn end_of(self, child: &mut Child, time: Duration) -> io::Result<ExitStatus> {
        let ended = self.look_for_end(child, time);
        if ended.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::TimedOut) {
            // It may have ended by itself just now.
            let _ = child.kill();
            let _ = Self::LeftoverEnd.look_for_end(child, Self::LeftoverEnd.time());
        }
        ended
    }

    /// Whether a process ends within the wait's own limit.
    pub fn has_ended(self, child: &mut Child) -> bool {
        self.look_for_end(child, self.time()).is_ok()
    }

    fn look_for_end(self, child: &mut Child, time: Duration) -> io::Result<ExitStatus> {
        /// How often to check a process for which no descriptor is available.
        const PAUSE: Duration = Duration::from_millis(5);
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
        let process = pidfd_open(pid, PidfdFlags::empty()).ok();
        self.until(
            Some(time),
            || (),
            || true,
            "timed out",
            || {
                let ended = child.try_wait()?;
                match &process {
                    _ if ended.is_some() || time.is_zero() => {}
                    // Interrupted or not, the next round looks again.
                    Some(process) => drop(self.poll(&mut [PollFd::new(process, PollFlags::IN)], Some(LOOK.min(time)))),
                    None => self.pause(PAUSE),
                }
                Ok(ended)
            },
        )
    }
}
