//! Connections that come a second time, and connections of which another came before, change nothing.

use std::io::Read;
use std::net::TcpStream;

use crate::support::faults::{Scene, at_every_moment};
use crate::support::wire::{FakeConductor, frame, hello, read_text};
use crate::support::{DEADLINE, Player, eventually};
use serde_json::{Value, json};

/// What the player answers to everything that a connection sent, and that it closes the connection then.
fn answer(mut replayed: TcpStream) -> String {
    replayed.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
    let answer = read_text(&mut replayed).expect("an answer");
    let mut rest = Vec::new();
    // It hears the whole replay, or the reset of a socket on which nobody read it to its end.
    let _ = replayed.read_to_end(&mut rest);
    assert_eq!(rest, b"", "{answer}");
    answer
}

#[test]
fn a_connection_that_is_replayed_is_refused_and_changes_nothing() {
    at_every_moment(|moment| {
        let scene = Scene::waiting_at(moment, "lease = 1m");
        let conductor = scene.start();
        scene.wait_for(moment, &conductor);
        assert!(answer(scene.relay.replay(0)).contains(r#""reason":"attempt""#));
        scene.relay.cut();
        conductor.wait_for("w: reconnected");
        for connection in 0..scene.relay.accepted() {
            assert!(answer(scene.relay.replay(connection)).contains(r#""reason":"attempt""#));
        }
        scene.release(moment);
        let (status, said) = conductor.finish();
        scene.assert_undisturbed(moment.name, &said, status);
        eventually("the player is free", || scene.player.children().is_empty());
        for connection in 0..scene.relay.accepted() {
            assert!(answer(scene.relay.replay(connection)).contains(r#""reason":"attempt""#));
        }
        assert!(scene.player.children().is_empty());
        scene.assert_undisturbed(moment.name, &said, status);
    });
}

#[test]
fn a_connection_that_comes_twice_at_the_same_time_changes_nothing() {
    at_every_moment(|moment| {
        let scene = Scene::waiting_at(moment, "lease = 1m");
        scene.relay.duplicate(true);
        let conductor = scene.start();
        scene.wait_for(moment, &conductor);
        scene.relay.reset();
        conductor.wait_for("w: reconnected");
        scene.release(moment);
        let (status, said) = conductor.finish();
        scene.assert_undisturbed(moment.name, &said, status);
        eventually("the player is free", || scene.player.children().is_empty());
    });
}

#[test]
fn a_connection_that_is_replayed_to_a_player_that_was_restarted_starts_nothing() {
    let scene = Scene::new("");
    scene.start().finish();
    let log = scene.log();
    let another = Player::start();
    let mut replayed = another.connect();
    std::io::Write::write_all(&mut replayed, &scene.relay.recorded(0)).expect("a player reads");
    let _ = replayed.read_to_end(&mut Vec::new());
    eventually("its session is over", || another.children().is_empty());
    assert_eq!(scene.log(), log);
}

fn attempt(port: u16, attempt: u64, next: u64) -> (FakeConductor, String, Value) {
    let mut data = hello("r", "w");
    (data["attempt"], data["next"]) = (json!(attempt), json!(next));
    FakeConductor::hello_with(port, &data)
}

#[test]
fn a_higher_attempt_takes_over_and_a_lower_or_the_same_one_is_refused() {
    let player = Player::start();
    let mut first = FakeConductor::with_plan(player.port, "r", "w", &json!({"startup": ["echo hello"]}));
    let told = first.phase("startup");
    let seen = told.last().and_then(|last| last["number"].as_u64()).expect("a numbered message") + 1;
    let (mut second, kind, data) = attempt(player.port, 7, seen);
    // `plan`, `arm` and `go` have come.
    assert_eq!((kind.as_str(), &data["state"], &data["next"]), ("welcome", &json!("resumed"), &json!(3)), "{data}");
    first.wait_for_end();
    for lower in [1, 6, 7] {
        let (mut late, kind, data) = attempt(player.port, lower, seen);
        assert_eq!((kind.as_str(), &data["reason"]), ("refused", &json!("attempt")), "{data}");
        late.wait_for_end();
    }
    // The session goes on over the second connection, from where it was.
    second.send_numbered_from(3);
    assert_eq!(second.phase("run").last().expect("a message")["phase"], "run");
}

#[test]
fn a_conductor_that_was_told_more_than_it_says_or_says_more_than_it_was_told_gets_no_connection() {
    let player = Player::start();
    let mut first = FakeConductor::with_plan(player.port, "r", "w", &json!({"startup": ["echo hello"]}));
    let told = first.phase("startup");
    let seen = told.last().and_then(|last| last["number"].as_u64()).expect("a numbered message") + 1;
    for (number, next) in [(2, 0), (3, seen + 100)] {
        let mut stream = player.connect();
        let mut data = hello("r", "w");
        (data["attempt"], data["next"]) = (json!(number), json!(next));
        let text = json!({"version": 1, "type": "hello", "data": data}).to_string();
        std::io::Write::write_all(&mut stream, &frame(text.as_bytes())).expect("a player reads");
        assert_eq!(read_text(&mut stream), None, "next {next}");
    }
    let (mut second, kind, data) = attempt(player.port, 4, seen);
    assert_eq!(kind, "welcome", "{data}");
    second.send_numbered_from(3);
    second.phase("run");
}
