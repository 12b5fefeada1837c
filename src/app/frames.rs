//! `--trace-frames`, and `frames`, which prints the recorded frames.

use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;

use super::messages::{self, Refused};
use crate::cli::{FramesArguments, LogArguments};
use crate::model::{PASSED, on_one_line, words};
use crate::telemetry;
use crate::wire::trace::{self, TracedFrame};

/// The maximum number of characters that are printed of a message.
const SHOWN: usize = 160;

/// Starts to record frames if `--trace-frames` is given.
pub(super) fn trace(log: &LogArguments) -> Result<(), String> {
    let Some(path) = &log.trace_frames else { return Ok(()) };
    trace::start(path).map_err(|error| format!("cannot record frames in `{}`: {}", path.display(), words(&error)))
}

/// Prints the frames of all files in order of time. Exits with status 1 if a file cannot be read.
pub(super) fn run(arguments: &FramesArguments) -> Result<ExitCode, Refused> {
    let mut frames = Vec::new();
    for path in &arguments.files {
        frames.extend(read(path)?);
    }
    frames.sort_by(|one: &TracedFrame, other| one.time.cmp(&other.time));
    let lines: String = frames.into_iter().map(|frame| line(frame, arguments.full) + "\n").collect();
    messages::print(&lines)?;
    Ok(ExitCode::from(PASSED))
}

/// Reads the frames of a file. The last one may be incomplete if its process was killed.
fn read(path: &Path) -> Result<Vec<TracedFrame>, String> {
    let shown = path.display();
    let text = text(path).map_err(|error| format!("cannot read `{shown}`: {}", words(&error)))?;
    let mut frames = Vec::new();
    for (index, line) in text.split_inclusive('\n').enumerate() {
        match serde_json::from_str(line) {
            Ok(frame) => frames.push(frame),
            Err(_) if !line.ends_with('\n') => {
                telemetry::say(&format!("warning: the last frame in `{shown}` is incomplete"));
            }
            Err(error) => {
                let number = index + 1;
                return Err(format!(
                    "`{shown}`, line {number}: not a recorded frame: {error}\n  hint: name a file that `--trace-frames` wrote"
                ));
            }
        }
    }
    Ok(frames)
}

/// Reads the text of a file. Refuses a named pipe, because it would have to wait for a writer.
fn text(path: &Path) -> io::Result<String> {
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    Ok(text)
}

fn line(frame: TracedFrame, is_full: bool) -> String {
    let TracedFrame { time, process, connection, peer, sent, length, mut payload } = frame;
    let time = time.split_once('T').map_or(&*time, |(_, time)| time);
    let direction = if sent { "sent" } else { "received" };
    let kind = payload.as_object_mut().and_then(|fields| fields.remove("type"));
    let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or("message without a type");
    let length = length.map_or_else(String::new, |length| format!(" {length} bytes"));
    let mut fields = payload.to_string();
    if !is_full && let Some((at, _)) = fields.char_indices().nth(SHOWN) {
        fields.truncate(at);
        fields.push('…');
    }
    let text = format!("{time} {process}.{connection} {peer} {direction} {kind}{length} {fields}");
    on_one_line(text.trim_end_matches(" {}")).into_owned()
}
