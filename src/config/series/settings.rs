//! `[Series]`: the order of the trials, and which points there are. Its values are taken as they are written.

use super::selector::Selector;
use crate::config::metric_section::name_of_section;
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
    /// That of each metric which has none of its own.
    pub(in crate::config) precision: Option<Margin>,
    /// Where a precision is wanted first, here or of a metric.
    pub(super) precise: Option<Place>,
    /// Where `max_trials` is.
    pub(super) most_place: Option<Place>,
    /// The points that are left out: a selector a line.
    pub(super) exclude: Vec<(Selector, Place)>,
    /// What points are compared with.
    pub(super) baseline: Option<(Selector, Place)>,
}

const KEYS: [&str; 7] = ["order", "seed", "warmup", "exclude", "baseline", "precision", "max_trials"];

/// Reads `[Series]`, and reports its mistakes. `None` if the test has none.
pub(in crate::config) fn read(test: &Document, diagnostics: &mut Diagnostics) -> Option<Series> {
    let Some(section) = test.section(SERIES) else {
        // Nothing says how many trials may be added.
        if let Some(place) = precision_of_metric(test) {
            diagnostics.push(needs_most(place));
        }
        return None;
    };
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
    let own = section.entry("precision").map(Entry::key_place);
    check_precision(&mut series, own, test, diagnostics);
    series.most_place = section.entry("max_trials").map(|entry| entry.value.place());
    Some(series)
}

/// Refuses a precision without what it needs.
fn check_precision(series: &mut Series, own: Option<Place>, test: &Document, diagnostics: &mut Diagnostics) {
    let has_metrics = test.sections.iter().any(|section| name_of_section(&section.name).is_some());
    if let Some(place) = own.clone().filter(|_| !has_metrics) {
        let message = "`precision` needs a metric";
        let hint = "add a section `[Metric NAME]`, whose median is to be known precisely";
        diagnostics.push(Diagnostic::new(Lint::MissingSetting, place, message, hint));
    }
    series.precise = own.or_else(|| precision_of_metric(test));
    if let Some(place) = series.precise.clone().filter(|_| series.most_trials.is_none()) {
        diagnostics.push(needs_most(place));
    }
}

fn needs_most(place: Place) -> Diagnostic {
    let message = "`precision` needs `max_trials` in `[Series]`";
    let hint = "add `max_trials = N`: a series that never becomes precise enough ends there";
    Diagnostic::new(Lint::MissingSetting, place, message, hint)
}

/// Where the first precision of a metric is.
fn precision_of_metric(test: &Document) -> Option<Place> {
    let metrics = test.sections.iter().filter(|section| name_of_section(&section.name).is_some());
    let mut entries = metrics.filter_map(|section| section.entry("precision"));
    entries.next().map(Entry::key_place)
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
