//! The conversation with the script: its answers, the copy that is sent to it, and the turns of workers that share one.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::copies::{Running, Sending, Turn};
use super::failure::{ReachError, broken, no_folder};
use super::interpreter::interpreter;
use super::machine::{Machine, Patience, Progress, SLICE, Site, TURN};
use super::process::Streams;
use super::programs::Program;
use crate::model::on_one_line;
use crate::wait::Wait;

/// How often the progress of a copy is reported.
const TOLD: Duration = Duration::from_secs(2);
/// The most bytes that are read before the first line of the script. They are the greeting of a login shell.
const GREETING: usize = 64 << 10;

/// The conversation with the script.
pub(super) struct Talk<'a, 'p> {
    pub(super) streams: Streams,
    pub(super) mark: &'a str,
    /// What was read and is not a complete line of the script yet. A greeting comes first.
    pub(super) heard: Vec<u8>,
    pub(super) site: Site,
    /// The copy that this worker sends.
    pub(super) sending: Option<Sending>,
    /// The player of another worker whose program is to be run.
    pub(super) asked_for: Option<Running>,
    /// The program that was sent.
    pub(super) sent: Option<Arc<Program>>,
    pub(super) until: Instant,
    pub(super) patience: Patience<'p>,
    pub(super) waited: &'p mut Duration,
}

impl Talk<'_, '_> {
    pub(super) fn bring_player(&mut self, machine: &Machine<'_>) -> Result<(), ReachError> {
        for stream in [&self.streams.input, &self.streams.output] {
            stream.set_nonblocking(true)?;
        }
        loop {
            let line = self.line()?;
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "player" => return Ok(()),
                "found" => drop(self.learn_site(rest)),
                "copy" if self.sent.is_none() || self.asked_for.is_some() => {
                    let (system, architecture) = self.learn_site(rest);
                    let program = machine.access.programs.for_machine(&system, &architecture)?;
                    match self.turn(machine)? {
                        None => self.send(&program, &machine.progress)?,
                        // A new connection has room for this. If it is broken, no further line arrives.
                        Some(Running { pid, session }) => drop(writeln!(self.streams.input, "{pid} {session}")),
                    }
                    self.sent = Some(program);
                }
                "none" => return Err(no_folder(rest)),
                "short" => return Err(ReachError::CutShort),
                "gone" => return Err(ReachError::Over(ReachError::gone())),
                "broken" => return Err(broken(rest, self.sent.as_deref().and_then(interpreter).as_deref())),
                "missing" => {
                    let program = machine.transport.settings.program.as_deref();
                    return Err(ReachError::not_installed(program.unwrap_or_default()));
                }
                _ => return Err(ReachError::unexpected(&line)),
            }
        }
    }

    /// Waits until it is this worker's turn to send a copy, or until it can run the program of another worker's player.
    fn turn(&mut self, machine: &Machine<'_>) -> Result<Option<Running>, ReachError> {
        if let Some(player) = self.asked_for.take() {
            self.sending = machine.send_instead_of(&player);
            return Ok(None);
        }
        let Some(copies) = &machine.access.copies else { return Ok(None) };
        let (command, begun) = (machine.command(), Instant::now());
        let mut goes_on = now_and_then(&machine.progress);
        let player = loop {
            match copies.turn(&command, begun.elapsed()) {
                Turn::Send(sending) => {
                    self.sending = Some(sending);
                    break None;
                }
                Turn::Run(player) => break Some(player),
                Turn::Wait => {}
            }
            goes_on();
            if let Some(end) = (self.patience)(Wait::SharedCopy.within(TURN)) {
                return Err(ReachError::Over(end));
            }
            self.hear()?;
        };
        self.asked_for.clone_from(&player);
        *self.waited += begun.elapsed();
        self.until += begun.elapsed();
        Ok(player)
    }

    /// Records the system, the machine and the place of the program. Returns the first two.
    fn learn_site(&mut self, line: &str) -> (String, String) {
        let mut words = line.splitn(3, ' ').map(|word| on_one_line(word).into_owned());
        let system = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        self.site.system = Some(system.clone());
        self.site.program = words.next().map(|path| match path.rsplit_once("/conductor-") {
            // The folder of the copy is removed before the program runs.
            Some((folder, rest)) if rest == self.mark => folder.to_owned(),
            _ => path,
        });
        system
    }

    /// Returns the next line of the script, without the mark.
    fn line(&mut self) -> Result<String, ReachError> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(line);
            }
            if self.heard.len() > GREETING {
                return Err(ReachError::Greeting);
            }
            if !self.hear()? {
                self.wait(PollFlags::IN)?;
            }
        }
    }

    /// Reads what has arrived. Returns whether something has.
    fn hear(&mut self) -> Result<bool, ReachError> {
        let mut buffer = [0; 4096];
        match self.streams.output.read(&mut buffer) {
            Ok(0) => Err(ReachError::Ended),
            Ok(count) => {
                self.heard.extend_from_slice(&buffer[..count]);
                Ok(true)
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(_) => Err(ReachError::Ended),
        }
    }

    /// Removes a complete line that begins with the mark from what was read, and drops everything before it.
    fn take_line(&mut self) -> Option<String> {
        let heard = &self.heard;
        let begins = heard.windows(self.mark.len()).position(|window| window == self.mark.as_bytes())?;
        let end = begins + heard[begins..].iter().position(|byte| *byte == b'\n')?;
        let line = String::from_utf8_lossy(&heard[begins + self.mark.len()..end]).trim().to_owned();
        self.heard.drain(..=end);
        Some(line)
    }

    /// Sends the size of the program, and then the program. It continues as long as the machine makes progress.
    fn send(&mut self, program: &Arc<Program>, progress: &Progress<'_>) -> Result<(), ReachError> {
        let mut buffer = vec![0; 64 << 10];
        let mut unsent = format!("{}\n", program.size).into_bytes();
        let mut offset = 0;
        let soon = || Instant::now() + Wait::ProgramCopy.without_progress();
        let latest = Instant::now() + Wait::ProgramCopy.time();
        let mut goes_on = now_and_then(progress);
        self.until = soon();
        while !unsent.is_empty() {
            goes_on();
            match self.streams.input.write(&unsent) {
                Ok(count) => {
                    unsent.drain(..count);
                    self.until = soon().min(latest);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(PollFlags::OUT)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The script has ended; its last line says why.
                Err(_) => return Ok(()),
            }
            if unsent.is_empty() && offset < program.size {
                let count = program.read_at(&mut buffer, offset)?;
                if count == 0 {
                    return Err(io::Error::from(ErrorKind::UnexpectedEof).into());
                }
                unsent.extend_from_slice(&buffer[..count]);
                offset += count as u64;
            }
        }
        Ok(())
    }

    fn wait(&mut self, flags: PollFlags) -> Result<(), ReachError> {
        if let Some(end) = (self.patience)(Duration::ZERO) {
            return Err(ReachError::Over(end));
        }
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ReachError::TimedOut);
        }
        // The next round checks everything, whatever the result is.
        let stream = if flags == PollFlags::IN { &self.streams.output } else { &self.streams.input };
        let _ = Wait::TransportAnswer.poll(&mut [PollFd::new(stream, flags)], Some(left.min(SLICE)));
        Ok(())
    }
}

/// Reports the progress of a copy, at most once per `TOLD`.
fn now_and_then(progress: &Progress<'_>) -> impl FnMut() {
    let mut told: Option<Instant> = None;
    move || {
        if told.is_none_or(|told| told.elapsed() >= TOLD) {
            progress(Wait::ProgramCopy.without_progress());
            told = Some(Instant::now());
        }
    }
}
