//! The reports that are written when the run is over, from its record.

use std::io::{self, BufWriter, Write};

use super::record::Record;
use super::{Ended, Style};
use crate::model::{Event, Reporter, Stamped};

/// Writes a report of a run that is over.
pub(super) type Render = fn(Ended<'_>, &mut dyn Write) -> io::Result<()>;

/// Records a run, and writes its report when it is over.
pub(super) struct RecordReporter {
    writer: BufWriter<Box<dyn Write + Send>>,
    style: Style,
    record: Record,
    /// How many events it was told.
    told: u64,
    render: Render,
}

impl RecordReporter {
    /// Writes to `writer`.
    pub(super) fn new(render: Render, writer: Box<dyn Write + Send>, mut style: Style) -> Self {
        let record = style.record.take().unwrap_or_default();
        Self { writer: BufWriter::with_capacity(64 * 1024, writer), style, record, told: 0, render }
    }
}

impl Reporter for RecordReporter {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        let Self { writer, style: Style { time_zone, folder, .. }, record, told, render } = self;
        let before = std::mem::replace(told, *told + 1);
        record.with(before, stamped, |run| {
            let Event::RunEnded { conclusion } = &stamped.event else { return Ok(()) };
            render(Ended { run, at: stamped.at, conclusion, time_zone, folder: folder.as_deref() }, writer)?;
            writer.flush()
        })
    }
}
