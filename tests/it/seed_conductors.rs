//! Seed conductors on our player: the recorded conversations, with a results server of the test's own.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use std::time::{Duration, Instant};

use crate::support::pipes::Pipe;
use crate::support::room::{can_limit_processes, limit_processes, limit_user};
use crate::support::surroundings::skip;
use crate::support::wire::{FakeConductor, frame, free_port, read_frame, read_text, recorded};
use crate::support::{CONDUCTOR, DEADLINE, Folder, Player, eventually, kill, run};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

/// Sends bytes on a connection of their own, and takes all that comes back.
fn exchange(player: &Player, bytes: &[u8]) -> Vec<u8> {
    exchange_on(player.connect(), bytes)
}

/// The same from another address of this machine.
fn exchange_from(address: [u8; 4], player: &Player, bytes: &[u8]) -> Vec<u8> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((address, 0)).into()).expect("an address of this machine");
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], player.port)).into()).expect("a player takes connections");
    socket.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
    exchange_on(socket.into(), bytes)
}

fn exchange_on(mut stream: TcpStream, bytes: &[u8]) -> Vec<u8> {
    stream.write_all(bytes).expect("a player reads");
    stream.shutdown(Shutdown::Write).expect("half of a connection can be closed");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer, and then the end");
    answer
}

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let pairs = hexadecimal.as_bytes().chunks(2);
    pairs
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("two hexadecimal digits"))
        .collect()
}

fn phase(port: u16, commands: &[&str]) -> Vec<u8> {
    let steps: Vec<Value> = commands.iter().map(|command| json!({"command": command})).collect();
    let data = json!({"resulthost": "127.0.0.1", "resultport": port, "steps": steps});
    frame(json!({"version": 1, "type": "phase", "data": data}).to_string().as_bytes())
}

const RUN: &[u8] = br#"{"version": 1, "type": "run", "data": {}}"#;

/// A results port; each result comes on a connection of its own.
struct Results(TcpListener);

impl Results {
    fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn port(&self) -> u16 {
        self.0.local_addr().expect("an address").port()
    }

    /// The next results up to the one that says that this was all.
    fn take(&self) -> Vec<String> {
        let mut results = Vec::new();
        loop {
            let (mut stream, _) = self.0.accept().expect("a connection");
            stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
            let text = read_text(&mut stream).expect("a result");
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).expect("the end");
            assert_eq!(rest, b"", "one result a connection");
            let last = text.contains("65535");
            results.push(text);
            if last {
                return results;
            }
        }
    }
}

#[test]
fn the_player_gives_the_recorded_answers_byte_for_byte() {
    let player = Player::start();
    let cases = recorded("player-answers.jsonl");
    assert_eq!(cases.len(), 17);
    for case in cases {
        let name = case["case"].as_str().expect("a name");
        // Nothing of an earlier case may be left: `run with nothing downloaded` has to find nothing.
        let answer = exchange(&player, &bytes_of(case["sent_hex"].as_str().expect("bytes")));
        let expected = case["answer"].as_str().map(|text| frame(text.as_bytes())).unwrap_or_default();
        let (answer, expected) = (String::from_utf8_lossy(&answer), String::from_utf8_lossy(&expected));
        match name {
            // It is ours to answer, and an empty one is no `hello` of a conductor.
            "hello" => assert!(answer.contains(r#""code": 1"#), "{answer}"),
            "not json" => {
                let start =
                    r#"{"version": 1, "type": "result", "data": {"code": 1, "message": "Invalid message format: "#;
                assert!(answer.contains(start), "{answer}");
            }
            _ => assert_eq!(answer, expected, "{name}"),
        }
    }
}

#[test]
fn a_recorded_phase_has_the_recorded_results_in_order_one_on_each_connection() {
    let player = Player::start();
    let results = Results::new();
    let mut run_connection: Option<TcpStream> = None;
    let mut expected = Vec::new();
    for line in recorded("one-phase-on-the-player.jsonl") {
        let mut message = line["frame"].clone();
        if line["port"] == "resultsport" {
            expected.push(message);
        } else if message["type"] == "phase" {
            message["data"]["resultport"] = results.port().into();
            let answer = exchange(&player, &frame(message.to_string().as_bytes()));
            let text = r#"{"version": 1, "type": "result", "data": {"code": 0, "message": "phase received"}}"#;
            assert_eq!(answer, frame(text.as_bytes()));
        } else if message["type"] == "run" {
            let mut stream = player.connect();
            stream.write_all(&frame(RUN)).expect("a player reads");
            run_connection = Some(stream);
        }
    }
    let found = results.take();
    // Every result is one object of the seed's, byte for byte: spaces, order of keys, escapes.
    let seed_form = |value: &Value| {
        let message = value["data"]["message"].to_string().replace('é', "\\u00e9").replace('\u{fffd}', "\\ufffd");
        let code = &value["data"]["code"];
        format!(r#"{{"version": 1, "type": "result", "data": {{"code": {code}, "message": {message}}}}}"#)
    };
    assert_eq!(found, expected.iter().map(seed_form).collect::<Vec<_>>());
    assert_eq!(read_frame(&mut run_connection.expect("a run")), None, "closed after the results, without an answer");
}

#[test]
fn a_seed_conductor_is_served_again_and_again_and_never_gets_an_old_phase() {
    let player = Player::start();
    let results = Results::new();
    for text in ["first", "second", "third"] {
        exchange(&player, &phase(results.port(), &[&format!("printf {text}")]));
        let mut stream = player.connect();
        stream.write_all(&frame(RUN)).expect("a player reads");
        let found = results.take();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].ends_with(&format!(r#""message": "{text}"}}}}"#)), "{found:?}");
        assert_eq!(read_frame(&mut stream), None);
    }
}

#[test]
fn a_phase_for_which_no_process_can_be_made_runs_when_there_is_one_again() {
    if let Err(why) = can_limit_processes() {
        return skip(&why);
    }
    let (log, results) = (Folder::new(), Results::new());
    std::fs::set_permissions(log.path(), Permissions::from_mode(0o777)).expect("a folder of ours");
    let mut command = Command::new(CONDUCTOR);
    command.args(["player", "-b", "127.0.0.1", "-p", "0", "-l"]).arg(log.join("log"));
    limit_user(&mut command);
    let player = Player::from(command);
    exchange(&player, &phase(results.port(), &["printf here"]));
    limit_processes(player.pid(), true);
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    eventually("it was tried", || log.read("log").contains("cannot create a process for the phase "));
    limit_processes(player.pid(), false);
    let found = results.take();
    assert!(found.len() == 2 && found[0].contains(r#""message": "here""#), "{found:?}");
    assert_eq!(read_frame(&mut stream), None);
}

#[test]
fn the_steps_of_a_phase_whose_process_is_killed_are_ended() {
    let (player, folder, results) = (Player::start(), Folder::new(), Results::new());
    let pipe = Pipe::new(&folder, "pipe");
    exchange(&player, &phase(results.port(), &[&format!("{}; sleep 600 & sleep 600", pipe.hold())]));
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    pipe.wait_for_start();
    kill(player.children()[0], 9);
    pipe.wait_for_end();
    assert_eq!(read_frame(&mut stream), None);
    exchange(&player, &phase(results.port(), &["printf next"]));
    player.connect().write_all(&frame(RUN)).expect("a player reads");
    assert!(results.take()[0].contains(r#""message": "next""#));
}

#[test]
fn all_downloaded_phases_run_in_order_as_on_the_seed() {
    let player = Player::start();
    let results = Results::new();
    exchange(&player, &phase(results.port(), &["printf one", "printf two"]));
    exchange(&player, &phase(results.port(), &["printf three"]));
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    // Each phase has an end of its own.
    for texts in [&["one", "two", "phases complete"][..], &["three", "phases complete"]] {
        let found = results.take();
        assert_eq!(found.len(), texts.len(), "{found:?}");
        for (found, text) in found.iter().zip(texts) {
            assert!(found.contains(text), "{found}");
        }
    }
}

#[test]
fn a_second_seed_conductor_is_told_who_holds_the_player() {
    let player = Player::start();
    let first = Results::new();
    exchange(&player, &phase(first.port(), &["printf mine"]));
    let answer = String::from_utf8(exchange_from([127, 0, 0, 2], &player, &phase(7, &["printf yours"])).split_off(4));
    let text = r#"{"version": 1, "type": "result", "data": {"code": 1, "message": "busy: the Python conductor at 127.0.0.1 uses this player"}}"#;
    assert_eq!(answer.expect("JSON"), text);
    assert_eq!(exchange_from([127, 0, 0, 2], &player, &frame(RUN)), b"", "it has nothing to run");
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    assert!(first.take()[0].contains("mine"));
}

#[test]
fn a_seed_conductor_is_refused_while_a_session_lives_and_the_other_way_round() {
    let player = Player::start();
    let session = FakeConductor::with_plan(player.port, "one", "w", &json!({}));
    let results = Results::new();
    let answer = String::from_utf8_lossy(&exchange(&player, &phase(results.port(), &["true"]))).into_owned();
    assert!(answer.contains(r#""code": 1"#) && answer.contains("run one of a test"), "{answer}");
    drop(session);

    let player = Player::start();
    exchange(&player, &phase(results.port(), &["printf seed"]));
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let holder = "its player is busy: the Python conductor at 127.0.0.1 has used it for ";
    assert!(finished.stderr.contains(holder) || finished.stdout.contains(holder), "{finished:#?}");
}

#[test]
fn a_time_out_of_a_seed_conductors_step_ends_the_whole_group() {
    let player = Player::start();
    let results = Results::new();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let command = format!("{}; sleep 600; true", pipe.hold());
    let data = json!({"resulthost": "127.0.0.1", "resultport": results.port(),
        "steps": [{"command": command, "timeout": 1}]});
    exchange(&player, &frame(json!({"version": 1, "type": "phase", "data": data}).to_string().as_bytes()));
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    pipe.wait_for_start();
    // `sleep` holds it as well.
    pipe.wait_for_end();
    assert!(results.take()[0].contains("Command timed out after 1 seconds"));
}

#[test]
fn a_seed_conductor_that_was_interrupted_and_comes_again_gets_its_own_results_only() {
    let player = Player::start();
    let results = Results::new();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    exchange(&player, &phase(results.port(), &[&format!("{}; sleep 600", pipe.hold()), "printf old"]));
    let mut interrupted = player.connect();
    interrupted.write_all(&frame(RUN)).expect("a player reads");
    pipe.wait_for_start();
    drop(interrupted);
    let answer = exchange(&player, &phase(results.port(), &["printf new"]));
    assert!(String::from_utf8_lossy(&answer).contains("phase received"), "{answer:?}");
    pipe.wait_for_end();
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    let found = results.take();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains(r#""code": 0, "message": "new""#), "{found:?}");
}

#[test]
fn results_that_found_nobody_are_not_given_to_the_next_conductor_on_the_same_port() {
    let player = Player::start();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let port = free_port();
    exchange(&player, &phase(port, &[&format!("{}; printf old", pipe.hold())]));
    let mut interrupted = player.connect();
    interrupted.write_all(&frame(RUN)).expect("a player reads");
    drop(interrupted);
    pipe.wait_for_start();
    pipe.wait_for_end();
    // The phase is over, and its results are tried again and again; now somebody else listens on their port.
    exchange(&player, &phase(port, &["printf new"]));
    let results = Results(TcpListener::bind(("127.0.0.1", port)).expect("the port"));
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    let found = results.take();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains(r#""message": "new""#), "{found:?}");
}

#[test]
fn a_player_that_is_told_to_stop_ends_a_seed_conductors_run_too() {
    let mut player = Player::start();
    let results = Results::new();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    exchange(&player, &phase(results.port(), &[&format!("{}; sleep 600 & wait", pipe.hold())]));
    // A second phase is not begun any more.
    exchange(&player, &phase(results.port(), &["sleep 600"]));
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    pipe.wait_for_start();
    player.signal(15);
    pipe.wait_for_end();
    let taken = std::thread::spawn(move || results.take());
    assert_eq!(player.wait().code(), Some(0));
    let found = taken.join().expect("no panic");
    assert!(found[0].contains(r#""code": 1"#), "the conductor hears that its step did not pass: {found:?}");
    assert_eq!(read_frame(&mut stream), None);
}

#[test]
fn a_player_that_is_told_to_stop_does_not_wait_for_a_seed_conductor_that_is_gone() {
    let mut player = Player::start();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    exchange(&player, &phase(free_port(), &[&format!("{}; printf old", pipe.hold())]));
    let mut interrupted = player.connect();
    interrupted.write_all(&frame(RUN)).expect("a player reads");
    drop(interrupted);
    pipe.wait_for_start();
    pipe.wait_for_end();
    let told = Instant::now();
    player.signal(15);
    assert_eq!(player.wait().code(), Some(0));
    // Such results are tried for ten seconds otherwise.
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
}

#[test]
fn what_a_seed_conductor_spawned_lives_on_and_the_next_run_is_told() {
    let player = Player::start();
    let results = Results::new();
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let data = json!({"resulthost": "127.0.0.1", "resultport": results.port(),
        "steps": [{"command": format!("{}; exec sleep 600", pipe.hold()), "spawn": true}]});
    exchange(&player, &frame(json!({"version": 1, "type": "phase", "data": data}).to_string().as_bytes()));
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    pipe.wait_for_start();
    assert!(results.take()[0].contains("Spawned"));
    assert_eq!(read_frame(&mut stream), None);
    crate::support::eventually("the run is over", || player.children().len() == 1);
    let next = Folder::new();
    next.test("", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    let finished = run(&next, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(
        finished.stdout.contains(
            " was left running by an earlier run; if it is still running, it is stopped when the player stops: `"
        ),
        "{finished:#?}"
    );
    drop(player);
    pipe.wait_for_end();
}

#[test]
fn a_result_that_is_too_long_for_the_seeds_frame_is_cut_and_says_so() {
    let player = Player::start();
    let results = Results::new();
    let print = |bytes: u32| format!("head -c {bytes} /dev/zero | tr '\\0' x");
    exchange(&player, &phase(results.port(), &[&print(9_000_000), &print(12_000_000)]));
    let mut stream = player.connect();
    stream.write_all(&frame(RUN)).expect("a player reads");
    let found = results.take();
    assert_eq!(found.len(), 3);
    assert_eq!(found[0].matches('x').count(), 9_000_000);
    assert!(found[1].len() <= 10 << 20 && found[1].matches('x').count() > 4 << 20, "{} bytes", found[1].len());
    assert!(found[1].contains("[the rest is too long for a message]"));
}
