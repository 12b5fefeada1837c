//! The style of human-readable reports, and the page of the `text` report: colors, lines and indented outputs.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::{Excerpt, Record, last_lines};
use crate::model::{Outcome, Output, harmless};

/// The indentation of lines below a step.
pub(super) const INDENT: &str = "      ";

/// Where to find rows that are left out.
pub(super) const JSON: &str = ", see the `json` report";

/// The style of a report, which depends on its destination.
#[derive(Debug, Clone)]
pub struct Style {
    /// Whether the `text` report marks outcomes with colors in addition to words.
    pub color: bool,
    /// Whether the output is a terminal, so that control characters in remote text must be escaped.
    pub terminal: bool,
    /// The time zone of the dates.
    pub time_zone: TimeZone,
    /// The URL of the results folder relative to the report: empty, or with a final `/`. If it is known, the HTML
    /// report links to its files.
    pub folder: Option<String>,
    /// The folder of the run, if results are kept, as shown to the user.
    pub results: Option<PathBuf>,
    /// The record that the reports share, if they share one.
    pub record: Option<Record>,
}

impl Style {
    /// Returns the style for a file or a pipe: no color, unchanged remote text, local time zone.
    pub fn plain() -> Self {
        Self { color: false, terminal: false, time_zone: TimeZone::system(), folder: None, results: None, record: None }
    }
}

/// The meaning of a color. The text has the same meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    /// Success.
    Good,
    /// A failure.
    Bad,
    /// Something that needs attention.
    Doubtful,
    /// A heading.
    Strong,
    /// Neutral text.
    Plain,
}

impl Tone {
    /// Returns the tone of an outcome.
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

/// The output of the `text` report.
pub(super) struct Page {
    writer: BufWriter<Box<dyn Write + Send>>,
    color: bool,
    terminal: bool,
}

impl Page {
    /// Creates a page. `color` and `terminal` are as in [`Style`].
    pub(super) fn new(writer: Box<dyn Write + Send>, color: bool, terminal: bool) -> Self {
        Self { writer: BufWriter::with_capacity(64 * 1024, writer), color, terminal }
    }

    /// Colors a text, which must be trusted or already escaped.
    pub(super) fn toned(&self, tone: Tone, text: &str) -> String {
        if self.color && tone != Tone::Plain { format!("{}{text}\x1b[0m", tone.escape()) } else { text.to_owned() }
    }

    /// Writes a line. Its text must be trusted or already escaped.
    pub(super) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.writer, "{}", text.trim_end())
    }

    /// Writes a heading after an empty line.
    pub(super) fn heading(&mut self, text: &str) -> io::Result<()> {
        self.line("")?;
        self.line(&self.toned(Tone::Strong, text))
    }

    /// Writes how many of `all` rows are not among the `shown` ones. `place` says where they are.
    pub(super) fn more(&mut self, all: usize, shown: usize, place: &str) -> io::Result<()> {
        if all > shown { self.line(&format!("  and {} more{place}", all - shown)) } else { Ok(()) }
    }

    /// Writes a line about the line above.
    pub(super) fn note(&mut self, text: &str) -> io::Result<()> {
        self.line(&format!("{INDENT}{text}"))
    }

    /// Writes both streams of a step: standard output after `|`, standard error after `!`.
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

    /// Writes the last lines of both streams of a step, each after `indent`.
    pub(super) fn last_lines(&mut self, indent: &str, [stdout, stderr]: [&Output; 2], count: usize) -> io::Result<()> {
        for (stream, output) in [('|', stdout), ('!', stderr)] {
            for line in last_lines(output, count) {
                let shown = if self.terminal { harmless(&line) } else { line.as_str().into() };
                self.line(&format!("{indent}{stream} {shown}"))?;
            }
        }
        Ok(())
    }

    /// Flushes the writer.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}
