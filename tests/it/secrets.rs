//! Whom a run's secret lets join it, and whom a private player serves.

use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::wire::{FakeConductor, frame, hello, read_text};
use crate::support::{Folder, Player, conductor, eventually, finish, run, start};

const SECRET: &str = "00112233445566778899aabbccddeeff";

fn owner(run: &str, worker: &str) -> Value {
    let mut hello = hello(run, worker);
    hello["run_secret"] = json!("the run's own secret");
    hello["player_secret"] = json!(SECRET);
    hello
}

#[test]
fn a_private_player_serves_nobody_who_knows_only_the_run_and_tells_them_nothing() {
    let player = Player::private(SECRET);
    let (_live, kind, data) = FakeConductor::hello_with(player.port, &owner("secret-run", "w"));
    assert_eq!(kind, "welcome", "{data}");
    let envelope = |kind: &str, data: &Value| json!({"version": 1, "type": kind, "data": data}).to_string();
    let mut requests = Vec::new();
    for (field, value) in [
        ("player_secret", Value::Null),
        ("player_secret", json!("")),
        ("player_secret", json!("00112233445566778899aabbccddeefe")),
        ("player_secret", json!(SECRET[..31])),
    ] {
        let mut hello = owner("secret-run", "another");
        hello[field] = value;
        requests.push(envelope("hello", &hello));
        hello["run"] = json!("a run of their own");
        hello["check"] = json!(true);
        requests.push(envelope("hello", &hello));
    }
    requests.push(envelope("run", &json!({})));
    requests.push(envelope("phase", &json!({"resultport": 6971, "steps": []})));
    requests.push(envelope("nonsense", &json!({})));
    requests.push("no JSON".to_owned());
    for request in requests {
        let mut stream = player.connect();
        stream.write_all(&frame(request.as_bytes())).expect("a player reads");
        let answer: Value = serde_json::from_str(&read_text(&mut stream).expect("an answer")).expect("JSON");
        let message = "this player serves only the conductor that started it";
        assert_eq!(
            answer,
            json!({"version": 1, "type": "result", "data": {"code": 1, "message": message}}),
            "{request}"
        );
        assert_eq!(read_text(&mut stream), None, "and nothing else");
    }
    let (_joined, kind, data) = FakeConductor::hello_with(player.port, &owner("secret-run", "another"));
    assert_eq!(kind, "welcome", "its owner is served: {data}");
}

#[test]
fn a_private_player_without_a_secret_does_not_start() {
    for input in ["", "\n", "short\n", "00112233445566778899aabbccddeeff0\n"] {
        let folder = Folder::new();
        folder.file("input", input);
        let mut command = conductor(&folder, ["player", "--bind", "127.0.0.1", "--port", "0", "--until-input-ends"]);
        command.stdin(Stdio::from(std::fs::File::open(folder.join("input")).expect("the file")));
        let why = "error: `--until-input-ends` needs a secret in the first line of standard input\n";
        finish(start(command)).assert(1, "", why);
    }
}

#[test]
fn a_second_worker_of_a_run_needs_the_runs_secret() {
    let player = Player::start();
    let (_first, kind, data) = FakeConductor::hello_with(player.port, &owner("r", "first"));
    assert_eq!(kind, "welcome", "{data}");
    for wrong in [Value::Null, json!(""), json!("another secret"), json!("the run's own secreT")] {
        let mut hello = owner("r", "second");
        if wrong.is_null() {
            hello.as_object_mut().expect("an object").remove("run_secret");
        } else {
            hello["run_secret"] = wrong.clone();
        }
        let (_, kind, data) = FakeConductor::hello_with(player.port, &hello);
        assert_eq!((kind.as_str(), &data["reason"]), ("refused", &json!("secret")), "{wrong}: {data}");
    }
    let (_second, kind, data) = FakeConductor::hello_with(player.port, &owner("r", "second"));
    assert_eq!(kind, "welcome", "{data}");
}

#[test]
fn a_run_may_have_the_name_of_one_that_is_over() {
    let (folder, player) = (Folder::new(), Player::start());
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    for _ in 0..2 {
        let finished = run(&folder, ["conduct", "--quiet", "--run-id", "nightly", "test.cfg"]);
        assert_eq!(finished.status, Some(0), "{finished:#?}");
        eventually("the session is over", || player.children().is_empty());
    }
}
