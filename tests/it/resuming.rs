//! `conduct --resume` goes on with a run: exactly the trials that are missing are run, each counts once, and what has changed
//! is refused. The players end the sessions of before at once.

mod series;
mod ssh;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime};

use crate::support::{Folder, Player, conductor, eventually, finish, kill, number_in, run, start};
use serde_json::Value;
use snapbox::str;

/// The events of the run `r`.
fn events(folder: &Folder) -> Vec<Value> {
    let text = folder.read("kept/r/events.jsonl");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|why| panic!("{why}: {line}"))).collect()
}

/// The attempt at each trial that has ended last, with its verdict; checks that each began once, and none after its end.
fn trials(folder: &Folder, context: &str) -> BTreeMap<u64, (u64, String)> {
    let mut ended: BTreeMap<u64, (u64, String)> = BTreeMap::new();
    let mut begun: BTreeMap<u64, u64> = BTreeMap::new();
    for event in events(folder) {
        let trial = event["trial"].as_u64().unwrap_or(0);
        match event["event"].as_str() {
            Some("trial_started") => {
                let attempt = event["attempt"].as_u64().unwrap_or(1);
                let is_done = ended.get(&trial).is_some_and(|(_, verdict)| verdict != "incomplete");
                assert!(!is_done, "trial {trial} was done and began again: {context}");
                assert!(
                    begun.insert(trial, attempt).unwrap_or(0) < attempt,
                    "attempt {attempt} of trial {trial}: {context}"
                );
            }
            Some("trial_ended") => {
                ended.insert(trial, (begun[&trial], event["verdict"].as_str().unwrap_or("?").to_owned()));
            }
            _ => {}
        }
    }
    ended
}

/// Kills the conductor at 20 random moments, and resumes the run at once each time. Returns what repeats it.
fn killed_at_random(folder: &Folder, first: &[&str]) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time");
    let seed = number_in("RESUME_SEED").map_or(u64::from(now.subsec_nanos()), |seed| seed as u64);
    let context = format!("RESUME_SEED={seed}");
    let mut state = seed | 1;
    let mut chance = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let again = ["conduct", "-q", "--resume", "kept/r", "-o", "out"];
    let mut line: Vec<&str> = first.to_vec();
    for _ in 0..20 {
        let mut child = start(conductor(folder, &line));
        // The moment of the fault is what is random here; nothing is waited for.
        std::thread::sleep(Duration::from_millis(chance(700)));
        kill(child.id(), 9);
        child.wait().expect("it is killed");
        if fs::exists(folder.join("kept/r/resume.json")).is_ok_and(|is_there| is_there)
            && folder.read("kept/r/events.jsonl").contains('\n')
        {
            line = again.to_vec();
        } else {
            let _ = fs::remove_dir_all(folder.join("kept/r"));
        }
    }
    let last = finish(start(conductor(folder, &line)));
    last.assert(0, "", "");
    context
}

/// Checks that each trial counts once, with what it printed.
fn each_counts_once(folder: &Folder, context: &str) {
    let ended = trials(folder, context);
    assert_eq!(ended.len(), 60, "{context}");
    assert!(ended.values().all(|(_, verdict)| verdict == "passed"), "{ended:?}: {context}");
    let report: Value = serde_json::from_str(&folder.read("kept/r/report.json")).expect("a report");
    assert_eq!(report["trials"].as_array().map(Vec::len), Some(60), "{context}");
    assert_eq!(report["metadata"]["verdict"], "passed", "{context}");
    // What the attempts that count printed is there.
    let ran = folder.read("ran");
    for trial in ended.into_keys() {
        let printed = folder.read(&format!("kept/r/outputs/trial-{trial}/w/run-01-s.stdout"));
        assert_eq!(printed, format!("trial {trial}\n"), "{context}");
        assert!(ran.lines().any(|line| line == trial.to_string()), "trial {trial} did not run: {context}");
    }
    // The reports are those that the record gives.
    run(folder, ["report", "kept/r", "-f", "json", "-o", "again.json"]).assert(0, str![""], str![""]);
    snapbox::assert_data_eq!(folder.read("again.json"), snapbox::Data::text(folder.read("kept/r/report.json")).raw());
}

const STEPS: &str =
    "[Run]\ns = echo trial $CONDUCTOR_TRIAL; echo $CONDUCTOR_TRIAL >> %(here)s/ran; sleep 0.02\n[Reset]\nr = true\n";

/// The steps, in the folder of the test.
fn steps(folder: &Folder) -> String {
    STEPS.replace("%(here)s", &folder.path().display().to_string())
}

/// So long that a test ends in time only if it does not wait for the end of the lease.
const LEASE: &str = "trials = 60\nresults = kept\nlease = 10m";

#[test]
fn a_run_that_is_killed_at_any_moment_is_resumed_at_once_and_runs_exactly_what_is_missing() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test(LEASE, &["w"]).worker("w", player.port, &steps(&folder));
    let context = killed_at_random(&folder, &["conduct", "-q", "--run-id", "r", "test.cfg", "-o", "out"]);
    each_counts_once(&folder, &context);
}

#[test]
fn a_run_on_machines_that_are_reached_through_commands_is_resumed_at_once_too() {
    let folder = Folder::new();
    folder.test(LEASE, &["w"]).worker("w", 1, &steps(&folder));
    let context = killed_at_random(&folder, &["conduct", "-q", "--local", "--run-id", "r", "test.cfg", "-o", "out"]);
    each_counts_once(&folder, &context);
}

/// A run of two trials that is killed in its second trial.
fn killed_in_the_second(folder: &Folder, player: &Player, run_section: &str) {
    folder.test("trials = 2\nresults = kept\nlease = 10m", &["w"]);
    folder.worker("w", player.port, &format!("[Run]\n{run_section}{}[Reset]\nr = true\n", wait(folder)));
    ended_in_the_second(folder, 9);
}

/// A step that waits, in each trial but the first, for a file that is not there yet.
fn wait(folder: &Folder) -> String {
    let here = folder.path().display();
    format!(
        "wait = test $CONDUCTOR_TRIAL = 1 || {{ : > {here}/waits; until test -e {here}/go; do sleep 0.02; done; }}\n"
    )
}

/// Begins the run, and ends the conductor with this signal when it is waited for in the second trial.
fn ended_in_the_second(folder: &Folder, signal: i32) {
    let mut child = start(conductor(folder, ["conduct", "-q", "--run-id", "r", "test.cfg", "-o", "out"]));
    // The record can be behind what the players do.
    let is_recorded = || folder.read("kept/r/events.jsonl").contains(r#""event":"trial_started","trial":2"#);
    eventually("its second trial", || folder.join("waits").exists() && is_recorded());
    kill(child.id(), signal);
    child.wait().expect("it is ended");
    folder.file("go", "");
}

#[test]
fn what_a_partial_trial_left_is_moved_aside_and_the_reports_have_the_whole_run() {
    let (player, folder) = (Player::start(), Folder::new());
    killed_in_the_second(&folder, &player, "say = echo $CONDUCTOR_TRIAL\nget = fetch:/proc/version\n");
    let mode = fs::metadata(folder.join("kept/r/resume.json")).expect("a file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    run(&folder, ["conduct", "-q", "--resume", "latest", "test.cfg", "-o", "out"]).assert(0, str![""], str![""]);
    assert_eq!(trials(&folder, "")[&2], (2, "passed".to_owned()));
    for name in ["outputs/trial-2.attempt-1/w/run-01-say.stdout", "trial-2.attempt-1/w/version"] {
        assert!(folder.join("kept/r").join(name).exists(), "{name}");
    }
    let text = folder.read("out");
    assert_eq!(text, folder.read("kept/r/report.txt"));
    assert!(text.contains("\nTrial 1 of 2, run\n") && text.contains("\nTrial 2 of 2, attempt 2, run\n"), "{text}");
    assert!(text.contains(": 1 of 2 trials are done\n") && text.contains("\npassed: 2 of 2 trials; "), "{text}");
    for (format, name) in
        [("text", "report.txt"), ("json", "report.json"), ("jsonl", "events.jsonl"), ("html", "report.html")]
    {
        run(&folder, ["report", "kept/r", "-f", format, "-o", "again"]).assert(0, str![""], str![""]);
        let again = folder.read("again").replace(r#""folder":"kept/r/""#, r#""folder":"""#);
        snapbox::assert_data_eq!(again, snapbox::Data::text(folder.read(&format!("kept/r/{name}"))).raw());
    }
    // Nothing is left to be done.
    run(&folder, ["conduct", "-q", "--resume", "kept/latest", "-o", "out"]).assert(0, str![""], str![""]);
    assert_eq!(trials(&folder, "").len(), 2);
}

#[test]
fn the_metrics_of_a_run_that_was_resumed_are_read_again() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("trials = 2\nresults = kept\n[Metric n]\nfrom = w.run.say", &["w"]);
    folder.worker("w", player.port, &format!("[Run]\nsay = echo $CONDUCTOR_TRIAL\n{}", wait(&folder)));
    ended_in_the_second(&folder, 2);
    assert_eq!(trials(&folder, "")[&2], (1, "incomplete".to_owned()));
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "-o", "out"]).assert(0, str![""], str![""]);
    folder.file("right.cfg", &folder.read("test.cfg").replace("from =", "scale = 10\nfrom ="));
    let again = run(&folder, ["report", "kept/r", "--config", "right.cfg", "-f", "json", "-o", "again.json"]);
    again.assert(0, str![""], str![""]);
    let report: Value = serde_json::from_str(&folder.read("again.json")).expect("a report");
    assert_eq!(report["metadata"]["verdict"], "passed");
    let values = report["trials"].as_array().expect("a list").iter().map(|own| own["metrics"][0]["value"].as_f64());
    assert_eq!(values.collect::<Vec<_>>(), [Some(10.0), Some(20.0)]);
}

#[test]
fn a_metric_that_has_changed_is_refused_with_its_line_because_values_would_be_mixed() {
    let (player, folder) = (Player::start(), Folder::new());
    let metric = "[Metric n]\nfrom = w.run.say\nscale = 0.123456789012345678\nexpect = 0..5";
    folder.test(&format!("trials = 2\nresults = kept\n{metric}"), &["w"]);
    folder.worker("w", player.port, &format!("[Run]\nsay = echo $CONDUCTOR_TRIAL\n{}", wait(&folder)));
    ended_in_the_second(&folder, 9);
    let (test, before) = (folder.read("test.cfg"), folder.read("kept/r/events.jsonl"));
    let was = "from = w.run.say, scale = 0.123456789012346, expect = 0..5";
    for (from, to, expected) in [
        ("scale = 0.123456789012345678", "scale = 10", "from = w.run.say, scale = 10, expect = 0..5"),
        ("0..5", "0..6", "from = w.run.say, scale = 0.123456789012346, expect = 0..6"),
        (
            "expect =",
            "regex = (.)\npick = max\nunit = s\ndefault = 0\nexpect =",
            "from = w.run.say, regex = (.), pick = max, scale = 0.123456789012346, unit = s, expect = 0..5, default = 0",
        ),
    ] {
        folder.file("test.cfg", &test.replace(from, to));
        run(&folder, ["conduct", "-q", "--resume", "kept/r"]).assert(
            1,
            "",
            format!(
                "\
error: cannot resume run `r`: what it does has changed since it began:
  test.cfg:4: metric `n`: `{was}` -> `{expected}`
  hint: undo the changes; or use `--accept-changes`, and the statistics will not put trials from before and after together
  hint: to change a metric for all trials, resume the run with the old `[Metric]` sections, and then read the metrics again \
                 with `conductor report kept/r --config FILE`
"
            ),
        );
    }
    // One that is new or gone is a change too.
    folder.file("test.cfg", &test.replace("[Metric n]", "[Metric m]"));
    let refused = run(&folder, ["conduct", "-q", "--resume", "kept/r"]).stderr;
    assert!(refused.contains("test.cfg:4: metric `m`: nothing -> `from = w.run.say, "), "{refused}");
    assert!(refused.contains("metric `n`: `from = w.run.say, ") && refused.contains("` -> nothing\n"), "{refused}");
    assert_eq!(folder.read("kept/r/events.jsonl"), before, "nothing was done");
    // What the numbers are compared with changes none of them.
    folder.file("test.cfg", &test.replace("expect =", "threshold = 1%\nbetter = higher\nexpect ="));
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "-o", "out"]).assert(0, "", "");
    let resumed = events(&folder).into_iter().find(|event| event["event"] == "run_resumed").expect("it is recorded");
    assert_eq!(resumed["generation"].as_u64(), Some(1));
}

/// The reasons in a report of this format `jsonl`.
fn reasons(folder: &Folder, file: &str) -> Vec<String> {
    let text = folder.read(file);
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let lines = lines.filter(|line| line["event"] == "reason");
    lines.map(|line| line["text"].as_str().unwrap_or("?").to_owned()).collect()
}

#[test]
fn the_reasons_of_a_run_that_was_resumed_follow_from_the_metrics_that_are_read_again() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("trials = 3\nresults = kept\n[Metric n]\nfrom = w.run.say\nexpect = ..206", &["w"]);
    folder.worker("w", player.port, &format!("[Run]\nsay = echo 21$CONDUCTOR_TRIAL\n{}", wait(&folder)));
    ended_in_the_second(&folder, 9);
    for more in [&[][..], &["--failed"]] {
        let finished = run(&folder, ["conduct", "-q", "--resume", "kept/r", "-o", "out"].iter().chain(more));
        assert_eq!(finished.status, Some(3), "{finished:#?}");
        let last = reasons(&folder, "kept/r/events.jsonl").pop();
        assert_eq!(last.as_deref(), Some("metric `n` on w of trial 1: 211, expected ..206, and 2 more"));
        for (limit, verdict, expected) in [
            ("..220", "passed", &[][..]),
            ("..208", "failed", &["metric `n` on w of trial 1: 211, expected ..208, and 2 more"]),
            ("..212", "failed", &["metric `n` on w of trial 3: 213, expected ..212"]),
        ] {
            folder.file("new.cfg", &folder.read("test.cfg").replace("..206", limit));
            let again = ["report", "kept/r", "--config", "new.cfg", "-o", "again", "--report", "jsonl=again.jsonl"];
            run(&folder, again).assert(0, str![""], str![""]);
            assert_eq!(reasons(&folder, "again.jsonl"), expected, "{limit}");
            let text = folder.read("again");
            assert!(text.lines().last().is_some_and(|line| line.starts_with(&format!("{verdict}: "))), "{text}");
            assert!(!text.contains("..206"), "{text}");
        }
    }
}

#[test]
fn each_trial_is_told_with_what_was_expected_of_it_and_those_before_a_change_are_said_to_be_left_out() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("trials = 2\nresults = kept\n[Metric n]\nfrom = w.run.say\nexpect = ..206", &["w"]);
    folder.worker("w", player.port, &format!("[Run]\nsay = echo 21$CONDUCTOR_TRIAL\n{}", wait(&folder)));
    ended_in_the_second(&folder, 9);
    folder.file("test.cfg", &folder.read("test.cfg").replace("..206", "..208"));
    let again = ["conduct", "-q", "--resume", "kept/r", "--accept-changes", "-o", "out", "--report", "markdown=md"];
    assert_eq!(run(&folder, again).status, Some(3));
    let text = folder.read("out");
    assert!(
        text.contains("trial 1: 211, expected ..206\n") && text.contains("trial 2: 212, expected ..208\n"),
        "{text}"
    );
    for report in [text, folder.read("md"), folder.read("kept/r/report.html")] {
        assert!(report.contains("1 trial with an earlier configuration is not in the tables"), "{report}");
    }
}

#[test]
fn whoever_does_not_have_the_secret_of_a_run_does_not_go_on_with_it() {
    let (player, folder) = (Player::start(), Folder::new());
    killed_in_the_second(&folder, &player, "");
    let mut identity: Value = serde_json::from_str(&folder.read("kept/r/resume.json")).expect("JSON");
    let own = identity["secret"].as_str().expect("a secret").to_owned();
    let other: String = own.chars().rev().collect();
    identity["secret"] = Value::from(other.clone());
    folder.file("kept/r/resume.json", &identity.to_string());
    let finished = run(&folder, ["conduct", "-q", "--resume", "kept/r", "-o", "out"]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let said = folder.read("out") + &finished.stderr;
    assert!(said.contains("this conductor does not have the secret of the run"), "{said}");
    assert!(!said.contains(&own) && !said.contains(&other), "{said}");
    let mut identity: Value = serde_json::from_str(&folder.read("kept/r/resume.json")).expect("JSON");
    identity["secret"] = Value::from(own);
    folder.file("kept/r/resume.json", &identity.to_string());
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "-o", "out"]).assert(0, str![""], str![""]);
}

#[test]
fn a_command_that_has_changed_is_refused_with_its_line_unless_that_is_accepted() {
    let (player, folder) = (Player::start(), Folder::new());
    killed_in_the_second(&folder, &player, "say = echo before\n");
    let changed = folder.read("w.cfg").replace("echo before", "echo after");
    folder.file("w.cfg", &changed);
    let before = folder.read("kept/r/events.jsonl");
    run(&folder, ["conduct", "-q", "--resume", "kept/r"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot resume run `r`: what it does has changed since it began:
  w.cfg:7: w, run step 01: `say = echo before (at most 1h)` -> `say = echo after (at most 1h)`
  hint: undo the changes; or use `--accept-changes`, and the statistics will not put trials from before and after together

"#]],
    );
    assert_eq!(folder.read("kept/r/events.jsonl"), before, "nothing was done");
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "--accept-changes", "-o", "out"]).assert(
        0,
        str![""],
        str![""],
    );
    let resumed = events(&folder).into_iter().find(|event| event["event"] == "run_resumed").expect("it is recorded");
    assert_eq!((resumed["generation"].as_u64(), resumed["done"].as_u64()), (Some(2), Some(1)));
    let text = folder.read("out");
    assert!(text.contains("echo before") && text.contains("echo after"), "{text}");
    assert!(!text.contains("\nStatistics of 2 trials\n"), "trials of two configurations are not put together: {text}");
}

#[test]
fn a_file_that_is_sent_to_machines_and_has_changed_is_refused() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.file("data", "before");
    let here = folder.path().display().to_string();
    killed_in_the_second(&folder, &player, &format!("put = put:data -> {here}/sent\n"));
    folder.file("data", "after");
    run(&folder, ["conduct", "-q", "--resume", "kept/r"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot resume run `r`: what it does has changed since it began:
  w.cfg:7: w, contents of `data`: `[..]` -> `[..]`
  hint: undo the changes; or use `--accept-changes`, and the statistics will not put trials from before and after together

"#]],
    );
    folder.file("data", "before");
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "-o", "out"]).assert(0, str![""], str![""]);
}

#[test]
fn failed_trials_are_run_again_only_when_that_is_wanted_and_more_trials_can_be() {
    let (player, folder) = (Player::start(), Folder::new());
    let here = folder.path().display().to_string();
    folder.test("trials = 2\nresults = kept", &["w"]);
    folder.worker("w", player.port, &format!("[Run]\ns = test $CONDUCTOR_TRIAL != 1 || test -e {here}/good\n"));
    let finished = run(&folder, ["conduct", "-q", "--run-id", "r", "test.cfg", "-o", "out"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    folder.file("good", "");
    let finished = run(&folder, ["conduct", "-q", "--resume", "kept/r", "--trials", "3", "-o", "out"]);
    assert_eq!(finished.status, Some(3), "what failed still counts: {finished:#?}");
    assert_eq!(trials(&folder, "").len(), 3);
    let text = folder.read("out");
    assert!(text.contains("\n3 trials of ") && text.contains("\nTrial 1 of 3, run\n"), "{text}");
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "--trials", "2", "-o", "out"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot resume run `r` with `--trials 2`: trial 3 is done

"#]],
    );
    let again = ["conduct", "-q", "--resume", "kept/r", "--failed", "--trials", "3", "-o", "out"];
    run(&folder, again).assert(0, str![""], str![""]);
    let report: Value = serde_json::from_str(&folder.read("kept/r/report.json")).expect("a report");
    assert_eq!(
        (&report["metadata"]["verdict"], report["trials"].as_array().map(Vec::len)),
        (&Value::from("passed"), Some(3))
    );
}

#[test]
fn a_run_with_a_failed_trial_is_not_resumed_with_fewer_trials() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("trials = 2\nresults = kept", &["w"]);
    folder.worker("w", player.port, "[Run]\ns = test $CONDUCTOR_TRIAL != 2\n");
    let finished = run(&folder, ["conduct", "-q", "--run-id", "r", "test.cfg", "-o", "out"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    run(&folder, ["conduct", "-q", "--resume", "kept/r", "--failed", "--trials", "1", "-o", "out"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot resume run `r` with `--trials 1`: trial 2 is done

"#]],
    );
}

#[test]
fn a_run_that_is_still_carried_out_is_not_resumed() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("results = kept", &["w"]).worker("w", player.port, "[Run]\ns = sleep 60\n");
    let child = start(conductor(&folder, ["conduct", "-q", "--run-id", "r", "test.cfg", "-o", "out"]));
    eventually("its step", || folder.read("kept/r/events.jsonl").contains("step_started"));
    run(&folder, ["conduct", "-q", "--resume", "kept/r"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot resume the run in `kept/r`: another `conduct` is still carrying it out

"#]],
    );
    kill(child.id(), 15);
    assert_eq!(finish(child).status, Some(143));
}

#[test]
fn what_is_no_run_is_not_resumed() {
    let folder = Folder::new();
    fs::create_dir_all(folder.join("kept/r")).expect("a folder");
    run(&folder, ["conduct", "--resume", "kept/r"]).assert(
        1,
        str![""],
        str![[r#"
error: cannot resume the run in `kept/r`: it does not contain `events.jsonl`

"#]],
    );
    fs::create_dir_all(folder.join("kept/20261128-a")).expect("a folder");
    folder.file("kept/20261128-a/events.jsonl", "");
    folder.test("results = kept", &[]);
    for arguments in [&["kept/other"][..], &["other", "test.cfg"]] {
        run(&folder, ["conduct", "--resume"].iter().chain(arguments)).assert(
            1,
            str![""],
            str![[r#"
error: there is no run `other` in `kept`
  hint: the latest runs are `20261128-a`

"#]],
        );
    }
    run(&folder, ["conduct", "--resume", "kept/lastest"]).assert(
        1,
        str![""],
        str![[r#"
error: there is no run `lastest` in `kept`
  hint: did you mean `latest`?

"#]],
    );
    run(&folder, ["history", "kept/20261128-a", "--metric", "n"]).assert(
        1,
        str![""],
        str![[r#"
error: `kept/20261128-a` is the folder of a run, not a results folder
  hint: name the folder that has the runs: `conductor history kept --metric n`

"#]],
    );
    run(&folder, ["conduct", "--resume", "r"]).assert(
        1,
        str![""],
        str![[r#"
error: `r` is not the folder of a run
  hint: name the folder, such as `results/r`, or the test file too

"#]],
    );
}
