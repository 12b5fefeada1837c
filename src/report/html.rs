//! The `html` report: one page without outside references, written when the run is over.
//!
//! What can be read without a script is made by the template (`summary` fills it in, and the template engine escapes
//! every value); the timeline is drawn by a script from data that is embedded as JSON (`data`), in which no character
//! can become markup. Outputs share a fixed amount, so that the page opens quickly.

mod data;
mod summary;
#[cfg(test)]
mod tests;

use std::io::{self, Write};

use minijinja::{AutoEscape, Environment};

use super::{Ended, fair_limit, innermost, json_writer};
use crate::model::Output;

const TEMPLATE: &str = include_str!("html/page.html");
pub(super) const STYLE: &str = include_str!("html/style.css");
pub(super) const SCRIPT: &str = include_str!("html/page.js");

/// So many bytes of all outputs together are in the page.
const BUDGET: u64 = 24 << 20;
/// And so many of one.
const MOST: u64 = 64 << 10;

/// Writes the page of a run.
pub(super) fn write(ended: Ended<'_>, mut writer: &mut dyn Write) -> io::Result<()> {
    let Ended { run, at, .. } = ended;
    let mut environment = Environment::empty();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let template = environment.template_from_named_str("page.html", TEMPLATE).map_err(io::Error::other)?;
    template.render_captured_to(summary::values(ended, STYLE), &mut writer).map_err(|error| innermost(&error))?;
    let limit = fair_limit(run.outputs().map(Output::length), BUDGET, MOST);
    embed(writer, "data", &data::data(run, at))?;
    embed(writer, "outputs", &data::outputs(run, limit))?;
    write!(writer, "<script>\n{SCRIPT}</script>\n</body>\n</html>\n")
}

fn embed(writer: &mut dyn Write, id: &str, value: &impl serde::Serialize) -> io::Result<()> {
    write!(writer, "<script type=\"application/json\" id=\"{id}\">")?;
    json_writer::write_for_html(writer, value)?;
    writeln!(writer, "</script>")
}
