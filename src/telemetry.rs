//! The log: lines of the seed's form, on standard error or in a file.

use std::fmt;
use std::fs::OpenOptions;
use std::path::Path;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

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

/// Begins to log. It must be called once, before anything is logged.
///
/// # Errors
///
/// Says why the file can't be written.
pub(crate) fn start(verbosity: Verbosity, file: Option<&Path>) -> Result<(), String> {
    let builder = tracing_subscriber::fmt().with_max_level(verbosity.filter()).event_format(SeedLine);
    match file {
        None => builder.with_writer(std::io::stderr).init(),
        Some(path) => {
            let opened = OpenOptions::new().create(true).append(true).open(path);
            let file =
                opened.map_err(|error| format!("the log file `{}` can't be written: {error}", path.display()))?;
            builder.with_writer(std::sync::Mutex::new(file)).init();
        }
    }
    Ok(())
}

/// `2026-11-23 16:56:17 - INFO - Starting trial 1 of 1`
struct SeedLine;

impl<S, N> FormatEvent<S, N> for SeedLine
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
        write!(out, "{} - {level} - ", local_time())?;
        context.field_format().format_fields(out.by_ref(), event)?;
        writeln!(out)
    }
}

fn local_time() -> impl fmt::Display {
    jiff::tz::TimeZone::system().to_datetime(jiff::Timestamp::now()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
