//! Lists what a run does, so that a resumed run does the same: the steps, with the settings that apply to them, and the
//! metrics. The reports, the number of trials and the precision of the numbers are not included.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::model::{
    Action, Definition, FileLine, Metric, Order, Origin, Phase, Plan, PointId, Schedule, Step, WorkerPlan, hex,
    on_one_line,
};
use crate::report;

/// A part of what a run does: its text, and its line in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    text: String,
    line: Option<FileLine>,
}

/// The name of an item, and the name of the point that it belongs to. An item of all points has an empty point name.
type Key = (String, String);

/// Everything that a run does.
type Items = BTreeMap<Key, Item>;

/// The maximum number of points that a message names.
const NAMED: usize = 3;

/// Returns the changes from the plan `before` to the plan `after`, including changed digests of files, one per line.
pub(super) fn between(
    (before, files_before): (&Plan, &BTreeMap<String, String>),
    (after, files_after): (&Plan, &BTreeMap<String, String>),
) -> Vec<String> {
    let mut lines = changed_points(before, after);
    lines.extend(changed_order(before, after));
    let names = |plan: &Plan| plan.points.iter().map(|point| point.name.clone()).collect::<BTreeSet<_>>();
    let common: BTreeSet<String> = names(before).intersection(&names(after)).cloned().collect();
    // A file that is no longer sent, or is new, follows from a changed step or point.
    let of_both = |files: &BTreeMap<String, String>| {
        let both = files.iter().filter(|(name, _)| files_before.contains_key(*name) && files_after.contains_key(*name));
        both.map(|(name, digest)| (name.clone(), digest.clone())).collect()
    };
    let (before, after) = (items(before, &of_both(files_before)), items(after, &of_both(files_after)));
    let text = |items: &Items, key: &Key| items.get(key).map(|item| item.text.clone());
    let keys: BTreeSet<&Key> = before.keys().chain(after.keys()).collect();
    let keys = keys.into_iter().filter(|(_, point)| point.is_empty() || common.contains(point));
    let changes = keys.map(|key| (key, Change { before: text(&before, key), after: text(&after, key) }));
    let changes: Vec<(&Key, Change)> = changes.filter(|(_, change)| change.before != change.after).collect();
    // The same change at several points is listed once.
    lines.extend(changes.chunk_by(|((one, _), _), ((other, _), _)| one == other).map(|alike| {
        let (key, change) = &alike[0];
        let (what, point) = key;
        let line = after.get(key).or(before.get(key)).and_then(|item| item.line.as_ref());
        let is_everywhere =
            point.is_empty() || alike.len() == common.len() && alike.iter().all(|(_, own)| own == change);
        let (at, also) = match alike.len() {
            _ if is_everywhere => (String::new(), String::new()),
            1 => (format!(" at `{point}`"), String::new()),
            2 => (format!(" at `{point}`"), " (and at another point)".to_owned()),
            count => (format!(" at `{point}`"), format!(" (and at {} other points)", count - 1)),
        };
        format!("{}{what}{at}: {change}{also}", placed(line))
    }));
    lines
}

/// Returns the first point and the first metric whose position has changed, if both plans have the same ones: the
/// record refers to them by position.
fn changed_order(before: &Plan, after: &Plan) -> Vec<String> {
    let points = |plan: &Plan| plan.points.iter().map(|point| point.name.clone()).collect::<Vec<_>>();
    let metrics = |plan: &Plan| plan.metrics.iter().map(|metric| metric.name.to_string()).collect::<Vec<_>>();
    let first = |what: &str, [before, after]: [Vec<String>; 2]| {
        let [old, new] = [&before, &after].map(|names| names.iter().collect::<BTreeSet<_>>());
        let position = before.iter().zip(&after).position(|(before, after)| before != after);
        let position = position.filter(|_| old == new)?;
        Some(format!("{what} {}: `{}` -> `{}`", position + 1, before[position], after[position]))
    };
    let points = first("point", [points(before), points(after)]);
    points.into_iter().chain(first("metric", [metrics(before), metrics(after)])).collect()
}

/// A change in what a run does.
#[derive(Debug, PartialEq, Eq)]
struct Change {
    before: Option<String>,
    after: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &Option<String>| {
            text.as_ref().map_or("nothing".to_owned(), |text| format!("`{}`", on_one_line(text)))
        };
        write!(out, "{} -> {}", shown(&self.before), shown(&self.after))
    }
}

/// Lists the points that only one of the plans has, and the parameters that cause this.
fn changed_points(before: &Plan, after: &Plan) -> Vec<String> {
    let only = |of: &Plan, other: &Plan| -> Vec<String> {
        let known: BTreeSet<&str> = other.points.iter().map(|point| point.name.as_str()).collect();
        let names = of.points.iter().map(|point| point.name.clone()).filter(|name| !name.is_empty());
        names.filter(|name| !known.contains(name.as_str())).collect()
    };
    let (gone, new) = (only(before, after), only(after, before));
    if gone.is_empty() && new.is_empty() {
        return Vec::new();
    }
    let parameter = |plan: &Plan, name: &String| match plan.variables.get(name)? {
        Definition { value, origin: Origin::Parameter(line) } => Some((value.clone(), line.clone())),
        _ => None,
    };
    let names: BTreeSet<&String> = before.variables.keys().chain(after.variables.keys()).collect();
    let parameters = names.into_iter().filter_map(|name| {
        let (old, now) = (parameter(before, name), parameter(after, name));
        let line = now.as_ref().or(old.as_ref()).map(|(_, line)| line.clone());
        let [before, after] = [old, now].map(|found| found.map(|(text, _)| text));
        let is_changed = before != after;
        is_changed.then(|| format!("{}parameter `{name}`: {}", placed(line.as_ref()), Change { before, after }))
    });
    let mut lines: Vec<String> = parameters.collect();
    for (points, what) in [(gone, "without"), (new, "new")] {
        if !points.is_empty() {
            lines.push(format!("points: {what}: {}", listed(&points)));
        }
    }
    lines
}

/// Formats a position in a file as a prefix of a message.
fn placed(line: Option<&FileLine>) -> String {
    line.map_or(String::new(), |line| format!("{line}: "))
}

/// Lists the names of points.
fn listed(points: &[String]) -> String {
    let named: Vec<String> = points.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    match points.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{}, and {more} more", named.join(", ")),
    }
}

/// Returns the SHA-256 digest of everything that a run does, including the digests of its files.
pub(super) fn digest(plan: &Plan, files: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for ((what, point), item) in items(plan, files) {
        for part in [what, point, item.text] {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
    }
    hex(&hash.finalize())
}

/// Whether both plans have the same workers and phases. If so, the record of one can be interpreted with the other.
pub(super) fn are_alike(before: &Plan, after: &Plan) -> bool {
    let names = |plan: &Plan| plan.workers.iter().map(|worker| worker.name.clone()).collect::<Vec<_>>();
    before.phases == after.phases && names(before) == names(after)
}

/// Returns the SHA-256 digest of each file that is sent to a machine, by worker and path. A file that several workers get
/// is read once.
pub(super) fn files(plan: &Plan) -> BTreeMap<String, String> {
    let mut digests = BTreeMap::new();
    let digest = |path: &PathBuf| digest_of_file(path).unwrap_or_else(|error| format!("cannot be read: {error}"));
    let digest_of = |(name, path, _): (String, PathBuf, _)| {
        let digest: &String = digests.entry(path).or_insert_with_key(digest);
        (name, digest.clone())
    };
    sent(plan).map(digest_of).collect()
}

/// Returns the name, the path and the step of each file that is sent to a machine.
fn sent(plan: &Plan) -> impl Iterator<Item = (String, PathBuf, &Step)> {
    let workers = plan.workers.iter().chain(plan.points.iter().flat_map(|point| &point.workers));
    let steps = workers
        .flat_map(|worker| plan.phases.iter().flat_map(|phase| &worker.steps[*phase]).map(move |step| (worker, step)));
    steps.filter_map(|(worker, step)| {
        let Action::Put { local, .. } = &step.action else { return None };
        let path = worker.file.parent().unwrap_or(Path::new("")).join(local);
        Some((format!("{}, contents of `{}`", worker.name, local.display()), path, step))
    })
}

fn digest_of_file(path: &Path) -> io::Result<String> {
    let (mut file, mut hash) = (File::open(path)?, Sha256::new());
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(hex(&hash.finalize()))
}

/// Whether both plans measure the same metrics in the same way.
pub(super) fn measure_alike(before: &Plan, after: &Plan) -> bool {
    let texts = |plan: &Plan| metrics(plan).into_iter().map(|(key, item)| (key, item.text)).collect::<Vec<_>>();
    texts(before) == texts(after)
}

/// Returns the definition of each metric.
fn metrics(plan: &Plan) -> Items {
    let item = |metric: &Metric| {
        let item = Item { text: measured(metric), line: metric.origin.clone() };
        (of_all(&format!("metric `{}`", metric.name)), item)
    };
    plan.metrics.iter().map(item).collect()
}

/// Formats the settings of a metric on which its values and the verdicts of trials depend.
fn measured(metric: &Metric) -> String {
    let settings = metric.settings().into_iter().map(|(name, value)| match name {
        "scale" | "default" => (name, value.parse().map_or(value, rounded)),
        _ => (name, value),
    });
    let is_of_values = |(name, value): &(&str, String)| {
        !matches!((*name, value.as_str()), ("better" | "threshold" | "precision", _) | ("scale", "1"))
    };
    settings.filter(is_of_values).map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ")
}

/// Formats a number without its last bits, which can get lost in a record.
fn rounded(number: f64) -> String {
    format!("{number:.14e}").parse().map_or_else(|_| number.to_string(), |rounded: f64| rounded.to_string())
}

fn items(plan: &Plan, files: &BTreeMap<String, String>) -> Items {
    let mut items = metrics(plan);
    let mut add = |name: &str, text: String| _ = items.insert(of_all(name), Item { text, line: None });
    let settings = &plan.settings;
    let limit = |limit: Option<_>| limit.map_or("none".to_owned(), |time| humantime::format_duration(time).to_string());
    add("phases", plan.phases.iter().map(|phase| phase.word()).collect::<Vec<_>>().join(" "));
    add("step_timeout", limit(settings.step_timeout));
    add("reset_timeout", limit(Some(settings.reset_timeout)));
    add("max_start_skew", limit(settings.max_start_skew));
    let Schedule { order, seed, rounds, .. } = &plan.schedule;
    if let Some(rounds) = rounds {
        add("order", order.to_string());
        add("warmup", rounds.warm_up.to_string());
        if *order == Order::Shuffled {
            add("seed", seed.to_string());
        }
    }
    for (name, digest) in files {
        let line = sent(plan).find(|(own, ..)| own == name).and_then(|(.., step)| step.origin.clone());
        items.insert(of_all(name), Item { text: digest.clone(), line });
    }
    for (point, id) in plan.points.iter().zip((0..).map(PointId)) {
        for (worker, _) in plan.workers() {
            add_worker(&mut items, plan, plan.worker_at(id, worker), &point.name);
        }
        let check = point.check.as_ref().or(settings.check.as_ref()).cloned().unwrap_or_default();
        let item = Item { text: check, line: settings.check_origin.clone() };
        items.insert(("check".to_owned(), point.name.clone()), item);
    }
    items
}

/// Returns the key of an item that belongs to all points.
fn of_all(what: &str) -> Key {
    (what.to_owned(), String::new())
}

fn add_worker(items: &mut Items, plan: &Plan, worker: &WorkerPlan, point: &str) {
    let mut add = |what: &str, text: String, line: Option<FileLine>| {
        items.insert((format!("{}, {what}", worker.name), point.to_owned()), Item { text, line });
    };
    add("player", worker.player.to_string(), None);
    add("shell", worker.shell.clone(), None);
    add("directory", worker.directory.clone().unwrap_or_default(), None);
    // A later definition of the same variable replaces an earlier one.
    for (variable, value) in &worker.environment {
        add(&format!("environment variable `{variable}`"), value.clone(), None);
    }
    for phase in Phase::ALL.into_iter().filter(|phase| plan.has(*phase)) {
        for (position, step) in worker.steps[phase].iter().enumerate() {
            let how = report::how(plan, phase, step);
            let text = format!("{} = {} ({how})", step.label, step.action);
            add(&format!("{phase} step {:02}", position + 1), text, step.origin.clone());
        }
    }
}
