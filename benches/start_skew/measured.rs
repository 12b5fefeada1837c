//! Trials, the floor in turns with them, and whether what the reports say of the trials is true.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use super::floor::Floor;
use super::stamp;
use super::support::{Folder, conduct, results};

/// What a number of trials came to, in nanoseconds.
#[derive(Default)]
pub struct Measured {
    /// The true skew of each trial.
    pub skews: Vec<i128>,
    /// The true skew of each floor.
    pub floors: Vec<i128>,
    /// The skew that the reports say, and its bound.
    pub reported: Vec<i128>,
    pub bounds: Vec<i128>,
    /// By how much the slowest step's own stamp was behind its reported start.
    pub slowest: i128,
    /// The same of the floor: two execs, and waiting for a processor.
    pub slowest_of_floor: i128,
    trials: Vec<Trial>,
}

struct Trial {
    steps: Vec<Step>,
    skew: i128,
    bound: i128,
}

/// A worker's step: its reported start, with its error, and its own stamp.
struct Step {
    start: i128,
    error: i128,
    stamp: i128,
}

impl Measured {
    /// `trials` trials on the players behind these ports, and as often the floor; `turn` trials at a time.
    pub fn of(ports: &[u16], trials: usize, turn: usize) -> Self {
        let folder = Folder::new();
        let log = folder.join("log");
        let names: Vec<_> = (0..ports.len()).map(stamp::name).collect();
        let command = stamp::command(&log);
        for (name, port) in names.iter().zip(ports) {
            folder.worker(name, *port, &format!("[Run]\nstep = {command}\n"));
        }
        folder.test("", &names.iter().map(String::as_str).collect::<Vec<_>>());
        let floor = Floor::new(ports.len(), &command);
        let mut measured = Self::default();
        while measured.skews.len() < trials {
            measured.run(&folder, &log, turn);
            for _ in 0..turn {
                let started = floor.start(&log);
                measured.floors.push(spread(&started.stamps));
                measured.slowest_of_floor = measured.slowest_of_floor.max(started.slowest);
            }
        }
        measured
    }

    fn run(&mut self, folder: &Folder, log: &Path, trials: usize) {
        let _ = std::fs::remove_file(log);
        let mut command = conduct(folder, &["--phases", "run", "--trials", &trials.to_string()]);
        let finished = command.env("TZ", "UTC").output().expect("it runs");
        assert!(finished.status.success(), "{finished:?}");
        let (stamps, results) = (stamp::read(log), results(folder));
        for number in 1..=trials {
            let phase = &results["trials"][number - 1]["phases"]["run"];
            let own = stamps.iter().filter(|stamp| stamp.trial == number);
            let step = |stamp: &stamp::Stamp| {
                let result = &phase["workers"][stamp::name(stamp.worker)]["results"][0];
                Step {
                    start: date(&result["started_at"]),
                    error: seconds(&result["started_at_error"]),
                    stamp: stamp.at,
                }
            };
            let skew = &phase["start_skew"];
            let trial = Trial {
                steps: own.map(step).collect(),
                skew: seconds(&skew["seconds"]),
                bound: seconds(&skew["bound"]),
            };
            assert_eq!((trial.steps.len(), &skew["unknown"]), (stamps.len() / trials, &Value::Array(Vec::new())));
            self.take(trial);
        }
    }

    fn take(&mut self, trial: Trial) {
        self.skews.push(trial.true_skew());
        self.reported.push(trial.skew);
        self.bounds.push(trial.bound);
        let slowest = trial.steps.iter().map(|step| step.stamp - step.start).max();
        self.slowest = self.slowest.max(slowest.expect("a worker"));
        self.trials.push(trial);
    }

    /// The trials whose report does not hold, in words.
    pub fn untrue(&self) -> Vec<String> {
        /// The report's dates have microseconds.
        const ROUNDING: i128 = 1000;
        let mut found = Vec::new();
        for Trial { steps, skew, bound } in &self.trials {
            let earliest = steps.iter().map(|step| step.stamp - step.start + step.error).min().expect("a worker");
            if earliest < -ROUNDING {
                found.push(format!("a step stamped {earliest} ns before its reported start"));
            }
            let stamps: Vec<_> = steps.iter().map(|step| step.stamp).collect();
            let real = spread(&stamps);
            if (real - skew).abs() > bound + self.slowest_of_floor {
                found.push(format!("{real} ns are reported as {skew} ± {bound} ns"));
            }
        }
        found
    }
}

impl Trial {
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
