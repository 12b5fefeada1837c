//! Outputs: each is a fold over the events of a run, one file a format.
//!
//! `text` is for people, `classic` has the lines of the Python seed, `json` its document with more fields. What several
//! formats share stands in files of its own: how much of an output is kept (`excerpt`), how the seed would have put a
//! result (`seed_result`), and the words for outcomes (`words`).

use std::io::{self, Write};

use jiff::tz::TimeZone;

use crate::model::{Format, Plan, Reporter};

mod board;
mod check_json;
mod classic;
mod dry_run_json;
mod dry_run_text;
mod excerpt;
mod files;
mod html;
mod json;
mod json_document;
mod json_result;
mod json_writer;
mod jsonl;
mod junit;
mod late;
mod names;
mod notes;
mod record;
#[cfg(test)]
mod recorded;
mod seed_result;
mod share;
mod statistics;
#[cfg(test)]
mod snapshots;
mod summary;
mod text;
mod text_groups;
mod text_page;
mod words;

pub(crate) use board::{Board, BoardLine};
pub(crate) use check_json::{CheckEntry, check_json};
pub(crate) use jsonl::{RecordedOutputs, Replay};
pub(crate) use words::{NOT_STARTED, hint, is_refused, milliseconds, outcome_in_detail, skew};

/// The error in which a library wrapped it: the library says only that it could not write, this one says why.
fn innermost(error: &dyn std::error::Error) -> io::Error {
    match error.source() {
        Some(source) => innermost(source),
        None => io::Error::other(error.to_string()),
    }
}

/// How an output looks, which depends on where it goes.
#[derive(Debug, Clone)]
pub struct Style {
    /// Whether `text` marks outcomes with colours as well as with words.
    pub color: bool,
    /// Whether a terminal reads it, so that control characters in remote text must be made harmless.
    pub terminal: bool,
    /// The zone in which times are told.
    pub time_zone: TimeZone,
}

impl Style {
    /// For a file or a pipe: no colour, remote text as it came, times of this machine's zone.
    pub fn plain() -> Self {
        Self { color: false, terminal: false, time_zone: TimeZone::system() }
    }
}

/// Makes the output of a run in this format. It buffers for itself, and flushes whenever it has told something whole.
pub fn reporter(format: Format, writer: Box<dyn Write + Send>, style: Style) -> Box<dyn Reporter> {
    match format {
        Format::Text => Box::new(text::TextReporter::new(writer, style)),
        Format::Classic => Box::new(classic::ClassicReporter::new(writer, style.terminal)),
        Format::Jsonl => Box::new(jsonl::JsonlReporter::new(writer)),
        Format::Junit => Box::new(junit::JunitReporter::new(writer)),
        Format::Html => Box::new(html::HtmlReporter::new(writer, style.time_zone)),
        Format::Json => Box::new(json::JsonReporter::new(writer, style.time_zone)),
    }
}

/// Writes the plan for people: every step of every worker in every chosen phase, with the limits that will apply.
///
/// # Errors
///
/// Says why `writer` did not take it.
pub fn dry_run_text(plan: &Plan, writer: &mut dyn Write) -> io::Result<()> {
    dry_run_text::write(plan, writer)
}

/// Writes the plan as one JSON document: `{"trials", "phases", "workers": [{"name", "player", "phases": {…}}]}`.
///
/// A step's `command` is exactly what the shell will be given, and `timeout` is in seconds (`null` for none).
///
/// # Errors
///
/// Says why `writer` did not take it.
pub fn dry_run_json(plan: &Plan, writer: &mut dyn Write) -> io::Result<()> {
    dry_run_json::write(plan, writer)
}
