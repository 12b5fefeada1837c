//! The sections of a test file that are for its workers, such as `[server:Run]`, `[node[01-16]:Run]` and `[*:Coordinator]`.

use std::collections::HashMap;

use super::rank::{self, Rank};
use super::worker::Worker;
use super::{Document, Section, WORKER_FILE, WORKER_FILE_ONLY, nearest, quoted_section};

/// The sections of a test file that are for its workers.
#[derive(Debug, Default)]
pub(super) struct WorkerSections {
    /// Those of single workers and of ranges, by the worker's name.
    of_worker: HashMap<String, Vec<Held>>,
    /// Those of all workers.
    of_all: Vec<Held>,
}

/// A section of the test file, by its place among all of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) rank: Rank,
    /// The name that it would have in a worker file.
    pub(super) name: &'static str,
    pub(super) section: usize,
}

/// The parts of a section's name.
pub(super) struct Parts<'a> {
    /// Before the colon: a worker, a range, or `*`.
    pub(super) selector: &'a str,
    /// Behind it: the name that the section would have in a worker file.
    pub(super) name: &'static str,
}

impl Parts<'_> {
    /// The name of the section as it is to be written.
    pub(super) fn written(&self) -> String {
        format!("{}:{}", self.selector, self.name)
    }
}

/// The parts of a section's name if it is one for workers, in whatever case its last part is written.
pub(super) fn parts(section: &str) -> Option<Parts<'_>> {
    let (selector, name) = section.rsplit_once(':')?;
    let name = WORKER_FILE.into_iter().find(|known| known.eq_ignore_ascii_case(name.trim()))?;
    Some(Parts { selector: selector.trim(), name })
}

/// A hint for a section of a test file that is unknown, but was probably meant to be for workers.
pub(super) fn hint(section: &str) -> Option<String> {
    if let Some((selector, name)) = section.rsplit_once(':') {
        let meant = nearest::nearest(name.trim(), WORKER_FILE)?;
        return Some(format!("did you mean {}?", quoted_section(&format!("{}:{meant}", selector.trim()))));
    }
    let name = WORKER_FILE_ONLY.into_iter().find(|known| known.eq_ignore_ascii_case(section))?;
    Some(format!("write `[WORKER:{name}]` or `[*:{name}]`"))
}

/// All sections of a test file that are for workers, each with the name that it would have in a worker file.
pub(super) fn all(test: &Document) -> impl Iterator<Item = (&Section, &'static str)> {
    test.sections.iter().filter_map(|section| Some((section, parts(&section.name)?.name)))
}

impl WorkerSections {
    /// Adds a section for all workers, or for one.
    pub(super) fn add(&mut self, worker: Option<&Worker>, held: Held) {
        match worker {
            Some(worker) => self.of_worker.entry(worker.name.to_string()).or_default().push(held),
            None => self.of_all.push(held),
        }
    }

    /// Removes the sections of this name that a worker has by ranges.
    pub(super) fn remove_ranges(&mut self, worker: &Worker, name: &str) {
        if let Some(held) = self.of_worker.get_mut(worker.name.as_str()) {
            held.retain(|held| held.rank != Rank::Range || held.name != name);
        }
    }

    /// The sections of this name that hold for a worker, the most specific first. `own` is that of its own file.
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
        // Of two with equal rank, which has been reported, the first is as good as any.
        rank::holding(name, of_test.chain(of_file).collect()).unwrap_or_else(|(first, _)| vec![first])
    }

    /// All sections of this name that are for a worker.
    pub(super) fn candidates(&self, worker: &Worker, name: &str) -> impl Iterator<Item = &Held> {
        let of_worker = self.of_worker.get(worker.name.as_str()).into_iter().flatten();
        of_worker.chain(&self.of_all).filter(move |held| held.name == name)
    }
}
