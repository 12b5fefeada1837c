//! The scratch folders of a worker: a private, empty folder for each trial, which is removed after the trial. A folder that
//! is still empty and unchanged is reused for the next trial instead.

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::life;
use super::removal::{self, Removal, State, state};
use crate::model::{PlayerTime, on_one_line, words};
use crate::sys::clock;
use crate::wire::ScratchMessage;

/// The time limit of a removal.
const LONGEST: Duration = Duration::from_secs(20);
/// How many entries are removed before other work continues.
const ENTRIES: usize = 256;

/// A scratch folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ScratchFolder {
    path: String,
    /// Its state when it was created.
    state: State,
    /// The trial that it belongs to. In the listener's record, this can be an earlier one: a reused folder is not
    /// reported again.
    trial: u32,
    /// Whether it is kept.
    keep: bool,
    /// Whether it is being removed.
    is_ending: bool,
}

/// The scratch folders of one session.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    /// The folder of the current trial, or of the previous one.
    current: Option<ScratchFolder>,
    /// Whether the next trial can reuse it: its trial has ended, and it is unchanged.
    is_free: bool,
    /// The folders that are being removed.
    ending: Vec<Ending>,
    /// Whether a folder no longer exists, or is no longer ours, since [`Scratch::go_on`] was called.
    is_changed: bool,
    /// The warnings to report.
    pub(super) warnings: Vec<String>,
    /// The trial for which no folder could be created.
    failed: Option<u32>,
}

/// A folder that is being removed.
#[derive(Debug)]
struct Ending {
    folder: ScratchFolder,
    removal: Removal,
    end: PlayerTime,
}

impl ScratchFolder {
    /// Creates a folder for this trial of a worker. A folder that is kept has the trial in its name.
    ///
    /// # Errors
    ///
    /// Returns an error with the parent folder and the reason if it cannot be created.
    fn make(worker: &str, trial: u32, keep: bool) -> Result<Self, String> {
        let is_plain = |character: &char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-');
        let worker: String = worker.chars().filter(is_plain).take(64).collect();
        let mut why = "there is no folder for temporary files".to_owned();
        for parent in parents() {
            let prefix = if keep { format!("conductor-{worker}-{trial}-") } else { format!("conductor-{worker}-") };
            let mut builder = tempfile::Builder::new();
            let builder = builder.prefix(&prefix).permissions(Permissions::from_mode(0o700));
            let made = builder.tempdir_in(&parent).and_then(|folder| {
                let state = state(File::open(folder.path())?)?;
                Ok((folder, state))
            });
            match made {
                Ok((folder, state)) => {
                    let path = folder.keep().to_string_lossy().into_owned();
                    return Ok(Self { path, state, trial, keep, is_ending: false });
                }
                Err(error) => why = format!("`{}`: {}", on_one_line(&parent.to_string_lossy()), words(&error)),
            }
        }
        Err(format!("cannot create a scratch folder: {why}"))
    }

    /// Whether the folder is to be removed, and is still empty and unchanged.
    fn is_unused(&self) -> bool {
        !self.keep && removal::is_unused(Path::new(&self.path), &self.state).unwrap_or(false)
    }

    /// Removes the folder immediately, unless it is kept. Returns a message if something could not be removed.
    pub(super) fn remove(self) -> Option<String> {
        if self.keep || (self.is_unused() && std::fs::remove_dir(&self.path).is_ok()) {
            return None;
        }
        let mut ending = match Ending::begin(self) {
            Ok(Some(ending)) => ending,
            Ok(None) => return None,
            Err(why) => return Some(why),
        };
        while !ending.go_on() {
            life::show();
        }
        ending.failure()
    }
}

/// Removes the folders that are not kept, and logs what could not be removed.
pub(super) fn remove_all(folders: impl IntoIterator<Item = ScratchFolder>) {
    folders.into_iter().filter_map(ScratchFolder::remove).for_each(|why| tracing::warn!("{why}"));
}

/// Returns the possible parent folders, in order of preference. They must have a path that a command can use.
fn parents() -> impl Iterator<Item = PathBuf> {
    let of = |name: &str| std::env::var(name).ok().filter(|path| path.starts_with('/')).map(PathBuf::from);
    let fixed = |path: &str| Some(PathBuf::from(path));
    let all = [of("TMPDIR"), fixed("/tmp"), fixed("/var/tmp"), of("XDG_RUNTIME_DIR"), of("HOME"), fixed("/dev/shm")];
    all.into_iter().flatten()
}

impl Scratch {
    /// Takes over the folders of a session whose process died in this trial.
    pub(super) fn adopt(&mut self, folders: Vec<ScratchFolder>, trial: u32) {
        for folder in folders {
            // A folder that is kept belongs to one trial.
            if folder.is_ending || (folder.keep && folder.trial != trial) {
                self.end(folder);
            } else {
                self.current = Some(ScratchFolder { trial, ..folder });
            }
        }
    }

    /// Returns the folder of a trial, creating it if necessary, and whether the folders have changed. The folder of
    /// another trial is reused if it is free, and removed otherwise.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if the folder cannot be created.
    pub(super) fn of_trial(&mut self, trial: u32, worker: &str, what: ScratchMessage) -> Result<(&Path, bool), String> {
        let keep = what == ScratchMessage::Keep;
        let is_free = self.is_free && !keep;
        let current = self.current.as_mut().filter(|folder| folder.trial == trial || is_free);
        let is_there = current.is_some();
        if let Some(folder) = current {
            folder.trial = trial;
            self.is_free = false;
        } else {
            self.end_current();
            let made = ScratchFolder::make(worker, trial, keep);
            if let Err(why) = &made
                && self.failed.replace(trial) != Some(trial)
            {
                self.warnings.push(why.clone());
            }
            self.current = Some(made?);
        }
        let path = self.current.as_ref().map_or("", |folder| &folder.path);
        Ok((Path::new(path), !is_there))
    }

    /// Starts to remove the folder of the current trial, which has ended, unless the next trial can reuse it. If some
    /// processes of the trial are `left`, they could still write to it, so it is not reused.
    pub(super) fn end_trial(&mut self, left: bool) {
        self.is_free = !left && self.current.as_ref().is_some_and(ScratchFolder::is_unused);
        if !self.is_free {
            self.end_current();
        }
    }

    /// Starts to remove the current folder, which is no longer needed.
    pub(super) fn end_current(&mut self) {
        self.is_free = false;
        self.current.take().into_iter().for_each(|folder| self.end(folder));
    }

    /// Whether the next trial can reuse the current folder.
    pub(super) fn is_free(&self) -> bool {
        self.is_free
    }

    /// Takes the current folder if the next trial could reuse it.
    pub(super) fn take_free(&mut self) -> Option<ScratchFolder> {
        self.current.take_if(|_| self.is_free)
    }

    fn end(&mut self, folder: ScratchFolder) {
        self.is_changed = true;
        let folder = ScratchFolder { is_ending: true, ..folder };
        if folder.keep {
            // An empty folder has nothing to keep.
            if std::fs::remove_dir(&folder.path).is_err() {
                let (trial, path) = (folder.trial, on_one_line(&folder.path));
                self.warnings.push(format!("the scratch folder of trial {trial} was kept: `{path}`"));
            }
            return;
        }
        match Ending::begin(folder) {
            Ok(ending) => self.ending.extend(ending),
            Err(why) => self.warnings.push(why),
        }
    }

    /// Whether folders are being removed.
    pub(super) fn is_busy(&self) -> bool {
        !self.ending.is_empty()
    }

    /// Continues to remove folders. Returns whether the folders have changed.
    pub(super) fn go_on(&mut self) -> bool {
        let over: Vec<_> = self.ending.extract_if(.., Ending::go_on).collect();
        let is_any = std::mem::take(&mut self.is_changed) || !over.is_empty();
        self.warnings.extend(over.into_iter().filter_map(Ending::failure));
        is_any
    }

    /// Returns all folders that exist, for the listener.
    pub(super) fn folders(&self) -> Vec<ScratchFolder> {
        self.ending.iter().map(|ending| &ending.folder).chain(&self.current).cloned().collect()
    }
}

impl Ending {
    fn begin(folder: ScratchFolder) -> Result<Option<Self>, String> {
        let removal = Removal::begin(Path::new(&folder.path), folder.state.identity);
        let removal = removal.map_err(|error| not_removed(&folder, &words(&error.into())))?;
        let end = clock().plus(LONGEST);
        Ok(removal.map(|removal| Self { folder, removal, end }))
    }

    /// Removes a part of the folder. Returns whether the removal has ended.
    fn go_on(&mut self) -> bool {
        self.removal.go_on(ENTRIES) || clock() >= self.end
    }

    fn failure(self) -> Option<String> {
        let Self { folder, removal, end } = self;
        let is_late = clock() >= end && Path::new(&folder.path).exists();
        let why = removal.failure();
        let late = is_late.then(|| format!("it took longer than {}", humantime::format_duration(LONGEST)));
        why.or(late).map(|why| not_removed(&folder, &why))
    }
}

fn not_removed(folder: &ScratchFolder, why: &str) -> String {
    format!("the scratch folder `{}` was not removed completely: {why}", on_one_line(&folder.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remove_all_of(scratch: &mut Scratch) {
        scratch.end_current();
        while scratch.is_busy() {
            scratch.go_on();
        }
    }

    #[test]
    fn a_folder_is_reused_only_if_it_is_unchanged_and_no_process_is_left() {
        for (write, left, is_reused) in [(false, false, true), (true, false, false), (false, true, false)] {
            let mut scratch = Scratch::default();
            let [first, second] = [1, 2].map(|trial| {
                let (path, is_new) = scratch.of_trial(trial, "w", ScratchMessage::Remove).expect("a folder");
                let path = path.to_owned();
                assert_eq!(is_new, trial == 1 || !is_reused);
                assert_eq!(std::fs::read_dir(&path).expect("a folder").count(), 0);
                if write {
                    std::fs::write(path.join("file"), "").expect("a file");
                }
                scratch.end_trial(left);
                path
            });
            assert_eq!(first == second, is_reused);
            remove_all_of(&mut scratch);
            assert!(!first.exists() && !second.exists());
        }
    }

    #[test]
    fn the_reset_of_a_dead_session_gets_no_folder_that_was_kept_for_an_earlier_trial() {
        for (trial, keep, is_adopted) in [(2, false, true), (1, false, true), (2, true, true), (1, true, false)] {
            let folder = ScratchFolder::make("w", trial, keep).expect("a folder");
            let mut scratch = Scratch::default();
            scratch.adopt(vec![folder.clone()], 2);
            assert_eq!(scratch.current.is_some(), is_adopted);
            remove_all_of(&mut scratch);
            assert!(!Path::new(&folder.path).exists(), "an empty one is not kept");
        }
    }

    #[test]
    fn a_removal_that_takes_too_long_ends_and_says_so() {
        let folder = ScratchFolder::make("w", 3, false).expect("a folder");
        let path = folder.path.clone();
        for number in 0..=ENTRIES {
            std::fs::write(Path::new(&path).join(number.to_string()), "").expect("a file");
        }
        let mut ending = Ending::begin(folder.clone()).expect("it can be opened").expect("it is there");
        ending.end = clock();
        assert!(ending.go_on(), "it does not go on");
        let why = format!("the scratch folder `{path}` was not removed completely: it took longer than 20s");
        assert_eq!(ending.failure(), Some(why));
        assert_eq!(folder.remove(), None);
        assert!(!Path::new(&path).exists());
    }
}
