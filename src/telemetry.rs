//! The log: lines in the format of the Python conductor or in JSON, on standard error or in a file.

mod for_reader;
mod format;
mod lines;
mod log_file;
mod log_thread;
mod screen;
mod stderr;

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Mutex;

use rustix::fs::OFlags;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;

pub(crate) use for_reader::ForReader;
pub use format::LogFormat;
pub(crate) use log_thread::flush;
pub(crate) use screen::{Screen, answer_to_stdout, is_one_file, meets_log, terminal_is_dumb, terminal_size};
pub(crate) use stderr::{say, say_if_heard};

use lines::Lines;
use log_file::LogFile;
use log_thread::Queue;

use crate::wait::Wait;

/// Starts the log without a thread, for a process that will fork. It must be called once, before anything is logged.
///
/// # Errors
///
/// Returns an error with the reason if the file cannot be written.
pub(crate) fn start(levels: LevelFilter, format: LogFormat, file: Option<&Path>) -> Result<(), String> {
    match file {
        None => init(levels, format, Mutex::new(Lines::impatient(io::stderr(), format))),
        Some(path) => init(levels, format, Mutex::new(Lines::impatient(open(path)?, format).of_file(path))),
    }
    Ok(())
}

/// Starts the log on a socket (`SOCK_SEQPACKET`), with one line in each packet. Returns the end to read from. Neither
/// writing nor reading blocks. It must be called once, before anything is logged.
///
/// # Errors
///
/// See socketpair(2).
pub(crate) fn start_in_socket(levels: LevelFilter) -> io::Result<File> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
    init(levels, LogFormat::Packet, Mutex::new(Lines::patient(File::from(theirs), LogFormat::Packet)));
    Ok(File::from(ours))
}

/// Starts the log on its own thread. On standard error, the lines are written above the contents of `screen`. It must
/// be called once, before anything is logged; use [`flush`] at the end.
///
/// # Errors
///
/// Returns an error with the reason if the file cannot be written or the thread cannot be started.
pub(crate) fn start_aside(
    levels: LevelFilter,
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
    init(levels, format, queue);
    Ok(())
}

/// Sets the subscriber. A line that cannot be written is counted by its writer. The subscriber must not report it as
/// well: it would do so on standard error, and panic if nobody reads that.
fn init(levels: LevelFilter, format: LogFormat, writer: impl for<'a> MakeWriter<'a> + Send + Sync + 'static) {
    let builder = tracing_subscriber::fmt().log_internal_errors(false).with_max_level(levels);
    builder.event_format(format).with_writer(writer).init();
}

fn open(path: &Path) -> Result<LogFile, String> {
    // The log is not open yet, and signals still have their default effect.
    let slow = || say_if_heard(&format!("waiting for a process that reads the log `{}`", path.display()));
    let opened = Wait::PipeReader.open_to_write(path, OFlags::APPEND, slow, || true);
    let opened = opened.and_then(|file| LogFile::new(path, file));
    opened.map_err(|error| format!("cannot write the log file `{}`: {error}", path.display()))
}
