//! The log: lines of the seed's form or of JSON, on standard error or in a file.

mod for_reader;
mod lines;
mod log_file;
mod log_thread;
mod screen;
mod stderr;
mod terminal;

use std::fmt;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::OFlags;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

pub(crate) use for_reader::ForReader;
pub(crate) use log_thread::flush;
pub(crate) use screen::{Screen, answer_to_stdout};
pub(crate) use stderr::{say, say_if_heard};
pub(crate) use terminal::{is_dumb as terminal_is_dumb, size as terminal_size};

use lines::Lines;
use log_file::LogFile;
use log_thread::Queue;

use crate::wait::Wait;

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

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line each, as the Python conductor writes them
    Text,
    /// A JSON object each: time, level, message
    Json,
}

/// Begins to log, without a thread: for a process that will fork. It must be called once, before anything is logged.
///
/// # Errors
///
/// Says why the file can't be written.
pub(crate) fn start(verbosity: Verbosity, format: LogFormat, file: Option<&Path>) -> Result<(), String> {
    match file {
        None => init(verbosity, format, Mutex::new(Lines::impatient(io::stderr(), format))),
        Some(path) => init(verbosity, format, Mutex::new(Lines::impatient(open(path)?, format).of_file(path))),
    }
    Ok(())
}

/// Begins to log, on a thread of its own. On standard error the lines go above what `screen` has. It must be called once,
/// before anything is logged; [`flush`] belongs to it.
///
/// # Errors
///
/// Says why the file can't be written, or the thread can't be started.
pub(crate) fn start_aside(
    verbosity: Verbosity,
    format: LogFormat,
    file: Option<&Path>,
    screen: &Screen,
) -> Result<(), String> {
    let writer: Box<dyn Write + Send> = match file {
        None => Box::new(Lines::patient(screen.stderr(), format)),
        Some(path) => {
            let file = ForReader::of_log(open(path)?, format!("the log `{}`", path.display()));
            Box::new(Lines::patient(file, format).of_file(path))
        }
    };
    let queue = Queue::start(writer, format).map_err(|error| format!("cannot start the log: {error}"))?;
    init(verbosity, format, queue);
    Ok(())
}

/// A line that can't be written is counted by its writer. The subscriber must not tell of it as well: it does so on standard
/// error, and panics when nobody reads that.
fn init(verbosity: Verbosity, format: LogFormat, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let builder = tracing_subscriber::fmt().log_internal_errors(false).with_max_level(verbosity.filter());
    builder.event_format(format).with_writer(writer).init();
}

fn open(path: &Path) -> Result<LogFile, String> {
    // The log is not open yet, and signals still have their default effect.
    let slow = || say_if_heard(&format!("waiting for a process that reads the log `{}`", path.display()));
    let opened = Wait::PipeReader.open_to_write(path, OFlags::APPEND, slow, || true);
    let opened = opened.and_then(|file| LogFile::new(path, file));
    opened.map_err(|error| format!("cannot write the log file `{}`: {error}", path.display()))
}

impl LogFormat {
    /// A line, with its end.
    fn line(self, level: &str, message: &str) -> String {
        match self {
            Self::Text => format!("{} - {level} - {message}\n", local_time()),
            Self::Json => {
                let time = format!("{:.6}", jiff::Timestamp::now());
                format!("{}\n", serde_json::json!({"time": time, "level": level, "message": message}))
            }
        }
    }

    /// The line that stands for those that found no room; nothing if there are none.
    fn missing(self, count: usize) -> String {
        if count == 0 {
            return String::new();
        }
        let lines = if count == 1 { "1 line is".to_owned() } else { format!("{count} lines are") };
        self.line("WARNING", &format!("{lines} missing here: the log could not be written, or nobody read it"))
    }
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
        let mut message = String::new();
        context.field_format().format_fields(Writer::new(&mut message), event)?;
        out.write_str(&self.line(level, &message))
    }
}

fn local_time() -> impl fmt::Display {
    jiff::tz::TimeZone::system().to_datetime(jiff::Timestamp::now()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}
