//! The deepest place in JSON that part of a wrong pointer reaches, for messages.

use crate::model::on_one_line;

/// The maximum number of keys in a message.
const NAMED: usize = 5;
/// The maximum number of characters of a key in a message.
const SHOWN: usize = 40;

/// The deepest place that was reached, and its value.
#[derive(Debug, Default)]
pub(super) struct Reached {
    /// The number of parts of the pointer after this place.
    left: usize,
    what: What,
}

#[derive(Debug, Default)]
enum What {
    /// A value that contains no others.
    #[default]
    Value,
    /// A list with this number of items.
    List(usize),
    /// An object with these keys, and this number of others.
    Object(Vec<String>, usize),
}

impl Reached {
    /// Creates the place of a value that contains no others.
    pub(super) const fn value(left: usize) -> Self {
        Self { left, what: What::Value }
    }

    /// Creates the place of a list with `items` items.
    pub(super) const fn list(left: usize, items: usize) -> Self {
        Self { left, what: What::List(items) }
    }

    /// Creates the place of an object. Its keys are added later.
    pub(super) const fn object(left: usize) -> Self {
        Self { left, what: What::Object(Vec::new(), 0) }
    }

    /// Adds a key of the object.
    pub(super) fn add(&mut self, key: String) {
        match &mut self.what {
            What::Object(keys, _) if keys.len() < NAMED => keys.push(key),
            What::Object(_, more) => *more += 1,
            _ => {}
        }
    }

    /// Describes the place: `/end` has the keys `sum` and `streams`.
    pub(super) fn text(&self, pointer: &[String]) -> String {
        let parts = &pointer[..pointer.len().saturating_sub(self.left)];
        let path: Vec<String> = parts.iter().map(|part| part.replace('~', "~0").replace('/', "~1")).collect();
        let place = if parts.is_empty() { "the document".to_owned() } else { format!("`/{}`", path.join("/")) };
        let shown = |key: &String| format!("`{}`", on_one_line(&key.chars().take(SHOWN).collect::<String>()));
        match &self.what {
            What::Value => format!("{place} is neither an object nor a list"),
            What::List(1) => format!("{place} is a list of 1 item"),
            What::List(items) => format!("{place} is a list of {items} items"),
            What::Object(keys, more) => {
                let listed = keys.iter().map(shown).collect::<Vec<_>>().join(", ");
                match (keys.len(), more) {
                    (0, 0) => format!("{place} is an empty object"),
                    (1, 0) => format!("{place} has only the key {listed}"),
                    (_, 0) => format!("{place} has the keys {listed}"),
                    _ => format!("{place} has the keys {listed} and {more} more"),
                }
            }
        }
    }
}
