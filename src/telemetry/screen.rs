//! The terminal as it is shared: the live view is at its foot, and whatever else is written goes above it.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::fs::fstat;

use super::terminal::{self, Terminal};
use super::{ForReader, log_thread};
use crate::wait::{Patience, Wait};

/// The view's last line.
const TEMPLATE: &str = "{msg}\n[{bar:30}] {pos} of {len} steps";
/// How long that is, more or less.
const BAR: usize = 48;
/// How often the library draws in a second at most.
const RATE: u8 = 20;

/// The terminal. A copy is the same terminal.
#[derive(Clone, Default)]
pub(crate) struct Screen(Arc<Mutex<Option<View>>>);

/// What is at the foot of the terminal.
struct View {
    bar: ProgressBar,
    /// How long each of the lines is that stand there, and how wide the terminal was.
    drawn: (Vec<usize>, u16),
}

impl Screen {
    /// Begins a view at the foot of the terminal.
    pub(crate) fn begin(&self) {
        let style = ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(Some(0), target()).with_style(style.progress_chars("=> "));
        *self.lock() = Some(View { bar, drawn: (Vec::new(), 0) });
    }

    /// Draws the view: so many of so many steps, and lines above that, each with its colour or none.
    pub(crate) fn draw(&self, (done, all): (u64, u64), lines: &[(String, &str)]) {
        let Some(view) = &mut *self.lock() else { return };
        view.settle();
        let message: Vec<String> = lines.iter().map(|(line, color)| toned(line, color)).collect();
        view.bar.set_length(all);
        view.bar.set_position(done);
        view.bar.set_message(message.join("\n"));
        view.bar.tick();
        let lengths = lines.iter().map(|(line, _)| line.chars().count()).chain([BAR]);
        view.drawn = (lengths.collect(), terminal::size().0);
    }

    /// Takes the view away.
    pub(crate) fn end(&self) {
        if let Some(mut view) = self.lock().take() {
            view.settle();
            view.bar.finish_and_clear();
        }
    }

    /// Writes what `write` writes above the view.
    fn above<T>(&self, write: impl FnOnce() -> T) -> T {
        match &mut *self.lock() {
            Some(view) => {
                view.settle();
                view.bar.suspend(write)
            }
            None => write(),
        }
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
    /// When the terminal was made wider or narrower, it broke the lines that were there anew: they are wiped away, and
    /// the library begins afresh.
    fn settle(&mut self) {
        let width = terminal::size().0;
        let (lengths, old) = &self.drawn;
        if lengths.is_empty() || *old == width {
            return;
        }
        let rows: usize = lengths.iter().map(|length| length.div_ceil(usize::from(width).max(1)).max(1)).sum();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
        let mut terminal = io::stderr().lock();
        let up = if rows > 1 { format!("\x1b[{}A", rows - 1) } else { String::new() };
        let _ = write!(terminal, "{up}\r\x1b[J");
        let _ = terminal.flush();
        self.bar.set_draw_target(target());
        self.drawn = (Vec::new(), width);
    }
}

fn target() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Terminal::default()), RATE)
}

fn toned(line: &str, color: &str) -> String {
    if color.is_empty() { line.to_owned() } else { format!("{color}{line}\x1b[0m") }
}

/// A stream of this process that may be the terminal.
struct Above<W> {
    screen: Screen,
    writer: W,
    /// Whether the log is written up to here before.
    log_first: bool,
}

impl<W> Above<W> {
    /// The log is not written while the terminal is held.
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
