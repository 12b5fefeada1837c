//! The reports that are written when the run is over, from its record.

use std::io::{self, BufWriter, Write};

use jiff::tz::TimeZone;

use super::{Ended, Run};
use crate::model::{Event, Reporter, Stamped};

/// Writes a report of a run that is over.
pub(super) type Render = fn(Ended<'_>, &mut dyn Write) -> io::Result<()>;

/// Records a run, and writes its report when it is over.
pub(super) struct RecordReporter {
    writer: BufWriter<Box<dyn Write + Send>>,
    time_zone: TimeZone,
    run: Run,
    render: Render,
}

impl RecordReporter {
    /// Writes to `writer`, with dates of `time_zone`.
    pub(super) fn new(render: Render, writer: Box<dyn Write + Send>, time_zone: TimeZone) -> Self {
        Self { writer: BufWriter::with_capacity(64 * 1024, writer), time_zone, run: Run::default(), render }
    }
}

impl Reporter for RecordReporter {
    fn report(&mut self, Stamped { at, event }: &Stamped) -> io::Result<()> {
        let Self { writer, time_zone, run, render } = self;
        let Event::RunEnded { conclusion } = event else {
            run.take(*at, event);
            return Ok(());
        };
        render(Ended { run, at: *at, conclusion, time_zone }, writer)?;
        writer.flush()
    }
}

/// The error in which a library wrapped it: the library says only that it could not write, this one says why.
pub(super) fn innermost(error: &dyn std::error::Error) -> io::Error {
    match error.source() {
        Some(source) => innermost(source),
        None => io::Error::other(error.to_string()),
    }
}
