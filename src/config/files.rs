//! Reads the files of one test, each once.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Diagnostics, quoted_path};
use super::notes;
use super::reader::{self, DEFAULT, Document, Entry, Section};
use super::source::{Place, Source};
use super::text::Text;

/// The largest file that is read: more is no configuration.
const MAX_FILE: u64 = 64 << 20;

/// The files that were read so far.
#[derive(Debug, Default)]
pub(super) struct Files {
    known: HashMap<PathBuf, Result<Arc<Document>, String>>,
    count: usize,
}

impl Files {
    /// Reads a file, and reports what is wrong with its lines. `referred` is the place that names it, if one does.
    pub(super) fn read(
        &mut self,
        path: &Path,
        referred: Option<&Place>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Arc<Document>> {
        if !self.known.contains_key(path) {
            self.count += 1;
            let read = load(path).map(|bytes| document(path, self.count, &bytes, diagnostics));
            self.known.insert(path.to_owned(), read);
        }
        match self.known.get(path)? {
            Ok(document) => Some(Arc::clone(document)),
            Err(problem) => {
                let message = format!("can't read {}: {problem}", quoted_path(path));
                diagnostics.push(match referred {
                    Some(place) => Diagnostic::error("unreadable-file", place.clone(), message)
                        .hint("it is named here; the file must be there, and be readable"),
                    None => Diagnostic::file_error("unreadable-file", path, message)
                        .hint("the file must be there, and be readable"),
                });
                None
            }
        }
    }
}

fn load(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes));
    read.map_err(|error| reason(&error))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {} MiB", MAX_FILE >> 20));
    }
    Ok(bytes)
}

/// The system's words for an error, without its number.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

fn document(path: &Path, order: usize, bytes: &[u8], diagnostics: &mut Diagnostics) -> Arc<Document> {
    let source = Arc::new(Source::new(path, order, bytes));
    let (document, problems) = reader::read(&source);
    for problem in &problems {
        diagnostics.push(notes::diagnostic(&source, problem));
    }
    Arc::new(document)
}

/// The definitions of the command line, as a document with nothing but `[DEFAULT]`; a later one wins.
pub(super) fn defines(definitions: &[(String, String)]) -> Document {
    let lines = definitions.iter().map(|(name, value)| [name, "=", value, "\n"].concat()).collect::<String>();
    let source = Arc::new(Source::new(Path::new("<command line>"), 0, lines.as_bytes()));
    let mut section = Section::new(DEFAULT, (0..0).into());
    let mut at = 0;
    let mut entries = Vec::new();
    for (name, value) in definitions {
        let mut text = Text::new(&source, at + name.len() + 1);
        text.push_exact(value, at + name.len() + 1);
        let key_span = (at..at + name.len()).into();
        entries.push(Entry { key: name.to_lowercase(), written_key: name.clone(), key_span, value: text });
        at += name.len() + value.len() + 2;
    }
    for entry in entries.into_iter().rev() {
        section.add(entry);
    }
    Document { source, sections: vec![section] }
}
