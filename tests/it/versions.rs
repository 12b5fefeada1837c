//! `versions`: what its commands print on the workers' machines is in the reports, and differences are named.

use crate::support::{Finished, Folder, run};

fn test(folder: &Folder) {
    let text = "[Test]\nresults = results\nversions =\n    cat tool\n    echo $CONDUCTOR_WORKER >&2; sleep 0\n    exit 3\n\
                [Workers]\na = @ 127.0.0.1\nb = @ 127.0.0.1\n[*:Run]\nstep = echo %(worker)s 1\n[Metric m]\nfrom = a.run.step\n";
    folder.file("test.cfg", text);
}

fn conduct(folder: &Folder, run_id: &str) -> Finished {
    run(folder, ["conduct", "--local", "--quiet", "--run-id", run_id, "--report", "json=report.json", "test.cfg"])
}

#[test]
fn what_the_commands_print_is_in_the_reports() {
    let folder = Folder::new();
    test(&folder);
    folder.file("tool", "tool 1.2\nbuilt today\n");
    let finished = conduct(&folder, "r");
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
    for worker in ["a", "b"] {
        let workers = report["workers"].as_array().expect("a list");
        let own = workers.iter().find(|own| own["name"] == worker).expect("the worker");
        let versions = serde_json::json!([
            {"command": "cat tool", "printed": "tool 1.2"},
            {"command": "echo $CONDUCTOR_WORKER >&2; sleep 0", "printed": worker},
            {"command": "exit 3", "printed": "failed with exit status 3, and printed nothing"},
        ]);
        assert_eq!(own["versions"], versions);
    }
    let events = folder.read("results/r/events.jsonl");
    assert_eq!(events.matches("\"event\":\"versions_printed\"").count(), 2, "{events}");
    let page = folder.read("results/r/report.html");
    assert!(page.contains("; tool 1.2; a; failed with exit status 3, and printed nothing"), "{page}");
    // A report that is made from the record has them too.
    let again = run(&folder, ["report", "results/r", "-f", "json"]);
    let again: serde_json::Value = serde_json::from_str(&again.stdout).expect("JSON");
    assert_eq!(again["workers"], report["workers"]);
}

#[test]
fn versions_that_differ_are_named_when_runs_are_compared_and_when_a_run_is_resumed() {
    let folder = Folder::new();
    test(&folder);
    folder.file("tool", "tool 1.2\n");
    assert_eq!(conduct(&folder, "before").status, Some(0));
    folder.file("tool", "tool 1.3\n");
    assert_eq!(conduct(&folder, "after").status, Some(0));
    let compared = run(&folder, ["compare", "results/before", "results/after"]);
    for worker in ["a", "b"] {
        let expected = format!("version of `cat tool` of {worker}");
        assert!(compared.stdout.contains(&expected), "{compared:#?}");
    }
    assert!(compared.stdout.contains("tool 1.2") && compared.stdout.contains("tool 1.3"), "{compared:#?}");
    assert!(!compared.stdout.contains("CONDUCTOR_WORKER"), "{compared:#?}");
    folder.file("tool", "tool 1.4\n");
    let resumed = run(&folder, ["conduct", "--quiet", "--resume", "results/after", "--trials", "2"]);
    assert_eq!(resumed.status, Some(0), "{resumed:#?}");
    for worker in ["a", "b"] {
        let expected = format!("warning: {worker}: `cat tool` printed `tool 1.4`, and `tool 1.3` earlier in the run");
        assert!(resumed.stdout.contains(&expected), "{resumed:#?}");
    }
}
