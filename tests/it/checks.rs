//! `conduct --check`: how every player is, without running anything.

use std::net::TcpListener;

use crate::support::{CONDUCTOR, Folder, Player, conductor, eventually, finish, kill, run, start};
use serde_json::json;
use snapbox::str;

#[test]
fn a_live_player_tells_its_version_and_runs_nothing() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("", &["w", "second"]).worker("w", player.port, "[Startup]\ns = touch started\n");
    folder.worker("second", player.port, "");
    run(&folder, ["conduct", "-q", "--check", "test.cfg"]).assert(
        0,
        str![[r#"
w       127.0.0.1:[..]  conductor 0.1.0 on [..], answered in [..] ms
second  127.0.0.1:[..]  conductor 0.1.0 on [..], answered in [..] ms

"#]],
        str![""],
    );
    assert!(!folder.join("started").exists());
}

#[test]
fn an_unreachable_player_is_named_beside_those_that_answer() {
    let (player, gone) = (Player::start(), Player::start());
    let folder = Folder::new();
    folder.test("connect_timeout = 300ms", &["here", "elsewhere"]).worker("here", player.port, "");
    folder.worker("elsewhere", gone.port, "");
    drop(gone);
    run(&folder, ["conduct", "-q", "--check", "test.cfg"]).assert(
        1,
        str![[r#"
here       127.0.0.1:[..]  conductor 0.1.0 on [..], answered in [..] ms
elsewhere  127.0.0.1:[..]  connection refused
  hint: start a player on that machine with `conductor player WORKER_FILE` or `conductor player TEST_FILE --worker NAME`, or set `connect`, for example to `ssh:HOST`

"#]],
        str![""],
    );
}

#[test]
fn a_name_that_has_no_address_is_told() {
    let folder = Folder::new();
    let worker = "[Coordinator]\nplayer = no-such-host.invalid\n";
    folder.test("connect_timeout = 300ms", &["w"]).file("w.cfg", worker);
    run(&folder, ["conduct", "-q", "--check", "test.cfg"]).assert(
        1,
        str![[r#"
w  no-such-host.invalid:6970  `no-such-host.invalid` has no address: failed to lookup address information: [..]
  hint: correct the name in the configuration, or add it to DNS or `/etc/hosts`; for ssh, you can also add it to `~/.ssh/config`

"#]],
        str![""],
    );
}

#[test]
fn a_held_player_is_busy_and_names_its_holder() {
    let player = Player::start();
    let folder = Folder::new();
    let here = folder.join("here");
    folder.test("", &["w"]).worker("w", player.port, &format!("[Run]\nlong = : > {}; sleep 600\n", here.display()));
    let command = ["conduct", "-q", "-f", "classic", "--run-id", "first", "test.cfg"];
    let mut holder = conductor(&folder, command);
    holder.env("USER", "anna");
    let holder = start(holder);
    eventually("the step runs", || here.exists());
    run(&folder, ["conduct", "-q", "--check", "test.cfg"]).assert(
        1,
        str![[r#"
w  127.0.0.1:[..]  conductor 0.1.0 on [..], answered in [..] ms
   busy: run `first` of anna@[..], process [..], for [..]

"#]],
        str![""],
    );
    // A second run is refused, names the first, and does not disturb it.
    run(&folder, ["conduct", "-q", "test.cfg"]).assert(1, str![[r#"
test.cfg  run [..]
1 trial of startup, run, collect, reset on 1 worker

not carried out: worker `w` at 127.0.0.1:[..]: its player is busy: run `first` of anna@[..], process [..] has used it for [..]
not carried out: 0 of 1 trial ended; no step was run; 1 worker; [..]s

"#]], str![""]);
    kill(holder.id(), 2);
    finish(holder).assert(
        130,
        str![[r#"
0 phase received
65535 phases complete
0 phase received
1 Command stopped
65535 phases complete
0 phase received
65535 phases complete
1 interrupted by SIGINT

"#]],
        str![""],
    );
    run(&folder, ["conduct", "-q", "--check", "test.cfg"]).assert(
        0,
        str![[r#"
w  127.0.0.1:[..]  conductor 0.1.0 on [..], answered in [..] ms

"#]],
        str![""],
    );
}

#[test]
fn a_check_of_a_wrong_configuration_is_refused() {
    let folder = Folder::new();
    folder.test("", &["w"]);
    run(&folder, ["conduct", "-q", "--check", "test.cfg"]).assert(
        1,
        str![""],
        str![[r#"
error[unreadable-file]: there is no worker file `w.cfg`
 --> test.cfg:5:5
  |
5 | w = w.cfg
  |     ^^^^^
  |
  = hint: create the file, or correct the name; it is relative to the current folder
error: the configuration `test.cfg` has 1 error

"#]],
    );
}

#[test]
fn a_check_in_json_has_the_same_in_one_document() {
    let (player, gone) = (Player::start(), Player::start());
    let folder = Folder::new();
    folder.test("connect_timeout = 300ms", &["here", "elsewhere"]).worker("here", player.port, "");
    folder.worker("elsewhere", gone.port, "");
    drop(gone);
    let finished = run(&folder, ["conduct", "-q", "--check", "-f", "json", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(1), ""), "{finished:#?}");
    let document: serde_json::Value = serde_json::from_str(&finished.stdout).expect("a document");
    let [here, elsewhere] = &document["workers"].as_array().expect("workers")[..] else { panic!("{document:#}") };
    let place = |port: u16| format!("127.0.0.1:{port}");
    assert_eq!(
        (&here["worker"], &here["kind"], &here["version"]),
        (&json!("here"), &json!("session"), &json!("0.1.0"))
    );
    assert_eq!(
        (&here["player"], &here["error"], &here["busy"]),
        (&json!(place(player.port)), &json!(null), &json!(null))
    );
    assert_eq!(here["left_over"], json!([]));
    let seconds = |name: &str| here[name].as_f64().expect("seconds");
    assert!(seconds("round_trip") > 0.0 && seconds("clock_offset").abs() <= seconds("clock_error"), "{here:#}");
    assert_eq!((&elsewhere["worker"], &elsewhere["kind"]), (&json!("elsewhere"), &json!(null)));
    assert_eq!(elsewhere["error"], "connection refused");
    // It goes where the results would go, and into no form that it does not have.
    run(&folder, ["conduct", "-q", "--check", "-c", "here", "-o", "found", "test.cfg"]).assert(0, str![""], str![""]);
    assert!(folder.read("found").starts_with("here  127.0.0.1:"), "{}", folder.read("found"));
    run(&folder, ["conduct", "-q", "--check", "-f", "junit", "test.cfg"]).assert(
        1,
        str![""],
        str![[r#"
error: `--check` does not support the format `junit`; use `text` or `json`

"#]],
    );
}

#[test]
fn a_check_through_a_command_tells_where_the_player_would_run_and_how_long_reaching_took() {
    let folder = Folder::new();
    let scratch = folder.join("scratch");
    std::fs::create_dir(&scratch).expect("a folder");
    folder.test("", &["copy", "there", "here"]);
    for (name, lines) in [
        ("copy", format!("connect = env\nscratch = {}", scratch.display())),
        ("there", format!("connect = env LANG=C\nprogram = {CONDUCTOR}")),
        ("here", "connect = local".to_owned()),
    ] {
        folder.file(&format!("{name}.cfg"), &format!("[Coordinator]\nplayer = 127.0.0.1\n{lines}\n"));
    }
    let expected = format!(
        "copy   env         conductor 0.1.0 on [..], answered in [..] ms, clock known to \u{b1}[..] ms\n       \
         reached in [..] ms: Linux {0}, the program runs from `{1}`\n\
         there  env LANG=C  conductor 0.1.0 on [..], answered in [..] ms, clock known to \u{b1}[..] ms\n       \
         reached in [..] ms: Linux {0}, the program runs from `{CONDUCTOR}`\n\
         here   local       conductor 0.1.0 on [..], answered in [..] ms, clock known to \u{b1}[..] ms\n       \
         reached in [..] ms\n",
        std::env::consts::ARCH,
        scratch.display(),
    );
    let finished = run(&folder, ["conduct", "-q", "--check", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    snapbox::assert_data_eq!(finished.stdout, expected);
    let finished = run(&folder, ["conduct", "-q", "--check", "-f", "json", "test.cfg"]);
    let document: serde_json::Value = serde_json::from_str(&finished.stdout).expect("a document");
    let reached = &document["workers"][0]["reached"];
    assert_eq!((&reached["system"], &reached["program"]), (&json!("Linux"), &json!(scratch.display().to_string())));
    assert!(reached["seconds"].as_f64().is_some_and(|seconds| seconds > 0.0), "{document:#}");
}

/// The machine of the player accepts connections and never answers.
#[test]
fn a_signal_ends_it_with_the_status_of_an_interrupt() {
    let folder = Folder::new();
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    folder.test("connect_timeout = 1h", &["w"]);
    folder.worker("w", silent.local_addr().expect("an address").port(), "");
    let child = start(conductor(&folder, ["conduct", "--check", "-q", "test.cfg"]));
    let _connection = silent.accept().expect("a connection");
    kill(child.id(), 2);
    let finished = finish(child);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(130), ""), "{finished:#?}");
    assert!(finished.stdout.contains("the check was not completed"), "{finished:#?}");
}
