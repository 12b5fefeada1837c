//! The list of workers in a test file: who there is, and who of them is chosen.

use std::collections::HashMap;

use super::worker_range::{Expansion, MOST, expand};
use super::{CLIENTS, Diagnostic, Entry, Lint, Place, Reason, Scope, WORKERS, nearest, quoted};
use crate::model::{WorkerName, variable};

/// One worker of a test file.
#[derive(Debug, Clone)]
pub(super) struct Worker {
    /// Its name.
    pub(super) name: WorkerName,
    /// Its number in its range; 1 outside of ranges.
    pub(super) index: u64,
    /// What stands before the range's bracket; otherwise its name.
    pub(super) base: String,
    /// The key that makes it.
    pub(super) key: Place,
    /// The file that is named for it, with the place of the name; `None` when that is wrong, which was reported.
    pub(super) file: Option<(String, Place)>,
}

/// Reads `[Workers]` or `[Clients]`.
pub(super) fn list(scope: &mut Scope<'_>) -> Vec<Worker> {
    const ADD: &str = "add a line `name = worker-file` for each worker";
    let document = scope.document;
    let (workers, clients) = (document.section(WORKERS), document.section(CLIENTS));
    let Some(section) = workers.or(clients) else {
        let (place, message) = (scope.section_place(WORKERS), "the test file has no section `[Workers]`");
        let hint = "add it, with a line `name = worker-file` for each worker";
        scope.diagnostics.push(Diagnostic::new(Lint::NoWorkers, place, message, hint));
        return Vec::new();
    };
    if clients.is_some() {
        let place = scope.section_place(CLIENTS);
        scope.diagnostics.push(if workers.is_some() {
            let message = "`[Clients]` is another name for `[Workers]`, which is defined, too";
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
        scope.diagnostics.push(Diagnostic::new(Lint::NoWorkers, scope.section_place(&section.name), message, ADD));
    }
    let mut workers = Vec::new();
    for entry in &section.entries {
        match expand(entry.written_key()) {
            Ok(expansion) if workers.len() + expansion.names.len() > MOST => {
                let message = format!("the test has more than {MOST} workers");
                let error = Diagnostic::new(Lint::InvalidRange, entry.key_place(), message, "use fewer workers");
                scope.diagnostics.push(error);
                break;
            }
            Ok(expansion) => workers.extend(expanded(scope, &section.name, entry, &expansion)),
            Err(reason) => scope.diagnostics.push(reason.at(entry.key_place())),
        }
    }
    refuse_collisions(scope, &workers);
    workers
}

/// The workers of one line.
fn expanded(scope: &mut Scope<'_>, section: &str, entry: &Entry, expansion: &Expansion) -> Vec<Worker> {
    let mut workers = Vec::new();
    for (name, index) in &expansion.names {
        scope.predefined = vec![("worker", name.to_string()), ("index", index.to_string())];
        let mut text = scope.word(section, &entry.value);
        if text.take_if(|text| text.as_str().is_empty() || text.as_str().contains('\0')).is_some() {
            let message = format!("the worker `{name}` has no file");
            let error = Diagnostic::new(Lint::InvalidValue, entry.key_place(), message, "write `name = worker-file`");
            scope.diagnostics.push(error);
        }
        workers.push(Worker {
            name: name.clone(),
            index: *index,
            base: expansion.base.clone(),
            key: entry.key_place(),
            file: text.map(|text| (text.as_str().to_owned(), text.place())),
        });
    }
    scope.predefined.clear();
    workers
}

/// Two workers of one name can't be told apart, nor can the addresses of two whose variables have one name.
fn refuse_collisions(scope: &mut Scope<'_>, workers: &[Worker]) {
    let mut names: HashMap<String, &Worker> = HashMap::new();
    let mut variables: HashMap<String, &Worker> = HashMap::new();
    for worker in workers {
        // Keys are the same in upper and lower case, and so are the names that they make.
        let folded = worker.name.as_str().to_lowercase();
        if let Some(first) = names.insert(folded, worker) {
            if first.key.span != worker.key.span && first.key_text() != worker.key_text() {
                let message = format!("the worker `{}` is defined twice", worker.name);
                let hint = "give one of them another name";
                let error = Diagnostic::new(Lint::DuplicateWorker, worker.key.clone(), message, hint);
                scope.diagnostics.push(error.other(first.key.clone(), "first defined here"));
            }
            continue;
        }
        let variable = variable("CONDUCTOR_ADDR", worker.name.as_str());
        if let Some(first) = variables.get(&variable) {
            let message =
                format!("the workers `{}` and `{}` both have the variable `{variable}`", first.name, worker.name);
            let hint = "give one of them a name with other letters or digits";
            let error = Diagnostic::new(Lint::AddressVariableCollision, worker.key.clone(), message, hint);
            scope.diagnostics.push(error.other(first.key.clone(), format!("`{}` is defined here", first.name)));
        } else {
            variables.insert(variable, worker);
        }
    }
}

impl Worker {
    /// Two equal keys were reported as such, and need no second report as workers.
    fn key_text(&self) -> String {
        let span = self.key.source.clamp(self.key.span);
        self.key.source.text()[span.start..span.end].to_lowercase()
    }
}

/// The chosen workers, in the file's order. No choice is all of them; a wrong one is reported.
///
/// A choice is a worker's name, a range's base, or a range. Case does not matter, as with keys.
pub(super) fn choose(scope: &mut Scope<'_>, workers: Vec<Worker>, chosen: &[String]) -> Vec<Worker> {
    if chosen.is_empty() {
        return workers;
    }
    let mut marked = vec![false; workers.len()];
    for wanted in chosen {
        let mut found = mark(&workers, &mut marked, wanted);
        if !found && wanted.contains('[') {
            let names = expand(wanted).map(|expansion| expansion.names).unwrap_or_default();
            found = !names.is_empty() && names.iter().all(|(name, _)| mark(&workers, &mut marked, name.as_str()));
        }
        if !found && !workers.is_empty() {
            let all: Vec<_> = workers.iter().map(|worker| format!("`{}`", worker.name)).take(20).collect();
            let more = if workers.len() > all.len() { ", …" } else { "" };
            let meant = nearest::nearest(wanted, workers.iter().map(|worker| worker.name.as_str()));
            let meant = meant.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
            let hint = format!("{meant}the test has {}{more}", all.join(", "));
            let reason = Reason::new(Lint::UnknownWorker, format!("the test has no worker {}", quoted(wanted)), hint);
            let source = &scope.document.source;
            scope.diagnostics.push(reason.of_file(source.path(), source.order()));
        }
    }
    workers.into_iter().zip(marked).filter_map(|(worker, marked)| marked.then_some(worker)).collect()
}

/// Marks the workers of this name, or with this base; a worker's own name wins. Whether there is one.
fn mark(workers: &[Worker], marked: &mut [bool], wanted: &str) -> bool {
    let wanted = wanted.to_lowercase();
    let is_name = |worker: &Worker| worker.name.as_str().to_lowercase() == wanted;
    let is_base = |worker: &Worker| worker.base.to_lowercase() == wanted;
    let has_name = workers.iter().any(is_name);
    let mut found = false;
    for (worker, marked) in workers.iter().zip(marked) {
        let is_meant = if has_name { is_name(worker) } else { is_base(worker) };
        if is_meant {
            *marked = true;
            found = true;
        }
    }
    found
}
