//! `--trace-frames` and `conductor frames`: what goes over the wire can be read afterwards, without secrets.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use snapbox::str;

use crate::support::{Folder, Player, conductor, run};

/// A player that records its frames in the file `player`.
fn recording(folder: &Folder) -> Player {
    Player::from(player(folder))
}

fn player(folder: &Folder) -> Command {
    conductor(folder, ["player", "-q", "--bind", "127.0.0.1", "--port", "0", "--trace-frames", "player"])
}

/// The types of the messages in a list of frames, with who sent each; signals and acknowledgements come when they like.
fn conversation(lines: &str) -> Vec<String> {
    const ANY_TIME: [&str; 4] = ["heartbeat", "probe", "probe_answer", "acknowledge"];
    let words = lines.lines().map(|line| line.split(' ').skip(3).take(2).collect::<Vec<_>>());
    words.filter(|words| !ANY_TIME.contains(&words[1])).map(|words| words.join(" ")).collect()
}

#[test]
fn the_frames_of_a_run_are_recorded_on_both_sides_without_secrets() {
    let folder = Folder::new();
    let player = recording(&folder);
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nhello = echo printed\n");
    let finished = run(&folder, ["conduct", "-q", "-p", "run", "--trace-frames", "conduct", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    drop(player);
    let names: Vec<String> =
        std::fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    let of_session: Vec<&String> = names.iter().filter(|name| name.starts_with("player.")).collect();
    let [session] = of_session[..] else { panic!("the session has a file of its own: {names:?}") };
    for name in ["conduct", "player", session] {
        let mode = std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
        assert!(!folder.read(name).contains("printed\\n"), "{name} has what the step printed");
    }
    let conductor = run(&folder, ["frames", "conduct"]);
    let player = run(&folder, ["frames", "player", session.as_str()]);
    let said = conversation(&conductor.stdout);
    let turned = |line: &String| match line.split_once(' ') {
        Some(("sent", kind)) => format!("received {kind}"),
        Some((_, kind)) => format!("sent {kind}"),
        None => unreachable!("two words"),
    };
    for kind in
        ["sent hello", "received welcome", "sent plan", "received plan_taken", "sent go", "received data", "sent bye"]
    {
        assert!(said.iter().any(|line| line == kind), "{kind} is missing: {said:?}");
    }
    // Messages in the two directions may cross.
    for direction in ["sent ", "received "] {
        let of =
            |lines: &[String]| lines.iter().filter(|line| line.starts_with(direction)).cloned().collect::<Vec<_>>();
        let heard: Vec<String> = conversation(&player.stdout).iter().map(turned).collect();
        assert_eq!(of(&said), of(&heard));
    }
    let hello = conductor.stdout.lines().find(|line| line.contains(" hello ")).unwrap();
    assert!(hello.contains(r#""run_secret":"(hidden)""#) || hello.ends_with('…'), "{hello}");
    let full = run(&folder, ["frames", "--full", "conduct"]).stdout;
    let hello = full.lines().find(|line| line.contains(" hello ")).unwrap();
    assert!(hello.contains(r#""run_secret":"(hidden)","secret":"(hidden)""#), "{hello}");
    let plan = full.lines().find(|line| line.contains(" plan ")).unwrap();
    assert!(plan.contains("echo printed"), "{plan}");
}

#[test]
fn the_frames_of_a_python_conductor_are_recorded() {
    let folder = Folder::new();
    let player = recording(&folder);
    let mut stream = player.connect();
    std::io::Write::write_all(
        &mut stream,
        &crate::support::wire::frame(br#"{"version":1,"type":"nothing","data":{}}"#),
    )
    .unwrap();
    crate::support::wire::read_frame(&mut stream);
    drop((stream, player));
    assert_eq!(conversation(&run(&folder, ["frames", "player"]).stdout), ["received nothing", "sent result"]);
}

#[test]
fn a_peer_of_another_protocol_is_recorded_as_such() {
    let folder = Folder::new();
    let player = recording(&folder);
    let mut stream = player.connect();
    std::io::Write::write_all(&mut stream, b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
    drop((stream, player));
    let frames = run(&folder, ["frames", "player"]);
    assert_eq!(conversation(&frames.stdout)[0], "received unreadable", "{frames:#?}");
}

#[test]
fn what_is_not_a_record_of_frames_is_refused() {
    let folder = Folder::new();
    folder.file("other", "{}\n");
    run(&folder, ["frames", "other"]).assert(
        1,
        "",
        str![[r#"
error: `other`, line 1: not a recorded frame: missing field `time` at line 1 column 2
  hint: name a file that `--trace-frames` wrote

"#]],
    );
    run(&folder, ["frames", "none"]).assert(
        1,
        "",
        str![[r#"
error: cannot read `none`: no such file or directory

"#]],
    );
}

#[test]
fn a_pipe_is_not_waited_for() {
    let folder = Folder::new();
    rustix::fs::mknodat(rustix::fs::CWD, folder.join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    run(&folder, ["frames", "pipe"]).assert(
        1,
        "",
        str![[r#"
error: cannot read `pipe`: it is not a regular file

"#]],
    );
}

#[test]
fn the_record_of_a_killed_process_is_printed_up_to_its_last_whole_frame() {
    let folder = Folder::new();
    let frame = r#"{"time":"2026-01-02T03:04:05.000006Z","process":7,"connection":1,"peer":"10.0.0.1:6970","sent":true,"length":26,"payload":{"type":"bye","number":12}}"#;
    folder.file("record", &format!("{frame}\n{}", &frame[..40]));
    run(&folder, ["frames", "record"]).assert(
        0,
        str![[r#"
03:04:05.000006Z 7.1 10.0.0.1:6970 sent bye 26 bytes {"number":12}

"#]],
        str![[r#"
warning: the last frame in `record` is incomplete

"#]],
    );
}

#[test]
fn a_record_that_cannot_be_written_is_an_error() {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", 1, "[Run]\ns = true\n");
    for arguments in [&["conduct", "test.cfg"][..], &["player", "--port", "0"]] {
        let finished = run(&folder, [arguments, &["--trace-frames", "none/file"]].concat());
        let said = "error: cannot record frames in `none/file`: no such file or directory\n";
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(1), said), "{finished:#?}");
    }
}
