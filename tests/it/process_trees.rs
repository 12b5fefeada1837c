//! What steps leave, however it tries to get away: it is found, ended and named, and nothing else is touched. The proof is
//! a socket or a pipe that each process holds, and the end of it.
//!
//! Each is tried twice: with a control group for each step, where the tests have the right to make some, and without.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::support::pipes::Pipe;
use crate::support::sockets::Sockets;
use crate::support::surroundings::{name_of, own_name, skip};
use crate::support::{CONDUCTOR, Finished, Folder, Player, conductor, eventually, finish, kill, run, start};
use serde_json::{Value, json};

const KILL: i32 = 9;
const TERMINATE: i32 = 15;

/// The user that has no rights, on every Linux.
const NOBODY: u32 = 65534;

const NO_GROUPS: &str = "steps get no control groups here";

/// A script that goes into the background as often as its second argument says, each time in a session of its own and out
/// of its parent's sight. It closes its outputs and ignores what can be ignored; at last it makes ten children. Each of
/// the eleven holds a connection to the port that is the first argument.
const DAEMON: &str = r#"trap '' TERM INT HUP
cd "${0%/*}"
exec >/dev/null 2>&1
if [ "$2" -gt 0 ]; then setsid bash "$0" "$1" $(($2 - 1)) & exit; fi
hold='exec 9<>/dev/tcp/127.0.0.1/$PORT; echo $NUMBER >&9; echo $$ >up-$NUMBER'
export PORT=$1 NUMBER
for NUMBER in 1 2 3 4 5 6 7 8 9 10; do bash -c "$hold; exec sleep 600" & done
NUMBER=0
eval "$hold"
wait
"#;

/// A script that makes one process after the other, each in a session of its own, and does not mind signals.
const BREEDER: &str = r#"trap '' TERM INT HUP
cd "${0%/*}"
exec >/dev/null 2>&1 9>pipe-breeder
echo >&9
while :; do setsid sleep 600 & echo $! >bred; sleep 0.01; done
"#;

/// A player, and a folder that its steps may write to.
struct Scene {
    player: Player,
    folder: Folder,
    /// Who its steps run as.
    user: String,
}

impl Scene {
    /// One with the rights of the tests.
    fn new() -> Self {
        let folder = open_folder();
        Self { player: Player::start(), folder, user: own_name() }
    }

    /// One without rights; with the tests' own, when these are no others.
    fn without_rights() -> Self {
        if !rustix::process::getuid().is_root() {
            return Self::new();
        }
        let folder = open_folder();
        // The program may lie where nobody may look.
        let program = folder.join("conductor");
        assert!(copy(CONDUCTOR, &program), "a copy of the program");
        allow(&program, 0o755);
        let mut command = Command::new(program);
        command.args(["player", "--log-file", &folder.join("player.log").display().to_string()]);
        command.args(["--bind", "127.0.0.1", "--port", "0"]).uid(NOBODY).gid(NOBODY);
        Self { player: Player::from(command), folder, user: name_of(NOBODY) }
    }

    fn each() -> [Self; 2] {
        [Self::new(), Self::without_rights()]
    }

    fn pipe(&self, name: &str) -> Pipe {
        let pipe = Pipe::new(&self.folder, name);
        if rustix::process::getuid().is_root() {
            chown(self.folder.join(name), Some(NOBODY), None).expect("the pipe is anybody's");
        }
        pipe
    }

    /// Writes a file that the player may read, whatever the umask of the tests is.
    fn file(&self, name: &str, text: &str) {
        self.folder.file(name, text);
        allow(&self.folder.join(name), 0o644);
    }

    fn script(&self, name: &str, text: &str) -> String {
        self.file(name, text);
        format!("sh {}", self.folder.join(name).display())
    }

    /// Shell text that runs the daemon, whose processes connect here; only `bash` can.
    fn daemon(&self, sockets: &Sockets) -> String {
        self.file("daemon", DAEMON);
        format!("bash {} {}", self.folder.join("daemon").display(), sockets.port())
    }

    fn path(&self) -> std::path::Display<'_> {
        self.folder.path().display()
    }

    /// Runs a test of one worker with these sections.
    fn conduct(&self, sections: &str, arguments: &[&str]) -> Finished {
        let folder = Folder::new();
        folder.test("", &["w"]).worker("w", self.player.port, sections);
        run(&folder, ["conduct", "-q"].iter().chain(arguments).chain(&["test.cfg"]))
    }

    fn number_in(&self, file: &str) -> u32 {
        self.folder.read(file).trim().parse().expect("a number")
    }
}

fn open_folder() -> Folder {
    let folder = Folder::new();
    allow(folder.path(), 0o777);
    folder
}

fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("the test's own file");
}

fn document(finished: &Finished) -> Value {
    serde_json::from_str(&finished.stdout).expect("one JSON document")
}

fn result(finished: &Finished, phase: &str, worker: &str, position: usize) -> Value {
    document(finished)["trials"][0]["phases"][phase]["workers"][worker]["results"][position].clone()
}

#[test]
fn a_daemon_that_ignores_signals_and_its_ten_children_are_found_ended_and_named() {
    for scene in Scene::each() {
        let sockets = Sockets::new();
        let daemon = scene.daemon(&sockets);
        let all_are_up = format!("until [ $(ls {}/up-* | wc -l) = 11 ]; do sleep 0.02; done", scene.path());
        let finished = scene.conduct(&format!("[Run]\ndaemon = {daemon} 3\nwait = {all_are_up}\n"), &["-f", "json"]);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
        assert_eq!(sockets.wait_for_ends(11), (0..=10).collect::<Vec<_>>());
        assert_eq!(result(&finished, "run", "w", 0)["leaky"], false, "it closed its outputs");
        let warnings = document(&finished)["warnings"].clone();
        let text = warnings[0]["text"].as_str().expect("a warning");
        let begin = "step `daemon` in run of trial 1 left 11 processes, stopped after the trial: process ";
        assert!(text.starts_with(begin) && text.ends_with("; and 1 more"), "{text}");
        let process =
            |number: &u32| format!("process {} ({}): `", scene.number_in(&format!("up-{number}")), scene.user);
        let named = (0..=10).filter(|number| text.contains(&process(number)));
        assert_eq!(named.count(), 10, "{text}");
        assert_eq!(warnings.as_array().map(Vec::len), Some(1), "{warnings}");
    }
}

#[test]
fn a_step_that_takes_too_long_takes_with_it_what_it_made_and_nothing_of_other_steps() {
    for scene in Scene::each() {
        let (sockets, breeder, server) = (Sockets::new(), scene.pipe("pipe-breeder"), scene.pipe("server"));
        let (daemon, breeds) = (scene.daemon(&sockets), scene.script("breeder", BREEDER));
        let path = scene.path();
        let hold = server.hold();
        let server_text = format!("{hold}; echo $$ >{path}/server-up; exec sleep 600 >/dev/null 2>&1");
        let server_script = scene.script("server.sh", &server_text);
        let sections = format!(
            "[Startup]\nserver = setsid {server_script} & until [ -s {path}/server-up ]; do sleep 0.02; done\n\
             [Run]\ntimeout2 = setsid {breeds} & {daemon} 2; sleep 600\n\
             look = for name in server-up up-0 up-10 bred; do kill -0 $(cat {path}/$name) 2>&- && echo $name; done; true\n"
        );
        let finished = scene.conduct(&sections, &["-f", "json"]);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(3), ""), "{finished:#?}");
        let (late, look) = (result(&finished, "run", "w", 0), result(&finished, "run", "w", 1));
        assert_eq!((&late["outcome"], &late["not_stopped"]), (&json!("timed out"), &Value::Null), "{late}");
        assert_eq!(look["stdout"], "server-up\n", "only the server lives on: {finished:#?}");
        assert_eq!(sockets.wait_for_ends(11), (0..=10).collect::<Vec<_>>());
        for pipe in [breeder, server] {
            pipe.wait_for_start();
            pipe.wait_for_end();
        }
        let warnings = document(&finished)["warnings"].clone();
        let named = format!("left a process, stopped after the trial: process {} (", scene.number_in("server-up"));
        assert_eq!(warnings.as_array().map(Vec::len), Some(2), "{warnings}");
        let killed = "step `timeout2` in run of trial 1 had to be stopped with SIGKILL and ended ";
        assert!(warnings[0]["text"].as_str().is_some_and(|text| text.starts_with(killed)), "{warnings}");
        assert!(warnings[1]["text"].as_str().is_some_and(|text| text.contains(&named)), "{warnings}");
    }
}

#[test]
fn who_holds_the_output_of_a_step_is_named() {
    for scene in Scene::each() {
        let pipe = scene.pipe("pipe");
        let is_asleep = "until [ \"$(cat /proc/$!/comm)\" = sleep ]; do sleep 0.01; done; echo $!";
        let steps = format!("[Run]\nleaves = {}; setsid sleep 600 & {is_asleep}\n", pipe.hold());
        let finished = scene.conduct(&steps, &["-f", "json"]);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
        let left = result(&finished, "run", "w", 0);
        let pid: u32 = left["stdout"].as_str().and_then(|text| text.trim().parse().ok()).expect("a number");
        assert_eq!(left["leaky"], true);
        let holder = &left["holders"][0];
        assert_eq!((&holder["pid"], &holder["user"]), (&json!(pid), &json!(scene.user)), "{left}");
        assert_eq!(holder["command"], "sleep 600", "{left}");
        let warning = document(&finished)["warnings"][0]["text"].clone();
        let expected = format!("step `leaves` in run of trial 1 is leaky: its output is still open in process {pid} (");
        assert!(warning.as_str().is_some_and(|text| text.starts_with(&expected)), "{warning}");
        assert_eq!(document(&finished)["warnings"].as_array().map(Vec::len), Some(1), "it is named once");
        pipe.wait_for_end();
    }
}

#[test]
fn who_lets_go_of_the_output_of_a_step_a_moment_after_its_end_makes_no_leak() {
    for scene in Scene::each() {
        let pipe = scene.pipe("pipe");
        // It holds the output until the step's own process is gone.
        let late = "(while kill -0 $$; do :; done 2>/dev/null; exec >/dev/null 2>&1; exec sleep 600) &";
        let steps = format!("[Run]\nleaves = {}; {late} echo here\nnext = echo next\n", pipe.hold());
        let finished = scene.conduct(&steps, &["-f", "json"]);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
        let left = result(&finished, "run", "w", 0);
        assert_eq!((&left["leaky"], &left["stdout"]), (&json!(false), &json!("here\n")), "{left}");
        assert_eq!(result(&finished, "run", "w", 1)["stdout"], "next\n");
        let warnings = document(&finished)["warnings"].clone();
        let text = warnings[0]["text"].as_str().expect("it is found after the trial");
        assert!(text.starts_with("step `leaves` in run of trial 1 left a process, stopped after the trial"), "{text}");
        pipe.wait_for_end();
    }
}

/// Two workers on one player: `a` leaves a process that holds `pipe-a` and says by whom it was started, `b` has a spawned
/// step. In Run `b` waits until the file `gate` is there; then it says whether its own process is still alive.
fn two_workers(scene: &Scene, a: &Pipe, b: &Pipe) -> Folder {
    let folder = Folder::new();
    let path = scene.path();
    let stray = scene.script("stray", &format!("trap '' TERM; {}; sleep 600; true", a.hold()));
    let work = format!("echo $PPID >{path}/session; setsid {stray} >/dev/null 2>&1 & sleep 600");
    let gate = format!("until [ -e {path}/gate ]; do sleep 0.02; done; kill -0 $(cat {path}/pid) && echo alive");
    folder.test("lease = 2s", &["a", "b"]);
    folder.worker("a", scene.player.port, &format!("[Run]\nwork = timeout1s:{work}\n"));
    let spawned = format!("echo $$ >{path}/pid; {}; setsid sleep 600 & sleep 600", b.hold());
    folder.worker("b", scene.player.port, &format!("[Startup]\nspawn = {spawned}\n[Run]\nwork = {gate}\n"));
    folder
}

#[test]
fn a_step_that_is_stopped_takes_nothing_of_another_worker_with_it() {
    for scene in Scene::each() {
        let (a, b) = (scene.pipe("pipe-a"), scene.pipe("pipe-b"));
        let folder = two_workers(&scene, &a, &b);
        let child = start(conductor(&folder, ["conduct", "-q", "-f", "json", "test.cfg"]));
        a.wait_for_start();
        a.wait_for_end();
        scene.folder.file("gate", "");
        let finished = finish(child);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(3), ""), "{finished:#?}");
        assert_eq!(result(&finished, "run", "a", 0)["outcome"], "timed out");
        assert_eq!(result(&finished, "run", "b", 0)["stdout"], "alive\n");
        b.wait_for_start();
        b.wait_for_end();
    }
}

#[test]
fn a_session_that_dies_takes_nothing_of_another_worker_with_it() {
    for scene in Scene::each() {
        let (a, b) = (scene.pipe("pipe-a"), scene.pipe("pipe-b"));
        let folder = two_workers(&scene, &a, &b);
        let child = start(conductor(&folder, ["conduct", "-q", "-f", "json", "test.cfg"]));
        a.wait_for_start();
        kill(scene.number_in("session"), KILL);
        a.wait_for_end();
        scene.folder.file("gate", "");
        let finished = finish(child);
        assert_eq!(finished.status, Some(4), "{finished:#?}");
        assert_eq!(result(&finished, "run", "b", 0)["stdout"], "alive\n", "{finished:#?}");
        b.wait_for_start();
        b.wait_for_end();
    }
}

/// Copies a program. Another process does it: what this one has open to write is open in every process that another test
/// is just making, and nobody can run it meanwhile.
fn copy(from: &str, to: &Path) -> bool {
    Command::new("cp").arg(from).arg(to).status().is_ok_and(|status| status.success())
}

/// A program that makes root of whoever runs it; none where the tests may not make one, or it does not work.
fn program_for_root(folder: &Folder) -> Option<String> {
    let program = folder.join("become-root");
    (rustix::process::getuid().is_root() && copy("/usr/bin/setpriv", &program)).then_some(())?;
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o4755)).ok()?;
    let line = format!("{} --reuid 0 --clear-groups", program.display());
    let output =
        Command::new("/bin/sh").args(["-c", &format!("{line} id -ru")]).uid(NOBODY).gid(NOBODY).output().ok()?;
    (output.stdout == b"0\n").then_some(line)
}

#[test]
fn what_may_not_be_stopped_is_named_and_does_not_keep_the_player_from_its_end() {
    let mut scene = Scene::without_rights();
    let Some(become_root) = program_for_root(&scene.folder) else {
        return skip("the tests may not make a program that makes root of another user");
    };
    let pipe = scene.pipe("pipe");
    let pid = format!("{}/pid", scene.path());
    // The shell that may be stopped is; what it started goes on.
    let step = format!("{}; {become_root} sh -c 'echo $$ >{pid}; exec sleep 600' >/dev/null 2>&1", pipe.hold());
    let finished = scene.conduct(&format!("[Run]\ntimeout1 = {step}\n"), &["-f", "json"]);
    let number = scene.number_in("pid");
    let result = result(&finished, "run", "w", 0);
    let process = json!({"pid": number, "user": "root", "command": "sleep 600"});
    assert_eq!((&result["outcome"], &result["not_stopped"]), (&json!("timed out"), &json!([process])), "{finished:#?}");
    let warnings = document(&finished)["warnings"].clone();
    let named = format!("could not be stopped: process {number} (root): `sleep 600`");
    let texts = [format!("step `timeout1` in run of trial 1 {named}"), named.clone()];
    assert_eq!([&warnings[0]["text"], &warnings[1]["text"]], [&json!(texts[0]), &json!(texts[1])], "{warnings}");
    let check = Folder::new();
    check.test("", &["w"]).worker("w", scene.player.port, "");
    let told = run(&check, ["conduct", "-q", "--check", "test.cfg"]);
    assert!(
        told.stdout.contains(&format!(
            "process {number} (root) was left running by an earlier run; if it is still running, it is stopped when the player stops: `sleep 600`"
        )),
        "{told:#?}"
    );
    scene.player.signal(TERMINATE);
    assert_eq!(scene.player.wait().code(), Some(0));
    let log = scene.folder.read("player.log");
    assert_eq!(log.matches(&named).count(), 1, "{log}");
    kill(number, KILL);
    pipe.wait_for_end();
}

/// The folder of the control group that a step wrote down, if it had one of its own.
fn cgroup_of(text: &str) -> Option<std::path::PathBuf> {
    let place = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?.split(' ').nth(4)?;
    place.contains("conductor-").then(|| Path::new(mount).join(place))
}

#[test]
fn the_control_groups_of_a_player_go_with_it() {
    let scene = Scene::new();
    let steps =
        "[Run]\none = cat /proc/self/cgroup\ntwo = cat /proc/self/cgroup; sleep 600 & true\nspawn = sleep 600\n";
    let finished = scene.conduct(steps, &["-f", "json", "-p", "run"]);
    let groups = [0, 1].map(|step| result(&finished, "run", "w", step)["stdout"].as_str().and_then(cgroup_of));
    let [Some(one), Some(two)] = groups else { return skip(NO_GROUPS) };
    assert_eq!(one, two, "a group that nobody is in serves the next step too");
    assert!(two.exists(), "what was left on purpose is still in it");
    drop(scene);
    assert!(!two.exists());
    assert!(two.parent().is_some_and(|root| !root.exists()));
}

#[test]
fn what_is_left_of_a_player_that_was_killed_with_its_sessions_is_ended_by_the_next_at_its_port() {
    let mut scene = Scene::new();
    let (folder, pipe) = (Folder::new(), scene.pipe("pipe"));
    let path = scene.path().to_string();
    let step = format!("cat /proc/self/cgroup >{path}/cgroup; echo $PPID >{path}/session; {}; sleep 600", pipe.hold());
    folder.test("lease = 1s", &["w"]).worker("w", scene.player.port, &format!("[Run]\nstep = {step}\n"));
    let child = start(conductor(&folder, ["conduct", "-q", "test.cfg"]));
    pipe.wait_for_start();
    for pid in [scene.player.pid(), scene.number_in("session")] {
        kill(pid, KILL);
    }
    scene.player.wait();
    let port = scene.player.port.to_string();
    let Some(cgroup) = cgroup_of(&scene.folder.read("cgroup")) else {
        finish(child);
        return skip(NO_GROUPS);
    };
    let mut next = None;
    eventually("the session is gone, and its port free", || {
        // The last one first has to be gone.
        next = None;
        let mut command = Command::new(CONDUCTOR);
        command.args(["player", "--quiet", "--bind", "127.0.0.1", "--port", &port]);
        next = Some(Player::from(command));
        !cgroup.exists()
    });
    pipe.wait_for_end();
    assert_eq!(finish(child).status, Some(4));
    let told = run(&folder, ["conduct", "-q", "-p", "startup", "test.cfg"]);
    assert!(
        told.stdout.contains("an earlier player and its sessions were killed; their Reset was not run, and the processes that their steps left have been stopped"),
        "{told:#?}"
    );
    assert!(told.stdout.contains(&format!("({}): `sleep 600`", scene.user)), "{told:#?}");
}
