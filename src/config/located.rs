//! A worker of a test with its file, and the scope of its settings.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::interpolate::Addresses;
use super::scope::{self, Context, OfTest};
use super::{Document, Scope, workers};

/// A worker whose file was found and read.
#[derive(Clone)]
pub(super) struct Located<'w> {
    pub(super) of: OfTest<'w>,
    /// The path of its file; if it has none, that of the test file.
    pub(super) path: PathBuf,
    /// The contents of its file, if it has one.
    pub(super) document: Option<Arc<Document>>,
}

impl Located<'_> {
    /// Creates the scope of the worker.
    pub(super) fn scope<'s>(
        &'s self,
        defines: &'s Document,
        addresses: &'s Addresses,
        context: &'s mut Context,
    ) -> Scope<'s> {
        let OfTest { test, worker, .. } = self.of;
        let mut scope = Scope::new(self.document.as_deref().unwrap_or(test), defines, context);
        scope.of_test = Some(self.of);
        scope.predefined = workers::of_worker(worker.name.as_str(), worker.index);
        scope.addresses = Some(addresses);
        if self.document.is_some() {
            scope.required.extend(scope::required(test));
        }
        scope
    }
}

/// Returns the possible paths of a worker file: in the folder of the test file, or else in the current folder.
pub(super) fn paths(test: &Document, name: &str) -> Vec<PathBuf> {
    let folder = test.source.path().parent().unwrap_or(Path::new(""));
    let mut paths = vec![folder.join(name), PathBuf::from(name)];
    paths.dedup();
    paths
}
