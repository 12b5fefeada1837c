//! Workers on seed players: a seed player of the test's own is driven by our conductor.

use crate::support::pipes::Pipe;
use crate::support::seed_player::{Order, SeedPlayer};
use crate::support::wire::{free_port, recorded};
use crate::support::{Finished, Folder, Player, conductor, finish, kill, run};

const INTERRUPT: i32 = 2;

/// Writes `NAME.cfg`, a worker on a seed player.
fn worker(folder: &Folder, name: &str, player: &SeedPlayer, results: u16, sections: &str) {
    let head = "[Coordinator]\nplayer = 127.0.0.1\nconductor = 127.0.0.1\n";
    let ports = format!("cmdport = {}\nresultsport = {results}\n", player.port());
    folder.file(&format!("{name}.cfg"), &format!("{head}{ports}{sections}"));
}

/// Runs `test.cfg` in the seed's lines.
fn classic(folder: &Folder) -> Finished {
    run(folder, ["conduct", "--quiet", "--format", "classic", "test.cfg"])
}

/// A message without its time-outs, which ours always sends and the seed sends as 30.
fn without_timeouts(text: &str) -> String {
    let mut pieces = text.split(r#", "timeout": "#);
    let mut whole = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        whole.push_str(&piece[piece.find('}').unwrap_or_default()..]);
    }
    whole
}

const SEED_TEST: &str = "
[Startup]
step1 = echo \"startup\"

[Run]
step1 = echo \"running\"
step2 = printf 'caf\\303\\251 \\377 tail'
step3 = echo out; echo err >&2; exit 3
spawn1 = sleep 0.2
timeout1 = sleep 5
step4 = no_such_command_here
step5 = spawn:sleep 0.1
step6 = timeout1:sleep 3
step7 = timeoutx:echo odd

[Collect]
step1 = echo \"collecting\"

[Reset]
step1 = echo \"system reset: goodbye\"
";

const SEED_LINES: &str = "0 phase received
0 startup

65535 phases complete
0 phase received
0 running

0 caf\u{e9} \u{fffd} tail
3 echo out; echo err >&2; exit 3
0 Spawned
1 Command timed out after 1 seconds
127 no_such_command_here
0 Spawned
1 Command timed out after 1 seconds
127 timeoutx:echo odd
65535 phases complete
0 phase received
0 collecting

65535 phases complete
0 phase received
0 system reset: goodbye

65535 phases complete
";

#[test]
fn the_recorded_messages_are_sent_and_the_seeds_lines_are_printed() {
    for order in [Order::AtOnce, Order::AfterClosing, Order::BehindStrangers] {
        let player = SeedPlayer::start(order);
        let folder = Folder::new();
        let port = free_port();
        folder.test("", &["w"]);
        worker(&folder, "w", &player, port, SEED_TEST);
        let finished = classic(&folder);
        assert_eq!(finished.stdout, SEED_LINES, "{finished:#?}");
        assert_eq!(finished.status, Some(3), "{finished:#?}");
        let mut sent = recorded("conductor-and-player.jsonl");
        sent.retain(|line| line["sender"] == "conductor");
        // The recording has its lines as they were seen on the network; its connections were made in this order.
        sent.sort_by_key(|line| line["connection"].as_u64());
        let sent = sent.iter().map(|line| without_timeouts(line["frame"].as_str().expect("a message")));
        let sent: Vec<String> = sent.collect();
        let port = format!(r#""resultport": {port}"#);
        let heard = player.messages().into_iter().map(|text| without_timeouts(&text));
        let heard: Vec<String> = heard.map(|text| text.replace(&port, r#""resultport": 16971"#)).collect();
        assert_eq!(heard, sent);
        assert_eq!(player.refused(), 0, "the port was open before `run`");
    }
}

#[test]
fn a_time_out_is_sent_for_every_step_and_none_is_null() {
    let player = SeedPlayer::start(Order::AtOnce);
    let folder = Folder::new();
    folder.test("step_timeout = none", &["w"]);
    worker(&folder, "w", &player, free_port(), "[Run]\na = true\ntimeout90 = true\n");
    assert_eq!(classic(&folder).status, Some(0));
    let run = player.messages().into_iter().find(|message| message.contains("true\"")).expect("the phase");
    assert!(run.contains(r#"{"command": "true", "spawn": false, "timeout": null}"#), "{run}");
    assert!(run.contains(r#"{"command": "true", "spawn": false, "timeout": 90}"#), "{run}");
}

#[test]
fn a_run_may_mix_seed_workers_and_workers_of_ours() {
    let (seed, ours) = (SeedPlayer::start(Order::AtOnce), Player::start());
    let folder = Folder::new();
    let sections = "[Startup]\nstep = echo up\n[Run]\nstep = echo from $NAME\n[Reset]\nstep = echo down\n";
    folder.test("trials = 2", &["old", "new"]).worker("new", ours.port, &sections.replace("$NAME", "ours"));
    worker(&folder, "old", &seed, free_port(), &sections.replace("$NAME", "a seed"));
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert_eq!(finished.stdout.matches("      | from a seed\n").count(), 2, "{finished:#?}");
    assert_eq!(finished.stdout.matches("      | from ours\n").count(), 2, "{finished:#?}");
    assert_eq!(finished.stdout.matches("Python players (protocol version 1): `old`").count(), 1, "{finished:#?}");
}

#[test]
fn a_seed_player_has_the_log_say_what_python_makes_of_its_file() {
    let (seed, ours) = (SeedPlayer::start(Order::AtOnce), Player::start());
    let folder = Folder::new();
    let sections = "[DEFAULT]\nformat = s\n[Run]\nstep = date +%%%(format)s\nother = date +%s\n";
    folder.test("", &["old", "new"]).worker("new", ours.port, sections);
    worker(&folder, "old", &seed, free_port(), sections);
    let finished = run(&folder, ["conduct", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let told: Vec<_> = finished.stderr.lines().filter_map(|line| Some(&line[line.find("old.cfg:")?..])).collect();
    assert_eq!(
        told,
        [
            "old.cfg:6: the Python conductor also reads the lines of `[DEFAULT]` as steps of every phase (default-entries)",
            "old.cfg:10: the Python conductor does not accept a single `%` (lone-percent)",
        ]
    );
    assert!(!finished.stderr.contains("new.cfg"), "{finished:#?}");
    // With `--python`, it was said before.
    let finished = run(&folder, ["conduct", "--python", "test.cfg"]);
    assert_eq!(finished.stderr.matches("a single `%`").count(), 2, "{finished:#?}");
}

#[test]
fn workers_on_one_seed_player_run_one_after_another() {
    let player = SeedPlayer::start(Order::AtOnce);
    let folder = Folder::new();
    let names = ["a", "b", "c"];
    folder.test("", &names);
    for name in names {
        worker(&folder, name, &player, free_port(), &format!("[Run]\nstep = echo {name}\nnext = echo {name}\n"));
    }
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    for name in names {
        assert_eq!(finished.stdout.matches(&format!("      | {name}\n")).count(), 2, "{finished:#?}");
    }
    // Had two phases been there at a `run`, the seed would have run both and sent all to one of them.
    assert_eq!(player.most_phases_at_a_run(), 1);
}

#[test]
fn seed_workers_with_the_same_resultsport_get_one_each_with_a_warning() {
    let players = [SeedPlayer::start(Order::AtOnce), SeedPlayer::start(Order::AtOnce)];
    let folder = Folder::new();
    let port = free_port();
    folder.test("", &["a", "b"]);
    for (name, player) in ["a", "b"].into_iter().zip(&players) {
        worker(&folder, name, player, port, &format!("[Run]\nstep = echo I am {name}\n"));
    }
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(
        finished.stdout.contains("      | I am a\n") && finished.stdout.contains("      | I am b\n"),
        "{finished:#?}"
    );
    assert!(finished.stdout.contains(&format!("another worker also uses `resultsport` {port}")), "{finished:#?}");
}

#[test]
fn what_a_seed_cannot_do_is_refused_by_name_before_anything_runs() {
    let (player, ours) = (SeedPlayer::start(Order::AtOnce), Player::start());
    let folder = Folder::new();
    let log = folder.join("log");
    folder.test("", &["old", "new"]);
    folder.worker("new", ours.port, &format!("[Startup]\nstep = echo >>{}\n", log.display()));
    worker(
        &folder,
        "old",
        &player,
        free_port(),
        "directory = /tmp\nshell = /bin/bash\n[Environment]\nA = b\n[Run]\nx = true\n",
    );
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    for what in ["worker `old`", "a Python player", "`[Environment]`", "`directory`", "`shell = /bin/bash`"] {
        assert!(finished.stdout.contains(what), "`{what}` is missing: {finished:#?}");
    }
    assert!(!log.exists(), "nothing was run");
    assert_eq!(player.messages(), [""; 0]);
}

#[test]
fn an_interrupt_lets_a_seed_end_its_phase_and_runs_reset() {
    let player = SeedPlayer::start(Order::AtOnce);
    let folder = Folder::new();
    let pipe = Pipe::new(&folder, "pipe");
    let (gate, log) = (folder.join("gate"), folder.join("log"));
    let step = format!("{}; until [ -e {} ]; do sleep 0.02; done", pipe.hold(), gate.display());
    folder.test("", &["w"]);
    let reset = format!("[Collect]\nx = echo collect >>{0}\n[Reset]\nx = echo reset >>{0}\n", log.display());
    worker(&folder, "w", &player, free_port(), &format!("[Run]\nstep = {step}\n{reset}"));
    let child = crate::support::start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    kill(child.id(), INTERRUPT);
    folder.file("gate", "");
    let finished = finish(child);
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    assert_eq!(folder.read("log"), "reset\n", "{finished:#?}");
}

#[test]
fn a_seed_that_does_not_end_its_phase_after_an_interrupt_is_named_as_not_reset() {
    let player = SeedPlayer::start(Order::AtOnce);
    let folder = Folder::new();
    let (pipe, gate) = (Pipe::new(&folder, "pipe"), folder.join("gate"));
    let step = format!("{}; until [ -e {} ]; do sleep 0.02; done", pipe.hold(), gate.display());
    folder.test("", &["w"]);
    worker(&folder, "w", &player, free_port(), &format!("[Run]\nstep = {step}\n[Reset]\nx = true\n"));
    let child = crate::support::start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    kill(child.id(), INTERRUPT);
    let finished = finish(child);
    // A seed's step outlives the run; it has to see the gate while its folder is there.
    folder.file("gate", "");
    pipe.wait_for_end();
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    assert!(finished.stdout.contains("lost: w: ") && finished.stdout.contains("Reset was not run"), "{finished:#?}");
}

#[test]
fn a_seed_player_that_dies_in_a_phase_is_a_lost_worker() {
    let player = SeedPlayer::start(Order::Never);
    let folder = Folder::new();
    folder.test("", &["w"]);
    worker(&folder, "w", &player, free_port(), "[Run]\nstep = echo never heard of\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    assert!(finished.stdout.contains("lost: w: "), "{finished:#?}");
}

#[test]
fn a_seeds_result_that_is_over_the_limit_is_named_and_the_run_goes_on() {
    let player = SeedPlayer::start(Order::AtOnce);
    let folder = Folder::new();
    folder.test("max_message_size = 1", &["w"]);
    let long = "head -c 3000000 /dev/zero | tr '\\0' x";
    worker(
        &folder,
        "w",
        &player,
        free_port(),
        &format!("[Run]\nlong = {long}\nnext = echo short\n[Reset]\nx = echo reset\n"),
    );
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert!([Some(1), Some(4)].contains(&finished.status), "{finished:#?}");
    for expected in ["exceeds `max_message_size`", "  w  long  lost ", "      | short\n", "      | reset\n"] {
        assert!(finished.stdout.contains(expected), "`{expected}` is missing: {finished:#?}");
    }
}
