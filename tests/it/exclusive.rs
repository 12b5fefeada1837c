//! `exclusive`: one run at a time uses a machine, as one user.
//!
//! Each test has a network namespace of its own as its machine: the names by which runs find each other are the namespace's.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Child, Command};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::support::machines::Namespace;
use crate::support::session_player::abstract_name;
use crate::support::{Finished, Folder, children_of_all_threads, conductor, eventually, finish, kill, run, start};

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

/// The listeners of the players of sessions in a namespace.
fn listeners(namespace: &Namespace) -> Vec<u32> {
    let network = |path: &str| std::fs::metadata(path).map(|found| std::os::unix::fs::MetadataExt::ino(&found)).ok();
    let this = network(&format!("/run/netns/{}", namespace.0));
    let entries = std::fs::read_dir("/proc").expect("the processes").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_listener = |pid: &u32| {
        let file = |name| format!("/proc/{pid}/{name}");
        let line = std::fs::read(file("cmdline")).unwrap_or_default();
        let status = std::fs::read_to_string(file("status")).unwrap_or_default();
        line.windows(11).any(|part| part == b"\0--session\0")
            && status.contains("\nPPid:\t1\n")
            && network(&file("ns/net")) == this
    };
    pids.filter(is_listener).collect()
}

/// Connects to a name as another user until its listener takes no more connections.
fn flood(namespace: &Namespace, name: &'static str) -> Vec<OwnedFd> {
    namespace.as_other_user(move || {
        let address = SocketAddrUnix::new_abstract_name(name.as_bytes()).expect("a name");
        let connection = || {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("a socket");
            connect(&socket, &address).is_ok().then_some(socket)
        };
        std::iter::from_fn(connection).collect()
    })
}

#[test]
fn a_player_that_answers_nobody_because_others_fill_its_queue_still_has_the_machine() {
    let Some(namespace) = Namespace::make("flooded") else { return };
    // Short queues, so that a few connections fill one.
    let short = "echo 8 >/proc/sys/net/core/somaxconn";
    let made = Command::new("ip").args(["netns", "exec", &namespace.0, "sh", "-c", short]).status();
    assert!(made.is_ok_and(|status| status.success()), "a limit of the namespace");
    let (first, second) = (scene(&namespace, "", &["w"]), scene(&namespace, "", &["w"]));
    let child = hold(&first, "first", &["w"]);
    let listeners = listeners(&namespace);
    assert_eq!(listeners.len(), 1, "{listeners:?}");
    kill(listeners[0], libc::SIGSTOP);
    let flood = flood(&namespace, "conductor-machine-0-0");
    assert!(!flood.is_empty(), "the player listens at that name");
    let checked = run(&second, ["conduct", "--check", "test.cfg"]);
    kill(listeners[0], libc::SIGCONT);
    assert_eq!(checked.status, Some(1), "{checked:#?}");
    assert!(checked.stdout.contains("a run whose player on this machine does not respond"), "{checked:#?}");
    drop(flood);
    first.file("go", "");
    assert_eq!(finish(child).status, Some(0));
}

#[test]
fn a_run_of_which_one_worker_is_connected_is_not_taken_over() {
    let Some(namespace) = Namespace::make("cut-off") else { return };
    let workers = ["a", "b", "c", "d"];
    let (first, second) = (scene(&namespace, "lease = 60s", &workers), scene(&namespace, "", &["w"]));
    let here = first.path().display();
    // What passes the connection on can be killed, and cannot be started again while there is a file.
    first.file("gate", &format!("[ -e {here}/closed ] && exit 1; cat | ip netns exec {} \"$@\" | cat\n", namespace.0));
    for worker in &workers[..3] {
        let name = format!("{worker}.cfg");
        let gated = first.read(&name).replace(&namespace.lines(), &format!("connect = sh {here}/gate\n"));
        first.file(&name, &gated);
    }
    let child = hold(&first, "first", &workers);
    first.file("closed", "");
    let is_gate = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.starts_with(format!("sh\0{here}/gate\0").as_bytes())
    };
    let gates: Vec<_> = children_of_all_threads(child.id()).into_iter().filter(is_gate).collect();
    assert_eq!(gates.len(), 3, "{gates:?}");
    for gate in gates {
        let group = i32::try_from(gate).ok().and_then(Pid::from_raw).expect("a process");
        kill_process_group(group, Signal::KILL).expect("it leads a group");
    }
    // A player alone could be taken over after 5 s.
    std::thread::sleep(Duration::from_secs(6));
    second.file("go", "");
    for _ in 0..3 {
        let refused = run(&second, ["conduct", "--quiet", "--take-over", "--run-id", "second", "test.cfg"]);
        assert_eq!(refused.status, Some(1), "{refused:#?}");
        assert!(refused.stdout.contains("`--take-over` does not end a run whose conductor is alive"), "{refused:#?}");
    }
    std::fs::remove_file(first.join("closed")).expect("a file");
    first.file("go", "");
    let passed = finish(child);
    assert_eq!(passed.status, Some(0), "{passed:#?}");
}
