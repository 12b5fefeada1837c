//! Containers that are reached with `podman exec` and `docker exec`. They have nothing but busybox, so the program that they
//! get is a static one.

use std::process::Command;

use crate::support::machines::container::Container;
use crate::support::machines::gate::Gate;
use crate::support::machines::held_run::HeldRun;
use crate::support::machines::static_program::static_program;
use crate::support::same_results::{assert_same_results_by, assert_same_results_on};
use crate::support::{Folder, conductor, finish, start};

/// A process 1 that waits for no other process.
const SLEEP: [&str; 2] = ["/bin/sleep", "300"];

/// `conduct` that sends this program, with the environment of the container's engine.
fn conduct(container: &Container, program: &str, folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = conductor(folder, ["conduct", program].iter().chain(arguments));
    container.put_on(&mut command);
    command
}

fn lines(container: &Container) -> String {
    format!("connect = {}\n", container.connect())
}

fn held(container: &Container, program: &str) -> HeldRun {
    let arguments = |folder: &Folder, arguments: &[&str]| conduct(container, program, folder, arguments);
    HeldRun::start(&lines(container), THERE, container.path(THERE), arguments)
}

/// The folder of the worker in a container.
const THERE: &str = "/tmp/held";

#[track_caller]
fn a_test_has_the_same_results(container: &Container, program: &str) {
    let arguments = |folder: &Folder, arguments: &[&str]| conduct(container, program, folder, arguments);
    assert_same_results_by(&[container.look()], |_| lines(container), arguments);
    // Players that have ended belong to process 1, which does not wait for them. They hold nothing.
    let zombies = container.zombies();
    assert!(zombies.iter().all(|name| name == "conductor"), "{zombies:?}");
}

#[track_caller]
fn a_client_that_is_killed_is_started_again(container: &Container, program: &str) {
    let before = container.look();
    let arguments = |folder: &Folder, arguments: &[&str]| conduct(container, program, folder, arguments);
    let run = HeldRun::begin(&lines(container), THERE, container.path(THERE), "30s", arguments);
    run.outlives_its_transports();
    before.assert_nothing_is_left();
}

#[track_caller]
fn a_conductor_that_is_killed_leaves_nothing(container: &Container, program: &str) {
    let before = container.look();
    drop(held(container, program).kill_conduct());
    before.assert_nothing_is_left();
}

#[track_caller]
fn a_client_that_cannot_be_started_again_loses_its_worker(container: &Container, program: &str) {
    let before = container.look();
    let gate = Gate::of(container.engine);
    let run = HeldRun::start(&lines(container), THERE, container.path(THERE), |folder, arguments| {
        let mut command = conduct(container, program, folder, arguments);
        gate.put_on(&mut command);
        command
    });
    drop(run.lose_transport(&gate));
    before.assert_nothing_is_left();
}

#[track_caller]
fn a_container_that_is_stopped_loses_its_worker(container: &Container, program: &str) {
    let run = held(container, program);
    container.stop();
    let (finished, _) = run.finish();
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    let said = finished.stdout;
    assert!(said.contains("start the container"), "{said}");
}

#[test]
fn a_test_in_a_container_of_podman_has_the_same_results_as_over_tcp() {
    let Some(program) = static_program() else { return };
    if let Some(container) = Container::podman(&SLEEP) {
        a_test_has_the_same_results(&container, &program);
    }
}

#[test]
fn a_test_in_a_container_of_docker_has_the_same_results_as_over_tcp() {
    let Some(program) = static_program() else { return };
    if let Some(container) = Container::docker(&SLEEP) {
        a_test_has_the_same_results(&container, &program);
    }
}

#[test]
fn a_session_in_a_container_of_podman_does_not_depend_on_its_client() {
    let Some(program) = static_program() else { return };
    if let Some(container) = Container::podman(&SLEEP) {
        a_client_that_is_killed_is_started_again(&container, &program);
        a_client_that_cannot_be_started_again_loses_its_worker(&container, &program);
        a_conductor_that_is_killed_leaves_nothing(&container, &program);
        a_container_that_is_stopped_loses_its_worker(&container, &program);
    }
}

#[test]
fn a_session_in_a_container_of_docker_does_not_depend_on_its_client() {
    let Some(program) = static_program() else { return };
    if let Some(container) = Container::docker(&SLEEP) {
        a_client_that_is_killed_is_started_again(&container, &program);
        a_client_that_cannot_be_started_again_loses_its_worker(&container, &program);
        a_conductor_that_is_killed_leaves_nothing(&container, &program);
        a_container_that_is_stopped_loses_its_worker(&container, &program);
    }
}

#[test]
fn a_dynamic_program_in_a_container_without_its_library_is_explained() {
    if cfg!(target_feature = "crt-static") {
        return;
    }
    let Some(container) = Container::podman(&SLEEP) else { return };
    let before = container.look();
    let folder = Folder::new();
    folder.test("", &["a"]).file("a.cfg", &format!("[Coordinator]\n{}[Run]\nr = true\n", lines(&container)));
    let mut command = conductor(&folder, ["conduct", "--quiet", "test.cfg"]);
    container.put_on(&mut command);
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    for part in ["the program cannot be run there: it needs the loader `/lib", "--program", "scripts/package"] {
        assert!(finished.stdout.contains(part), "{}", finished.stdout);
    }
    before.assert_nothing_is_left();
}

/// The process that is killed is only the client: the connection itself was passed to the container's systemd, so `conduct`
/// needs no other one.
#[test]
fn a_container_with_systemd_is_reached_with_systemd_run() {
    let Some(container) = Container::systemd() else { return };
    let before = container.look();
    let lines = format!("connect = {}\n", container.machine());
    let conduct = |folder: &Folder, arguments: &[&str]| conductor(folder, ["conduct"].iter().chain(arguments));
    assert_same_results_on(&[container.look()], |_| lines.clone());
    let held = || HeldRun::start(&lines, THERE, container.path(THERE), conduct);
    let run = held();
    run.kill_transport();
    run.passes();
    drop(held().kill_conduct());
    before.assert_nothing_is_left();
}
