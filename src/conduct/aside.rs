//! What partial attempts at trials left in the folder of a run is moved aside before the trials are run again.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind};

use super::disk::{Disk, OUTPUTS};

/// The folder in which an attempt's files are that was made again, beside the folder of its trial.
pub(crate) fn aside(trial: &str, attempt: u32) -> OsString {
    format!("{trial}.attempt-{attempt}").into()
}

/// What is there of a trial.
#[derive(Debug, Default)]
struct Found {
    /// The latest attempt that is recorded, or has files that were moved aside.
    attempt: u32,
    /// The latest attempt whose files were moved aside.
    aside: u32,
    /// In which folders it has one of its own.
    folders: Vec<Vec<OsString>>,
}

/// Moves aside what is there of the trials that are to be run, and returns which attempt is due at each that has begun
/// before. `recorded` has the last attempt at each trial.
///
/// # Errors
///
/// Says why something cannot be moved.
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

/// The trial whose folder has this name, and the attempt if it is one that was moved aside.
fn read(name: &OsStr) -> Option<(u32, Option<u32>)> {
    let name = name.to_str()?.strip_prefix("trial-")?;
    match name.split_once(".attempt-") {
        Some((trial, attempt)) => Some((trial.parse().ok()?, Some(attempt.parse().ok()?))),
        None => Some((name.parse().ok()?, None)),
    }
}
