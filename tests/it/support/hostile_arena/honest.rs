//! Honest runs: one beside the hostile conductors, on two players of its own, and one on each of the hostile ones' players.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::super::{DEADLINE, Finished, Folder, Player, conductor, finish, run, start};

pub struct Honest {
    folder: Folder,
    /// Two players that no hostile conductor knows.
    _players: [Player; 2],
    /// How many players there are that they know.
    others: usize,
}

/// How long after an honest run the next one begins.
const PAUSE: Duration = Duration::from_secs(1);

/// A step whose output is the time at which it runs.
const STAMP: &str = "date +%s.%N";

impl Honest {
    /// With a test on two players, and one with so many workers on each of those at these ports.
    pub fn new(ports: &[u16], workers: usize) -> Self {
        let folder = Folder::new();
        let players = [Player::start(), Player::start()];
        let sections = format!(
            "[Startup]\nstep = true\n[Run]\nstamp = {STAMP}\nstep = sleep 0.3\nnext = barrier:b\nlast = echo done\n\
             [Collect]\nstep = true\n[Reset]\nstep = true\n"
        );
        folder.test("trials = 2", &["a", "b"]);
        folder.worker("a", players[0].port, &sections).worker("b", players[1].port, &sections);
        for (index, port) in ports.iter().enumerate() {
            folder.worker(&format!("w{index}"), *port, "[Run]\nstep = sleep 0.2\n[Reset]\nstep = true\n");
            let text = format!("[Test]\nconnect_timeout = 20s\n[Workers]\nw[1-{workers}] = w{index}.cfg\n");
            folder.file(&format!("test{index}.cfg"), &text);
        }
        Self { folder, _players: players, others: ports.len() }
    }

    /// Runs the test on the two players until the word comes, once at least; how long each took, and what was wrong.
    pub fn run_until(&self, over: &AtomicBool) -> (Vec<Duration>, Vec<String>) {
        let (mut times, mut faults) = (Vec::new(), Vec::new());
        loop {
            let (time, said) = self.run();
            times.push(time);
            faults.extend(said);
            let next = Instant::now() + PAUSE;
            while Instant::now() < next {
                if over.load(Ordering::Relaxed) {
                    return (times, faults);
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }

    /// Runs it once.
    pub fn run(&self) -> (Duration, Vec<String>) {
        let begun = Instant::now();
        // Its times are local ones.
        let mut command = conductor(&self.folder, ["conduct", "--quiet", "-f", "json", "test.cfg"]);
        command.env("TZ", "UTC");
        let finished = finish(start(command));
        let took = begun.elapsed();
        let faults = if finished.status == Some(0) { check(&finished) } else { vec![format!("{finished:#?}")] };
        (took, faults.into_iter().map(|fault| format!("the honest run beside: {fault}")).collect())
    }

    /// Has each of the other players serve an honest run, once what hostile conductors have begun there is over.
    pub fn check_players(&self, faults: &mut Vec<String>) {
        let end = Instant::now() + DEADLINE;
        for index in 0..self.others {
            let test = format!("test{index}.cfg");
            loop {
                let finished = run(&self.folder, ["conduct", "--quiet", &test]);
                if finished.status == Some(0) {
                    break;
                }
                if Instant::now() > end {
                    faults.push(format!("player {index} serves no honest run: {finished:#?}"));
                    break;
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

/// What is wrong with a report: the starts must be known, and no step may have run before it started, its error included.
fn check(finished: &Finished) -> Vec<String> {
    let mut faults = Vec::new();
    let Ok(report) = serde_json::from_str::<Value>(&finished.stdout) else {
        return vec![format!("no JSON: {}", finished.stdout)];
    };
    let trials = report["trials"].as_array().map_or(&[][..], Vec::as_slice);
    if trials.len() != 2 {
        faults.push(format!("{} trials instead of 2", trials.len()));
    }
    for trial in trials {
        let run = &trial["phases"]["run"];
        let skew = &run["start_skew"];
        if skew["workers"] != 2 || skew["unknown"] != serde_json::json!([]) || skew["bound"].as_f64().is_none() {
            faults.push(format!("the start skew is not known: {skew}"));
        }
        for worker in ["a", "b"] {
            let stamp = &run["workers"][worker]["results"][0];
            let at = stamp["started_at"].as_str().and_then(|text| format!("{text}Z").parse::<jiff::Timestamp>().ok());
            let error = stamp["started_at_error"].as_f64();
            let ran = stamp["stdout"].as_str().and_then(|text| text.trim().parse::<f64>().ok());
            let (Some(at), Some(error), Some(ran)) = (at, error, ran) else {
                faults.push(format!("no start of worker {worker}: {stamp}"));
                continue;
            };
            // The time has a microsecond's digits.
            let at = at.as_duration().as_secs_f64();
            if ran + error + 2e-6 < at {
                faults.push(format!("worker {worker} ran at {ran} and started at {at} ± {error}"));
            }
        }
    }
    faults
}
