//! Processes of a player that are killed in the middle of Run: all at once, the listener alone, one session alone.

use std::process::Child;

use crate::support::pipes::Pipe;
use crate::support::{Finished, Folder, Player, conductor, descendants, eventually, finish, kill, run};

const INTERRUPT: i32 = 2;
const KILL: i32 = 9;
const CONTINUE: i32 = 18;
const STOP: i32 = 19;

/// Two workers: `a` ends its Run when the file `gate` is there, `b` never does. What they do is appended to their logs.
struct Scene {
    folder: Folder,
    a: Pipe,
    b: Pipe,
}

impl Scene {
    fn new(lines: &str, a: u16, b: u16) -> Self {
        let folder = Folder::new();
        let scene = Self { a: Pipe::new(&folder, "pipe-a"), b: Pipe::new(&folder, "pipe-b"), folder };
        let gate = scene.folder.join("gate");
        let until = format!("until [ -e {} ]; do sleep 0.02; done; echo a was here", gate.display());
        let folder = &scene.folder;
        folder.test(lines, &["a", "b"]);
        folder.worker("a", a, &scene.sections("a", &format!("{}; {until}", scene.a.hold())));
        folder.worker("b", b, &scene.sections("b", &format!("{}; echo b began; sleep 600", scene.b.hold())));
        scene
    }

    fn sections(&self, name: &str, run: &str) -> String {
        let folder = self.folder.path().display();
        format!(
            "[Startup]\nstep = echo startup >>{folder}/log-{name}\n\n\
             [Run]\nwork = echo $PPID >{folder}/session-{name}; {run}\nmore = echo more of {name}\n\n\
             [Collect]\nstep = echo collect >>{folder}/log-{name}\n\n\
             [Reset]\nstep = echo $CONDUCTOR_PHASE >>{folder}/log-$CONDUCTOR_WORKER\n"
        )
    }

    /// Starts `conduct`, and waits until both are at work in Run.
    fn start(&self, arguments: &[&str]) -> Child {
        let all = ["conduct", "--quiet"].iter().chain(arguments).chain(&["test.cfg"]);
        let child = crate::support::start(conductor(&self.folder, all));
        self.a.wait_for_start();
        self.b.wait_for_start();
        child
    }

    fn open_gate(&self) {
        self.folder.file("gate", "");
    }

    /// The process that holds this worker's session.
    fn session(&self, name: &str) -> u32 {
        self.folder.read(&format!("session-{name}")).trim().parse().expect("a number")
    }

    fn log(&self, name: &str) -> String {
        self.folder.read(&format!("log-{name}"))
    }
}

/// `b` was lost, and `a` has all that belongs to it.
#[track_caller]
fn assert_b_is_lost(finished: &Finished, scene: &Scene) {
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    let out = &finished.stdout;
    for expected in ["lost: b: ", "  b  work  lost ", "  b  more  lost ", "      | a was here\n", "      | more of a\n"]
    {
        assert!(out.contains(expected), "`{expected}` is missing: {finished:#?}");
    }
    for expected in ["  a  work  passed ", "  a  more  passed ", "\nlost: b in run of trial 1: "] {
        assert!(out.contains(expected), "`{expected}` is missing: {finished:#?}");
    }
    assert!(!out.contains("| more of b\n"), "{finished:#?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
    assert_eq!(scene.log("a"), "startup\ncollect\nreset\n");
}

/// The next run has its own results, and is told what became of the last one.
fn serves_and_tells(player: &Player, told: &str) {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo next\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("      | next\n"), "{finished:#?}");
    assert!(finished.stdout.contains(told), "`{told}` is missing: {finished:#?}");
    // It is told once.
    serves(player);
}

fn serves(player: &Player) {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo next\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("      | next\n"), "{finished:#?}");
    assert!(!finished.stdout.contains("warning"), "{finished:#?}");
}

#[test]
fn a_player_that_is_gone_at_once_is_lost_and_the_others_end_their_run() {
    let (a, mut b) = (Player::start(), Player::start());
    let scene = Scene::new("lease = 1s", a.port, b.port);
    let child = scene.start(&[]);
    let all = descendants(b.pid());
    assert!(all.len() >= 2, "a session and its step: {all:?}");
    [b.pid()].into_iter().chain(all).for_each(|pid| kill(pid, KILL));
    b.wait();
    scene.b.wait_for_end();
    scene.open_gate();
    let finished = finish(child);
    assert_b_is_lost(&finished, &scene);
    assert_eq!(scene.log("b"), "startup\n", "nobody was left who could have run it");
    serves(&a);
}

#[test]
fn with_on_interrupt_collect_the_others_collect_when_a_worker_is_lost_before_the_interrupt_or_after_it() {
    for is_lost_first in [true, false] {
        let (a, b) = (Player::start(), Player::start());
        let scene = Scene::new("on_interrupt = collect", a.port, b.port);
        let collecting = Pipe::new(&scene.folder, "held");
        let gate = scene.folder.join("gate").display().to_string();
        let hold = format!("[Collect]\nhold = {}; until [ -e {gate} ]; do sleep 0.02; done\n", collecting.hold());
        scene.folder.file("a.cfg", &scene.folder.read("a.cfg").replace("[Collect]\n", &hold));
        let child = scene.start(&[]);
        let lose = || {
            kill(scene.session("b"), KILL);
            scene.b.wait_for_end();
            eventually("the player of `b` resets it", || scene.log("b").ends_with("reset\n"));
        };
        if is_lost_first {
            lose();
        }
        kill(child.id(), INTERRUPT);
        collecting.wait_for_start();
        if !is_lost_first {
            eventually("`b` collects", || scene.log("b").ends_with("collect\n"));
            lose();
        }
        scene.open_gate();
        let finished = finish(child);
        assert_eq!(finished.status, Some(130), "{finished:#?}");
        // Whoever was not lost was stopped in Run, has collected, and was reset.
        let lines =
            ["lost: b: ", "  a  work  stopped ", "  a  more  skipped ", "  a  hold  passed ", "  a  step  passed "];
        for line in lines {
            assert!(finished.stdout.contains(line), "`{line}` is missing: {finished:#?}");
        }
        assert_eq!(finished.stdout.matches("\n  b  work  ").count(), 1, "{finished:#?}");
        assert_eq!(scene.log("a"), "startup\ncollect\nreset\n");
        assert_eq!(scene.log("b"), if is_lost_first { "startup\nreset\n" } else { "startup\ncollect\nreset\n" });
        serves(&a);
    }
}

#[test]
fn the_json_report_of_a_run_with_a_lost_worker_is_whole() {
    let (a, mut b) = (Player::start(), Player::start());
    let scene = Scene::new("lease = 1s", a.port, b.port);
    let child = scene.start(&["--format", "json", "--output", "report.json"]);
    let all = descendants(b.pid());
    [b.pid()].into_iter().chain(all).for_each(|pid| kill(pid, KILL));
    b.wait();
    scene.open_gate();
    let finished = finish(child);
    assert_eq!((finished.status, finished.stdout.as_str()), (Some(4), ""), "{finished:#?}");
    let report = scene.folder.read("report.json");
    let report: serde_json::Value = serde_json::from_str(&report).expect("the file is one JSON document");
    let workers = &report["trials"][0]["phases"]["run"]["workers"];
    assert!(workers["a"].to_string().contains("more of a"), "{report:#}");
    assert!(workers["b"].to_string().contains("lost"), "{report:#}");
}

#[test]
fn a_player_that_falls_silent_is_given_up_and_cleans_up_when_it_wakes() {
    let (a, b) = (Player::start(), Player::start());
    // An interval is 200 ms, and three silent ones break a session; the connection itself stays open.
    let scene = Scene::new("lease = 1200ms", a.port, b.port);
    let child = scene.start(&[]);
    let all: Vec<u32> = [b.pid()].into_iter().chain(descendants(b.pid())).collect();
    for pid in &all {
        kill(*pid, STOP);
    }
    scene.open_gate();
    let finished = finish(child);
    for pid in &all {
        kill(*pid, CONTINUE);
    }
    assert_b_is_lost(&finished, &scene);
    assert!(finished.stdout.contains("lost: b: nothing was received from its player for "), "{finished:#?}");
    assert!(!finished.stdout.contains("for 0s"), "{finished:#?}");
    scene.b.wait_for_end();
    eventually("Reset was run", || scene.log("b") == "startup\nreset\n");
    serves_and_tells(
        &b,
        "nothing was received from the conductor for 1s 200ms; its steps were stopped and Reset was run",
    );
}

#[test]
fn a_listener_that_is_killed_alone_disturbs_no_run() {
    let (a, mut b) = (Player::start(), Player::start());
    let scene = Scene::new("", a.port, b.port);
    scene.folder.worker("b", b.port, &scene.sections("b", &format!("{}; echo b is here", scene.b.hold())));
    // Both wait, so that the listener dies while its session is at work.
    let both = scene.folder.read("a.cfg").replace(&format!("cmdport = {}", a.port), &format!("cmdport = {}", b.port));
    let both = both.replace("pipe-a", "pipe-b").replace("log-a", "log-b").replace("a was here", "b was here");
    scene.folder.file("b.cfg", &both);
    let child = scene.start(&[]);
    b.signal(KILL);
    b.wait();
    scene.open_gate();
    let finished = finish(child);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("      | b was here\n"), "{finished:#?}");
    assert_eq!(scene.log("b"), "startup\ncollect\nreset\n");
    scene.b.wait_for_end();
}

/// A player of one worker that is at work in Run, and its conductor; the lease is long.
fn at_work(lease: &str) -> (Player, Scene, Child) {
    let player = Player::start();
    let scene = Scene::new(&format!("lease = {lease}"), player.port, player.port);
    let child = scene.start(&[]);
    (player, scene, child)
}

#[test]
fn sessions_whose_conductor_and_listener_are_killed_reset_and_end_at_once() {
    let (mut player, scene, mut child) = at_work("1h");
    let sessions = ["a", "b"].map(|name| scene.session(name));
    player.signal(KILL);
    player.wait();
    kill(child.id(), KILL);
    child.wait().expect("it was killed");
    assert_are_reset_and_gone(&scene, sessions);
}

#[test]
fn sessions_that_wait_to_be_asked_by_their_conductor_end_when_their_listener_is_killed() {
    let (mut player, scene, mut child) = at_work("1s");
    let sessions = ["a", "b"].map(|name| scene.session(name));
    kill(child.id(), KILL);
    child.wait().expect("it was killed");
    eventually("both were reset", || ["a", "b"].iter().all(|name| scene.log(name) == "startup\nreset\n"));
    player.signal(KILL);
    player.wait();
    assert_are_reset_and_gone(&scene, sessions);
}

#[track_caller]
fn assert_are_reset_and_gone(scene: &Scene, sessions: [u32; 2]) {
    scene.a.wait_for_end();
    scene.b.wait_for_end();
    let is_gone = |pid: u32| !std::path::Path::new(&format!("/proc/{pid}")).exists();
    eventually("the sessions' processes have ended", || sessions.iter().all(|pid| is_gone(*pid)));
    assert!(["a", "b"].iter().all(|name| scene.log(name) == "startup\nreset\n"));
}

#[test]
fn a_session_that_is_killed_alone_has_its_steps_ended_and_its_reset_run_once_by_the_listener() {
    let (a, b) = (Player::start(), Player::start());
    let scene = Scene::new("", a.port, b.port);
    let child = scene.start(&[]);
    kill(scene.session("b"), KILL);
    scene.b.wait_for_end();
    eventually("Reset was run", || scene.log("b") == "startup\nreset\n");
    scene.open_gate();
    let finished = finish(child);
    assert_b_is_lost(&finished, &scene);
    eventually("the heir is over", || b.children().is_empty());
    serves_and_tells(&b, "its session died; its steps were stopped, and Reset was run");
    assert_eq!(scene.log("b"), "startup\nreset\n");
}

#[test]
fn a_session_that_is_killed_does_not_disturb_another_on_the_same_player() {
    let player = Player::start();
    let scene = Scene::new("", player.port, player.port);
    let child = scene.start(&[]);
    kill(scene.session("b"), KILL);
    scene.b.wait_for_end();
    eventually("Reset was run", || scene.log("b") == "startup\nreset\n");
    scene.open_gate();
    let finished = finish(child);
    assert_b_is_lost(&finished, &scene);
    eventually("nothing is left", || player.children().is_empty());
    serves_and_tells(&player, "its session died; its steps were stopped, and Reset was run");
}

#[test]
fn a_step_that_hides_from_its_group_is_ended_with_a_session_that_dies() {
    let (a, b) = (Player::start(), Player::start());
    let scene = Scene::new("", a.port, b.port);
    // `setsid` leaves the group, and its parent is gone at once.
    let hidden = format!("{}; (setsid sleep 600 &); sleep 600", scene.b.hold());
    scene.folder.worker("b", b.port, &scene.sections("b", &hidden));
    let child = scene.start(&[]);
    kill(scene.session("b"), KILL);
    scene.b.wait_for_end();
    scene.open_gate();
    assert_eq!(finish(child).status, Some(4));
    eventually("the heir is over", || b.children().is_empty());
}

#[test]
fn a_session_that_is_killed_in_its_reset_does_not_have_it_run_again() {
    let player = Player::start();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let here = folder.path().display();
    let reset = format!("echo $PPID >{here}/session; echo reset >>{here}/log; {}; sleep 600", pipe.hold());
    folder.test("", &["w"]).worker("w", player.port, &format!("[Run]\nstep = true\n[Reset]\nstep = {reset}\n"));
    let child = crate::support::start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    kill(folder.read("session").trim().parse().expect("a number"), KILL);
    let finished = finish(child);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    pipe.wait_for_end();
    eventually("nothing is left", || player.children().is_empty());
    serves_and_tells(&player, "its session died; its steps were stopped, and its Reset is not run again");
    assert_eq!(folder.read("log"), "reset\n");
}

#[test]
fn a_conductor_that_falls_silent_finds_its_workers_lost_and_reset_when_it_wakes() {
    let player = Player::start();
    let scene = Scene::new("lease = 1200ms", player.port, player.port);
    let child = scene.start(&[]);
    kill(child.id(), STOP);
    scene.a.wait_for_end();
    scene.b.wait_for_end();
    eventually("both were reset", || ["a", "b"].iter().all(|name| scene.log(name) == "startup\nreset\n"));
    kill(child.id(), CONTINUE);
    let finished = finish(child);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    // What was kept for it was delivered, and nobody has to keep it any more.
    eventually("the sessions are over", || player.children().is_empty());
    for name in ["a", "b"] {
        let lost = "nothing was received from the conductor for 1s 200ms; its steps were stopped and Reset was run";
        assert!(finished.stdout.contains(&format!("lost: {name}: {lost}")), "{finished:#?}");
        assert_eq!(scene.log(name), "startup\nreset\n");
        assert!(
            finished.stdout.contains(&format!("\n  {name}  step  passed ")),
            "what was kept of its Reset: {finished:#?}"
        );
    }
    serves_and_tells(
        &player,
        "nothing was received from the conductor for 1s 200ms; its steps were stopped and Reset was run",
    );
}

#[test]
fn a_session_that_dies_before_anything_ran_needs_no_reset() {
    let player = Player::start();
    let folder = Folder::new();
    let log = folder.join("log");
    // The other worker's player takes the connection and says nothing, so that nothing starts.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let sections = format!("[Startup]\nstep = true\n[Reset]\nstep = echo reset >>{}\n", log.display());
    folder.test("connect_timeout = 5s", &["w", "silent"]);
    folder.worker("w", player.port, &sections).worker("silent", port, &sections);
    let child = crate::support::start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    eventually("there is a session", || player.children().len() == 1);
    kill(player.children()[0], KILL);
    let finished = finish(child);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    eventually("nothing is left", || player.children().is_empty());
    // Who is told depends on the moment: this run, if its conductor asked again at once, or the next one.
    let finished = run(&folder, ["conduct", "--quiet", "--workers", "w", "--phases", "startup", "--", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(!log.exists());
}
