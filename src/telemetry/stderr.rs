//! Messages on standard error outside the log. Standard error may be closed, full or unread; nothing fails because of
//! this.

use std::io::{self, Write};
use std::time::Instant;

use crate::wait::{PAGE, Wait};

/// Writes a line, and waits for its reader. Errors are ignored, because they cannot be reported.
pub(crate) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(format!("{text}\n").as_bytes());
}

/// Writes a line unless this takes long, for a caller for whom others wait.
pub(crate) fn say_if_heard(text: &str) {
    let (text, stream, end) = (format!("{text}\n"), io::stderr(), Instant::now() + Wait::LogWritten.time());
    // The thread that writes the log may hold the standard library's lock for as long as nobody reads.
    for page in text.as_bytes().chunks(PAGE) {
        let left = end.saturating_duration_since(Instant::now());
        if !Wait::LogWritten.has_room(&stream, left) || rustix::io::write(&stream, page).is_err() {
            return;
        }
    }
}
