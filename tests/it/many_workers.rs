//! Many players, many workers, several conductors, and none: no run hangs, and every message names who it is about.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::pipes::Pipe;
use crate::support::wire::free_port;
use crate::support::{Folder, Player, conductor, finish, run};

#[test]
fn ten_players_go_through_five_trials_phase_by_phase() {
    let players: Vec<Player> = (0..10).map(|_| Player::start()).collect();
    let folder = Folder::new();
    let names: Vec<String> = (0..10).map(|index| format!("w{index}")).collect();
    folder.test("trials = 5", &names.iter().map(String::as_str).collect::<Vec<_>>());
    let log = folder.join("log");
    let step = format!("step = echo $CONDUCTOR_TRIAL $CONDUCTOR_PHASE >>{}\n", log.display());
    let sections = ["Startup", "Run", "Collect", "Reset"].map(|section| format!("[{section}]\n{step}")).concat();
    for (name, player) in names.iter().zip(&players) {
        folder.worker(name, player.port, &sections);
    }
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let mut expected = String::new();
    for trial in 1..=5 {
        for phase in ["startup", "run", "collect", "reset"] {
            // Nobody enters a phase before the last one has left the one before.
            expected.push_str(&format!("{trial} {phase}\n").repeat(10));
        }
    }
    assert_eq!(folder.read("log"), expected);
    assert!(finished.stdout.contains("passed: 5 of 5 trials; steps: 200 passed; 10 workers;"), "{finished:#?}");
}

#[test]
fn two_hundred_workers_end() {
    let player = Player::start();
    let folder = Folder::new();
    folder.file("test.cfg", "[Test]\n[Workers]\nw[001-200] = w.cfg\n").worker(
        "w",
        player.port,
        "[Run]\nstep = echo I am %(worker)s\n",
    );
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    for index in 1..=200 {
        assert!(finished.stdout.contains(&format!("      | I am w{index:03}\n")), "w{index:03} is missing");
    }
    assert!(finished.stdout.contains("passed: 1 of 1 trial; steps: 200 passed; 200 workers;"), "{finished:#?}");
}

/// A command of the binary under test, by somebody who may have few descriptors unless it asks for more.
fn with_few_descriptors() -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "ulimit -Sn 50; exec \"$0\" \"$@\"", crate::support::CONDUCTOR]);
    command
}

#[test]
fn more_workers_than_descriptors_are_usual_end_and_their_steps_get_the_usual_limit() {
    let mut command = with_few_descriptors();
    command.args(["player", "--quiet", "--bind", "127.0.0.1", "--port", "0"]);
    let player = Player::from(command);
    let folder = Folder::new();
    folder.file("test.cfg", "[Test]\n[Workers]\nw[01-80] = w.cfg\n");
    folder.worker("w", player.port, "[Run]\nstep = echo %(worker)s may have $(ulimit -Sn)\n");
    let mut command = with_few_descriptors();
    command.current_dir(folder.path()).args(["conduct", "--quiet", "test.cfg"]);
    let finished = finish(crate::support::start(command));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    for index in 1..=80 {
        assert!(finished.stdout.contains(&format!("      | w{index:02} may have 50\n")), "{finished:#?}");
    }
}

#[test]
fn every_worker_that_cannot_be_reached_is_named_and_nothing_is_run() {
    let player = Player::start();
    let folder = Folder::new();
    let log = folder.join("log");
    // Nobody listens on the first port; the second takes connections and says nothing.
    let (nobody, silent) = (free_port(), TcpListener::bind("127.0.0.1:0").expect("a port"));
    let silent = silent.local_addr().map(|address| (address.port(), silent)).expect("an address");
    let step = format!("[Startup]\nstep = echo >>{}\n", log.display());
    folder.test("connect_timeout = 1s", &["one", "two", "three"]);
    folder.worker("one", nobody, &step).worker("two", silent.0, &step).worker("three", player.port, &step);
    let begin = Instant::now();
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert!(begin.elapsed() < Duration::from_secs(9), "`connect_timeout` is one second, not the usual ten");
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    for (name, port) in [("one", nobody), ("two", silent.0)] {
        let expected = format!("worker `{name}` at 127.0.0.1:{port} could not be reached: ");
        assert!(finished.stdout.contains(&expected), "`{expected}` is missing: {finished:#?}");
    }
    assert!(finished.stdout.contains("connection refused"), "{finished:#?}");
    assert!(!finished.stdout.contains("worker `three`"), "{finished:#?}");
    assert!(!finished.stderr.contains("panicked"), "{finished:#?}");
    assert!(!log.exists(), "nothing was run");
}

#[test]
fn a_player_that_comes_up_within_connect_timeout_is_reached() {
    let folder = Folder::new();
    let port = free_port();
    folder.test("", &["w"]).worker("w", port, "[Run]\nstep = echo late\n");
    let child = crate::support::start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    let mut command = Command::new(crate::support::CONDUCTOR);
    command.args(["player", "--quiet", "--bind", "127.0.0.1", "--port", &port.to_string()]);
    let _player = Player::from(command);
    assert_eq!(finish(child).status, Some(0));
}

#[test]
fn something_that_is_no_player_is_named_as_such() {
    let folder = Folder::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        std::io::Write::write_all(&mut stream, b"SSH-2.0-OpenSSH_9.6\r\n").expect("somebody reads");
        let _ = std::io::copy(&mut stream, &mut std::io::sink());
    });
    folder.test("", &["w"]).worker("w", port, "[Run]\nstep = true\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    server.join().expect("no panic");
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stdout.contains("is not a player"), "{finished:#?}");
}

#[test]
fn a_second_conductor_is_refused_and_told_who_the_first_is() {
    let player = Player::start();
    let folder = Folder::new();
    let (pipe, gate) = (Pipe::new(&folder, "pipe"), folder.join("gate"));
    let step = format!("{}; until [ -e {} ]; do sleep 0.02; done; echo first", pipe.hold(), gate.display());
    folder.test("", &["w"]).worker("w", player.port, &format!("[Run]\nstep = {step}\n"));
    let first = crate::support::start(conductor(&folder, ["conduct", "--quiet", "--run-id", "the-first", "test.cfg"]));
    pipe.wait_for_start();
    let second = Folder::new();
    second.test("", &["mine"]).worker("mine", player.port, "[Run]\nstep = echo second\n");
    let refused = run(&second, ["conduct", "--quiet", "test.cfg"]);
    folder.file("gate", "");
    assert_eq!(refused.status, Some(1), "{refused:#?}");
    let expected = format!("worker `mine` at 127.0.0.1:{}: its player is busy: run `the-first` of ", player.port);
    assert!(refused.stdout.contains(&expected), "`{expected}` is missing: {refused:#?}");
    assert!(refused.stdout.contains(&format!("process {}", first.id())), "{refused:#?}");
    let first = finish(first);
    assert_eq!(first.status, Some(0), "{first:#?}");
    assert!(first.stdout.contains("      | first\n") && !first.stdout.contains("second"), "{first:#?}");
    assert_eq!(run(&second, ["conduct", "--quiet", "test.cfg"]).status, Some(0));
}

#[test]
fn a_time_out_ends_the_whole_group_and_the_phase_goes_on() {
    let player = Player::start();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let sections = format!("[Run]\ntimeout1 = {}; sleep 600; true\nnext = echo next\n", pipe.hold());
    folder.test("", &["w"]).worker("w", player.port, &sections);
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    pipe.wait_for_start();
    pipe.wait_for_end();
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    assert!(finished.stdout.contains("  w  timeout1  timed out "), "{finished:#?}");
    assert!(finished.stdout.contains("      | next\n"), "{finished:#?}");
}

#[test]
fn a_step_that_prints_12_mb_is_counted_whole_and_kept_head_and_tail() {
    let player = Player::start();
    let folder = Folder::new();
    // 12,000,000 bytes between two words; 1 MiB of them is kept.
    let step = "printf first; head -c 12000000 /dev/zero | tr '\\0' x; printf last";
    folder.test("max_message_size = 1", &["w"]).worker("w", player.port, &format!("[Run]\nstep = {step}\n"));
    let finished = run(&folder, ["conduct", "--quiet", "--format", "classic", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{} bytes, {}", finished.stdout.len(), finished.stderr);
    let left_out = 12_000_009 - (1 << 20);
    assert!(finished.stdout.contains("0 firstxxx") && finished.stdout.contains("xxxlast\n"));
    assert!(
        finished.stdout.contains(&format!("{left_out} bytes left out")),
        "{:?}",
        finished.stdout.get(524_000..525_000)
    );
    let whole = finished.stdout.matches('x').count();
    assert!((1_048_000..1_049_000).contains(&whole), "{whole}");
}
