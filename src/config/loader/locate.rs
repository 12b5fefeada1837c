//! Finds the files of workers and their addresses.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Loader;
use crate::config::interpolate::Addresses;
use crate::config::located::{Located, paths};
use crate::config::scope::{Context, OfTest};
use crate::config::worker::{FileName, Worker};
use crate::config::{Diagnostic, Document, Lint, Place, quoted, quoted_path, worker_file};

impl Loader {
    /// Finds and reads the file of a worker, if it has one. Returns `None` if that failed, after reporting it.
    pub(in crate::config) fn locate<'w>(&mut self, of: OfTest<'w>) -> Option<Located<'w>> {
        let (path, document) = match &of.worker.file {
            FileName::Unknown => return None,
            FileName::Absent => (of.test.source.path().to_owned(), None),
            FileName::Named(name, place) => {
                let path = self.find(of.test, name, place)?;
                let document = self.files.read(&path, Some(place), &mut self.context.diagnostics)?;
                self.in_tests.insert(document.source.order());
                (path, Some(document))
            }
        };
        Some(Located { of, path, document })
    }

    /// Finds the addresses of all workers. An address can refer to that of another worker, which is then found first.
    pub(in crate::config) fn addresses(
        &mut self,
        all: &[OfTest<'_>],
        chosen: &[&Worker],
        located: &[Located<'_>],
    ) -> Addresses {
        const MOST_ROUNDS: usize = 10;
        let mut open: Vec<(Located<'_>, bool)> = located.iter().map(|located| (located.clone(), true)).collect();
        // Find the other workers' addresses, too, if their files can be read. Errors in these files do not matter.
        if chosen.len() < all.len() {
            let chosen: HashSet<_> = chosen.iter().map(|worker| worker.name.as_str()).collect();
            let so_far = std::mem::take(&mut self.context.diagnostics);
            let others = all.iter().filter(|of| !chosen.contains(of.worker.name.as_str()));
            open.extend(others.filter_map(|of| Some((self.locate(*of)?, false))));
            self.context.diagnostics = so_far;
        }
        // A chosen worker that could not be located was reported. Its address counts as known.
        let mut addresses = Addresses::new();
        if located.len() < chosen.len() {
            addresses.extend(chosen.iter().map(|worker| (worker.name.as_str().to_lowercase(), None)));
        }
        // Mistakes are reported later, when the settings are read again with all addresses.
        let mut context = Context::default();
        for _ in 0..MOST_ROUNDS {
            let before = open.len();
            open.retain(|(located, is_chosen)| {
                let mut scope = located.scope(&self.defines, &addresses, &mut context);
                if !is_chosen {
                    scope.required.clear();
                }
                let player = worker_file::coordinator(&mut scope).player;
                let is_unset = scope.predefined.iter().any(|(name, value)| *name == "player" && value.is_none());
                let is_open = !is_unset && player.is_empty();
                if !is_open {
                    let name = located.of.worker.name.as_str().to_lowercase();
                    addresses.insert(name, (!is_unset).then_some(player));
                }
                is_open
            });
            if open.is_empty() || open.len() == before {
                break;
            }
        }
        addresses
    }

    /// Finds the worker file with this name: in the folder of the test file, or else in the current folder.
    fn find(&mut self, test: &Document, name: &str, place: &Place) -> Option<PathBuf> {
        let paths = paths(test, name);
        let there: Vec<_> = paths.iter().filter(|path| self.files.may_be_there(path)).collect();
        if let [beside, here] = there[..]
            && are_different(beside, here)
        {
            let message = format!("{} exists in the folder of the test file and in the current folder", quoted(name));
            let hint = format!("{} is used", quoted_path(beside));
            self.context.diagnostics.push(Diagnostic::new(Lint::AmbiguousFile, place.clone(), message, hint));
        }
        if let Some(found) = there.first() {
            return Some((*found).clone());
        }
        let message = format!("there is no worker file {}", quoted(name));
        let hint = match paths.as_slice() {
            [beside, _] => {
                format!(
                    "create the file, or correct the name; conductor looks for {}, then for {} in the current folder",
                    quoted_path(beside),
                    quoted(name)
                )
            }
            _ => "create the file, or correct the name; it is relative to the current folder".to_owned(),
        };
        self.context.diagnostics.push(Diagnostic::new(Lint::UnreadableFile, place.clone(), message, hint));
        None
    }
}

fn are_different(left: &Path, right: &Path) -> bool {
    matches!((left.canonicalize(), right.canonicalize()), (Ok(left), Ok(right)) if left != right)
}
