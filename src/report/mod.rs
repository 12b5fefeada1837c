//! The reports. Each is a fold over the events of a run; there is one file for each format.
//!
//! `text` is human-readable, `classic` consists of the lines of the Python program, and `json` is the document of the
//! Python program with more fields. Parts that several formats share are in separate files: how much of an output is
//! kept (`excerpt`), results as the Python program would write them (`seed_result`), and the words for outcomes
//! (`words`).

use std::io::Write;

use crate::model::{Format, Reporter};

mod board;
mod causes;
mod classic;
mod columns;
mod compare;
mod dry_run_json;
mod dry_run_text;
mod excerpt;
mod facts;
mod files;
mod github;
mod grouped;
mod html;
mod json_causes;
mod json_document;
mod json_writer;
mod jsonl;
mod junit;
mod markdown;
mod metrics;
mod names;
mod placement;
mod platforms;
mod record;
mod record_reporter;
#[cfg(test)]
mod recorded;
#[cfg(test)]
pub(crate) mod testing;
mod seed_result;
mod shared_record;
mod sorted_map;
mod statistics;
#[cfg(test)]
mod snapshots;
mod summary;
mod text;
mod text_causes;
mod text_groups;
mod text_metrics;
mod text_page;
mod trace;
mod trial;
mod words;

pub(crate) use board::{Board, BoardLine};
pub(crate) use compare::{ComparedRun, Comparison, History, write_comparison};
pub use dry_run_json::{write as dry_run_json, write_with_digest as configuration_json};
pub(crate) use dry_run_text::how;
pub use dry_run_text::{Expected, write as dry_run_text};
pub(crate) use html::relative_url;
pub(crate) use json_writer::write as write_json;
pub(crate) use jsonl::Replay;
pub use text_page::Style;
pub(crate) use words::{counted, hint, milliseconds, skew_of_several};

// What the formats share.
pub(in crate::report) use excerpt::{Excerpt, fair_limit, last_lines};
pub(in crate::report) use grouped::grouped;
pub(in crate::report) use json_writer::{List, Map};
pub(in crate::report) use names::{compact, ranges};
pub(in crate::report) use record::{Ended, Remark, Run, innermost};
pub(in crate::report) use seed_result::SeedResult;
pub(in crate::report) use statistics::{Row, Subject};
pub(in crate::report) use text_page::{Page, Tone};
pub(in crate::report) use trial::{Finished, Measured, PhaseOfTrial, Recorded, Trial, WorkerOfPhase};

use record_reporter::{RecordReporter, Render};
pub use shared_record::Record;

/// Creates a report that appends the events of a resumed run to those in `writer`.
pub(crate) fn continued_events(writer: Box<dyn Write + Send>) -> Box<dyn Reporter> {
    Box::new(jsonl::JsonlReporter::continuing(writer))
}

/// Creates the report of a run in this format. It buffers its output, and flushes after each complete piece.
pub fn reporter(format: Format, writer: Box<dyn Write + Send>, style: Style) -> Box<dyn Reporter> {
    let render: Render = match format {
        Format::Text => return Box::new(text::TextReporter::new(writer, style)),
        Format::Classic => return Box::new(classic::ClassicReporter::new(writer, style.terminal)),
        Format::Jsonl => return Box::new(jsonl::JsonlReporter::new(writer)),
        Format::Csv => metrics::write_csv,
        Format::Junit => junit::write,
        Format::Markdown => markdown::write,
        Format::Html => html::write,
        Format::Github => github::write,
        Format::Trace => trace::write,
        Format::Json => json_document::write,
    };
    Box::new(RecordReporter::new(render, writer, style))
}
