//! Lists fetched files as text.

use super::words::counted;
use crate::model::{FetchedFile, FetchedFiles, on_one_line};

/// The maximum number of files that are listed.
const NAMED: usize = 20;

/// Returns a line for each file up to a maximum, and a line with the total if there are several.
pub(super) fn lines(fetched: &FetchedFiles) -> Vec<String> {
    let shown = |file: &FetchedFile| {
        let grew = if file.grew { "  (it grew during the copy; only its original part was copied)" } else { "" };
        format!("< {}  {}{grew}", on_one_line(&file.name.to_string_lossy()), size(file.length))
    };
    let mut lines: Vec<_> = fetched.first.iter().take(NAMED).map(shown).collect();
    if fetched.count > 1 {
        let count = usize::try_from(fetched.count).unwrap_or(usize::MAX);
        lines.push(format!("{}, {}", counted(count, "file"), size(fetched.bytes)));
    }
    lines
}

/// Formats a number of bytes for messages.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1000 {
        return counted(usize::try_from(bytes).unwrap_or(usize::MAX), "byte");
    }
    // Choose the unit in which the rounded number has at most three digits.
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
        assert_eq!(lines[1], "< x/1\\n  10 bytes  (it grew during the copy; only its original part was copied)");
        let entry = serde_json::to_value(&fetched).unwrap();
        assert_eq!((entry["files"].as_array().unwrap().len(), &entry["files_left_out"]), (1000, &500.into()));
        assert_eq!((&entry["fetched_files"], &entry["fetched_bytes"]), (&1500.into(), &15_000.into()));
        assert_eq!(serde_json::from_value::<FetchedFiles>(entry.clone()).unwrap(), fetched);
        assert_eq!((&entry["files"][1]["grew"], &entry["files"][0].get("grew")), (&true.into(), &None));
    }
}
