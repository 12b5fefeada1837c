//! The sections of a test file for its workers, such as `[server:Run]`, `[node[01-16]:Run]` and `[*:Coordinator]`.

use std::collections::HashMap;

use super::rank::{self, Rank};
use super::worker::Worker;
use super::{Document, Section, WORKER_FILE, WORKER_FILE_ONLY, nearest, quoted_section};

/// The sections of a test file that apply to workers.
#[derive(Debug, Default)]
pub(super) struct WorkerSections {
    /// The sections for single workers and for ranges, by the worker's name.
    of_worker: HashMap<String, Vec<Held>>,
    /// The sections for all workers.
    of_all: Vec<Held>,
}

/// A section of the test file, by its position among all sections.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) rank: Rank,
    /// The name of the section without its selector, as in a worker file.
    pub(super) name: &'static str,
    pub(super) section: usize,
}

/// The parts of a section's name.
pub(super) struct Parts<'a> {
    /// The part before the colon: a worker, a range, or `*`.
    pub(super) selector: &'a str,
    /// The part after the colon: the name of the section in a worker file.
    pub(super) name: &'static str,
}

impl Parts<'_> {
    /// Returns the correct name of the section.
    pub(super) fn written(&self) -> String {
        format!("{}:{}", self.selector, self.name)
    }
}

/// Splits a section's name if it is one for workers. Its last part can be in upper or lower case.
pub(super) fn parts(section: &str) -> Option<Parts<'_>> {
    let (selector, name) = section.rsplit_once(':')?;
    let name = WORKER_FILE.into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()))?;
    Some(Parts { selector: selector.trim(), name })
}

/// Returns a hint for an unknown section of a test file that was probably meant to be for workers.
pub(super) fn hint(section: &str) -> Option<String> {
    if let Some((selector, name)) = section.rsplit_once(':') {
        let meant = nearest::nearest(name.trim(), WORKER_FILE)?;
        return Some(format!("did you mean {}?", quoted_section(&format!("{}:{meant}", selector.trim()))));
    }
    let name = WORKER_FILE_ONLY.into_iter().find(|known| known.eq_ignore_ascii_case(section))?;
    Some(format!("write `[WORKER:{name}]` or `[*:{name}]`"))
}

/// Iterates over the sections of a test file that are for workers, each with its name in a worker file.
pub(super) fn all(test: &Document) -> impl Iterator<Item = (&Section, &'static str)> {
    test.sections.iter().filter_map(|section| Some((section, parts(&section.name)?.name)))
}

impl WorkerSections {
    /// Adds a section for one worker, or for all.
    pub(super) fn add(&mut self, worker: Option<&Worker>, held: Held) {
        match worker {
            Some(worker) => self.of_worker.entry(worker.name.to_string()).or_default().push(held),
            None => self.of_all.push(held),
        }
    }

    /// Removes the sections with this name that apply to a worker through a range.
    pub(super) fn remove_ranges(&mut self, worker: &Worker, name: &str) {
        if let Some(held) = self.of_worker.get_mut(worker.name.as_str()) {
            held.retain(|held| held.rank != Rank::Range || held.name != name);
        }
    }

    /// Returns the sections with this name that apply to a worker, the most specific first. `own` is that of its file.
    pub(super) fn holding<'a>(
        &self,
        test: &'a Document,
        worker: &Worker,
        name: &str,
        own: Option<&'a Section>,
    ) -> Vec<&'a Section> {
        let of_file = own.map(|own| (Rank::File, own));
        let of_test =
            self.candidates(worker, name).filter_map(|held| Some((held.rank, test.sections.get(held.section)?)));
        // Two sections of equal rank were reported; the first one is used.
        rank::holding(name, of_test.chain(of_file).collect()).unwrap_or_else(|(first, _)| vec![first])
    }

    /// Iterates over all sections with this name that are for a worker.
    pub(super) fn candidates(&self, worker: &Worker, name: &str) -> impl Iterator<Item = &Held> {
        let of_worker = self.of_worker.get(worker.name.as_str()).into_iter().flatten();
        of_worker.chain(&self.of_all).filter(move |held| held.name == name)
    }
}
