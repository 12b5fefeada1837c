//! Finds the differences between the configurations and the versions of two runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::run::ComparedRun;

/// A difference between two runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    /// The name of what differs, such as `client run load command`.
    pub(super) what: String,
    /// The value in the first run, if there is one.
    pub(super) base: Option<String>,
    /// The value in the other run, if there is one.
    pub(super) new: Option<String>,
}

/// The prefix of the names of values that belong to a point.
const AT_POINT: &str = "series points ";

/// Members that name the elements of a list.
const NAMES: [&str; 2] = ["name", "step"];

/// Returns the differences in the order of names. The number of trials, the lines in which something was written, and
/// the parameter by which runs are compared are left out.
pub(super) fn between(base: &ComparedRun, new: &ComparedRun, by: Option<&str>) -> Vec<Difference> {
    let all = |run: &ComparedRun| {
        let mut found = BTreeMap::new();
        flatten(&with_names(&run.configuration), &mut Vec::new(), &mut found);
        found.extend(run.versions.iter().map(|(what, version)| (format!("version of {what}"), version.clone())));
        found
    };
    // A point that only one run has is reported as missing, or has lines of its own. The workers of the first point are
    // outside the points.
    let points = |run: &ComparedRun| {
        let points = run.values().points.iter().enumerate();
        points.map(|(at, point)| (format!("{AT_POINT}{} ", point.name), at == 0)).collect::<BTreeSet<_>>()
    };
    let common: BTreeSet<_> = points(base).intersection(&points(new)).cloned().collect();
    let is_of_one_point = |own: &Difference| {
        let is_common = common.iter().any(|(point, _)| own.what.starts_with(point));
        own.what.starts_with(AT_POINT) && own.base.is_some() != own.new.is_some() && !is_common
    };
    let (base, new) = (all(base), all(new));
    let is_named = |what: &str| {
        let is_by = |by: &str| what.split(' ').any(|part| part == by || part.contains(&format!("{by}=")));
        !is_of_trials(what) && !is_origin(what) && !by.is_some_and(is_by)
    };
    let names = base.keys().chain(new.keys().filter(|name| !base.contains_key(*name))).filter(|what| is_named(what));
    let difference = |what: &String| {
        let (base, new) = (base.get(what).cloned(), new.get(what).cloned());
        (base != new).then(|| Difference { what: what.clone(), base, new })
    };
    let all: Vec<Difference> = names.filter_map(difference).collect();
    all.iter().filter(|own| !is_part(own, &all) && !is_of_one_point(own)).cloned().collect()
}

/// Returns the configuration with the names of the workers added at each point. In the document, only their positions
/// identify them.
fn with_names(configuration: &Value) -> Value {
    let mut named = configuration.clone();
    let name = |at: usize| configuration.get("workers")?.get(at)?.get("name").cloned();
    let points = named.pointer_mut("/series/points").and_then(Value::as_array_mut);
    for point in points.into_iter().flatten() {
        let workers = point.get_mut("workers").and_then(Value::as_array_mut).into_iter().flatten();
        for (at, worker) in workers.enumerate() {
            if let (Some(members), Some(name)) = (worker.as_object_mut(), name(at)) {
                members.insert("name".to_owned(), name);
            }
        }
    }
    named
}

/// Returns the name of a difference on a worker of a point, without the point.
fn without_point(what: &str) -> Option<&str> {
    let (_, rest) = what.strip_prefix(AT_POINT)?.split_once(' ')?;
    rest.starts_with("workers ").then_some(rest)
}

/// Merges differences in the same part at several points, for human-readable reports. Returns each with the number of
/// the other points.
pub(super) fn by_part(all: &[Difference]) -> Vec<(&Difference, usize)> {
    // Differences at the first point are listed with the workers themselves.
    let (at_points, others): (Vec<_>, Vec<_>) = all.iter().partition(|own| without_point(&own.what).is_some());
    let mut told: Vec<(&Difference, usize)> = others.into_iter().map(|own| (own, 0)).collect();
    for own in at_points {
        let part = without_point(&own.what);
        let is_same =
            |other: &Difference| part.is_some_and(|part| other.what == part) || without_point(&other.what) == part;
        match told.iter_mut().find(|(other, _)| is_same(other)) {
            Some((_, more)) => *more += 1,
            None => told.push((own, 0)),
        }
    }
    told
}

/// Whether the value only determines the number or the order of trials.
fn is_of_trials(what: &str) -> bool {
    let orders = ["series rounds", "series schedule ", "series seed"];
    what == "trials" || orders.iter().any(|order| what.starts_with(order))
}

/// Whether the value is only the line in which something was written.
fn is_origin(what: &str) -> bool {
    what.ends_with(" origin") || what == "check_origin"
}

/// Whether the difference belongs to something that only one of the runs has and that is listed itself.
fn is_part(own: &Difference, all: &[Difference]) -> bool {
    let has_name = |end: &str| own.what.strip_suffix(end).is_some_and(|rest| rest.ends_with(' '));
    if own.base.is_some() == own.new.is_some() || NAMES.iter().any(|end| has_name(end)) {
        return false;
    }
    let is_whole = |other: &Difference| {
        let whole = NAMES.iter().find_map(|end| other.what.strip_suffix(end));
        let is_on_same_side = other.base.is_some() == own.base.is_some() && other.base.is_some() != other.new.is_some();
        is_on_same_side && whole.is_some_and(|whole| whole.ends_with(' ') && own.what.starts_with(whole))
    };
    all.iter().any(is_whole)
}

/// Collects the values of a document, each with the path of names that leads to it.
fn flatten(value: &Value, path: &mut Vec<String>, found: &mut BTreeMap<String, String>) {
    let mut inside = |name: String, value: &Value| {
        path.push(name);
        flatten(value, path, found);
        path.pop();
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(name, value)| inside(name.clone(), value)),
        Value::Array(elements) => {
            for (at, element) in elements.iter().enumerate() {
                let name = NAMES.iter().find_map(|name| element.get(name)?.as_str());
                inside(name.map_or_else(|| (at + 1).to_string(), str::to_owned), element);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(found.insert(path.join(" "), text.clone())),
        other => drop(found.insert(path.join(" "), other.to_string())),
    }
}
