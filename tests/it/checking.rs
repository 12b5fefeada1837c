//! `check`: the test's own judgement of each trial, on the conductor, with all that the trial left.

use std::process::{Child, Command, Stdio};

use crate::support::pipes::Pipe;
use crate::support::{CONDUCTOR, Folder, Player, conductor, eventually, finish, kill, run, start, wait};
use serde_json::Value;
use snapbox::str;

const KILL: i32 = 9;

/// One worker whose Run says something.
fn scene(lines: &str) -> (Player, Folder) {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test(lines, &["node-1"]).worker("node-1", player.port, "[Run]\nsay = echo said in $CONDUCTOR_TRIAL\n");
    (player, folder)
}

#[test]
fn a_check_reads_what_the_trial_left_and_its_exit_status_is_part_of_the_verdict() {
    let check = "cat $CONDUCTOR_RESULTS/outputs/trial-$CONDUCTOR_TRIAL/node-1/run-01-say.stdout; \
                 echo $CONDUCTOR_TRIALS $CONDUCTOR_WORKERS $CONDUCTOR_ADDR_NODE_1 >&2; test $CONDUCTOR_TRIAL = 1";
    let (_player, folder) = scene(&format!("trials = 2\nresults = kept\ncheck = {check}"));
    let finished = run(&folder, ["conduct", "--quiet", "-f", "json", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let check = |trial: usize| &report["trials"][trial]["check"];
    assert_eq!((&check(0)["outcome"], &check(0)["stdout"]), (&Value::from("passed"), &Value::from("said in 1\n")));
    assert_eq!(check(0)["stderr"], "2 node-1 127.0.0.1\n");
    assert_eq!((&check(1)["exit_status"], &check(1)["stdout"]), (&Value::from(1), &Value::from("said in 2\n")));
    assert_eq!(
        (&report["trials"][0]["verdict"], &report["trials"][1]["verdict"]),
        (&"passed".into(), &"failed".into())
    );
    assert_eq!(report["causes"][0]["text"], "failed: `check` of trial 2: exit 1");
    assert_eq!(folder.read("kept/latest/outputs/trial-2/check.stdout"), "said in 2\n");
}

#[test]
fn a_check_begins_when_everything_of_the_trial_stands_in_the_folder_of_results() {
    let (player, folder) = (Player::start(), Folder::new());
    let check = "tail -n 2 $CONDUCTOR_RESULTS/events.jsonl | grep -o '\"event\":\"phase_ended\"'; \
                 wc -c <$CONDUCTOR_RESULTS/outputs/trial-$CONDUCTOR_TRIAL/node-1/run-01-much.stdout";
    folder.test(&format!("trials = 2\nresults = kept\ncheck = {check}"), &["node-1"]);
    // The last of it comes just before the end, and there is much to write by then.
    folder.worker("node-1", player.port, "[Run]\nmuch = head -c 2000000 /dev/zero\n");
    let finished = run(&folder, ["conduct", "--quiet", "-f", "json", "-o", "result", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    for trial in 1..=2 {
        let said = folder.read(&format!("kept/latest/outputs/trial-{trial}/check.stdout"));
        assert_eq!(said, "\"event\":\"phase_ended\"\n2000000\n", "trial {trial}");
    }
}

/// Starts a run that prints more than a pipe holds, and waits until all of it is in the results folder though nobody
/// has read any of it.
fn start_unread(folder: &Folder, player: &Player) -> Child {
    let check = "wc -c <$CONDUCTOR_RESULTS/outputs/trial-1/node-1/run-01-much.stdout";
    folder.test(&format!("results = kept\ncheck = {check}"), &["node-1"]);
    folder.worker("node-1", player.port, "[Run]\nmuch = yes unread | head -n 200000\n");
    let child = start(conductor(folder, ["conduct", "--quiet", "test.cfg"]));
    eventually("the run is over in the results folder", || {
        folder.read("kept/latest/events.jsonl").contains("\"event\":\"run_ended\"")
    });
    assert_eq!(folder.read("kept/latest/outputs/trial-1/check.stdout"), "1400000\n");
    child
}

#[test]
fn a_reader_that_does_not_read_holds_up_neither_the_check_nor_the_folder_of_results() {
    let (player, folder) = (Player::start(), Folder::new());
    let mut child = start_unread(&folder, &player);
    assert!(child.try_wait().expect("a child can be waited for").is_none(), "it waits for whoever reads");
    let finished = finish(child);
    assert_eq!(finished.status, Some(0), "{}", finished.stderr);
    assert!(finished.stdout.len() > 1_400_000, "and leaves nothing out: {}", finished.stdout.len());
}

#[test]
fn an_interrupt_ends_the_wait_for_a_reader_that_does_not_read() {
    let (player, folder) = (Player::start(), Folder::new());
    let mut child = start_unread(&folder, &player);
    kill(child.id(), 2);
    assert_eq!(wait(&mut child).code(), Some(130));
    assert!(finish(child).stderr.contains("cannot write output `standard output`: no process has read it"));
}

#[test]
fn a_check_starts_in_the_folder_of_its_test_file_and_is_shown_to_people() {
    let (_player, folder) = scene("check = pwd; cat test.cfg | head -n 1");
    let elsewhere = Folder::new();
    let test = folder.join("test.cfg").display().to_string();
    let finished = run(&elsewhere, ["conduct", "--quiet", &test]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let shown = format!(
        "Trial 1 of 1, check\n  passed  [..]s  pwd; cat test.cfg | head -n 1\n      | {}\n      | [Test]\n...\n",
        folder.path().display()
    );
    snapbox::assert_data_eq!(
        &finished.stdout[finished.stdout.find("Trial 1 of 1, check").expect("a heading")..],
        shown
    );
}

#[test]
fn a_check_that_takes_too_long_is_ended_with_all_that_it_started() {
    let (_player, folder) = scene("step_timeout = 1s");
    let pipe = Pipe::new(&folder, "pipe");
    let text = folder
        .read("test.cfg")
        .replace("[Test]\n", &format!("[Test]\ncheck = {}; sleep 600 & sleep 600\n", pipe.hold()));
    folder.file("test.cfg", &text);
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    assert!(finished.stdout.contains("failed: `check` of trial 1: timed out after 1s\n"), "{finished:#?}");
    pipe.wait_for_end();
}

#[test]
fn an_interrupt_ends_the_check() {
    let (_player, folder) = scene("");
    let pipe = Pipe::new(&folder, "pipe");
    let text = folder.read("test.cfg").replace("[Test]\n", &format!("[Test]\ncheck = {}; sleep 600\n", pipe.hold()));
    folder.file("test.cfg", &text);
    let child = start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    kill(child.id(), 2);
    let finished = finish(child);
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    pipe.wait_for_end();
    eventually("it says so", || finished.stdout.contains("consequences: `check` of trial 1 was stopped\n"));
}

/// A folder with a check that leaves a process which is in no group, has closed its outputs and does not mind signals, and
/// then does this; the pipe that all of it holds.
fn scene_with_stray(lines: &str, then: &str) -> (Player, Folder, Pipe) {
    let (player, folder) = scene(lines);
    let pipe = Pipe::new(&folder, "pipe");
    folder.file("stray", "trap '' TERM INT HUP\nexec >/dev/null 2>&1\necho $$ >stray-pid\nsleep 600\ntrue\n");
    let up = "setsid sh stray & until [ -s stray-pid ]; do sleep 0.02; done";
    let check = format!("[Test]\ncheck = {}; {up}; {then}\n", pipe.hold());
    folder.file("test.cfg", &folder.read("test.cfg").replace("[Test]\n", &check));
    (player, folder, pipe)
}

#[test]
fn what_a_check_leaves_is_found_ended_and_named() {
    let (_player, folder, pipe) = scene_with_stray("", "exit 1");
    let finished = run(&folder, ["conduct", "--quiet", "-f", "json", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    pipe.wait_for_end();
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(report["trials"][0]["check"]["exit_status"], 1, "its end is its own: {report:#}");
    let warnings = report["warnings"].as_array().expect("a list");
    let text = warnings[0]["text"].as_str().expect("a warning");
    let pid = folder.read("stray-pid");
    assert!(text.starts_with("`check` of trial 1 left 2 processes, stopped after it: "), "{text}");
    assert!(text.contains(&format!("process {} (", pid.trim())) && text.contains("`sh stray`"), "{text}");
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
}

#[test]
fn a_check_that_ends_in_time_is_not_late_because_of_what_it_left() {
    // The stray is killed two seconds after it was first told to end.
    let (_player, folder, pipe) = scene_with_stray("step_timeout = 2s", "exit 1");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    pipe.wait_for_end();
    assert!(finished.stdout.contains("failed: `check` of trial 1: exit 1\n"), "{finished:#?}");
}

#[test]
fn what_a_check_started_and_is_about_to_end_is_waited_for_and_not_named() {
    let (_player, folder) =
        scene("check = (while kill -0 $$; do sleep 0.01; done 2>&-; echo the last word) & echo the first word");
    let finished = run(&folder, ["conduct", "--quiet", "-f", "json", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let report: Value = serde_json::from_str(&finished.stdout).expect("JSON");
    assert_eq!(report["trials"][0]["check"]["stdout"], "the first word\nthe last word\n");
    assert_eq!(report["warnings"], Value::Array(Vec::new()));
}

#[test]
fn a_conductor_that_is_killed_takes_its_check_with_it() {
    let (_player, folder, pipe) = scene_with_stray("", "sleep 600");
    let child = start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    eventually("the stray is there", || !folder.read("stray-pid").is_empty());
    kill(child.id(), KILL);
    assert_eq!(finish(child).status, None);
    pipe.wait_for_end();
}

#[test]
fn what_became_of_a_check_whose_supervisor_is_killed_is_not_known() {
    let (_player, folder) = scene("check = kill -9 $PPID");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    assert!(finished.stdout.contains("incomplete: the result of `check` of trial 1 is unknown\n"), "{finished:#?}");
}

#[test]
fn nothing_is_left_of_a_check_whose_supervisor_is_killed() {
    let (_player, folder, pipe) = scene_with_stray("", "kill -9 $PPID; sleep 600");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    assert!(finished.stdout.contains("incomplete: the result of `check` of trial 1 is unknown\n"), "{finished:#?}");
    pipe.wait_for_end();
}

#[test]
fn a_check_whose_supervisor_is_stopped_is_ended_when_it_has_taken_too_long() {
    let (_player, folder, pipe) = scene_with_stray("step_timeout = 2s", "kill -STOP $PPID; sleep 600");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    assert!(finished.stdout.contains("failed: `check` of trial 1: timed out after 2s\n"), "{finished:#?}");
    pipe.wait_for_end();
}

#[test]
fn a_check_whose_supervisor_is_watched_by_nobody_goes_on() {
    let (_player, folder) = scene("check = read -r _ _ _ guard _ </proc/$PPID/stat; kill -9 $guard; echo said");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("      | said\n"), "{finished:#?}");
}

#[test]
fn the_surroundings_of_a_check_are_those_of_a_step() {
    let (player, folder) = (Player::start(), Folder::new());
    // `ls` looks at the shell, which has to wait for it, and has no pipe open then; `sed` is the process that tells of signals.
    let show = "LC_ALL=C ls -l /proc/$$/fd\ncat\n\
                sed -n /^Sig[IBC]/p /proc/self/status\nulimit -S -n\n\
                read -r pid name state parent group session tty rest </proc/$$/stat\n\
                test $pid = $group && echo leads its group; test $session != $group && echo in the session of another\n\
                echo terminal $tty; (: </dev/tty) 2>/dev/null || echo no terminal\n";
    folder.file("show", show);
    let command = format!("eval \"$(cat {})\"", folder.join("show").display());
    folder.test(&format!("check = {command}"), &["w"]).worker("w", player.port, &format!("[Run]\nshow = {command}\n"));
    // It is started as carelessly as possible: with signals ignored, descriptors open, and on a terminal where `script` can
    // make one. The conductor raises its own limit of descriptors.
    let careless = "trap '' HUP INT TERM PIPE USR1 CHLD XFSZ; ulimit -S -n 100; \
                    exec \"$CONDUCTOR\" conduct -q --results kept -o result test.cfg 7<test.cfg 8>out";
    folder.file("careless", careless);
    let shell = "exec sh careless";
    let mut conduct = Command::new("script");
    conduct.args(["-q", "-e", "-c", shell, "/dev/null"]);
    if Command::new("script").arg("--version").output().is_err() {
        eprintln!("skipped: the terminal, for there is no `script`");
        conduct = Command::new("sh");
        conduct.arg("careless");
    }
    conduct.current_dir(folder.path()).env("CONDUCTOR", CONDUCTOR).stdin(Stdio::null());
    let finished = finish(start(conduct));
    assert_eq!((finished.status, finished.stdout.as_str()), (Some(0), ""), "{finished:#?}");
    // Of a descriptor its number and where it leads, but for the pipe's number.
    let plain = |line: &str| {
        let Some((before, to)) = line.split_once(" -> ") else { return format!("{line}\n") };
        let number = before.rsplit(' ').next().unwrap_or_default();
        let to = to.split_once('[').map_or(to.to_owned(), |(kind, _)| format!("{kind}[N]"));
        format!("{number} -> {to}\n")
    };
    let said = |name| {
        let text = folder.read(&format!("kept/latest/outputs/trial-1/{name}"));
        text.lines().map(plain).collect::<String>()
    };
    snapbox::assert_data_eq!(
        said("check.stdout"),
        str![[r#"
total 0
0 -> /dev/null
1 -> pipe:[N]
2 -> pipe:[N]
SigBlk:	0000000000000000
SigIgn:	0000000000000000
SigCgt:	0000000000000000
100
leads its group
in the session of another
terminal 0
no terminal

"#]]
    );
    let of_step = said("w/run-01-show.stdout");
    let without_limit =
        |text: &str| text.lines().filter(|line| line.parse::<u32>().is_err()).collect::<Vec<_>>().join("\n");
    assert_eq!(without_limit(&said("check.stdout")), without_limit(&of_step));
    assert_eq!((said("check.stderr"), said("w/run-01-show.stderr")), (String::new(), String::new()));
}

#[test]
fn a_trial_leaves_no_descriptor_and_no_thread_open() {
    let (player, folder) = (Player::start(), Folder::new());
    // Each looks at the processes above it, up to the conductor or the listener.
    let look = "look() { echo $(ls /proc/$1/fd | wc -l) $(ls /proc/$1/task | wc -l); }\n\
                above() { cut -d' ' -f4 /proc/$1/stat; }\n\
                session=$PPID; look $session; listener=$(above $session); look $listener\n";
    folder.file("count", look).file("count-check", &format!("{look}look $(above $listener)\n"));
    let count = format!(". {}", folder.join("count").display());
    folder.test(&format!("trials = 20\nresults = kept\ncheck = {count}-check; echo said"), &["w"]);
    folder.worker("w", player.port, &format!("[Run]\ncount = {count}\n"));
    run(&folder, ["conduct", "-q", "-o", "result", "test.cfg"]).assert(0, str![""], str![""]);
    for name in ["check.stdout", "w/run-01-count.stdout"] {
        let numbers = |trial| {
            let said = folder.read(&format!("kept/latest/outputs/trial-{trial}/{name}"));
            said.split_whitespace().filter_map(|number| number.parse().ok()).collect::<Vec<u32>>()
        };
        // One may be about to be closed, or not.
        let (early, late) = (numbers(2), numbers(20));
        let is_as_many = early.len() == late.len() && early.iter().zip(&late).all(|(early, late)| late < &(early + 9));
        assert!(early.len() >= 4 && is_as_many, "{name}: {early:?}, {late:?}");
    }
}

#[test]
fn a_check_that_cannot_be_started_is_not_a_failure_of_the_test() {
    let (player, folder) = (Player::start(), Folder::new());
    let gone = folder.join("gone");
    std::fs::create_dir(&gone).expect("a folder");
    folder.test("check = exit 3", &["w"]).worker(
        "w",
        player.port,
        &format!("[Run]\ntidy = rm -r {}\n", gone.display()),
    );
    for name in ["test.cfg", "w.cfg"] {
        std::fs::rename(folder.join(name), gone.join(name)).expect("a file");
    }
    run(&folder, ["conduct", "-q", "gone/test.cfg"]).assert(
        1,
        str![[r#"
gone/test.cfg  run [..]
1 trial of startup, run, collect, reset on 1 worker

Trial 1 of 1, startup

Trial 1 of 1, run
  w  tidy  passed              [..]s  rm -r [..]/gone

Trial 1 of 1, collect

Trial 1 of 1, reset

Trial 1 of 1, check
  not started  -  exit 3
      cannot enter the folder `gone`: no such file or directory

not carried out: `check` of trial 1 could not be started: cannot enter the folder `gone`: no such file or directory
not carried out: 1 of 1 trial ended; steps: 1 passed; 1 worker; [..]s

"#]],
        str![""],
    );
}

#[test]
fn a_check_that_fails_and_prints_nothing_has_no_line_about_its_output() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("results = kept\ncheck = exit 3", &["w"]).worker("w", player.port, "[Run]\ns = true\n");
    let run = run(&folder, ["conduct", "-q", "-p", "run", "test.cfg"]);
    assert_eq!(run.status, Some(3), "{run:#?}");
    assert!(run.stdout.contains("`check`") && !run.stdout.contains("output"), "{run:#?}");
}
