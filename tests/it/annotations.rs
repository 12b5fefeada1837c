//! The `github` report: annotations of the lines of the configuration that failed.

use crate::support::{Folder, run};
use snapbox::str;

/// A test in a folder of a repository: two workers have a file, one has its sections in the test file.
fn repository() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("tests")).expect("a folder");
    let test = "[Test]\ncheck = echo 3 of 4 files; exit 2\n\n[Workers]\nnode[1-2] = node.cfg @ 127.0.0.1:6970\n\
                client = @ 127.0.0.1:6971\n\n[client:Run]\nmeet = barrier:ready\n# several lines\nload =\n  echo one\n  \
                echo 100%% >&2; exit 3\n";
    folder.file("tests/test.cfg", test);
    folder.file("tests/node.cfg", "[Run]\n\nverify = echo wrong; exit 1\nmeet = barrier:ready\n");
    folder
}

#[test]
fn each_annotation_has_the_file_and_the_line_of_the_step_that_failed() {
    let folder = repository();
    let line = ["conduct", "-q", "--local", "-f", "github", "--results", "kept", "--run-id", "r", "tests/test.cfg"];
    let finished = run(&folder, line);
    finished.assert(3, str![[r#"
::error file=tests/node.cfg,line=3,title=failed%3A `verify` on node[1-2] in run of trial 1%3A exit 1::wrong%0Aconsequences: `check` of trial 1 failed: exit 2%0Atests/test.cfg, run r
::error file=tests/test.cfg,line=11,title=failed%3A `load` on client in run of trial 1%3A exit 3::one%0A100%25%0Atests/test.cfg, run r

"#]], str![""]);
    // A kept run has the lines too.
    let again = run(&folder, ["report", "kept/r", "-f", "github"]);
    assert_eq!(again.stdout, finished.stdout);
}

#[test]
fn annotations_go_to_a_file_beside_the_results() {
    let folder = repository();
    let line = ["conduct", "-q", "--local", "-p", "run", "--report", "github=annotations", "tests/test.cfg"];
    let finished = run(&folder, line);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let places = folder.read("annotations");
    let mut places: Vec<_> =
        places.lines().filter_map(|line| line.split_once(",title")).map(|(place, _)| place).collect();
    places.sort_unstable();
    assert_eq!(places, ["::error file=tests/node.cfg,line=3", "::error file=tests/test.cfg,line=11"]);
}

#[test]
fn the_annotation_of_a_failed_check_has_the_line_of_the_check() {
    let folder = Folder::new();
    let test =
        "[Test]\ntrials = 1\n# several lines\ncheck =\n  echo 3 of 4 files\n  exit 2\n[Workers]\nnode = node.cfg\n";
    folder.file("test.cfg", test);
    folder.file("node.cfg", "[Coordinator]\nplayer = 127.0.0.1\n[Run]\nload = true\n");
    let line = ["conduct", "-q", "--local", "-f", "github", "--results", "kept", "--run-id", "r", "test.cfg"];
    let finished = run(&folder, line);
    finished.assert(
        3,
        str![[r#"
::error file=test.cfg,line=4,title=failed%3A `check` of trial 1%3A exit 2::3 of 4 files%0Atest.cfg, run r

"#]],
        str![""],
    );
    // A kept run has the line too.
    let again = run(&folder, ["report", "kept/r", "-f", "github"]);
    assert_eq!(again.stdout, finished.stdout);
}

#[test]
fn the_annotation_of_a_metric_that_failed_its_trial_has_the_line_of_its_section() {
    let folder = Folder::new();
    let test = "[Test]\ncheck = echo metric drops 7\n[Workers]\nnode = @ 127.0.0.1\n\n[node:Run]\nload = echo 812\n\n\
                # not a line of the section\n[Metric goodput]\nfrom = node.run.load\nexpect = >= 900\n\n\
                [Metric delay]\nfrom = node.run.load:stderr\nunit = ms\n\n[Metric drops]\nfrom = check\nexpect = == 0\n";
    folder.file("test.cfg", test);
    let line = ["conduct", "-q", "--local", "-f", "github", "--results", "kept", "--run-id", "r", "test.cfg"];
    let finished = run(&folder, line);
    finished.assert(3, str![[r#"
::error file=test.cfg,line=10,title=failed%3A metric `goodput` on node of trial 1%3A 812%2C expected >= 900::test.cfg, run r
::error file=test.cfg,line=14,title=failed%3A metric `delay` on node of trial 1%3A missing%3A no number in the standard error of `load` on node in run::test.cfg, run r
::error file=test.cfg,line=18,title=failed%3A metric `drops` of trial 1%3A 7%2C expected == 0::test.cfg, run r

"#]], str![""]);
    // A kept run has the lines too.
    let again = run(&folder, ["report", "kept/r", "-f", "github"]);
    assert_eq!(again.stdout, finished.stdout);
}
