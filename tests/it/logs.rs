//! Where the log goes, and that it never stands in the way of the results.

use std::ffi::OsStr;

use crate::support::{Folder, Player, conductor, run, spawn, wait};
use snapbox::str;

#[test]
fn the_log_goes_to_standard_error_or_to_its_file_but_never_into_the_results() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\ns = echo hi\n");
    let classic = ["conduct", "-f", "classic", "-p", "run", "test.cfg"];
    run(&folder, classic).assert(
        0,
        str![[r#"
0 phase received
0 hi

65535 phases complete

"#]],
        str![[r#"
[..] - INFO - Starting trial 1 of 1
[..] - INFO - Trial 1 of 1: passed

"#]],
    );
    run(&folder, classic.iter().chain(&["-v"])).assert(
        0,
        str![[r#"
0 phase received
0 hi

65535 phases complete

"#]],
        str![[r#"
[..] - DEBUG - Run [..]
[..] - DEBUG - w: connected to conductor 0.1.0 on [..]
[..] - INFO - Starting trial 1 of 1
[..] - DEBUG - Trial 1: run begins
[..] - DEBUG - w: ready for run
[..] - DEBUG - run: starts in [..]
[..] - DEBUG - w: s of run started
[..] - DEBUG - w: s of run passed
[..] - DEBUG - w: finished run
[..] - DEBUG - Trial 1: run ended
[..] - INFO - Trial 1 of 1: passed
[..] - DEBUG - Run ended: passed

"#]],
    );
    run(&folder, classic.iter().chain(&["-q"])).assert(
        0,
        str![[r#"
0 phase received
0 hi

65535 phases complete

"#]],
        str![""],
    );
    run(&folder, classic.iter().chain(&["--log-file", "log"])).assert(
        0,
        str![[r#"
0 phase received
0 hi

65535 phases complete

"#]],
        str![""],
    );
    snapbox::assert_data_eq!(
        folder.read("log"),
        str![[r#"
[..] - INFO - Starting trial 1 of 1
[..] - INFO - Trial 1 of 1: passed

"#]]
    );
}

#[test]
fn a_log_of_json_has_an_object_in_each_line() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\ns = echo hi\n");
    let arguments = ["conduct", "--log-format", "json", "--log-file", "log", "-f", "classic", "-p", "run", "test.cfg"];
    let finished = run(&folder, arguments);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("an object");
    let log = folder.read("log");
    let told: Vec<_> = log.lines().map(line).map(|line| (line["level"].clone(), line["message"].clone())).collect();
    let expected = ["Starting trial 1 of 1", "Trial 1 of 1: passed"].map(|text| ("INFO".into(), text.into()));
    assert_eq!(told, expected);
}

#[test]
fn a_player_tells_what_its_sessions_are_told_and_do_when_it_is_verbose() {
    let folder = Folder::new();
    let log = folder.join("log");
    let arguments = ["--verbose", "--log-format", "json", "--log-file"].map(OsStr::new);
    let player = Player::with(arguments.into_iter().chain([log.as_os_str()]));
    folder.test("", &["w", "other"]).worker(
        "w",
        player.port,
        "[Run]\nmeet = barrier:here\ns = exit 3\n[Reset]\nr = true\n",
    );
    folder.worker("other", player.port, "[Run]\nmeet = barrier:here\n");
    run(&folder, ["conduct", "-q", "-o", "results", "-p", "run,reset", "test.cfg"]).assert(3, str![""], str![""]);
    drop(player);
    let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("an object");
    let lines: Vec<_> = folder.read("log").lines().map(line).collect();
    let own = lines.iter().filter_map(|line| line["message"].as_str()?.strip_prefix("w: "));
    let text = own.collect::<Vec<_>>().join("\n") + "\n";
    snapbox::assert_data_eq!(
        text,
        str![[r#"
the plan was accepted
ready for run of trial 1
run: go, [..]
meet of run: waiting for the other workers
meet of run: released, [..]
meet of run passed
s of run started, process [..]
s of run failed with exit status 3
finished run
ready for reset of trial 1
reset: go, [..]
r of reset started, process [..]
r of reset passed
finished reset
end of trial 1 requested
stopping all processes of the trial
trial 1 has ended
the conductor ends the session
the session has ended

"#]]
    );
    // Root is warned of other users.
    let is_warning = |line: &&serde_json::Value| line["level"] != "DEBUG" && line["level"] != "INFO";
    let warnings = lines.iter().filter(is_warning).map(|line| line["message"].as_str().unwrap_or_default());
    assert!(warnings.into_iter().all(|warning| warning.starts_with("every user of this machine")), "{lines:#?}");
}

#[test]
fn a_player_that_is_not_verbose_tells_nothing_of_the_steps() {
    let folder = Folder::new();
    let log = folder.join("log");
    let player = Player::with([OsStr::new("--log-file"), log.as_os_str(), OsStr::new("--allow"), OsStr::new("any")]);
    folder.test("", &["w"]).worker("w", player.port, "[Run]\ns = true\n");
    run(&folder, ["conduct", "-q", "-o", "results", "-p", "run", "test.cfg"]).assert(0, str![""], str![""]);
    drop(player);
    snapbox::assert_data_eq!(
        folder.read("log"),
        str![[r#"
[..] - WARNING - anyone who can reach this port can run commands here; to limit this, list addresses in `allow`
[..] - INFO - run [..] of [..]: a session for `w`

"#]]
    );
}

#[test]
fn in_one_file_with_the_results_the_log_stands_where_it_belongs() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("trials = 5", &["w"]).worker("w", player.port, "[Run]\ns = echo hi\n");
    let one = std::fs::File::create(folder.join("one")).expect("a file");
    let mut command = conductor(&folder, ["conduct", "-p", "run", "test.cfg"]);
    let child = command.stdout(one.try_clone().expect("a descriptor")).stderr(one).spawn();
    assert!(wait(&mut child.expect("the program starts")).success());
    let text = folder.read("one");
    let place = |what: &str| text.find(what).unwrap_or_else(|| panic!("no `{what}` in {text}"));
    for trial in 1..=5 {
        let (begun, heading) = (format!("Starting trial {trial} of 5\n"), format!("\nTrial {trial} of 5, run\n"));
        assert!(place(&begun) < place(&heading), "{text}");
        let ended = format!("Trial {trial} of 5: passed\n");
        assert!(place(&heading) < place(&ended) && place(&ended) < place("\npassed"), "{text}");
    }
}

#[test]
fn what_the_report_says_is_not_logged_as_well_where_both_go_to_one_file() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("", &["w", "x"]);
    folder.worker("w", player.port, "[Run]\nleaks = sleep 60 & echo first\nfails = must:false\nmeet = barrier:here\n");
    folder.worker("x", player.port, "[Run]\nmeet = barrier:here\n");
    let both = std::fs::File::create(folder.join("both")).expect("a file");
    let mut command = conductor(&folder, ["conduct", "-p", "run", "test.cfg"]);
    command.stdout(both.try_clone().expect("the same file")).stderr(both);
    assert_eq!(wait(&mut spawn(command)).code(), Some(3));
    let both = folder.read("both");
    assert!(both.contains("\n  barrier here: not passed: "), "{both}");
    assert!(!both.contains("barrier `here` was not passed"), "{both}");
    assert_eq!(both.matches("is leaky").count(), 1, "{both}");
    assert!(both.contains("  warning: w: step `leaks` in run of trial 1 is leaky"), "{both}");
    let apart = run(&folder, ["conduct", "-p", "run", "test.cfg"]);
    assert!(apart.stderr.contains("barrier `here` was not passed"), "{apart:#?}");
    assert_eq!([apart.stdout, apart.stderr].map(|text| text.matches("is leaky").count()), [1, 1]);
}

#[test]
fn why_nothing_was_done_is_said_once_where_results_and_errors_go_to_one_file() {
    let folder = Folder::new();
    let both = std::fs::File::create(folder.join("both")).expect("a file");
    let mut command = conductor(&folder, ["conduct", "gone.cfg"]);
    command.stdout(both.try_clone().expect("the same file")).stderr(both);
    assert_eq!(wait(&mut spawn(command)).code(), Some(1));
    let expected = str![[r#"
error[unreadable-file]: cannot read `gone.cfg`: no such file or directory
--> gone.cfg
 = hint: make sure that the file exists and can be read
not carried out: the configuration `gone.cfg` has 1 error
not carried out: no step was run

"#]];
    snapbox::assert_data_eq!(folder.read("both"), expected);
}
