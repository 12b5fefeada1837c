//! `[Series]`: the order of the trials, and the choice of points. Its values are used verbatim.

use super::selector::Selector;
use crate::config::metric_section;
use crate::config::{
    Document, Entry, Lint, PARAMETERS, Place, Refusal, SERIES, Scope, Section, Setting, Span, Text, is_space, value,
};
use crate::model::{Margin, Order};

/// The settings of `[Series]`.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Series {
    pub(in crate::config) order: Order,
    pub(in crate::config) seed: Option<u32>,
    pub(in crate::config) warm_up: u32,
    pub(in crate::config) most_trials: Option<u32>,
    /// The precision of each metric that does not set its own.
    pub(in crate::config) precision: Option<Margin>,
    /// The first place that sets a precision, here or in a metric.
    pub(super) precise: Option<Place>,
    /// The place of `max_trials`.
    pub(super) most_place: Option<Place>,
    /// The excluded points: one selector per line.
    pub(super) exclude: Vec<(Selector, Place)>,
    /// The points that other points are compared with.
    pub(super) baseline: Option<(Selector, Place)>,
}

const SETTINGS: [Setting<Series>; 7] = [
    Setting::text("order", |series, text| value::one_of(text).map(|order| series.order = order)),
    Setting::text("seed", |series, text| number(text).map(|seed| series.seed = Some(seed))),
    Setting::text("warmup", |series, text| number(text).map(|warm_up| series.warm_up = warm_up)),
    Setting::text("exclude", exclude),
    Setting::text("baseline", |series, text| {
        selector(text).map(|selector| series.baseline = Some((selector, text.place())))
    }),
    Setting::text("precision", |series, text| {
        let refusal = |_| Refusal::new("is neither a percentage such as `3%` nor a number", "write `3%`");
        text.parse().map_err(refusal).map(|margin| series.precision = Some(margin))
    }),
    Setting::text("max_trials", |series, text| {
        series.most_place = Some(text.place());
        value::count(text).map(|most| series.most_trials = Some(most))
    }),
];

/// Reads `[Series]`, and reports its mistakes. Returns `None` if the test has no such section.
pub(in crate::config) fn read(scope: &mut Scope<'_>) -> Option<Series> {
    let section = scope.document.section(SERIES);
    let mut series = section.map(|section| scope.read_literally(section, &SETTINGS)).unwrap_or_default();
    let own = section.and_then(|section| section.entry("precision")).map(Entry::key_place);
    check_precision(scope, &mut series, own);
    section.map(|_| series)
}

/// Returns the place of the section of the parameters, or of the series.
pub(in crate::config) fn place(test: &Document) -> Place {
    let section = [PARAMETERS, SERIES].iter().find_map(|name| test.section(name));
    section.map_or_else(|| Place::new(&test.source, Span::new(0, 0)), Section::name_place)
}

/// Reports a precision without the settings that it needs.
fn check_precision(scope: &mut Scope<'_>, series: &mut Series, own: Option<Place>) {
    let test = scope.document;
    if let Some(place) = own.clone().filter(|_| metric_section::all(test).next().is_none()) {
        let message = "`precision` needs a metric";
        let hint = "add a section `[Metric NAME]`, whose median is to be known precisely";
        scope.report(Lint::MissingSetting, place, message, hint);
    }
    let of_metric = || metric_section::all(test).find_map(|(_, section)| section.entry("precision"));
    series.precise = own.or_else(|| of_metric().map(Entry::key_place));
    // The maximum number of trials is not set.
    if let Some(place) = series.precise.clone().filter(|_| series.most_trials.is_none()) {
        let message = "`precision` needs `max_trials` in `[Series]`";
        let hint = "add `max_trials = N`: a series that never becomes precise enough ends there";
        scope.report(Lint::MissingSetting, place, message, hint);
    }
}

fn exclude(series: &mut Series, text: &Text) -> Result<(), Refusal> {
    let mut at = 0;
    for line in text.split('\n') {
        let (start, trimmed) = (at, line.trim_matches(is_space));
        at += line.len() + 1;
        if !trimmed.is_empty() {
            series.exclude.push((selector(trimmed)?, text.place_of(start..start + line.len())));
        }
    }
    Ok(())
}

fn number(text: &str) -> Result<u32, Refusal> {
    text.parse().map_err(|_| Refusal::new("is not a whole number", "write a number such as `10`"))
}

fn selector(text: &str) -> Result<Selector, Refusal> {
    Selector::read(text).map_err(|_| {
        Refusal::new("is not a selector of points", "write `NAME=VALUE`, or several of them separated by commas")
    })
}
