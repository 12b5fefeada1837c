//! What a step fetched, as the reports tell it.

use serde::{Deserialize, Serialize};

use super::words::counted;
use crate::model::on_one_line;
use crate::model::{FetchedFile, FetchedFiles};

/// So many files are named to people.
const NAMED: usize = 20;

/// A fetched file in JSON. Bytes of its name that are no text become marks; the folder of results has the name itself.
#[derive(Serialize, Deserialize)]
pub(super) struct FileEntry {
    name: String,
    bytes: u64,
    mode: String,
    sha256: String,
    /// It grew while it was read, and was fetched as it was when that began.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    grew: bool,
}

/// The files of a step in JSON: the first of them, how many and how much there is, and how many are not named.
#[derive(Serialize, Deserialize)]
pub(super) struct FilesEntry {
    files: Vec<FileEntry>,
    files_left_out: u64,
    fetched_files: u64,
    fetched_bytes: u64,
}

impl FilesEntry {
    /// Those that were fetched.
    pub(super) fn new(fetched: &FetchedFiles) -> Self {
        let entry = |file: &FetchedFile| FileEntry {
            name: file.name.to_string_lossy().into_owned(),
            bytes: file.length,
            mode: format!("{:04o}", file.mode),
            sha256: file.digest.clone(),
            grew: file.grew,
        };
        let files: Vec<_> = fetched.first.iter().map(entry).collect();
        Self {
            files_left_out: fetched.count.saturating_sub(files.len() as u64),
            files,
            fetched_files: fetched.count,
            fetched_bytes: fetched.bytes,
        }
    }
}

impl From<FilesEntry> for FetchedFiles {
    fn from(entry: FilesEntry) -> Self {
        let file = |file: FileEntry| FetchedFile {
            name: file.name.into(),
            length: file.bytes,
            mode: u32::from_str_radix(&file.mode, 8).unwrap_or_default(),
            digest: file.sha256,
            grew: file.grew,
        };
        let first = entry.files.into_iter().map(file).collect();
        Self { first, count: entry.fetched_files, bytes: entry.fetched_bytes }
    }
}

/// The same for people: a line for each, at most some, and one for all when there are several.
pub(super) fn lines(fetched: &FetchedFiles) -> Vec<String> {
    let shown = |file: &FetchedFile| {
        let grew = if file.grew { "  (it grew; this is what it had at first)" } else { "" };
        format!("< {}  {}{grew}", on_one_line(&file.name.to_string_lossy()), size(file.length))
    };
    let mut lines: Vec<_> = fetched.first.iter().take(NAMED).map(shown).collect();
    if fetched.count > 1 {
        let count = usize::try_from(fetched.count).unwrap_or(usize::MAX);
        lines.push(format!("{}, {}", counted(count, "file"), size(fetched.bytes)));
    }
    lines
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return counted(usize::try_from(bytes).unwrap_or(usize::MAX), "byte");
    }
    // The unit in which, when it is rounded, it has at most three digits.
    let mut unit = 0;
    let mut tenths = (bytes + 50) / 100;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded() {
        for (bytes, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (1_249, "1.2 kB"),
            (999_949, "999.9 kB"),
            (1_000_000_000, "1.0 GB"),
            (u64::MAX / 2, "9223372.0 TB"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn many_files_are_told_of_together() {
        let mut fetched = FetchedFiles::default();
        for number in 0..1500 {
            let name = format!("x/{number}\n").into();
            fetched.add(FetchedFile { name, length: 10, mode: 0o644, digest: String::new(), grew: number == 1 });
        }
        let lines = lines(&fetched);
        assert_eq!((lines.len(), lines[20].as_str()), (21, "1500 files, 15.0 kB"));
        assert_eq!(lines[1], "< x/1\\n  10 bytes  (it grew; this is what it had at first)");
        let entry = serde_json::to_value(FilesEntry::new(&fetched)).unwrap();
        assert_eq!((entry["files"].as_array().unwrap().len(), &entry["files_left_out"]), (1000, &500.into()));
        assert_eq!((&entry["fetched_files"], &entry["fetched_bytes"]), (&1500.into(), &15_000.into()));
        assert_eq!(FetchedFiles::from(FilesEntry::new(&fetched)), fetched);
        assert_eq!((&entry["files"][1]["grew"], &entry["files"][0].get("grew")), (&true.into(), &None));
    }
}
