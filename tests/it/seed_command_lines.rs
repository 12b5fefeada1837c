//! Every `conduct` and `player` command line that the seed's documents quote, as it is written there.

use std::net::TcpListener;

use crate::support::surroundings::conductor_with_ping;
use crate::support::{Folder, Player, conductor, run};
use snapbox::str;

/// A port that was free a moment ago, and that the kernel gives to nobody of its own accord for a while.
fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its number").port()
}

/// A test with one worker, named as the README names it.
fn web_test(port: u16) -> Folder {
    let folder = Folder::new();
    let steps = "[Startup]\nstep1 = echo starting\n[Run]\nstep1 = echo running\n\
                 [Collect]\nstep1 = echo collecting\n[Reset]\nstep1 = echo goodbye\n";
    folder.test("", &["web_server"]).worker("web_server", port, steps);
    folder
}

#[test]
fn conduct_t_3_runs_three_trials() {
    let player = Player::start();
    let folder = web_test(player.port);
    let finished = run(&folder, ["conduct", "-t", "3", "test.cfg"]);
    finished.assert(
        0,
        str![[r#"
test.cfg  run [..]
3 trials of startup, run, collect, reset on 1 worker

Trial 1 of 3, startup
  web_server  step1  passed              [..]s  echo starting
      | starting

Trial 1 of 3, run
  web_server  step1  passed              [..]s  echo running
      | running

Trial 1 of 3, collect
  web_server  step1  passed              [..]s  echo collecting
      | collecting

Trial 1 of 3, reset
  web_server  step1  passed              [..]s  echo goodbye
      | goodbye

Trial 2 of 3, startup
  web_server  step1  passed              [..]s  echo starting
      | starting

Trial 2 of 3, run
  web_server  step1  passed              [..]s  echo running
      | running

Trial 2 of 3, collect
  web_server  step1  passed              [..]s  echo collecting
      | collecting

Trial 2 of 3, reset
  web_server  step1  passed              [..]s  echo goodbye
      | goodbye

Trial 3 of 3, startup
  web_server  step1  passed              [..]s  echo starting
      | starting

Trial 3 of 3, run
  web_server  step1  passed              [..]s  echo running
      | running

Trial 3 of 3, collect
  web_server  step1  passed              [..]s  echo collecting
      | collecting

Trial 3 of 3, reset
  web_server  step1  passed              [..]s  echo goodbye
      | goodbye

Statistics of 3 trials
...

passed: 3 of 3 trials; steps: 12 passed; 1 worker; [..]s

"#]],
        str![[r#"
[..] - INFO - Starting trial 1 of 3
[..] - INFO - Trial 1 of 3: passed
[..] - INFO - Starting trial 2 of 3
[..] - INFO - Trial 2 of 3: passed
[..] - INFO - Starting trial 3 of 3
[..] - INFO - Trial 3 of 3: passed

"#]],
    );
}

#[test]
fn phases_in_front_of_the_test_file_are_phases() {
    let player = Player::start();
    let folder = web_test(player.port);
    let finished = run(&folder, ["conduct", "-v", "--phases", "startup", "reset", "test.cfg"]);
    finished.assert(
        0,
        str![[r#"
test.cfg  run [..]
1 trial of startup, reset on 1 worker

Trial 1 of 1, startup
  web_server  step1  passed              [..]s  echo starting
      | starting

Trial 1 of 1, reset
  web_server  step1  passed              [..]s  echo goodbye
      | goodbye

passed: 1 of 1 trial; steps: 2 passed; 1 worker; [..]s

"#]],
        str![[r#"
[..] - DEBUG - Run [..]
[..] - DEBUG - web_server: connected to conductor 0.1.0 on [..]
[..] - INFO - Starting trial 1 of 1
[..] - DEBUG - Trial 1: startup begins
[..] - DEBUG - web_server: ready for startup
[..] - DEBUG - startup: starts in [..]
[..] - DEBUG - web_server: step1 of startup started
[..] - DEBUG - web_server: step1 of startup passed
[..] - DEBUG - web_server: finished startup
[..] - DEBUG - Trial 1: startup ended
[..] - DEBUG - Trial 1: reset begins
[..] - DEBUG - web_server: ready for reset
[..] - DEBUG - reset: starts in [..]
[..] - DEBUG - web_server: step1 of reset started
[..] - DEBUG - web_server: step1 of reset passed
[..] - DEBUG - web_server: finished reset
[..] - DEBUG - Trial 1: reset ended
[..] - INFO - Trial 1 of 1: passed
[..] - DEBUG - Run ended: passed

"#]],
    );
}

#[test]
fn phases_are_separated_by_commas_too_and_stand_in_any_order() {
    let folder = web_test(6970);
    let finished = run(&folder, ["conduct", "--dry-run", "test.cfg", "-p", "Reset,startup"]);
    finished.assert(
        0,
        str![[r#"
test.cfg: 1 trial of startup, reset on 1 worker
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

web_server at 127.0.0.1:6970
  startup
    step1  at most 1h  echo starting
  reset
    step1  at most 5m  echo goodbye

"#]],
        str![""],
    );
}

#[test]
fn clients_in_front_of_the_test_file_are_workers() {
    let folder = web_test(6970);
    folder.test("", &["web_server", "other", "third"]).worker("other", 6970, "").worker("third", 6970, "");
    let finished = run(&folder, ["conduct", "--dry-run", "--clients", "web_server", "test.cfg"]);
    finished.assert(
        0,
        str![[r#"
test.cfg: 1 trial of startup, run, collect, reset on 1 worker
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

web_server at 127.0.0.1:6970
  startup
    step1  at most 1h  echo starting
  run
    step1  at most 1h  echo running
  collect
    step1  at most 1h  echo collecting
  reset
    step1  at most 5m  echo goodbye

"#]],
        str![""],
    );
    let several = run(&folder, ["conduct", "--dry-run", "--clients", "web_server", "other", "-p", "run", "test.cfg"]);
    several.assert(
        0,
        str![[r#"
test.cfg: 1 trial of run on 2 workers
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

web_server at 127.0.0.1:6970
  run
    step1  at most 1h  echo running

other at 127.0.0.1:6970
  run  (no steps)

"#]],
        str![""],
    );
}

#[test]
fn the_json_of_conduct_goes_to_a_reader_of_json() {
    let player = Player::start();
    let folder = web_test(player.port);
    let finished = run(&folder, ["conduct", "-f", "json", "test.cfg"]);
    let document: serde_json::Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    assert_eq!((finished.status, &document["metadata"]["verdict"]), (Some(0), &"passed".into()));
    // The log begins as the seed's does, and stands elsewhere.
    snapbox::assert_data_eq!(
        finished.stderr,
        str![[r#"
[..] - INFO - Starting trial 1 of 1
[..] - INFO - Trial 1 of 1: passed

"#]]
    );
}

#[test]
fn player_with_a_log_file_and_a_configuration_listens_on_its_port() {
    let folder = Folder::new();
    let port = free_port();
    folder.worker("config", port, "[Run]\nstep = true\n");
    let player =
        Player::from(conductor(&folder, ["player", "-v", "--allow", "any", "--log-file", "player.log", "config.cfg"]));
    assert_eq!(player.port, port);
    folder.test("", &["config"]);
    assert_eq!(run(&folder, ["conduct", "-q", "test.cfg"]).status, Some(0));
    drop(player);
    // There is a line more where control groups cannot be made.
    let log = folder.read("player.log");
    let lines = log.split_inclusive('\n').filter(|line| !line.contains(" - DEBUG - steps have no control groups: "));
    snapbox::assert_data_eq!(
        lines.collect::<String>(),
        str![[r#"
[..] - WARNING - anyone who can reach this port can run commands here; to limit this, list addresses in `allow`
[..] - INFO - run [..] of [..], process [..]: a session for `config`
[..] - DEBUG - config: the plan was accepted
...
[..] - DEBUG - config: the session has ended

"#]]
    );
}

/// Runs the localhost test in its folder; what its step with `ping` is to print.
fn localhost_test(has_ping: bool, printed: &str) {
    let folder = Folder::new();
    let port = free_port();
    for name in ["conductor.cfg", "dut.cfg"] {
        let sample = format!("{}/testdata/localhost/{name}", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(sample).expect("a sample");
        // Other tests may use 6970 at the same time.
        folder.file(name, &text.replace("cmdport: 6970", &format!("cmdport: {port}")));
    }
    let Some(player) = conductor_with_ping(&folder, &["player", "dut.cfg"], has_ping) else { return };
    let player = Player::from(player);
    assert_eq!(player.port, port);
    let mut finished = run(&folder, ["conduct", "conductor.cfg"]);
    assert_eq!(finished.stdout.matches(printed).count(), 1, "{finished:#?}");
    finished.stdout = finished.stdout.replace(printed, "what `ping` prints\n");
    finished.assert(0, str![[r#"
conductor.cfg  run [..]
1 trial of startup, run, collect, reset on 1 worker

Trial 1 of 1, startup
  worker1  step1  passed              [..]s  echo "startup"
      | startup

Trial 1 of 1, run
  worker1  step1  passed              [..]s  echo "running"
      | running
  worker1  step2  passed              [..]s  if command -v ping >/dev/null; then ping -c 3 127.0.0.1; else echo "no ping on this machine"; fi
      | what `ping` prints

Trial 1 of 1, collect
  worker1  step1  passed              [..]s  echo "collecting"
      | collecting

Trial 1 of 1, reset
  worker1  step1  passed              [..]s  echo "system reset: goodbye"
      | system reset: goodbye

passed: 1 of 1 trial; steps: 5 passed; 1 worker; [..]s

"#]], str![[r#"
[..] - INFO - Starting trial 1 of 1
[..] - INFO - Trial 1 of 1: passed

"#]]);
}

#[test]
fn the_localhost_test_runs_in_its_folder() {
    localhost_test(true, "ping -c 3 127.0.0.1\n");
}

#[test]
fn the_localhost_test_runs_on_a_machine_without_a_ping() {
    localhost_test(false, "no ping on this machine\n");
}

#[test]
fn player_binds_to_an_interface_and_overrides_the_port() {
    let folder = Folder::new();
    let port = free_port();
    folder.worker("config", 6970, "");
    let arguments = ["player", "-q", "--bind", "127.0.0.1", "--port", &port.to_string(), "-l", "log", "config.cfg"];
    assert_eq!(Player::from(conductor(&folder, arguments)).port, port);
}
