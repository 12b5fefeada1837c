//! What the record of a run needs from its disk to survive a power cut.
//!
//! A trial is done when its end is in the journal, `events.jsonl`. [`keep_trial`] is called before that line is
//! written: it waits until the files of the trial are on disk, then the folders that contain them, from the inside out.
//! Tests have a simulated disk, which loses everything that was not synced.

#[cfg(test)]
pub(crate) mod simulated;

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, fsync, openat, renameat_with, statat, syncfs};
use rustix::io::Errno;

use super::results_folder::ResultsFolder;

/// The folder with the output of the steps of all trials.
pub(super) const OUTPUTS: &str = "outputs";

/// A path below the folder of a run, as components. An empty path is that folder itself.
pub(crate) type Parts<'a> = &'a [OsString];

/// The disk that the folder of a run is on.
pub(crate) trait Disk: Send {
    /// Returns the names of the files and of the folders in a folder, and nothing else.
    fn entries(&self, folder: Parts<'_>) -> io::Result<Entries>;

    /// Waits until the contents of the file are on disk.
    fn sync_file(&self, file: Parts<'_>) -> io::Result<()>;

    /// Waits until the names in the folder are on disk.
    fn sync_folder(&self, folder: Parts<'_>) -> io::Result<()>;

    /// Waits until everything that was written is on disk.
    fn sync_all(&self) -> io::Result<()>;

    /// Waits until the name of the run's own folder, and the names of the folders created for it, are on disk.
    fn sync_above(&self) -> io::Result<()>;

    /// Renames something within a folder. It is an error if the new name exists.
    fn rename(&self, folder: Parts<'_>, from: &OsStr, to: &OsStr) -> io::Result<()>;
}

/// The contents of a folder.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    pub(crate) files: Vec<OsString>,
    pub(crate) folders: Vec<OsString>,
}

/// Waits until these files in the folder of a run, and that folder, are on disk. Files that do not exist are ignored.
///
/// # Errors
///
/// Returns an error if they cannot be synced.
pub(crate) fn keep_files(disk: &dyn Disk, files: &[&str]) -> io::Result<()> {
    files.iter().try_for_each(|file| there(disk.sync_file(&[file.into()])))?;
    disk.sync_folder(&[])?;
    disk.sync_above()
}

/// Waits until everything that a trial left is on disk: its files, and then its folders up to that of the run. Calls
/// `went_on` after each file or folder.
///
/// # Errors
///
/// Returns an error if something cannot be synced.
pub(crate) fn keep_trial(disk: &dyn Disk, trial: u32, went_on: &dyn Fn()) -> io::Result<()> {
    // If files or folders may not be read, or no more can be opened, sync the whole disk.
    keep_each(disk, trial, went_on).or_else(|_| disk.sync_all())
}

fn keep_each(disk: &dyn Disk, trial: u32, went_on: &dyn Fn()) -> io::Result<()> {
    let own = OsString::from(format!("trial-{trial}"));
    keep_tree(disk, vec![OUTPUTS.into(), own.clone()], went_on)?;
    keep_tree(disk, vec![own], went_on)?;
    there(disk.sync_folder(&[OUTPUTS.into()]))?;
    disk.sync_folder(&[])
}

/// Waits until everything in this folder, if it exists, is on disk.
fn keep_tree(disk: &dyn Disk, root: Vec<OsString>, went_on: &dyn Fn()) -> io::Result<()> {
    let inside = |folder: &[OsString], name| [folder, &[name]].concat();
    let mut folders = vec![root];
    let mut next = 0;
    while let Some(folder) = folders.get(next).cloned() {
        next += 1;
        let Entries { files, folders: inner } = match disk.entries(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries?,
        };
        // A file that has disappeared was a temporary one.
        for name in files {
            there(disk.sync_file(&inside(&folder, name)))?;
            went_on();
        }
        folders.extend(inner.into_iter().map(|name| inside(&folder, name)));
    }
    folders.iter().rev().try_for_each(|folder| there(disk.sync_folder(folder)).inspect(|()| went_on()))
}

/// Ignores that something does not exist: it need not be kept.
fn there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

impl Disk for ResultsFolder {
    fn entries(&self, folder: Parts<'_>) -> io::Result<Entries> {
        let folder = self.open_folder(folder)?;
        let mut entries = Entries::default();
        for entry in Dir::read_from(&folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let kind = match entry.file_type() {
                FileType::Unknown => statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW)
                    .map_or(FileType::Unknown, |found| FileType::from_raw_mode(found.st_mode)),
                known => known,
            };
            let name = OsStr::from_bytes(name.to_bytes()).to_owned();
            match kind {
                FileType::RegularFile => entries.files.push(name),
                FileType::Directory if name != "." && name != ".." => entries.folders.push(name),
                _ => {}
            }
        }
        Ok(entries)
    }

    fn sync_file(&self, file: Parts<'_>) -> io::Result<()> {
        supported(fsync(self.open_file(file, OFlags::RDONLY)?))
    }

    fn sync_all(&self) -> io::Result<()> {
        supported(syncfs(&self.folder))
    }

    fn sync_folder(&self, folder: Parts<'_>) -> io::Result<()> {
        supported(fsync(self.open_folder(folder)?))
    }

    fn sync_above(&self) -> io::Result<()> {
        let own = self.open_folder(&[])?;
        // The name of each folder that was created for it is in the folder above.
        (1..=self.made + 1).try_for_each(|levels| {
            let above = vec![".."; levels].join("/");
            let above = openat(&own, above, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
            // A folder that may be searched but not read cannot be opened. Its disk has the name within seconds all the
            // same.
            above.map_or(Ok(()), |above| supported(fsync(above)))
        })
    }

    fn rename(&self, folder: Parts<'_>, from: &OsStr, to: &OsStr) -> io::Result<()> {
        let folder = self.open_folder(folder)?;
        Ok(renameat_with(&folder, from, &folder, to, RenameFlags::NOREPLACE)?)
    }
}

/// Ignores errors of file systems that do not support syncing.
fn supported(done: Result<(), Errno>) -> io::Result<()> {
    match done {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP | Errno::ROFS) => Ok(()),
        done => Ok(done?),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::simulated::SimulatedDisk;
    use super::*;

    fn path(text: &str) -> Vec<OsString> {
        text.split('/').map(OsString::from).collect()
    }

    const LEFT: [&str; 4] =
        ["outputs/trial-2/w/run-01-s.stdout", "outputs/trial-2/check.stdout", "trial-2/w/a/b/c", "trial-2/w/d"];

    #[test]
    fn what_a_trial_left_survives_a_power_cut_and_nothing_of_it_if_it_was_not_kept() {
        for (keep, expected) in [(true, 4), (false, 0)] {
            let disk = SimulatedDisk::new(1000);
            for file in LEFT {
                disk.append(&path(file), file.as_bytes()).unwrap();
            }
            if keep {
                let steps = Cell::new(0);
                keep_trial(&disk, 2, &|| steps.set(steps.get() + 1)).unwrap();
                // Each file, and each of the six folders that hold them.
                assert_eq!(steps.get(), LEFT.len() + 6);
            }
            // Nothing survives by chance.
            let after = disk.cut(1000, |below| below - 1);
            let whole = LEFT.iter().filter(|file| after.read(&path(file)).is_ok_and(|read| read == file.as_bytes()));
            assert_eq!(whole.count(), expected);
        }
    }

    #[test]
    fn the_folders_that_are_made_for_a_run_are_kept_too() {
        let there = tempfile::tempdir().unwrap();
        let results = there.path().join("a/b/results");
        let first = ResultsFolder::make(&results, "one").unwrap();
        assert_eq!(first.made, 3);
        keep_files(&first, &[]).unwrap();
        assert_eq!(ResultsFolder::make(&results, "two").unwrap().made, 0);
        let (path, error) = ResultsFolder::make(&results, "two").unwrap_err();
        assert_eq!((path, error.kind()), (results.join("two"), ErrorKind::AlreadyExists));
    }

    #[test]
    fn what_cannot_be_opened_is_kept_with_everything_else() {
        let run = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", run.path().join("outputs")).unwrap();
        let folder = ResultsFolder::open(run.path()).unwrap();
        assert!(keep_each(&folder, 1, &|| {}).is_err());
        keep_trial(&folder, 1, &|| {}).unwrap();
    }

    #[test]
    fn a_trial_that_left_nothing_needs_no_files() {
        keep_trial(&SimulatedDisk::new(1000), 1, &|| {}).unwrap();
        let run = tempfile::tempdir().unwrap();
        keep_trial(&ResultsFolder::open(run.path()).unwrap(), 1, &|| {}).unwrap();
    }

    #[test]
    fn a_real_folder_has_its_files_and_folders_and_neither_links_nor_pipes() {
        let run = tempfile::tempdir().unwrap();
        let inside = run.path().join("outputs/trial-1");
        std::fs::create_dir_all(inside.join("w")).unwrap();
        std::fs::write(inside.join("check.stdout"), "x").unwrap();
        std::os::unix::fs::symlink("/", inside.join("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, inside.join("pipe"), Mode::from_raw_mode(0o600)).unwrap();
        let folder = ResultsFolder::open(run.path()).unwrap();
        let expected = Entries { files: path("check.stdout"), folders: path("w") };
        assert_eq!(folder.entries(&path("outputs/trial-1")).unwrap(), expected);
        keep_trial(&folder, 1, &|| {}).unwrap();
        keep_files(&folder, &["no-such-file"]).unwrap();
    }
}
