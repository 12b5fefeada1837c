//! The seed's sample configurations, given to the program as a user would give them.

use crate::support::{Finished, Folder, conductor, finish, run, start};
use serde_json::{Value, json};
use snapbox::str;

const SAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/seed/configs");

/// Runs `conduct` with these arguments and a sample, in the folder above all of them.
fn conduct(arguments: &[&str], sample: &str) -> Finished {
    let arguments = ["conduct"].iter().chain(arguments).chain([&sample]);
    let mut command = conductor(&Folder::new(), arguments);
    command.current_dir(SAMPLES);
    finish(start(command))
}

#[test]
fn the_localhost_test_shows_its_plan() {
    conduct(&["--dry-run"], "localhost/conductor.cfg").assert(
        0,
        str![[r#"
localhost/conductor.cfg: 1 trial of startup, run, collect, reset on 1 worker
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

worker1 at 127.0.0.1:6970
  startup
    step1  at most 1h  echo "startup"
  run
    step1  at most 1h  echo "running"
    step2  at most 1h  ping -c 3 127.0.0.1
  collect
    step1  at most 1h  echo "collecting"
  reset
    step1  at most 5m  echo "system reset: goodbye"

"#]],
        str![""],
    );
}

#[test]
fn a_dry_run_prints_the_plan_and_leaves_the_results_of_the_test_file_alone() {
    let folder = Folder::new();
    folder.file("test_results.json", "the results of yesterday");
    let sample = format!("{SAMPLES}/localhost/conductor_json.cfg");
    run(&folder, ["conduct", "--dry-run", &sample]).assert(
        0,
        str![[r#"
[..]/testdata/seed/configs/localhost/conductor_json.cfg: 2 trials of startup, run, collect, reset on 1 worker
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

worker1 at 127.0.0.1:6970
  startup
    step1  at most 1h  echo "startup"
  run
    step1  at most 1h  echo "running"
    step2  at most 1h  ping -c 3 127.0.0.1
  collect
    step1  at most 1h  echo "collecting"
  reset
    step1  at most 5m  echo "system reset: goodbye"

"#]],
        str![""],
    );
    assert_eq!(folder.read("test_results.json"), "the results of yesterday");
    assert_eq!(run(&folder, ["conduct", "--dry-run", "-o", "plan.txt", &sample]).stdout, "");
    assert!(folder.read("plan.txt").contains("echo \"collecting\""));
}

#[test]
fn the_timeout_test_shows_its_plan() {
    conduct(&["--dry-run"], "timeout/conductor.cfg").assert(
        0,
        str![[r#"
timeout/conductor.cfg: 1 trial of startup, run, collect, reset on 2 workers
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

worker1 at 127.0.0.1:6970
  startup
    step1      at most 1h   ping -c 3 127.0.0.1
  run
    step1      at most 1h   echo "running"
    timeout10  at most 10s  sleep 30
  collect
    step1      at most 1h   echo "collecting"
  reset
    step1      at most 5m   echo "system reset: goodbye"

worker2 at 127.0.0.1:6970
  startup
    step1  at most 1h  echo "startup"
  run
    step1  at most 1h  echo "running"
    step2  at most 1h  ping -c 3 127.0.0.1
  collect
    step1  at most 1h  echo "collecting"
  reset
    step1  at most 5m  echo "system reset: goodbye"

"#]],
        str![""],
    );
}

#[test]
fn the_oldest_test_shows_its_plan_and_what_nothing_reads() {
    conduct(&["--dry-run"], "config/test1.cfg").assert(0, str![[r#"
config/test1.cfg: 10 trials of startup, run, collect, reset on 1 worker
step_timeout 1h, reset_timeout 5m, connect_timeout 10s, lease 1m

client1 at 127.0.0.1:5557
  startup
    step1  at most 1h  ifconfig en0 192.168.1.1
    step2  at most 1h  echo "I can't believe you allow this"
  run
    step1  at most 1h  echo "running"
  collect
    step1  at most 1h  echo "collecting"
  reset
    step1  at most 5m  echo "system reset: goodbye"

"#]], str![[r#"
warning[unknown-key]: `[Test]` has no setting `host`
 --> config/test1.cfg:4:1
  |
4 | host: 127.0.0.1
  | ^^^^
  |
  = hint: expected one of `trials`, `format`, `output`, `max_message_size`, `step_timeout`, `reset_timeout`, `connect_timeout`, `lease`, `on_failure`, `on_interrupt`, `max_start_skew`, `shared_player`, `results`, `versions`, `check`

warning[unknown-key]: `[Test]` has no setting `cmdport`
 --> config/test1.cfg:5:1
  |
5 | cmdport: 5555
  | ^^^^^^^
  |
  = hint: it belongs in `[Coordinator]` of a worker file

warning[unknown-key]: `[Test]` has no setting `resultsport`
 --> config/test1.cfg:6:1
  |
6 | resultsport: 5556
  | ^^^^^^^^^^^
  |
  = hint: it belongs in `[Coordinator]` of a worker file

"#]]);
}

#[test]
fn the_plan_as_json_has_the_commands_that_the_shell_gets() {
    let finished = conduct(&["--dry-run", "-f", "json"], "timeout/conductor.cfg");
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let plan: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    assert_eq!((&plan["trials"], &plan["phases"]), (&json!(1), &json!(["startup", "run", "collect", "reset"])));
    assert_eq!(
        commands(&plan),
        [
            "worker1 startup step1: ping -c 3 127.0.0.1",
            "worker1 run step1: echo \"running\"",
            "worker1 run timeout10: sleep 30",
            "worker1 collect step1: echo \"collecting\"",
            "worker1 reset step1: echo \"system reset: goodbye\"",
            "worker2 startup step1: echo \"startup\"",
            "worker2 run step1: echo \"running\"",
            "worker2 run step2: ping -c 3 127.0.0.1",
            "worker2 collect step1: echo \"collecting\"",
            "worker2 reset step1: echo \"system reset: goodbye\"",
        ]
    );
    assert_eq!(plan["workers"][0]["player"], "127.0.0.1:6970");
}

#[test]
fn quotes_line_breaks_and_percent_signs_reach_the_plan_as_they_reach_the_shell() {
    let folder = Folder::new();
    let steps = "[DEFAULT]\nwho = world\n[Run]\na = printf '%%s\\n' \"a \\\"b\\\"\" # no comment\n\
                 b = if true\n  then echo %(who)s\n  fi\nspawn1 = tr a b < /dev/zero\n";
    folder.test("", &["w"]).worker("w", 6970, steps);
    let finished = run(&folder, ["conduct", "--dry-run", "-f", "json", "test.cfg"]);
    finished.assert(
        0,
        str![[r#"
{
  "config": "test.cfg",
  "trials": 1,
  "phases": [
    "startup",
    "run",
    "collect",
    "reset"
  ],
  "settings": {
    "step_timeout": 3600,
    "reset_timeout": 300,
    "connect_timeout": 10,
    "lease": 60,
    "on_failure": "continue",
    "on_interrupt": "reset",
    "max_start_skew": null,
    "max_message_size": 10485760
  },
  "variables": {
    "w": {
      "value": "127.0.0.1",
      "origin": "worker address"
    }
  },
  "workers": [
    {
      "name": "w",
      "file": "w.cfg",
      "player": "127.0.0.1:6970",
      "shell": "/bin/sh",
      "directory": null,
      "environment": {},
      "variables": {
        "conductor": {
          "value": "127.0.0.1",
          "origin": "predefined"
        },
        "index": {
          "value": "1",
          "origin": "predefined"
        },
        "player": {
          "value": "127.0.0.1",
          "origin": "predefined"
        },
        "who": {
          "value": "world",
          "origin": "w.cfg:7"
        },
        "worker": {
          "value": "w",
          "origin": "predefined"
        }
      },
      "phases": {
        "startup": [],
        "run": [
          {
            "step": "a",
            "command": "printf '%s//n' /"a ///"b///"/" # no comment",
            "spawn": false,
            "timeout": 3600,
            "origin": "w.cfg:9"
          },
          {
            "step": "b",
            "command": "if true/nthen echo world/nfi",
            "spawn": false,
            "timeout": 3600,
            "origin": "w.cfg:10"
          },
          {
            "step": "spawn1",
            "command": "tr a b < /dev/zero",
            "spawn": true,
            "timeout": null,
            "origin": "w.cfg:13"
          }
        ],
        "collect": [],
        "reset": []
      }
    }
  ]
}

"#]],
        str![""],
    );
    let plan: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    assert_eq!(
        commands(&plan),
        [
            "w run a: printf '%s\\n' \"a \\\"b\\\"\" # no comment",
            "w run b: if true\nthen echo world\nfi",
            "w run spawn1: tr a b < /dev/zero",
        ]
    );
}

/// `WORKER PHASE STEP: COMMAND` of every step, in the order of the phases.
fn commands(plan: &Value) -> Vec<String> {
    let mut commands = Vec::new();
    for worker in plan["workers"].as_array().expect("a list of workers") {
        for phase in ["startup", "run", "collect", "reset"] {
            for step in worker["phases"][phase].as_array().expect("a list of steps") {
                let text = |value: &Value| value.as_str().expect("a text").to_owned();
                let command = text(&step["command"]);
                commands.push(format!("{} {phase} {}: {command}", text(&worker["name"]), text(&step["step"])));
            }
        }
    }
    commands
}
