//! The `trace` report of real runs, and the importer of Perfetto, which is to read it.

use std::process::Command;

use crate::support::{Finished, Folder, finish, run, start, surroundings};
use serde_json::Value;
use snapbox::str;

/// A run of two workers with a barrier and a step beside others; its trace is in `trace.json`.
fn traced() -> (Folder, Finished) {
    let folder = Folder::new();
    folder.file(
        "test.cfg",
        "[Test]\ncheck = true\n\
         [Workers]\na = @ 127.0.0.1\nb = @ 127.0.0.1\n\
         [*:Run]\nserver = spawn:sleep 600\nwork = sleep 0.05\nmeet = barrier:here\nlast = true\n",
    );
    let line = ["conduct", "-q", "--local", "-f", "trace", "-o", "trace.json", "test.cfg"];
    let finished = run(&folder, line);
    (folder, finished)
}

#[test]
fn a_trace_of_a_real_run_has_a_process_for_each_worker_and_an_arrow_for_the_barrier() {
    let (folder, finished) = traced();
    finished.assert(0, str![""], str![""]);
    let document: Value = serde_json::from_str(&folder.read("trace.json")).expect("JSON");
    let entries = document["traceEvents"].as_array().expect("entries");
    let told: Vec<String> = entries
        .iter()
        .filter(|entry| entry["ph"] != "M" || entry["name"] == "process_name")
        .map(|entry| {
            let name = entry["args"]["name"].as_str().or(entry["name"].as_str()).expect("a name");
            format!("{} {}.{} {name}", entry["ph"].as_str().expect("a kind"), entry["pid"], entry["tid"])
        })
        .collect();
    let (names, rest) = told.split_at(3);
    assert_eq!(names, ["M 1.1 conductor", "M 2.1 a", "M 3.1 b"]);
    for expected in ["X 1.1 trial 1", "X 1.1 run", "X 1.1 check", "X 2.2 server", "X 3.1 meet", "X 3.1 last"] {
        assert!(rest.iter().any(|entry| entry == expected), "no {expected} in {rest:#?}");
    }
    for kind in ["s ", "f "] {
        assert_eq!(rest.iter().filter(|entry| entry.starts_with(kind)).count(), 1, "{rest:#?}");
    }
}

#[test]
fn the_importer_of_perfetto_reads_a_trace() {
    if !surroundings::has_programs(&["trace_processor_shell"]) {
        return;
    }
    let (folder, finished) = traced();
    finished.assert(0, str![""], str![""]);
    folder.file("query.sql", "select count(*) from slice where category = 'step';\n");
    let mut importer = Command::new("trace_processor_shell");
    importer.args(["-q", "query.sql", "trace.json"]).current_dir(folder.path());
    let read = finish(start(importer));
    assert_eq!(read.status, Some(0), "{read:#?}");
    assert!(read.stdout.lines().any(|line| line.trim() == "8"), "{read:#?}");
}
