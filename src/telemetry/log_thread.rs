//! The thread that writes a conductor's log, so that code that logs does not wait for the reader of the log.

use std::convert::Infallible;
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender, bounded};
use tracing_subscriber::fmt::MakeWriter;

use crate::wait::Wait;

use super::format::LogFormat;

/// The maximum number of lines that wait for a reader: a few megabytes at most. Further lines are counted and dropped.
const BOUND: usize = 10_000;

/// How long the end of the program waits for room in the queue, and then for its lines to be written.
const PATIENCE: Duration = Wait::LogWritten.time();

/// The queue of this process, for [`flush`].
static QUEUE: OnceLock<Queue> = OnceLock::new();

/// The queue of lines for the thread.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    entries: Sender<Entry>,
    format: LogFormat,
    /// How many lines were dropped.
    missing: Arc<AtomicUsize>,
}

#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// All lines before it have been written when this is dropped.
    Flush(#[expect(dead_code, reason = "its end is what it tells")] Sender<Infallible>),
}

impl Queue {
    /// Starts the thread, which uses this writer for as long as the program runs.
    pub(super) fn start(writer: Box<dyn Write + Send>, format: LogFormat) -> io::Result<Self> {
        let (entries, received) = bounded(BOUND);
        std::thread::Builder::new().name("log".to_owned()).spawn(move || write(&received, writer))?;
        let queue = Self { entries, format, missing: Arc::default() };
        Ok(QUEUE.get_or_init(|| queue).clone())
    }

    fn add(&self, line: &[u8]) {
        self.tell_of_missing();
        if self.entries.try_send(Entry::Line(line.to_owned())).is_err() {
            self.missing.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Reports how many lines were dropped, in their place.
    fn tell_of_missing(&self) {
        let count = self.missing.swap(0, Ordering::Relaxed);
        let note = self.format.missing(count);
        if count > 0 && self.entries.try_send(Entry::Line(note.into_bytes())).is_err() {
            self.missing.fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// Waits until everything that was logged has been written, for a limited time.
pub(crate) fn flush() {
    let Some(queue) = QUEUE.get() else { return };
    queue.tell_of_missing();
    let (done, is_written) = bounded(0);
    if queue.entries.send_timeout(Entry::Flush(done), PATIENCE).is_ok() {
        let _ = Wait::LogWritten.receive(&is_written, None);
    }
}

fn write(entries: &Receiver<Entry>, mut writer: Box<dyn Write + Send>) {
    for entry in entries {
        if let Entry::Line(line) = entry {
            // The writer counts lines that it cannot write.
            let _ = writer.write_all(&line);
        }
    }
}

impl<'a> MakeWriter<'a> for Queue {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.add(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_find_no_room_are_counted_where_they_would_be() {
        let (entries, received) = bounded(2);
        let queue = Queue { entries, format: LogFormat::Text, missing: Arc::default() };
        let lines = || -> Vec<String> {
            let lines = received.try_iter().filter_map(|entry| match entry {
                Entry::Line(line) => Some(String::from_utf8(line).unwrap()),
                Entry::Flush(_) => None,
            });
            lines.collect()
        };
        for line in ["a", "b", "c", "d"] {
            queue.add(line.as_bytes());
        }
        assert_eq!(lines(), ["a", "b"]);
        queue.add(b"e");
        let [note, line] = <[String; 2]>::try_from(lines()).unwrap();
        assert!(note.contains("- WARNING - 2 lines are missing here: "), "{note}");
        assert_eq!(line, "e");
    }
}
