//! The form of a line of the log.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line each, as the Python conductor writes them
    Text,
    /// A JSON object each: time, level, message
    Json,
}

impl LogFormat {
    /// A line, with its end.
    pub(super) fn line(self, level: &str, message: &str) -> String {
        match self {
            Self::Text => format!("{} - {level} - {message}\n", local_time()),
            Self::Json => {
                let time = format!("{:.6}", jiff::Timestamp::now());
                format!("{}\n", serde_json::json!({"time": time, "level": level, "message": message}))
            }
        }
    }

    /// The line that stands for those that found no room; nothing if there are none.
    pub(super) fn missing(self, count: usize) -> String {
        if count == 0 {
            return String::new();
        }
        let lines = if count == 1 { "1 line is".to_owned() } else { format!("{count} lines are") };
        self.line(
            "WARNING",
            &format!("{lines} missing here: the log could not be written, or its reader did not read it"),
        )
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
