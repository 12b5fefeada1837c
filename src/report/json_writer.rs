//! JSON as we write it: indented by two spaces, as Python's `json.dump(indent=2)` does, or in one line; and with every
//! character that a terminal could obey as an escape, which means the same to every reader.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

use crate::model::is_harmful;

/// Writes `value` and a newline.
pub(super) fn write(writer: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(&mut *writer, Escaping(PrettyFormatter::new(), is_harmful)))?;
    writeln!(writer)
}

/// Writes `value` in one line, without the newline.
pub(super) fn write_line(writer: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Serializer::with_formatter(writer, Escaping(CompactFormatter, is_harmful)))?;
    Ok(())
}

/// Writes `value` in one line that can stand in an HTML page: nothing in it can end an element or begin one.
pub(super) fn write_for_html(writer: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    let is_markup = |character| is_harmful(character) || matches!(character, '<' | '>' | '&' | '\u{2028}' | '\u{2029}');
    value.serialize(&mut Serializer::with_formatter(writer, Escaping(CompactFormatter, is_markup)))?;
    Ok(())
}

/// Writes as the inner formatter does, with escapes for the characters that are so.
struct Escaping<F>(F, fn(char) -> bool);

impl<F: Formatter> Formatter for Escaping<F> {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(place) = rest.find(self.1) {
            let (plain, found) = rest.split_at(place);
            writer.write_all(plain.as_bytes())?;
            let mut characters = found.chars();
            if let Some(character) = characters.next() {
                write!(writer, "\\u{:04x}", u32::from(character))?;
            }
            rest = characters.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
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
