//! The folder `examples`: all of it is valid, and what this machine can have is run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::machines::container::Container;
use crate::support::machines::slurm::{NODES, Slurm};
use crate::support::machines::static_program::static_program;
use crate::support::{Folder, conductor, finish, run, start};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

/// A copy of an example, whose runs leave nothing in the sources.
fn copy(name: &str) -> Folder {
    let folder = Folder::new();
    for entry in fs::read_dir(examples().join(name)).expect("an example").flatten() {
        fs::copy(entry.path(), folder.join(&entry.file_name().to_string_lossy())).expect("a file of an example");
    }
    folder
}

#[test]
fn every_example_is_valid_and_has_a_description() {
    let names: Vec<_> =
        fs::read_dir(examples()).expect("the examples").flatten().map(|entry| entry.file_name()).collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        let folder = copy(&name.to_string_lossy());
        run(&folder, ["validate", "test.cfg"]).assert(0, "", "");
        assert!(folder.read("README.md").contains("test.cfg"), "{}: how it is run", name.display());
    }
}

#[test]
fn the_example_of_containers_passes() {
    let Some(program) = static_program() else { return };
    let Some(container) = Container::podman(&["/bin/sleep", "300"]) else { return };
    let folder = copy("containers");
    // Both workers are in one container, which has no network but its own loopback.
    let name = container.connect().replace("podman:", "");
    let defines = [format!("server={name}"), format!("client={name}"), "address=127.0.0.1".to_owned()];
    let defines = defines.iter().flat_map(|define| ["-D", define]);
    let arguments = ["conduct", "--quiet", "--run-id", "r", &program].into_iter().chain(defines).chain(["test.cfg"]);
    let mut command: Command = conductor(&folder, arguments);
    container.put_on(&mut command);
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(folder.read("results/r/trial-1/client/page"), "hello\n");
}

#[test]
fn the_example_of_slurm_passes_on_four_nodes() {
    let Some(cluster) = Slurm::start("linuxproc") else { return };
    let folder = copy("slurm");
    let define = format!("hosts={}", NODES.join(","));
    let finished = finish(start(cluster.conduct(&folder, &["--quiet", "--run-id", "r", "-D", &define, "test.cfg"])));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    for (index, node) in NODES.iter().enumerate() {
        let worker = format!("node{}", index + 1);
        let file = format!("results/r/trial-1/{worker}/conductor-example-{worker}");
        assert_eq!(folder.read(&file), format!("{worker} runs on {node}\n"));
    }
}
