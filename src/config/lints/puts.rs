//! `put:`: the file must exist when the test is loaded.

use std::fs::File;
use std::path::Path;

use crate::config::{Lint, Place, Scope, quoted};
use crate::model::words;

/// Reports a file that does not exist or cannot be read. Its name is relative to `folder`.
pub(in crate::config) fn check(scope: &mut Scope<'_>, folder: &Path, local: &Path, place: Place) {
    let path = folder.join(local);
    let why = match path.metadata() {
        Ok(found) if found.is_file() => File::open(&path).err().map(|error| words(&error)),
        Ok(found) if found.is_dir() => Some("it is a folder".to_owned()),
        Ok(_) => Some("it is not a regular file".to_owned()),
        Err(error) => Some(words(&error)),
    };
    if let Some(why) = why {
        let message = format!("cannot send the file {}: {why}", quoted(&local.to_string_lossy()));
        let hint = "its name is relative to the file in which it stands; `put:` sends one regular file";
        scope.report(Lint::UnreadableFile, place, message, hint);
    }
}
