//! What machines differ in, so that no test depends on it: where temporary folders are, how users are called, which
//! programs there are.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Folder, conductor};

/// Says on the real standard error that the calling test is not run here, and why. The harness would show it only if the
/// test failed.
pub fn skip(why: &str) {
    let test = std::thread::current();
    let line = format!("skipped: {}: {why}\n", test.name().unwrap_or("a test"));
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Whether this machine has these programs; without one of them, the calling test is skipped.
pub fn has_programs(programs: &[&str]) -> bool {
    let is_there = |program: &&&str| {
        let mut find = Command::new("/bin/sh");
        find.args(["-c", "command -v \"$1\" >/dev/null", "sh", program]).status().expect("a shell").success()
    };
    let missing = programs.iter().find(|program| !is_there(program));
    if let Some(program) = missing {
        skip(&format!("there is no {program}"));
    }
    missing.is_none()
}

/// Whether hang-ups are ignored here, as under `nohup`, and so also by what the calling test starts; the test is skipped then.
pub fn skip_without_hang_ups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("what the kernel says of this process");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).expect("the signals that are ignored");
    let ignored = u64::from_str_radix(ignored.trim(), 16).expect("a number");
    let is_ignored = ignored >> (libc::SIGHUP - 1) & 1 == 1;
    if is_ignored {
        skip("SIGHUP is ignored, as under nohup");
    }
    is_ignored
}

/// Where tests make their folders: in `TMPDIR`, unless its path has characters that mean something to a shell. Tests
/// write the paths of their folders into steps as they are.
pub fn folder_of_folders() -> PathBuf {
    let is_plain = |path: &Path| {
        path.to_str().is_some_and(|path| path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c)))
    };
    let wanted = std::env::temp_dir();
    if is_plain(&wanted) { wanted } else { PathBuf::from("/tmp") }
}

/// Where files are kept in memory, if there is such a folder with enough room.
pub fn folder_in_memory() -> Option<PathBuf> {
    const ENOUGH: u64 = 512 << 20;
    let folder = Path::new("/dev/shm");
    let found = rustix::fs::statvfs(folder).ok()?;
    (found.f_bavail * found.f_frsize >= ENOUGH).then(|| folder.to_owned())
}

/// How the player calls a user: by its name, or by its number where it has none.
pub fn name_of(user: u32) -> String {
    let list = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let mut users = list.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let number = user.to_string();
    let found = users.find(|fields| fields.get(2) == Some(&number.as_str()));
    found.map_or(number.clone(), |fields| fields[0].to_owned())
}

/// The name of the user that runs the tests.
pub fn own_name() -> String {
    name_of(rustix::process::getuid().as_raw())
}

/// Whether `/bin/sh` has a `ping` of its own, which it runs whatever PATH is; the test is skipped then.
pub fn shell_has_ping() -> bool {
    let mut find = Command::new("/bin/sh");
    find.args(["-c", "command -v ping"]).env("PATH", "/nowhere").stdout(Stdio::null()).stderr(Stdio::null());
    let has_ping = find.status().expect("a shell").success();
    if has_ping {
        skip("the shell of this machine has a `ping` of its own");
    }
    has_ping
}

/// Makes a `ping` in this folder that prints its arguments.
pub fn make_ping(folder: &Path) {
    make_program(folder, "ping", "echo ping \"$@\"");
}

/// Makes an `ssh` in this folder that runs the command on this machine, whatever the host is. Of a configuration, it knows
/// nothing.
pub fn make_ssh(folder: &Path) {
    let script = "while [ \"$1\" != -- ]; do [ \"$1\" != -G ] || exit 0; shift; done; shift 2; exec /bin/sh -c \"$*\"";
    make_program(folder, "ssh", script);
}

/// Makes a script for the shell in this folder. It is written by a process of its own: what this one has open to write is
/// open in whatever another test starts meanwhile, and nobody could run it.
fn make_program(folder: &Path, name: &str, script: &str) {
    let mut write = Command::new("/bin/sh");
    write.args(["-c", "printf '#!/bin/sh\\n%s\\n' \"$2\" >\"$1\"; chmod +x \"$1\"", "sh", name, script]);
    let written = write.current_dir(folder).status().expect("a shell");
    assert!(written.success(), "`{name}` in a temporary folder");
}

/// `conductor` whose steps find a `ping` that prints its arguments, or none, whatever this machine has; they find no
/// other program. `None` with a message where `/bin/sh` has a `ping` of its own.
pub fn conductor_with_ping(folder: &Folder, arguments: &[&str], has_ping: bool) -> Option<Command> {
    let programs = folder.join("programs");
    std::fs::create_dir(&programs).expect("a folder for a program");
    if shell_has_ping() {
        return None;
    }
    if has_ping {
        make_ping(&programs);
    }
    let mut command = conductor(folder, arguments);
    command.env("PATH", programs);
    Some(command)
}
