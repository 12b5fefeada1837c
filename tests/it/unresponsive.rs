//! Processes of a player that were stopped by a signal, and so do nothing, but are still there.

use std::process::Child;

use crate::support::pipes::Pipe;
use crate::support::{Folder, Player, conductor, eventually, finish, kill, run, start};

const KILL: i32 = 9;
const TERMINATE: i32 = 15;
const CONTINUE: i32 = 18;

/// A worker whose Run writes the number of its session's process, holds a pipe, and does not end by itself.
struct Scene {
    folder: Folder,
    pipe: Pipe,
}

impl Scene {
    /// With this lease, this at the end of Run's only step, and this in front of Reset's.
    fn new(player: &Player, lease: &str, run: &str, reset: &str) -> Self {
        let folder = Folder::new();
        let pipe = Pipe::new(&folder, "pipe");
        let here = folder.path().display();
        let sections = format!(
            "[Run]\nwork = echo $PPID >{here}/session; {}; {run}\n[Reset]\nundo = echo reset >>{here}/log; {reset}\n",
            pipe.hold()
        );
        folder.test(&format!("lease = {lease}"), &["w"]).worker("w", player.port, &sections);
        Self { folder, pipe }
    }

    fn start(&self) -> Child {
        let child = start(conductor(&self.folder, ["conduct", "--quiet", "--run-id", "first", "test.cfg"]));
        self.pipe.wait_for_start();
        child
    }

    fn session(&self) -> u32 {
        self.folder.read("session").trim().parse().expect("a number")
    }

    fn wait_until_stopped(&self) {
        let session = self.session();
        eventually("the session's process is stopped", || {
            let status = std::fs::read_to_string(format!("/proc/{session}/stat")).expect("it is there");
            status.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        });
    }

    fn log(&self) -> String {
        self.folder.read("log")
    }
}

const STOPS_ITS_SESSION: &str = "kill -STOP $PPID; sleep 600";

/// The next run passes, and is told this.
fn serves_and_tells(player: &Player, told: &str) {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo next\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains(told), "`{told}` is missing: {finished:#?}");
}

#[test]
fn a_session_that_is_stopped_is_killed_after_its_lease_and_reset_once() {
    let log = Folder::new();
    let log_file = log.join("player.log");
    let player = Player::with(["--log-file".as_ref(), log_file.as_os_str()]);
    let scene = Scene::new(&player, "1s", STOPS_ITS_SESSION, "");
    let child = scene.start();
    // Whoever comes next waits for it, and knows why.
    let next = Folder::new();
    next.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo next\n");
    let check = || run(&next, ["conduct", "--quiet", "--check", "test.cfg"]).stdout;
    eventually("it is said that the process does not respond", || {
        check().contains("its process on the player does not respond; the player will be free within ")
    });
    let finished = finish(child);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    let killed = "its session did not respond for 5s and was killed; its steps ";
    assert!(finished.stdout.contains(killed), "the conductor's own report says so: {finished:#?}");
    serves_and_tells(
        &player,
        "its session did not respond for 5s and was killed; its steps were stopped, and Reset was run",
    );
    scene.pipe.wait_for_end();
    assert_eq!(scene.log(), "reset\n");
    let said = log.read("player.log");
    assert!(said.contains(" did not respond for 5s; killing it\n"), "{said}");
}

#[test]
fn a_player_that_is_told_to_stop_ends_a_session_that_is_stopped() {
    let mut player = Player::start();
    let scene = Scene::new(&player, "1h", STOPS_ITS_SESSION, "");
    let child = scene.start();
    scene.wait_until_stopped();
    player.signal(TERMINATE);
    assert_eq!(player.wait().code(), Some(0));
    scene.pipe.wait_for_end();
    assert_eq!(scene.log(), "reset\n");
    let finished = finish(child);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    assert!(
        finished.stdout.contains("the player was shut down; its steps were stopped and Reset was run"),
        "{finished:#?}"
    );
}

#[test]
fn a_player_that_is_told_to_stop_ends_a_session_that_is_stopped_again_and_again() {
    let mut player = Player::start();
    let run = "session=$PPID; trap '' TERM; while kill -STOP $session; do :; done";
    let scene = Scene::new(&player, "1h", run, "");
    let child = scene.start();
    scene.wait_until_stopped();
    player.signal(TERMINATE);
    assert_eq!(player.wait().code(), Some(0));
    scene.pipe.wait_for_end();
    assert_eq!(scene.log(), "reset\n");
    kill(child.id(), KILL);
    finish(child);
}

#[test]
fn a_run_that_takes_over_ends_a_session_that_is_stopped() {
    let player = Player::start();
    let scene = Scene::new(&player, "6s", STOPS_ITS_SESSION, "");
    let child = scene.start();
    scene.wait_until_stopped();
    kill(child.id(), KILL);
    finish(child);
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo next\n");
    let check = || run(&folder, ["conduct", "--quiet", "--check", "test.cfg"]).stdout;
    eventually("the process is known not to respond", || check().contains("does not respond"));
    let finished = run(&folder, ["conduct", "--quiet", "--run-id", "second", "--take-over", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let said =
        "and its process on the player does not respond; `--take-over` ends that run now; waiting for its Reset\n";
    assert!(finished.stdout.contains(said), "{finished:#?}");
    assert!(finished.stdout.contains("; its steps were stopped and Reset was run"), "{finished:#?}");
    scene.pipe.wait_for_end();
    assert_eq!(scene.log(), "reset\n");
}

#[test]
fn a_session_that_is_stopped_for_less_than_its_lease_goes_on() {
    let player = Player::start();
    let gate = Folder::new();
    let until = format!("until [ -e {} ]; do sleep 0.02; done; echo here", gate.join("gate").display());
    let scene = Scene::new(&player, "1m", &format!("kill -STOP $PPID; {until}"), "");
    let child = scene.start();
    scene.wait_until_stopped();
    gate.file("gate", "");
    std::thread::sleep(std::time::Duration::from_secs(2));
    kill(scene.session(), CONTINUE);
    let finished = finish(child);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("| here\n"), "{finished:#?}");
    assert_eq!(scene.log(), "reset\n");
}

#[test]
fn a_clean_up_process_that_is_stopped_is_killed_and_its_reset_is_not_run_again() {
    let player = Player::start();
    let scene = Scene::new(&player, "1s", "sleep 600", "kill -STOP $PPID; sleep 600");
    let child = scene.start();
    kill(scene.session(), KILL);
    assert_eq!(finish(child).status, Some(4));
    eventually("nothing is left", || player.children().is_empty());
    serves_and_tells(
        &player,
        "its session died; its clean-up process did not respond for 5s and was killed; \
         its steps were stopped, and its Reset is not run again",
    );
    assert_eq!(scene.log(), "reset\n");
}

/// Kills the player's listener while one of its processes is stopped.
fn kill_the_listener(mut player: Player, scene: &Scene) {
    player.signal(KILL);
    player.wait();
    scene.pipe.wait_for_end();
    eventually("nothing is left", || player.carriers().is_empty());
}

#[test]
fn a_session_that_is_stopped_when_its_listener_is_killed_runs_reset_and_ends() {
    let player = Player::start();
    let scene = Scene::new(&player, "1s", STOPS_ITS_SESSION, "");
    let child = scene.start();
    scene.wait_until_stopped();
    kill(child.id(), KILL);
    finish(child);
    kill_the_listener(player, &scene);
    assert_eq!(scene.log(), "reset\n");
}

#[test]
fn a_clean_up_process_that_is_stopped_when_its_listener_is_killed_goes_on() {
    let player = Player::start();
    let log = Folder::new();
    let stop = format!("kill -STOP $PPID; : >{}", log.join("is-stopped").display());
    let scene = Scene::new(&player, "1s", "sleep 600", &stop);
    let child = scene.start();
    kill(scene.session(), KILL);
    assert_eq!(finish(child).status, Some(4));
    eventually("it is stopped", || log.join("is-stopped").exists());
    kill_the_listener(player, &scene);
    assert_eq!(scene.log(), "reset\n");
}

#[test]
fn a_supervisor_of_a_check_that_is_stopped_when_its_conductor_is_killed_ends_the_check() {
    let (player, folder) = (Player::start(), Folder::new());
    let pipe = Pipe::new(&folder, "pipe");
    let check = format!("check = kill -STOP $PPID; {}; sleep 600", pipe.hold());
    folder.test(&check, &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    let child = start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    kill(child.id(), KILL);
    // It fails when something is left.
    finish(child);
    pipe.wait_for_end();
}

#[test]
fn a_local_player_that_is_stopped_when_its_conductor_is_killed_runs_reset_and_ends() {
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let stop = "read -r _ _ _ listener _ </proc/$PPID/stat; kill -STOP $listener";
    let log = folder.join("log");
    let sections =
        format!("[Run]\nwork = {stop}; {}; sleep 600\n[Reset]\nundo = echo reset >>{}\n", pipe.hold(), log.display());
    folder.test("lease = 2s", &["w"]).worker("w", 6970, &sections);
    let child = start(conductor(&folder, ["conduct", "--quiet", "--local", "test.cfg"]));
    pipe.wait_for_start();
    kill(child.id(), KILL);
    // It fails when something is left.
    finish(child);
    pipe.wait_for_end();
    assert_eq!(folder.read("log"), "reset\n");
}

#[test]
fn a_step_that_is_stopped_is_ended_by_its_time_out() {
    let player = Player::start();
    let folder = Folder::new();
    let steps = "[Run]\nshell = timeout1:kill -STOP $$\nchild = timeout1:sh -c 'kill -STOP $$'; true\n";
    folder.test("", &["w"]).worker("w", player.port, steps);
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    for step in ["shell", "child"] {
        assert!(finished.stdout.contains(&format!("\n  w  {step}  timed out ")), "{finished:#?}");
    }
}

#[test]
fn a_check_whose_guard_is_stopped_counts_and_holds_nobody_up() {
    let (player, folder) = (Player::start(), Folder::new());
    let stop = "read -r _ _ _ guard _ </proc/$PPID/stat; kill -STOP $guard; echo checked";
    folder.test(&format!("results = kept\ncheck = {stop}"), &["w"]);
    folder.worker("w", player.port, "[Run]\nstep = true\n[Reset]\nundo = echo reset\n");
    let begun = std::time::Instant::now();
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("checked"), "{finished:#?}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(15), "{:?}", begun.elapsed());
    serves_and_tells(&player, "");
}
