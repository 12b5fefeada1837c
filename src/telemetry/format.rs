//! The format of a log line.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::model::{LogLevel, LogLine};

/// The format of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// A line each, as the Python conductor writes them
    Text,
    /// A JSON object each: time, level, message
    Json,
    /// A [`LogLine`] each, for another process
    #[value(skip)]
    Packet,
}

impl LogFormat {
    /// Returns a line, including the line break.
    pub(super) fn line(self, level: LogLevel, message: &str) -> String {
        let name = match level {
            LogLevel::Error => "ERROR",
            LogLevel::Warning => "WARNING",
            LogLevel::Info => "INFO",
            LogLevel::Debug => "DEBUG",
        };
        match self {
            Self::Text => format!("{} - {name} - {message}\n", local_time()),
            Self::Json => {
                let time = format!("{:.6}", jiff::Timestamp::now());
                format!("{}\n", serde_json::json!({"time": time, "level": name, "message": message}))
            }
            Self::Packet => format!("{}\n", serde_json::json!(LogLine { level, message: message.to_owned() })),
        }
    }

    /// Returns the line that reports how many lines were dropped; empty if none were.
    pub(super) fn missing(self, count: usize) -> String {
        if count == 0 {
            return String::new();
        }
        let lines = if count == 1 { "1 line is".to_owned() } else { format!("{count} lines are") };
        self.line(
            LogLevel::Warning,
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
            Level::ERROR => LogLevel::Error,
            Level::WARN => LogLevel::Warning,
            Level::INFO => LogLevel::Info,
            Level::DEBUG | Level::TRACE => LogLevel::Debug,
        };
        let mut message = String::new();
        context.field_format().format_fields(Writer::new(&mut message), event)?;
        out.write_str(&self.line(level, &message))
    }
}

fn local_time() -> impl fmt::Display {
    jiff::tz::TimeZone::system().to_datetime(jiff::Timestamp::now()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_for_another_process_is_read_back_as_it_was() {
        for level in [LogLevel::Error, LogLevel::Warning, LogLevel::Info, LogLevel::Debug] {
            let line = LogFormat::Packet.line(level, "a\n\"b\"");
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            let read: LogLine = serde_json::from_str(&line).unwrap();
            assert_eq!(read, LogLine { level, message: "a\n\"b\"".to_owned() });
        }
        let missing: LogLine = serde_json::from_str(&LogFormat::Packet.missing(2)).unwrap();
        assert_eq!(missing.level, LogLevel::Warning);
    }
}
