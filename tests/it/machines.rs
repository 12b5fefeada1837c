//! What a run tells of the machines of its workers.

use crate::support::{Folder, run};
use serde_json::Value;

/// The kernel of this machine, as a player describes it.
fn kernel() -> String {
    let name = rustix::system::uname();
    [name.sysname(), name.release(), name.machine()].map(|part| part.to_string_lossy()).join(" ")
}

#[test]
fn the_kernel_of_each_machine_is_in_the_reports_for_programs_and_on_the_page() {
    let folder = Folder::new();
    folder.test("", &["a", "b"]);
    for name in ["a", "b"] {
        folder.worker(name, 1, "[Run]\nstep = true\n");
    }
    let finished = run(&folder, ["conduct", "-q", "--local", "--results", "kept", "--run-id", "r", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(!finished.stdout.contains("machines differ"), "{finished:#?}");
    let report: Value = serde_json::from_str(&folder.read("kept/r/report.json")).expect("JSON");
    for worker in report["workers"].as_array().expect("workers") {
        assert_eq!(worker["kernel"], kernel(), "{report:#}");
        assert!(worker["system"].is_string() || worker["system"].is_null(), "{report:#}");
    }
    let events = folder.read("kept/r/events.jsonl");
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let connected = events.filter(|event| event["event"] == "worker_connected");
    assert_eq!(connected.map(|event| event["kernel"].clone()).collect::<Vec<_>>(), [kernel(), kernel()]);
    assert!(folder.read("kept/r/report.html").contains(&kernel()));
    // A kept run has it too, and the record of a version that did not have it can be read.
    let again = |folder: &Folder| run(folder, ["report", "kept/r", "-f", "json"]);
    assert!(again(&folder).stdout.contains(&format!("\"kernel\": \"{}\"", kernel())));
    let old = folder.read("kept/r/events.jsonl").replace(&format!(",\"kernel\":\"{}\"", kernel()), "");
    folder.file("kept/r/events.jsonl", &old);
    assert!(again(&folder).stdout.contains("\"kernel\": null"), "{:#?}", again(&folder));
}
