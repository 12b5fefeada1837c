//! `[Series]`: the order of the trials, and which points there are. Its values are taken as they are written.

use super::selector::Selector;
use crate::config::{
    Diagnostic, Diagnostics, Document, Entry, Lint, Place, Refusal, SERIES, is_space, nearest, quoted, quoted_section,
    value,
};
use crate::model::{Margin, Order};

/// What `[Series]` says.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Series {
    pub(in crate::config) order: Order,
    pub(in crate::config) seed: Option<u32>,
    pub(in crate::config) warm_up: u32,
    pub(in crate::config) most_trials: Option<u32>,
    pub(in crate::config) precision: Option<Margin>,
    /// The points that are left out: a selector a line.
    pub(super) exclude: Vec<(Selector, Place)>,
    /// What points are compared with.
    pub(super) baseline: Option<(Selector, Place)>,
}

const KEYS: [&str; 7] = ["order", "seed", "warmup", "exclude", "baseline", "precision", "max_trials"];

/// Reads `[Series]`, and reports its mistakes. `None` if the test has none.
pub(in crate::config) fn read(test: &Document, diagnostics: &mut Diagnostics) -> Option<Series> {
    let section = test.section(SERIES)?;
    let mut series = Series::default();
    for entry in &section.entries {
        if !KEYS.contains(&entry.key()) {
            let message = format!("{} has no setting {}", quoted_section(SERIES), quoted(entry.written_key()));
            let hint = nearest::hint(entry.key(), KEYS);
            diagnostics.push(Diagnostic::new(Lint::UnknownKey, entry.key_place(), message, hint));
        } else if let Err(Refusal { problem, hint }) = set(&mut series, entry) {
            let shown =
                if entry.value.as_str().is_empty() { "the value".to_owned() } else { quoted(entry.value.as_str()) };
            let message = format!("{shown} {problem} (`{}`)", entry.key());
            diagnostics.push(Diagnostic::new(Lint::InvalidValue, entry.value.place(), message, hint));
        }
    }
    if let (Some(_), None, Some(entry)) = (series.precision, series.most_trials, section.entry("precision")) {
        let message = "`precision` needs `max_trials`";
        let hint = "add `max_trials = N`: a series that never becomes precise enough ends there";
        diagnostics.push(Diagnostic::new(Lint::MissingSetting, entry.key_place(), message, hint));
    }
    Some(series)
}

fn set(series: &mut Series, entry: &Entry) -> Result<(), Refusal> {
    let text = entry.value.as_str();
    match entry.key() {
        "order" => series.order = value::one_of(text)?,
        "seed" => series.seed = Some(number(text)?),
        "warmup" => series.warm_up = number(text)?,
        "max_trials" => series.most_trials = Some(value::count(text)?),
        "precision" => {
            let refusal = |_| Refusal::new("is neither a percentage such as `3%` nor a number", "write `3%`");
            series.precision = Some(text.parse::<Margin>().map_err(refusal)?);
        }
        "baseline" => series.baseline = Some((selector(text)?, entry.value.place())),
        _ => {
            let mut at = 0;
            for line in text.split('\n') {
                let (start, trimmed) = (at, line.trim_matches(is_space));
                at += line.len() + 1;
                if !trimmed.is_empty() {
                    let place = entry.value.place_of(start..start + line.len());
                    series.exclude.push((selector(trimmed)?, place));
                }
            }
        }
    }
    Ok(())
}

fn number(text: &str) -> Result<u32, Refusal> {
    text.parse().map_err(|_| Refusal::new("is not a whole number", "write digits only"))
}

fn selector(text: &str) -> Result<Selector, Refusal> {
    Selector::read(text).map_err(|_| {
        Refusal::new("is not a selector of points", "write `NAME=VALUE`, or several of them separated by commas")
    })
}
