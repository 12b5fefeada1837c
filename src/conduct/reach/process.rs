//! The process of a transport, such as `ssh`. Its standard input and output are each one end of a socket pair, and what
//! it prints on standard error goes to the log.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};

use crate::conduct::threads::Threads;
use crate::model::{Transport, lock, on_one_line};
use crate::sys::{DescriptorLimit, start_apart};
use crate::wait::Wait;

/// How many of its last lines are kept, to report why it failed.
const LINES: usize = 5;
/// The longest line that is kept, in bytes.
const LONGEST: u64 = 400;

/// How often to check whether it has ended, which is visible a little later than the end of its output.
const LOOKS: u32 = 50;

/// The last lines that a transport has printed on standard error.
#[derive(Debug, Clone, Default)]
pub(in crate::conduct) struct Printed(Arc<Mutex<VecDeque<String>>>);

impl Printed {
    /// Returns the lines.
    pub(in crate::conduct) fn lines(&self) -> Vec<String> {
        lock(&self.0).iter().cloned().collect()
    }

    fn add(&self, line: String) {
        let mut kept = lock(&self.0);
        if kept.len() == LINES {
            kept.pop_front();
        }
        kept.push_back(line);
    }
}

/// The process of a transport. When this is dropped, the transport gets some time to end by itself; the caller does not
/// wait for that.
#[derive(Debug)]
pub(super) struct TransportProcess {
    /// `None` only while this is being dropped.
    child: Option<Child>,
    pub(super) printed: Printed,
    reader: Option<JoinHandle<()>>,
    is_never_signalled: bool,
    endings: Endings,
}

/// The transports that are no longer needed but have not ended, each with a thread that waits for its end.
#[derive(Debug, Clone, Default)]
pub(in crate::conduct) struct Endings(Arc<Mutex<Threads>>);

impl Endings {
    /// Waits until all have ended, up to a time limit.
    pub(in crate::conduct) fn finish(&self) {
        std::mem::take(&mut *lock(&self.0)).join(Wait::ThreadsEnd.time());
    }

    /// Waits in a thread for the end of a transport. If it does not end, it gets signals, unless it must not get any.
    fn add(&self, mut child: Child, is_never_signalled: bool) {
        if let Ok(Some(_)) = child.try_wait() {
            return;
        }
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).filter(|_| !is_never_signalled);
        // The process may be the script itself, which removes its folder when it gets this signal.
        let terminate = move || {
            if let Some(pid) = pid {
                let _ = kill_process(pid, Signal::TERM);
            }
        };
        let started = lock(&self.0).start(format!("end of command {}", child.id()), move || {
            // A transport that must not get signals eventually ends by itself, because its standard input has ended.
            if Wait::TransportEnd.has_ended(&mut child) || is_never_signalled {
                return;
            }
            terminate();
            let _ = Wait::TransportEnd.end_of(&mut child, Wait::TransportEnd.time());
        });
        if let Err(error) = started {
            tracing::warn!(
                "stopping a command immediately, because no thread can be started that waits for its end: {error}"
            );
            terminate();
        }
    }
}

/// This side of the standard input and output of a transport.
///
/// They are two sockets: a player makes its input and output non-blocking, and a socket for both would do so for other
/// programs in the command as well, such as a filter before or after it.
pub(super) struct Streams {
    /// The socket for writing to its standard input.
    pub(super) input: UnixStream,
    /// The socket for reading from its standard output.
    pub(super) output: UnixStream,
}

impl TransportProcess {
    /// Starts the command of a transport. Also returns this side of its standard input and output. What it prints is
    /// logged with the worker's name; known lines are logged only at the debug level.
    ///
    /// # Errors
    ///
    /// Returns an error if the program cannot be run.
    pub(super) fn start(
        transport: &Transport,
        command: &[String],
        (worker, known): (&str, Vec<String>),
        limit: DescriptorLimit,
        endings: &Endings,
    ) -> io::Result<(Self, Streams)> {
        let ((input, far_input), (output, far_output)) = (UnixStream::pair()?, UnixStream::pair()?);
        let (program, arguments) = command.split_first().ok_or(io::ErrorKind::NotFound)?;
        let mut process = Command::new(program);
        process
            .args(arguments)
            .stdin(OwnedFd::from(far_input))
            .stdout(OwnedFd::from(far_output))
            .stderr(Stdio::piped());
        start_apart(&mut process, limit);
        let mut child = process.spawn()?;
        let stderr = child.stderr.take();
        let mut process = Self {
            child: Some(child),
            printed: Printed::default(),
            reader: None,
            is_never_signalled: transport.is_never_signalled(),
            endings: endings.clone(),
        };
        if let Some(stderr) = stderr {
            let (printed, worker) = (process.printed.clone(), worker.to_owned());
            let name = format!("transport of {worker}");
            let reader =
                std::thread::Builder::new().name(name).spawn(move || read_lines(stderr, &worker, &known, &printed));
            process.reader = Some(reader?);
        }
        Ok((process, Streams { input, output }))
    }

    /// The signal that ended it, if one did. Its exit status is not used: the status 255 of `ssh` can mean three
    /// things.
    pub(super) fn killed_by(&mut self) -> Option<i32> {
        let child = self.child.as_mut()?;
        soon(|| child.try_wait().ok()?)?.signal()
    }

    /// The last lines that it printed on standard error, after it has ended or a short time has passed.
    pub(super) fn last_words(&mut self) -> Vec<String> {
        soon(|| self.reader.as_ref().is_none_or(JoinHandle::is_finished).then_some(()));
        self.printed.lines()
    }
}

/// Repeats `look` for a short time, until it returns something.
fn soon<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let wait = Wait::TransportWords;
    (0..LOOKS).find_map(|_| {
        look().or_else(|| {
            wait.pause(wait.time() / LOOKS);
            None
        })
    })
}

impl Drop for TransportProcess {
    fn drop(&mut self) {
        if let Some(child) = self.child.take() {
            self.endings.add(child, self.is_never_signalled);
        }
    }
}

/// Logs and keeps lines until the stream ends.
fn read_lines(stderr: ChildStderr, worker: &str, known: &[String], printed: &Printed) {
    let mut stderr = BufReader::new(stderr);
    loop {
        let mut line = Vec::new();
        match stderr.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
            Ok(1..) => {}
            Ok(0) | Err(_) => return,
        }
        let line = String::from_utf8_lossy(&line);
        let line = on_one_line(line.trim_end()).into_owned();
        if line.is_empty() {
            continue;
        }
        if known.contains(&line) {
            tracing::debug!("{worker}: {line}");
        } else {
            tracing::info!("{worker}: {line}");
        }
        printed.add(line);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn nobody_waits_for_the_end_of_a_command_until_the_run_is_over() {
        let (limit, endings) = (DescriptorLimit::of_this_process(), Endings::default());
        // The command does not read its input, so it does not notice the end of it; and it ignores SIGTERM.
        let (transport, script) = (Transport::read("sh").unwrap(), "trap \"\" TERM; exec sleep 600");
        let command = ["sh", "-c", script].map(str::to_owned);
        let (process, streams) =
            TransportProcess::start(&transport, &command, ("w", Vec::new()), limit, &endings).unwrap();
        let pid = format!("/proc/{}", process.child.as_ref().unwrap().id());
        while !std::fs::read_to_string(format!("{pid}/comm")).is_ok_and(|name| name == "sleep\n") {
            std::thread::yield_now();
        }
        drop((streams, process));
        assert!(Path::new(&pid).exists(), "it has a moment to end by itself");
        endings.finish();
        let status = std::fs::read_to_string(format!("{pid}/status"));
        assert!(status.is_err(), "{status:?}");
    }
}
