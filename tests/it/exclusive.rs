//! `exclusive`: one run at a time uses a machine, as one user.
//!
//! Each test has a network namespace of its own as its machine: the names by which runs find each other are the namespace's.

use std::os::unix::net::UnixListener;
use std::process::Child;

use crate::support::machines::Namespace;
use crate::support::session_player::abstract_name;
use crate::support::{Finished, Folder, conductor, eventually, finish, kill, run, start};

/// A test with these workers on the namespace, whose Run lasts until the file `go` is there.
fn scene(namespace: &Namespace, lines: &str, workers: &[&str]) -> Folder {
    let folder = Folder::new();
    folder.test(lines, workers);
    let here = folder.path().display();
    for worker in workers {
        folder.file(
            &format!("{worker}.cfg"),
            &format!(
                "[Coordinator]\nplayer = 127.0.0.1\n{}exclusive = yes\n[Run]\n\
                 hold = touch {here}/held-{worker}; until [ -e {here}/go ]; do sleep 0.05; done\n[Reset]\nr = touch {here}/reset\n",
                namespace.lines()
            ),
        );
    }
    folder
}

/// Starts a run, and waits until all of these workers are in their Run.
fn hold(folder: &Folder, name: &str, workers: &[&str]) -> Child {
    let child = start(conductor(folder, ["conduct", "--quiet", "--run-id", name, "test.cfg"]));
    let is_held = || workers.iter().all(|worker| folder.join(&format!("held-{worker}")).exists());
    eventually("the run uses the machine", is_held);
    child
}

/// Lets the Run of a scene end at once.
fn run_at_once(folder: &Folder, name: &str) -> Finished {
    folder.file("go", "");
    run(folder, ["conduct", "--quiet", "--run-id", name, "test.cfg"])
}

#[test]
fn another_run_is_refused_and_learns_which_run_uses_the_machine() {
    let Some(namespace) = Namespace::make("refused") else { return };
    let (first, second) = (scene(&namespace, "", &["a", "b", "c"]), scene(&namespace, "", &["w"]));
    let child = hold(&first, "first", &["a", "b", "c"]);
    let refused = run_at_once(&second, "second");
    assert_eq!(refused.status, Some(1), "{refused:#?}");
    assert!(refused.stdout.contains(": its player is busy: run `first` of "), "{refused:#?}");
    assert!(refused.stdout.contains(" has used it for "), "{refused:#?}");
    // Nor does a run of the same name.
    let refused = run_at_once(&second, "first");
    assert_eq!(refused.status, Some(1), "{refused:#?}");
    let checked = run(&second, ["conduct", "--check", "test.cfg"]);
    assert_eq!(checked.status, Some(1), "{checked:#?}");
    assert!(checked.stdout.contains("busy: run `first` of "), "{checked:#?}");
    first.file("go", "");
    let passed = finish(child);
    assert_eq!(passed.status, Some(0), "three workers of one run share the machine: {passed:#?}");
    let passed = run_at_once(&second, "second");
    assert_eq!(passed.status, Some(0), "{passed:#?}");
}

#[test]
fn a_run_that_does_not_ask_for_it_shares_the_machine() {
    let Some(namespace) = Namespace::make("shared") else { return };
    let (first, second) = (scene(&namespace, "", &["w"]), scene(&namespace, "", &["w"]));
    let text = second.read("w.cfg").replace("exclusive = yes\n", "");
    second.file("w.cfg", &text);
    let child = hold(&first, "first", &["w"]);
    let passed = run_at_once(&second, "second");
    assert_eq!(passed.status, Some(0), "{passed:#?}");
    first.file("go", "");
    assert_eq!(finish(child).status, Some(0));
}

#[test]
fn a_run_whose_conductor_was_killed_leaves_the_machine_after_its_lease() {
    let Some(namespace) = Namespace::make("killed") else { return };
    let (first, second) = (scene(&namespace, "lease = 10s", &["a", "b"]), scene(&namespace, "", &["w"]));
    let mut child = hold(&first, "first", &["a", "b"]);
    kill(child.id(), 9);
    child.wait().expect("it is killed");
    second.file("go", "");
    let passed = run(&second, ["conduct", "--run-id", "second", "test.cfg"]);
    assert_eq!(passed.status, Some(0), "{passed:#?}");
    assert!(first.join("reset").exists(), "its Reset was run");
    assert!(passed.stderr.contains("its player has been busy with run `first` of "), "{passed:#?}");
}

#[test]
fn a_killed_run_can_be_taken_over() {
    let Some(namespace) = Namespace::make("taken") else { return };
    let (first, second) = (scene(&namespace, "lease = 10m", &["a", "b"]), scene(&namespace, "", &["w"]));
    let mut child = hold(&first, "first", &["a", "b"]);
    kill(child.id(), 9);
    child.wait().expect("it is killed");
    second.file("go", "");
    let passed = run(&second, ["conduct", "--take-over", "--run-id", "second", "test.cfg"]);
    assert_eq!(passed.status, Some(0), "{passed:#?}");
    assert!(first.join("reset").exists(), "its Reset was run");
}

/// Has another user listen at these of the names by which runs of root find each other.
fn squat(namespace: &Namespace, numbers: std::ops::Range<usize>) -> Vec<UnixListener> {
    namespace.as_other_user(move || {
        let name = |number| abstract_name(&format!("conductor-machine-0-{number}"));
        numbers.map(|number| UnixListener::bind_addr(&name(number)).expect("a free name")).collect()
    })
}

#[test]
fn a_name_that_another_user_has_bound_neither_blocks_nor_is_believed() {
    let Some(namespace) = Namespace::make("squatted") else { return };
    let squatters = squat(&namespace, 0..3);
    let (first, second) = (scene(&namespace, "", &["a", "b"]), scene(&namespace, "", &["w"]));
    let child = hold(&first, "first", &["a", "b"]);
    let refused = run_at_once(&second, "second");
    assert!(refused.stdout.contains(": its player is busy: run `first` of "), "{refused:#?}");
    drop(squatters);
    let refused = run_at_once(&second, "second");
    assert!(refused.stdout.contains(": its player is busy: run `first` of "), "without them, too: {refused:#?}");
    first.file("go", "");
    assert_eq!(finish(child).status, Some(0));
    let _squatters = squat(&namespace, 0..4);
    let passed = run_at_once(&second, "second");
    assert_eq!(passed.status, Some(0), "{passed:#?}");
    assert!(passed.stdout.contains("other users have bound all names of `exclusive`"), "{passed:#?}");
}
