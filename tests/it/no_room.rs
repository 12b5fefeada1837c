//! When nobody reads, or there is no room: no process of ours dies of that, no Reset is skipped, nothing is left.

use std::fs::File;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::room::Loss::{
    Descriptors, FileSize, LogDisk, LogFile, LogFolder, LogPipe, Processes, Results, Stderr, Stdout, Temporary,
    Terminal, UnreadLogPipe, UnreadStderr,
};
use crate::support::room::When::{Idle, Reset, Run};
use crate::support::room::Who::{Check, Conductor, Listener, Session};
use crate::support::room::{Cell, Disk, Scene, When, Who, can_limit_processes, cell, each_goes_on};
use crate::support::surroundings::{skip, skip_without_hang_ups};
use crate::support::{CONDUCTOR, Finished, Folder, Player, conductor, finish, kill, run, start};
use snapbox::str;

/// For whom a loss changes nothing.
const fn unharmed(who: Who, when: When) -> Cell {
    cell(who, when, 0, "passed: ")
}

#[test]
fn whoever_loses_the_reader_of_its_standard_output_goes_on() {
    let said = "cannot write output `standard output`: ";
    each_goes_on(Stdout, &[Run, Reset, When::Check].map(|when| cell(Conductor, when, 1, said)));
}

#[test]
fn whoever_loses_the_reader_of_its_standard_error_goes_on() {
    for loss in [Stderr, UnreadStderr] {
        each_goes_on(loss, &[Idle, Run, Reset].map(|when| unharmed(Listener, when)));
        each_goes_on(loss, &[Run, Reset, When::Check].map(|when| unharmed(Conductor, when)));
    }
}

#[test]
fn whoever_may_not_let_a_file_grow_goes_on() {
    each_goes_on(FileSize, &[Idle, Run, Reset].map(|when| unharmed(Listener, when)));
    each_goes_on(FileSize, &[Run, Reset].map(|when| unharmed(Session, when)));
    each_goes_on(FileSize, &[Run, Reset, When::Check].map(|when| cell(Conductor, when, 1, "ile too large")));
    each_goes_on(FileSize, &[unharmed(Check, When::Check)]);
}

#[test]
fn whoever_has_used_up_its_descriptors_goes_on() {
    let not_taken = Cell { who: Listener, when: Idle, status: 1, said: "`hello` was not answered", resets: 0 };
    each_goes_on(Descriptors, &[not_taken, unharmed(Listener, Run), unharmed(Listener, Reset)]);
    each_goes_on(Descriptors, &[Run, Reset].map(|when| unharmed(Session, when)));
    each_goes_on(Descriptors, &[Run, Reset].map(|when| cell(Conductor, when, 1, "oo many open files")));
    each_goes_on(Descriptors, &[unharmed(Conductor, When::Check), unharmed(Check, When::Check)]);
}

#[test]
fn whoever_can_make_no_process_goes_on() {
    if let Err(why) = can_limit_processes() {
        return skip(&why);
    }
    let not_made = "it was retried until `reset_timeout` had passed";
    each_goes_on(
        Processes,
        &[
            Cell { resets: 0, ..cell(Listener, Idle, 1, "not carried out: ") },
            unharmed(Listener, Run),
            unharmed(Listener, Reset),
            Cell { resets: 0, ..cell(Session, Run, 0, not_made) },
            unharmed(Session, Reset),
            cell(Conductor, Run, 1, "esource temporarily unavailable"),
            cell(Conductor, Reset, 1, "esource temporarily unavailable"),
            unharmed(Conductor, When::Check),
            unharmed(Check, When::Check),
        ],
    );
}

#[test]
fn a_reset_that_finds_no_process_is_run_as_soon_as_there_is_one() {
    if let Err(why) = can_limit_processes() {
        return skip(&why);
    }
    let mut scene = Scene::new(Processes, Session, "1m");
    scene.start();
    scene.wait_for(Run);
    scene.lose();
    scene.let_go_on(Run);
    scene.wait_for_log("reset of reset cannot be started yet: ");
    scene.make_room();
    for moment in [Reset, When::Check] {
        scene.wait_for(moment);
        scene.let_go_on(moment);
    }
    let finished = scene.finish();
    assert_eq!((finished.status, scene.resets()), (Some(0), 1), "{finished:#?}");
    scene.run_again();
}

#[test]
fn a_dead_session_for_whose_reset_there_is_no_process_is_reset_as_soon_as_there_is_one_or_named() {
    if let Err(why) = can_limit_processes() {
        return skip(&why);
    }
    for (reset_timeout, resets, told) in [("1m", 1, "Reset was run\n"), ("2s", 0, "but its Reset was not run\n")] {
        let mut scene = Scene::new(Processes, Listener, reset_timeout);
        scene.start();
        scene.wait_for(Run);
        scene.lose();
        kill(scene.player.children()[0], libc::SIGKILL);
        scene.wait_for_log("cannot run Reset yet: cannot create a process: ");
        for moment in [Reset, When::Check] {
            scene.let_go_on(moment);
        }
        if resets == 0 {
            scene.wait_for_log("but its Reset was not run\n");
        }
        scene.make_room();
        let finished = scene.finish();
        assert_eq!(finished.status, Some(4), "{finished:#?}");
        let said = scene.run_again();
        assert!(said.contains("its session died; cannot create a process: ") && said.contains(told), "{said}");
        assert_eq!(scene.resets(), resets, "{said}");
    }
}

#[test]
fn whoever_is_on_a_disk_that_is_full_goes_on() {
    if let Err(error) = Disk::new() {
        return skip(&format!("no file system can be made here: {error}"));
    }
    each_goes_on(Results, &[Run, Reset, When::Check].map(|when| cell(Conductor, when, 1, "o space left on device")));
    each_goes_on(Temporary, &[Run, Reset, When::Check].map(|when| cell(Conductor, when, 1, "o space left on device")));
    each_goes_on(Temporary, &[Idle, Run, Reset].map(|when| unharmed(Listener, when)));
}

/// Runs a test of which two steps print more than finds room on a disk of 64 KiB, with this option or variable for it:
/// each of these steps is named once in the log and in the report, and in every format what is missing is marked on it.
#[track_caller]
fn the_rest_is_marked(folder: &Folder, lacking: &[&str], use_disk: impl FnOnce(&mut Command)) -> Finished {
    let player = Player::start();
    let steps = "first = echo first\nmuch = seq 1 100000; seq 1 100000 >&2\nmore = seq 1 100000\nlast = echo last\n";
    folder.test("", &["w"]).worker("w", player.port, &format!("[Run]\n{steps}"));
    let mut command = conductor(folder, ["conduct", "-p", "run", "--run-id", "r", "--log-file", "log"]);
    for format in ["json", "junit", "jsonl", "html", "github"] {
        command.args(["--report", &format!("{format}={format}")]);
    }
    use_disk(&mut command);
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    // What is said is the same everywhere, and once; it is said when it happens.
    let (log, report) = (folder.read("log"), folder.read("json"));
    let over = log.find("Trial 1 of 1: ").expect("the end of the trial");
    for step in lacking {
        let lacks = format!("cannot save all output of step `{step}` in run of trial 1: no space left on device");
        let counts = [&finished.stdout, &log, &report].map(|said| said.matches(&lacks).count());
        assert_eq!(counts, [1, 1, 1], "{lacks}: {finished:#?}\n{log}");
        assert!(log.find(&lacks).is_some_and(|at| at < over), "{log}");
    }
    // What is missing is marked: on both streams of one step, and on one of each other.
    let streams = lacking.len() + 1;
    let missing = " bytes could not be stored: no space left on device";
    for (format, text) in [("text", &finished.stdout), ("json", &report), ("junit", &folder.read("junit"))] {
        assert!(text.matches(missing).count() >= streams, "{format}: {text}");
    }
    let events = folder.read("jsonl");
    let marked = |line: &&str| line.contains("\"step_ended\"") && line.contains("no space left on device");
    assert_eq!(events.lines().filter(marked).count(), lacking.len());
    assert_eq!(folder.read("html").matches("\"error\":\"no space left on device\"").count(), streams);
    let annotations = folder.read("github");
    assert!(annotations.contains("no space left on device"), "{annotations}");
    for step in ["first", "much", "more", "last"] {
        assert_eq!(annotations.contains(&format!("`{step}`")), lacking.contains(&step), "{step}: {annotations}");
    }
    finished
}

#[test]
fn what_fits_on_a_small_disk_is_kept_and_each_step_that_lacks_something_is_named_once() {
    let disk = match Disk::new() {
        Ok(disk) => disk,
        Err(error) => return skip(&format!("no file system can be made here: {error}")),
    };
    let folder = Folder::new();
    let results = disk.path();
    let finished = the_rest_is_marked(&folder, &["much", "more"], |command| {
        command.arg("--results").arg(&results).arg("test.cfg");
    });
    let file = |name: &str| std::fs::read_to_string(results.join("r/outputs/trial-1/w").join(name)).unwrap_or_default();
    assert_eq!([file("run-01-first.stdout"), file("run-04-last.stdout")], ["first\n", "last\n"], "{finished:#?}");
    let much = file("run-02-much.stdout");
    assert!(much.len() >= 4096 && much.starts_with("1\n2\n3\n"), "{} bytes are kept", much.len());
    let named = |text: &str| -> std::collections::BTreeSet<String> {
        let all = text.lines().filter_map(|line| line.split_once("cannot write output `")?.1.split_once("`: "));
        all.map(|(name, _)| name.to_owned()).collect()
    };
    let log = folder.read("log");
    assert!(!named(&log).is_empty(), "{log}");
    assert_eq!(named(&log), named(&finished.stdout), "{finished:#?}\n{log}");
}

#[test]
fn without_a_results_folder_the_same_holds_of_the_folder_for_temporary_files() {
    let disk = match Disk::new() {
        Ok(disk) => disk,
        Err(error) => return skip(&format!("no file system can be made here: {error}")),
    };
    let folder = Folder::new();
    // All outputs are in one file there: once that cannot grow, there is no room for a short one either.
    let finished = the_rest_is_marked(&folder, &["much", "more", "last"], |command| {
        command.env("TMPDIR", disk.path()).arg("test.cfg");
    });
    assert!(finished.stdout.contains("| first\n") && finished.stdout.contains("| 1\n"), "{finished:#?}");
}

#[test]
fn whoever_loses_its_terminal_ends_in_good_order() {
    if skip_without_hang_ups() {
        return;
    }
    let stopped = "the player was shut down; its steps were stopped and Reset was run";
    each_goes_on(
        Terminal,
        &[
            Cell { resets: 0, ..cell(Listener, Idle, 1, "not carried out: ") },
            cell(Listener, Run, 4, stopped),
            cell(Listener, Reset, 4, stopped),
            cell(Conductor, Run, 129, "interrupted by SIGHUP"),
            cell(Conductor, Reset, 129, "interrupted by SIGHUP"),
            cell(Conductor, When::Check, 129, "interrupted by SIGHUP"),
        ],
    );
}

#[test]
fn whoever_loses_its_log_goes_on() {
    for loss in [LogFile, LogFolder, LogDisk, LogPipe, UnreadLogPipe] {
        let listener = [Idle, Run, Reset].map(|when| unharmed(Listener, when));
        let conductor = [Run, Reset, When::Check].map(|when| unharmed(Conductor, when));
        each_goes_on(loss, &[listener, conductor].concat());
    }
}

#[test]
fn a_file_that_is_put_on_a_full_disk_fails_its_step_and_leaves_nothing_there() {
    let disk = match Disk::new() {
        Ok(disk) => disk,
        Err(error) => return skip(&format!("no file system can be made here: {error}")),
    };
    disk.fill();
    let (player, folder) = (Player::start(), Folder::new());
    let (there, here) = (disk.path(), folder.path().display());
    folder.file("large", &"x".repeat(100_000)).test("", &["w"]);
    let steps = format!("[Run]\np = put:large -> {}/large\n[Reset]\nr = mkdir {here}/reset-$$\n", there.display());
    folder.worker("w", player.port, &steps);
    let finished = run(&folder, ["conduct", "-q", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    assert!(finished.stdout.contains("o space left on device"), "{finished:#?}");
    let resets = || folder.path().read_dir().expect("a folder").flatten();
    assert_eq!(resets().filter(|entry| entry.file_name().to_string_lossy().starts_with("reset-")).count(), 1);
    let left: Vec<_> = there.read_dir().expect("the disk").flatten().map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["filler"], "nothing is left of it");
    folder.worker("w", player.port, "[Run]\ns = true\n");
    run(&folder, ["conduct", "-q", "-o", "result", "test.cfg"]).assert(0, str![""], str![""]);
}

#[test]
fn a_log_pipe_gets_its_reader_late_and_the_run_passes() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("", &["w"]).worker("w", player.port, "[Run]\ns = true\n[Reset]\nr = true\n");
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("log"), 0o600.into()).expect("a named pipe");
    let said = File::create(folder.join("said")).expect("a file");
    let mut command = conductor(&folder, ["conduct", "-o", "results", "--log-file", "log", "test.cfg"]);
    command.stderr(said);
    let child = crate::support::spawn(command);
    let word = "waiting for a process that reads the log `log`\n";
    crate::support::eventually("the wait is told of", || folder.read("said") == word);
    let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
    let reader = rustix::fs::open(folder.join("log"), flags, rustix::fs::Mode::empty()).expect("its reading end");
    assert_eq!(finish(child).status, Some(0));
    let mut log = String::new();
    std::io::Read::read_to_string(&mut File::from(reader), &mut log).expect("the log");
    assert!(log.contains("Trial 1 of 1: passed"), "{log}");
}

fn full() -> File {
    File::options().write(true).open("/dev/full").expect("/dev/full")
}

#[test]
fn a_configuration_with_a_warning_is_run_though_standard_error_is_full() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("unknown_key = 1", &["w"]).worker("w", player.port, "[Run]\nstep = echo said\n");
    let mut command = conductor(&folder, ["conduct", "-v", "-f", "classic", "-p", "run", "test.cfg"]);
    let child = command.stdout(Stdio::piped()).stderr(full()).spawn().expect("the program starts");
    finish(child).assert(
        0,
        str![[r#"
0 phase received
0 said

65535 phases complete

"#]],
        str![""],
    );
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_not_the_end() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nmuch = seq 1 100000\nend = echo end\n");
    let mut command = Command::new("/bin/sh");
    let script = "ulimit -f 200; exec \"$0\" conduct -q -f json --results kept test.cfg";
    command.args(["-c", script, CONDUCTOR]).current_dir(folder.path());
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stdout.contains("File too large") || finished.stdout.contains("file too large"), "{finished:#?}");
    let document: Value = serde_json::from_str(&finished.stdout).expect("a document");
    let results = &document["trials"][0]["phases"]["run"]["workers"]["w"]["results"];
    let numbers = |position: usize| {
        let of = |name: &str| results[position][name].as_u64().expect("a number");
        (of("stdout_bytes"), of("stdout_left_out"))
    };
    // Both are counted, whether or not anything of them was kept.
    let (printed, left_out) = numbers(0);
    assert_eq!(printed, 588_895);
    assert!(left_out >= printed - 200 * 1024, "{left_out} of {printed} bytes are left out");
    assert_eq!(numbers(1), (4, if results[1]["stdout"] == "end\n" { 0 } else { 4 }));
    let unkept = "cannot save all output of step `much` in run of trial 1: file too large";
    assert!(finished.stdout.contains(&format!("\"{unkept}\"")), "{finished:#?}");
    assert!(finished.stdout.contains(" bytes could not be stored: file too large …]"), "{finished:#?}");
    // The player is free.
    run(&folder, ["conduct", "-q", "-o", "result", "test.cfg"]).assert(0, str![""], str![""]);
}
