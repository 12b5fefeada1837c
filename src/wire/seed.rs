//! The messages of the Python seed, version 1 of the protocol, and their exact bytes.
//!
//! Source: `FACTS.md` of the seed, and the conversations in `testdata/seed/wire`. The error texts are the seed's own,
//! because its conductors print them.

use std::io;
use std::time::Duration;

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use serde_json::{Map, Value};
use thiserror::Error;

use crate::model::{in_seconds, on_one_line};

pub use crate::model::PHASES_COMPLETE;

/// The time limit of a step whose message has no `timeout`.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a payload is not a message of version 1, in the words of the Python program.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct SeedError(String);

impl<T: Into<String>> From<T> for SeedError {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

/// A message of a seed conductor to a player.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// A phase to store until `run`.
    Phase(SeedPhase),
    /// Run the stored phases.
    Run,
    /// A message of a Rust conductor, or an unknown one.
    Other(String),
}

/// A phase as a seed conductor sends it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedPhase {
    /// The host to which the results are sent.
    #[serde(rename = "resulthost")]
    pub result_host: String,
    /// The port on this host.
    #[serde(rename = "resultport")]
    pub result_port: u16,
    /// The steps to run.
    pub steps: Vec<SeedStep>,
}

/// A step as a seed conductor sends it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SeedStep {
    /// The command for `/bin/sh -c`.
    pub command: String,
    /// Whether the next step starts immediately.
    pub spawn: bool,
    /// Its time limit; `None` means no limit.
    #[serde(serialize_with = "in_seconds::serialize")]
    pub timeout: Option<Duration>,
}

impl Request {
    /// Decodes a payload.
    ///
    /// # Errors
    ///
    /// Returns the seed's own text, for the answer with code 1.
    pub fn decode(payload: &[u8]) -> Result<Self, SeedError> {
        let (kind, data) = open(payload)?;
        match kind.as_str() {
            "phase" => decode_phase(&data).map(Self::Phase),
            "run" => Ok(Self::Run),
            _ => Ok(Self::Other(kind)),
        }
    }
}

impl SeedPhase {
    /// Returns the approximate memory size in bytes.
    pub fn size(&self) -> usize {
        let steps = self.steps.iter().map(|step| size_of::<SeedStep>() + step.command.len());
        size_of::<Self>() + self.result_host.len() + steps.sum::<usize>()
    }

    /// Returns the payload that sends this phase, as the seed's conductor writes it.
    pub fn encode(&self) -> Vec<u8> {
        message("phase", self)
    }
}

/// Returns the payload that runs the stored phases.
pub fn encode_run() -> Vec<u8> {
    message("run", &Map::new())
}

/// Returns the payload of a result.
pub fn encode_result(code: i64, text: &str) -> Vec<u8> {
    #[derive(Serialize)]
    struct Data<'a> {
        code: i64,
        message: &'a str,
    }
    message("result", &Data { code, message: text })
}

/// Decodes the payload of a result.
///
/// # Errors
///
/// Returns an error if it is not a result.
pub fn decode_result(payload: &[u8]) -> Result<(i64, String), SeedError> {
    let (kind, data) = open(payload)?;
    if kind != "result" {
        return Err(format!("`{}` instead of a result", on_one_line(&kind)).into());
    }
    let code = data.get("code").and_then(Value::as_i64).ok_or("a result without a code")?;
    let text = data.get("message").and_then(Value::as_str).ok_or("a result without a message")?;
    Ok((code, text.to_owned()))
}

/// Opens the envelope. Returns the type and the data.
fn open(payload: &[u8]) -> Result<(String, Value), SeedError> {
    let text = std::str::from_utf8(payload).map_err(|error| {
        let at = error.valid_up_to();
        let kind = if error.error_len().is_none() { "unexpected end of data" } else { "invalid start byte" };
        format!("'utf-8' codec can't decode byte 0x{:02x} in position {at}: {kind}", payload[at])
    })?;
    let value: Value = serde_json::from_str(text).map_err(|error| format!("Invalid message format: {error}"))?;
    let Value::Object(mut fields) = value else {
        return Err(format!("Message must be a JSON object, not {}", python_type(&value)).into());
    };
    match fields.get("version") {
        None => return Err("Missing version field".into()),
        Some(version) if version.as_i64() != Some(1) => {
            return Err(format!("Unsupported protocol version: {version}").into());
        }
        Some(_) => {}
    }
    let mut need = |name: &str| fields.remove(name).ok_or_else(|| format!("Invalid message format: '{name}'"));
    let kind = need("type")?;
    let data = need("data")?;
    Ok((kind.as_str().unwrap_or_default().to_owned(), data))
}

fn decode_phase(data: &Value) -> Result<SeedPhase, SeedError> {
    let need = |value: &'_ Value, name: &str| value.get(name).cloned().ok_or_else(|| format!("'{name}'"));
    let result_host = need(data, "resulthost")?;
    let result_port = need(data, "resultport")?;
    let steps = match data.get("steps") {
        None => &[][..],
        Some(Value::Array(steps)) => steps,
        Some(_) => return Err("'steps' must be a list".into()),
    };
    let steps = steps.iter().map(|step| {
        let command = need(step, "command")?;
        Ok(SeedStep {
            command: command.as_str().ok_or("'command' must be a string")?.to_owned(),
            spawn: step.get("spawn").and_then(Value::as_bool).unwrap_or(false),
            timeout: timeout(step.get("timeout"))?,
        })
    });
    Ok(SeedPhase {
        steps: steps.collect::<Result<_, SeedError>>()?,
        result_host: result_host.as_str().ok_or("'resulthost' must be a string")?.to_owned(),
        result_port: result_port
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .filter(|port| *port > 0)
            .ok_or("'resultport' must be a port")?,
    })
}

fn timeout(value: Option<&Value>) -> Result<Option<Duration>, SeedError> {
    match value {
        None => Ok(Some(DEFAULT_TIMEOUT)),
        Some(Value::Null) => Ok(None),
        Some(value) => value
            .as_f64()
            .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
            .map(Some)
            .ok_or("'timeout' must be a number of seconds".into()),
    }
}

fn python_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::String(_) => "str",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    }
}

fn message(kind: &str, data: &impl Serialize) -> Vec<u8> {
    #[derive(Serialize)]
    struct Envelope<'a, T> {
        version: u32,
        #[serde(rename = "type")]
        kind: &'a str,
        data: &'a T,
    }
    let mut bytes = Vec::new();
    #[expect(clippy::expect_used, reason = "our messages have string keys, and a vector takes every write")]
    Envelope { version: 1, kind, data }
        .serialize(&mut Serializer::with_formatter(&mut bytes, PythonFormatter))
        .expect("a message is JSON");
    bytes
}

/// Writes JSON like Python's `json.dumps`: with a space after `,` and `:`, and only in ASCII.
struct PythonFormatter;

impl Formatter for PythonFormatter {
    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { out.write_all(b", ") }
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        out.write_all(b": ")
    }

    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, fragment: &str) -> io::Result<()> {
        for piece in fragment.split_inclusive(|c: char| !c.is_ascii()) {
            let ascii = piece.trim_end_matches(|c: char| !c.is_ascii());
            out.write_all(ascii.as_bytes())?;
            for unit in piece[ascii.len()..].encode_utf16() {
                write!(out, "\\u{unit:04x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phase_without_steps_has_none_as_for_the_seed() {
        let data = r#"{"version": 1, "type": "phase", "data": {"resulthost": "10.0.0.1", "resultport": 7}}"#;
        let phase = SeedPhase { result_host: "10.0.0.1".to_owned(), result_port: 7, steps: Vec::new() };
        assert_eq!(Request::decode(data.as_bytes()), Ok(Request::Phase(phase)));
    }

    #[test]
    fn a_phase_has_the_bytes_that_the_seed_writes() {
        let step =
            SeedStep { command: "echo \"é😀\"".to_owned(), spawn: false, timeout: Some(Duration::from_secs(30)) };
        let phase = SeedPhase { result_host: "127.0.0.1".to_owned(), result_port: 16971, steps: vec![step] };
        let expected = r#"{"version": 1, "type": "phase", "data": {"resulthost": "127.0.0.1", "resultport": 16971, "steps": [{"command": "echo \"\u00e9\ud83d\ude00\"", "spawn": false, "timeout": 30}]}}"#;
        assert_eq!(String::from_utf8(phase.encode()).unwrap(), expected);
        assert_eq!(Request::decode(&phase.encode()), Ok(Request::Phase(phase)));
    }
}
