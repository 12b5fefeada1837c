//! Who may connect to a player, what those are told who may not, and what their connections cost.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use serde_json::json;
use snapbox::str;

use crate::support::wire::{frame, hello, read_text};
use crate::support::{Folder, Player, conductor, eventually, run};

/// Addresses that this machine does not have, so that a connection over loopback is a stranger's.
const OTHERS: [&str; 2] = ["--allow", "192.0.2.1"];

const REFUSAL: &str = "this player refuses connections from 127.0.0.1; to accept them, add `127.0.0.1` to `allow` in \
                       `[Coordinator]` of the player's worker file, or to its `--allow` option, and restart the player";

#[track_caller]
fn assert_served(player: &Player) {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo served\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
}

#[test]
fn a_stranger_is_told_which_line_would_admit_it() {
    let player = Player::with(["--quiet"].into_iter().chain(OTHERS));
    // A Python conductor reads the answer only after it has sent all of a long message.
    let message = frame(format!(r#"{{"version": 1, "type": "phase", "data": "{}"}}"#, "x".repeat(200_000)).as_bytes());
    for message in [message, frame(br#"{"version": 1, "type": "hello", "data": {}}"#), Vec::new()] {
        let mut stream = player.connect();
        stream.write_all(&message).expect("a player reads");
        let answer = read_text(&mut stream).expect("an answer");
        let answer: serde_json::Value = serde_json::from_str(&answer).expect("JSON");
        let wanted = serde_json::json!({"version": 1, "type": "result", "data": {"code": 1, "message": REFUSAL}});
        assert_eq!(answer, wanted);
        assert_eq!(read_text(&mut stream), None, "and nothing else");
    }
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    for arguments in [&["conduct", "-q", "test.cfg"][..], &["conduct", "--check", "-q", "test.cfg"]] {
        let finished = run(&folder, arguments);
        assert_eq!(finished.status, Some(1), "{finished:#?}");
        assert!(finished.stdout.contains(REFUSAL), "{finished:#?}");
    }
}

#[test]
fn strangers_take_no_place_from_callers_and_one_line_of_the_log() {
    let folder = Folder::new();
    let log = folder.join("log").display().to_string();
    let player = Player::with(["--log-file", &log, "--allow", "127.0.0.0/31"]);
    // From the second address on, nobody is named.
    let address = "127.0.0.2:0".parse::<std::net::SocketAddr>().expect("an address");
    let strangers: Vec<TcpStream> = (0..300)
        .map(|_| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
            socket.bind(&address.into()).expect("an address of loopback");
            let player = std::net::SocketAddr::from(([127, 0, 0, 1], player.port));
            socket.connect(&player.into()).expect("a player takes connections");
            socket.into()
        })
        .collect();
    assert_served(&player);
    for mut stranger in strangers {
        // All but the last ones have made room for others by now.
        let _ = stranger.shutdown(Shutdown::Write);
        let _ = stranger.read_to_end(&mut Vec::new());
    }
    drop(player);
    let log = folder.read("log");
    let lines = log.lines().filter(|line| line.contains("127.0.0.2")).collect::<Vec<_>>();
    assert_eq!(lines.len(), 1, "{log}");
    assert!(
        lines[0].ends_with("a connection from 127.0.0.2 was refused: the address is not in `allow` or `conductor`")
    );
}

#[test]
fn a_player_does_not_start_with_a_file_in_which_it_finds_nothing_for_itself() {
    let folder = Folder::new();
    for (text, finding) in [
        ("", "this is neither a test file nor a worker file"),
        ("[Master]\nallow = 10.0.0.0/8\n", "this is neither a test file nor a worker file"),
        ("[Coordinater]\nallow = 10.0.0.0/8\n", "did you mean `[Coordinator]`?"),
        ("[Coordinater]\nallow = 10.0.0.0/8\n[Run]\na = true\n", "did you mean `[Coordinator]` by `[Coordinater]`?"),
        ("[Run]\na = true\n", "the worker file has no section `[Coordinator]`"),
        ("[Test]\n[Workers]\nw = w.cfg\n", "this is a test file, but a player needs a worker file"),
        ("[Coordinator]\nallow = 10.0.0.0/33\n", " --> player.cfg:2:9"),
        ("[Coordinator]\nconductor = a b\n", " --> player.cfg:2:13"),
    ] {
        folder.file("player.cfg", text);
        let finished = run(&folder, ["player", "--port", "0", "player.cfg"]);
        assert_eq!((finished.status, finished.stdout.as_str()), (Some(1), ""), "{text}: {finished:#?}");
        assert!(finished.stderr.contains(finding), "{text}: {finished:#?}");
    }
}

#[test]
fn a_player_prints_the_warnings_of_its_file_and_starts() {
    let folder = Folder::new();
    let text = "[Coordinator]\nplayer = %(nope)s\nconductor = %(nope)s\nalow = 10.0.0.0/8\n[Runn]\na = %(nope)s\n";
    folder.file("player.cfg", text);
    let stderr = std::fs::File::create(folder.join("stderr")).expect("a file");
    let mut command = conductor(&folder, ["player", "--bind", "127.0.0.1", "--port", "0", "player.cfg"]);
    command.stderr(Stdio::from(stderr));
    let player = Player::from(command);
    assert_served(&player);
    drop(player);
    let stderr = folder.read("stderr");
    let lines = stderr.lines().filter(|line| line.starts_with("warning[") || line.contains("player.cfg:"));
    let lines = lines.flat_map(|line| [line, "\n"]).collect::<String>();
    snapbox::assert_data_eq!(
        lines,
        str![[r#"
warning[unknown-key]: `[Coordinator]` has no setting `alow`
 --> player.cfg:4:1
warning[unknown-section]: unknown section `[Runn]`
 --> player.cfg:5:2
[..] - WARNING - player.cfg:3: `conductor` uses a variable that this file does not define, so the player does not know its address; add it to `allow`

"#]]
    );
}

#[test]
fn anyone_is_admitted_where_that_is_said_and_it_is_warned_of() {
    let folder = Folder::new();
    let log = folder.join("log").display().to_string();
    let player = Player::with(["--log-file", &log, "--allow", "any"]);
    assert_served(&player);
    drop(player);
    let warning =
        "- WARNING - anyone who can reach this port can run commands here; to limit this, list addresses in `allow`";
    assert!(folder.read("log").lines().next().is_some_and(|line| line.ends_with(warning)), "{}", folder.read("log"));
}

#[test]
fn a_conductor_whose_name_is_unknown_keeps_nobody_waiting() {
    let folder = Folder::new();
    folder.file("player.cfg", "[Coordinator]\nplayer = 127.0.0.1\nconductor = no-such-name.invalid\n");
    let player = Player::from(conductor(&folder, ["player", "-q", "--bind", "127.0.0.1", "--port", "0", "player.cfg"]));
    assert_served(&player);
}

/// The time for which a process had a processor, in ticks of the kernel, of which a second has 100.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
    let fields = stat.rsplit_once(')').expect("a name").1;
    fields.split_ascii_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().expect("a number")).sum()
}

#[test]
fn a_player_without_descriptors_serves_and_does_not_spin() {
    let mut command = std::process::Command::new("/bin/sh");
    let script = "ulimit -n 40; exec \"$0\" player --quiet --bind 127.0.0.1 --port 0";
    command.args(["-c", script, crate::support::CONDUCTOR]);
    let player = Player::from(command);
    let mut half_open: Vec<TcpStream> = (0..70).map(|_| player.connect()).collect();
    for stream in &mut half_open {
        let _ = stream.write_all(&[0, 0]);
    }
    let before = ticks(player.pid());
    // The time itself is what is measured.
    std::thread::sleep(Duration::from_millis(700));
    let used = ticks(player.pid()) - before;
    assert!(used < 30, "{used} of 70 ticks");
    assert_served(&player);
    drop(half_open);
    eventually("its sessions have ended", || player.children().is_empty());
    assert_served(&player);
}

#[test]
fn a_conductor_whose_name_is_unknown_is_named_in_the_log() {
    let folder = Folder::new();
    folder.file("w.cfg", "[Coordinator]\nconductor = nosuch.invalid\n");
    let log = folder.join("log");
    let mut command = conductor(&folder, ["player", "-b", "127.0.0.1", "-p", "0", "-l"]);
    command.arg(&log).arg("w.cfg");
    let _player = Player::from(command);
    let said = || std::fs::read_to_string(&log).unwrap_or_default();
    eventually("the name was looked up", || said().contains("cannot look up `conductor = nosuch.invalid`"));
}

#[test]
fn a_connection_gets_one_answer_whatever_follows_its_first_message() {
    let player = Player::start();
    let mut data = hello("r", "w");
    data["check"] = true.into();
    let message = frame(json!({"version": 1, "type": "hello", "data": data}).to_string().as_bytes());
    let mut stream = TcpStream::connect(("127.0.0.1", player.port)).expect("a connection");
    stream.write_all(&message.repeat(2)).expect("the player reads");
    assert!(read_text(&mut stream).expect("an answer").contains("welcome"));
    assert_eq!(read_text(&mut stream), None);
}
