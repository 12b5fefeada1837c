//! When nobody reads, or there is no room: no process of ours dies of that, no Reset is skipped, nothing is left.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::{CONDUCTOR, Folder, Player, finish, run, start};
use snapbox::str;

fn full() -> File {
    File::options().write(true).open("/dev/full").expect("/dev/full")
}

#[test]
fn a_configuration_with_a_warning_is_run_though_standard_error_is_full() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("unknown_key = 1", &["w"]).worker("w", player.port, "[Run]\nstep = echo said\n");
    let mut command = crate::support::conductor(&folder, ["conduct", "-v", "-f", "classic", "-p", "run", "test.cfg"]);
    let child = command.stdout(Stdio::piped()).stderr(full()).spawn().expect("the program starts");
    finish(child).assert(
        0,
        str![[r#"
0 phase received
0 said

65535 phases complete

"#]],
        str![""],
    );
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_not_the_end() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nmuch = seq 1 100000\n");
    let mut command = Command::new("/bin/sh");
    let script = "ulimit -f 200; exec \"$0\" conduct -q --results kept test.cfg";
    command.args(["-c", script, CONDUCTOR]).current_dir(folder.path());
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stdout.contains("File too large") || finished.stdout.contains("file too large"), "{finished:#?}");
    // The player is free.
    run(&folder, ["conduct", "-q", "-o", "result", "test.cfg"]).assert(0, str![""], str![""]);
}
