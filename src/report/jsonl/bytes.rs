//! Bytes that a step printed, in a line of the `jsonl` report: as `text` where they are UTF-8, else as `base64`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Bytes of an output.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Bytes<'a> {
    /// They are UTF-8.
    Text(Cow<'a, str>),
    /// They are not.
    #[serde(with = "base64")]
    Base64(Cow<'a, [u8]>),
}

impl<'a> Bytes<'a> {
    /// The first of these bytes that can stand in one line. None when all that is there is the beginning of a character,
    /// and `whole` does not say that its end will never come.
    pub(super) fn first_of(bytes: &'a [u8], whole: bool) -> Option<Self> {
        let error = match str::from_utf8(bytes) {
            Ok(text) => return (!text.is_empty()).then_some(Self::Text(text.into())),
            Err(error) => error,
        };
        let text = str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
        if !text.is_empty() {
            Some(Self::Text(text.into()))
        } else if error.error_len().is_none() && !whole {
            None
        } else {
            Some(Self::Base64(bytes.into()))
        }
    }

    /// How many bytes these are.
    pub(super) fn length(&self) -> usize {
        self.bytes().len()
    }

    /// Whether they are the beginning of a character: a stream has them last, or not at all.
    pub(super) fn is_unfinished(&self) -> bool {
        Bytes::first_of(self.bytes(), false).is_none()
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Base64(bytes) => bytes,
        }
    }
}

/// RFC 4648, with padding.
mod base64 {
    use std::borrow::Cow;
    use std::fmt::{self, Write};

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, [u8]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        decode(&text).map(Cow::Owned).ok_or_else(|| D::Error::custom("invalid base64"))
    }

    /// Displays as base64.
    pub(super) struct Base64<'a>(pub(super) &'a [u8]);

    impl fmt::Display for Base64<'_> {
        fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
            for group in self.0.chunks(3) {
                let byte = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
                let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
                for place in 0..4 {
                    let sign =
                        if place <= group.len() { ALPHABET[(bits >> (18 - 6 * place) & 63) as usize] } else { b'=' };
                    out.write_char(char::from(sign))?;
                }
            }
            Ok(())
        }
    }

    pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
        for group in text.trim_end_matches('=').as_bytes().chunks(4) {
            let mut bits = 0;
            for sign in group {
                bits = bits << 6 | u32::try_from(ALPHABET.iter().position(|known| known == sign)?).ok()?;
            }
            bits <<= 6 * (4 - group.len());
            bytes.extend_from_slice(&bits.to_be_bytes()[1..group.len()]);
        }
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_up_to_the_first_byte_that_is_none() {
        assert_eq!(Bytes::first_of(b"abc", false), Some(Bytes::Text("abc".into())));
        assert_eq!(Bytes::first_of(b"abc\xff", false), Some(Bytes::Text("abc".into())));
        assert_eq!(Bytes::first_of(b"\xffabc", false), Some(Bytes::Base64(b"\xffabc"[..].into())));
        assert_eq!(Bytes::first_of(b"", true), None);
    }

    #[test]
    fn the_beginning_of_a_character_waits_for_its_end() {
        assert_eq!(Bytes::first_of(b"a\xc3", false), Some(Bytes::Text("a".into())));
        assert_eq!(Bytes::first_of(b"\xc3", false), None);
        assert_eq!(Bytes::first_of(b"\xc3", true), Some(Bytes::Base64(b"\xc3"[..].into())));
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        let encoded =
            ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64::Base64(text.as_bytes()).to_string());
        for text in &encoded {
            let decoded = base64::decode(text).expect("it is base64");
            assert_eq!(base64::Base64(&decoded).to_string(), *text);
        }
        assert_eq!(base64::decode("a~"), None);
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
    }
}
