//! Machines that cannot be reached through a command: the sentence names the worker, the form and the cause, and a hint
//! says what to do. Stand-ins print what the real commands print.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use crate::support::{CONDUCTOR, Finished, Folder, conductor, finish, run, start};

/// A folder with a test of one worker that is reached with these lines, and a folder `bin` for stand-ins.
fn scene(lines: &str) -> Folder {
    let folder = Folder::new();
    folder.test("connect_timeout = 6s", &["a"]);
    std::fs::create_dir(folder.join("bin")).expect("a folder");
    let lines = lines.replace("BIN", &folder.join("bin").display().to_string());
    folder.file("a.cfg", &format!("[Coordinator]\nplayer = 127.0.0.1\n{lines}\n[Run]\nr = true\n"));
    folder
}

/// Puts a script in the place of a program.
fn stand_in(folder: &Folder, name: &str, script: &str) {
    let name = format!("bin/{name}");
    folder.file(&name, &format!("#!/bin/sh\n{script}\n"));
    std::fs::set_permissions(folder.join(&name), Permissions::from_mode(0o755)).expect("a program");
}

/// Runs the test with the stand-ins before other programs.
fn conduct(folder: &Folder) -> Finished {
    let mut command = conductor(folder, ["conduct", "--quiet", "--results", "kept", "--run-id", "r", "test.cfg"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.join("bin").display()));
    finish(start(command))
}

/// Checks the reason and the hint, also of the report that is made again.
#[track_caller]
fn assert_reason(folder: &Folder, form: &str, reason: &str, hint: &str) {
    let finished = conduct(folder);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let expected =
        format!("not carried out: worker `a` could not be reached through `{form}`: {reason}\n    hint: {hint}");
    assert!(finished.stdout.contains(&expected), "expected {expected:?} in {finished:#?}");
    let again = run(folder, ["report", "kept/r"]);
    assert_eq!(again.stdout, finished.stdout, "the record has the hint");
}

#[test]
fn what_ssh_prints_at_each_attempt_is_logged_once() {
    let folder = scene("connect = ssh:lab7");
    let count = folder.join("count").display().to_string();
    let said = "ssh: connect to host lab7 port 22: Connection refused";
    stand_in(&folder, "ssh", &format!("[ \"$1\" = -G ] || echo >>{count}; echo '{said}' >&2; exit 255"));
    let mut command = conductor(&folder, ["conduct", "--log-file", "log", "test.cfg"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", folder.join("bin").display()));
    assert_eq!(finish(start(command)).status, Some(1));
    assert!(folder.read("count").lines().count() > 2, "it was tried several times");
    let log = folder.read("log");
    assert_eq!(log.matches(&format!("a: {said}")).count(), 1, "{log}");
}

#[test]
fn a_name_that_nobody_knows_is_tried_once() {
    let folder = scene("connect = ssh:lab7");
    let count = folder.join("count").display().to_string();
    let said = "ssh: Could not resolve hostname lab7: Name or service not known";
    stand_in(&folder, "ssh", &format!("[ \"$1\" = -G ] || echo >>{count}; echo '{said}' >&2; exit 255"));
    assert_reason(&folder, "ssh:lab7", said, "correct the name in the configuration");
    assert_eq!(folder.read("count").lines().count(), 1);
}

#[test]
fn what_ssh_says_is_the_reason() {
    let changed = "@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @";
    for (said, reason, hint) in [
        (
            "root@lab7: Permission denied (publickey).",
            "root@lab7: Permission denied (publickey).",
            "add the conductor's key",
        ),
        (
            "Host key verification failed.",
            "Host key verification failed.",
            "add the key of that machine to `known_hosts`",
        ),
        (
            &*format!("{changed}\nHost key verification failed."),
            &*format!("{changed} / Host key verification failed."),
            "replace its key in `known_hosts` only if the machine was reinstalled",
        ),
        (
            "ssh: connect to host lab7 port 22: No route to host",
            "ssh: connect to host lab7 port 22: No route to host",
            "check the network",
        ),
        (
            "ssh: connect to host lab7 port 22: Connection refused",
            "ssh: connect to host lab7 port 22: Connection refused",
            "start sshd on that machine",
        ),
    ] {
        let folder = scene("connect = ssh:lab7");
        folder.file("said", said);
        stand_in(&folder, "ssh", &format!("cat {} >&2; exit 255", folder.join("said").display()));
        assert_reason(&folder, "ssh:lab7", reason, hint);
    }
}

#[test]
fn a_machine_that_runs_another_command_is_said_to_do_so() {
    let folder = scene("connect = ssh:lab7");
    stand_in(&folder, "ssh", "echo Welcome; echo This service allows sftp connections only.");
    let reason = "the machine ran another command instead of the conductor's script; it printed \
                  `This service allows sftp connections only.`";
    assert_reason(&folder, "ssh:lab7", reason, "for this user, remove `ForceCommand`");
}

#[test]
fn what_container_engines_say_is_the_reason() {
    for (engine, said, hint) in [
        ("docker", "Error response from daemon: No such container: c", "start the container"),
        ("podman", "Error: no container with name or ID \"c\" found: no such container", "start the container"),
        (
            "docker",
            "OCI runtime exec failed: exec: \"sh\": executable file not found in $PATH: unknown",
            "install a shell named `sh`",
        ),
    ] {
        let folder = scene(&format!("connect = {engine}:c"));
        folder.file("said", said);
        stand_in(&folder, engine, &format!("cat {} >&2; exit 126", folder.join("said").display()));
        assert_reason(&folder, &format!("{engine}:c"), said, hint);
    }
}

#[test]
fn a_transport_that_is_missing_or_killed_is_named() {
    let folder = scene("connect = no-such-transport --now");
    let reason = "`no-such-transport` is not installed on the conductor's machine";
    assert_reason(&folder, "no-such-transport --now", reason, "install that program on the conductor's machine");
    let folder = scene("connect = ssh:lab7");
    stand_in(&folder, "ssh", "kill -9 $$");
    let reason = "the command was ended by SIGKILL before a player started";
    assert_reason(&folder, "ssh:lab7", reason, "look for the cause in the system log");
}

#[test]
fn an_answer_that_the_script_does_not_give_has_a_hint() {
    // The mark is the last word of what the script executes: here it says something else with it.
    let wrong = "for mark; do :; done; echo \"$mark surprise\"";
    let folder = scene("connect = env\nprogram = BIN/wrong");
    stand_in(&folder, "wrong", wrong);
    assert_reason(
        &folder,
        "env",
        "the machine gave an unexpected answer: `surprise`",
        "correct `connect`, `connect_options` or",
    );
}

#[test]
fn each_of_several_reasons_has_its_hint() {
    let folder = scene("connect = no-such-transport --now");
    let (a, hint) = (folder.read("a.cfg"), "    hint: ");
    folder.file("b.cfg", &a.replace("no-such-transport --now", "ssh:lab7")).file("c.cfg", &a);
    folder.test("connect_timeout = 6s", &["a", "b", "c"]);
    stand_in(&folder, "ssh", "echo 'root@lab7: Permission denied (publickey).' >&2; exit 255");
    let finished = conduct(&folder);
    let hints: Vec<_> = finished.stdout.lines().filter_map(|line| line.strip_prefix(hint)).collect();
    assert_eq!(hints.len(), 2, "{finished:#?}");
    assert!(hints.iter().any(|hint| hint.starts_with("install that program")), "{hints:?}");
    assert!(hints.iter().any(|hint| hint.starts_with("add the conductor's key")), "{hints:?}");
    assert_eq!(run(&folder, ["report", "kept/r"]).stdout, finished.stdout, "the record has both");
}

#[test]
fn ssh_is_asked_at_the_same_time_for_the_ways_to_different_hosts() {
    let hosts = ["h1", "h2", "h3"];
    let folder = scene("connect = ssh:h1");
    let (here, text) = (folder.path().display(), folder.read("a.cfg"));
    for host in hosts {
        let lines = format!("program = {CONDUCTOR}\nexclusive = no\nconnect = ssh:{host}");
        folder.file(&format!("{host}.cfg"), &text.replace("connect = ssh:h1", &lines));
    }
    folder.test("", &hosts);
    let together = format!(
        ": >{here}/asked-$$; n=0; until [ $(ls {here} | grep -c asked-) = 3 ]; do n=$((n + 1)); \
         [ $n -le 40 ] || exit 1; sleep 0.1; done; echo together >>{here}/together; exit 1"
    );
    let script =
        format!("case \" $* \" in *\" -G \"*) {together};; esac\nfor script; do :; done; exec sh -c \"$script\"");
    stand_in(&folder, "ssh", &script);
    let finished = conduct(&folder);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(folder.read("together"), "together\n".repeat(3));
}

/// The machine is this one, with stand-ins.
const HERE: &str = "connect = env PATH=BIN:/usr/bin:/bin";

/// Checks the reason for a machine with this stand-in.
#[track_caller]
fn assert_reason_with(name: &str, script: &str, reason: &str, hint: &str) {
    let folder = scene(HERE);
    stand_in(&folder, name, script);
    let form = HERE.replace("BIN", &folder.join("bin").display().to_string());
    assert_reason(&folder, form.trim_start_matches("connect = "), reason, hint);
}

#[test]
fn a_machine_without_a_place_for_the_program_is_said_to_lack_it() {
    let hint = "set `scratch` to a folder with enough space";
    for (name, script, lacks) in [
        ("mkdir", "exit 1", "`/tmp` (not writable)"),
        ("df", "echo d 1 1 0 100% /", "`/tmp` (not enough space)"),
        ("chmod", "", "`/tmp` (files cannot be executed)"),
        ("stat", "echo nfs", "`/tmp` (a network file system)"),
    ] {
        let folder = scene(HERE);
        stand_in(&folder, name, script);
        let finished = conduct(&folder);
        assert!(finished.stdout.contains("no folder can hold the program: "), "{finished:#?}");
        assert!(finished.stdout.contains(lacks), "{lacks}: {finished:#?}");
        assert!(finished.stdout.contains(&format!("\n    hint: {hint}")), "{finished:#?}");
    }
}

#[test]
fn a_machine_whose_disk_is_full_is_said_to_be() {
    // It has room until the program comes.
    let script = "case $1 in -c) /usr/bin/head -c 1000; echo head: write error: No space left on device >&2;; *) exec /usr/bin/head \"$@\";; esac";
    let reason = "the copy of the program is incomplete: the folder is full, or the connection broke: \
                  head: write error: No space left on device";
    assert_reason_with("head", script, reason, "set `scratch` to a folder with enough space");
}

#[test]
fn a_machine_of_another_kind_is_named() {
    let uname = "case $1 in -m) echo riscv64;; *) exec /usr/bin/uname \"$@\";; esac";
    let hint = "build it with `scripts/package ARCH`, or name a file with `--program ARCH=FILE`";
    let folder = scene(HERE);
    stand_in(&folder, "uname", uname);
    let finished = conduct(&folder);
    assert!(finished.stdout.contains(": no program was found for riscv64: "), "{finished:#?}");
    assert!(
        finished.stdout.contains(&format!("conductor-riscv64` does not exist\n    hint: {hint}\n")),
        "{finished:#?}"
    );
    let folder = scene(HERE);
    stand_in(&folder, "uname", "echo Darwin");
    let finished = conduct(&folder);
    assert!(finished.stdout.contains("the machine runs Darwin, but players run only on Linux\n"), "{finished:#?}");
}

#[test]
fn a_program_that_does_not_run_there_is_explained() {
    let hint = "build a static program with `scripts/package`";
    // The script makes the copy executable: this one puts another program in its place.
    let script = |program: &str| {
        format!("case $2 in */p) printf '#!/bin/sh\\n{program}\\n' >\"$2\";; esac; exec /bin/chmod \"$@\"")
    };
    let missing = "p: error while loading shared libraries: libz.so.1: cannot open shared object file";
    assert_reason_with(
        "chmod",
        &script(&format!("echo {missing} >&2; exit 127")),
        &format!("the program cannot be run there: {missing}"),
        hint,
    );
    let folder = scene(HERE);
    stand_in(&folder, "chmod", &script("kill -9 $$"));
    let finished = conduct(&folder);
    assert!(finished.stdout.contains("the program cannot be run there: it was ended by SIGKILL\n"), "{finished:#?}");
    let folder = scene(HERE);
    let loader = "case $2 in */p) printf '#!/no/such/loader\\n' >\"$2\";; esac; exec /bin/chmod \"$@\"";
    stand_in(&folder, "chmod", loader);
    let finished = conduct(&folder);
    assert!(finished.stdout.contains("the program cannot be run there: "), "{finished:#?}");
}

#[test]
fn a_program_that_is_not_installed_there_is_named() {
    let folder = scene("connect = env\nprogram = /no/such/conductor");
    let reason = "`program` names `/no/such/conductor`, which is not an executable file on that machine";
    assert_reason(&folder, "env", reason, "correct `program`, or remove it");
    let folder = scene(&format!("connect = env\nprogram = {CONDUCTOR}"));
    assert_eq!(conduct(&folder).status, Some(0), "one that is there is used");
}
