//! The seed's sample configurations, as they are in `testdata`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conductor::config::{Input, Lint, Loaded, Overrides, Severity, load_player, load_test, validate};
use conductor::model::{Bound, Destination, Format, Mode, Phase, RunId, WorkerPlan};

fn load(path: &Path, overrides: &Overrides) -> Loaded {
    load_test(path, overrides, RunId::new("run").unwrap(), None)
}

fn commands(worker: &WorkerPlan, phase: Phase) -> Vec<&str> {
    worker.steps[phase].iter().map(|step| step.command().unwrap()).collect()
}

#[test]
fn the_localhost_test_of_the_seed_is_read() {
    let loaded = load(Path::new("testdata/seed/configs/localhost/conductor_json.cfg"), &Overrides::default());
    assert!(loaded.diagnostics.is_empty(), "{}", loaded.diagnostics.render(false));
    assert_eq!(loaded.outputs.format, Some(Format::Json));
    assert_eq!(loaded.outputs.output, Some(PathBuf::from("test_results.json")));
    let plan = loaded.plan.unwrap();
    assert_eq!((plan.trials, plan.phases.as_slice()), (2, Phase::ALL.as_slice()));
    let [worker] = plan.workers.as_slice() else { panic!("{:?}", plan.workers) };
    assert_eq!(worker.name.as_str(), "worker1");
    assert_eq!(worker.player, Destination { host: "127.0.0.1".to_owned(), port: 6970 }.into());
    assert_eq!((worker.conductor.as_deref(), worker.results_port), (Some("127.0.0.1"), 6971));
    assert_eq!((worker.shell.as_str(), worker.directory.as_deref()), ("/bin/sh", None));
    assert_eq!(commands(worker, Phase::Startup), ["echo \"startup\""]);
    assert_eq!(commands(worker, Phase::Run), ["echo \"running\"", "ping -c 3 127.0.0.1"]);
    assert_eq!(commands(worker, Phase::Collect), ["echo \"collecting\""]);
    assert_eq!(commands(worker, Phase::Reset), ["echo \"system reset: goodbye\""]);
}

#[test]
fn the_timeout_test_of_the_seed_has_its_limit() {
    let plan = load(Path::new("testdata/seed/configs/timeout/conductor.cfg"), &Overrides::default()).plan.unwrap();
    let step = &plan.workers[0].steps[Phase::Run][1];
    assert_eq!(step.bound, Some(Bound::Timeout(Duration::from_secs(10))));
    assert_eq!((step.label.as_str(), step.command()), ("timeout10", Some("sleep 30")));
}

#[test]
fn every_sample_loads_or_says_precisely_what_is_missing() {
    for (path, errors) in [
        ("testdata/localhost/conductor.cfg", &[][..]),
        ("testdata/seed/configs/localhost/conductor_json.cfg", &[]),
        ("testdata/seed/configs/timeout/conductor.cfg", &[]),
        ("testdata/seed/configs/config/test1.cfg", &[]),
        (
            "testdata/seed/configs/examples/web_load_test.cfg",
            &["there is no worker file `load_generator2.cfg`", "there is no worker file `monitor.cfg`"],
        ),
        (
            "testdata/seed/configs/examples/database_test.cfg",
            &["there is no worker file `database_client1.cfg`", "there is no worker file `database_client2.cfg`"],
        ),
    ] {
        let loaded = load(Path::new(path), &Overrides::default());
        let found: Vec<_> = loaded.diagnostics.iter().filter(|finding| finding.severity() == Severity::Error).collect();
        assert_eq!(found.iter().map(|finding| finding.message.as_str()).collect::<Vec<_>>(), errors, "{path}");
        assert!(found.iter().all(|finding| finding.position().is_some()), "{path}");
        assert_eq!(loaded.plan.is_some(), errors.is_empty(), "{path}");
    }
}

#[test]
fn every_sample_of_a_worker_file_is_without_error() {
    let mut count = 0;
    for folder in ["localhost", "timeout", "config", "examples"] {
        for file in fs::read_dir(Path::new("testdata/seed/configs").join(folder)).unwrap() {
            let path = file.unwrap().path();
            if fs::read_to_string(&path).unwrap().contains("[Coordinator]") {
                let diagnostics = validate(&[Input::File(path.clone())], &[], None).diagnostics;
                assert!(!diagnostics.has_errors(), "{}", diagnostics.render(false));
                assert!(load_player(&path, None, &[]).0.is_some());
                count += 1;
            }
        }
    }
    assert_eq!(count, 9);
}

/// What the Python conductor refuses of its own documents' examples, and what it never looks at.
#[test]
fn the_warnings_of_the_samples_are_the_ones_that_are_known() {
    use Lint::{ClientsSection, RepeatedTimeout, TrailingComment, UnknownKey};
    for (path, wanted) in [
        ("localhost/conductor.cfg", &[][..]),
        ("localhost/conductor_json.cfg", &[]),
        ("timeout/conductor.cfg", &[]),
        ("config/test1.cfg", &[UnknownKey, UnknownKey, UnknownKey, ClientsSection]),
        ("config/client2.cfg", &[]),
        ("config/client3.cfg", &[]),
        ("examples/web_server.cfg", &[TrailingComment, TrailingComment]),
        ("examples/load_generator1.cfg", &[TrailingComment, TrailingComment, RepeatedTimeout]),
        ("examples/database_server.cfg", &[TrailingComment, TrailingComment]),
    ] {
        let found = validate(&[Input::File(Path::new("testdata/seed/configs").join(path))], &[], None)
            .diagnostics
            .with_python();
        let lints: Vec<_> = found.iter().map(|finding| finding.lint).collect();
        assert_eq!(lints, wanted, "{path}\n{}", found.render(false));
    }
}

#[test]
fn a_chosen_worker_needs_no_file_of_another() {
    let overrides = Overrides { workers: vec!["WebServer".to_owned()], ..Overrides::default() };
    let loaded = load(Path::new("testdata/seed/configs/examples/web_load_test.cfg"), &overrides);
    let plan = loaded.plan.unwrap_or_else(|| panic!("{}", loaded.diagnostics.render(false)));
    assert_eq!(plan.workers.len(), 1);
    assert_eq!(plan.workers[0].steps[Phase::Run][0].mode, Mode::Spawn);
    assert_eq!(plan.workers[0].player_host, "10.0.1.10");
}
