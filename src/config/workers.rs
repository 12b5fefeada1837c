//! The list of workers in a test file: who there is, and who of them is chosen.

use std::collections::HashMap;

use super::diagnostic::{Diagnostic, quoted};
use super::lint::Lint;
use super::nearest;
use super::scope::Scope;
use super::sections::{CLIENTS, WORKERS};
use super::source::Place;
use super::worker_range::{Expansion, MOST, expand};
use crate::model::WorkerName;

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

/// The name of the variable by which steps find a worker's address: `CONDUCTOR_ADDR_<WORKER>`.
///
/// Letters become upper case, everything but ASCII letters and digits becomes `_`.
pub fn address_variable(worker: &WorkerName) -> String {
    let fold = |character: char| if character.is_ascii_alphanumeric() { character.to_ascii_uppercase() } else { '_' };
    let name: String = worker.as_str().chars().map(fold).collect();
    format!("CONDUCTOR_ADDR_{name}")
}

/// Reads `[Workers]` or `[Clients]`.
pub(super) fn list(scope: &mut Scope<'_>) -> Vec<Worker> {
    let document = scope.document;
    let section = match (document.section(WORKERS), document.section(CLIENTS)) {
        (None, None) => {
            let place = scope.section_place(WORKERS);
            let error = Diagnostic::new(Lint::NoWorkers, place, "the test file has no section `[Workers]`");
            scope.diagnostics.push(error.hint("add it, with a line `name = worker-file` for each worker"));
            return Vec::new();
        }
        (Some(section), None) => section,
        (None, Some(section)) => {
            let place = Place::new(&document.source, section.name_span);
            let message = "the Python conductor knows `[Workers]` only";
            scope
                .diagnostics
                .push(Diagnostic::new(Lint::ClientsSection, place, message).hint("call the section `[Workers]`"));
            section
        }
        (Some(section), Some(clients)) => {
            let place = Place::new(&document.source, clients.name_span);
            let error = Diagnostic::new(Lint::DuplicateSection, place, "`[Clients]` is another name for `[Workers]`");
            let first = Place::new(&document.source, section.name_span);
            scope
                .diagnostics
                .push(error.other(first, "`[Workers]` stands here").hint("put all lines into `[Workers]`"));
            section
        }
    };
    if section.entries.is_empty() {
        let place = Place::new(&document.source, section.name_span);
        let error = Diagnostic::new(Lint::NoWorkers, place, format!("`[{}]` names no worker", section.name));
        scope.diagnostics.push(error.hint("add a line `name = worker-file` for each worker"));
    }
    let mut workers = Vec::new();
    for entry in &section.entries {
        let place = entry.key_place();
        match expand(entry.written_key()) {
            Ok(expansion) if workers.len() + expansion.names.len() > MOST => {
                let message = format!("the test has more than {MOST} workers");
                let error = Diagnostic::new(Lint::InvalidRange, place, message);
                scope.diagnostics.push(error.hint("have fewer workers"));
                break;
            }
            Ok(expansion) => workers.extend(expanded(scope, &section.name, entry, &place, &expansion)),
            Err(problem) => {
                let error = Diagnostic::new(problem.lint, place, problem.message);
                scope.diagnostics.push(error.hint(problem.hint));
            }
        }
    }
    refuse_collisions(scope, &workers);
    workers
}

fn expanded(
    scope: &mut Scope<'_>,
    section: &str,
    entry: &super::reader::Entry,
    key: &Place,
    expansion: &Expansion,
) -> Vec<Worker> {
    let mut workers = Vec::new();
    for (name, index) in &expansion.names {
        scope.predefined = vec![("worker", name.to_string()), ("index", index.to_string())];
        let file = scope.word(section, &entry.value).and_then(|text| file(scope, &text, name, key));
        workers.push(Worker {
            name: name.clone(),
            index: *index,
            base: expansion.base.clone(),
            key: key.clone(),
            file,
        });
    }
    scope.predefined.clear();
    workers
}

fn file(scope: &mut Scope<'_>, text: &super::text::Text, name: &WorkerName, key: &Place) -> Option<(String, Place)> {
    if text.as_str().is_empty() || text.as_str().contains('\0') {
        let error = Diagnostic::new(Lint::InvalidValue, key.clone(), format!("the worker `{name}` has no file"));
        scope.diagnostics.push(error.hint("write `name = worker-file`"));
        return None;
    }
    Some((text.as_str().to_owned(), text.place()))
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
                let message = format!("the worker `{}` is there twice", worker.name);
                let error = Diagnostic::new(Lint::DuplicateWorker, worker.key.clone(), message);
                let error = error.other(first.key.clone(), "it stands here first");
                scope.diagnostics.push(error.hint("give one of them another name"));
            }
            continue;
        }
        let variable = address_variable(&worker.name);
        if let Some(first) = variables.get(&variable) {
            let message =
                format!("the workers `{}` and `{}` both have the variable `{variable}`", first.name, worker.name);
            let error = Diagnostic::new(Lint::AddressVariableCollision, worker.key.clone(), message);
            let error = error.other(first.key.clone(), format!("`{}` stands here", first.name));
            scope.diagnostics.push(error.hint("give one of them a name with other letters or digits"));
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
            let (path, order) = (scope.document.source.path(), scope.document.source.order());
            let message = format!("there is no worker {}", quoted(wanted));
            let all: Vec<_> = workers.iter().map(|worker| format!("`{}`", worker.name)).take(20).collect();
            let more = if workers.len() > all.len() { ", …" } else { "" };
            let meant = nearest::nearest(wanted, workers.iter().map(|worker| worker.name.as_str()));
            let meant = meant.map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
            let hint = format!("{meant}the test has {}{more}", all.join(", "));
            scope.diagnostics.push(Diagnostic::of_file(Lint::UnknownWorker, path, order, message).hint(hint));
        }
    }
    workers.into_iter().zip(marked).filter_map(|(worker, marked)| marked.then_some(worker)).collect()
}

fn mark(workers: &[Worker], marked: &mut [bool], wanted: &str) -> bool {
    let same = |text: &str| text.to_lowercase() == wanted.to_lowercase();
    // A worker's own name wins over a range's base of the same name.
    let exact: Vec<_> = (0..workers.len()).filter(|index| same(workers[*index].name.as_str())).collect();
    let based = || (0..workers.len()).filter(|index| same(&workers[*index].base)).collect::<Vec<_>>();
    let found = if exact.is_empty() { based() } else { exact };
    for index in &found {
        marked[*index] = true;
    }
    !found.is_empty()
}
