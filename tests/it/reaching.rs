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
