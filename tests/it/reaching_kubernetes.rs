//! A pod that is reached with the real `kubectl`. The API server is a stand-in, so this is the half of the client.

use std::process::Command;

use crate::support::look::Look;
use crate::support::machines::gate::Gate;
use crate::support::machines::held_run::HeldRun;
use crate::support::machines::kubernetes::{Kubernetes, POD};
use crate::support::same_results::assert_same_results_by;
use crate::support::{Folder, conductor, finish, start};

fn conduct(kubernetes: &Kubernetes, folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = conductor(folder, ["conduct"].iter().chain(arguments));
    kubernetes.put_on(&mut command);
    command
}

#[test]
fn a_test_in_a_pod_has_the_same_results_as_over_tcp() {
    let Some(kubernetes) = Kubernetes::start() else { return };
    let arguments = |folder: &Folder, arguments: &[&str]| conduct(&kubernetes, folder, arguments);
    assert_same_results_by(&[Look::here()], |_| format!("connect = kubectl:{POD}\n"), arguments);
    kubernetes.assert_gone();
    assert_eq!(std::fs::read_dir(kubernetes.scratch()).expect("a folder").count(), 0);
    let execs = kubernetes.execs();
    assert!(execs.iter().all(|exec| exec.contains("container=generator")), "{execs:?}");
}

#[test]
fn a_session_in_a_pod_does_not_depend_on_kubectl() {
    let Some(kubernetes) = Kubernetes::start() else { return };
    let folder = Folder::new();
    let here = folder.join("held");
    let gate = Gate::of("kubectl");
    let conduct = |folder: &Folder, arguments: &[&str]| {
        let mut command = conduct(&kubernetes, folder, arguments);
        gate.put_on(&mut command);
        command
    };
    let (lines, there) = (format!("connect = kubectl:{POD}\n"), here.display().to_string());
    HeldRun::begin(&lines, &there, here.clone(), "30s", conduct).outlives_its_transports();
    let held = || HeldRun::start(&lines, &there, here.clone(), conduct);
    drop(held().kill_conduct());
    drop(held().lose_transport(&gate));
    kubernetes.assert_gone();
    assert_eq!(std::fs::read_dir(kubernetes.scratch()).expect("a folder").count(), 0);
}

#[test]
fn a_pod_that_does_not_exist_is_named() {
    let Some(kubernetes) = Kubernetes::start() else { return };
    let folder = Folder::new();
    folder.test("", &["a"]).file("a.cfg", "[Coordinator]\nconnect = kubectl:lab/none\n[Run]\nr = true\n");
    let finished = finish(start(conduct(&kubernetes, &folder, &["--quiet", "test.cfg"])));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stdout.contains("correct the name of the pod in `connect`"), "{}", finished.stdout);
}
