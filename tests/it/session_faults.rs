//! What conductors and strangers can do wrong to a player: a conductor of the test's own speaks the session by hand.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use crate::support::pipes::Pipe;
use crate::support::wire::{FakeConductor, frame, hello, plan, read_frame};
use crate::support::{DEADLINE, Folder, Player, run};
use serde_json::{Value, json};

fn passes(player: &Player) {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo served\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("| served\n"), "{finished:#?}");
}

/// The step messages of a phase, as pairs of type and outcome.
fn told(messages: &[Value]) -> Vec<String> {
    messages
        .iter()
        .map(|message| format!("{} {}", message["type"], message["outcome"]["is"]).replace('"', ""))
        .collect()
}

#[test]
fn a_session_goes_through_a_phase() {
    let player = Player::start();
    let mut conductor = FakeConductor::with_plan(player.port, "r", "w", &json!({"run": ["echo hello", "exit 3"]}));
    let messages = conductor.phase("run");
    let all = ["step_started null", "step_ended exit", "step_started null", "step_ended exit", "phase_ended null"];
    assert_eq!(told(&messages), all);
    assert_eq!(messages[1]["stdout"], 6);
    assert_eq!(messages[3]["outcome"]["status"], 3);
    conductor.send(json!({"type": "end_trial", "trial": 1}));
    conductor.expect("trial_ended");
    conductor.send(json!({"type": "bye"}));
    conductor.wait_for_end();
    passes(&player);
}

#[test]
fn a_network_that_is_allowed_is_served() {
    passes(&Player::with(["--quiet", "--allow", "192.0.2.1", "127.0.0.0/8"]));
}

#[test]
fn a_conductor_of_another_protocol_is_refused_and_told_which_this_player_speaks() {
    let player = Player::start();
    let mut data = hello("r", "w");
    data["protocols"] = json!([3, 4]);
    let (_, kind, data) = FakeConductor::hello_with(player.port, &data);
    assert_eq!(kind, "refused");
    assert_eq!(data["reason"], "protocol");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(data["message"], format!("this player is conductor {version}, which supports only protocol 2"));
    passes(&player);
}

#[test]
fn a_conductor_that_speaks_several_protocols_gets_ours() {
    let player = Player::start();
    let mut data = hello("r", "w");
    data["protocols"] = json!([3, 2]);
    data["something_new"] = json!({"a": 1});
    let (_, kind, data) = FakeConductor::hello_with(player.port, &data);
    assert_eq!((kind.as_str(), &data["protocol"]), ("welcome", &json!(2)));
}

#[test]
fn a_second_hello_of_the_same_worker_is_refused_and_disturbs_nothing() {
    let player = Player::start();
    let mut conductor = FakeConductor::with_plan(player.port, "r", "w", &json!({"run": ["echo hello"]}));
    let (mut second, kind, data) = FakeConductor::hello(player.port, "r", "w");
    assert_eq!((kind.as_str(), &data["reason"]), ("refused", &json!("attempt")), "{data}");
    assert_eq!(data["message"], "worker w of this run already has a session");
    second.wait_for_end();
    let ended = conductor.phase("run");
    assert_eq!(told(&ended), ["step_started null", "step_ended exit", "phase_ended null"]);
}

#[test]
fn another_worker_of_the_same_run_is_served_and_another_run_is_refused_by_name() {
    let player = Player::start();
    let _first = FakeConductor::with_plan(player.port, "one", "a", &json!({}));
    let _second = FakeConductor::with_plan(player.port, "one", "b", &json!({}));
    let (_, kind, data) = FakeConductor::hello(player.port, "two", "a");
    assert_eq!((kind.as_str(), &data["reason"]), ("refused", &json!("busy")), "{data}");
    assert_eq!((&data["holder"]["run"], &data["holder"]["conductor"]), (&json!("one"), &json!("a test")));
}

/// Bytes that are no frame of a session, each with what they are.
fn garbage() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("an over-long frame", vec![0, 1, 0, 1]),
        ("a TLS greeting", vec![0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        ("no JSON", frame(b"hello")),
        ("an empty frame", frame(b"")),
        ("JSON without a type", frame(b"{}")),
        ("a message without a number", frame(br#"{"type": "bye"}"#)),
        ("a number that was left out", frame(br#"{"type": "bye", "number": 7}"#)),
        ("a short data frame", frame(&[1, 0, 0])),
        ("bytes that are not UTF-8", frame(&[b'{', 0xff, 0xfe, b'}'])),
        ("a known type with wrong fields", frame(br#"{"type": "arm", "number": 1, "trial": "x"}"#)),
        ("acknowledging what was never sent", frame(br#"{"type": "acknowledge", "next": 99}"#)),
    ]
}

#[test]
fn garbage_within_a_session_ends_that_session_and_no_other() {
    let player = Player::start();
    let folder = Folder::new();
    for (index, (what, bytes)) in garbage().into_iter().enumerate() {
        let pipe = Pipe::new(&folder, &format!("pipe{index}"));
        let steps = json!({"run": [format!("{}; sleep 600", pipe.hold())]});
        let mut bad = FakeConductor::with_lease(player.port, ("r", &format!("bad{index}")), &steps, 600);
        let mut good =
            FakeConductor::with_plan(player.port, "r", &format!("good{index}"), &json!({"run": ["echo", "echo"]}));
        bad.arm_and_go("run");
        pipe.wait_for_start();
        // `arm` and `go` and the plan were 0 to 2.
        let text = String::from_utf8_lossy(&bytes).replace("\"number\": 1,", "\"number\": 3,").into_bytes();
        bad.send_raw(if what.contains("wrong fields") { &text } else { &bytes });
        bad.wait_for_end();
        pipe.wait_for_end();
        let told = told(&good.phase("run"));
        assert_eq!(told.last().map(String::as_str), Some("phase_ended null"), "{what}: {told:?}");
        assert_eq!(told.len(), 5, "{what}: {told:?}");
        good.send(json!({"type": "bye"}));
        good.wait_for_end();
    }
    passes(&player);
}

#[test]
fn a_message_of_an_unknown_type_and_unknown_fields_are_ignored() {
    let player = Player::start();
    let (mut conductor, kind, _) = FakeConductor::hello(player.port, "r", "w");
    assert_eq!(kind, "welcome");
    conductor.send(json!({"type": "tune", "to": "A"}));
    let mut message = plan(&json!({"run": ["echo hello"]}));
    message["colour"] = json!("blue");
    message["run"][0]["colour"] = json!({"deep": [1, 2]});
    conductor.send(message);
    conductor.expect("plan_taken");
    conductor.send(json!({"type": "dance"}));
    conductor.send(json!({"type": "arm", "trial": 1, "phase": "run", "loudly": true}));
    conductor.expect_armed("run");
    conductor.send_raw(&frame(br#"{"type": "heartbeat", "mood": "good"}"#));
    conductor.send(json!({"type": "go", "trial": 1, "phase": "run", "softly": true}));
    assert_eq!(told(&conductor.take_until("phase_ended")).len(), 3);
}

#[test]
fn a_plan_in_parts_is_put_together() {
    let player = Player::start();
    let (mut conductor, _, _) = FakeConductor::hello(player.port, "r", "w");
    let text = plan(&json!({"run": [format!("echo {}", "x".repeat(100_000))]})).to_string();
    let pieces: Vec<&str> =
        text.as_bytes().chunks(40_000).map(|piece| std::str::from_utf8(piece).expect("ASCII")).collect();
    for (index, piece) in pieces.iter().enumerate() {
        conductor.send(json!({"type": "part", "text": piece, "last": index + 1 == pieces.len()}));
    }
    conductor.expect("plan_taken");
    let ended = conductor.phase("run");
    assert_eq!(ended[1]["stdout"], 100_001);
}

#[test]
fn a_conductor_that_is_gone_leaves_no_step_and_its_reset_was_run() {
    let player = Player::start();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let log = folder.join("log");
    let steps =
        json!({"run": [format!("{}; sleep 600", pipe.hold())], "reset": [format!("echo reset >>{}", log.display())]});
    let mut conductor = FakeConductor::with_lease(player.port, ("r", "w"), &steps, 600);
    conductor.arm_and_go("run");
    pipe.wait_for_start();
    conductor.stream.shutdown(Shutdown::Both).expect("a connection can be closed");
    pipe.wait_for_end();
    crate::support::eventually("Reset was run", || folder.read("log") == "reset\n");
    passes(&player);
    assert_eq!(folder.read("log"), "reset\n");
}

#[test]
fn a_conductor_that_falls_silent_is_given_up_with_its_steps() {
    let player = Player::start();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    // A lease of 600 ms makes an interval of 100 ms; the connection stays open and says nothing.
    let steps = json!({"run": [format!("{}; sleep 600", pipe.hold())]});
    let mut conductor = FakeConductor::with_lease(player.port, ("r", "w"), &steps, 600);
    conductor.send(json!({"type": "arm", "trial": 1, "phase": "run"}));
    conductor.send(json!({"type": "go", "trial": 1, "phase": "run"}));
    pipe.wait_for_start();
    pipe.wait_for_end();
    passes(&player);
    drop(conductor);
}

#[test]
fn strangers_are_answered_and_closed() {
    let player = Player::start();
    for bytes in [&[0x16, 3, 1, 2, 0][..], b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n", &[0xff; 64]] {
        let mut stream = player.connect();
        stream.write_all(bytes).expect("a player reads");
        let answer = read_frame(&mut stream).expect("an answer");
        assert!(String::from_utf8_lossy(&answer).contains("Message too large"), "{answer:?}");
        assert_eq!(read_frame(&mut stream), None, "and the end");
    }
    passes(&player);
}

#[test]
fn a_hello_byte_by_byte_is_understood() {
    let player = Player::start();
    let text = json!({"version": 1, "type": "hello", "data": hello("r", "w")}).to_string();
    let mut stream = TcpStream::connect(("127.0.0.1", player.port)).expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
    for byte in frame(text.as_bytes()) {
        stream.write_all(&[byte]).expect("a player reads");
    }
    let answer = String::from_utf8(read_frame(&mut stream).expect("an answer")).expect("JSON");
    assert!(answer.contains("welcome"), "{answer}");
}

/// A session with a Reset that fails, in the middle of Run.
fn with_a_reset_that_fails(player: &Player, lease: u64) -> (FakeConductor, Folder) {
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let phases = json!({"run": [format!("{}; sleep 600", pipe.hold())], "reset": ["exit 9", "true"]});
    let mut conductor = FakeConductor::with_lease(player.port, ("r", "w"), &phases, lease);
    conductor.arm_and_go("run");
    pipe.wait_for_start();
    (conductor, folder)
}

/// The next run is told of this.
fn tells(player: &Player, told: &str) {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains(told), "{finished:#?}");
}

#[test]
fn the_next_run_is_told_which_step_of_an_orphans_reset_failed() {
    let player = Player::start();
    drop(with_a_reset_that_fails(&player, 500));
    tells(&player, "its steps were stopped and Reset was run, but `step0` failed");
}

#[test]
fn the_next_run_is_told_which_step_of_a_dead_sessions_reset_failed() {
    let player = Player::start();
    let (_conductor, _folder) = with_a_reset_that_fails(&player, 60_000);
    let session = player.children()[0];
    crate::support::kill(session, 9);
    crate::support::eventually("its heir is over", || player.children().is_empty());
    tells(&player, "Reset was run for it, but `step0` failed");
}
