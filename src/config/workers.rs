//! The list of workers in a test file, and those that the command line chooses.

use std::collections::HashMap;

use super::lints::repeated;
use super::worker_range::{self, Expansion, MOST, expand};
use super::{CLIENTS, Diagnostic, Entry, Lint, Place, Reason, Scope, WORKERS, is_space, nearest, quoted};
use crate::model::{WorkerName, variable};

/// One worker of a test file.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// Its name.
    pub(super) name: WorkerName,
    /// Its number in its range; 1 outside of ranges.
    pub(super) index: u64,
    /// What comes before the bracket of the range; otherwise its name.
    pub(super) base: String,
    /// The key that defines it, in lower case.
    key: String,
    /// Where the key stands.
    pub(super) place: Place,
    /// The name of its file, with its place; `None` if it is wrong, which has been reported.
    pub(super) file: Option<(String, Place)>,
    /// The machine that it is paired with.
    pub(super) host: Option<String>,
}

/// Reads `[Workers]` or `[Clients]`.
pub(super) fn list(scope: &mut Scope<'_>) -> Vec<Worker> {
    const ADD: &str = "add a line `name = worker-file` for each worker";
    let document = scope.document;
    let (workers, clients) = (document.section(WORKERS), document.section(CLIENTS));
    let Some(section) = workers.or(clients) else {
        let message = "the test file has no section `[Workers]`";
        let hint = "add it, with a line `name = worker-file` for each worker";
        scope.report(Lint::NoWorkers, scope.section_place(WORKERS), message, hint);
        return Vec::new();
    };
    if clients.is_some() {
        let place = scope.section_place(CLIENTS);
        scope.context.diagnostics.push(if workers.is_some() {
            let message = "`[Clients]` is another name for `[Workers]`, which is also defined";
            let hint = "put all lines into `[Workers]`";
            let error = Diagnostic::new(Lint::DuplicateSection, place, message, hint);
            error.other(scope.section_place(WORKERS), "`[Workers]` is defined here")
        } else {
            let message = "the Python conductor accepts only the name `[Workers]`";
            Diagnostic::new(Lint::ClientsSection, place, message, "rename the section to `[Workers]`")
        });
    }
    if section.entries.is_empty() {
        let message = format!("`[{}]` has no worker", section.name);
        scope.report(Lint::NoWorkers, scope.section_place(&section.name), message, ADD);
    }
    let mut workers = Vec::new();
    for entry in &section.entries {
        match line(scope, &section.name, entry) {
            Ok(line) if workers.len() + line.len() > MOST => {
                let message = format!("the test has more than {MOST} workers");
                scope.report(Lint::InvalidRange, entry.key_place(), message, "use fewer workers");
                break;
            }
            Ok(line) => workers.extend(line),
            Err(reason) => scope.context.diagnostics.push(reason.at(entry.key_place())),
        }
    }
    refuse_collisions(scope, &workers);
    workers
}

/// The workers of one line.
fn line(scope: &mut Scope<'_>, section: &str, entry: &Entry) -> Result<Vec<Worker>, Reason> {
    let hosts = hosts_of(scope, section, entry)?;
    let Expansion { base, names } = expand(entry.written_key(), hosts.as_ref().map(Vec::len))?;
    if let Some(hosts) = hosts.as_ref().filter(|hosts| hosts.len() != names.len()) {
        let message =
            format!("the number of hosts ({}) differs from the number of workers ({})", hosts.len(), names.len());
        return Err(Reason::new(
            Lint::InvalidRange,
            message,
            "name one host for each worker, or write `[*]` to make one worker for each host",
        ));
    }
    let mut workers = Vec::new();
    for (at, (name, index)) in names.into_iter().enumerate() {
        scope.predefined = vec![("worker", name.to_string()), ("index", index.to_string())];
        let text = scope.word(section, &entry.value);
        let file = text.map(|text| (file_and_hosts(text.as_str()).0.to_owned(), text.place()));
        let file = file.filter(|(file, _)| !file.is_empty() && !file.contains('\0'));
        if file.is_none() {
            let message = format!("the worker `{name}` has no file");
            scope.report(Lint::InvalidValue, entry.key_place(), message, "write `name = worker-file`");
        }
        workers.push(Worker {
            name,
            index,
            base: base.clone(),
            key: entry.key().to_owned(),
            place: entry.key_place(),
            file,
            host: hosts.as_ref().map(|hosts| hosts[at].clone()),
        });
    }
    scope.predefined.clear();
    Ok(workers)
}

/// The hosts of a line, if it has some: they stand behind an `@` with white space on both sides.
fn hosts_of(scope: &mut Scope<'_>, section: &str, entry: &Entry) -> Result<Option<Vec<String>>, Reason> {
    // A variable may have them.
    if !entry.value.as_str().contains(['@', '%']) {
        return Ok(None);
    }
    scope.predefined = vec![("worker", entry.written_key().to_owned()), ("index", "1".to_owned())];
    let text = scope.word(section, &entry.value);
    text.and_then(|text| file_and_hosts(text.as_str()).1.map(worker_range::hosts)).transpose()
}

/// The parts of a line before and behind the `@`.
fn file_and_hosts(text: &str) -> (&str, Option<&str>) {
    let is_apart = |at: &usize| {
        let (before, behind) = (&text[..*at], &text[at + 1..]);
        before.ends_with(is_space) && (behind.is_empty() || behind.starts_with(is_space))
    };
    match text.match_indices('@').map(|(at, _)| at).find(is_apart) {
        Some(at) => (text[..at].trim_end_matches(is_space), Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// Refuses two workers with the same name, and two whose addresses would have the same variable.
fn refuse_collisions(scope: &mut Scope<'_>, workers: &[Worker]) {
    let diagnostics = &mut scope.context.diagnostics;
    // Keys are the same in upper and lower case, and so are the names of workers.
    let folded = |worker: &Worker| worker.name.as_str().to_lowercase();
    for (_, first, again) in repeated(workers.iter().map(|worker| (folded(worker), worker))) {
        // Two equal keys have been reported as such.
        if first.key != again.key {
            let message = format!("the worker `{}` is defined twice", again.name);
            let hint = "give one of them another name";
            let error = Diagnostic::new(Lint::DuplicateWorker, again.place.clone(), message, hint);
            diagnostics.push(error.other(first.place.clone(), "first defined here"));
        }
    }
    let variables = workers.iter().map(|worker| (variable("CONDUCTOR_ADDR", worker.name.as_str()), worker));
    for (variable, first, again) in repeated(variables) {
        if folded(first) != folded(again) {
            let message =
                format!("the workers `{}` and `{}` both have the variable `{variable}`", first.name, again.name);
            let hint = "give one of them a name with other letters or digits";
            let error = Diagnostic::new(Lint::AddressVariableCollision, again.place.clone(), message, hint);
            diagnostics.push(error.other(first.place.clone(), format!("`{}` is defined here", first.name)));
        }
    }
}

/// The chosen workers, in the order of the file; all if there is no choice. A wrong choice is reported.
///
/// A choice is the name of a worker, the base of a range, or a range. Upper and lower case are the same, as with keys.
pub(super) fn choose(scope: &mut Scope<'_>, workers: Vec<Worker>, chosen: &[String]) -> Vec<Worker> {
    if chosen.is_empty() {
        return workers;
    }
    let mut names: HashMap<String, Vec<usize>> = HashMap::new();
    let mut bases = names.clone();
    for (index, worker) in workers.iter().enumerate() {
        names.entry(worker.name.as_str().to_lowercase()).or_default().push(index);
        bases.entry(worker.base.to_lowercase()).or_default().push(index);
    }
    // A worker's own name wins.
    let find = |name: &str| names.get(&name.to_lowercase()).or_else(|| bases.get(&name.to_lowercase())).cloned();
    let find_range = |range: &str| -> Option<Vec<usize>> {
        let range = range.contains('[').then(|| expand(range, None).ok())??;
        Some(range.names.iter().map(|(name, _)| find(name.as_str())).collect::<Option<Vec<_>>>()?.concat())
    };
    let mut is_chosen = vec![false; workers.len()];
    for wanted in chosen {
        if let Some(found) = find(wanted).or_else(|| find_range(wanted)) {
            for index in found {
                is_chosen[index] = true;
            }
        } else if !workers.is_empty() {
            let all: Vec<_> = workers.iter().map(|worker| format!("`{}`", worker.name)).take(20).collect();
            let more = if workers.len() > all.len() { ", …" } else { "" };
            let meant = nearest::nearest(wanted, workers.iter().map(|worker| worker.name.as_str()));
            let meant = meant.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
            let hint = format!("{meant}the test has {}{more}", all.join(", "));
            let reason = Reason::new(Lint::UnknownWorker, format!("the test has no worker {}", quoted(wanted)), hint);
            let source = &scope.document.source;
            scope.context.diagnostics.push(reason.of_file(source.path(), source.order()));
        }
    }
    workers.into_iter().zip(is_chosen).filter_map(|(worker, is_chosen)| is_chosen.then_some(worker)).collect()
}
