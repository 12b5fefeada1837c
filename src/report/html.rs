//! The `html` report: one page without outside references, written when the run is over.
//!
//! What can be read without a script is made by the template (`summary` fills it in, and the template engine escapes
//! every value); the timeline is drawn by a script from data that is embedded as JSON (`data`), in which no character
//! can become markup. Outputs share a fixed amount, so that the page opens quickly.

mod data;
mod summary;
#[cfg(test)]
mod tests;

use std::io::{self, BufWriter, Write};

use jiff::tz::TimeZone;
use minijinja::{AutoEscape, Environment};

use super::record::Run;
use super::share::fair_limit;
use super::{innermost, json_writer};
use crate::model::{Conclusion, ConductorTime, Event, Output, Reporter, Stamped};

const TEMPLATE: &str = include_str!("html/page.html");
pub(super) const STYLE: &str = include_str!("html/style.css");
pub(super) const SCRIPT: &str = include_str!("html/page.js");

/// So many bytes of all outputs together are in the page.
const BUDGET: u64 = 24 << 20;
/// And so many of one.
const MOST: u64 = 64 << 10;

/// Tells a run as a page.
pub(super) struct HtmlReporter {
    writer: BufWriter<Box<dyn Write + Send>>,
    time_zone: TimeZone,
    run: Run,
}

impl HtmlReporter {
    /// Writes to `writer`, with times of `time_zone` in its summary.
    pub(super) fn new(writer: Box<dyn Write + Send>, time_zone: TimeZone) -> Self {
        Self { writer: BufWriter::with_capacity(64 * 1024, writer), time_zone, run: Run::default() }
    }

    fn write(&mut self, end: ConductorTime, conclusion: &Conclusion) -> io::Result<()> {
        let Self { writer, time_zone, run } = self;
        let mut environment = Environment::empty();
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        let values = summary::values(run, time_zone, end, conclusion, STYLE);
        let template = environment.template_from_named_str("page.html", TEMPLATE).map_err(io::Error::other)?;
        template.render_captured_to(values, &mut *writer).map_err(|error| innermost(&error))?;
        let limit = fair_limit(run.outputs().map(Output::length), BUDGET, MOST);
        embed(writer, "data", &data::Data::new(run, end))?;
        embed(writer, "outputs", &data::outputs(run, limit))?;
        write!(writer, "<script>\n{SCRIPT}</script>\n</body>\n</html>\n")?;
        writer.flush()
    }
}

impl Reporter for HtmlReporter {
    fn report(&mut self, stamped: &Stamped) -> io::Result<()> {
        if let Event::RunEnded { conclusion } = &stamped.event {
            return self.write(stamped.at, conclusion);
        }
        self.run.take(stamped.at, &stamped.event);
        Ok(())
    }
}

fn embed(writer: &mut impl Write, id: &str, value: &impl serde::Serialize) -> io::Result<()> {
    write!(writer, "<script type=\"application/json\" id=\"{id}\">")?;
    json_writer::write_for_html(writer, value)?;
    writeln!(writer, "</script>")
}
