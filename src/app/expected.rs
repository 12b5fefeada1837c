//! Estimates how long a series takes, from the trials of the latest run of the same test in the results folder.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;
use serde::Deserialize;

use super::journal::EVENTS;
use crate::conduct::ResultsFolder;
use crate::model::{Plan, Verdict};
use crate::report::Expected;

/// The fields of a recorded event that the estimate needs.
#[derive(Deserialize)]
struct Line {
    event: String,
    at_ns: u64,
    run: Option<String>,
    config: Option<String>,
    trial: Option<u32>,
    #[serde(default)]
    point: String,
    verdict: Option<Verdict>,
}

/// Returns the estimate for a plan whose results are kept in this folder, if the folder contains an earlier run.
pub(super) fn of(plan: &Plan, results: &Path) -> Option<Expected> {
    let latest = results.join("latest");
    let path = latest.read_link().map_or(latest, |target| results.join(target));
    let events = ResultsFolder::open(&path).ok()?.open_file(&[EVENTS], OFlags::RDONLY).ok()?;
    by(plan, BufReader::new(events))
}

/// Returns the estimate from this record. For each trial, it uses the mean of the trials at its point, or of all trials
/// if there was none at its point.
fn by(plan: &Plan, lines: impl BufRead) -> Option<Expected> {
    let mut run = None;
    let mut open: Option<(u32, String, u64)> = None;
    let mut took = BTreeMap::<String, Vec<Duration>>::new();
    for line in lines.split(b'\n').map_while(Result::ok) {
        let Ok(line) = serde_json::from_slice::<Line>(&line) else { continue };
        match line.event.as_str() {
            "run_started" => {
                run = line.run.filter(|_| line.config.is_some_and(|config| *config == *plan.file.to_string_lossy()));
            }
            "trial_started" => open = line.trial.map(|trial| (trial, line.point, line.at_ns)),
            "trial_ended" => {
                let Some((_, point, began)) = open.take().filter(|(trial, ..)| line.trial == Some(*trial)) else {
                    continue;
                };
                if line.verdict.is_some_and(|verdict| verdict != Verdict::Incomplete) {
                    took.entry(point).or_default().push(Duration::from_nanos(line.at_ns.saturating_sub(began)));
                }
            }
            _ => {}
        }
    }
    let mean = |all: &[Duration]| all.iter().sum::<Duration>().checked_div(u32::try_from(all.len()).ok()?);
    let of_all = mean(&took.values().flatten().copied().collect::<Vec<_>>());
    let mean_of = |trial| match took.get(plan.point_name(plan.point_of(trial))) {
        Some(own) => mean(own),
        None => of_all,
    };
    let duration = (1..=plan.trials).map(mean_of).sum::<Option<Duration>>()?;
    Some(Expected { run: run?, duration })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Overrides, load_test};
    use crate::model::RunId;

    #[test]
    fn each_trial_is_expected_to_take_as_long_as_those_at_its_point() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("test.cfg");
        let series =
            "[Test]\ntrials = 3\n[Parameters]\nx = 1, 2\n[Workers]\nw = @ 127.0.0.1\n[w:Run]\ns = echo %(x)s\n";
        std::fs::write(&file, series).unwrap();
        let plan = load_test(&file, &Overrides::default(), RunId::new("r").unwrap(), None).plan.unwrap();
        let begun = |config: &Path| {
            format!(r#"{{"at_ns":1,"event":"run_started","run":"r0","config":"{}"}}"#, config.display())
        };
        let mut seconds = 0;
        let mut trial = |number: u32, point: &str, takes: u64, verdict: &str| {
            let (from, to) = (seconds * 1_000_000_000, (seconds + takes) * 1_000_000_000);
            seconds += takes + 1;
            format!(
                "\n{{\"at_ns\":{from},\"event\":\"trial_started\",\"trial\":{number},\"point\":\"{point}\"}}\nno JSON\n\
                 {{\"at_ns\":{to},\"event\":\"trial_ended\",\"trial\":{number},\"verdict\":\"{verdict}\"}}"
            )
        };
        let first =
            trial(1, "x=1", 10, "passed") + &trial(2, "x=1", 20, "failed") + &trial(3, "x=1", 900, "incomplete");
        let other = trial(4, "x=2", 60, "passed");
        let of = |text: String| by(&plan, text.as_bytes()).map(|own| (own.run, own.duration.as_secs()));
        // Three trials at each point: 15 seconds each at one; at the other 60 seconds each, or the mean if none is
        // recorded.
        assert_eq!(of(begun(&file) + &first + &other), Some(("r0".to_owned(), 225)));
        assert_eq!(of(begun(&file) + &first), Some(("r0".to_owned(), 90)));
        assert_eq!(of(begun(&file)), None);
        assert_eq!(of(begun(Path::new("other.cfg")) + &first), None);
    }
}
