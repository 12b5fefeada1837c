//! Connections that come a second time, and connections of which another came before, change nothing.
#![expect(clippy::expect_used, reason = "what a test needs and does not get ends it")]

#[path = "support/faults.rs"]
mod faults;
#[path = "support/pipes.rs"]
mod pipes;
#[path = "support/relay.rs"]
mod relay;
mod support;
#[path = "support/wire.rs"]
mod wire;

use std::io::Read;
use std::net::TcpStream;

use faults::{Scene, at_every_moment};
use serde_json::{Value, json};
use support::{DEADLINE, Folder, Player, eventually};
use wire::{FakeConductor, hello, read_text};

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
        conductor.wait_for("w: the connection is there again");
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
        conductor.wait_for("w: the connection is there again");
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
    let folder = Folder::new();
    let log = folder.join("log");
    let steps = json!({"startup": [format!("echo startup >>{}", log.display())]});
    let mut first = FakeConductor::with_plan(player.port, "r", "w", &steps);
    first.phase("startup");
    // Beyond `plan_taken` nothing was seen, says the second.
    let (mut second, kind, data) = attempt(player.port, 7, 1);
    assert_eq!((kind.as_str(), &data["state"]), ("welcome", &json!("resumed")), "{data}");
    drop((first, second));
}
