//! One test of everything that a conductor does with a player, and its results over TCP: those over another way have to be
//! the same.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::Value;

use super::look::Look;
use super::machines::files_in;
use super::{Folder, Player, conductor, finish, start};

/// The workers of the test.
const WORKERS: [&str; 3] = ["a", "b", "c"];

/// The test passes over the way with these lines of `[Coordinator]`, with the same results as over TCP. Nothing is left on
/// this machine.
#[track_caller]
pub fn assert_same_results(lines: &str) {
    assert_same_results_on(&[Look::here()], |_| lines.to_owned());
}

/// The same for a way to each worker: its lines of `[Coordinator]`. Nothing is left on these machines.
#[track_caller]
pub fn assert_same_results_on(machines: &[Look], lines: impl Fn(&str) -> String) {
    assert_same_results_by(machines, lines, conduct);
}

/// The same for a `conduct` that needs more than its arguments to reach the machines: variables, options, an allocation.
#[track_caller]
pub fn assert_same_results_by(
    machines: &[Look],
    lines: impl Fn(&str) -> String,
    conduct_there: impl Fn(&Folder, &[&str]) -> Command,
) {
    let folder = Folder::new();
    let there = name_there();
    let over_form = results(&folder, "form", &there, lines, conduct_there);
    machines.iter().for_each(Look::assert_nothing_is_left);
    let players = WORKERS.map(|_| Player::start());
    let ports = |worker: &str| {
        let index = WORKERS.iter().position(|name| *name == worker).expect("a worker");
        format!("player = 127.0.0.1\ncmdport = {}", players[index].port)
    };
    let over_tcp = results(&folder, "tcp", &there, ports, conduct);
    assert_eq!(over_form.keys().collect::<Vec<_>>(), over_tcp.keys().collect::<Vec<_>>());
    for (name, text) in &over_tcp {
        snapbox::assert_data_eq!(over_form[name].clone(), snapbox::Data::text(text.clone()).raw());
    }
}

fn conduct(folder: &Folder, arguments: &[&str]) -> Command {
    conductor(folder, ["conduct"].iter().chain(arguments))
}

/// The beginning of the names of the folders that the steps make on the machines.
fn name_there() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("/tmp/reached-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The steps of a worker. They need no folder on its machine, and use another one than those of the other workers.
fn steps(there: &str) -> String {
    format!(
        "[Startup]\nmake = mkdir {there}\nup = spawn:echo up; exec sleep 600\n\
         [Run]\nmeet = barrier:here\nsay = echo said; echo complained >&2\nput = put:text -> {there}/copy\n\
         change = echo \"$CONDUCTOR_WORKER\" >>{there}/copy\nmeet again = barrier:there\n\
         [Collect]\nget = fetch:{there}/copy\n[Reset]\nclean = rm -r {there}; echo reset\n"
    )
}

/// Runs the test in a folder of its own; the report and all files of results, without what differs from run to run.
#[track_caller]
fn results(
    folder: &Folder,
    name: &str,
    there: &str,
    lines: impl Fn(&str) -> String,
    conduct: impl Fn(&Folder, &[&str]) -> Command,
) -> BTreeMap<String, String> {
    std::fs::create_dir(folder.join(name)).expect("a folder");
    let mut test = "[Test]\ntrials = 3\nlease = 20s\n[Workers]\n".to_owned();
    for worker in WORKERS {
        let _ = writeln!(test, "{worker} = {worker}.cfg");
        let steps = steps(&format!("{there}-{worker}"));
        folder.file(&format!("{name}/{worker}.cfg"), &format!("[Coordinator]\n{}\n{steps}", lines(worker)));
    }
    folder.file(&format!("{name}/test.cfg"), &test).file(&format!("{name}/text"), "text\n");
    let file = format!("{name}/test.cfg");
    // Copies of the program come first into this folder, where the way passes the variable on.
    let temporary = folder.join(name).join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    let mut command = conduct(folder, &["--quiet", "--results", name, "--run-id", "run", &file]);
    command.env("TMPDIR", &temporary);
    let finished = finish(start(command));
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    assert!(
        finished.stdout.contains("passed: 3 of 3 trials; steps: 72 passed, 9 stopped; 3 workers;"),
        "{}",
        finished.stdout
    );
    assert_eq!(files_in(&temporary), Vec::<String>::new(), "left in the temporary folder");
    let kept = folder.join(name).join("run");
    let report = std::fs::read_to_string(kept.join("report.json")).expect("a report");
    let report = without_times(serde_json::from_str(&report).expect("JSON"));
    let mut results = BTreeMap::from([("report".to_owned(), format!("{report:#}"))]);
    for part in ["outputs", "trial-1", "trial-2", "trial-3"] {
        add_files(&kept, &kept.join(part), &mut results);
    }
    results
}

/// Adds the content of all files below a folder.
fn add_files(root: &Path, folder: &Path, all: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder of results").flatten() {
        let path = entry.path();
        if path.is_dir() {
            add_files(root, &path, all);
        } else {
            let name = path.strip_prefix(root).expect("it is below it").display().to_string();
            all.insert(name, std::fs::read_to_string(&path).expect("text"));
        }
    }
}

/// A report without what differs from run to run, and from one way to another: times, who the player is, how it is reached.
fn without_times(value: Value) -> Value {
    const DIFFERENT: [&str; 7] = ["player", "host", "system", "config", "configuration", "statistics", "started_late"];
    match value {
        Value::Number(number) if number.is_f64() => "a time".into(),
        Value::String(text) if text.parse::<jiff::civil::DateTime>().is_ok() => "a time".into(),
        Value::Array(values) => values.into_iter().map(without_times).collect(),
        Value::Object(entries) => {
            let entries = entries.into_iter().filter(|(name, _)| !DIFFERENT.contains(&&**name));
            entries.map(|(name, value)| (name, without_times(value))).collect()
        }
        value => value,
    }
}
