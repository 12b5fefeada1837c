//! What a conductor makes a player keep has its bounds, and what it says of itself comes nowhere as it was said.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::support::wire::{FakeConductor, frame, hello, read_frame};
use crate::support::{CONDUCTOR, Folder, Player, eventually, run};

/// A player whose log goes to a file of this folder.
fn with_log(folder: &Folder) -> Player {
    let log = std::fs::File::create(folder.join("log")).expect("a log");
    let mut command = Command::new(CONDUCTOR);
    command.args(["player", "--bind", "127.0.0.1", "--port", "0", "-v"]).stderr(Stdio::from(log));
    Player::from(command)
}

#[test]
fn parts_without_an_end_and_probes_without_a_reader_end_the_connection() {
    let folder = Folder::new();
    let player = with_log(&folder);
    let (mut conductor, _, _) = FakeConductor::hello(player.port, "r", "parts");
    for number in 0..40 {
        let part = json!({"type": "part", "number": number, "text": "x".repeat(60_000), "last": false});
        if conductor.stream.write_all(&frame(part.to_string().as_bytes())).is_err() {
            break;
        }
    }
    conductor.wait_for_end();
    let (mut conductor, _, _) = FakeConductor::hello(player.port, "r", "probes");
    let probes = frame(br#"{"type": "probe", "sent": 1}"#).repeat(5000);
    let _ = conductor.stream.write_all(&probes);
    conductor.wait_for_end();
    for what in ["bytes in a message of several parts: at most 2097152", "unanswered clock probes: at most 64"] {
        eventually(what, || folder.read("log").contains(&format!("the peer sent too many {what} are allowed")));
    }
}

#[test]
fn a_long_or_harmful_name_of_a_conductor_troubles_nobody_after_it() {
    let folder = Folder::new();
    let player = with_log(&folder);
    let mut data = hello("r", "w");
    data["lease"] = json!(1_000_000);
    data["conductor"] = json!(format!("a\n2026-01-01 - ERROR - forged\u{202e}{}", "x".repeat(900_000)));
    let (mut conductor, kind, _) = FakeConductor::hello_with(player.port, &data);
    assert_eq!(kind, "welcome");
    let mut plan = crate::support::wire::plan(&json!({"run": ["true"], "reset": ["true"]}));
    plan["lease"] = json!(1_000_000);
    conductor.send(plan);
    drop(conductor);
    eventually("the session has ended", || folder.read("log").contains("the session has ended"));
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let shown = r"worker w of run r of a\n2026-01-01 - ERROR - forged\u{202e}xxx";
    assert!(finished.stdout.contains(shown) && finished.stdout.len() < 20_000, "{finished:#?}");
    let log = folder.read("log");
    assert!(log.contains(shown) && log.len() < 40_000, "{log}");
    assert!(!log.lines().any(|line| line.starts_with("2026-01-01")), "{log}");
}

#[test]
fn a_hello_whose_name_is_long_or_has_line_breaks_is_answered_and_begins_nothing() {
    let player = Player::start();
    for (field, value) in [("run", "r\nforged"), ("worker", &*"w".repeat(300)), ("secret", "\u{202e}")] {
        let mut data = hello("r", "w");
        data[field] = json!(value);
        let mut stream = player.connect();
        let text = json!({"version": 1, "type": "hello", "data": data}).to_string();
        stream.write_all(&frame(text.as_bytes())).expect("a player reads");
        let answer = String::from_utf8(read_frame(&mut stream).expect("an answer")).expect("JSON");
        assert!(answer.contains("Invalid message format"), "{answer}");
    }
    assert_eq!(player.children(), [0_u32; 0]);
}

/// A worker on a port where nobody listens: who asks it is refused.
fn at_no_player(sections: &str) -> Folder {
    let folder = Folder::new();
    folder.test("connect_timeout = 5s", &["w"]).worker("w", 9, sections);
    folder
}

/// What is too large is found by `validate` and by `conduct`, before any player is asked.
#[track_caller]
fn assert_too_large(folder: &Folder, line: &str, message: &str) {
    for command in ["validate", "conduct"] {
        let finished = run(folder, [command, "test.cfg"]);
        assert_eq!(finished.status, Some(1), "{command}: {message}");
        let said = if command == "validate" { &finished.stdout } else { &finished.stderr };
        let said: String = said.lines().map(|line| line.chars().take(200).collect::<String>() + "\n").collect();
        assert!(said.contains(line) && said.contains(message), "{command}: {said}");
        assert!(!said.contains("connection refused"), "{command}: {said}");
    }
}

#[test]
fn a_plan_that_no_player_takes_is_found_before_any_is_asked() {
    let steps = (1..=17_000).map(|number| format!("s{number} = true\n")).collect::<Vec<_>>().concat();
    let folder = at_no_player(&format!("[Run]\n{steps}"));
    assert_too_large(&folder, "--> w.cfg:16391:1\n", "`[Run]` has 17000 steps, but a player accepts at most 16384");
    let command = "x".repeat(2_500_000);
    let folder = at_no_player(&format!("[Run]\nlong = : {command}\n"));
    assert_too_large(&folder, "--> w.cfg:7:", "the steps of this worker have 2500006 bytes");
    let folder = at_no_player(&format!("[Run]\nf = put:w.cfg -> /{}\n", "x".repeat(5000)));
    assert_too_large(&folder, "--> w.cfg:7:", "the path has 5001 bytes, but Linux allows at most 4096");
    let name = "n".repeat(256);
    let folder = at_no_player("");
    folder.file("test.cfg", &format!("[Workers]\n{name} = w.cfg\n"));
    assert_too_large(&folder, "--> test.cfg:2:1\n", "a name can have at most 255 bytes");
}

#[test]
fn a_plan_that_is_too_large_as_a_message_alone_is_named_with_its_file() {
    // Each of these characters becomes two in the message.
    let command = "\\".repeat(1_100_000);
    let folder = at_no_player(&format!("[Run]\nlong = : {command}\n"));
    let finished = run(&folder, ["conduct", "-q", "--log-file", "log", "-o", "results", "test.cfg"]);
    assert_eq!(finished.status, Some(1));
    let said = finished.stderr.lines().last().unwrap_or_default();
    let expected = "error: the plan of worker `w` (`w.cfg`) has too many bytes in a message of several parts: at \
                    most 2097152 are allowed";
    assert_eq!(said, expected);
}
