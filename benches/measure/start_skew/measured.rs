//! Trials, the floor in turns with them, and whether what the reports say of the trials is true.

use std::path::PathBuf;

use jiff::Timestamp;
use serde_json::Value;

use super::floor::Floor;
use super::stamp;
use crate::support::{Folder, conduct, results};

/// A test whose steps stamp: one a worker, or several with a barrier before each; and its floor.
pub struct Test {
    /// Where its files are; of a test with barriers also `events`, the `jsonl` report.
    pub folder: Folder,
    log: PathBuf,
    floor: Floor,
    barriers: Vec<String>,
}

/// What a number of trials came to, in nanoseconds.
#[derive(Default)]
pub struct Measured {
    /// The true skew of each start.
    pub skews: Vec<i128>,
    /// The true skew of each floor.
    pub floors: Vec<i128>,
    /// The skew that the reports say, and its bound.
    pub reported: Vec<i128>,
    pub bounds: Vec<i128>,
    /// How long after its reported start each step stamped.
    pub behind: Vec<i128>,
    starts: Vec<Start>,
}

/// Steps that were to start together: with their phase, or behind a barrier; and what is reported of them.
struct Start {
    steps: Vec<Step>,
    skew: i128,
    bound: i128,
}

/// A worker's step: its reported start, with its error, its own stamp, and how much of the time in between it was busy at
/// most.
struct Step {
    start: i128,
    error: i128,
    stamp: i128,
    used: i128,
}

impl Test {
    /// A worker on each of the players behind these ports.
    pub fn new(ports: &[u16], barriers: usize) -> Self {
        let places: Vec<_> = ports.iter().map(|port| format!("cmdport = {port}")).collect();
        Self::at(&places, barriers)
    }

    /// A worker for each of these lines of `[Coordinator]`, which say how it is reached.
    pub fn at(places: &[String], barriers: usize) -> Self {
        let folder = Folder::new();
        let log = folder.join("log");
        let command = stamp::command(&log);
        let barriers: Vec<_> = (0..barriers).map(|number| format!("b{number}")).collect();
        let steps = barriers.iter().map(|name| format!("wait_{name} = barrier:{name}\n{name} = {command}\n"));
        let steps = if barriers.is_empty() { format!("step = {command}\n") } else { steps.collect() };
        let names: Vec<_> = (0..places.len()).map(stamp::name).collect();
        for (name, place) in names.iter().zip(places) {
            let text = format!("[Coordinator]\nplayer = 127.0.0.1\n{place}\n[Run]\n{steps}");
            folder.file(&format!("{name}.cfg"), &text);
        }
        folder.test("", &names.iter().map(String::as_str).collect::<Vec<_>>());
        Self { folder, floor: Floor::new(places.len(), &command), log, barriers }
    }

    /// Runs the test; its results.
    fn run(&self, trials: usize) -> Value {
        let _ = std::fs::remove_file(&self.log);
        let trials = trials.to_string();
        let mut arguments = vec!["--phases", "run", "--trials", &trials];
        if !self.barriers.is_empty() {
            arguments.extend(["--report", "jsonl=events"]);
        }
        let finished = conduct(&self.folder, &arguments).env("TZ", "UTC").output().expect("it runs");
        assert!(finished.status.success(), "{finished:?}");
        results(&self.folder)
    }

    /// For each start together in a phase: its step's label and position, and the skew that is reported.
    fn starts<'a>(&self, phase: &'a Value) -> Vec<(String, usize, &'a Value)> {
        if self.barriers.is_empty() {
            return vec![("step".to_owned(), 0, &phase["start_skew"])];
        }
        let reported = |name: &String| {
            let barriers = phase["barriers"].as_array().expect("barriers");
            &barriers.iter().find(|barrier| barrier["name"] == **name).expect("the barrier")["release_skew"]
        };
        let starts = self.barriers.iter().enumerate();
        starts.map(|(index, name)| (name.clone(), 2 * index + 1, reported(name))).collect()
    }
}

impl Measured {
    /// `trials` trials of the test, and for each start together the floor; `turn` trials at a time.
    pub fn of(test: &Test, trials: usize, turn: usize) -> Self {
        let mut measured = Self::default();
        for _ in 0..trials.div_ceil(turn) {
            measured.turn(test, turn);
        }
        measured
    }

    /// So many trials, and as often the floor.
    pub fn turn(&mut self, test: &Test, trials: usize) {
        let results = test.run(trials);
        let stamps = stamp::read(&test.log);
        for number in 1..=trials {
            let phase = &results["trials"][number - 1]["phases"]["run"];
            for (label, position, skew) in test.starts(phase) {
                let own = stamps.iter().filter(|stamp| stamp.trial == number && stamp.step == label);
                let step = |stamp: &stamp::Stamp| {
                    let result = &phase["workers"][stamp::name(stamp.worker)]["results"][position];
                    Step {
                        start: date(&result["started_at"]),
                        error: seconds(&result["started_at_error"]),
                        stamp: stamp.at,
                        used: stamp.used,
                    }
                };
                assert_eq!(skew["unknown"], Value::Array(Vec::new()), "every start is known");
                let steps: Vec<_> = own.map(step).collect();
                assert_eq!(steps.len(), test.floor.count(), "every step stamped");
                self.take(Start { steps, skew: seconds(&skew["seconds"]), bound: seconds(&skew["bound"]) });
                self.floors.push(spread(&test.floor.start(&test.log)));
            }
        }
    }

    fn take(&mut self, start: Start) {
        self.skews.push(start.true_skew());
        self.reported.push(start.skew);
        self.bounds.push(start.bound);
        self.behind.extend(start.steps.iter().map(|step| step.stamp - step.start));
        self.starts.push(start);
    }

    /// How many starts had a true skew outside the reported one and its bound, with nothing allowed for the way from the
    /// player's stamp to the step's own.
    pub fn outside_the_bound(&self) -> usize {
        self.starts.iter().filter(|start| (start.true_skew() - start.skew).abs() > start.bound).count()
    }

    /// The starts whose report does not hold, in words.
    pub fn untrue(&self) -> Vec<String> {
        /// The report's dates have microseconds.
        const ROUNDING: i128 = 1000;
        let mut found = Vec::new();
        for Start { steps, skew, bound } in &self.starts {
            for early in steps.iter().filter(|step| step.stamp < step.start - step.error - ROUNDING) {
                let (by, error) = (early.start - early.stamp, early.error);
                found.push(format!("a step stamped {by} ns before its reported start, which is good to {error} ns"));
            }
            let stamps: Vec<_> = steps.iter().map(|step| step.stamp).collect();
            let (real, used) = (spread(&stamps), steps.iter().map(|step| step.used).max().expect("a worker"));
            if (real - skew).abs() > bound + used {
                found.push(format!("{real} ns are reported as {skew} ± {bound} ns"));
            }
        }
        found
    }
}

impl Start {
    fn true_skew(&self) -> i128 {
        spread(&self.steps.iter().map(|step| step.stamp).collect::<Vec<_>>())
    }
}

/// From the first to the last.
fn spread(stamps: &[i128]) -> i128 {
    stamps.iter().max().expect("a stamp") - stamps.iter().min().expect("a stamp")
}

/// A date of the report, which was told to use UTC.
fn date(value: &Value) -> i128 {
    let text = value.as_str().expect("a date");
    let time: Timestamp = format!("{text}Z").parse().expect("a date");
    time.as_nanosecond()
}

#[expect(clippy::cast_possible_truncation, reason = "a few seconds in nanoseconds")]
fn seconds(value: &Value) -> i128 {
    (value.as_f64().expect("seconds") * 1e9) as i128
}
