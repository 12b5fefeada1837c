//! `conductor report` makes the reports of a run again, from its folder of results.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Stdio;

use crate::support::{Finished, Folder, Player, conductor, eventually, finish, kill, run, spawn, start};
use serde_json::Value;
use snapbox::str;

/// The reports in a folder of results.
const KEPT: [(&str, &str); 5] = [
    ("text", "report.txt"),
    ("json", "report.json"),
    ("jsonl", "events.jsonl"),
    ("junit", "junit.xml"),
    ("html", "report.html"),
];

fn bytes(folder: &Folder, name: &str) -> Vec<u8> {
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Makes every report of `kept/r` again, and compares it with what the run wrote; `classic` is where that has its lines.
#[track_caller]
fn assert_made_again(folder: &Folder, classic: &str) {
    let reports = KEPT.map(|(format, _)| format!("--report={format}=again.{format}"));
    let line = ["report", "kept/r", "-f", "classic", "-o", "again.classic"].map(str::to_owned);
    run(folder, line.iter().chain(&reports)).assert(0, str![""], str![""]);
    for (format, name) in
        KEPT.map(|(format, name)| (format, format!("kept/r/{name}"))).iter().chain(&[("classic", classic.to_owned())])
    {
        let (wrote, again) = (bytes(folder, name), bytes(folder, &format!("again.{format}")));
        let (wrote, again) = (String::from_utf8_lossy(&wrote), String::from_utf8_lossy(&again));
        assert!(!wrote.is_empty(), "{format}");
        // No field has the time of writing; the page has its links from where it is.
        let again = again.replace(r#""folder":"kept/r/""#, r#""folder":"""#);
        snapbox::assert_data_eq!(again, snapbox::Data::text(wrote.into_owned()).raw());
    }
}

#[test]
fn each_report_of_a_kept_run_is_made_again_byte_for_byte() {
    let (a, b, folder) = (Player::start(), Player::start(), Folder::new());
    fs::create_dir(folder.join("data")).expect("a folder");
    fs::write(folder.join("data/binary"), [0, 255, 10]).expect("a file");
    fs::write(folder.join("data/text"), "text\n").expect("a file");
    let here = folder.path().display();
    folder.test(
        "trials = 2\nmax_start_skew = 1h\ncheck = printf 'checked\\377'; exit $((CONDUCTOR_TRIAL - 1))",
        &["a", "b"],
    );
    folder.worker(
        "a",
        a.port,
        &format!(
            "[Environment]\nZ = 1\nA = %%\n[Startup]\nspawn1 = echo up; sleep 600\nspawn2 = echo early; exit 4\n\
             [Run]\nmeet = barrier:here\nfails = printf 'a\\377b\\033[31m\\303'; printf '\\342\\202' >&2; exit 3\n\
             killed = mayfail:kill -9 $$\nslow = timeout200ms:echo half; sleep 60\nflood = for200ms:sleep 60\n\
             try = until5:test -e {here}/made || ! : > {here}/made\nnever = until200ms:false\n\
             one = parallel:echo one\ntwo = parallel:echo two\n\
             leaks = (sleep 0.4; printf 'late \\303') & echo first\nget = fetch:{here}/data/*\n\
             put = put:data/text -> {here}/put\nwait = sleep 0.5\nstop = stop:spawn1\nmust = must:false\nskipped = true\n\
             [Reset]\nr = rm {here}/made {here}/put\nagain = rm {here}/made\n"
        ),
    );
    folder.worker(
        "b",
        b.port,
        "[Run]\nmeet = barrier:here\nmuch = seq 30000\n[Collect]\nc = echo '<c>' & echo '&amp;'\n",
    );
    let line = ["conduct", "-q", "-f", "classic", "-o", "classic", "--results", "kept", "--run-id", "r", "test.cfg"];
    let finished = run(&folder, line);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(3), ""), "{finished:#?}");
    let events = folder.read("kept/r/events.jsonl");
    for kind in [
        "barrier_released",
        "check_ended",
        "spawned_ended",
        "base64",
        "attempts",
        "\"leaky\":true",
        "holders",
        "sha256",
    ] {
        assert!(events.contains(kind), "no {kind} in {events}");
    }
    assert_made_again(&folder, "classic");
    // Reports that are made again do not depend on what is in the folder beside the record.
    for (_, name) in KEPT.iter().filter(|(format, _)| *format != "jsonl") {
        fs::remove_file(folder.join("kept/r").join(name)).expect("a report");
    }
    let shown = run(&folder, ["report", "kept/latest", "-f", "json"]);
    let document: Value = serde_json::from_str(&shown.stdout).expect("a document");
    assert_eq!((shown.status, &document["metadata"]["exit_status"]), (Some(0), &3.into()));
}

#[test]
fn a_run_that_lost_a_worker_is_told_again_byte_for_byte() {
    let (a, b, folder) = (Player::start(), Player::start(), Folder::new());
    let here = folder.path().display().to_string();
    folder.test("lease = 1s", &["a", "b"]);
    folder.worker("a", a.port, "[Run]\nwork = echo a was here\n[Reset]\nr = true\n");
    folder.worker(
        "b",
        b.port,
        &format!("[Run]\nwork = echo began; : > {here}/began; sleep 600\nmore = true\n[Reset]\nr = true\n"),
    );
    let line = ["conduct", "-q", "-f", "classic", "-o", "classic", "--results", "kept", "--run-id", "r", "test.cfg"];
    let child = start(conductor(&folder, line));
    eventually("`b` is at work", || folder.join("began").exists());
    b.carriers().into_iter().for_each(|pid| kill(pid, 9));
    let finished = finish(child);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    assert!(folder.read("kept/r/report.txt").contains("lost: b: "));
    assert_made_again(&folder, "classic");
}

#[test]
fn a_run_that_did_not_begin_is_told_again() {
    let folder = Folder::new();
    folder.test("connect_timeout = 100ms", &["w"]).worker("w", 1, "[Run]\ns = true\n");
    let line =
        |id, file| ["conduct", "-q", "-f", "classic", "-o", "classic", "--results", "kept", "--run-id", id, file];
    assert_eq!(run(&folder, line("r", "test.cfg")).status, Some(1));
    assert_made_again(&folder, "classic");
    fs::remove_dir_all(folder.join("kept")).expect("a folder");
    folder.file("broken.cfg", "[Test]\ntrials = none\n");
    assert_eq!(run(&folder, line("r", "broken.cfg")).status, Some(1));
    assert_made_again(&folder, "classic");
}

#[test]
fn a_run_whose_conductor_was_killed_has_reports_of_what_was_recorded() {
    let (player, folder) = (Player::start(), Folder::new());
    let steps = "[Run]\nbefore = echo over; false\nopen = echo early; sleep 600\n";
    folder.test("lease = 1s", &["w"]).worker("w", player.port, steps);
    let mut child = start(conductor(&folder, ["conduct", "-q", "--results", "kept", "--run-id", "r", "test.cfg"]));
    let events = || folder.read("kept/r/events.jsonl");
    eventually("the output of the open step is recorded", || events().contains(r#""text":"early\n""#));
    child.kill().expect("it runs");
    child.wait().expect("it ended");
    assert!(!folder.join("kept/r/report.json").exists(), "the run wrote no report");
    let reports = ["--report", "json=again.json", "--report", "jsonl=again.jsonl", "--report", "html=again.html"];
    run(&folder, ["report", "kept/r"].iter().chain(&reports)).assert(
        0,
        str![[r#"
test.cfg  run r  [..]
1 trial of startup, run, collect, reset on 1 worker
...
Trial 1 of 1, run
  w  before  failed: exit 1      [..]s  echo over; false
      | over
  w  open    lost                     -  echo early; sleep 600
      | early

failed: `before` on w in run of trial 1: exit 1
    | over
    w's output: kept/r/outputs/trial-1/w/run-01-before.stdout
incomplete: the end of the run was not recorded: its conductor was killed or is still running
    | early
    consequences: `open` on w was lost
    w's output: kept/r/outputs/trial-1/w/run-02-open.stdout
incomplete: 0 of 1 trial ended; steps: 1 failed, 1 lost; 1 worker; [..]s; results: kept/r

"#]],
        str![[r#"
warning: `kept/r` is incomplete: its conductor was killed or is still running; the reports contain what has been recorded so far

"#]],
    );
    let document: Value = serde_json::from_str(&folder.read("again.json")).expect("a document");
    assert_eq!(document["metadata"]["verdict"], "incomplete");
    assert_eq!(document["trials"][0]["phases"]["run"]["workers"]["w"]["results"][0]["stdout"], "over\n");
    assert_eq!(document["not_reset"][0]["worker"], "w");
    assert!(folder.read("again.html").contains("</html>"));
    assert!(folder.read("again.jsonl").starts_with(&events()), "all that was recorded, and the end");
}

/// A kept run of one step, without its player.
fn kept() -> Folder {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("", &["w"]).worker("w", player.port, "[Run]\ns = echo out; echo err >&2\n");
    let finished = run(&folder, ["conduct", "-q", "--results", "kept", "--run-id", "r", "-o", "out", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    folder
}

#[test]
fn a_record_with_a_torn_last_line_is_read_up_to_it() {
    let folder = kept();
    let events = folder.read("kept/r/events.jsonl");
    folder.file("kept/r/events.jsonl", &events[..events.len() - 10]);
    let finished = run(&folder, ["report", "kept/r"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("\nincomplete: 1 of 1 trial ended; steps: 1 passed;"), "{finished:#?}");
    assert!(finished.stderr.starts_with("warning: `kept/r` is incomplete"), "{finished:#?}");
    folder.file("kept/r/events.jsonl", &events.replacen("step_ended", "step_mended", 1));
    let finished = run(&folder, ["report", "kept/r", "-o", "again"]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stderr.starts_with("error: cannot read `kept/r/events.jsonl`: line "), "{finished:#?}");
    assert!(finished.stderr.contains("unknown variant `step_mended`"), "{finished:#?}");
}

#[test]
fn what_is_not_the_folder_of_a_run_is_refused() {
    let folder = kept();
    let refused = |arguments: &[&str]| -> Finished { run(&folder, ["report"].iter().chain(arguments)) };
    let hint = str![[r#"
error: `kept` is not the folder of a run: it does not contain `events.jsonl`
  hint: name the folder of one run in the results folder, such as `results/latest`

"#]];
    refused(&["kept"]).assert(1, str![""], hint);
    refused(&["no/such"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot read `no/such`: No such file or directory (os error 2)

"#]],
    );
    refused(&["test.cfg"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot read `test.cfg`: Not a directory (os error 20)

"#]],
    );
    assert_eq!(refused(&[]).status, Some(2));
    fs::remove_file(folder.join("kept/r/configuration.json")).expect("a file");
    refused(&["kept/r"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot read `kept/r/events.jsonl`: line 1: the folder has no `configuration.json`

"#]],
    );
}

#[test]
fn a_report_that_can_not_be_written_does_not_keep_others_from_being_made() {
    let folder = kept();
    let line = ["report", "kept/r", "-o", "no/such", "--report", "text=again", "--report", "junit=/dev/full"];
    run(&folder, line).assert(
        1,
        str![""],
        str![[r#"
error: cannot write the output `no/such`: No such file or directory (os error 2)
error: cannot write the output `/dev/full`: No space left on device (os error 28)

"#]],
    );
    assert_eq!(folder.read("again"), folder.read("kept/r/report.txt"));
    // What a report is made from is not overwritten by it, by whatever name.
    let events = folder.read("kept/r/events.jsonl");
    symlink("kept/r/events.jsonl", folder.join("link")).expect("a link");
    run(&folder, ["report", "kept/r", "--report", "jsonl=link"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot write a report to `link`: the report is made from this file

"#]],
    );
    assert_eq!(folder.read("kept/r/events.jsonl"), events);
}

#[test]
fn an_output_that_is_not_there_any_more_is_told_of_and_no_link_is_followed() {
    let folder = kept();
    let file = folder.join("kept/r/outputs/trial-1/w/run-01-s.stdout");
    fs::remove_file(&file).expect("a file");
    symlink("/etc/passwd", &file).expect("a link");
    fs::remove_file(folder.join("kept/r/outputs/trial-1/w/run-01-s.stderr")).expect("a file");
    let finished = run(&folder, ["report", "kept/r"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    for told in [
        "      | [… cannot read the rest: Too many levels of symbolic links (os error 40) …]\n",
        "      ! [… cannot read the rest: No such file or directory (os error 2) …]\n",
    ] {
        assert!(finished.stdout.contains(told), "{finished:#?}");
    }
}

#[test]
fn a_reader_of_standard_output_that_goes_away_ends_a_report_and_a_plan_quietly() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Workers]\nw = @ 127.0.0.1\n[w:Run]\ns = echo a\n");
    let first = run(&folder, ["conduct", "--local", "-q", "--results", "kept", "--run-id", "r", "test.cfg"]);
    assert_eq!(first.status, Some(0), "{first:#?}");
    for line in ["report kept/r --report json=again.json", "report kept/r -f json", "conduct --dry-run test.cfg"] {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let mut command = conductor(&folder, line.split(' '));
        command.stdout(writer).stderr(Stdio::piped());
        let finished = finish(spawn(command));
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{line}");
    }
    assert!(folder.join("again.json").exists(), "the other reports are written");
}
