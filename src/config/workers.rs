//! The list of workers in a test file, and the workers that the command line chooses.

use std::collections::HashMap;

use super::lints::repeated;
use super::scope::{Known, Value};
use super::worker::{FileName, Host, Worker};
use super::worker_range::{self, Expansion, MOST, expand};
use super::{CLIENTS, Diagnostic, Entry, Lint, Reason, Scope, Section, WORKERS, is_space, nearest, quoted};
use crate::model::{WorkerName, variable};

/// The workers of a test file.
#[derive(Debug, Default)]
pub(super) struct List {
    /// The workers that could be read.
    pub(super) workers: Vec<Worker>,
    /// Whether `workers` is complete: no line is invalid or has `[*]` with hosts that only the command line sets.
    pub(super) is_complete: bool,
}

/// Reads `[Workers]` or `[Clients]`. `is_file` returns whether a worker file with a name exists.
pub(super) fn list(scope: &mut Scope<'_>, is_file: &dyn Fn(&str) -> bool) -> List {
    const ADD: &str = "add a line `name = worker-file` or `name = @ ADDRESS` for each worker";
    let document = scope.document;
    let (workers, clients) = (document.section(WORKERS), document.section(CLIENTS));
    let Some(section) = workers.or(clients) else {
        let message = "the test file has no section `[Workers]`";
        let hint = "add it, with a line `name = worker-file` for each worker";
        scope.report(Lint::NoWorkers, scope.section_place(WORKERS), message, hint);
        return List::default();
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
    let mut list = List { workers: Vec::new(), is_complete: true };
    for entry in &section.entries {
        match line(scope, section, entry, is_file) {
            Ok(line) if list.workers.len() + line.len() > MOST => {
                let message = format!("the test has more than {MOST} workers");
                scope.report(Lint::InvalidRange, entry.key_place(), message, "use fewer workers");
                list.is_complete = false;
                break;
            }
            Ok(line) => {
                // Without the hosts, only the form of the names is known.
                let is_open = |worker: &Worker| worker.host.as_ref().is_some_and(|host| host.address.is_none());
                list.is_complete &= !(entry.written_key().contains("[*]") && line.iter().any(is_open));
                list.workers.extend(line);
            }
            Err(reason) => {
                scope.context.diagnostics.push(reason.at(entry.key_place()));
                list.is_complete = false;
            }
        }
    }
    refuse_collisions(scope, &list.workers);
    list
}

/// Returns the workers of one line.
fn line(
    scope: &mut Scope<'_>,
    section: &Section,
    entry: &Entry,
    is_file: &dyn Fn(&str) -> bool,
) -> Result<Vec<Worker>, Reason> {
    // The number of workers in `[*]` depends on the hosts.
    if let Some((name, index)) = expand(entry.written_key(), Some(1))?.names.first() {
        scope.predefined = of_worker(name.as_str(), *index);
    }
    let first = read(scope, section, entry, is_file)?;
    let hosts = &first.1;
    let Expansion { base, names } = expand(entry.written_key(), hosts.count())?;
    if let Hosts::Listed(hosts) = hosts
        && hosts.len() != names.len()
        && hosts.len() != 1
    {
        let message =
            format!("the number of hosts ({}) differs from the number of workers ({})", hosts.len(), names.len());
        return Err(Reason::new(
            Lint::InvalidRange,
            message,
            "name one host for each worker, or one for all; `[*]` makes one worker for each host",
        ));
    }
    // All workers share a single host, unless it contains a variable such as `%(index)s`.
    let is_shared = names.len() > 1 && matches!(hosts, Hosts::Listed(hosts) if hosts.len() == 1);
    let is_equal = is_equal_for_all(scope, section, entry, &names);
    let mut workers: Vec<Worker> = Vec::new();
    for (at, (name, index)) in names.into_iter().enumerate() {
        scope.predefined = of_worker(name.as_str(), index);
        let own = if is_equal { None } else { Some(read(scope, section, entry, is_file)?) };
        let (file, hosts) = own.as_ref().unwrap_or(&first);
        workers.push(Worker {
            name,
            index,
            base: base.clone(),
            written_key: entry.written_key().to_owned(),
            place: entry.key_place(),
            file: file.clone(),
            host: hosts.host(if is_shared { 0 } else { at }),
        });
    }
    scope.predefined.clear();
    Ok(workers)
}

/// Returns whether the value of a line is the same for all its workers. It is if the first two, whose names and indexes
/// differ, have the same value. Comparing all would be slow for thousands of hosts.
fn is_equal_for_all(scope: &mut Scope<'_>, section: &Section, entry: &Entry, names: &[(WorkerName, u64)]) -> bool {
    if !entry.value.as_str().contains('%') {
        return true;
    }
    let mut values = names.iter().take(2).map(|(name, index)| {
        scope.predefined = of_worker(name.as_str(), *index);
        let value = scope.word(Some(section), &entry.value)?;
        Some((value.text.as_str().to_owned(), value.has_placeholder))
    });
    let first = values.next().flatten();
    first.is_some() && values.all(|value| value == first)
}

/// Returns the variables of a worker that are known before its settings.
pub(super) fn of_worker(name: &str, index: u64) -> Known {
    vec![("worker", Some(name.to_owned())), ("index", Some(index.to_string()))]
}

/// The hosts of a line.
enum Hosts {
    /// The line has no hosts.
    Absent,
    /// The hosts in the line.
    Listed(Vec<Host>),
    /// Only the command line sets the hosts.
    Unset,
}

impl Hosts {
    /// Returns the number of workers in `[*]`.
    fn count(&self) -> Option<usize> {
        match self {
            Self::Absent => None,
            Self::Listed(hosts) => Some(hosts.len()),
            Self::Unset => Some(1),
        }
    }

    fn host(&self, at: usize) -> Option<Host> {
        match self {
            Self::Absent => None,
            Self::Listed(hosts) => hosts.get(at).cloned(),
            Self::Unset => Some(Host { address: None, port: None }),
        }
    }
}

/// Reads the file and the hosts of a line for the worker whose variables are in the scope. The hosts follow an `@` with
/// white space on both sides.
fn read(
    scope: &mut Scope<'_>,
    section: &Section,
    entry: &Entry,
    is_file: &dyn Fn(&str) -> bool,
) -> Result<(FileName, Hosts), Reason> {
    let Some(Value { text, has_placeholder }) = scope.word(Some(section), &entry.value) else {
        return Ok((FileName::Unknown, Hosts::Absent));
    };
    let (file, list) = file_and_hosts(&text, is_file);
    if list.is_none() && file_and_hosts(&text, &|_| false).1.is_some() {
        let message = format!("{} is the name of a file, so it does not name a host", quoted(&text));
        let hint = "rename the file, or give the host as `player` in a section `[WORKER:Coordinator]`";
        scope.report(Lint::AmbiguousFile, text.place(), message, hint);
    }
    let hosts = match list {
        None => Hosts::Absent,
        Some(_) if has_placeholder => Hosts::Unset,
        Some(list) => Hosts::Listed(worker_range::hosts(list)?),
    };
    let file = match file {
        "" => FileName::Absent,
        file if file.contains('\0') => {
            let message = "the name of a file cannot have a NUL character";
            scope.report(Lint::InvalidValue, entry.key_place(), message, "write `name = worker-file`");
            FileName::Unknown
        }
        file if has_placeholder && !is_file(file) => FileName::Unknown,
        file => FileName::Named(file.to_owned(), text.place()),
    };
    Ok((file, hosts))
}

/// Splits a line at the `@`. A file that actually has this name takes precedence.
fn file_and_hosts<'t>(text: &'t str, is_file: &dyn Fn(&str) -> bool) -> (&'t str, Option<&'t str>) {
    let is_apart = |at: &usize| {
        let (before, behind) = (&text[..*at], &text[at + 1..]);
        (before.is_empty() || before.ends_with(is_space)) && (behind.is_empty() || behind.starts_with(is_space))
    };
    match text.match_indices('@').map(|(at, _)| at).find(is_apart) {
        Some(at) if !is_file(text) => (text[..at].trim_end_matches(is_space), Some(&text[at + 1..])),
        _ => (text, None),
    }
}

/// Reports two workers with the same name, and two whose addresses would have the same variable.
fn refuse_collisions(scope: &mut Scope<'_>, workers: &[Worker]) {
    let diagnostics = &mut scope.context.diagnostics;
    // The case of keys does not matter, nor that of worker names.
    let folded = |worker: &Worker| worker.name.as_str().to_lowercase();
    for (_, first, again) in repeated(workers.iter().map(|worker| (folded(worker), worker))) {
        // Two equal keys have already been reported.
        if first.written_key.to_lowercase() != again.written_key.to_lowercase() {
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

/// Returns the chosen workers, in the order of the file, or all if there is no choice. Reports an invalid choice.
///
/// A choice is the name of a worker, the base of a range, or a range. Case does not matter, as in keys.
pub(super) fn choose<'w>(scope: &mut Scope<'_>, workers: &'w [Worker], chosen: &[String]) -> Vec<&'w Worker> {
    if chosen.is_empty() {
        return workers.iter().collect();
    }
    let mut names: HashMap<String, Vec<usize>> = HashMap::new();
    let mut bases = names.clone();
    for (index, worker) in workers.iter().enumerate() {
        names.entry(worker.name.as_str().to_lowercase()).or_default().push(index);
        bases.entry(worker.base.to_lowercase()).or_default().push(index);
    }
    // A worker's own name takes precedence.
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
    workers.iter().zip(is_chosen).filter_map(|(worker, is_chosen)| is_chosen.then_some(worker)).collect()
}
