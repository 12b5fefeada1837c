//! Conversion of values for the template.

use minijinja::{Value, context};

use crate::model::on_one_line;

pub(super) fn list(values: impl Iterator<Item = Value>) -> Value {
    values.collect::<Vec<Value>>().into()
}

pub(super) fn line(text: &str) -> String {
    on_one_line(text).into_owned()
}

/// Returns a text on one line as a list of parts, each with whether it was between backticks.
pub(super) fn parts(text: &str) -> Value {
    let text = line(text);
    let pieces: Vec<&str> = text.split('`').collect();
    if pieces.len().is_multiple_of(2) {
        return list(std::iter::once(context! { text }));
    }
    let parts = pieces.iter().enumerate().filter(|(_, piece)| !piece.is_empty());
    list(parts.map(|(place, &text)| context! { text, code => place % 2 == 1 }))
}

/// Returns the CSS class with the color of an outcome or a verdict.
pub(super) fn class(word: &str) -> String {
    word.replace(' ', "-")
}
