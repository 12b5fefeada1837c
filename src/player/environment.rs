//! The environment of a worker's steps: their variables, and the current folder of the player.

use std::collections::BTreeMap;
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Environment variables by name. Each string is created once instead of for every step: there may be many, because
/// each step gets the addresses of all workers.
#[derive(Debug, Clone, Default)]
pub(super) struct Environment(BTreeMap<Vec<u8>, Option<Rc<CStr>>>);

impl Environment {
    /// Returns the variables of this process.
    pub(super) fn inherited() -> Self {
        let mut inherited = Self::default();
        for (name, value) in std::env::vars_os() {
            inherited.set(name.into_vec(), &value.into_vec());
        }
        inherited
    }

    /// Sets a variable.
    pub(super) fn set(&mut self, name: impl Into<Vec<u8>>, value: &[u8]) {
        let name = name.into();
        let variable = CString::new([&name[..], b"=", value].concat()).ok();
        self.0.insert(name, variable.map(Rc::from));
    }

    /// Removes a variable.
    pub(super) fn remove(&mut self, name: &[u8]) {
        self.0.remove(name);
    }

    /// Returns the value of a variable.
    pub(super) fn get(&self, name: &[u8]) -> Option<&[u8]> {
        let variable = self.0.get(name)?.as_deref()?;
        variable.to_bytes().get(name.len() + 1..)
    }

    /// Returns all variables as `NAME=value`, or `None` if one contains a NUL byte, which no process can have.
    pub(super) fn variables(&self) -> Option<Vec<Rc<CStr>>> {
        self.0.values().cloned().collect()
    }
}

/// Returns the path of the current folder, if it has been deleted.
fn deleted() -> Option<PathBuf> {
    const DELETED: &str = " (deleted)";
    let is_gone = std::env::current_dir().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
    let link = std::fs::read_link("/proc/self/cwd").ok().filter(|_| is_gone)?;
    let text = link.to_string_lossy();
    Some(PathBuf::from(text.strip_suffix(DELETED).unwrap_or(&text)))
}

/// Returns a warning if the current folder has been deleted.
pub(super) fn folder_warning() -> Option<String> {
    let folder = deleted()?;
    Some(format!(
        "the player's current folder `{}` was deleted, and steps start there unless `directory` names another; \
         restart the player in a folder that exists",
        folder.display()
    ))
}

/// Returns the absolute path of a folder.
pub(super) fn absolute_folder(folder: &str) -> String {
    let path = Path::new(folder);
    if path.is_absolute() {
        return folder.to_owned();
    }
    let here = deleted().or_else(|| std::env::current_dir().ok());
    here.map_or_else(|| folder.to_owned(), |here| here.join(path).to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_set_set_anew_and_taken_away() {
        let mut environment = Environment::default();
        environment.set("PATH", b"/bin");
        environment.set("A", b"=b=");
        environment.set("PATH", b"/usr/bin");
        assert_eq!((environment.get(b"PATH"), environment.get(b"A")), (Some(&b"/usr/bin"[..]), Some(&b"=b="[..])));
        let shown = environment.variables().unwrap();
        assert_eq!(format!("{shown:?}"), r#"["A==b=", "PATH=/usr/bin"]"#);
        environment.remove(b"PATH");
        assert_eq!(environment.get(b"PATH"), None);
    }

    #[test]
    fn a_variable_that_no_process_can_have_is_an_error_until_it_is_gone() {
        let mut environment = Environment::default();
        environment.set("A", b"a\0b");
        assert!(environment.variables().is_none());
        environment.set("A", b"a");
        assert_eq!(environment.variables().map(|all| all.len()), Some(1));
    }
}
