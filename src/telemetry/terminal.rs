//! What kind of terminal standard error is.

use std::io;

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
