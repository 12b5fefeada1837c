//! Reports that are written at the end of the run from its record.

use std::io::{self, BufWriter, Write};

use super::shared_record::Share;
use super::{Ended, Style};
use crate::model::{Event, Reporter, Stamped};

/// A function that writes a report of a run that has ended.
pub(super) type Render = fn(Ended<'_>, &mut dyn Write) -> io::Result<()>;

/// Records a run, and writes its report at the end.
pub(super) struct RecordReporter {
    writer: BufWriter<Box<dyn Write + Send>>,
    style: Style,
    record: Share,
    render: Render,
}

impl RecordReporter {
    /// Creates a report that writes to `writer`.
    pub(super) fn new(render: Render, writer: Box<dyn Write + Send>, mut style: Style) -> Self {
        let record = Share::new(style.record.take().unwrap_or_default());
        Self { writer: BufWriter::with_capacity(64 * 1024, writer), style, record, render }
    }
}

impl Reporter for RecordReporter {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        let Self { writer, style: Style { time_zone, folder, .. }, record, render } = self;
        record.take(stamped);
        let Event::RunEnded { conclusion } = &stamped.event else { return Ok(()) };
        let run = &*record.run();
        render(Ended { run, at: stamped.at, conclusion, time_zone, folder: folder.as_deref() }, writer)?;
        writer.flush()
    }
}
