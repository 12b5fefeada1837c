//! Messages on standard error outside the log. It may be closed, full or unread: nothing fails because of that.

use std::io::{self, Write};
use std::time::Instant;

use crate::wait::{PAGE, Wait};

/// Writes a line, and waits for its reader. An error leaves nobody to tell.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Writes a line unless it has to wait long: for one that is said while others wait for whoever says it.
pub(crate) fn say_if_heard(text: &str) {
    let (text, stream, end) = (format!("{text}\n"), io::stderr(), Instant::now() + Wait::LogWritten.time());
    // Whoever writes the log may hold the standard library's lock for as long as nobody reads.
    for page in text.as_bytes().chunks(PAGE) {
        let left = end.saturating_duration_since(Instant::now());
        if !Wait::LogWritten.has_room(&stream, left) || rustix::io::write(&stream, page).is_err() {
            return;
        }
    }
}
