//! How values are handed to the template.

use minijinja::Value;

use crate::model::on_one_line;

pub(super) fn list(values: impl Iterator<Item = Value>) -> Value {
    values.collect::<Vec<Value>>().into()
}

pub(super) fn line(text: &str) -> String {
    on_one_line(text).into_owned()
}

/// An outcome or a verdict as the class that has its colour.
pub(super) fn class(word: &str) -> String {
    word.replace(' ', "-")
}
