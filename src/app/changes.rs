//! What a run is to do, so that a run that is resumed does the same: each step, and what it runs in, by where it stands. Not
//! the reports, how many trials there are, or how precise the numbers are to be.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::model::{Action, FileLine, Phase, Plan, WorkerPlan, on_one_line};
use crate::report;

/// Something that a run does: as it is written, and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    text: String,
    line: Option<FileLine>,
}

/// All that a run does, by what it is called.
type Items = BTreeMap<String, Item>;

/// What has changed from the plan `before` to the plan `after`, a line for each; the digests of files too.
pub(super) fn between(
    (before, files_before): (&Plan, &BTreeMap<String, String>),
    (after, files_after): (&Plan, &BTreeMap<String, String>),
) -> Vec<String> {
    let (before, after) = (items(before, files_before), items(after, files_after));
    let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let text = |items: &Items, name: &String| items.get(name).map(|item| item.text.clone());
    let changed = names.into_iter().filter(|name| text(&before, name) != text(&after, name));
    let line = |name: &String| {
        let place = after.get(name).or(before.get(name)).and_then(|item| item.line.as_ref());
        let place = place.map_or(String::new(), |line| format!("{line}: "));
        let shown = |items| text(items, name).map_or("nothing".to_owned(), |text| format!("`{}`", on_one_line(&text)));
        format!("{place}{name}: {} -> {}", shown(&before), shown(&after))
    };
    changed.map(line).collect()
}

/// Whether both have the same workers and phases: what is recorded of one is then understood with the other.
pub(super) fn are_alike(before: &Plan, after: &Plan) -> bool {
    let names = |plan: &Plan| plan.workers.iter().map(|worker| worker.name.clone()).collect::<Vec<_>>();
    before.phases == after.phases && names(before) == names(after)
}

/// The SHA-256 digest of each file that is sent to a machine, by worker and path.
pub(super) fn files(plan: &Plan) -> BTreeMap<String, String> {
    let mut digests = BTreeMap::new();
    let workers = plan.workers.iter().chain(plan.points.iter().flat_map(|point| &point.workers));
    for worker in workers {
        let steps = plan.phases.iter().flat_map(|phase| &worker.steps[*phase]);
        for step in steps {
            let Action::Put { local, .. } = &step.action else { continue };
            let path = worker.file.parent().unwrap_or(Path::new("")).join(local);
            let digest = digest(&path).unwrap_or_else(|error| format!("cannot be read: {error}"));
            digests.insert(contents(worker, local), digest);
        }
    }
    digests
}

fn contents(worker: &WorkerPlan, local: &Path) -> String {
    format!("{}, contents of `{}`", worker.name, local.display())
}

/// The line of the first step that sends this file.
fn put_line(plan: &Plan, name: &str) -> Option<FileLine> {
    let workers = plan.workers.iter().chain(plan.points.iter().flat_map(|point| &point.workers));
    let mut steps = workers.flat_map(|worker| {
        Phase::ALL.into_iter().flat_map(|phase| &worker.steps[phase]).map(move |step| (worker, step))
    });
    let found = steps
        .find(|(worker, step)| matches!(&step.action, Action::Put { local, .. } if contents(worker, local) == name));
    found.and_then(|(_, step)| step.origin.clone())
}

fn digest(path: &Path) -> io::Result<String> {
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
    Ok(hash.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}")))
}

fn items(plan: &Plan, files: &BTreeMap<String, String>) -> Items {
    let mut items = Items::new();
    let mut add = |name: &str, text: String| _ = items.insert(name.to_owned(), Item { text, line: None });
    let settings = &plan.settings;
    let limit = |limit: Option<_>| limit.map_or("none".to_owned(), |time| humantime::format_duration(time).to_string());
    add("phases", plan.phases.iter().map(|phase| phase.word()).collect::<Vec<_>>().join(" "));
    add("check", settings.check.clone().unwrap_or_default());
    add("step_timeout", limit(settings.step_timeout));
    add("reset_timeout", limit(Some(settings.reset_timeout)));
    add("max_start_skew", limit(settings.max_start_skew));
    for worker in &plan.workers {
        add_worker(&mut items, plan, worker, &worker.name.to_string());
    }
    for (name, digest) in files {
        let line = put_line(plan, name);
        items.insert(name.clone(), Item { text: digest.clone(), line });
    }
    for point in &plan.points {
        for worker in &point.workers {
            add_worker(&mut items, plan, worker, &format!("{} at {}", worker.name, point.name));
        }
        if let Some(check) = &point.check {
            items.insert(format!("check at {}", point.name), Item { text: check.clone(), line: None });
        }
    }
    items
}

fn add_worker(items: &mut Items, plan: &Plan, worker: &WorkerPlan, name: &str) {
    let mut add = |what: &str, text: String, line: Option<FileLine>| {
        items.insert(format!("{name}, {what}"), Item { text, line });
    };
    add("player", worker.player.to_string(), None);
    add("shell", worker.shell.clone(), None);
    add("directory", worker.directory.clone().unwrap_or_default(), None);
    // A later one wins; variables of the same name are one.
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
