//! A static build of the binary under test, for machines without a C library.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::super::CONDUCTOR;
use super::super::surroundings::skip;

/// Where it is, if not in the target folder.
const VARIABLE: &str = "CONDUCTOR_STATIC";

/// The option of `conduct` that sends the static build. `None` where there is none that is up to date, which is said.
pub fn static_program() -> Option<String> {
    let machine = std::env::consts::ARCH;
    let target = Path::new(CONDUCTOR).ancestors().nth(2).expect("the target folder");
    let built = target.join(format!("{machine}-unknown-linux-musl/debug/conductor"));
    let program = std::env::var_os(VARIABLE).map_or(built, PathBuf::from);
    let Ok(made) = fs::metadata(&program).and_then(|file| file.modified()) else {
        skip("there is no static program: `scripts/static-program` builds it");
        return None;
    };
    if made < newest(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        skip("the static program is older than the sources: `scripts/static-program` builds it");
        return None;
    }
    Some(format!("--program={machine}={}", program.display()))
}

/// When the newest file below a folder was changed.
fn newest(folder: &Path) -> SystemTime {
    let entries = fs::read_dir(folder).expect("the sources").flatten();
    let changed = entries.map(|entry| match entry.metadata() {
        Ok(file) if file.is_dir() => newest(&entry.path()),
        file => file.and_then(|file| file.modified()).expect("a file"),
    });
    changed.max().unwrap_or(SystemTime::UNIX_EPOCH)
}
