//! The player's current folder, in which its steps start when `directory` names no other.

use std::path::{Path, PathBuf};

/// Where the current folder was, if it has been deleted.
pub(super) fn deleted() -> Option<PathBuf> {
    const DELETED: &str = " (deleted)";
    let is_gone = std::env::current_dir().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let link = std::fs::read_link("/proc/self/cwd").ok().filter(|_| is_gone)?;
    let text = link.to_string_lossy();
    Some(PathBuf::from(text.strip_suffix(DELETED).unwrap_or(&text)))
}

/// What is said when it was.
pub(super) fn warning() -> Option<String> {
    let folder = deleted()?;
    Some(format!(
        "the player's current folder `{}` was deleted, and steps start there unless `directory` names another; \
         start the player anew, in a folder that exists",
        folder.display()
    ))
}

/// A folder that may be relative, as people can find it.
pub(super) fn absolute(folder: &str) -> String {
    let path = Path::new(folder);
    if path.is_absolute() {
        return folder.to_owned();
    }
    let here = deleted().or_else(|| std::env::current_dir().ok());
    here.map_or_else(|| folder.to_owned(), |here| here.join(path).to_string_lossy().into_owned())
}
