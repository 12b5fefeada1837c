//! Players that are told to stop while they are needed: their steps end, Reset runs, and the conductor hears all of it.

use std::process::Child;

use crate::support::pipes::Pipe;
use crate::support::surroundings::skip_without_hang_ups;
use crate::support::{Finished, Folder, Player, conductor, eventually, finish, kill, run};
use serde_json::Value;

const KILL: i32 = 9;
const TERMINATE: i32 = 15;

/// Every format in a file of its own.
const REPORTS: [&str; 5] = ["text", "json", "jsonl", "junit", "html"];

/// Workers whose Run holds a pipe until the file `gate` is there; what they do is appended to their logs.
struct Scene {
    folder: Folder,
}

impl Scene {
    fn new(lines: &str, workers: &[&str]) -> Self {
        let folder = Folder::new();
        folder.test(lines, workers);
        Self { folder }
    }

    /// A worker with such a Run behind this line, and this in front of what its Reset does.
    fn worker(&self, name: &str, port: u16, run: &str, reset: &str) -> Pipe {
        let (pipe, folder) = (Pipe::new(&self.folder, &format!("pipe-{name}")), self.folder.path().display());
        let until = format!("until [ -e {folder}/gate ]; do sleep 0.02; done");
        let log = format!("echo $CONDUCTOR_PHASE >>{folder}/log-{name}");
        let sections = format!(
            "[Startup]\nprepare = {log}; echo $PPID >{folder}/session-{name}\n\n\
             [Run]\n{run}\nwork = {}; echo begun; {until}\nmore = echo more\n\n\
             [Collect]\ncollect = {log}\n\n\
             [Reset]\nundo = {reset} echo undone of {name}; {log}\n",
            pipe.hold()
        );
        self.folder.worker(name, port, &sections);
        pipe
    }

    /// Starts `conduct` with all reports.
    fn start(&self) -> Child {
        let reports = REPORTS.iter().flat_map(|format| ["--report".to_owned(), format!("{format}=report.{format}")]);
        let fixed = ["conduct", "--log-file", "conduct.log", "-v"].map(str::to_owned);
        crate::support::start(conductor(&self.folder, fixed.into_iter().chain(reports).chain(["test.cfg".to_owned()])))
    }

    fn open_gate(&self) {
        self.folder.file("gate", "");
    }

    fn wait_for(&self, text: &str) {
        eventually(text, || self.folder.read("conduct.log").contains(text));
    }

    fn log(&self, name: &str) -> String {
        self.folder.read(&format!("log-{name}"))
    }

    fn report(&self, format: &str) -> String {
        self.folder.read(&format!("report.{format}"))
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.report("json")).expect("the file is one JSON document")
    }

    /// The outcomes of a worker's phase in the first trial, by their labels.
    fn outcomes(&self, phase: &str, worker: &str) -> String {
        let results = self.json()["trials"][0]["phases"][phase]["workers"][worker]["results"].clone();
        let told = |result: &Value| Some(format!("{} {}", result["step"].as_str()?, result["outcome"].as_str()?));
        results.as_array().map_or(String::new(), |all| all.iter().filter_map(told).collect::<Vec<_>>().join(", "))
    }

    /// The run is incomplete, this worker was lost with these words, and its Reset is known.
    #[track_caller]
    fn assert_left(&self, finished: &Finished, worker: &str, told: &str) {
        assert_eq!(finished.status, Some(4), "{finished:#?}");
        let json = self.json();
        assert_eq!(self.outcomes("reset", worker), "undo passed", "{json:#}");
        assert_eq!(json["not_reset"], Value::Array(Vec::new()), "{json:#}");
        assert_eq!(json["trials"][0]["verdict"], "incomplete", "{json:#}");
        assert!(self.report("text").contains(&format!("lost: {worker}: {told}\n")), "{}", self.report("text"));
    }
}

const TOLD: &str = "the player was shut down; its steps were stopped and Reset was run";

#[test]
fn the_reset_of_a_player_that_is_told_to_stop_is_in_every_report() {
    let mut player = Player::start();
    let scene = Scene::new("", &["w"]);
    let spawned = Pipe::new(&scene.folder, "spawned");
    let pipe = scene.worker("w", player.port, &format!("server = spawn:{}; sleep 600", spawned.hold()), "");
    let child = scene.start();
    spawned.wait_for_start();
    pipe.wait_for_start();
    player.signal(TERMINATE);
    assert_eq!(player.wait().code(), Some(0));
    let finished = finish(child);
    pipe.wait_for_end();
    spawned.wait_for_end();
    assert_eq!(scene.log("w"), "startup\nreset\n");
    scene.assert_left(&finished, "w", TOLD);
    assert_eq!(scene.outcomes("run", "w"), "server spawned, work stopped, more skipped");
    for format in REPORTS {
        let report = scene.report(format);
        for expected in ["undone of w", TOLD] {
            assert!(report.contains(expected), "{format}: `{expected}` is missing: {report}");
        }
    }
    let text = scene.report("text");
    for expected in ["\nTrial 1 of 1, reset\n  w  undo     passed ", "\n  w  server   stopped "] {
        assert!(text.contains(expected), "`{expected}` is missing: {text}");
    }
}

#[test]
fn the_others_go_on_and_the_reset_is_told_while_they_do() {
    // In the middle of its Run, and when it has finished that and ready for what follows.
    for is_through in [false, true] {
        let (a, mut b) = (Player::start(), Player::start());
        let scene = Scene::new("", &["a", "b"]);
        let waits = scene.worker("a", a.port, "", "");
        let pipe = scene.worker("b", b.port, "", "");
        if is_through {
            let quick = scene.folder.read("b.cfg").replace("/gate ]", "/. ]");
            scene.folder.file("b.cfg", &quick);
        }
        let child = scene.start();
        waits.wait_for_start();
        pipe.wait_for_start();
        if is_through {
            scene.wait_for("b: finished run");
        }
        b.signal(TERMINATE);
        assert_eq!(b.wait().code(), Some(0));
        scene.wait_for("b is lost: ");
        let text = scene.report("text");
        let apart = text.lines().find(|line| line.ends_with("  (in reset)")).unwrap_or_default();
        assert!(apart.starts_with("  b  undo     passed "), "{text}");
        assert!(scene.report("jsonl").contains("undone of b"));
        scene.open_gate();
        let finished = finish(child);
        scene.assert_left(&finished, "b", TOLD);
        let text = scene.report("text");
        assert!(text.contains(&format!("\nlost: b in run of trial 1: {TOLD}\n")), "{text}");
        assert_eq!(scene.outcomes("reset", "a"), "undo passed");
        let run = if is_through { "work passed, more passed" } else { "work stopped, more skipped" };
        assert_eq!(
            (scene.outcomes("run", "a").as_str(), scene.outcomes("run", "b").as_str()),
            ("work passed, more passed", run)
        );
        assert_eq!(
            (scene.log("a").as_str(), scene.log("b").as_str()),
            ("startup\ncollect\nreset\n", "startup\nreset\n")
        );
        // It ran before Collect, and stands where Resets stand.
        let json = scene.report("json");
        assert!(json.find("\"collect\":") < json.find("\"reset\":"), "{json}");
    }
}

#[test]
fn every_worker_of_a_player_that_is_told_to_stop_is_reset_and_told() {
    let mut player = Player::start();
    let names = ["u", "v", "w"];
    let scene = Scene::new("", &names);
    let pipes = names.map(|name| scene.worker(name, player.port, "", ""));
    let child = scene.start();
    pipes.iter().for_each(Pipe::wait_for_start);
    player.signal(TERMINATE);
    assert_eq!(player.wait().code(), Some(0));
    let finished = finish(child);
    for name in names {
        scene.assert_left(&finished, name, TOLD);
        assert_eq!(scene.log(name), "startup\nreset\n");
    }
}

#[test]
fn a_reset_at_work_goes_on_when_its_player_is_told_to_stop_and_is_run_once() {
    let mut player = Player::start();
    let scene = Scene::new("", &["w"]);
    let reset = Pipe::new(&scene.folder, "reset");
    let until = format!("until [ -e {} ]; do sleep 0.02; done;", scene.folder.join("second").display());
    let _pipe = scene.worker("w", player.port, "", &format!("{}; {until}", reset.hold()));
    scene.open_gate();
    let child = scene.start();
    reset.wait_for_start();
    player.signal(TERMINATE);
    scene.wait_for("the player was shut down");
    scene.folder.file("second", "");
    assert_eq!(player.wait().code(), Some(0));
    let finished = finish(child);
    scene.assert_left(&finished, "w", TOLD);
    assert_eq!(scene.log("w"), "startup\ncollect\nreset\n");
}

#[test]
fn a_player_that_is_told_to_stop_between_two_trials_has_lost_its_workers_there() {
    let mut player = Player::start();
    let folder = Folder::new();
    // The check begins when nothing of the trial is left to do on the player.
    let [begun, second] = ["check", "second"].map(|name| folder.join(name).display().to_string());
    let until = format!("echo >{begun}; until [ -e {second} ]; do sleep 0.02; done");
    let scene = Scene { folder };
    scene.folder.test(&format!("trials = 2\nconnect_timeout = 1s\ncheck = {until}"), &["w"]);
    let _pipe = scene.worker("w", player.port, "", "");
    scene.open_gate();
    let child = scene.start();
    eventually("the check is at work", || scene.folder.join("check").exists());
    player.signal(TERMINATE);
    scene.wait_for("w is lost: ");
    assert_eq!(player.wait().code(), Some(0));
    scene.folder.file("second", "");
    let finished = finish(child);
    scene.assert_left(&finished, "w", "the player was shut down");
    assert!(finished.stdout.contains(", because w could not be reached again: "), "{finished:#?}");
    assert_eq!(scene.log("w"), "startup\ncollect\nreset\n");
}

#[test]
fn a_player_that_is_told_to_stop_twice_ends_now_and_leaves_nothing() {
    let mut player = Player::start();
    let scene = Scene::new("", &["w"]);
    let reset = Pipe::new(&scene.folder, "reset");
    let pipe = scene.worker("w", player.port, "", &format!("{}; sleep 600;", reset.hold()));
    let child = scene.start();
    pipe.wait_for_start();
    player.signal(TERMINATE);
    reset.wait_for_start();
    player.signal(TERMINATE);
    assert_eq!(player.wait().code(), Some(1));
    reset.wait_for_end();
    let finished = finish(child);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    assert_eq!(scene.json()["not_reset"][0]["worker"], "w");
    let told = "lost: w: the player was shut down; it did not report the result of its Reset";
    assert!(finished.stdout.contains(told), "{finished:#?}");
}

#[test]
fn a_signal_to_all_processes_of_a_player_is_one_stop_and_not_two() {
    let mut player = Player::start();
    let scene = Scene::new("", &["w"]);
    let reset = Pipe::new(&scene.folder, "reset");
    let until = format!("until [ -e {} ]; do sleep 0.02; done;", scene.folder.join("second").display());
    let pipe = scene.worker("w", player.port, "", &format!("{}; {until}", reset.hold()));
    let child = scene.start();
    pipe.wait_for_start();
    // As a service manager does it: the session, and the listener, which tells the session too.
    kill(scene.folder.read("session-w").trim().parse().expect("a number"), TERMINATE);
    reset.wait_for_start();
    player.signal(TERMINATE);
    let refused = || std::net::TcpStream::connect(("127.0.0.1", player.port)).is_err();
    eventually("the listener has taken its signal", refused);
    scene.folder.file("second", "");
    assert_eq!(player.wait().code(), Some(0));
    let finished = finish(child);
    scene.assert_left(&finished, "w", TOLD);
    assert_eq!(scene.log("w"), "startup\nreset\n");
}

/// A player that keeps a log, and the log.
fn with_log(folder: &Folder) -> (Player, impl Fn() -> String) {
    let log = folder.join("player.log");
    let player = Player::with(["--log-file".as_ref(), log.as_os_str()]);
    (player, move || std::fs::read_to_string(&log).expect("a log"))
}

#[test]
fn a_hang_up_begins_the_log_anew_and_stops_only_a_player_without_a_log_file() {
    const HANG_UP: i32 = 1;
    if skip_without_hang_ups() {
        return;
    }
    let scene = Scene::new("", &["w"]);
    let (player, log) = with_log(&scene.folder);
    let pipe = scene.worker("w", player.port, "", "");
    let child = scene.start();
    pipe.wait_for_start();
    let old = scene.folder.join("player.log.1");
    std::fs::rename(scene.folder.join("player.log"), &old).expect("a log is moved");
    let moved = std::fs::read_to_string(&old).expect("the old log");
    player.children().into_iter().chain([player.pid()]).for_each(|pid| kill(pid, HANG_UP));
    eventually("there is a new log", || scene.folder.join("player.log").exists());
    scene.open_gate();
    assert_eq!(finish(child).status, Some(0), "its sessions go on");
    assert!(log().contains("SIGHUP: the log continues in the file with its name\n"), "{}", log());
    assert_eq!(std::fs::read_to_string(&old).expect("the old log"), moved);
    let mut other = Player::start();
    other.signal(HANG_UP);
    assert_eq!(other.wait().code(), Some(0));
}

#[test]
fn a_log_that_can_not_be_opened_again_is_told_of_on_standard_error_and_goes_on_in_the_old_file() {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("logs")).expect("a folder");
    let said = std::fs::File::create(folder.join("said")).expect("a file");
    let mut command = std::process::Command::new(crate::support::CONDUCTOR);
    command.args(["player", "-b", "127.0.0.1", "-p", "0", "--log-file"]).arg(folder.join("logs/log")).stderr(said);
    let player = Player::from(command);
    std::fs::rename(folder.join("logs"), folder.join("moved")).expect("the folder of the log is moved");
    player.signal(1);
    eventually("it is told of", || {
        let told = "again; the log continues in the old file: No such file or directory";
        folder.read("said").contains(told)
    });
    assert!(folder.read("moved/log").contains("SIGHUP: the log continues in the file with its name\n"));
}

#[test]
fn a_player_whose_current_folder_was_deleted_names_it() {
    let (folder, log) = (Folder::new(), Folder::new());
    let gone = folder.join("gone");
    std::fs::create_dir(&gone).expect("a folder");
    let mut command = std::process::Command::new(crate::support::CONDUCTOR);
    command.args(["player", "--bind", "127.0.0.1", "--port", "0", "--log-file"]).arg(log.join("player.log"));
    let player = Player::from({
        command.current_dir(&gone);
        command
    });
    std::fs::remove_dir(&gone).expect("it is empty");
    folder.test("", &["w"]).worker("w", player.port, "directory = below\n[Run]\nstep = true\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let gone = gone.canonicalize().unwrap_or(gone);
    for expected in [
        format!("warning: w: the player's current folder `{}` was deleted", gone.display()),
        format!("cannot enter the folder `{}/below`, which `directory` names: ", gone.display()),
    ] {
        assert!(finished.stdout.contains(&expected), "`{expected}` is missing: {finished:#?}");
    }
}

#[test]
fn a_player_that_ends_says_in_its_log_what_no_conductor_was_told() {
    let scene = Scene::new("lease = 1s", &["w"]);
    let (mut player, log) = with_log(&scene.folder);
    let pipe = scene.worker("w", player.port, "", "");
    let child = scene.start();
    pipe.wait_for_start();
    kill(child.id(), KILL);
    finish(child);
    let told = "nothing was received from the conductor for 1s; its steps were stopped and Reset was run";
    eventually("it is reset", || log().contains(told));
    player.signal(TERMINATE);
    assert_eq!(player.wait().code(), Some(0));
    let log = log();
    let last = log.lines().last().unwrap_or_default();
    assert!(
        last.contains("this player stops, and no conductor received this: worker w of run ") && last.ends_with(told),
        "{log}"
    );
}

#[test]
fn a_player_that_ends_names_what_it_ends_along_and_not_what_was_told() {
    let folder = Folder::new();
    let (mut player, log) = with_log(&folder);
    let spawned = Pipe::new(&folder, "spawned");
    folder.test("", &["w"]).worker("w", player.port, &format!("[Run]\nserver = spawn:{}; sleep 600\n", spawned.hold()));
    let finished = run(&folder, ["conduct", "--quiet", "--phases", "run", "--", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    spawned.wait_for_start();
    player.signal(TERMINATE);
    assert_eq!(player.wait().code(), Some(0));
    spawned.wait_for_end();
    let log = log();
    assert!(log.contains("which an earlier run left running: `"), "{log}");
    assert!(!log.contains("no conductor was told"), "{log}");
}
