//! Moves aside what partial attempts at trials left in the folder of a run, before the trials are run again.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};

use super::disk::{Disk, OUTPUTS};

/// The name of the folder, next to that of its trial, with the files of an attempt that was repeated.
pub(crate) fn aside(trial: &str, attempt: u32) -> OsString {
    format!("{trial}.attempt-{attempt}").into()
}

/// The attempts and folders found for a trial.
#[derive(Debug, Default)]
struct Found {
    /// The latest attempt that is recorded, or has files that were moved aside.
    attempt: u32,
    /// The latest attempt whose files were moved aside.
    aside: u32,
    /// The folders that contain a folder of this trial.
    folders: Vec<Vec<OsString>>,
}

/// Moves aside the files of the trials that are to be run, and returns the next attempt at each of them that has begun
/// before. `recorded` contains the last attempt at each trial.
///
/// # Errors
///
/// Returns an error if a folder cannot be read or moved.
pub(crate) fn set_aside(
    disk: &dyn Disk,
    recorded: &BTreeMap<u32, u32>,
    is_due: impl Fn(u32) -> bool,
) -> io::Result<BTreeMap<u32, u32>> {
    let mut found: BTreeMap<u32, Found> = BTreeMap::new();
    for (trial, attempt) in recorded {
        found.entry(*trial).or_default().attempt = *attempt;
    }
    for folder in [vec![OUTPUTS.into()], Vec::new()] {
        let entries = match disk.entries(&folder) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for (trial, attempt) in entries.folders.iter().filter_map(|name| read(name)) {
            let of_trial = found.entry(trial).or_default();
            match attempt {
                Some(attempt) => of_trial.aside = of_trial.aside.max(attempt),
                None => of_trial.folders.push(folder.clone()),
            }
        }
    }
    found.retain(|trial, _| is_due(*trial));
    for (trial, of_trial) in &mut found {
        // An attempt can have files without being recorded, after a power cut.
        let with_files = of_trial.aside + u32::from(!of_trial.folders.is_empty());
        of_trial.attempt = of_trial.attempt.max(with_files);
        let name = format!("trial-{trial}");
        for folder in &of_trial.folders {
            disk.rename(folder, OsStr::new(&name), &aside(&name, of_trial.attempt))?;
            disk.sync_folder(folder)?;
        }
    }
    Ok(found.into_iter().map(|(trial, of_trial)| (trial, of_trial.attempt + 1)).collect())
}

/// Parses the name of a trial's folder: the trial, and the attempt if the folder was moved aside.
fn read(name: &OsStr) -> Option<(u32, Option<u32>)> {
    let name = name.to_str()?.strip_prefix("trial-")?;
    match name.split_once(".attempt-") {
        Some((trial, attempt)) => Some((trial.parse().ok()?, Some(attempt.parse().ok()?))),
        None => Some((name.parse().ok()?, None)),
    }
}
