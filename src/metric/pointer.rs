//! JSON pointers (RFC 6901), and the numbers at the place that one refers to. Of a large text, only the value at that
//! place is kept in memory.

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Missing;
use super::missing::finite;
use super::reached::Reached;

/// The maximum number of characters of an invalid number in a message.
const SHOWN: usize = 40;

/// A place in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pointer(Vec<String>);

impl FromStr for Pointer {
    type Err = String;

    /// Parses a JSON pointer: it is empty, or begins with `/` (RFC 6901, section 3).
    fn from_str(text: &str) -> Result<Self, String> {
        let is_escaped = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
        match text.strip_prefix('/') {
            None if !text.is_empty() => Err("a JSON pointer begins with `/`".to_owned()),
            _ if !is_escaped => Err("in a JSON pointer, `~` is written `~0`".to_owned()),
            None => Ok(Self(Vec::new())),
            Some(rest) => Ok(Self(rest.split('/').map(|part| part.replace("~1", "/").replace("~0", "~")).collect())),
        }
    }
}

impl Pointer {
    /// Passes the number at this place in each JSON document of a text to `take`. If documents have nothing there,
    /// describes what the last of these has instead.
    pub(super) fn each(
        &self,
        text: &[u8],
        mut take: impl FnMut(f64) -> Result<(), Missing>,
    ) -> Result<Option<String>, Missing> {
        let mut instead = None;
        let mut rest = text.trim_ascii_start();
        while !rest.is_empty() {
            let mut documents = serde_json::Deserializer::from_slice(rest).into_iter::<IgnoredAny>();
            documents.next().transpose().map_err(|error| Missing::NotJson(error.to_string()))?;
            let (document, behind) = rest.split_at(documents.byte_offset());
            let reached = RefCell::default();
            let found = At(&self.0, &reached).deserialize(&mut serde_json::Deserializer::from_slice(document));
            if let Some(value) = found.map_err(|error| Missing::NotJson(error.to_string()))? {
                take(number_of(&value)?)?;
            } else {
                instead = Some(reached.into_inner().text(&self.0));
            }
            rest = behind.trim_ascii_start();
        }
        Ok(instead)
    }
}

/// Returns a number in JSON, or in a JSON string.
fn number_of(value: &Value) -> Result<f64, Missing> {
    match value {
        Value::Number(number) => number.as_f64().ok_or_else(|| Missing::NotANumber(number.to_string())),
        Value::String(text) => finite(text),
        Value::Object(_) => Err(Missing::Composed("an object")),
        Value::Array(_) => Err(Missing::Composed("a list")),
        other => Err(Missing::NotANumber(other.to_string().chars().take(SHOWN).collect())),
    }
}

/// Finds the value at a place below the current one. The contents of an object or a list at that place are not kept.
struct At<'p>(&'p [String], &'p RefCell<Reached>);

impl<'de> DeserializeSeed<'de> for At<'_> {
    type Value = Option<Value>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl At<'_> {
    /// Visits a value that contains no others.
    fn scalar(&self, value: Value) -> Option<Value> {
        if !self.0.is_empty() {
            *self.1.borrow_mut() = Reached::value(self.0.len());
        }
        self.0.is_empty().then_some(value)
    }
}

macro_rules! scalars {
    ($($method:ident $type:ty),*) => {
        $(fn $method<E>(self, value: $type) -> Result<Self::Value, E> {
            Ok(self.scalar(Value::from(value)))
        })*
    };
}

impl<'de> Visitor<'de> for At<'_> {
    type Value = Option<Value>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    scalars!(visit_bool bool, visit_i64 i64, visit_u64 u64, visit_f64 f64, visit_str &str);

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(self.scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut found = self.0.is_empty().then(|| Value::Array(Vec::new()));
        // RFC 6901, section 4: an index has no leading zeros.
        let index = self.0.first().filter(|part| *part == "0" || !part.starts_with(['0', '+']));
        let index = index.and_then(|part| part.parse::<usize>().ok());
        let mut has_index = self.0.is_empty();
        for at in 0.. {
            if index == Some(at) {
                let Some(item) = items.next_element_seed(At(&self.0[1..], self.1))? else {
                    break;
                };
                (found, has_index) = (item, true);
            } else if items.next_element::<IgnoredAny>()?.is_none() {
                if !has_index {
                    *self.1.borrow_mut() = Reached::list(self.0.len(), at);
                }
                return Ok(found);
            }
        }
        *self.1.borrow_mut() = Reached::list(self.0.len(), index.unwrap_or_default());
        Ok(found)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut found = self.0.is_empty().then(|| Value::Object(serde_json::Map::new()));
        let (mut keys, mut has_key) = (Reached::object(self.0.len()), self.0.is_empty());
        while let Some(name) = members.next_key::<String>()? {
            match self.0.split_first() {
                Some((first, rest)) if *first == name => {
                    (found, has_key) = (members.next_value_seed(At(rest, self.1))?, true);
                }
                _ => {
                    members.next_value::<IgnoredAny>()?;
                    keys.add(name);
                }
            }
        }
        if !has_key {
            *self.1.borrow_mut() = keys;
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_serde_json_finds_there() {
        let text = r#"{"a": {"b": [1.5, {"c": "2"}, [3], true, null]}, "x/y": 4, "~": -5, "": 6, "e": {}, "0": 7}"#;
        let document: Value = serde_json::from_str(text).unwrap();
        for pointer in [
            "", "/a", "/a/b", "/a/b/0", "/a/b/1/c", "/a/b/2/0", "/a/b/3", "/a/b/4", "/a/b/5", "/a/b/00", "/a/b/+0",
            "/a/b/-", "/x~1y", "/~0", "/", "/e", "/e/f", "/0", "/a/b/0/0", "/missing",
        ] {
            let found: Pointer = pointer.parse().unwrap();
            let mut numbers = Vec::new();
            let result = found.each(text.as_bytes(), |number| {
                numbers.push(number);
                Ok(())
            });
            match document.pointer(pointer).map(number_of) {
                None => assert_eq!((matches!(result, Ok(Some(_))), numbers), (true, Vec::new()), "{pointer}"),
                Some(Ok(number)) => assert_eq!(numbers, [number], "{pointer}"),
                Some(Err(_)) => {
                    assert!(matches!(result, Err(Missing::NotANumber(_) | Missing::Composed(_))), "{pointer}");
                }
            }
        }
    }
}
