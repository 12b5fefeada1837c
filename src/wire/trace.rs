//! Records the frames of all connections of a process, for `--trace-frames`: one line of JSON for each frame.
//!
//! Secrets are left out, and bytes of outputs and files are only counted. Commands and variables of a plan are recorded
//! unchanged: only the user who started the program can read the file.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::session_frame::decode_data;
use super::{FrameDecoder, frame};
use crate::model::{lock, words};

/// A greater length is not that of a frame: the peer uses another protocol.
const LARGEST: u64 = 1 << 30;

/// The text that replaces a secret.
const HIDDEN: &str = "(hidden)";

/// The file of this process, if frames are recorded.
static FILE: Mutex<Option<TraceFile>> = Mutex::new(None);

struct TraceFile {
    /// The file name that the user specified.
    path: PathBuf,
    /// The process that writes the file.
    process: u32,
    /// The open file; `None` if it cannot be written.
    file: Option<File>,
    /// How many connections have been recorded.
    connections: u64,
}

/// A recorded frame.
#[derive(Debug, Serialize, Deserialize)]
pub struct TracedFrame {
    /// When the system call returned, in RFC 3339 format, in UTC.
    pub time: String,
    /// The ID of the process that sent or received it.
    pub process: u32,
    /// The number of the connection in this process.
    pub connection: u64,
    /// The address of the peer.
    pub peer: String,
    /// Whether the process sent it. Otherwise, it received it.
    pub sent: bool,
    /// The length of its payload in bytes; `None` if the bytes are not a frame.
    pub length: Option<usize>,
    /// Its payload: a message without its secrets; for data, the stream and the position; or the reason why it cannot
    /// be read.
    pub payload: Value,
}

/// Starts to record the frames of this process in a file with this name. A process that this one forks writes its own
/// file, with a dot and the process ID added to the name.
///
/// # Errors
///
/// Returns an error if the file cannot be written.
pub fn start(path: &Path) -> io::Result<()> {
    let (path, process) = (std::path::absolute(path)?, std::process::id());
    let file = Some(open(&path)?);
    *lock(&FILE) = Some(TraceFile { path, process, file, connections: 0 });
    Ok(())
}

/// Creates or truncates the file. A pipe without a reader is an error: there is no time to wait for one.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600).custom_flags(libc::O_NONBLOCK);
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

/// Records the frames of one connection, if requested.
#[derive(Debug)]
pub struct Tap(Option<Recorder>);

#[derive(Debug)]
struct Recorder {
    connection: u64,
    peer: String,
    sent: Direction,
    received: Direction,
}

/// Splits the bytes of one direction into frames; `None` after bytes that are not a frame.
type Direction = Mutex<Option<FrameDecoder>>;

impl Tap {
    /// Creates the recorder of a connection to this peer.
    pub fn new(peer: impl fmt::Display) -> Self {
        Self(lock(&FILE).as_mut().map(|trace| {
            let direction = || Mutex::new(Some(FrameDecoder::new(LARGEST)));
            trace.connections += 1;
            let (connection, peer) = (trace.connections, peer.to_string());
            Recorder { connection, peer, sent: direction(), received: direction() }
        }))
    }

    /// Records bytes that were sent.
    pub fn sent(&self, bytes: &[u8]) {
        self.0.iter().for_each(|recorder| recorder.take(true, bytes));
    }

    /// Records a frame that was received, given its payload.
    pub fn received_frame(&self, payload: &[u8]) {
        if self.0.is_some() {
            self.received(&frame(payload));
        }
    }

    /// Records bytes that were received.
    pub fn received(&self, bytes: &[u8]) {
        self.0.iter().for_each(|recorder| recorder.take(false, bytes));
    }
}

impl Recorder {
    fn take(&self, sent: bool, bytes: &[u8]) {
        let time = humantime::format_rfc3339_micros(SystemTime::now()).to_string();
        let mut direction = lock(if sent { &self.sent } else { &self.received });
        direction.iter_mut().for_each(|decoder| decoder.push(bytes));
        while let Some(decoder) = &mut *direction {
            let (length, payload) = match decoder.next_payload() {
                Ok(None) => return,
                Ok(Some(payload)) => (Some(payload.len()), readable(payload)),
                Err(_) => (None, unreadable("this is not the beginning of a frame")),
            };
            if length.is_none() {
                *direction = None;
            }
            let (time, process) = (time.clone(), std::process::id());
            let (connection, peer) = (self.connection, self.peer.clone());
            write(&TracedFrame { time, process, connection, peer, sent, length, payload });
        }
    }
}

/// Returns what is recorded of a payload.
fn readable(payload: &[u8]) -> Value {
    if payload.first() == Some(&1)
        && let Ok((number, data)) = decode_data(payload)
    {
        return json!({"type": "data", "number": number, "stream": data.stream, "offset": data.offset});
    }
    match serde_json::from_slice(payload) {
        Ok(mut message) => {
            hide_secrets(&mut message);
            message
        }
        Err(error) => unreadable(error),
    }
}

fn unreadable(why: impl fmt::Display) -> Value {
    json!({"type": "unreadable", "reason": why.to_string()})
}

/// Replaces the fields that only the two sides may know.
fn hide_secrets(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                if name == "secret" || name.ends_with("_secret") {
                    *field = json!(HIDDEN);
                } else {
                    hide_secrets(field);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}

/// Writes a line. A file that cannot be written is reported once.
fn write(frame: &TracedFrame) {
    let mut trace = lock(&FILE);
    let Some(trace) = trace.as_mut() else { return };
    if trace.process != frame.process {
        let mut name = trace.path.clone().into_os_string();
        name.push(format!(".{}", frame.process));
        trace.process = frame.process;
        trace.file = open(Path::new(&name)).inspect_err(|error| not_recorded(&name, error)).ok();
    }
    let Some(file) = &mut trace.file else { return };
    let line = serde_json::to_string(frame).map_err(io::Error::from);
    if let Err(error) = line.and_then(|line| file.write_all((line + "\n").as_bytes())) {
        trace.file = None;
        not_recorded(trace.path.as_os_str(), &error);
    }
}

fn not_recorded(name: &OsStr, error: &io::Error) {
    tracing::warn!("cannot record frames in `{}`: {}", name.display(), words(error));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Data;
    use crate::wire::session_frame::encode_data;

    #[test]
    fn secrets_are_hidden_wherever_they_are() {
        let hello = br#"{"type":"hello","data":{"secret":"a","run_secret":"b","other_secret":null,"run":"r","list":[{"secret":1}]}}"#;
        let hidden = r#"{"data":{"list":[{"secret":"(hidden)"}],"other_secret":"(hidden)","run":"r","run_secret":"(hidden)","secret":"(hidden)"},"type":"hello"}"#;
        assert_eq!(readable(hello).to_string(), hidden);
    }

    #[test]
    fn bytes_of_a_stream_are_not_recorded() {
        let mut frame = Vec::new();
        let data = Data { stream: 3, offset: 7, bytes: b"password".to_vec() };
        encode_data(9, &data, &mut frame);
        assert_eq!(readable(&frame[4..]).to_string(), r#"{"number":9,"offset":7,"stream":3,"type":"data"}"#);
        assert_eq!(readable(b"GET / HTTP").get("type"), Some(&json!("unreadable")));
    }
}
