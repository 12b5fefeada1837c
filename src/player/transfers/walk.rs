//! Finds the files of a pattern, one after another, in the order of their names. Each folder is read once.

use std::ffi::{OsStr, OsString};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::model::{FilePattern, PatternComponent, on_one_line, words};
use crate::player::step_image;

/// The result of one step of the search.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A file: its path, and its path relative to the fixed part of the pattern.
    File(PathBuf, PathBuf),
    /// No file yet.
    Nothing,
    /// There are no more files.
    End,
}

/// The search for the files of a pattern.
#[derive(Debug)]
pub(super) struct Walk {
    text: String,
    pattern: FilePattern,
    /// The candidates that have not been checked, in reverse order.
    stack: Vec<Candidate>,
    any_file: bool,
    any_folder: bool,
    /// The first error.
    error: Option<String>,
}

/// A file or folder that may match the pattern or contain matches, with the components that may come next. Those
/// reached through `**` do not apply to links.
#[derive(Debug)]
struct Candidate {
    name: PathBuf,
    arrived: Vec<usize>,
    through: Vec<usize>,
}

impl Walk {
    /// Creates a search for this pattern.
    ///
    /// # Errors
    ///
    /// Returns an error if no file can match it.
    pub(super) fn new(text: &str, directory: Option<&str>) -> Result<Self, String> {
        let pattern = FilePattern::new(text, directory).map_err(|(what, hint)| format!("{what}: {hint}"))?;
        if let Some(directory) = directory.filter(|_| !text.starts_with('/')) {
            // `.` also shows whether the folder can be entered.
            let entered = std::fs::metadata(Path::new(directory).join("."));
            entered.map_err(|error| step_image::not_entered(directory, &error))?;
        }
        let mut walk =
            Self { text: text.to_owned(), pattern, stack: Vec::new(), any_file: false, any_folder: false, error: None };
        let mut first = Vec::new();
        walk.arrive(0, &mut first);
        walk.enter(Path::new(""), &first);
        Ok(walk)
    }

    /// Continues the search with one candidate.
    pub(super) fn step(&mut self) -> Found {
        let Some(candidate) = self.stack.pop() else { return Found::End };
        let path = self.pattern.fixed.join(&candidate.name);
        let metadata = match std::fs::metadata(&path) {
            Ok(metadata) => metadata,
            // It was deleted, or it is a broken link.
            Err(error) if error.kind() == ErrorKind::NotFound => return Found::Nothing,
            Err(error) => return self.fail(&path, &words(&error)),
        };
        let end = self.pattern.components.len();
        let is_meant = candidate.arrived.contains(&end) || candidate.through.contains(&end);
        if metadata.is_dir() {
            self.any_folder |= candidate.arrived.contains(&end);
            let mut next = candidate.arrived;
            if !path.is_symlink() {
                next.extend(candidate.through.into_iter().filter(|state| !next.contains(state)).collect::<Vec<_>>());
            }
            next.retain(|state| *state < end);
            if !next.is_empty() {
                self.enter(&candidate.name, &next);
            }
        } else if is_meant && metadata.is_file() {
            self.any_file = true;
            return Found::File(path, candidate.name);
        } else if is_meant && !self.pattern.is_wild() {
            return self.fail(&path, "it is not a regular file");
        }
        Found::Nothing
    }

    /// Returns why the search has failed, if it has.
    pub(super) fn failure(&self) -> Option<String> {
        let text = on_one_line(&self.text);
        match &self.error {
            Some(error) => Some(error.clone()),
            None if self.any_file => None,
            None if self.any_folder && self.pattern.is_wild() => Some(format!("only folders match `{text}`")),
            None if self.any_folder => Some(format!("`{text}` is a folder; use `{text}/*` for the files in it")),
            None if self.pattern.is_wild() => Some(format!("no file matches `{text}`")),
            None => Some(format!("there is no file `{text}`")),
        }
    }

    fn fail(&mut self, path: &Path, why: &str) -> Found {
        self.error.get_or_insert_with(|| format!("`{}`: {why}", on_one_line(&path.to_string_lossy())));
        Found::Nothing
    }

    /// Pushes the matching entries of a folder to the stack.
    fn enter(&mut self, folder: &Path, states: &[usize]) {
        let at = self.pattern.fixed.join(folder);
        let components = &self.pattern.components;
        let mut names: Vec<OsString> = Vec::new();
        let known = states.iter().map(|state| components[*state].name());
        if let Some(known) = known.collect::<Option<Vec<_>>>() {
            // If the names are known, do not read the folder: it may be possible to enter it but not to read it.
            names.extend(known.into_iter().map(OsString::from));
        } else {
            match std::fs::read_dir(&at) {
                Ok(entries) => names.extend(entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name()))),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    self.fail(&at, &words(&error));
                }
            }
        }
        names.sort_unstable();
        names.dedup();
        for name in names.into_iter().rev() {
            let candidate = self.candidate(folder, &name, states);
            if !candidate.arrived.is_empty() || !candidate.through.is_empty() {
                self.stack.push(candidate);
            }
        }
    }

    fn candidate(&self, folder: &Path, name: &OsStr, states: &[usize]) -> Candidate {
        let mut candidate = Candidate { name: folder.join(name), arrived: Vec::new(), through: Vec::new() };
        for state in states {
            let component = &self.pattern.components[*state];
            if !component.fits(name) {
                continue;
            }
            if *component == PatternComponent::Any {
                self.arrive(*state, &mut candidate.through);
                if *state + 1 == self.pattern.components.len() {
                    candidate.through.push(*state + 1);
                }
            } else {
                self.arrive(*state + 1, &mut candidate.arrived);
            }
        }
        candidate
    }

    /// Adds a component that may come next, and the one after it if it is a `**`, which may match no folder.
    fn arrive(&self, state: usize, states: &mut Vec<usize>) {
        if !states.contains(&state) {
            states.push(state);
        }
        let components = &self.pattern.components;
        if components.get(state) == Some(&PatternComponent::Any) && state + 1 < components.len() {
            self.arrive(state + 1, states);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, file).unwrap();
        }
        folder
    }

    fn found(folder: &Path, pattern: &str) -> (Vec<String>, Option<String>) {
        let mut walk = Walk::new(pattern, folder.to_str()).unwrap();
        let mut names = Vec::new();
        loop {
            match walk.step() {
                Found::File(path, name) => {
                    assert!(path.is_file());
                    names.push(name.to_str().unwrap().to_owned());
                }
                Found::Nothing => {}
                Found::End => return (names, walk.failure()),
            }
        }
    }

    #[test]
    fn files_are_found_in_the_order_of_their_names_and_each_once() {
        let folder = tree(&["b", "a", "x/1/a", "x/1/b/c/a", "x/2/a", "x/.hidden/a", ".dot", "x/1/.a"]);
        let names = |pattern| {
            let (names, failure) = found(folder.path(), pattern);
            assert_eq!(failure, None, "{pattern}");
            names
        };
        assert_eq!(names("*"), ["a", "b"]);
        assert_eq!(names("a"), ["a"]);
        assert_eq!(names(".*"), [".dot"]);
        assert_eq!(names("x/*/a"), ["1/a", "2/a"]);
        assert_eq!(names("x/1/a"), ["a"]);
        assert_eq!(names("x/**"), ["1/a", "1/b/c/a", "2/a"]);
        assert_eq!(names("**/a"), ["a", "x/1/a", "x/1/b/c/a", "x/2/a"]);
        assert_eq!(names("**/**/b/**/a"), ["x/1/b/c/a"]);
        assert_eq!(names("x/[2-9]/?"), ["2/a"]);
        assert_eq!(names("x/.h*/a"), [".hidden/a"]);
        assert_eq!(names("x/*/b/c/a"), ["1/b/c/a"]);
    }

    #[test]
    fn what_fits_nothing_says_so() {
        let folder = tree(&["x/a"]);
        let why = |pattern| found(folder.path(), pattern).1.unwrap();
        assert_eq!(why("*.log"), "no file matches `*.log`");
        assert_eq!(why("none/*.log"), "no file matches `none/*.log`");
        assert_eq!(why("y"), "there is no file `y`");
        assert_eq!(why("x"), "`x` is a folder; use `x/*` for the files in it");
        assert_eq!(why("*"), "only folders match `*`");
        assert_eq!(why("/dev/null"), "`/dev/null`: it is not a regular file");
    }

    #[test]
    fn links_are_followed_where_they_are_named_and_no_circle_is_gone_round() {
        let folder = tree(&["x/a"]);
        symlink("..", folder.path().join("x/up")).unwrap();
        symlink("a", folder.path().join("x/link")).unwrap();
        symlink("nowhere", folder.path().join("x/broken")).unwrap();
        assert_eq!(found(folder.path(), "**").0, ["x/a", "x/link"]);
        assert_eq!(found(folder.path(), "x/*").0, ["a", "link"]);
        assert_eq!(found(folder.path(), "x/*/x/a").0, ["up/x/a"]);
        assert_eq!(found(folder.path(), "**/up/x/a").0, ["x/up/x/a"]);
    }
}
