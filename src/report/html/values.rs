//! How values are handed to the template.

use minijinja::{Value, context};

use crate::model::on_one_line;

pub(super) fn list(values: impl Iterator<Item = Value>) -> Value {
    values.collect::<Vec<Value>>().into()
}

pub(super) fn line(text: &str) -> String {
    on_one_line(text).into_owned()
}

/// A text on one line, in parts: whether each stood between backticks, and the part.
pub(super) fn parts(text: &str) -> Value {
    let text = line(text);
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return list(std::iter::once(context! { text }));
    }
    let parts = pieces.iter().enumerate().filter(|(_, piece)| !piece.is_empty());
    list(parts.map(|(place, &text)| context! { text, code => place % 2 == 1 }))
}

/// An outcome or a verdict as the class that has its colour.
pub(super) fn class(word: &str) -> String {
    word.replace(' ', "-")
}
