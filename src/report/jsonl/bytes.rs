//! Bytes of an output in a line of the `jsonl` report: `text` if they are UTF-8, otherwise `base64`.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Bytes of an output.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Bytes<'a> {
    /// Bytes that are UTF-8.
    Text(Cow<'a, str>),
    /// Bytes that are not UTF-8.
    #[serde(with = "base64")]
    Base64(Cow<'a, [u8]>),
}

impl<'a> Bytes<'a> {
    /// Returns the first of these bytes that can be in one line. Returns `None` if there is only the beginning of a
    /// character, unless `whole` says that nothing follows.
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

    /// Returns the number of bytes.
    pub(super) fn length(&self) -> usize {
        self.bytes().len()
    }

    /// Whether these are the beginning of a character. That can only be the last bytes of a stream.
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

/// Base64 as in RFC 4648, with padding.
mod base64 {
    use std::borrow::Cow;

    use ::base64::display::Base64Display;
    use ::base64::prelude::{BASE64_STANDARD, Engine};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(bytes, &BASE64_STANDARD))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Cow<'static, [u8]>, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_STANDARD.decode(text).map(Cow::Owned).map_err(|_| D::Error::custom("invalid base64"))
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
        let expected = ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"];
        for (length, encoded) in expected.iter().enumerate() {
            let bytes = Bytes::Base64(b"foobar"[..length].into());
            let line = format!(r#"{{"base64":"{encoded}"}}"#);
            assert_eq!(serde_json::to_string(&bytes).unwrap(), line);
            assert_eq!(serde_json::from_str::<Bytes<'_>>(&line).unwrap(), bytes);
        }
        assert!(serde_json::from_str::<Bytes<'_>>(r#"{"base64":"a~"}"#).is_err());
    }
}
