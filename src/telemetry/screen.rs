//! The terminal as it is shared: the live view is at its foot, and whatever else is written goes above it.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::fstat;

use super::terminal;
use super::{ForReader, log_thread};
use crate::wait::{Patience, Wait};

/// How many columns the bar has in the view's last line.
const BAR: u64 = 30;

/// The terminal. A copy is the same terminal.
#[derive(Clone, Default)]
pub(crate) struct Screen(Arc<Mutex<Option<View>>>);

/// What is at the foot of the terminal. The cursor is at the end of its last line.
#[derive(Default)]
struct View {
    /// Its lines, with their colours.
    text: String,
    /// How many characters each line has.
    lengths: Vec<usize>,
}

impl Screen {
    /// Begins a view at the foot of the terminal.
    pub(crate) fn begin(&self) {
        *self.lock() = Some(View::default());
    }

    /// Draws the view: so many of so many steps, and lines above that, each with its colour or none.
    pub(crate) fn draw(&self, progress: (u64, u64), lines: &[(String, &str)]) {
        if let Some(view) = &mut *self.lock() {
            let new = View::new(progress, lines);
            to_terminal(&(view.erased(terminal::size().0) + &new.text));
            *view = new;
        }
    }

    /// Takes the view away.
    pub(crate) fn end(&self) {
        if let Some(view) = self.lock().take() {
            to_terminal(&view.erased(terminal::size().0));
        }
    }

    /// Writes what `write` writes above the view.
    fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        let view = self.lock();
        let Some(view) = &*view else { return write() };
        to_terminal(&view.erased(terminal::size().0));
        let result = write();
        to_terminal(&view.text);
        result
    }

    fn lock(&self) -> MutexGuard<'_, Option<View>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Standard output, for whole lines. Unless it is a terminal it shares nothing with the view and the log, which would
    /// otherwise wait for whoever reads it. Where it is the same file as standard error, what was logged before stands before.
    pub(crate) fn stdout(&self, patience: Patience) -> Box<dyn Write + Send> {
        if io::stdout().is_terminal() {
            return Box::new(Above { screen: self.clone(), writer: io::stdout(), log_first: is_one_file() });
        }
        match plain_stdout(Wait::OutputRoom, patience) {
            Ok(writer) => Box::new(Above { screen: Self::default(), writer, log_first: is_one_file() }),
            // It is closed: the library takes what is written, and nobody misses it.
            Err(_) => Box::new(io::stdout()),
        }
    }

    /// Standard error, for whole lines.
    pub(super) fn stderr(&self) -> impl Write + Send + 'static {
        Above { screen: self.clone(), writer: io::stderr(), log_first: false }
    }
}

/// Standard output, without the library's buffer and lock.
fn plain_stdout(wait: Wait, patience: Patience) -> io::Result<ForReader<File>> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    Ok(ForReader::new(file, "standard output".to_owned(), wait, patience))
}

/// Standard output for an answer that is no report of a run.
pub(crate) fn answer_to_stdout(patience: Patience) -> Box<dyn Write> {
    match plain_stdout(Wait::PlainOutput, patience) {
        Ok(writer) => Box::new(writer),
        Err(_) => Box::new(io::stdout()),
    }
}

/// Whether standard output and standard error are one file, pipe or terminal.
fn is_one_file() -> bool {
    match (fstat(io::stdout()), fstat(io::stderr())) {
        (Ok(output), Ok(error)) => (output.st_dev, output.st_ino) == (error.st_dev, error.st_ino),
        _ => false,
    }
}

impl View {
    fn new((done, all): (u64, u64), lines: &[(String, &str)]) -> Self {
        let filled = BAR * done.min(all) / all.max(1);
        let head = if filled < BAR { ">" } else { "" };
        let bar = format!("{}{head}", "=".repeat(usize::try_from(filled).unwrap_or(0)));
        let bar = format!("[{bar:0$}] {done} of {all} steps", usize::try_from(BAR).unwrap_or(0));
        let lengths = lines.iter().map(|(line, _)| line.chars().count()).chain([bar.len()]).collect();
        let toned = |(line, color): &(String, &str)| match *color {
            "" => format!("{line}\r\n"),
            color => format!("{color}{line}\x1b[0m\r\n"),
        };
        // The terminal cuts off what is too wide, and does not begin another line for it.
        let text = format!("\x1b[?7l{}{bar}\x1b[?7h", lines.iter().map(toned).collect::<String>());
        Self { text, lengths }
    }

    /// What erases the view from a terminal of this width, which may have been narrower or wider when it was drawn: the
    /// terminal breaks lines anew that are too long for it.
    fn erased(&self, width: u16) -> String {
        let rows: usize = self.lengths.iter().map(|length| length.div_ceil(usize::from(width).max(1)).max(1)).sum();
        match rows {
            0 => String::new(),
            1 => "\r\x1b[J".to_owned(),
            rows => format!("\r\x1b[{}A\x1b[J", rows - 1),
        }
    }
}

/// Writes to the terminal in one piece. One that is gone shows nothing.
fn to_terminal(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// A stream of this process that may be the terminal.
struct Above<W> {
    screen: Screen,
    writer: W,
    /// Whether the log is written up to here before.
    log_first: bool,
}

impl<W: Write> Write for Above<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Self { screen, writer, log_first } = self;
        // The log is not written while the terminal is held.
        if *log_first {
            log_thread::flush();
        }
        screen.above(|| {
            writer.write_all(bytes)?;
            writer.flush()
        })?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_has_its_lines_and_a_bar() {
        let view = View::new((1, 4), &[("dut  wait".to_owned(), ""), ("! generator".to_owned(), "\x1b[31m")]);
        let bar = format!("[=======>{}] 1 of 4 steps", " ".repeat(22));
        assert_eq!(view.text, format!("\x1b[?7ldut  wait\r\n\x1b[31m! generator\x1b[0m\r\n{bar}\x1b[?7h"));
        assert!(View::new((4, 4), &[]).text.contains(&format!("[{}] 4 of 4 steps", "=".repeat(30))));
        assert!(View::new((0, 0), &[]).text.contains("[> "));
    }

    #[test]
    fn as_many_rows_are_erased_as_the_terminal_made_of_the_lines() {
        let view = View { text: String::new(), lengths: vec![10, 0, 45] };
        assert_eq!(view.erased(80), "\r\x1b[2A\x1b[J");
        assert_eq!(view.erased(20), "\r\x1b[4A\x1b[J");
        assert_eq!(View::default().erased(80), "");
    }
}
