//! Passes the recorded events of a resumed run to a report before the new ones.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::journal::EVENTS;
use super::record;
use crate::conduct::ResultsFolder;
use crate::config::resolve_metrics;
use crate::model::{Event, OutputSource, Reporter, Stamped};
use crate::report::Replay;

/// The recorded part of a run.
pub(super) struct Recorded {
    pub(super) folder: ResultsFolder,
    /// The length of the record in bytes.
    pub(super) length: u64,
    /// The configurations, one for each generation.
    pub(super) configurations: Vec<String>,
}

impl Recorded {
    /// Passes all recorded events except the end of the run to `take`.
    ///
    /// # Errors
    ///
    /// Returns an error if the record cannot be read, or the error of `take`.
    pub(super) fn tell(&self, mut take: impl FnMut(&Stamped) -> io::Result<()>) -> io::Result<()> {
        let events = self.folder.open_file(&[EVENTS], OFlags::RDONLY)?;
        let lines = BufReader::new(events.take(self.length));
        tell(Replay::new(lines, self.configurations.clone(), resolve_metrics, record::outputs(&self.folder)), &mut take)
    }
}

/// Passes all events of a record except the end of the run to `take`.
///
/// # Errors
///
/// Returns an error if the record cannot be read, or the error of `take`.
pub(super) fn tell<R: BufRead>(
    mut record: Replay<R, impl Fn(Vec<String>, u32) -> Arc<dyn OutputSource>>,
    mut take: impl FnMut(&Stamped) -> io::Result<()>,
) -> io::Result<()> {
    while let Some(stamped) = record.next()? {
        if !matches!(stamped.event, Event::RecordEnded | Event::RunEnded { .. }) {
            take(&stamped)?;
        }
    }
    Ok(())
}

/// A report that receives the recorded events before its first new one, on the thread that writes it.
pub(super) struct Replayed {
    pub(super) report: Box<dyn Reporter>,
    pub(super) recorded: Option<Arc<Recorded>>,
}

impl Reporter for Replayed {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        match (&stamped.event, self.recorded.take()) {
            // The recorded events already contain the start of the run.
            (Event::RunStarted { .. }, Some(recorded)) => recorded.tell(|stamped| self.report.report(stamped)),
            (_, recorded) => {
                self.recorded = recorded;
                self.report.report(stamped)
            }
        }
    }
}

/// Returns the length of the intact part of a record. After a power cut, the end of a record can be missing or corrupt,
/// and the record is cut there. Such an end contains at most the end of one trial, which was not yet synced; a record
/// with an earlier fault is damaged.
///
/// # Errors
///
/// Returns an error if the record is damaged, with the position, or cannot be read.
pub(super) fn whole(mut lines: impl BufRead) -> io::Result<u64> {
    let (mut length, mut number, mut torn) = (0, 0, None);
    // Whether an intact end of a trial was found after the first damaged line.
    let mut ended = false;
    loop {
        let mut line = Vec::new();
        if lines.read_until(b'\n', &mut line)? == 0 {
            return Ok(length);
        }
        number += 1;
        let event = line.ends_with(b"\n").then(|| serde_json::from_slice::<serde_json::Value>(&line).ok()).flatten();
        let kind = event.as_ref().and_then(|event| event["event"].as_str());
        match (kind, torn) {
            (Some(_), None) => length += line.len() as u64,
            (None, None) => torn = Some(number),
            (Some(_), Some(first)) if ended => {
                return Err(io::Error::other(format!("line {first} is damaged, and trials after it are recorded")));
            }
            (Some("trial_ended"), Some(_)) => ended = true,
            (_, Some(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_whole_up_to_a_line_that_is_torn_and_damaged_if_trials_were_kept_behind_it() {
        let (event, end) = ("{\"event\":\"a\"}\n", "{\"event\":\"trial_ended\"}\n");
        let torn = "{\"event\":\"tri";
        let length = |parts: &[&str]| whole(parts.concat().as_bytes()).map_err(|error| error.to_string());
        assert_eq!(length(&[]), Ok(0));
        assert_eq!(length(&[event, end]), Ok(38));
        assert_eq!(length(&[event, end, torn]), Ok(38));
        assert_eq!(length(&[event, "\0\0\0\0", event, "\0\n", end]), Ok(14));
        let damaged = "line 2 is damaged, and trials after it are recorded";
        assert_eq!(length(&[event, "\0\n", end, event]), Err(damaged.to_owned()));
    }
}
