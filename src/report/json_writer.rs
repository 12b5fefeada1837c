//! Writes JSON in our format: indented by two spaces, as in Python's `json.dump(indent=2)`, or in one line. Every
//! character that a terminal could interpret is escaped. To a JSON parser, the escapes mean the same.

use std::io::{self, BufWriter, Write};

use serde::{Serialize, Serializer};

use crate::model::is_harmful;

/// Writes `value` and a newline.
///
/// # Errors
///
/// Returns the errors of the writer.
pub(crate) fn write(writer: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let mut escaping = escaping::<false>(writer);
    serde_json::to_writer_pretty(&mut escaping, value)?;
    writeln!(escaping)?;
    escaping.flush()
}

/// Writes `value` in one line, without the newline.
pub(super) fn write_line(writer: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let mut escaping = escaping::<false>(writer);
    serde_json::to_writer(&mut escaping, value)?;
    escaping.flush()
}

/// Writes `value` in one line that can be embedded in an HTML page: nothing in it can begin or end an element.
pub(super) fn write_for_html(writer: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let mut escaping = escaping::<true>(writer);
    serde_json::to_writer(&mut escaping, value)?;
    escaping.flush()
}

/// A list that is created while it is written.
pub(super) struct List<F>(pub(super) F);

impl<F: Fn() -> I, I: Iterator<Item: Serialize>> Serialize for List<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0())
    }
}

/// An object whose keys are data and keep their order. It is created while it is written.
pub(super) struct Map<F>(pub(super) F);

impl<F: Fn() -> I, I: Iterator<Item = (String, V)>, V: Serialize> Serialize for Map<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0())
    }
}

/// Creates the buffered writer that escapes. The serializer writes single escapes, and the buffer combines them. The
/// buffer never splits a piece, so characters stay intact.
fn escaping<const HTML: bool>(writer: &mut dyn Write) -> BufWriter<Escaping<'_, HTML>> {
    BufWriter::with_capacity(4096, Escaping(writer))
}

/// Writes JSON with escapes for some characters, and with `HTML` also for those of markup. Outside of strings, JSON has
/// none of these except newlines, and in strings newlines are already escaped.
struct Escaping<'a, const HTML: bool>(&'a mut dyn Write);

impl<const HTML: bool> Escaping<'_, HTML> {
    fn is_escaped(character: char) -> bool {
        let is_markup = || matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
        character != '\n' && is_harmful(character) || HTML && is_markup()
    }

    /// Whether nothing in these bytes must be escaped. Checks all bytes, because a loop without an early exit is
    /// faster.
    fn are_plain(bytes: &[u8]) -> bool {
        let is_markup = |byte| HTML && matches!(byte, b'<' | b'>' | b'&');
        !bytes.iter().fold(false, |found, &byte| found | !matches!(byte, b' '..=b'~' | b'\n') | is_markup(byte))
    }
}

impl<const HTML: bool> Write for Escaping<'_, HTML> {
    /// Writes a piece of text. The serializer passes only whole characters.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if Self::are_plain(bytes) {
            return self.0.write(bytes);
        }
        let mut rest = str::from_utf8(bytes).map_err(io::Error::other)?;
        while let Some((place, found)) = rest.char_indices().find(|(_, character)| Self::is_escaped(*character)) {
            self.0.write_all(&rest.as_bytes()[..place])?;
            write!(self.0, "\\u{:04x}", u32::from(found))?;
            rest = &rest[place + found.len_utf8()..];
        }
        self.0.write_all(rest.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_indented_as_python_does_and_has_no_control_characters() {
        let mut written = Vec::new();
        let value = serde_json::json!({"a": [1, "é\u{9b}\u{1b}\u{202e}x"], "b": [], "c": {}});
        write(&mut written, &value).unwrap();
        let text = String::from_utf8(written).unwrap();
        let expected = "{\n  \"a\": [\n    1,\n    \"é\\u009b\\u001b\\u202ex\"\n  ],\n  \"b\": [],\n  \"c\": {}\n}\n";
        assert_eq!(text, expected);
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
        let mut line = Vec::new();
        write_line(&mut line, &value).unwrap();
        assert_eq!(String::from_utf8(line).unwrap(), r#"{"a":[1,"é\u009b\u001b\u202ex"],"b":[],"c":{}}"#);
    }
}
