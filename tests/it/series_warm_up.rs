//! The warm-up of a series: what its trials fail by, and where they count.

use crate::support::{Finished, Folder, run};

/// A series of one point with two trials after one of the warm-up, which is the first.
fn series(folder: &Folder, run_id: &str, of_test: &str, lines: &str) -> Finished {
    let text = format!(
        "[Test]\ntrials = 2\nresults = results\n{of_test}[Parameters]\nx = 1\n[Series]\nwarmup = 1\n\
         [Workers]\nw = @ 127.0.0.1\n{lines}"
    );
    folder.file("test.cfg", &text);
    let arguments = ["conduct", "--local", "-q", "--run-id", run_id, "--report", "text=report.txt"];
    run(folder, arguments.iter().chain(&["--report", "json=report.json", "test.cfg"]))
}

/// The verdicts of all trials in the JSON report.
fn verdicts(folder: &Folder) -> Vec<String> {
    let report: serde_json::Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
    let trials = report["trials"].as_array().expect("a list").clone();
    trials.iter().map(|trial| trial["verdict"].as_str().unwrap_or("-").to_owned()).collect()
}

#[test]
fn a_metric_is_not_judged_in_a_trial_of_the_warm_up_and_does_not_count_there() {
    let folder = Folder::new();
    let step = "[w:Run]\nn = test $CONDUCTOR_TRIAL = 1 && echo many=9 || echo few=%(x)s\n[Metric n]\nfrom = w.run.n\n";
    for (run_id, metric) in [("outside", "expect = <= 5\n"), ("missing", "regex = few=(.*)\n")] {
        let finished = series(&folder, run_id, "", &format!("{step}{metric}"));
        assert_eq!(finished.status, Some(0), "{finished:#?}");
        assert_eq!(verdicts(&folder), ["passed", "passed", "passed"]);
        let text = folder.read("report.txt");
        assert!(!text.contains("failed") && !text.contains("expected"), "{text}");
        let values = folder.read(&format!("results/{run_id}/values.csv"));
        let rows: Vec<&str> = values.lines().filter(|line| line.contains(",n,w,")).collect();
        assert_eq!(rows.len(), 3, "{values}");
        assert!(rows[0].ends_with("warm-up"), "{values}");
        // The same metrics, read again from the record.
        let kept = format!("results/{run_id}");
        let again = run(&folder, ["report", &kept, "--config", "test.cfg", "-f", "json", "-o", "report.json"]);
        assert_eq!(again.status, Some(0), "{again:#?}");
        assert_eq!(verdicts(&folder), ["passed", "passed", "passed"]);
    }
}

#[test]
fn a_step_or_check_that_fails_in_the_warm_up_fails_the_run_and_says_where() {
    let folder = Folder::new();
    let (good, bad) = ("[w:Run]\ns = echo %(x)s\n", "[w:Run]\ns = test $CONDUCTOR_TRIAL != %(x)s\n");
    for (run_id, of_test, steps, expected) in [
        ("step", "", bad, "`s` on w in run of trial 1 (warm-up): "),
        ("check", "check = test $CONDUCTOR_TRIAL != 1\n", good, "`check` of trial 1 (warm-up): "),
    ] {
        let finished = series(&folder, run_id, of_test, steps);
        assert_eq!(finished.status, Some(3), "{finished:#?}");
        let text = folder.read("report.txt");
        assert!(text.contains(expected), "{text}");
        assert!(text.contains("1 of 3 trials failed, 1 of them warm-up"), "{text}");
        assert_eq!(verdicts(&folder), ["failed", "passed", "passed"]);
    }
    // A trial of the warm-up is none of those that are compared.
    let compared = run(&folder, ["compare", "results/check", "results/step"]);
    assert!(!compared.stdout.contains("1 of"), "{compared:#?}");
}
