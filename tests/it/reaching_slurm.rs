//! The nodes of a Slurm cluster, reached with `srun` inside one allocation.

use crate::support::Folder;
use crate::support::look::Look;
use crate::support::machines::gate::Gate;
use crate::support::machines::held_run::HeldRun;
use crate::support::machines::slurm::Slurm;
use crate::support::same_results::assert_same_results_by;

const LINES: &str = "connect = slurm:n3\n";

fn held(cluster: &Slurm, gate: &Gate) -> (Folder, HeldRun) {
    let folder = Folder::new();
    let here = folder.join("held");
    let conduct = |folder: &Folder, arguments: &[&str]| {
        let mut command = cluster.conduct(folder, arguments);
        gate.put_on(&mut command);
        command
    };
    let run = HeldRun::start(LINES, &here.display().to_string(), here.clone(), conduct);
    (folder, run)
}

#[test]
fn a_test_in_an_allocation_has_the_same_results_as_over_tcp() {
    let Some(cluster) = Slurm::start("linuxproc") else { return };
    let node = |worker: &str| match worker {
        "a" => "n1",
        "b" => "n2",
        _ => "n4",
    };
    let lines = |worker: &str| format!("connect = slurm:{}\n", node(worker));
    assert_same_results_by(&[Look::here()], lines, |folder, arguments| cluster.conduct(folder, arguments));
}

#[test]
fn a_session_on_a_node_does_not_depend_on_srun() {
    let Some(cluster) = Slurm::start("linuxproc") else { return };
    let gate = Gate::of("srun");
    let folder = Folder::new();
    let here = folder.join("held");
    let conduct = |folder: &Folder, arguments: &[&str]| cluster.conduct(folder, arguments);
    HeldRun::begin(LINES, &here.display().to_string(), here.clone(), "30s", conduct).outlives_its_transports();
    let before = Look::here();
    let (_folder, run) = held(&cluster, &gate);
    drop(run.kill_conduct());
    let (_folder, run) = held(&cluster, &gate);
    drop(run.lose_transport(&gate));
    before.assert_nothing_is_left();
}

/// There, Slurm ends everything that a step has started, when its `srun` dies.
#[test]
fn a_node_with_control_groups_loses_its_worker_with_srun() {
    let Some(cluster) = Slurm::start("cgroup") else { return };
    let gate = Gate::of("srun");
    let before = Look::here();
    let (_folder, run) = held(&cluster, &gate);
    run.break_transport();
    let (finished, _ended) = run.finish();
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    for part in ["lost: a in run of trial 1: ", "its player is no longer running on that machine"] {
        assert!(finished.stdout.contains(part), "{}", finished.stdout);
    }
    before.assert_nothing_is_left();
}
