//! The `json` report: one document, written when the run is over.
//!
//! The record of the run has what is told; outputs are read when the document is written, piece by piece.
//! `json_document` has its shape.

use std::io::{self, BufWriter, Write};

use jiff::tz::TimeZone;

use super::json_document::Document;
use super::json_writer;
use super::record::Run;
use crate::model::{Conclusion, ConductorTime, Event, Reporter, Stamped};

/// Tells a run as one JSON document.
pub(super) struct JsonReporter {
    writer: BufWriter<Box<dyn Write + Send>>,
    time_zone: TimeZone,
    run: Run,
}

impl JsonReporter {
    /// Writes to `writer`, with times of `time_zone`.
    pub(super) fn new(writer: Box<dyn Write + Send>, time_zone: TimeZone) -> Self {
        Self { writer: BufWriter::with_capacity(64 * 1024, writer), time_zone, run: Run::default() }
    }

    fn write(&mut self, end: ConductorTime, conclusion: &Conclusion) -> io::Result<()> {
        let document = Document::new(&self.run, &self.time_zone, end, conclusion);
        json_writer::write(&mut self.writer, &document)?;
        self.writer.flush()
    }
}

impl Reporter for JsonReporter {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        if let Event::RunEnded { conclusion } = &stamped.event {
            return self.write(stamped.at, conclusion);
        }
        self.run.take(stamped.at, &stamped.event);
        Ok(())
    }
}
