//! The log: lines of the seed's form or of JSON, on standard error or in a file.

mod screen;
mod terminal;

use std::fmt;
use std::fs::OpenOptions;
use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

pub(crate) use screen::Screen;
pub(crate) use terminal::size as terminal_size;

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verbosity {
    /// Errors only.
    Quiet,
    /// What people want to know.
    Normal,
    /// Everything.
    Verbose,
}

impl Verbosity {
    /// From `-q` and `-v`.
    pub(crate) fn new(quiet: bool, verbose: bool) -> Self {
        match (quiet, verbose) {
            (true, _) => Self::Quiet,
            (_, true) => Self::Verbose,
            _ => Self::Normal,
        }
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::Quiet => LevelFilter::ERROR,
            Self::Normal => LevelFilter::INFO,
            Self::Verbose => LevelFilter::DEBUG,
        }
    }
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// `2026-11-23 16:56:17 - INFO - Starting trial 1 of 1`
    Text,
    /// `{"time":"2026-11-23T16:56:17.123456Z","level":"INFO","message":"Starting trial 1 of 1"}`
    Json,
}

/// Begins to log. On standard error the lines go above what `screen` has. It must be called once, before anything is logged.
///
/// # Errors
///
/// Says why the file can't be written.
pub(crate) fn start(
    verbosity: Verbosity,
    format: LogFormat,
    file: Option<&Path>,
    screen: &Screen,
) -> Result<(), String> {
    let builder = tracing_subscriber::fmt().with_max_level(verbosity.filter()).event_format(format);
    match file {
        None => builder.with_writer(screen.clone()).init(),
        Some(path) => {
            let opened = OpenOptions::new().create(true).append(true).open(path);
            let file =
                opened.map_err(|error| format!("the log file `{}` can't be written: {error}", path.display()))?;
            builder.with_writer(std::sync::Mutex::new(file)).init();
        }
    }
    Ok(())
}

impl<S, N> FormatEvent<S, N> for LogFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let level = match *event.metadata().level() {
            Level::ERROR => "ERROR",
            Level::WARN => "WARNING",
            Level::INFO => "INFO",
            Level::DEBUG | Level::TRACE => "DEBUG",
        };
        match self {
            Self::Text => {
                write!(out, "{} - {level} - ", local_time())?;
                context.field_format().format_fields(out.by_ref(), event)?;
                writeln!(out)
            }
            Self::Json => {
                let mut message = String::new();
                context.field_format().format_fields(Writer::new(&mut message), event)?;
                let time = format!("{:.6}", jiff::Timestamp::now());
                writeln!(out, "{}", serde_json::json!({"time": time, "level": level, "message": message}))
            }
        }
    }
}

fn local_time() -> impl fmt::Display {
    jiff::tz::TimeZone::system().to_datetime(jiff::Timestamp::now()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
