//! When nobody reads, or there is no room: no process of ours dies of that, no Reset is skipped, nothing is left.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::{CONDUCTOR, Folder, Player, finish, run, start};
use serde_json::Value;
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
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nmuch = seq 1 100000\nend = echo end\n");
    let mut command = Command::new("/bin/sh");
    let script = "ulimit -f 200; exec \"$0\" conduct -q -f json --results kept test.cfg";
    command.args(["-c", script, CONDUCTOR]).current_dir(folder.path());
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stdout.contains("File too large") || finished.stdout.contains("file too large"), "{finished:#?}");
    let document: Value = serde_json::from_str(&finished.stdout).expect("a document");
    let results = &document["trials"][0]["phases"]["run"]["workers"]["w"]["results"];
    let numbers = |position: usize| {
        let of = |name: &str| results[position][name].as_u64().expect("a number");
        (of("stdout_bytes"), of("stdout_left_out"))
    };
    // Both are counted, whether or not anything of them was kept.
    let (printed, left_out) = numbers(0);
    assert_eq!(printed, 588_895);
    assert!(left_out >= printed - 200 * 1024, "{left_out} of {printed} bytes are left out");
    assert_eq!(numbers(1), (4, if results[1]["stdout"] == "end\n" { 0 } else { 4 }));
    let unkept = "what step `much` in run of trial 1 prints on stdout can't be kept: file too large";
    assert!(finished.stdout.contains(&format!("\"{unkept}\"")), "{finished:#?}");
    assert!(finished.stdout.contains(" bytes could not be kept: file too large …]"), "{finished:#?}");
    // The player is free.
    run(&folder, ["conduct", "-q", "-o", "result", "test.cfg"]).assert(0, str![""], str![""]);
}
