//! Reads the files of a configuration. Each file is read once, even under several names.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{DEFAULT, Diagnostics, Document, Entry, Lint, Place, Reason, Source, Span, Text, quoted_path, reader};
use crate::model::words;

/// The largest file that is read: more is not a configuration.
const MAX_FILE: u64 = 16 << 20;

/// An input to check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// A text that is not in a file, or the error of reading it, and its name in findings and test files.
    Text(PathBuf, Result<Vec<u8>, String>),
}

impl Input {
    /// Reads a text to its end, unless it is larger than a file may be.
    pub fn read(name: &Path, input: impl Read) -> Self {
        Self::Text(name.to_owned(), bytes(input, 0).map_err(|error| words(&error)))
    }
}

/// The files that have been read.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The result for each name: the document, or why it cannot be read.
    known: HashMap<PathBuf, Result<Arc<Document>, String>>,
    /// Files by device and inode number, which show that two names refer to the same file.
    identities: HashMap<(u64, u64), Arc<Document>>,
    documents: Vec<Arc<Document>>,
    count: usize,
}

impl Files {
    /// Reads an input of the command line.
    pub(super) fn input(&mut self, input: &Input, diagnostics: &mut Diagnostics) -> Option<Arc<Document>> {
        let path = match input {
            Input::File(path) => path,
            Input::Text(path, text) => {
                if !self.known.contains_key(path) {
                    let read = text.clone().map(|bytes| self.add(path, bytes, diagnostics));
                    self.known.insert(path.clone(), read);
                }
                path
            }
        };
        self.read(path, None, diagnostics)
    }

    /// Reads a file, and reports mistakes in its lines. `referred` is the place that names the file, if any.
    pub(super) fn read(
        &mut self,
        path: &Path,
        referred: Option<&Place>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Document>> {
        if !self.known.contains_key(path) {
            let read = self.load(path, referred.is_some(), diagnostics);
            self.known.insert(path.to_owned(), read.map_err(|error| words(&error)));
        }
        let why = match self.known.get(path)? {
            Ok(document) => return Some(Arc::clone(document)),
            Err(why) => why,
        };
        let which = if referred.is_some() { "the file, which is named here," } else { "the file" };
        let hint = format!("make sure that {which} exists and can be read");
        let reason = Reason::new(Lint::UnreadableFile, format!("cannot read {}: {why}", quoted_path(path)), hint);
        self.count += 1;
        diagnostics.push(match referred {
            None => reason.of_file(path, self.count),
            Some(place) => reason.at(place.clone()),
        });
        None
    }

    /// Returns whether a file with this name may exist.
    pub(super) fn may_be_there(&self, path: &Path) -> bool {
        // If that cannot be determined, reading the file reports why.
        self.known.contains_key(path) || !matches!(path.try_exists(), Ok(false))
    }

    /// Returns whether a regular file with this name exists.
    pub(super) fn is_there(&self, path: &Path) -> bool {
        self.known.contains_key(path) || path.is_file()
    }

    /// Returns all files that were read.
    pub(super) fn documents(&self) -> &[Arc<Document>] {
        &self.documents
    }

    fn load(&mut self, path: &Path, is_referred: bool, found: &mut Diagnostics) -> io::Result<Arc<Document>> {
        let (file, metadata) = open(path, is_referred)?;
        let identity = (metadata.dev(), metadata.ino());
        if let Some(known) = self.identities.get(&identity).filter(|_| metadata.is_file()) {
            return Ok(Arc::clone(known));
        }
        let document = self.add(path, bytes(file, metadata.len())?, found);
        if metadata.is_file() {
            self.identities.insert(identity, Arc::clone(&document));
        }
        Ok(document)
    }

    fn add(&mut self, path: &Path, bytes: Vec<u8>, diagnostics: &mut Diagnostics) -> Arc<Document> {
        self.count += 1;
        let source = Arc::new(Source::new(path, self.count, bytes));
        let document = Arc::new(reader::read(&source, diagnostics));
        self.documents.push(Arc::clone(&document));
        document
    }
}

/// Opens a file without waiting for the other end of a pipe. Only the command line may name something other than a
/// regular file: then, the user decides when to provide its contents.
fn open(path: &Path, is_referred: bool) -> io::Result<(File, Metadata)> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = File::options().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if is_referred && (kind.is_fifo() || kind.is_char_device() || kind.is_block_device()) {
        return Err(io::Error::other("it is a pipe or a device"));
    }
    rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::empty())?;
    Ok((file, metadata))
}

/// Reads everything, up to the size limit.
fn bytes(input: impl Read, expected: u64) -> io::Result<Vec<u8>> {
    let capacity = usize::try_from(expected.min(MAX_FILE)).unwrap_or(0);
    let mut bytes = Vec::with_capacity(capacity + 1);
    input.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(io::Error::other(format!("it is larger than {} MiB", MAX_FILE >> 20)));
    }
    Ok(bytes)
}

/// Converts the definitions of the command line to a document with only `[DEFAULT]`; a later one takes precedence.
pub(super) fn defines(definitions: &[(String, String)]) -> Document {
    let lines = definitions.iter().map(|(name, value)| [name, "=", value, "\n"].concat()).collect::<String>();
    let source = Arc::new(Source::verbatim(Path::new("<command line>"), 0, lines));
    let mut document = Document::new(&source);
    let section = document.open(DEFAULT, Span::new(0, 0));
    let mut at = source.text().len();
    for (name, value) in definitions.iter().rev() {
        at -= name.len() + value.len() + 2;
        let key_span = Span::new(at, at + name.len());
        let value = Text::new(&source, Span::new(key_span.end + 1, key_span.end + 1 + value.len()));
        document.sections[section].add(Entry::new(name, key_span, value));
    }
    document
}
