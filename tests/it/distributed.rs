//! A whole distributed test, `testdata/distributed`: a server and two clients, readiness, barriers, a measurement of a given
//! length, a capture that is stopped and fetched, a check that judges it, and everything reset.

use crate::support::{Folder, run};

#[test]
fn a_server_is_loaded_by_two_clients_captured_judged_and_everything_is_reset() {
    passes("test.cfg");
}

#[test]
fn the_same_test_in_one_file_does_the_same() {
    passes("one.cfg");
}

fn passes(file: &str) {
    let folder = Folder::new();
    let test = format!("{}/testdata/distributed/{file}", env!("CARGO_MANIFEST_DIR"));
    let place = format!("place={}", folder.join("place").display());
    let arguments = ["conduct", "--local", "--quiet", "-D", &place, "--results", "results", "-t", "2", &test];
    let finished = run(&folder, arguments);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    for expected in ["barrier load: passed by 3 workers; ", "Trial 2 of 2, check\n  passed  ", " requests\n"] {
        assert!(finished.stdout.contains(expected), "`{expected}` is missing: {finished:#?}");
    }
    for trial in 1..=2 {
        let capture = folder.read(&format!("results/latest/trial-{trial}/server/capture.log"));
        for client in 1..=2 {
            assert!(capture.contains(&format!("client{client} sends 1\n")), "{capture}");
            assert!(capture.contains(&format!("client {client} is done\n")), "{capture}");
        }
    }
    assert!(!folder.join("place").exists(), "Reset has run");
}
