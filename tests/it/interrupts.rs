//! Interrupts of `conduct`: steps end, Reset runs, the next run is right.

use std::io::{PipeReader, PipeWriter};
use std::process::{Child, Command};

use crate::support::pipes::Pipe;
use crate::support::surroundings::skip_without_hang_ups;
use crate::support::{CONDUCTOR, Finished, Folder, Player, conductor, eventually, finish, kill, run};

const HANGUP: i32 = 1;
const INTERRUPT: i32 = 2;
const KILL: i32 = 9;
const TERMINATE: i32 = 15;

/// A test with one worker, whose Run holds a pipe and goes on for ever; every phase leaves its name in `log`.
struct Scene {
    folder: Folder,
    pipe: Pipe,
}

impl Scene {
    /// With these lines in `[Test]` and the worker on this port.
    fn new(lines: &str, port: u16) -> Self {
        let folder = Folder::new();
        let pipe = Pipe::new(&folder, "pipe");
        let sections = Self::sections(&folder, &format!("step = {}; sleep 600 & wait", pipe.hold()), "");
        folder.test(lines, &["w"]).worker("w", port, &sections);
        Self { folder, pipe }
    }

    fn sections(folder: &Folder, run: &str, reset: &str) -> String {
        let log = folder.join("log");
        let (log, player) = (log.display(), folder.join("player"));
        let player = player.display();
        format!(
            "[Startup]\nstep = echo startup >>{log}; echo $PPID >{player}\n\n[Run]\n{run}\n\n[Collect]\nstep = echo collect >>{log}\n\n\
             [Reset]\nstep = {reset} echo reset >>{log}\n"
        )
    }

    /// Starts `conduct`, and waits until Run is at work.
    fn start(&self, arguments: &[&str]) -> Child {
        let all = ["conduct", "--quiet"].iter().chain(arguments).chain(&["test.cfg"]);
        let child = crate::support::start(conductor(&self.folder, all));
        self.pipe.wait_for_start();
        child
    }

    fn log(&self) -> String {
        self.folder.read("log")
    }

    /// The next run has exactly the results that are its own.
    fn assert_next_run_is_right(&self, port: u16) {
        self.folder.worker("next", port, "[Run]\nstep = echo next\n").test("", &["next"]);
        let finished = run(&self.folder, ["conduct", "--quiet", "--format", "classic", "test.cfg"]);
        let nothing = "0 phase received\n65535 phases complete\n";
        let expected = format!("{nothing}0 phase received\n0 next\n\n65535 phases complete\n{nothing}{nothing}");
        assert_eq!((finished.status, finished.stdout.as_str()), (Some(0), expected.as_str()), "{finished:#?}");
        assert_eq!(finished.stderr, "");
    }
}

fn assert_interrupted(finished: &Finished, status: i32, signal: &str) {
    assert_eq!(finished.status, Some(status), "{finished:#?}");
    assert!(finished.stdout.contains(&format!("interrupted by {signal}")), "{finished:#?}");
    assert!(finished.stdout.contains("  w  step  stopped "), "{finished:#?}");
    assert!(finished.stdout.contains("Trial 1 of 1, reset"), "{finished:#?}");
    assert!(!finished.stdout.contains("Trial 1 of 1, collect"), "{finished:#?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
}

fn interrupted_by(signal: i32, status: i32, name: &str) {
    let player = Player::start();
    let scene = Scene::new("", player.port);
    let child = scene.start(&[]);
    kill(child.id(), signal);
    let finished = finish(child);
    scene.pipe.wait_for_end();
    assert_interrupted(&finished, status, name);
    assert_eq!(scene.log(), "startup\nreset\n");
    scene.assert_next_run_is_right(player.port);
}

#[test]
fn ctrl_c_in_a_phase_stops_it_runs_reset_and_leaves_130() {
    interrupted_by(INTERRUPT, 130, "SIGINT");
}

#[test]
fn sigterm_in_a_phase_stops_it_runs_reset_and_leaves_143() {
    interrupted_by(TERMINATE, 143, "SIGTERM");
}

#[test]
fn sighup_in_a_phase_stops_it_runs_reset_and_leaves_129() {
    if skip_without_hang_ups() {
        return;
    }
    interrupted_by(HANGUP, 129, "SIGHUP");
}

#[test]
fn a_step_that_ignores_sigterm_is_killed_and_reset_runs() {
    let player = Player::start();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let step = format!("step = trap '' TERM INT HUP; {}; while :; do sleep 1; done", pipe.hold());
    folder.test("", &["w"]).worker("w", player.port, &Scene::sections(&folder, &step, ""));
    let scene = Scene { folder, pipe };
    let child = scene.start(&[]);
    kill(child.id(), INTERRUPT);
    let finished = finish(child);
    scene.pipe.wait_for_end();
    assert_interrupted(&finished, 130, "SIGINT");
    assert_eq!(scene.log(), "startup\nreset\n");
}

#[test]
fn an_interrupt_ends_what_was_spawned_too() {
    let player = Player::start();
    let folder = Folder::new();
    let (pipe, spawned) = (Pipe::new(&folder, "pipe"), Pipe::new(&folder, "spawned"));
    let steps = format!("spawn = {}; sleep 600\nstep = {}; sleep 600", spawned.hold(), pipe.hold());
    folder.test("", &["w"]).worker("w", player.port, &Scene::sections(&folder, &steps, ""));
    let scene = Scene { folder, pipe };
    let child = scene.start(&[]);
    spawned.wait_for_start();
    kill(child.id(), INTERRUPT);
    let finished = finish(child);
    spawned.wait_for_end();
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    assert!(finished.stdout.contains("  w  spawn  stopped "), "{finished:#?}");
    assert_eq!(scene.log(), "startup\nreset\n");
    eventually("the session is over", || player.children().is_empty());
}

#[test]
fn an_interrupt_while_a_player_is_being_reached_ends_at_once() {
    let folder = Folder::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    folder.test("connect_timeout = 10m", &["w"]).worker("w", port, "[Run]\nstep = true\n");
    let child = crate::support::start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    // Taken, and never answered.
    let connection = listener.accept().expect("a connection");
    kill(child.id(), INTERRUPT);
    let finished = finish(child);
    drop(connection);
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    assert!(finished.stdout.contains("interrupted by SIGINT"), "{finished:#?}");
}

#[test]
fn an_interrupt_in_a_local_run_does_the_same() {
    let scene = Scene::new("", 1);
    let child = scene.start(&["--local"]);
    kill(child.id(), INTERRUPT);
    let finished = finish(child);
    scene.pipe.wait_for_end();
    assert_interrupted(&finished, 130, "SIGINT");
    assert_eq!(scene.log(), "startup\nreset\n");
}

#[test]
fn the_json_report_of_an_interrupted_run_is_whole_and_says_why() {
    let player = Player::start();
    let scene = Scene::new("", player.port);
    let child = scene.start(&["--format", "json"]);
    kill(child.id(), INTERRUPT);
    let finished = finish(child);
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    let report: serde_json::Value =
        serde_json::from_str(&finished.stdout).expect("the output is JSON and nothing else");
    assert!(report.to_string().contains("interrupted"), "{report:#}");
}

#[test]
fn an_interrupt_in_reset_lets_reset_go_on() {
    let player = Player::start();
    let folder = Folder::new();
    let (pipe, gate) = (Pipe::new(&folder, "pipe"), folder.join("gate"));
    // Reset waits for a file that is there only after the interrupt.
    let wait = format!("{}; until [ -e {} ]; do sleep 0.02; done;", pipe.hold(), gate.display());
    let sections = Scene::sections(&folder, "step = true", &wait);
    folder.test("", &["w"]).worker("w", player.port, &sections);
    let child = crate::support::start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    kill(child.id(), INTERRUPT);
    folder.file("gate", "");
    let finished = finish(child);
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    assert_eq!(folder.read("log"), "startup\ncollect\nreset\n");
}

#[test]
fn a_second_interrupt_leaves_now_and_the_player_does_the_rest() {
    let player = Player::start();
    let folder = Folder::new();
    let (pipe, reset, gate) = (Pipe::new(&folder, "pipe"), Pipe::new(&folder, "reset"), folder.join("gate"));
    let hold = format!("step = {}; sleep 600", pipe.hold());
    let wait = format!("{}; until [ -e {} ]; do sleep 0.02; done;", reset.hold(), gate.display());
    let sections = Scene::sections(&folder, &hold, &wait);
    folder.test("", &["w"]).worker("w", player.port, &sections);
    let child = crate::support::start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    kill(child.id(), INTERRUPT);
    // Reset is at work and cannot end before the gate is open: whoever leaves now has not waited for it.
    reset.wait_for_start();
    kill(child.id(), INTERRUPT);
    let finished = finish(child);
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    let left = "  warning: this conductor left before the end of Reset on `w`; the players run it by themselves, at the \
                latest after the lease of 1m\n";
    for said in [left, "\ninterrupted by SIGINT in run of trial 1\n", "it is unknown whether Reset ended on w\n"] {
        assert!(finished.stdout.contains(said), "{said} {finished:#?}");
    }
    folder.file("gate", "");
    reset.wait_for_end();
    eventually("the session is over", || player.children().is_empty());
    assert_eq!(folder.read("log"), "startup\nreset\n");
    let scene = Scene { folder, pipe };
    scene.assert_next_run_is_right(player.port);
}

/// A pipe that takes nothing more.
fn full_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    rustix::io::ioctl_fionbio(&writer, true).expect("a pipe");
    while rustix::io::write(&writer, &[b'x'; 4096]).is_ok() {}
    rustix::io::ioctl_fionbio(&writer, false).expect("a pipe");
    (reader, writer)
}

#[test]
fn logs_that_nobody_reads_hold_nothing_up() {
    let (folder, (_unread_too, player_log)) = (Folder::new(), full_pipe());
    let mut player = Command::new(CONDUCTOR);
    player.args(["player", "-v", "--bind", "127.0.0.1", "--port", "0"]).stderr(player_log);
    let player = Player::from(player);
    folder.test("", &["w"]).worker("w", player.port, "[Startup]\nfirst = true\n[Reset]\nlast = echo done\n");
    let (_unread, log) = full_pipe();
    let mut child = conductor(&folder, ["conduct", "-v", "-t", "3", "-o", "report", "test.cfg"])
        .stderr(log)
        .spawn()
        .expect("it starts");
    assert_eq!(crate::support::wait(&mut child).code(), Some(0));
    assert_eq!(folder.read("report").matches("| done").count(), 3, "{}", folder.read("report"));
}

#[test]
fn interrupts_end_a_conductor_whose_log_nobody_reads() {
    let player = Player::start();
    let scene = Scene::new("lease = 2s", player.port);
    let (_unread, log) = full_pipe();
    let mut child =
        conductor(&scene.folder, ["conduct", "-o", "report", "test.cfg"]).stderr(log).spawn().expect("it starts");
    scene.pipe.wait_for_start();
    eventually("it ends", || {
        kill(child.id(), INTERRUPT);
        child.try_wait().expect("a child").is_some()
    });
    assert_eq!(crate::support::wait(&mut child).code(), Some(130));
    scene.pipe.wait_for_end();
    eventually("its player resets", || scene.log().ends_with("reset\n"));
}

#[test]
fn a_conductor_that_is_killed_leaves_nothing_behind() {
    let player = Player::start();
    let scene = Scene::new("lease = 1s", player.port);
    let child = scene.start(&[]);
    kill(child.id(), KILL);
    assert_eq!(finish(child).status, None);
    scene.pipe.wait_for_end();
    eventually("Reset was run", || scene.log() == "startup\nreset\n");
    scene.assert_next_run_is_right(player.port);
    assert_eq!(scene.log(), "startup\nreset\n");
}

#[test]
fn a_local_player_whose_conductor_was_killed_runs_reset_after_the_lease_and_ends() {
    let scene = Scene::new("lease = 1s", 1);
    let child = scene.start(&["--local"]);
    let log = scene.log();
    kill(child.id(), KILL);
    assert_eq!(finish(child).status, None);
    scene.pipe.wait_for_end();
    eventually("Reset was run", || scene.log() == format!("{log}reset\n"));
    let player = scene.folder.read("player").trim().to_owned();
    assert!(player.parse::<u32>().is_ok(), "{player}");
    eventually("the player has ended", || has_ended(&player));
}

/// Whether there is no such process. One that nobody has reaped yet has ended too.
fn has_ended(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

#[test]
fn two_players_on_one_port_is_an_error() {
    let player = Player::start();
    let folder = Folder::new();
    let port = player.port.to_string();
    let finished = run(&folder, ["player", "--bind", "127.0.0.1", "--port", &port]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let expected = format!("cannot listen on 127.0.0.1:{port}: Address already in use");
    assert!(finished.stderr.contains(&expected), "{finished:#?}");
    assert_eq!(finished.stdout, "");
}

#[test]
fn a_player_on_all_addresses_and_another_on_one_of_them_do_not_share_a_port() {
    let mut command = std::process::Command::new(CONDUCTOR);
    command.args(["player", "--port", "0", "--quiet"]);
    let player = Player::from(command);
    let folder = Folder::new();
    let port = player.port.to_string();
    for bind in [&["--bind", "127.0.0.1"][..], &[]] {
        let arguments = ["player", "--port", &port].iter().chain(bind).copied().collect::<Vec<_>>();
        let finished = run(&folder, arguments);
        assert_eq!(finished.status, Some(1), "{finished:#?}");
        assert!(finished.stderr.contains("Address already in use"), "{finished:#?}");
    }
}

#[test]
fn a_second_interrupt_resets_also_the_workers_that_had_already_stopped() {
    let (quick, stubborn) = (Player::start(), Player::start());
    let folder = Folder::new();
    let (spawned, pipe) = (Pipe::new(&folder, "spawned"), Pipe::new(&folder, "pipe"));
    let reset = format!("[Reset]\nstep = echo reset >>{}\n", folder.join("log").display());
    folder.test("", &["quick", "stubborn"]);
    folder.worker("quick", quick.port, &format!("[Run]\nspawned = spawn:{}; sleep 600\n{reset}", spawned.hold()));
    let ignores = format!("{}; trap '' TERM; while :; do sleep 0.1; done", pipe.hold());
    folder.worker("stubborn", stubborn.port, &format!("[Run]\nstep = {ignores}\n{reset}"));
    let child = crate::support::start(conductor(&folder, ["conduct", "-v", "--log-file", "conduct.log", "test.cfg"]));
    spawned.wait_for_start();
    pipe.wait_for_start();
    eventually("quick has finished Run", || folder.read("conduct.log").contains("quick: finished run"));
    kill(child.id(), INTERRUPT);
    eventually("it was heard", || folder.read("conduct.log").contains("SIGINT"));
    kill(child.id(), INTERRUPT);
    assert_eq!(finish(child).status, Some(130));
    spawned.wait_for_end();
    pipe.wait_for_end();
    eventually("both were reset", || folder.read("log") == "reset\nreset\n");
    for player in [&quick, &stubborn] {
        eventually("nothing is left", || player.children().is_empty());
    }
}

/// A test with `on_interrupt = collect`, whose steps write to `log`, and whose Collect has these steps. A capture is written
/// by a spawned step until the trial ends.
fn collecting(player: &Player, collect: &str) -> Scene {
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let (log, file) = (folder.join("log"), folder.join("capture"));
    let (log, file) = (log.display(), file.display());
    let capture = format!("while :; do echo packet >>{file}; sleep 0.01; done");
    let sections = format!(
        "[Run]\ncapture = spawn:{capture}\nsome = until50:test -s {file}\nstep = {}; sleep 600 & wait\nmore = true\n\n\
         [Collect]\n{collect}\n\n[Reset]\nstep = echo reset >>{log}\n",
        pipe.hold()
    );
    folder.test("on_interrupt = collect\nresults = results", &["w"]).worker("w", player.port, &sections);
    Scene { folder, pipe }
}

#[test]
fn with_on_interrupt_collect_a_capture_that_is_still_written_is_fetched_before_reset() {
    let player = Player::start();
    let scene = collecting(&player, "");
    let collect = format!("capture = fetch:{}", scene.folder.join("capture").display());
    let text = scene.folder.read("w.cfg").replace("[Collect]\n", &format!("[Collect]\n{collect}\n"));
    scene.folder.file("w.cfg", &text);
    let child = scene.start(&[]);
    kill(child.id(), INTERRUPT);
    let finished = finish(child);
    scene.pipe.wait_for_end();
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    for part in ["  w  step     stopped ", "  w  more     skipped ", "Trial 1 of 1, collect", "  w  capture  passed "] {
        assert!(finished.stdout.contains(part), "{part}: {finished:#?}");
    }
    assert_eq!(scene.log(), "reset\n");
    let fetched = scene.folder.read("results/latest/trial-1/w/capture");
    assert!(!fetched.is_empty() && fetched.lines().all(|line| line == "packet"), "{fetched}");
    scene.assert_next_run_is_right(player.port);
}

#[test]
fn with_on_interrupt_collect_a_second_ctrl_c_skips_to_reset_and_a_third_exits() {
    for times in [2, 3] {
        let player = Player::start();
        let scene = collecting(&player, "");
        let (second, third) = (Pipe::new(&scene.folder, "second"), Pipe::new(&scene.folder, "third"));
        let log = scene.folder.join("log").display().to_string();
        let gate = scene.folder.join("gate").display().to_string();
        let hold = format!("{}; until [ -e {gate} ]; do sleep 0.02; done", third.hold());
        let reset = if times == 3 { hold } else { "true".to_owned() };
        let text = scene.folder.read("w.cfg");
        let text = text.replace(
            "[Collect]\n",
            &format!("[Collect]\nslow = {}; sleep 600\nnever = echo never >>{log}\n", second.hold()),
        );
        scene.folder.file("w.cfg", &text.replace("[Reset]\n", &format!("[Reset]\nfirst = {reset}\n")));
        let command = conductor(&scene.folder, ["conduct", "--log-file", "conduct.log", "test.cfg"]);
        let child = crate::support::start(command);
        scene.pipe.wait_for_start();
        kill(child.id(), INTERRUPT);
        second.wait_for_start();
        kill(child.id(), INTERRUPT);
        second.wait_for_end();
        if times == 3 {
            third.wait_for_start();
            kill(child.id(), INTERRUPT);
        }
        let finished = finish(child);
        assert_eq!(finished.status, Some(130), "{finished:#?}");
        assert!(finished.stdout.contains("  w  slow     stopped "), "{finished:#?}");
        let left = finished.stdout.contains("this conductor left before the end of Reset on `w`");
        assert_eq!(left, times == 3, "{finished:#?}");
        scene.folder.file("gate", "");
        eventually("the player has reset it", || scene.log() == "reset\n");
        let told = scene.folder.read("conduct.log");
        let told: Vec<_> = told.lines().filter_map(|line| line.split_once("SIGINT while waiting for ")).collect();
        let means = [
            "stopping, then running Collect and Reset; interrupt again to skip to Reset",
            "stopping and running Reset; interrupt again to exit immediately",
            "exiting",
        ];
        assert_eq!(told.len(), times, "{told:#?}");
        for ((_, line), means) in told.iter().zip(means) {
            assert!(line.ends_with(&format!(": {means}")), "{told:#?}");
        }
    }
}
