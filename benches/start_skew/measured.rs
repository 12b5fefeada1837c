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
    /// How long after its reported start each step stamped.
    pub behind: Vec<i128>,
    trials: Vec<Trial>,
}

struct Trial {
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
                measured.floors.push(spread(&floor.start(&log)));
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
                    used: stamp.used,
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
        self.behind.extend(trial.steps.iter().map(|step| step.stamp - step.start));
        self.trials.push(trial);
    }

    /// How many trials had a true skew outside the reported one and its bound, with nothing allowed for the way from the
    /// player's stamp to the step's own.
    pub fn outside_the_bound(&self) -> usize {
        self.trials.iter().filter(|trial| (trial.true_skew() - trial.skew).abs() > trial.bound).count()
    }

    /// The trials whose report does not hold, in words.
    pub fn untrue(&self) -> Vec<String> {
        /// The report's dates have microseconds.
        const ROUNDING: i128 = 1000;
        let mut found = Vec::new();
        for Trial { steps, skew, bound } in &self.trials {
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
