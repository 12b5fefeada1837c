//! The JSON Schemas of the `json` and `jsonl` reports, of `compare` and of `history` hold for what is really written.

use std::path::Path;

use crate::support::{Folder, run};
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

struct Schema(Schemas, SchemaIndex);

impl Schema {
    fn of(format: &str) -> Self {
        let mut compiler = Compiler::new();
        // Schemas refer to that of the `json` report.
        for name in [format, "json"].map(|format| format!("{format}.schema.json")) {
            let text = std::fs::read_to_string(root().join("src/report").join(&name)).expect("a schema");
            compiler.add_resource(&name, serde_json::from_str(&text).expect("JSON")).expect("a schema");
        }
        let mut schemas = Schemas::new();
        let index = compiler.compile(&format!("{format}.schema.json"), &mut schemas).expect("a schema");
        Self(schemas, index)
    }

    #[track_caller]
    fn assert(&self, what: &str, text: &str) {
        let value: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{what}: {error}"));
        if let Err(error) = self.0.validate(&value, self.1) {
            panic!("{what}: {error:#}");
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The recorded reports whose names end so.
fn recorded(end: &str) -> Vec<(String, String)> {
    let files = std::fs::read_dir(root().join("testdata/report")).expect("a folder");
    let files = files.map(|file| file.expect("a file").path()).filter(|path| path.to_string_lossy().ends_with(end));
    let read = |path: std::path::PathBuf| (path.display().to_string(), std::fs::read_to_string(path).expect("a file"));
    let found: Vec<_> = files.map(read).collect();
    assert!(!found.is_empty());
    found
}

#[test]
fn the_recorded_reports_are_as_their_schemas_say() {
    let document = Schema::of("json");
    for (name, text) in recorded(".json").iter().filter(|(name, _)| !name.ends_with("dry_run.json")) {
        document.assert(name, text);
    }
    let line = Schema::of("jsonl");
    for (name, text) in recorded(".jsonl") {
        text.lines().for_each(|text| line.assert(&name, text));
    }
}

#[test]
fn the_reports_of_real_runs_are_as_their_schemas_say() {
    let folder = Folder::new();
    folder.test("trials = 2\nmax_start_skew = 1h\ncheck = echo checked", &["dut", "generator"]);
    folder.worker(
        "dut",
        6970,
        "[Environment]\nA = 1\n[Startup]\nspawn1 = echo up; sleep 600\n[Run]\nready = await5:spawn1 up\nmeet = barrier:here\n\
         fails = mayfail:printf 'a\\377b'; exit 3\nput = put:dut.cfg -> data\nget = fetch:data\n\
         timeout1 = must:sleep 60\nskipped = true\n[Reset]\nr = rm data\n",
    );
    folder.worker(
        "generator",
        6970,
        "[Run]\nmeet = barrier:here\ntry = until5:test -e made || ! : > made\n[Reset]\nr = rm made\n",
    );
    let reports = ["--report", "json=report.json", "--report", "jsonl=events", "--results", "kept"];
    let finished = run(&folder, ["conduct", "--local", "-q", "test.cfg"].iter().chain(&reports));
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    Schema::of("json").assert("report.json", &folder.read("report.json"));
    let line = Schema::of("jsonl");
    let events = folder.read("events");
    for kind in [
        "barrier_released",
        "barrier_ended",
        "check_started",
        "check_ended",
        "spawned_ended",
        "output",
        "attempts",
        "base64",
        "fetched_files",
    ] {
        assert!(events.contains(kind), "no {kind} in {events}");
    }
    events.lines().for_each(|text| line.assert("events", text));
}

/// Runs a series of three trials for each of these values; what it prints is more by this number.
fn series(folder: &Folder, run_id: &str, values: &str, more: u32, metrics: &str) {
    let text = format!(
        "[Test]\ntrials = 3\n[Parameters]\nn = {values}\n[Workers]\nclient = @ 127.0.0.1\n[client:Run]\n\
         load = echo $((%(n)s + {more} + $CONDUCTOR_TRIAL))\n{metrics}[Metric goodput]\nfrom = client.run.load\n\
         better = higher\nunit = Mbit/s\nthreshold = 2%\n"
    );
    folder.file("test.cfg", &text);
    let finished = run(folder, ["conduct", "--local", "-q", "--results", "results", "--run-id", run_id, "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
}

#[test]
fn what_compare_and_history_print_as_json_is_as_their_schemas_say() {
    let folder = Folder::new();
    series(&folder, "before", "100, 200", 1, "[Metric extra]\nfrom = client.run.load\n");
    series(&folder, "after", "100", 50, "");
    let compare = |runs: &[&str]| run(&folder, [&["compare", "-f", "json"], runs].concat());
    let compared = compare(&["results/before", "results/after"]);
    assert_eq!(compared.status, Some(4), "{compared:#?}");
    let document: Value = serde_json::from_str(&compared.stdout).expect("JSON");
    // What a schema is to describe is there.
    for (member, count) in [("runs", 2), ("missing", 2), ("metrics", 1)] {
        assert!(document[member].as_array().is_some_and(|all| all.len() >= count), "{member}: {document:#}");
    }
    assert!(document["runs"][1]["differences"].as_array().is_some_and(|all| !all.is_empty()), "{document:#}");
    let schema = Schema::of("compare");
    schema.assert("compare", &compared.stdout);
    schema.assert("compare --by", &compare(&["--by", "n", "results/before"]).stdout);
    let history = run(&folder, ["history", "-f", "json", "--metric", "goodput", "results"]);
    assert_eq!(history.status, Some(0), "{history:#?}");
    Schema::of("history").assert("history", &history.stdout);
    let wrong = compared.stdout.replace("\"trials_needed\"", "\"needed\"");
    assert!(schema.0.validate(&serde_json::from_str(&wrong).expect("JSON"), schema.1).is_err(), "{wrong}");
}

#[test]
fn a_series_with_a_precision_keeps_the_schemas() {
    let folder = Folder::new();
    folder.file(
        "test.cfg",
        "[Test]\ntrials = 2\n[Parameters]\nx = 1, 2\n[Series]\nwarmup = 1\nprecision = 3%\nmax_trials = 10\n\
         [Workers]\nw = @ 127.0.0.1\n[w:Run]\ns = echo $CONDUCTOR_TRIAL\n[Metric m]\nfrom = w.run.s\n",
    );
    let reports = ["--report", "json=report.json", "--report", "jsonl=events"];
    let finished = run(&folder, ["conduct", "--local", "-q", "test.cfg"].iter().chain(&reports));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    Schema::of("json").assert("report.json", &folder.read("report.json"));
    let (line, events) = (Schema::of("jsonl"), folder.read("events"));
    assert!(events.contains("\"worst\":{") && events.contains("\"reached\":\""), "{events}");
    events.lines().for_each(|text| line.assert("events", text));
}

#[test]
fn a_schema_refuses_what_is_not_so() {
    let line = Schema::of("jsonl");
    for wrong in [r#"{"at_ns":1,"time":null,"event":"no such"}"#, r#"{"at_ns":1,"time":null,"event":"trial_started"}"#]
    {
        assert!(line.0.validate(&serde_json::from_str(wrong).expect("JSON"), line.1).is_err(), "{wrong}");
    }
}
