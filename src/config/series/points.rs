//! The points of a series: all combinations of the values of its parameters, except excluded ones.

use std::collections::{HashMap, HashSet};

use super::parameters::{Group, Parameters};
use super::selector::{Selector, point_name};
use super::settings::Series;
use crate::config::{Diagnostic, Diagnostics, Lint, Place, hint_or, quoted};
use crate::model::{Point, PointId};

/// The maximum number of trials of a series, and so of points.
pub(in crate::config) const MOST_TRIALS: usize = 10_000;

/// The choices of the command line.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Chosen {
    /// `-P`: names and values.
    pub(in crate::config) values: Vec<(String, String)>,
    /// `--points`: selectors.
    pub(in crate::config) points: Vec<String>,
}

/// Returns the points of a test, and reports mistakes. `place` is that of the section.
pub(in crate::config) fn points(
    parameters: &Parameters,
    series: &Series,
    chosen: &Chosen,
    place: &Place,
    diagnostics: &mut Diagnostics,
) -> Vec<Point> {
    let mut work = Work { place, diagnostics, names: parameters.names(), is_guess: parameters.is_guess() };
    let groups = work.narrowed(parameters, &chosen.values);
    let Some(mut all) = work.combined(&groups) else { return Vec::new() };
    work.exclude(&mut all, series);
    if let Some(before) = all.first().map(|first| first.name.clone()) {
        work.select(&mut all, &chosen.points);
        if all.is_empty() {
            let hint = format!("a point is called, for example, {}", quoted(&before));
            work.report(Lint::InvalidValue, place, "`--points` selects no point", &hint);
        }
    } else {
        work.report(Lint::InvalidValue, place, "`exclude` leaves no point", "remove a line of `exclude`");
    }
    work.compare(&mut all, series);
    all
}

struct Work<'a> {
    place: &'a Place,
    diagnostics: &'a mut Diagnostics,
    names: Vec<String>,
    /// Whether placeholders replace invalid values: these are not compared with anything.
    is_guess: bool,
}

impl Work<'_> {
    fn report(&mut self, lint: Lint, place: &Place, message: impl Into<String>, hint: &str) {
        self.diagnostics.push(Diagnostic::new(lint, place.clone(), message, hint));
    }

    /// Returns whether the name of a selector is that of a parameter, and reports it if not.
    fn is_known(&mut self, name: &str, place: &Place) -> bool {
        let is_known = self.names.iter().any(|known| known == name);
        if !is_known {
            let known = self.names.iter().map(String::as_str);
            let hint = hint_or(name, known, || match &self.names[..] {
                [] => "the test has no parameters; add them to `[Parameters]`".to_owned(),
                names => format!("the parameters are `{}`", names.join("`, `")),
            });
            self.report(Lint::InvalidValue, place, format!("there is no parameter {}", quoted(name)), &hint);
        }
        is_known
    }

    /// Returns the parameters with the values that `-P` has chosen or added.
    fn narrowed(&mut self, parameters: &Parameters, chosen: &[(String, String)]) -> Vec<Group> {
        let mut groups = parameters.groups.clone();
        let mut done = HashSet::new();
        for (name, _) in chosen {
            if !done.insert(name) || !self.is_known(name, self.place) {
                continue;
            }
            let wanted: Vec<&String> = chosen.iter().filter(|(of, _)| of == name).map(|(_, value)| value).collect();
            for group in &mut groups {
                let Some(at) = group.parameters.iter().position(|parameter| parameter.name == *name) else { continue };
                if self.are_several(name, &wanted, group, at) {
                    continue;
                }
                if wanted.iter().all(|value| group.rows.iter().any(|row| row[at] == **value)) {
                    group.rows.retain(|row| wanted.contains(&&row[at]));
                } else {
                    let mut seen = HashSet::new();
                    let with = |value: &String, row: &Vec<String>| {
                        let mut row = row.clone();
                        row[at].clone_from(value);
                        row
                    };
                    let rows = wanted.iter().flat_map(|value| group.rows.iter().map(|row| with(value, row)));
                    group.rows = rows.filter(|row| seen.insert(row.clone())).collect();
                }
            }
        }
        groups
    }

    /// Returns whether one of the values is a comma-separated list of the parameter's values, after reporting it.
    fn are_several(&mut self, name: &str, wanted: &[&String], group: &Group, at: usize) -> bool {
        let has = |value: &str| group.rows.iter().any(|row| row[at] == value);
        let is_list =
            |value: &&&String| !has(value) && value.contains(',') && value.split(',').any(|part| has(part.trim()));
        let Some(list) = wanted.iter().find(is_list) else { return false };
        let message = format!("the parameter {} has no value {}", quoted(name), quoted(list));
        let options: Vec<_> = list.split(',').map(|part| format!("-P {name}={}", part.trim())).collect();
        let hint = format!("for several values, repeat the option: `{}`", options.join(" "));
        self.report(Lint::InvalidValue, self.place, message, &hint);
        true
    }

    /// Returns each combination once; the last parameter varies fastest. Returns `None` if there are too many.
    fn combined(&mut self, groups: &[Group]) -> Option<Vec<Point>> {
        let count = groups.iter().try_fold(1_usize, |count, group| count.checked_mul(group.rows.len()));
        if count.is_none_or(|count| count > MOST_TRIALS) {
            let message = format!("the parameters have more than {MOST_TRIALS} combinations");
            self.report(Lint::TooLarge, self.place, message, "use fewer values, or tie parameters");
            return None;
        }
        let mut all: Vec<Vec<(String, String)>> = vec![Vec::new()];
        for group in groups {
            let names = || group.parameters.iter().map(|parameter| parameter.name.clone());
            let with = |before: &Vec<(String, String)>, row: &Vec<String>| {
                before.iter().cloned().chain(names().zip(row.iter().cloned())).collect::<Vec<_>>()
            };
            let mut seen = HashSet::new();
            let (rows, again): (Vec<_>, Vec<_>) = group.rows.iter().partition(|row| seen.insert(*row));
            for row in again {
                let message = format!("the value {} occurs twice", quoted(&row.join(" ")));
                let hint = "remove one of them; its points are run once";
                self.report(Lint::DuplicatePoint, &group.place, message, hint);
            }
            all = all.iter().flat_map(|before| rows.iter().map(move |row| with(before, row))).collect();
        }
        let point = |parameters: Vec<_>| Point { name: point_name(&parameters), parameters, ..Point::default() };
        Some(all.into_iter().map(point).collect())
    }

    fn exclude(&mut self, all: &mut Vec<Point>, series: &Series) {
        let before = all.clone();
        for (selector, place) in &series.exclude {
            let is_known = selector.values.iter().all(|(name, _)| self.is_known(name, place));
            if is_known && !self.is_guess && !before.iter().any(|point| selector.matches(point)) {
                let hint = "correct its values, or remove the line";
                self.report(Lint::ExcludeMatchesNothing, place, "this line of `exclude` matches no point", hint);
            }
            all.retain(|point| !selector.matches(point));
        }
    }

    fn select(&mut self, all: &mut Vec<Point>, chosen: &[String]) {
        if chosen.is_empty() {
            return;
        }
        let mut selectors = Vec::new();
        for text in chosen {
            match Selector::read(text) {
                Ok(selector) if all.iter().any(|point| selector.matches(point)) => selectors.push(selector),
                Ok(selector) => selector.values.iter().for_each(|(name, _)| _ = self.is_known(name, self.place)),
                Err(why) => {
                    let message = format!("`--points {text}`: {why}");
                    self.report(Lint::InvalidValue, self.place, message, "write, for example, `--points qdisc=codel`");
                }
            }
        }
        all.retain(|point| selectors.iter().any(|selector| selector.matches(point)));
    }

    /// Sets the baseline of each point: the point that has the values of `series.baseline` and is otherwise equal.
    fn compare(&mut self, all: &mut [Point], series: &Series) {
        let Some((baseline, place)) = series.baseline.as_ref().filter(|_| !self.is_guess) else { return };
        if !baseline.values.iter().all(|(name, _)| self.is_known(name, place)) || all.is_empty() {
            return;
        }
        let known: HashMap<_, _> =
            all.iter().enumerate().map(|(at, point)| (point.parameters.clone(), PointId(at))).collect();
        let wanted: HashMap<_, _> = baseline.values.iter().cloned().collect();
        for point in &mut *all {
            let values = point.parameters.iter();
            let same = |(name, value): &(String, String)| (name.clone(), wanted.get(name).unwrap_or(value).clone());
            point.baseline = known.get(&values.map(same).collect::<Vec<_>>()).copied();
        }
        let without: Vec<&Point> = all.iter().filter(|point| point.baseline.is_none()).collect();
        if let Some(first) = without.first() {
            let name = quoted(&first.name);
            let message = match without.len() {
                1 => format!("the point {name} has no baseline"),
                count => format!("{count} points, such as {name}, have no baseline"),
            };
            let hint = "it is compared with nothing: no point has the values of `baseline` and otherwise the same";
            self.report(Lint::NoBaseline, place, message, hint);
        }
    }
}
