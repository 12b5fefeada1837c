//! Machines that are reached through a command: `ssh`, a network namespace, any words. What is true of a player that listens
//! is true of these.

use crate::support::machines::{Namespace, Sshd};
use crate::support::{Folder, run};

/// Steps of every kind that needs the conductor.
const STEPS: &str = "[Startup]\nup = spawn:sleep 600\n[Run]\nmeet = barrier:here\nsay = echo said\nput = put:text -> ./copy\n\
    [Collect]\nget = fetch:./copy\n[Reset]\nr = rm copy; echo reset\n";

/// A test with two workers that are reached with these lines of `[Coordinator]`.
fn two_workers(lines: &str) -> Folder {
    let folder = Folder::new();
    folder.test("trials = 2\nlease = 10s", &["a", "b"]).file("text", "text\n");
    for worker in ["a", "b"] {
        let here = folder.join(worker);
        std::fs::create_dir(&here).expect("a folder");
        let here = here.display();
        folder.file(
            &format!("{worker}.cfg"),
            &format!("[Coordinator]\nplayer = 127.0.0.1\ndirectory = {here}\n{lines}\n{STEPS}"),
        );
    }
    folder
}

#[track_caller]
fn passes(lines: &str) {
    let folder = two_workers(lines);
    let finished = run(&folder, ["conduct", "--quiet", "--results", "kept", "--run-id", "r", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    assert!(finished.stdout.contains("passed: "), "{}", finished.stdout);
    assert!(finished.stdout.contains("barrier here: passed by 2 workers"), "{}", finished.stdout);
    assert_eq!(folder.read("kept/r/trial-2/b/copy").as_str(), "text\n");
}

#[test]
fn a_test_passes_on_this_machine_without_a_port() {
    passes("connect = local");
}

#[test]
fn a_test_passes_through_any_command() {
    passes("connect = env LANG=C");
}

#[test]
fn a_test_passes_over_ssh() {
    if let Some(sshd) = Sshd::start("") {
        passes(&sshd.lines());
    }
}

#[test]
fn a_test_passes_in_a_network_namespace() {
    if let Some(namespace) = Namespace::make("passes") {
        passes(&format!("connect = netns:{}", namespace.0));
    }
}
