//! The operating system and the kernel of the machine, for messages.

use std::fs::{self, File};
use std::io::Read;
use std::sync::OnceLock;

/// Returns the operating system, such as `Debian GNU/Linux 12 (bookworm)`, if it is known. Once it is, it is not read
/// again.
pub(super) fn system() -> Option<String> {
    static SYSTEM: OnceLock<String> = OnceLock::new();
    if SYSTEM.get().is_none() {
        let files = ["/etc/os-release", "/usr/lib/os-release"];
        let _ = SYSTEM.set(files.into_iter().find_map(|path| pretty_name(&start_of(path)?))?);
    }
    SYSTEM.get().cloned()
}

/// Returns the kernel, such as `Linux 6.1.0-18-amd64 x86_64`.
pub(super) fn kernel() -> String {
    let name = rustix::system::uname();
    [name.sysname(), name.release(), name.machine()].map(|part| part.to_string_lossy()).join(" ")
}

/// Returns the start of a small file, if it is a regular file.
fn start_of(path: &str) -> Option<String> {
    const MOST: u64 = 64 << 10;
    let mut text = Vec::new();
    fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    File::open(path).ok()?.take(MOST).read_to_end(&mut text).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Returns the human-readable name of the system from a file in the format of os-release(5).
fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?.trim();
    let bare =
        ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote)).unwrap_or(value);
    let mut name = String::new();
    let mut characters = bare.chars();
    while let Some(character) = characters.next() {
        name.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    (!name.is_empty()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_the_system_is_read_with_and_without_quotes() {
        let name = |value: &str| pretty_name(&format!("NAME=x\nPRETTY_NAME={value}\nID=y\n"));
        assert_eq!(name("\"Debian GNU/Linux 12 (bookworm)\"").as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(name("'Arch Linux'").as_deref(), Some("Arch Linux"));
        assert_eq!(name("Void").as_deref(), Some("Void"));
        assert_eq!(name(r#""a \"b\" \$c""#).as_deref(), Some("a \"b\" $c"));
        assert_eq!((name("\"\""), pretty_name("ID=x\n")), (None, None));
    }
}
