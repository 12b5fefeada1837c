//! Machines that are reached through a command: `ssh`, a network namespace, any words. What is true of a player that listens
//! is true of these.

use crate::support::machines::{Namespace, Sshd};
use crate::support::same_results::assert_same_results;
use crate::support::{CONDUCTOR, Folder, finish, start};

#[test]
fn a_test_passes_on_this_machine_without_a_port() {
    assert_same_results("connect = local");
}

#[test]
fn a_test_passes_through_any_command() {
    assert_same_results("connect = env LANG=C");
}

#[test]
fn a_test_passes_over_ssh() {
    if let Some(sshd) = Sshd::start("") {
        assert_same_results(&sshd.lines());
    }
}

#[test]
fn a_test_passes_in_a_network_namespace() {
    if let Some(namespace) = Namespace::make("passes") {
        assert_same_results(&format!("connect = netns:{}", namespace.0));
    }
}

#[test]
fn steps_have_the_file_mode_mask_of_the_machine() {
    let folder = Folder::new();
    folder.test("", &["w"]).file("w.cfg", "[Coordinator]\nconnect = env A=b\n[Run]\nmask = umask\n");
    let script = "umask 027; exec \"$0\" conduct --quiet --format classic test.cfg";
    let mut shell = std::process::Command::new("/bin/sh");
    shell.args(["-c", script, CONDUCTOR]).current_dir(folder.path());
    let finished = finish(start(shell));
    assert!(finished.stdout.contains("0 0027\n"), "{finished:#?}");
}

#[test]
fn the_log_of_a_player_that_was_started_for_a_run_is_in_the_log_of_the_conductor() {
    let folder = Folder::new();
    folder.test("", &["w"]).file("w.cfg", "[Coordinator]\nconnect = local\n[Run]\nstep = true\n");
    let logged = |arguments: &[&str]| {
        let mut command = std::process::Command::new(CONDUCTOR);
        command.args(["conduct", "--run-id", "first"]).args(arguments).arg("test.cfg").current_dir(folder.path());
        let finished = finish(start(command));
        assert_eq!(finished.status, Some(0), "{finished:#?}");
        let from_player = finished.stderr.lines().filter_map(|line| line.split_once(" - DEBUG - w: player: "));
        from_player.map(|(_, text)| text.to_owned()).collect::<Vec<_>>()
    };
    let all = logged(&["-v"]);
    assert!(
        all.iter().any(|text| text.starts_with("run first of ") && text.ends_with(": a session for `w`")),
        "{all:?}"
    );
    assert!(all.iter().any(|text| text == "the plan was accepted"), "{all:?}");
    assert_eq!(logged(&[]), <[&str; 0]>::default());
}

#[test]
fn workers_on_one_machine_share_one_copy_of_the_program() {
    let folder = Folder::new();
    let (copies, machine) = (folder.path().join("copies"), std::env::consts::ARCH);
    // The copy is run with `--version` once, to see whether it can be run there.
    let program = format!("#!/bin/sh\necho \"$1\" >>{}\nexec {CONDUCTOR} \"$@\"\n", copies.display());
    folder.file("program", &program).file("worker.cfg", "[Coordinator]\nconnect = env A=b\n[Run]\nstep = true\n");
    folder.file("test.cfg", "[Workers]\nw1 = worker.cfg\nw2 = worker.cfg\nw3 = worker.cfg\nw4 = worker.cfg\n");
    let mut command = std::process::Command::new(CONDUCTOR);
    command.args(["conduct", "--quiet", "--program", &format!("{machine}=program"), "test.cfg"]);
    let finished = finish(start({
        command.current_dir(folder.path());
        command
    }));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let all = std::fs::read_to_string(copies).unwrap();
    assert_eq!(all.lines().filter(|line| *line == "--version").count(), 1, "{all}");
}

#[test]
fn filters_in_the_command_pass_everything_on() {
    let folder = Folder::new();
    folder.file("way", "cat | \"$@\" | cat\n");
    folder.file("test.cfg", "[Workers]\nw = @ 127.0.0.1\n[w:Run]\nmany = seq 300000\n");
    let mut command = std::process::Command::new(CONDUCTOR);
    command.args(["conduct", "--connect", "sh way", "--results", "kept", "--run-id", "r", "test.cfg"]);
    command.current_dir(folder.path());
    let finished = finish(start(command));
    assert!(finished.status == Some(0) && !finished.stderr.contains("reconnect"), "{finished:#?}");
    let printed = folder.read("kept/r/outputs/trial-1/w/run-01-many.stdout");
    assert_eq!(printed.lines().count(), 300_000);
}
