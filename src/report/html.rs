//! The `html` report: one page without external references, written at the end of the run.
//!
//! The template contains everything that can be read without a script (`summary` fills it in, and the template engine
//! escapes every value). A script draws the timeline from data that is embedded as JSON (`data`, `steps`, `outputs`),
//! in which no character can become markup. The outputs share a fixed number of bytes, so that the page opens quickly.

pub(crate) use links::relative_url;

mod causes;
mod data;
mod links;
mod machines;
mod metrics;
mod outputs;
mod plots;
mod steps;
mod summary;
#[cfg(test)]
mod tests;
mod values;

use std::io::{self, Write};

use minijinja::{AutoEscape, Environment};

use super::{Ended, fair_limit, innermost, json_writer};
use crate::model::Output;

const TEMPLATE: &str = include_str!("html/page.html");
pub(super) const STYLE: &str = concat!(
    include_str!("html/style/page.css"),
    include_str!("html/style/plots.css"),
    include_str!("html/style/timeline.css"),
    include_str!("html/style/print.css")
);
/// The parts of the script, in the order of their dependencies. They share one block.
pub(super) const SCRIPT: &str = concat!(
    "\"use strict\";\n{\n",
    include_str!("html/script/data.js"),
    include_str!("html/script/words.js"),
    include_str!("html/script/links.js"),
    include_str!("html/script/rows.js"),
    include_str!("html/script/view.js"),
    include_str!("html/script/paint.js"),
    include_str!("html/script/marks.js"),
    include_str!("html/script/outline.js"),
    include_str!("html/script/pointer.js"),
    include_str!("html/script/copy.js"),
    include_str!("html/script/panel.js"),
    include_str!("html/script/overview.js"),
    include_str!("html/script/route.js"),
    include_str!("html/script/keys.js"),
    include_str!("html/script/main.js"),
    "}\n"
);

/// The maximum number of bytes of all outputs together.
const BUDGET: u64 = 24 << 20;
/// The maximum number of bytes of one output.
const MOST: u64 = 64 << 10;

/// Writes the page of a run.
pub(super) fn write(ended: Ended<'_>, mut writer: &mut dyn Write) -> io::Result<()> {
    let run = ended.run;
    let causes = super::causes::causes(run, Some(ended.conclusion));
    let mut environment = Environment::empty();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let template = environment.template_from_named_str("page.html", TEMPLATE).map_err(io::Error::other)?;
    template
        .render_captured_to(summary::values(ended, &causes, STYLE), &mut writer)
        .map_err(|error| innermost(&error))?;
    let limit = fair_limit(run.outputs().map(Output::length), BUDGET, MOST);
    let has_folder = ended.folder.is_some();
    embed(writer, "data", &data::data(ended, &causes))?;
    embed(writer, "outputs", &outputs::outputs(run, has_folder, limit))?;
    embed(writer, "files", &outputs::files(run, has_folder))?;
    write!(writer, "<script>\n{SCRIPT}</script>\n</body>\n</html>\n")
}

fn embed(writer: &mut dyn Write, id: &str, value: &impl serde::Serialize) -> io::Result<()> {
    write!(writer, "<script type=\"application/json\" id=\"{id}\">")?;
    json_writer::write_for_html(writer, value)?;
    writeln!(writer, "</script>")
}
