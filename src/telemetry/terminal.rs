//! The terminal as the drawing library sees it: frames in one write each, and lines that end.
//!
//! The library fills each line with blanks up to the edge, so that for a terminal all lines are one long one, which it
//! breaks anew when it is made wider or narrower. Here the blanks become the end of the line.

use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use indicatif::TermLike;

/// The size of a terminal that does not tell it.
const USUAL: (u16, u16) = (80, 24);

/// Columns and rows of the terminal on standard error.
pub(crate) fn size() -> (u16, u16) {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
        _ => USUAL,
    }
}

/// Whether the terminal knows neither colours nor a cursor, or nobody said what it is (`TERM`).
pub(crate) fn is_dumb() -> bool {
    std::env::var_os("TERM").is_none_or(|term| term == "dumb" || term.is_empty())
}

/// Standard error for the library.
#[derive(Debug, Default)]
pub(super) struct Terminal(Mutex<Frame>);

#[derive(Debug, Default)]
struct Frame {
    text: String,
    /// A line was filled: whatever comes begins the next one.
    ended: bool,
}

impl Terminal {
    fn add(&self, text: &str) {
        self.lock().text.push_str(text);
    }

    fn moved(&self, count: usize, letter: char) {
        if count > 0 {
            self.add(&format!("\x1b[{count}{letter}"));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Frame> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TermLike for Terminal {
    fn width(&self) -> u16 {
        size().0
    }

    fn height(&self) -> u16 {
        size().1
    }

    fn move_cursor_up(&self, count: usize) -> io::Result<()> {
        self.moved(count, 'A');
        Ok(())
    }

    fn move_cursor_down(&self, count: usize) -> io::Result<()> {
        self.moved(count, 'B');
        Ok(())
    }

    fn move_cursor_right(&self, count: usize) -> io::Result<()> {
        self.moved(count, 'C');
        Ok(())
    }

    fn move_cursor_left(&self, count: usize) -> io::Result<()> {
        self.moved(count, 'D');
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.add(text);
        self.add("\r\n");
        Ok(())
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let mut frame = self.lock();
        if !text.is_empty() && text.bytes().all(|byte| byte == b' ') {
            frame.text.push_str("\x1b[K");
            frame.ended = true;
        } else if text != "\r" || !frame.ended {
            if std::mem::take(&mut frame.ended) {
                frame.text.push_str("\r\n");
            }
            frame.text.push_str(text);
        }
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        self.add("\r\x1b[2K");
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        let mut frame = self.lock();
        frame.ended = false;
        let text = std::mem::take(&mut frame.text);
        let mut terminal = io::stderr().lock();
        terminal.write_all(text.as_bytes())?;
        terminal.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_where_their_text_ends() {
        let terminal = Terminal::default();
        for text in ["first", "     ", "", "          ", "last", "      "] {
            terminal.write_str(text).unwrap();
        }
        assert_eq!(terminal.lock().text, "first\x1b[K\r\n\x1b[K\r\nlast\x1b[K");
    }
}
