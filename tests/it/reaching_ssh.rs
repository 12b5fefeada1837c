//! Machines that are reached with `ssh`, as they are found: login shells, greetings, settings on both sides, folders in which
//! nothing can be executed, many workers at once, and what is said when a machine cannot be reached.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::look::Look;
use crate::support::machines::{Sshd, files_in, free_port};
use crate::support::same_results::assert_same_results;
use crate::support::surroundings::{own_name, skip};
use crate::support::{CONDUCTOR, Finished, Folder, finish, run, start};

/// A run with a worker for each of these lines of `[Coordinator]`, which prints who it is.
fn run_on(lines: &[String], timeout: &str) -> Finished {
    let folder = Folder::new();
    let names: Vec<_> = (0..lines.len()).map(|index| format!("w{index}")).collect();
    for (name, lines) in names.iter().zip(lines) {
        folder.file(
            &format!("{name}.cfg"),
            &format!("[Coordinator]\n{lines}\n[Run]\nsay = echo \"this is $(id -un)\"\n"),
        );
    }
    folder.test(&format!("connect_timeout = {timeout}"), &names.iter().map(String::as_str).collect::<Vec<_>>());
    run(&folder, ["conduct", "--quiet", "test.cfg"])
}

#[track_caller]
fn passes(lines: &str, user: &str) {
    let look = Look::here();
    let finished = run_on(&[lines.to_owned()], "30s");
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    assert!(finished.stdout.contains(&format!("this is {user}\n")), "{}", finished.stdout);
    look.assert_nothing_is_left();
}

/// The run says this of its only worker, and nothing is left.
#[track_caller]
fn fails(lines: &str, expected: &[&str]) {
    let look = Look::here();
    let finished = run_on(&[lines.to_owned()], "8s");
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let said = finished.stderr + &finished.stdout;
    for text in expected {
        assert!(said.contains(text), "`{text}` is missing in:\n{said}");
    }
    look.assert_nothing_is_left();
}

/// With this login shell of root, which prints a greeting from its start file.
#[track_caller]
fn passes_with_shell(shell: &str, start_file: &str) {
    if !Path::new(shell).exists() {
        return skip(&format!("there is no `{shell}`"));
    }
    let folder = Path::new(start_file).parent().map_or(String::new(), |parent| parent.display().to_string());
    let prepare = format!(
        "mkdir -p $here/home/{folder}; echo 'echo welcome to this machine' >$here/home/{start_file}; \
         sed \"s#^root:.*#root:x:0:0:root:$here/home:{shell}#\" /etc/passwd >$here/passwd; \
         mount --bind $here/passwd /etc/passwd"
    );
    if let Some(sshd) = Sshd::in_own_mounts("", &prepare) {
        let greeting = sshd.run("true");
        assert!(greeting.contains("welcome to this machine"), "the shell prints its greeting: {greeting}");
        passes(&sshd.lines(), "root");
    }
}

#[test]
fn the_login_shell_may_be_csh() {
    passes_with_shell("/bin/csh", ".cshrc");
}

#[test]
fn the_login_shell_may_be_tcsh() {
    passes_with_shell("/usr/bin/tcsh", ".tcshrc");
}

#[test]
fn the_login_shell_may_be_fish() {
    passes_with_shell("/usr/bin/fish", ".config/fish/config.fish");
}

#[test]
fn the_login_shell_may_be_zsh() {
    passes_with_shell("/bin/zsh", ".zshenv");
}

#[test]
fn the_login_shell_may_be_bash() {
    passes_with_shell("/bin/bash", ".bashrc");
}

#[test]
fn the_settings_of_the_user_for_other_uses_of_ssh_do_no_harm() {
    if let Some(sshd) = Sshd::start("Banner /etc/hostname") {
        sshd.configure(
            "RemoteCommand echo something else\nRequestTTY force\nControlMaster auto\nControlPath %d/control-%C\n\
             LocalForward 127.0.0.1:1 127.0.0.1:1\nExitOnForwardFailure yes\nForwardX11 yes\nForwardAgent yes\nBatchMode no\n",
        );
        passes(&sshd.lines(), &own_name());
    }
}

#[test]
fn the_port_may_be_another_one() {
    if let Some(sshd) = Sshd::start("") {
        let lines = sshd.lines().replace("config", "config-without-port") + &format!(" -p {}", sshd.port);
        passes(&lines, &own_name());
    }
}

#[test]
fn a_jump_host_may_be_on_the_way() {
    if let Some(sshd) = Sshd::start("") {
        // ssh refuses a jump host that has the name of the machine itself.
        let lines = sshd.lines() + &format!(" -J localhost:{}", sshd.port);
        passes(&lines, &own_name());
        // One more for each attempt that came too late.
        assert!(sshd.log().matches("Accepted publickey").count() >= 2, "{}", sshd.log());
    }
}

#[test]
fn a_command_that_the_machine_forces_is_named_as_a_possible_cause() {
    if let Some(sshd) = Sshd::start("ForceCommand echo only file transfer here") {
        fails(&sshd.lines(), &["only file transfer here", "ForceCommand"]);
    }
}

#[test]
fn the_steps_run_as_the_user_of_become() {
    let is_possible = Command::new("sudo").args(["-n", "-u", "daemon", "true"]).output();
    if !is_possible.is_ok_and(|output| output.status.success()) {
        return skip("`sudo -n -u daemon` does not work");
    }
    if let Some(sshd) = Sshd::start("") {
        let lines = format!("{}\nbecome = sudo -n -u daemon", sshd.lines());
        passes(&lines, "daemon");
        assert_same_results(&lines);
    }
}

#[test]
fn folders_in_which_nothing_can_be_executed_or_that_are_full_are_passed_over() {
    let no_exec = "for d in /tmp /dev/shm /var/tmp; do mount --bind $d $d; mount -o remount,bind,noexec $d; done; ";
    let small = "mkdir $here/small; mount -t tmpfs -o size=1m tmpfs $here/small; ";
    let home = "mkdir $here/home; mount -t tmpfs -o size=1g tmpfs $here/home; \
                sed \"s#^root:.*#root:x:0:0:root:$here/home:/bin/sh#\" /etc/passwd >$here/passwd; \
                mount --bind $here/passwd /etc/passwd; ";
    let prepare = format!("{no_exec}{small}{home}");
    let Some(sshd) = Sshd::in_own_mounts("", &prepare) else { return };
    let lines = |sshd: &Sshd| format!("{}\nscratch = {}", sshd.lines(), sshd.path("small"));
    assert_same_results(&lines(&sshd));
    let home = format!("/proc/{}/root{}", sshd.pid(), sshd.path("home"));
    assert_eq!(files_in(Path::new(&home)), Vec::<String>::new(), "left in the only folder that is left");
    let Some(sshd) = Sshd::in_own_mounts("", &format!("{prepare}\nmount -o remount,bind,noexec $here/home")) else {
        return;
    };
    let small = sshd.path("small");
    fails(
        &lines(&sshd),
        &[
            "no folder can hold the program",
            &format!("`{small}` (not enough space)"),
            "`/tmp` (files cannot be executed)",
            "`/dev/shm` (files cannot be executed)",
            "`scratch`",
        ],
    );
}

#[test]
fn sixty_workers_are_reached_where_sshd_drops_connections_beyond_ten() {
    let Some(sshd) = Sshd::start("MaxStartups 10:30:100") else { return };
    // Nothing is copied: what is tested is that connections are not dropped, or made again.
    let lines = format!("{}\nprogram = {CONDUCTOR}", sshd.lines());
    let finished = run_on(&vec![lines; 60], "30s");
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    assert!(finished.stdout.contains("60 passed"), "{}", finished.stdout);
    let log = sshd.log();
    assert!(!log.contains("drop connection"), "no more than eight log in at a time: {log}");
}

#[test]
fn a_network_without_a_route_is_named() {
    let script = "ip link set lo up && ip route add unreachable 192.0.2.1 && exec \"$@\"";
    let in_own_network = |words: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["-n", "sh", "-c", script, "sh"]).args(words);
        command
    };
    if !in_own_network(&["ssh", "-V"]).output().is_ok_and(|output| output.status.success()) {
        return skip("a process cannot have a network of its own, or there is no ssh");
    }
    let folder = Folder::new();
    folder.file("w.cfg", "[Coordinator]\nconnect = ssh:192.0.2.1\n[Run]\na = true\n");
    folder.test("connect_timeout = 1s", &["w"]);
    let mut command = in_own_network(&[CONDUCTOR, "conduct", "--quiet", "test.cfg"]);
    command.current_dir(folder.path()).stdin(Stdio::null());
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stdout.contains("No route to host"), "{finished:#?}");
    assert!(finished.stdout.contains("check the network"), "{finished:#?}");
}

#[test]
fn what_keeps_ssh_from_a_machine_is_said_with_what_to_do() {
    let Some(sshd) = Sshd::start("") else { return };
    let options = sshd.lines();
    let with = |option: &str| format!("{options} {option}");
    sshd.make_key("stranger");
    let other = format!("[127.0.0.1]:{} {}", sshd.port, sshd.folder().read("stranger.pub"));
    sshd.folder().file("no-keys", "").file("other-keys", &other);
    let no_keys = format!("-oUserKnownHostsFile={}", sshd.path("no-keys"));
    let other_keys = format!("-oUserKnownHostsFile={}", sshd.path("other-keys"));
    let stranger = ["known", "stranger"].map(|name| sshd.path(name));
    let stranger = format!("-F none -p {} -oUserKnownHostsFile={} -i {}", sshd.port, stranger[0], stranger[1]);
    let unknown_host = options.replace("ssh:127.0.0.1", "ssh:no-such-host.invalid");
    let nobody = format!("{options}\nbecome = setpriv --reuid=65534 --regid=65534 --clear-groups");
    let mut cases = vec![
        (with(&no_keys), "Host key verification failed"),
        (with(&other_keys), "has changed"),
        (with(&stranger), "Permission denied"),
        (with(&format!("-p {}", free_port())), "Connection refused"),
        (unknown_host, "Could not resolve hostname"),
        (format!("{options}\nprogram = /no/such/program"), "`program` names `/no/such/program`"),
        (format!("{options}\nbecome = /no/such/sudo"), "/no/such/sudo"),
    ];
    if rustix::process::geteuid().is_root() {
        cases.push((nobody, "65534, which stands for every unknown user in a user namespace; use another user"));
    }
    let lines: Vec<_> = cases.iter().map(|(lines, ..)| format!("{lines}\n")).collect();
    let finished = run_on(&lines, "15s");
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let mut missing = String::new();
    for (index, (_, sentence)) in cases.iter().enumerate() {
        let of_worker = |line: &&str| line.contains(&format!("`w{index}`"));
        let said =
            finished.stderr.lines().chain(finished.stdout.lines()).filter(of_worker).collect::<Vec<_>>().join("\n");
        if !said.contains(sentence) {
            let _ = writeln!(missing, "`{sentence}` is missing in: {said}");
        }
    }
    assert!(missing.is_empty(), "{missing}\n{finished:#?}");
    let mut hints = vec![
        "add the key of that machine to `known_hosts`",
        "replace its key in `known_hosts` only if",
        "add the conductor's key to `authorized_keys`",
        "start sshd on that machine",
        "correct the name in the configuration",
        "correct `program`",
        "run the command in a terminal",
    ];
    if rustix::process::geteuid().is_root() {
        hints.push("use another user in `connect`");
    }
    for hint in &hints {
        assert_eq!(finished.stdout.matches(&format!("\n    hint: {hint}")).count(), 1, "`{hint}`: {finished:#?}");
    }
    assert_eq!(finished.stdout.matches("\n    hint: ").count(), hints.len(), "{finished:#?}");
}
