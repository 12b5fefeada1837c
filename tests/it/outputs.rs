//! Where results and logs go, and in which form: also when there is little to tell.

use crate::support::{Finished, Folder, Player, conductor, eventually, finish, kill, run, start};
use serde_json::{Value, json};
use snapbox::str;

/// A test with two workers that pass, on a player of its own.
fn passing() -> (Player, Folder) {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("trials = 2", &["first", "second"]);
    folder.worker("first", player.port, "[Run]\nstep1 = echo out; echo err >&2\n");
    folder.worker("second", player.port, "[Startup]\nspawn1 = sleep 600\n[Run]\ntimeout5 = printf 'no newline'\n");
    (player, folder)
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON document ({error}): {text}"))
}

/// `VERDICT STATUS: CAUSES` of a JSON report.
fn end_of(document: &Value) -> String {
    let metadata = &document["metadata"];
    let causes = document["causes"].as_array().expect("a list of causes").iter();
    let causes: Vec<String> = causes.map(|cause| format!("{}: {}", cause["kind"], cause["text"])).collect();
    format!("{} {}: {}\n", metadata["verdict"], metadata["exit_status"], causes.join(" | "))
}

/// Runs a test that asks for `report.json`, and what is in there.
fn report_of(folder: &Folder, arguments: &[&str]) -> (Finished, Value) {
    let all = ["conduct", "-q", "-f", "json", "-o", "report.json"].iter().chain(arguments);
    let finished = run(folder, all);
    let document = parsed(&folder.read("report.json"));
    (finished, document)
}

#[test]
fn json_has_the_seeds_shape_with_the_workers_own_names() {
    let (_player, folder) = passing();
    let finished = run(&folder, ["conduct", "-q", "--format", "json", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    let document = parsed(&finished.stdout);
    for key in ["start_time", "end_time"] {
        assert!(is_time(&document["metadata"][key]), "{document:#}");
    }
    let metadata = &document["metadata"];
    assert_eq!((&metadata["total_trials"], &metadata["total_workers"]), (&json!(2), &json!(2)));
    let trials = document["trials"].as_array().expect("a list of trials");
    let numbers: Vec<&Value> = trials.iter().map(|trial| &trial["trial_number"]).collect();
    assert_eq!(numbers, [&json!(1), &json!(2)]);
    for trial in trials {
        let phases = trial["phases"].as_object().expect("phases by name");
        assert_eq!(phases.keys().collect::<Vec<_>>(), ["collect", "reset", "run", "startup"]);
        for (name, phase) in phases {
            let workers = phase["workers"].as_object().expect("workers by name");
            assert_eq!(workers.keys().collect::<Vec<_>>(), ["first", "second"], "{name}");
            for part in workers.values().chain([phase, trial]) {
                assert!(is_time(&part["start_time"]) && is_time(&part["end_time"]), "{part:#}");
            }
        }
        let result = &phases["run"]["workers"]["first"]["results"][0];
        assert!(is_time(&result["timestamp"]), "{result:#}");
        assert_eq!((&result["code"], &result["message"]), (&json!(0), &json!("out\n")));
        assert_eq!((&result["stderr"], &result["step"]), (&json!("err\n"), &json!("step1")));
        let other = &phases["run"]["workers"]["second"]["results"];
        let messages: Vec<&Value> =
            other.as_array().expect("results").iter().map(|result| &result["message"]).collect();
        assert_eq!(messages, ["no newline", "phases complete"]);
        assert_eq!(other[1]["code"], 65535);
        assert!(is_time(&other[1]["timestamp"]), "{other:#}");
    }
}

/// ISO 8601 to the microsecond, as the seed writes times.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap_or_default();
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    shape == "0000-00-00T00:00:00.000000"
}

#[test]
fn results_go_to_the_file_that_is_named_and_nothing_to_standard_output() {
    let (_player, folder) = passing();
    let finished = run(&folder, ["conduct", "-q", "-f", "json", "-o", "results.json", "test.cfg"]);
    finished.assert(0, str![""], str![""]);
    assert_eq!(parsed(&folder.read("results.json"))["metadata"]["verdict"], "passed");
}

#[test]
fn the_test_file_names_form_and_file_and_the_command_line_wins() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("format: json\noutput: test_results.json", &["w"]).worker("w", player.port, "[Run]\ns = echo hi\n");
    run(&folder, ["conduct", "-q", "test.cfg"]).assert(0, str![""], str![""]);
    assert_eq!(parsed(&folder.read("test_results.json"))["metadata"]["verdict"], "passed");
    run(&folder, ["conduct", "-q", "-f", "classic", "-o", "lines", "-p", "run", "test.cfg"]).assert(
        0,
        str![""],
        str![""],
    );
    assert_eq!(folder.read("lines"), "0 phase received\n0 hi\n\n65535 phases complete\n");
}

#[test]
fn classic_prints_the_lines_of_the_seed() {
    let player = Player::start();
    let folder = Folder::new();
    let steps = "[Startup]\ns = echo startup\nspawn1 = sleep 600\n[Run]\nbad = echo lost; exit 3\nkilled = kill -9 $$\n\
                 timeout1 = sleep 600\n[Reset]\nr = printf bye\n";
    folder.test("", &["w"]).worker("w", player.port, steps);
    run(&folder, ["conduct", "-q", "--format", "classic", "test.cfg"]).assert(
        3,
        str![[r#"
0 phase received
0 startup

0 Spawned
65535 phases complete
0 phase received
3 echo lost; exit 3
-9 kill -9 $$
1 Command timed out after 1 seconds
65535 phases complete
0 phase received
65535 phases complete
0 phase received
0 bye
65535 phases complete

"#]],
        str![""],
    );
}

#[test]
fn classic_prints_workers_in_the_order_of_the_configuration_and_the_word_done_alone() {
    let player = Player::start();
    let folder = Folder::new();
    let gate = folder.join("gate");
    // The first worker ends last.
    let first = format!("[Run]\ns = until [ -e {} ]; do sleep 0.01; done; echo first\n", gate.display());
    folder.test("", &["b", "a"]).worker("b", player.port, &first);
    folder.worker("a", player.port, &format!("[Run]\ns = printf Done\nt = echo done; : >{}\n", gate.display()));
    run(&folder, ["conduct", "-q", "-p", "run", "--format", "classic", "test.cfg"]).assert(
        0,
        str![[r#"
0 phase received
0 phase received
0 first

65535 phases complete
done
0 done

65535 phases complete

"#]],
        str![""],
    );
}

#[test]
fn a_failed_test_leaves_its_report() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nbad = echo out; echo why >&2; exit 3\n");
    let (finished, document) = report_of(&folder, &["test.cfg"]);
    finished.assert(3, str![""], str![""]);
    snapbox::assert_data_eq!(
        end_of(&document),
        str![[r#"
"failed" 3: "step": "failed: `bad` on w in run of trial 1: exit 3"

"#]]
    );
    let result = &document["trials"][0]["phases"]["run"]["workers"]["w"]["results"][0];
    assert_eq!((&result["code"], &result["exit_status"], &result["stderr"]), (&json!(3), &json!(3), &json!("why\n")));
}

#[test]
fn a_wrong_configuration_leaves_a_report_that_says_so() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Test]\ntrials = none\n[Workers]\nw = nowhere.cfg\n");
    let (finished, document) = report_of(&folder, &["test.cfg"]);
    finished.assert(
        1,
        str![""],
        str![[r#"
error[invalid-value]: `none` must be a whole number of at least 1 (`trials`)
 --> test.cfg:2:10
  |
2 | trials = none
  |          ^^^^
  |
  = hint: write a number such as `10`

error[unreadable-file]: there is no worker file `nowhere.cfg`
 --> test.cfg:4:5
  |
4 | w = nowhere.cfg
  |     ^^^^^^^^^^^
  |
  = hint: create the file, or correct the name; it is relative to the current folder
error: the configuration `test.cfg` has 2 errors

"#]],
    );
    snapbox::assert_data_eq!(
        end_of(&document),
        str![[r#"
"incomplete" 1: "other": "not carried out: the configuration `test.cfg` has 2 errors"

"#]]
    );
    run(&folder, ["conduct", "-q", "-f", "classic", "test.cfg"]).assert(
        1,
        str![[r#"
1 not carried out: the configuration `test.cfg` has 2 errors

"#]],
        str!["..."],
    );
}

#[test]
fn unreachable_players_are_all_named_and_leave_a_report() {
    let (player, folder) = passing();
    let port = player.port;
    drop(player);
    let (finished, document) = report_of(&folder, &["--connect-timeout", "300ms", "test.cfg"]);
    finished.assert(
        1,
        str![""],
        str![[r#"
[..] - ERROR - worker `first` at 127.0.0.1:[..] could not be reached: connection refused
[..] - ERROR - worker `second` at 127.0.0.1:[..] could not be reached: connection refused

"#]],
    );
    let port = format!(":{port}");
    snapbox::assert_data_eq!(
        end_of(&document).replace(&port, ":PORT"),
        str![[r#"
"incomplete" 1: "unreachable": "not carried out: workers `first` at 127.0.0.1:PORT, `second` at 127.0.0.1:PORT could not be reached: connection refused"

"#]]
    );
    let text = run(&folder, ["conduct", "-q", "--connect-timeout", "300ms", "test.cfg"]);
    text.assert(
        1,
        str![[r#"
test.cfg  run [..]
2 trials of startup, run, collect, reset on 2 workers

not carried out: workers `first` at 127.0.0.1:[..], `second` at 127.0.0.1:[..] could not be reached: connection refused
    hint: start a player on that machine with `conductor player WORKER_FILE` or `conductor player TEST_FILE --worker NAME`, or set `connect`, for example to `ssh:HOST`
not carried out: 0 of 2 trials ended; no step was run; 2 workers; [..]s

"#]],
        str![""],
    );
}

#[test]
fn a_run_without_the_unreachable_is_incomplete_and_its_report_says_so() {
    let (player, folder) = passing();
    let gone = Player::start();
    folder.worker("second", gone.port, "[Run]\ns = true\n");
    drop(gone);
    let (finished, document) = report_of(&folder, &["--connect-timeout", "300ms", "--skip-unreachable", "test.cfg"]);
    finished.assert(
        4,
        str![""],
        str![[r#"
[..] - ERROR - worker `second` at 127.0.0.1:[..] was left out: connection refused

"#]],
    );
    snapbox::assert_data_eq!(
        end_of(&document),
        str![[r#"
"incomplete" 4: "left out": "incomplete: worker `second` at 127.0.0.1:[..] was left out: connection refused"

"#]]
    );
    drop(player);
}

#[test]
fn an_interrupted_run_resets_and_leaves_its_report() {
    let player = Player::start();
    let folder = Folder::new();
    let here = folder.join("here");
    let steps = format!("[Run]\nlong = : > {}; sleep 600\n[Reset]\nr = echo reset\n", here.display());
    folder.test("", &["w"]).worker("w", player.port, &steps);
    let child = start(conductor(&folder, ["conduct", "-q", "-f", "json", "-o", "report.json", "test.cfg"]));
    eventually("the step runs", || here.exists());
    kill(child.id(), 2);
    finish(child).assert(130, str![""], str![""]);
    let document = parsed(&folder.read("report.json"));
    snapbox::assert_data_eq!(
        end_of(&document),
        str![[r#"
"incomplete" 130: "interrupted": "interrupted by SIGINT in run of trial 1"

"#]]
    );
    let phases = &document["trials"][0]["phases"];
    assert_eq!(phases["run"]["workers"]["w"]["results"][0]["outcome"], "stopped");
    assert_eq!(phases["reset"]["workers"]["w"]["results"][0]["message"], "reset\n");
}

#[test]
fn a_conductor_under_nohup_does_not_hear_the_hang_up() {
    let player = Player::start();
    let folder = Folder::new();
    let (here, go) = (folder.join("here"), folder.join("go"));
    let wait = format!("until [ -s {0} ]; do sleep 0.02; done; cat {0}", go.display());
    let steps = format!("[Run]\ns = : > {}; {wait}\n", here.display());
    folder.test("", &["w"]).worker("w", player.port, &steps);
    let mut command = std::process::Command::new("/bin/sh");
    command.current_dir(folder.path()).args(["-c", "trap '' HUP; exec \"$0\" conduct -q -f classic -p run test.cfg"]);
    let child = start({
        command.arg(crate::support::CONDUCTOR);
        command
    });
    eventually("the step runs", || here.exists());
    kill(child.id(), 1);
    folder.file("go", "went on");
    finish(child).assert(
        0,
        str![[r#"
0 phase received
0 went on
65535 phases complete

"#]],
        str![""],
    );
}

#[test]
fn an_output_that_cannot_be_written_is_an_error_before_anything_runs() {
    let (_player, folder) = passing();
    let finished = run(&folder, ["conduct", "-q", "-o", "no/such/folder/results", "test.cfg"]);
    finished.assert(
        1,
        str![""],
        str![[r#"
error: cannot write the output `no/such/folder/results`: No such file or directory (os error 2)

"#]],
    );
    let log = run(&folder, ["conduct", "-q", "--log-file", "no/such/folder/log", "test.cfg"]);
    log.assert(
        1,
        str![""],
        str![[r#"
error: cannot write the log file `no/such/folder/log`: No such file or directory (os error 2)

"#]],
    );
}

/// A named pipe in the folder.
fn named_pipe(folder: &Folder) {
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("pipe"), 0o600.into()).expect("a named pipe");
}

/// Starts a run whose results go into a named pipe, and waits until it says that nobody reads that.
fn waiting_for_a_reader(folder: &Folder) -> std::process::Child {
    named_pipe(folder);
    let line = ["conduct", "--log-file", "log", "-f", "classic", "-o", "pipe", "--report", "json=report", "test.cfg"];
    let child = start(conductor(folder, line));
    eventually("the wait is told of", || folder.read("log").contains("waiting for a process that reads `pipe`\n"));
    child
}

#[test]
fn an_interrupt_ends_the_wait_for_a_reader_of_a_named_pipe() {
    let (_player, folder) = passing();
    let child = waiting_for_a_reader(&folder);
    kill(child.id(), 15);
    finish(child).assert(
        143,
        str![""],
        str![[r#"
error: cannot write the output `pipe`: no process has opened this named pipe to read it

"#]],
    );
    snapbox::assert_data_eq!(
        end_of(&parsed(&folder.read("report"))),
        str![[r#"
"incomplete" 143: "interrupted": "interrupted by SIGTERM" | "other": "not carried out: cannot write the output `pipe`: no process has opened this named pipe to read it"

"#]]
    );
}

#[test]
fn a_named_pipe_takes_the_results_once_somebody_reads_it() {
    use std::io::Read;
    let (_player, folder) = passing();
    let child = waiting_for_a_reader(&folder);
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let reader = rustix::fs::open(folder.join("pipe"), flags, rustix::fs::Mode::empty()).expect("its reading end");
    finish(child).assert(0, str![""], str![""]);
    let mut results = String::new();
    std::fs::File::from(reader).read_to_string(&mut results).expect("the results");
    assert!(results.starts_with("0 phase received\n") && results.ends_with("65535 phases complete\n"), "{results}");
}

#[test]
fn a_named_pipe_as_log_file_is_waited_for_with_a_word() {
    let folder = Folder::new();
    folder.test("", &[]);
    named_pipe(&folder);
    for command in ["conduct", "player"] {
        let said = std::fs::File::create(folder.join(command)).expect("a file");
        let mut line = vec![command, "--log-file", "pipe"];
        line.extend(if command == "conduct" { &["test.cfg"][..] } else { &["--bind", "127.0.0.1", "--port", "0"] });
        let child = conductor(&folder, line).stdout(std::process::Stdio::null()).stderr(said).spawn();
        let mut child = child.expect("the program starts");
        let word = "waiting for a process that reads the log `pipe`\n";
        eventually("the wait is told of", || folder.read(command) == word);
        kill(child.id(), 15);
        let status = crate::support::wait(&mut child);
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15), "{status}");
    }
}

/// A test whose Startup prints more than a pipe takes, and whose Run waits for the file `go`.
fn talkative() -> (Player, Folder) {
    let player = Player::start();
    let folder = Folder::new();
    let here = folder.path().display();
    let run = format!(": >{here}/in; until [ -e {here}/go ]; do sleep 0.02; done");
    let steps = format!("[Startup]\nmuch = seq 1 40000\n[Run]\nwait = {run}\n[Reset]\nreset = : >{here}/reset\n");
    folder.test("", &["w"]).worker("w", player.port, &steps);
    (player, folder)
}

/// A named pipe in the folder that is open to be read, and is not.
fn unread_pipe(folder: &Folder) -> impl std::os::fd::AsFd {
    named_pipe(folder);
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    rustix::fs::open(folder.join("pipe"), flags, rustix::fs::Mode::empty()).expect("its reading end")
}

fn log_says(folder: &Folder, text: &str) {
    eventually(text, || folder.read("log").contains(text));
}

#[test]
fn a_reader_that_never_reads_is_named_and_holds_up_neither_the_run_nor_its_log_nor_other_reports() {
    let (_player, folder) = talkative();
    let _reader = unread_pipe(&folder);
    let line = ["conduct", "--log-file", "log", "-f", "classic", "-o", "pipe", "--report", "json=report", "test.cfg"];
    let child = start(conductor(&folder, line));
    log_says(&folder, "WARNING - waiting for the process that reads `pipe`\n");
    eventually("the run goes on", || folder.join("in").exists());
    folder.file("go", "");
    log_says(&folder, "INFO - Trial 1 of 1: passed\n");
    assert!(folder.join("reset").exists(), "Reset was run");
    eventually("the other report is there", || folder.join("report").exists());
    kill(child.id(), 2);
    finish(child).assert(130, str![""], str![""]);
    log_says(&folder, "WARNING - SIGINT after the end of the run: waiting 2s more for the readers of the outputs\n");
    log_says(&folder, "ERROR - cannot write output `pipe`: no process has read it\n");
}

#[test]
fn an_interrupt_is_heard_and_reset_is_run_while_nobody_reads_standard_output() {
    let (_player, folder) = talkative();
    let child = start(conductor(&folder, ["conduct", "--log-file", "log", "-f", "classic", "test.cfg"]));
    log_says(&folder, "WARNING - waiting for the process that reads standard output\n");
    eventually("the run goes on", || folder.join("in").exists());
    kill(child.id(), 2);
    log_says(&folder, ": stopping and running Reset; interrupt again to exit immediately\n");
    log_says(&folder, "INFO - Trial 1 of 1: incomplete\n");
    assert!(folder.join("reset").exists(), "Reset was run");
    // Once it is read, nothing is missing.
    let finished = finish(child);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(130), ""), "{finished:#?}");
    assert!(finished.stdout.contains("\n40000\n"), "{finished:#?}");
}

#[test]
fn a_log_that_nobody_reads_is_told_of_on_standard_error_and_holds_up_nothing() {
    let (player, folder) = talkative();
    let _reader = unread_pipe(&folder);
    // Of the first trials the log has more to say than a pipe takes.
    let port = player.port;
    let here = folder.path().display();
    let last =
        format!("[ $CONDUCTOR_TRIAL -lt 80 ] || {{ : >{here}/in; until [ -e {here}/go ]; do sleep 0.02; done; }}");
    folder.worker("w", port, &format!("[Run]\ns = {last}\n[Reset]\nreset = : >{here}/reset-$CONDUCTOR_TRIAL\n"));
    let said = std::fs::File::create(folder.join("said")).expect("a file");
    let line = ["conduct", "-v", "--log-file", "pipe", "-f", "classic", "-o", "results", "--trials", "80", "test.cfg"];
    let mut command = conductor(&folder, line);
    command.stderr(said);
    let child = crate::support::spawn(command);
    eventually("the run goes on", || folder.join("in").exists());
    eventually("the wait is told of", || folder.read("said") == "waiting for the process that reads the log `pipe`\n");
    kill(child.id(), 2);
    assert_eq!(finish(child).status, Some(130));
    assert!(folder.join("reset-80").exists(), "Reset was run");
}
