//! The files that `conduct` makes: through no link that somebody planted, each on its own, and none is left half made.

use std::fs;

use snapbox::str;

use crate::support::{Folder, Player, conductor, eventually, finish, run, start};

fn names(folder: &std::path::Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    let mut names: Vec<_> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn outputs_are_not_written_through_a_planted_link() {
    let (player, folder, outside) = (Player::start(), Folder::new(), Folder::new());
    // The step of the first trial plants a link where the outputs of the second go.
    let steps = format!(
        "[Run]\nprint = echo words\nplant = until [ -d {0} ]; do sleep 0.02; done; test -L {0}/trial-2 || ln -s {1} {0}/trial-2\n",
        folder.join("kept/r/outputs").display(),
        outside.path().display()
    );
    folder.test("trials = 2", &["w"]).worker("w", player.port, &steps);
    let finished = run(&folder, ["conduct", "-q", "-f", "classic", "--results", "kept", "--run-id", "r", "test.cfg"]);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let why = "cannot save the output of the steps: `trial-2` in the results folder is a symbolic link, which \
               `conduct` does not follow";
    assert!(finished.stdout.contains(why), "{finished:#?}");
    assert!(names(outside.path()).is_empty(), "{:?}", names(outside.path()));
    assert_eq!(folder.read("kept/r/outputs/trial-1/w/run-01-print.stdout"), "words\n");
}

#[test]
fn a_killed_conductor_leaves_no_part_of_a_report() {
    let (player, folder) = (Player::start(), Folder::new());
    let ready = folder.join("ready");
    let step = format!("[Run]\nlong = : > {}; sleep 60\n", ready.display());
    folder.test("lease = 1s", &["w"]).worker("w", player.port, &step);
    let report = folder.join("reports");
    fs::create_dir(&report).expect("a folder");
    // Not every file system makes files without a name; there the part has one, and stays.
    let part = rustix::fs::openat(
        rustix::fs::CWD,
        &report,
        rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::WRONLY,
        rustix::fs::Mode::RUSR,
    );
    if part.is_err() {
        return eprintln!("skipped: the file system of {} makes no files without a name", report.display());
    }
    let mut child = start(conductor(&folder, ["conduct", "-q", "--report", "json=reports/r", "test.cfg"]));
    eventually("the step runs", || ready.exists());
    child.kill().expect("a child can be killed");
    finish(child);
    assert!(names(&report).is_empty(), "{:?}", names(&report));
}

#[test]
fn a_report_is_written_though_the_results_can_not_be() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("", &["w"]).worker("w", player.port, "[Run]\ns = echo out\n").file("kept", "a file");
    let line =
        ["conduct", "-q", "--results", "kept", "--report", "json=report", "--report", "text=no/such", "test.cfg"];
    let finished = run(&folder, line);
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    let report = folder.read("report");
    for why in [
        "cannot write the output `no/such`: No such file or directory (os error 2)",
        "cannot create the results folder `kept`: File exists (os error 17)",
    ] {
        assert!(finished.stderr.contains(why), "{finished:#?}");
        assert!(finished.stdout.contains(why), "{finished:#?}");
        assert!(report.contains(why), "{report}");
    }
}

#[test]
fn latest_stays_with_the_run_before_when_nothing_begins() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("connect_timeout = 1s", &["w"]).worker("w", player.port, "[Run]\ns = echo out\n");
    let line = |id| ["conduct", "-q", "--results", "kept", "-o", "out", "--run-id", id, "test.cfg"];
    run(&folder, line("good")).assert(0, str![""], str![""]);
    folder.file("broken.cfg", "[Test]\ntrials = many\n[Workers]\nw = w.cfg\n");
    let refused = ["conduct", "-q", "--results", "kept", "-o", "out", "--run-id", "refused", "broken.cfg"];
    assert_eq!(run(&folder, refused).status, Some(1));
    drop(player);
    assert_eq!(run(&folder, line("unreachable")).status, Some(1));
    assert_eq!(fs::read_link(folder.join("kept/latest")).expect("a link").to_str(), Some("good"));
    assert!(folder.join("kept/refused/report.json").exists(), "what was refused has a report of its own");
}
