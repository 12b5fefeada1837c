//! Bytes that a step printed, in a line of the `jsonl` report: as `text` where they are UTF-8, else as `base64`.

use std::fmt::{self, Write};

use serde::{Serialize, Serializer};

/// Bytes of an output.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Bytes<'a> {
    /// They are UTF-8.
    Text(&'a str),
    /// They are not.
    Other(&'a [u8]),
}

impl<'a> Bytes<'a> {
    /// The first of these bytes that can stand in one line. None when all that is there is the beginning of a character,
    /// and `whole` does not say that its end will never come.
    pub(super) fn first_of(bytes: &'a [u8], whole: bool) -> Option<Self> {
        let error = match str::from_utf8(bytes) {
            Ok(text) => return (!text.is_empty()).then_some(Self::Text(text)),
            Err(error) => error,
        };
        let text = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        if !text.is_empty() {
            Some(Self::Text(text))
        } else if error.error_len().is_none() && !whole {
            None
        } else {
            Some(Self::Other(bytes))
        }
    }

    /// How many bytes these are.
    pub(super) const fn length(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Other(bytes) => bytes.len(),
        }
    }
}

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Text(text) => map.serialize_entry("text", text)?,
            Self::Other(bytes) => map.serialize_entry("base64", &Base64(bytes).to_string())?,
        }
        map.end()
    }
}

/// Displays as base64 (RFC 4648, with padding).
struct Base64<'a>(&'a [u8]);

impl fmt::Display for Base64<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        for group in self.0.chunks(3) {
            let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
            let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
            for place in 0..4 {
                let sign = if place <= group.len() { ALPHABET[(bits >> (18 - 6 * place) & 63) as usize] } else { b'=' };
                out.write_char(char::from(sign))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_up_to_the_first_byte_that_is_none() {
        assert_eq!(Bytes::first_of(b"abc", false), Some(Bytes::Text("abc")));
        assert_eq!(Bytes::first_of(b"abc\xff", false), Some(Bytes::Text("abc")));
        assert_eq!(Bytes::first_of(b"\xffabc", false), Some(Bytes::Other(b"\xffabc")));
        assert_eq!(Bytes::first_of(b"", true), None);
    }

    #[test]
    fn the_beginning_of_a_character_waits_for_its_end() {
        assert_eq!(Bytes::first_of(b"a\xc3", false), Some(Bytes::Text("a")));
        assert_eq!(Bytes::first_of(b"\xc3", false), None);
        assert_eq!(Bytes::first_of(b"\xc3", true), Some(Bytes::Other(b"\xc3")));
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| Base64(text.as_bytes()).to_string());
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
