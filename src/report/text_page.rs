//! How reports for people look, and the page of the `text` report: colours, lines, and outputs indented below them.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::{Excerpt, Record, last_lines};
use crate::model::{Outcome, Output, harmless};

/// What stands below a step is so far to the right.
pub(super) const INDENT: &str = "      ";

/// Where rows are that are not shown.
pub(super) const JSON: &str = ", see the `json` report";

/// How an output looks, which depends on where it goes.
#[derive(Debug, Clone)]
pub struct Style {
    /// Whether `text` marks outcomes with colours as well as with words.
    pub color: bool,
    /// Whether a terminal reads it, so that control characters in remote text must be made harmless.
    pub terminal: bool,
    /// The time zone of the dates.
    pub time_zone: TimeZone,
    /// The URL of the results folder, relative to the report: empty, or with `/` at its end. A page has links to its
    /// files.
    pub folder: Option<String>,
    /// The folder in which all of the run is kept, if it is, as people find it.
    pub results: Option<PathBuf>,
    /// The record that the reports share, if they do.
    pub record: Option<Record>,
}

impl Style {
    /// For a file or a pipe: no colour, remote text as it came, times of this machine's zone.
    pub fn plain() -> Self {
        Self { color: false, terminal: false, time_zone: TimeZone::system(), folder: None, results: None, record: None }
    }
}

/// What a colour says; the words say it too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// All is well.
    Good,
    /// Something failed.
    Bad,
    /// Something that people should look at.
    Doubtful,
    /// Headings.
    Strong,
    /// Nothing to look at.
    Plain,
}

impl Tone {
    /// The tone of an outcome.
    pub(super) const fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Passed => Self::Good,
            Outcome::Spawned => Self::Plain,
            Outcome::Stopped | Outcome::Skipped(_) => Self::Doubtful,
            _ => Self::Bad,
        }
    }

    const fn escape(self) -> &'static str {
        match self {
            Self::Good => "\x1b[32m",
            Self::Bad => "\x1b[31m",
            Self::Doubtful => "\x1b[33m",
            Self::Strong => "\x1b[1m",
            Self::Plain => "",
        }
    }
}

/// Where the report is written.
pub(super) struct Page {
    writer: BufWriter<Box<dyn Write + Send>>,
    color: bool,
    terminal: bool,
}

impl Page {
    /// Writes with colours or without, to a terminal or not.
    pub(super) fn new(writer: Box<dyn Write + Send>, color: bool, terminal: bool) -> Self {
        Self { writer: BufWriter::with_capacity(64 * 1024, writer), color, terminal }
    }

    /// The text in its tone; `text` is ours or was made harmless.
    pub(super) fn toned(&self, tone: Tone, text: &str) -> String {
        if self.color && tone != Tone::Plain { format!("{}{text}\x1b[0m", tone.escape()) } else { text.to_owned() }
    }

    /// A line; its text is ours or was made harmless.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.writer, "{}", text.trim_end())
    }

    /// A heading, below an empty line.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        self.line("")?;
        self.line(&self.toned(Tone::Strong, text))
    }

    /// How many rows there are that are not among the first ones, which are shown; `place` says where they are.
    pub(super) fn more(&mut self, all: usize, shown: usize, place: &str) -> io::Result<()> {
        if all > shown { self.line(&format!("  and {} more{place}", all - shown)) } else { Ok(()) }
    }

    /// A line about the one above.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.line(&format!("{INDENT}{text}"))
    }

    /// Both streams of a step, standard output behind `|` and standard error behind `!`.
    pub(super) fn outputs(&mut self, [stdout, stderr]: [&Output; 2], limit: u64) -> io::Result<()> {
        self.output(&format!("{INDENT}| "), &Excerpt::new(stdout, limit))?;
        self.output(&format!("{INDENT}! "), &Excerpt::new(stderr, limit))
    }

    fn output(&mut self, prefix: &str, excerpt: &Excerpt) -> io::Result<()> {
        let (writer, terminal) = (&mut self.writer, self.terminal);
        let mut at_line_start = true;
        excerpt.pieces(&mut |piece| {
            for line in piece.split_inclusive('\n') {
                if at_line_start {
                    writer.write_all(prefix.as_bytes())?;
                }
                let shown = if terminal { harmless(line) } else { line.into() };
                writer.write_all(shown.as_bytes())?;
                at_line_start = line.ends_with('\n');
            }
            Ok(())
        })?;
        if at_line_start { Ok(()) } else { writeln!(self.writer) }
    }

    /// The last lines of both streams of a step, each behind `indent`.
    pub(super) fn last_lines(&mut self, indent: &str, [stdout, stderr]: [&Output; 2], count: usize) -> io::Result<()> {
        for (stream, output) in [('|', stdout), ('!', stderr)] {
            for line in last_lines(output, count) {
                let shown = if self.terminal { harmless(&line) } else { line.as_str().into() };
                self.line(&format!("{indent}{stream} {shown}"))?;
            }
        }
        Ok(())
    }

    /// Hands on what was written.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
