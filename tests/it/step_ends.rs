//! How steps end, by themselves and by us; and that nothing of them is left. The proof is a pipe: a process that should be
//! gone had it open, and its reader sees the end.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use crate::support::{DEADLINE, Finished, Folder, Player, run};
use serde_json::{Value, json};
use snapbox::str;

/// A pipe with a name, and what is read from it until nobody holds its other end.
struct Witness {
    path: PathBuf,
    read: Receiver<String>,
}

impl Witness {
    fn new(folder: &Folder) -> Self {
        let path = folder.join("witness");
        let made = Command::new("mkfifo").arg(&path).status().expect("`mkfifo` runs");
        assert!(made.success(), "a named pipe in a temporary folder");
        let (sender, read) = channel();
        let opened = path.clone();
        std::thread::spawn(move || {
            let mut text = String::new();
            // Opening waits for the first who writes.
            let mut pipe = std::fs::File::open(opened).expect("a named pipe opens");
            let _ = pipe.read_to_string(&mut text);
            let _ = sender.send(text);
        });
        Self { path, read }
    }

    fn path(&self) -> std::path::Display<'_> {
        Path::display(&self.path)
    }

    /// Everything that was written, once all writers are gone.
    fn end(&self) -> String {
        self.read.recv_timeout(DEADLINE).expect("all who held the pipe are gone")
    }

    fn is_open(&self) -> bool {
        self.read.try_recv().is_err()
    }
}

/// Runs a test of one worker with these sections on this player.
fn conduct(player: &Player, lines: &str, sections: &str, arguments: &[&str]) -> Finished {
    let folder = Folder::new();
    folder.test(lines, &["w"]).worker("w", player.port, sections);
    run(&folder, ["conduct", "-q"].iter().chain(arguments).chain(&["test.cfg"]))
}

/// The results of a phase of the only worker.
fn results(finished: &Finished, phase: &str) -> Vec<Value> {
    let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    let results = &document["trials"][0]["phases"][phase]["workers"]["w"]["results"];
    results.as_array().unwrap_or_else(|| panic!("no results of {phase} in {document:#}")).clone()
}

#[test]
fn a_time_out_ends_the_whole_group() {
    let folder = Folder::new();
    let witness = Witness::new(&folder);
    let player = Player::start();
    // Both `sleep` and the shell have the pipe open.
    let steps =
        format!("[Run]\ntimeout1 = exec 5>{}; echo here >&5; sleep 600; true\nnext = echo next\n", witness.path());
    conduct(&player, "", &steps, &[]).assert(
        3,
        str![[r#"
test.cfg  run [..]
1 trial of startup, run, collect, reset on 1 worker

Trial 1 of 1, startup

Trial 1 of 1, run
  w  timeout1  timed out           [..]s  exec 5>[..]/witness; echo here >&5; sleep 600; true
      stopped after 1s
  w  next      passed              [..]s  echo next
      | next

Trial 1 of 1, collect

Trial 1 of 1, reset

failed: `timeout1` on w in run of trial 1: timed out after 1s
    command: `exec 5>[..]/witness; echo here >&5; sleep 600; true` (w.cfg:7)
failed: 1 of 1 trial failed; steps: 1 passed, 1 timed out; 1 worker; [..]s

"#]],
        str![""],
    );
    assert_eq!(witness.end(), "here\n");
}

#[test]
fn a_step_that_ignores_the_polite_signals_is_killed() {
    let folder = Folder::new();
    let witness = Witness::new(&folder);
    let player = Player::start();
    let steps = format!("[Run]\ntimeout1 = trap '' TERM INT HUP; exec 5>{}; sleep 600; sleep 600\n", witness.path());
    let finished = conduct(&player, "", &steps, &["-f", "json"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    assert_eq!(results(&finished, "run")[0]["outcome"], "timed out");
    assert_eq!(witness.end(), "");
}

#[test]
fn a_step_is_over_when_its_process_is_and_what_it_leaves_is_stopped_after_the_trial() {
    let folder = Folder::new();
    let witness = Witness::new(&folder);
    let player = Player::start();
    let steps = format!("[Run]\nleaves = exec 5>{}; sleep 600 & echo hi\nnext = echo next\n", witness.path());
    conduct(&player, "", &steps, &[]).assert(
        0,
        str![[r#"
test.cfg  run [..]
1 trial of startup, run, collect, reset on 1 worker

Trial 1 of 1, startup

Trial 1 of 1, run
  w  leaves  passed              [..]s  exec 5>[..]/witness; sleep 600 & echo hi
      | hi
  warning: w: step `leaves` in run of trial 1 is leaky: its output is still open in [..]; stopped after the trial, if still running
  w  next    passed              [..]s  echo next
      | next

Trial 1 of 1, collect

Trial 1 of 1, reset

passed: 1 of 1 trial; steps: 2 passed; 1 worker; 1 warning; [..]s

"#]],
        str![""],
    );
    assert_eq!(witness.end(), "");
}

#[test]
fn what_a_grandchild_prints_after_its_step_is_read_until_the_trial_ends() {
    let folder = Folder::new();
    let witness = Witness::new(&folder);
    let player = Player::start();
    let steps = format!(
        "[Startup]\nspawn1 = (echo early; read -r line < {0}.go; echo late; echo done > {0}; echo > {0}.back; exec sleep 600)\n\
         [Run]\nfirst = echo go > {0}.go; read -r line < {0}.back\n[Reset]\nlast = true\n",
        witness.path()
    );
    for name in ["go", "back"] {
        let made = Command::new("mkfifo").arg(format!("{}.{name}", witness.path())).status().expect("`mkfifo` runs");
        assert!(made.success());
    }
    let finished = conduct(&player, "", &steps, &["-f", "json"]);
    assert_eq!(witness.end(), "done\n");
    let spawned = &results(&finished, "startup")[0];
    assert_eq!((&spawned["outcome"], &spawned["message"]), (&json!("spawned"), &json!("Spawned")));
    assert_eq!((&spawned["spawned_end"]["outcome"], finished.status), (&json!("stopped"), Some(0)));
    assert_eq!(spawned["spawned_end"]["stdout"], "early\nlate\n");
}

#[test]
fn a_spawned_step_lives_through_the_phases_and_is_stopped_with_its_children_when_the_trial_ends() {
    let folder = Folder::new();
    let witness = Witness::new(&folder);
    let player = Player::start();
    // It answers in Reset: what asks waits for the answer in a pipe.
    let steps = format!(
        "[Startup]\nmake = mkfifo {0}.question {0}.answer\n\
         spawn_server = exec 5>{0}; echo up; read -r line < {0}.question; echo $line > {0}.answer; sleep 600; true\n\
         [Reset]\nask = echo alive > {0}.question; cat {0}.answer\n",
        witness.path()
    );
    conduct(&player, "", &steps, &["-p", "startup", "reset"]).assert(0, str![[r#"
test.cfg  run [..]
1 trial of startup, reset on 1 worker

Trial 1 of 1, startup
  w  make          passed              [..]s  mkfifo [..]/witness.question [..]/witness.answer
  w  spawn_server  spawned                  -  exec 5>[..]/witness; echo up; read -r line < [..]/witness.question; echo $line > [..]/witness.answer; sleep 600; true

Trial 1 of 1, reset
  w  ask           passed              [..]s  echo alive > [..]/witness.question; cat [..]/witness.answer
      | alive
  w  spawn_server  stopped             [..]s  exec 5>[..]/witness; echo up; read -r line < [..]/witness.question; echo $line > [..]/witness.answer; sleep 600; true  (spawned in startup)
      | up

passed: 1 of 1 trial; steps: 2 passed, 1 stopped; 1 worker; [..]s

"#]], str![""]);
    assert_eq!(witness.end(), "");
}

#[test]
fn a_spawned_step_that_ends_by_itself_keeps_its_status_and_output() {
    let player = Player::start();
    let steps = "[Run]\nspawn1 = echo one; echo two >&2; exit 7\nspawn2 = echo fine\nwait = sleep 1\n";
    let finished = conduct(&player, "", steps, &["-f", "json"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(3), ""), "{finished:#?}");
    let results = results(&finished, "run");
    let ends = [&results[0]["spawned_end"], &results[1]["spawned_end"]];
    assert_eq!([&ends[0]["outcome"], &ends[0]["stdout"], &ends[0]["stderr"]], ["failed", "one\n", "two\n"]);
    assert_eq!(
        (&ends[0]["exit_status"], &ends[1]["outcome"], &ends[1]["stdout"]),
        (&json!(7), &json!("passed"), &json!("fine\n"))
    );
}

#[test]
fn many_short_steps_that_run_at_the_same_time_all_start_before_they_end() {
    let steps: Vec<String> = (0..100).map(|number| format!("s{number} = parallel:echo {number}\n")).collect();
    let steps = steps.concat();
    let finished = conduct(&Player::start(), "trials = 5", &format!("[Run]\n{steps}"), &["-f", "jsonl"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let events: Vec<Value> =
        finished.stdout.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect();
    let mut started = std::collections::BTreeSet::new();
    for event in &events {
        let step = (event["trial"].to_string(), event["label"].to_string());
        match event["event"].as_str() {
            Some("step_started") => assert!(started.insert(step), "it started twice: {event}"),
            Some("step_ended") => assert!(started.contains(&step), "it ended before it started: {event}"),
            _ => {}
        }
    }
    assert_eq!(started.len(), 500);
}

#[test]
fn without_reset_a_spawned_step_stays_and_check_tells_of_it() {
    let folder = Folder::new();
    let witness = Witness::new(&folder);
    let player = Player::start();
    let steps = format!("[Startup]\nspawn1 = exec sleep 600 5>{}\n[Reset]\nlast = true\n", witness.path());
    let test = Folder::new();
    test.test("", &["w"]).worker("w", player.port, &steps);
    let startup = run(&test, ["conduct", "-q", "-p", "startup", "test.cfg"]);
    startup.assert(
        0,
        str![[r#"
test.cfg  run [..]
1 trial of startup on 1 worker

Trial 1 of 1, startup
  w  spawn1  spawned                  -  exec sleep 600 5>[..]/witness

passed: 1 of 1 trial; steps: 1 spawned; 1 worker; [..]s

"#]],
        str![""],
    );
    assert!(witness.is_open(), "what was spawned stays without Reset");
    run(&test, ["conduct", "-q", "--check", "test.cfg"]).assert(
        0,
        str![[r#"
w  127.0.0.1:[..]  conductor 0.1.0 on [..], answered in [..] ms
   left over: process [..] was left running by an earlier run; if it is still running, it is stopped when the player stops: `[..]`

"#]],
        str![""],
    );
    drop(player);
    assert_eq!(witness.end(), "");
}

#[test]
fn a_signal_and_an_exit_status_are_told_apart() {
    let player = Player::start();
    let steps = "[Run]\na = kill -9 $$\nb = exit 137\nc = no-such-command\nd = exit 0\n";
    conduct(&player, "", steps, &["-p", "run"]).assert(
        3,
        str![[r#"
test.cfg  run [..]
1 trial of run on 1 worker

Trial 1 of 1, run
  w  a  failed: SIGKILL     [..]s  kill -9 $$
  w  b  failed: exit 137    [..]s  exit 137
  w  c  failed: exit 127    [..]s  no-such-command
      ! [..]no-such-command: [..]
  w  d  passed              [..]s  exit 0

failed: `a` on w in run of trial 1: SIGKILL
    command: `kill -9 $$` (w.cfg:7)
failed: `b` on w in run of trial 1: exit 137
    command: `exit 137` (w.cfg:8)
failed: `c` on w in run of trial 1: exit 127
    ! [..]no-such-command: [..]
failed: 1 of 1 trial failed; steps: 1 passed, 3 failed; 1 worker; [..]s

"#]],
        str![""],
    );
}

#[test]
fn step_timeout_bounds_every_step_that_has_no_time_of_its_own() {
    let player = Player::start();
    let steps = "[Run]\nlong = sleep 600\nown = timeout600:true\n[Reset]\nlast = echo reset\n";
    conduct(&player, "step_timeout = 300ms", steps, &["-p", "run", "reset"]).assert(
        3,
        str![[r#"
test.cfg  run [..]
1 trial of run, reset on 1 worker

Trial 1 of 1, run
  w  long  timed out           [..]s  sleep 600
      stopped after 300ms
  w  own   passed              [..]s  true

Trial 1 of 1, reset
  w  last  passed              [..]s  echo reset
      | reset

failed: `long` on w in run of trial 1: timed out after 300ms
    command: `sleep 600` (w.cfg:7)
failed: 1 of 1 trial failed; steps: 2 passed, 1 timed out; 1 worker; [..]s

"#]],
        str![""],
    );
}

#[test]
fn reset_timeout_bounds_the_whole_reset() {
    let player = Player::start();
    let steps = "[Reset]\nfirst = sleep 600\nsecond = echo never\n";
    conduct(&player, "reset_timeout = 500ms", steps, &["-p", "reset"]).assert(
        0,
        str![[r#"
test.cfg  run [..]
1 trial of reset on 1 worker

Trial 1 of 1, reset
  w  first   timed out           [..]s  sleep 600
      stopped after 500ms
  warning: w: step `first` took longer than 500ms in reset of trial 1
  w  second  skipped                  -  echo never  (reset took longer than 500ms)

Failures in Reset
  trial 1, reset, w, first: timed out  sleep 600  (in Reset: not counted)
      stopped after 500ms

passed: 1 of 1 trial; steps: 1 timed out, 1 skipped; 1 worker; 1 failure not counted; 1 warning; [..]s

"#]],
        str![""],
    );
}

#[test]
fn on_failure_stop_ends_startup_and_run_everywhere_and_resets() {
    let player = Player::start();
    let folder = Folder::new();
    let waits = "[Run]\nlong = sleep 600\nmore = echo never\n[Collect]\nc = echo collected\n[Reset]\nr = echo reset\n";
    let fails = "[Run]\nbad = exit 5\nafter = sleep 600\n[Reset]\nr = echo reset\n";
    folder.test("trials = 3\non_failure = stop", &["a", "b"]);
    folder.worker("a", player.port, waits).worker("b", player.port, fails);
    let finished = run(&folder, ["conduct", "-q", "-f", "json", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(3), ""), "{finished:#?}");
    let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    assert_eq!(document["trials"].as_array().map(Vec::len), Some(1), "{document:#}");
    let outcome = |phase: &str, worker: &str, step: usize| {
        document["trials"][0]["phases"][phase]["workers"][worker]["results"][step]["outcome"].clone()
    };
    assert_eq!([outcome("run", "b", 0), outcome("run", "a", 1)], ["failed", "skipped"]);
    // It depends on the moment whether these had begun.
    for other in [outcome("run", "a", 0), outcome("run", "b", 1)] {
        assert!(other == "stopped" || other == "skipped", "{document:#}");
    }
    assert_eq!([outcome("collect", "a", 0), outcome("reset", "a", 0), outcome("reset", "b", 0)], ["passed"; 3]);
}

#[test]
fn a_failing_reset_is_a_warning() {
    let player = Player::start();
    conduct(&player, "", "[Reset]\nr = exit 1\n", &["-p", "reset"]).assert(
        0,
        str![[r#"
test.cfg  run [..]
1 trial of reset on 1 worker

Trial 1 of 1, reset
  w  r  failed: exit 1      [..]s  exit 1
  warning: w: step `r` failed with exit status 1 in reset of trial 1

Failures in Reset
  trial 1, reset, w, r: failed: exit 1  exit 1  (in Reset: not counted)

passed: 1 of 1 trial; steps: 1 failed; 1 worker; 1 failure not counted; 1 warning; [..]s

"#]],
        str![""],
    );
}

#[test]
fn a_spawned_step_that_has_ended_at_once_and_left_a_process_ends_the_trial_as_any_other() {
    let folder = Folder::new();
    // Whether its end is noticed together with its start is a matter of chance.
    folder.file(
        "test.cfg",
        "[Test]\ntrials = 20\n[Workers]\nw = @ 127.0.0.1\n[w:Run]\nbg = spawn:sleep 2 & exit 0\nnext = true\n",
    );
    let mut command = Command::new(crate::support::CONDUCTOR);
    command.args(["conduct", "--local", "--quiet", "test.cfg"]).current_dir(folder.path());
    let finished = crate::support::finish(crate::support::start(command));
    assert!(finished.stdout.contains("20 of 20 trials"), "{finished:#?}");
}
