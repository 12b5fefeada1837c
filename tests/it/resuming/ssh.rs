//! A run on a machine that is reached with ssh goes on: its session of before is ended at once.

use super::{ended_in_the_second, trials, wait};
use crate::support::look::Look;
use crate::support::machines::Sshd;
use crate::support::{Folder, run};

#[test]
fn a_run_over_ssh_that_is_killed_is_resumed_at_once_and_leaves_nothing() {
    let Some(sshd) = Sshd::start("") else { return };
    let (look, folder) = (Look::here(), Folder::new());
    // So long that the test ends in time only if it does not wait for the end of the lease.
    folder.test("trials = 2\nresults = kept\nlease = 10m\nconnect_timeout = 30s", &["w"]);
    let (lines, wait, here) = (sshd.lines(), wait(&folder), folder.path().display().to_string());
    let steps = format!("[Run]\n{wait}[Reset]\nr = echo reset $CONDUCTOR_TRIAL >>{here}/resets\n");
    folder.file("w.cfg", &format!("[Coordinator]\n{lines}\n{steps}"));
    ended_in_the_second(&folder, 9);
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "-o", "out"]).assert(0, "", "");
    assert_eq!(trials(&folder, "")[&2], (2, "passed".to_owned()));
    // That of the attempt that was killed was run too, before the next one.
    assert_eq!(folder.read("resets"), "reset 1\nreset 2\nreset 2\n");
    look.assert_nothing_is_left();
}
