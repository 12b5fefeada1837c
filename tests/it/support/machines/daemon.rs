//! Servers that a fixture starts, such as `dockerd` and `slurmctld`. They end with the test.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::super::{DEADLINE, Folder, kill};

/// Whether a program is installed. Some of these are where only root looks.
pub fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(name)).any(|file| file.is_file())
}

/// Starts a server, whose output goes to `NAME.log` in a folder. It ends when the thread of the test ends, however that
/// happens.
pub fn start_daemon<A: AsRef<OsStr>>(
    folder: &Folder,
    name: &str,
    arguments: impl IntoIterator<Item = A>,
    environment: &[(&str, String)],
) -> Child {
    let log = File::options().create(true).append(true).open(folder.join(&format!("{name}.log"))).expect("a log");
    let program =
        if Path::new("/usr/sbin").join(name).exists() { format!("/usr/sbin/{name}") } else { name.to_owned() };
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--", &program]).args(arguments);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(log.try_clone().expect("a log")).stderr(log);
    command.spawn().expect("a server starts")
}

/// Asks a server to end, and kills it if it does not.
pub fn stop_daemon(daemon: &mut Child) {
    kill(daemon.id(), 15);
    ended_in_time("a server", || daemon.try_wait().is_ok_and(|status| status.is_some()));
    let _ = daemon.kill();
    let _ = daemon.wait();
}

/// Waits until something has ended, but not for ever. A test that fails already is not made to fail twice.
pub fn ended_in_time(what: &str, mut has_ended: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !has_ended() {
        if Instant::now() > end {
            assert!(std::thread::panicking(), "does not end: {what}");
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
