//! The terminal, which is shared: the live view is at the bottom, and everything else is written above it.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};

use rustix::fs::fstat;

use super::for_reader::ForReader;
use super::log_thread;
use crate::model::{display_width, lock};
use crate::wait::{Patience, Wait};

/// The terminal. A clone refers to the same terminal.
#[derive(Clone, Default)]
pub(crate) struct Screen(Arc<Mutex<Option<View>>>);

/// The lines at the bottom of the terminal, each with its colour, which may be empty.
#[derive(Default)]
struct View(Vec<(String, &'static str)>);

impl Screen {
    /// Starts a view at the bottom of the terminal.
    pub(crate) fn begin(&self) {
        *lock(&self.0) = Some(View::default());
    }

    /// Draws the view: lines, each with its colour, which may be empty. They must leave the last column free, because a
    /// terminal may start a new line after it.
    pub(crate) fn draw(&self, mut lines: Vec<(String, &'static str)>) {
        let Some(view) = &mut *lock(&self.0) else { return };
        let too_many = lines.len().saturating_sub(terminal_size().1.into());
        let beginning = view.beginning();
        *view = View(lines.split_off(too_many));
        write(&(beginning + &view.text()));
    }

    /// Removes the view.
    pub(crate) fn end(&self) {
        if let Some(view) = lock(&self.0).take() {
            view.wipe();
        }
    }

    /// Writes the output of `write` above the view.
    fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        let view = &*lock(&self.0);
        view.iter().for_each(View::wipe);
        let written = write();
        if let Some(view) = view {
            self::write(&view.text());
        }
        written
    }

    /// Standard output, written in whole lines. If it is not a terminal, it shares no lock with the view and the log,
    /// so a slow reader does not block them. If both may end in one place, pending log lines are written first.
    pub(crate) fn stdout(&self, patience: Patience) -> Box<dyn Write + Send> {
        if io::stdout().is_terminal() {
            return Box::new(Above { screen: self.clone(), writer: io::stdout(), log_first: meets_log() });
        }
        match plain_stdout(Wait::OutputRoom, patience) {
            Ok(writer) => Box::new(Above { screen: Self::default(), writer, log_first: meets_log() }),
            // Standard output is closed: the library discards the output.
            Err(_) => Box::new(io::stdout()),
        }
    }

    /// Standard error, written in whole lines.
    pub(super) fn stderr(&self) -> impl Write + Send + 'static {
        Above { screen: self.clone(), writer: io::stderr(), log_first: false }
    }
}

/// Standard output without the library's buffer and lock.
fn plain_stdout(wait: Wait, patience: Patience) -> io::Result<ForReader<File>> {
    let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    Ok(ForReader::new(file, "standard output".to_owned(), wait, patience))
}

/// Standard output for output other than the report of a run.
pub(crate) fn answer_to_stdout(patience: Patience) -> Box<dyn Write> {
    match plain_stdout(Wait::PlainOutput, patience) {
        Ok(writer) => Box::new(writer),
        Err(_) => Box::new(io::stdout()),
    }
}

/// Whether standard output and standard error are one file, pipe or terminal.
pub(crate) fn is_one_file() -> bool {
    match (fstat(io::stdout()), fstat(io::stderr())) {
        (Ok(output), Ok(error)) => (output.st_dev, output.st_ino) == (error.st_dev, error.st_ino),
        _ => false,
    }
}

/// Whether standard output may end in the same place as the log on standard error: in one file, or on one terminal,
/// also through another program such as `tee`.
pub(crate) fn meets_log() -> bool {
    is_one_file() || io::stderr().is_terminal()
}

impl View {
    /// Returns the sequence that moves the cursor from the end of the view to its beginning. A terminal that was made
    /// narrower has wrapped the lines.
    fn beginning(&self) -> String {
        let columns = usize::from(terminal_size().0);
        let rows: usize = self.0.iter().map(|(line, _)| display_width(line).div_ceil(columns).max(1)).sum();
        if rows > 1 { format!("\r\x1b[{}A", rows - 1) } else { "\r".to_owned() }
    }

    /// Returns the lines, which replace the text in their place and below.
    fn text(&self) -> String {
        let toned = |(line, color): &(String, &str)| match *color {
            "" => line.clone(),
            color => format!("{color}{line}\x1b[0m"),
        };
        self.0.iter().map(toned).collect::<Vec<_>>().join("\x1b[K\r\n") + "\x1b[J"
    }

    fn wipe(&self) {
        write(&(self.beginning() + "\x1b[J"));
    }
}

/// Writes to the terminal immediately. Errors are ignored, because they cannot be reported.
fn write(text: &str) {
    let mut terminal = io::stderr().lock();
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}

/// The assumed size of a terminal that does not report its size.
const USUAL: (u16, u16) = (80, 24);

/// Returns the columns and rows of the terminal on standard error.
pub(crate) fn terminal_size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => USUAL,
    }
}

/// Whether the terminal supports neither colours nor cursor movement, or its type is unknown (`TERM`).
pub(crate) fn terminal_is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty())
}

/// A stream of this process that may be the terminal.
struct Above<W> {
    screen: Screen,
    writer: W,
    /// Whether pending log lines are written before each output.
    log_first: bool,
}

impl<W> Above<W> {
    /// Writes pending log lines, if necessary. The terminal must not be locked meanwhile.
    fn write_log(&self) {
        if self.log_first {
            log_thread::flush();
        }
    }
}

impl<W: Write> Write for Above<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_log();
        let Self { screen, writer, .. } = self;
        screen.above(|| writer.write(bytes))
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_log();
        let Self { screen, writer, .. } = self;
        screen.above(|| {
            writer.write_all(bytes)?;
            writer.flush()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_their_text_ends() {
        let view = View(vec![("first".to_owned(), ""), ("last".to_owned(), "\x1b[31m")]);
        assert_eq!(view.text(), "first\x1b[K\r\n\x1b[31mlast\x1b[0m\x1b[J");
    }
}
