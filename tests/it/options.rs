//! Options of both commands that change what is done, and what is refused.

use std::net::TcpListener;

use crate::support::{Folder, Player, run};
use snapbox::str;

#[test]
fn a_definition_reaches_every_file() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("", &["w"]).worker(
        "w",
        player.port,
        "[DEFAULT]\nrate = 1\n[Run]\ns = echo %(rate)s %(other)s of %(worker)s\n",
    );
    let arguments = ["conduct", "-q", "-f", "classic", "-p", "run", "-D", "rate=10", "-D", "Other=a=b", "test.cfg"];
    run(&folder, arguments).assert(
        0,
        str![[r#"
0 phase received
0 10 a=b of w

65535 phases complete

"#]],
        str![""],
    );
    // Without the second definition there is nothing to put in its place.
    run(&folder, ["conduct", "-q", "-f", "classic", "test.cfg"]).assert(
        1,
        str![[r#"
1 not carried out: the configuration `test.cfg` has 1 error

"#]],
        str![[r#"
error[undefined-variable]: the variable `other` is not defined
 --> w.cfg:9:19
  |
9 | s = echo %(rate)s %(other)s of %(worker)s
  |                   ^^^^^^^^^
  |
  = hint: set it in `[DEFAULT]` or with `-D other=…`, or write `%%(` for a literal `%(`
error: the configuration `test.cfg` has 1 error

"#]],
    );
}

#[test]
fn a_range_makes_workers_that_know_their_index() {
    let player = Player::start();
    let folder = Folder::new();
    folder.file("test.cfg", "[Test]\n[Workers]\nnode[09-11] = node.cfg\n");
    folder.worker("node", player.port, "[Run]\nspawn_one = true\ns = echo %(index)s of $CONDUCTOR_WORKERS\n");
    run(&folder, ["conduct", "-q", "--dry-run", "-p", "run", "test.cfg"]).assert(
        0,
        str![[r#"
test.cfg: 1 trial of run on 3 workers
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

node09 at 127.0.0.1:[..]
  run
    spawn_one  spawn       true
    s          at most 1h  echo 9 of $CONDUCTOR_WORKERS

node10 at 127.0.0.1:[..]
  run
    spawn_one  spawn       true
    s          at most 1h  echo 10 of $CONDUCTOR_WORKERS

node11 at 127.0.0.1:[..]
  run
    spawn_one  spawn       true
    s          at most 1h  echo 11 of $CONDUCTOR_WORKERS

"#]],
        str![""],
    );
    let one = ["conduct", "-q", "-f", "classic", "-p", "run", "-c", "node10", "test.cfg"];
    run(&folder, one).assert(
        0,
        str![[r#"
0 phase received
0 Spawned
0 10 of node10

65535 phases complete

"#]],
        str![""],
    );
    let all = run(&folder, ["conduct", "-q", "-p", "run", "test.cfg"]);
    assert_eq!(all.status, Some(0), "{all:#?}");
    for index in [9, 10, 11] {
        assert!(all.stdout.contains(&format!("| {index} of node09 node10 node11\n")), "{all:#?}");
    }
}

#[test]
fn a_worker_that_is_not_in_the_test_is_an_error() {
    let folder = Folder::new();
    folder.test("", &["web_server"]).worker("web_server", 6970, "");
    run(&folder, ["conduct", "-q", "-c", "webserver", "--", "test.cfg"]).assert(
        1,
        str![[r#"
not carried out: the configuration `test.cfg` has 1 error
not carried out: no step was run

"#]],
        str![[r#"
error[unknown-worker]: the test has no worker `webserver`
--> test.cfg
 = hint: did you mean `web_server`? the test has `web_server`
error: the configuration `test.cfg` has 1 error

"#]],
    );
}

#[test]
fn strict_refuses_warnings() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Test]\ntrails = 2\n[Workers]\nw = w.cfg\n").worker("w", 6970, "");
    run(&folder, ["conduct", "-q", "--strict", "--local", "test.cfg"]).assert(
        1,
        str![[r#"
not carried out: the configuration `test.cfg` has warnings, which `--strict` does not allow
not carried out: no step was run

"#]],
        str![[r#"
warning[unknown-key]: `[Test]` has no setting `trails`
 --> test.cfg:2:1
  |
2 | trails = 2
  | ^^^^^^
  |
  = hint: did you mean `trials`?
error: the configuration `test.cfg` has warnings, which `--strict` does not allow

"#]],
    );
    run(&folder, ["validate", "--strict", "test.cfg"]).assert(
        1,
        str![[r#"
warning[unknown-key]: `[Test]` has no setting `trails`
 --> test.cfg:2:1
  |
2 | trails = 2
  | ^^^^^^
  |
  = hint: did you mean `trials`?

"#]],
        str![[r#"
1 warning

"#]],
    );
    run(&folder, ["validate", "test.cfg"]).assert(
        0,
        str![[r#"
warning[unknown-key]: `[Test]` has no setting `trails`
 --> test.cfg:2:1
  |
2 | trails = 2
  | ^^^^^^
  |
  = hint: did you mean `trials`?

"#]],
        str![[r#"
1 warning

"#]],
    );
}

#[test]
fn local_refuses_what_is_meant_for_other_machines_unless_it_is_wanted() {
    let folder = Folder::new();
    folder.test("", &["near", "far", "farther"]).worker("near", 6970, "");
    folder.file(
        "far.cfg",
        "[Coordinator]\nplayer = 10.255.0.1\nconductor = 10.255.0.2\n[Run]\ns = echo $CONDUCTOR_ADDR_FAR\n",
    );
    folder.file("farther.cfg", "[Coordinator]\nplayer = router.example\nconductor = 10.255.0.2\n");
    run(&folder, ["conduct", "-q", "--local", "test.cfg"]).assert(1, str![[r#"
not carried out: `--local` would run workers of other machines on this machine: `far` (10.255.0.1), `farther` (router.example); to run them here, add `--yes`
not carried out: no step was run

"#]], str![[r#"
error: `--local` would run workers of other machines on this machine: `far` (10.255.0.1), `farther` (router.example); to run them here, add `--yes`

"#]]);
    let wanted = ["conduct", "-q", "-f", "classic", "-p", "run", "-c", "far", "--local", "--yes", "test.cfg"];
    run(&folder, wanted).assert(
        0,
        str![[r#"
0 phase received
0 127.0.0.1

65535 phases complete

"#]],
        str![""],
    );
}

#[test]
fn a_port_in_use_is_an_error() {
    let player = Player::start();
    let folder = Folder::new();
    let port = player.port.to_string();
    run(&folder, ["player", "-q", "-b", "127.0.0.1", "-p", &port]).assert(
        1,
        str![""],
        str![[r#"
error: cannot listen on 127.0.0.1:[..]: Address already in use (os error 98)

"#]],
    );
    // One that listens on all addresses would get some of the messages too.
    run(&folder, ["player", "-q", "-p", &port]).assert(
        1,
        str![""],
        str![[r#"
error: cannot listen on port [..]: Address already in use (os error 98)

"#]],
    );
    let other = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let port = other.local_addr().expect("its number").port().to_string();
    run(&folder, ["player", "-q", "-b", "127.0.0.1", "-p", &port]).assert(
        1,
        str![""],
        str![[r#"
error: cannot listen on 127.0.0.1:[..]: Address already in use (os error 98)

"#]],
    );
}

#[test]
fn a_player_with_a_wrong_configuration_says_what_is_wrong() {
    let folder = Folder::new();
    folder.file("config.cfg", "[Coordinator]\nplayer = 127.0.0.1\nconductor = 127.0.0.1\ncmdport = many\n");
    run(&folder, ["player", "config.cfg"]).assert(
        1,
        str![""],
        str![[r#"
error[invalid-value]: `many` is not a port (`cmdport`)
 --> config.cfg:4:11
  |
4 | cmdport = many
  |           ^^^^
  |
  = hint: ports are the numbers from 1 to 65535
error: the configuration `config.cfg` has 1 error

"#]],
    );
    run(&folder, ["player", "nowhere.cfg"]).assert(
        1,
        str![""],
        str![[r#"
error[unreadable-file]: cannot read `nowhere.cfg`: no such file or directory
--> nowhere.cfg
 = hint: make sure that the file exists and can be read
error: the configuration `nowhere.cfg` has 1 error

"#]],
    );
    run(&folder, ["player", "--allow", "everybody"]).assert(
        1,
        str![""],
        str![[r#"
error: `everybody` is not an address, a network such as 10.0.0.0/8, or `any`

"#]],
    );
}

#[test]
fn a_player_serves_only_those_whom_it_allows() {
    let player = Player::with(["-q", "--allow", "10.0.0.0/8,192.168.1.1"]);
    let folder = Folder::new();
    folder.test("connect_timeout = 300ms", &["w"]).worker("w", player.port, "[Run]\ns = echo never\n");
    run(&folder, ["conduct", "-q", "test.cfg"]).assert(
        1,
        str![[r#"
test.cfg  run [..]
1 trial of startup, run, collect, reset on 1 worker

not carried out: worker `w` at 127.0.0.1:[..]: [..]
not carried out: 0 of 1 trial ended; no step was run; 1 worker; [..]s

"#]],
        str![""],
    );
}

#[test]
fn max_message_size_bounds_what_reports_keep_and_not_what_arrives() {
    let player = Player::start();
    let folder = Folder::new();
    let print = "[Run]\ns = head -c 1048577 /dev/zero | tr '\\0' x\n";
    folder.test("", &["w"]).worker("w", player.port, print);
    let arguments = ["conduct", "-q", "-f", "json", "-p", "run", "--max-message-size", "1", "test.cfg"];
    let finished = run(&folder, arguments);
    let document: serde_json::Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    let result = &document["trials"][0]["phases"]["run"]["workers"]["w"]["results"][0];
    let left_out = result["stdout_left_out"].as_u64().expect("a number");
    assert_eq!((finished.status, &result["stdout_bytes"]), (Some(0), &1_048_577.into()));
    assert!(left_out > 0, "one byte too many");
    assert_eq!(result["stdout"].as_str().map_or(0, |text| text.matches('x').count() as u64), 1_048_577 - left_out);
}

#[test]
fn a_dry_run_shows_what_an_interrupt_leaves_to_run() {
    let folder = Folder::new();
    folder.test("on_interrupt = collect", &["w"]).worker("w", 6970, "");
    let text = run(&folder, ["conduct", "--dry-run", "test.cfg"]).stdout;
    assert_eq!(text.lines().nth(2), Some("on_interrupt collect"), "{text}");
    let json = run(&folder, ["conduct", "--dry-run", "-f", "json", "test.cfg"]).stdout;
    assert!(json.contains("\"on_interrupt\": \"collect\""), "{json}");
}
