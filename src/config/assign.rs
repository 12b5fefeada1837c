//! Finds the workers that the sections of a test file, such as `[server:Run]`, apply to. Reports sections that apply to
//! no worker, and those of equal rank.

use std::collections::{BTreeMap, HashMap};

use super::rank::{self, Rank};
use super::worker::{FileName, Worker};
use super::worker_range::{self, Expansion};
use super::worker_sections::{Held, Parts, WorkerSections, parts};
use super::{
    CLIENTS, Diagnostic, Document, Lint, Scope, Section, WORKER_FILE, WORKERS, nearest, quoted, quoted_section,
};

/// Finds the sections of all workers of a test file. Reports sections that apply to no worker, and those whose
/// precedence is undefined. `is_complete` means that `workers` contains all workers.
pub(super) fn assign(scope: &mut Scope<'_>, workers: &[Worker], is_complete: bool) -> WorkerSections {
    let mut found = WorkerSections::default();
    let mut index = Index::new(workers);
    // Such a test may predate these sections: a section that applies to no worker is then an unknown section, as
    // before.
    let may_be_older = workers.iter().all(|worker| !matches!(worker.file, FileName::Absent));
    for (section, at) in scope.document.sections.iter().zip(0..) {
        let Some(parts) = parts(&section.name) else { continue };
        if parts.written() != section.name {
            report_name(scope, section, &parts, may_be_older);
            if may_be_older || scope.document.section(&parts.written()).is_some() {
                continue;
            }
        }
        if parts.selector == "*" {
            found.add(None, Held { rank: Rank::All, name: parts.name, section: at });
            continue;
        }
        let selected = match index.select(parts.selector) {
            Ok(selected) => selected,
            Err(wrong) => {
                if is_complete || wrong.in_any_case {
                    let lint = if may_be_older { Lint::UnknownSection } else { wrong.lint };
                    let wrong = Wrong { lint, ..wrong };
                    scope.context.diagnostics.push(wrong.report(scope.document, section, &parts, workers));
                }
                continue;
            }
        };
        if !scope.has_room(selected.workers.len() * size_of::<Held>(), || section.name_place()) {
            break;
        }
        for worker in selected.workers {
            let held = Held { rank: selected.rank, name: parts.name, section: at };
            found.add(Some(&workers[worker]), held);
        }
    }
    report_conflicts(scope, &mut found, workers, may_be_older);
    found
}

/// Reports sections of equal rank, once for all workers that they apply to. It is an error, except in a test that may
/// predate such sections: there, they are ignored with a warning.
fn report_conflicts(scope: &mut Scope<'_>, sections: &mut WorkerSections, workers: &[Worker], may_be_older: bool) {
    let mut conflicts: BTreeMap<(usize, usize), (&Worker, usize)> = BTreeMap::new();
    for worker in workers {
        for name in WORKER_FILE {
            let candidates = sections.candidates(worker, name).map(|held| (held.rank, held.section)).collect();
            if let Err(pair) = rank::holding(name, candidates) {
                conflicts.entry(pair).or_insert((worker, 0)).1 += 1;
                if may_be_older {
                    sections.remove_ranges(worker, name);
                }
            }
        }
    }
    for ((first, second), (worker, count)) in conflicts {
        let [first, second] = [first, second].map(|at| &scope.document.sections[at]);
        let others = if count > 1 { format!(" and {} more", count - 1) } else { String::new() };
        let (one, other) = (quoted_section(&first.name), quoted_section(&second.name));
        let message = format!("{one} and {other} are both for `{}`{others}", worker.name);
        let hint = "change the ranges so that each worker is in one of them";
        let lint = if may_be_older { Lint::UnknownSection } else { Lint::SectionConflict };
        let error = Diagnostic::new(lint, second.name_place(), message, hint);
        scope.context.diagnostics.push(error.other(first.name_place(), "the other section is here"));
    }
}

/// Reports a section whose name differs from a known one in case or in spaces.
fn report_name(scope: &mut Scope<'_>, section: &Section, parts: &Parts<'_>, may_be_older: bool) {
    let written = parts.written();
    let message = format!("unknown section {}", quoted_section(&section.name));
    let hint = format!("write {}", quoted_section(&written));
    let lint = if may_be_older { Lint::UnknownSection } else { Lint::SectionName };
    let mut error = Diagnostic::new(lint, section.name_place(), message, hint);
    let other = scope.document.section(&written).map(Section::name_place);
    error.others.extend(other.map(|place| (place, "this section has the correct name".to_owned())));
    scope.context.diagnostics.push(error);
}

/// The workers of a test, by the selectors that match them.
struct Index<'a> {
    workers: &'a [Worker],
    names: HashMap<&'a str, usize>,
    keys: HashMap<&'a str, Vec<usize>>,
    /// The workers by name in lower case; only for messages.
    folded: HashMap<String, usize>,
    /// The number of unknown names for which the nearest known one was searched, which is slow.
    searches: usize,
}

/// The maximum number of unknown names for which the nearest known one is searched.
const MOST_SEARCHES: usize = 100;

/// The workers that a section applies to.
struct Selected {
    rank: Rank,
    workers: Vec<usize>,
}

/// Why a section applies to no worker.
struct Wrong {
    message: String,
    /// The intended selector before the colon, if it can be guessed.
    meant: Option<String>,
    /// The intended worker.
    worker: Option<usize>,
    lint: Lint,
    /// Whether this is a mistake even if some workers could not be read.
    in_any_case: bool,
}

impl<'a> Index<'a> {
    fn new(workers: &'a [Worker]) -> Self {
        let mut keys: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, worker) in workers.iter().enumerate() {
            keys.entry(&worker.written_key).or_default().push(at);
        }
        let names = workers.iter().enumerate().map(|(at, worker)| (worker.name.as_str(), at)).collect();
        Self { workers, names, keys, folded: HashMap::new(), searches: 0 }
    }

    /// Returns the workers that match a selector: the name of a worker, or a range.
    fn select(&mut self, selector: &str) -> Result<Selected, Wrong> {
        if !selector.contains('[') {
            let worker = self.worker(selector, selector)?;
            return Ok(Selected { rank: Rank::Name, workers: vec![worker] });
        }
        // A range is looked up as written in `[Workers]`, including `node[*]`.
        if let Some(workers) = self.keys.get(selector) {
            return Ok(Selected { rank: Rank::Range, workers: workers.clone() });
        }
        let Expansion { names, .. } = worker_range::expand(selector, None).map_err(|reason| Wrong {
            message: reason.message,
            meant: None,
            worker: None,
            lint: reason.lint,
            in_any_case: !selector.contains("[*]"),
        })?;
        let workers = names.iter().map(|(name, _)| self.worker(name.as_str(), selector)).collect::<Result<_, _>>()?;
        Ok(Selected { rank: Rank::Range, workers })
    }

    fn worker(&mut self, name: &str, selector: &str) -> Result<usize, Wrong> {
        if let Some(known) = self.names.get(name) {
            return Ok(*known);
        }
        if self.folded.is_empty() {
            let folded = |(at, worker): (usize, &Worker)| (worker.name.as_str().to_lowercase(), at);
            self.folded = self.workers.iter().enumerate().map(folded).collect();
        }
        if let Some(known) = self.folded.get(&name.to_lowercase()) {
            let its = self.workers[*known].name.as_str();
            return Err(Wrong {
                message: format!("the worker is called {}, not {}", quoted(its), quoted(name)),
                meant: (name == selector).then(|| its.to_owned()),
                worker: Some(*known),
                lint: Lint::SectionName,
                in_any_case: true,
            });
        }
        let of_range = if name == selector { String::new() } else { format!(", which {} includes", quoted(selector)) };
        let base = self.workers.iter().position(|worker| worker.base == name);
        self.searches += 1;
        let nearest = || {
            if self.searches > MOST_SEARCHES {
                return None;
            }
            let known = self.workers.iter().map(|worker| worker.name.as_str()).take(1000);
            let name = nearest::nearest(name, known)?;
            self.names.get(name).copied()
        };
        let worker = base.or_else(nearest);
        let meant = worker.filter(|_| name == selector).map(|at| match base {
            Some(_) => self.workers[at].written_key.clone(),
            None => self.workers[at].name.to_string(),
        });
        let message = format!("the test has no worker {}{of_range}", quoted(name));
        Err(Wrong { message, meant, worker, lint: Lint::UnknownWorker, in_any_case: false })
    }
}

impl Wrong {
    fn report(self, test: &Document, section: &Section, parts: &Parts<'_>, workers: &[Worker]) -> Diagnostic {
        let hint = match &self.meant {
            Some(meant) => format!("did you mean {}?", quoted_section(&format!("{meant}:{}", parts.name))),
            None => "a section can be for a worker (`[server:Run]`), a range (`[node[01-16]:Run]`) or all workers \
                 (`[*:Run]`)"
                .to_owned(),
        };
        let mut error = Diagnostic::new(self.lint, section.name_place(), self.message, hint);
        let list = || test.section(WORKERS).or_else(|| test.section(CLIENTS)).map(Section::name_place);
        let label =
            |worker: &Worker| (worker.place.clone(), format!("{} is defined here", quoted(&worker.written_key)));
        let other = self.worker.map(|at| label(&workers[at]));
        error.others.extend(other.or_else(|| Some((list()?, "the workers of the test are listed here".to_owned()))));
        error
    }
}
