//! What hostile conductors must not leave: steps, trials without their Reset, files in other places, and logs that trouble
//! whoever reads them.

use std::path::Path;
use std::time::{Duration, Instant};

use conductor::wire::bounds;

use super::super::hostile_conductor::{KINDS, STATES};
use super::super::{CONDUCTOR, DEADLINE};
use super::{Arena, PLAYERS, Played};

/// How many sockets a player may have that nobody talks to: its port, and a line to each session that is over and kept.
const LEFT_OPEN: usize = 8 + bounds::UNDELIVERED.most();

/// How many sockets a process has.
fn connections(pid: u32) -> usize {
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let leads_to = descriptors.filter_map(|descriptor| std::fs::read_link(descriptor.path()).ok());
    leads_to.filter(|to| to.to_string_lossy().starts_with("socket:")).count()
}

impl Arena {
    /// Waits until no step of a hostile conductor runs any more. Sessions may keep what happened, for an hour.
    pub(super) fn check_that_steps_are_over(&self, faults: &mut Vec<String>) {
        let end = Instant::now() + DEADLINE;
        let is_step = |pid: &u32| {
            let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
            exe.is_some_and(|exe| exe != Path::new(CONDUCTOR))
        };
        for (index, player) in self.players.iter().enumerate() {
            loop {
                let left: Vec<u32> = player.carriers().into_iter().filter(is_step).collect();
                if left.is_empty() {
                    break;
                }
                if Instant::now() > end {
                    let line = |pid| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                    let lines: Vec<_> =
                        left.iter().map(|pid| String::from_utf8_lossy(&line(pid)).into_owned()).collect();
                    faults.push(format!("player {index} has left {lines:?}"));
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// Waits until the players have closed the connections of those that are gone. What is left are the lines to the processes of
    /// sessions that are kept.
    pub(super) fn check_connections(&self, faults: &mut Vec<String>) {
        let end = Instant::now() + DEADLINE;
        for (index, player) in self.players.iter().enumerate() {
            loop {
                let found = connections(player.pid());
                if found <= LEFT_OPEN {
                    break;
                }
                if Instant::now() > end {
                    faults.push(format!("player {index} has {found} sockets open"));
                    break;
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// Each trial in which a step was started has its Reset, once.
    pub(super) fn check_resets(&self, played: &[Played], faults: &mut Vec<String>) {
        for (case, ..) in played {
            let file = self.folder.join("marks").join(case.name());
            let Ok(text) = std::fs::read_to_string(&file) else { continue };
            let _ = std::fs::remove_file(&file);
            if case.is_python() {
                continue;
            }
            let lines: Vec<&str> = text.lines().collect();
            let resets: Vec<&&str> = lines.iter().filter(|line| line.starts_with('r')).collect();
            let is_twice = resets.iter().any(|reset| resets.iter().filter(|other| other == &reset).count() > 1);
            // What was spawned goes on while Reset runs: on a loaded machine it may only begin then.
            let is_due = lines.last().is_some_and(|line| line.starts_with('s'));
            let is_done = STATES[case.state] == "spawned" && !resets.is_empty();
            let is_missing = case.has_honest_plan() && is_due && !is_done;
            if is_twice || is_missing {
                let (state, kind) = (STATES[case.state], KINDS[case.kind]);
                faults.push(format!("case {} (`{kind}` when {state}): its steps ran as {lines:?}", case.number));
            }
        }
    }

    /// Nothing was written but where it belongs.
    pub(super) fn check_files(&self, faults: &mut Vec<String>) {
        let list = |folder: &str| -> Vec<String> {
            let entries = std::fs::read_dir(self.path().join(folder)).expect("a folder").flatten();
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
        };
        let mut expected = vec!["marks".to_owned(), "put".to_owned(), "fetch".to_owned(), "outside".to_owned()];
        for index in 0..PLAYERS {
            for name in ["here", "temporary", "log"] {
                expected.push(format!("{name}{index}"));
            }
            for name in ["here", "temporary"] {
                let found = list(&format!("{name}{index}"));
                if !found.is_empty() {
                    faults.push(format!("`{name}{index}` has {found:?}"));
                }
            }
        }
        let found: Vec<String> = list(".").into_iter().filter(|name| !expected.contains(name)).collect();
        let put: Vec<String> = list("put").into_iter().filter(|name| name.parse::<f64>().is_err()).collect();
        let untouched = self.folder.read("outside/untouched");
        if !found.is_empty() || !put.is_empty() || list("outside") != ["untouched"] || untouched != "as it was" {
            let outside = list("outside");
            faults.push(format!("written elsewhere: {found:?}, {put:?}, {outside:?} {untouched:?}"));
        }
        if list("fetch").len() != 3 || list("fetch/below").len() != 1 {
            faults.push("the files that were fetched from have changed".to_owned());
        }
        for name in list("put") {
            let _ = std::fs::remove_dir_all(self.path().join("put").join(name));
        }
    }

    /// The players' logs have no traces of a panic, and nothing that a terminal would obey.
    pub(super) fn check_logs(&self, faults: &mut Vec<String>) {
        for index in 0..PLAYERS {
            let path = Self::log(&self.folder, index);
            let text = std::fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let is_bad = |line: &&str| {
                line.contains("panicked") || line.contains("backtrace") || line.contains(|c: char| c.is_control())
            };
            faults.extend(text.lines().filter(is_bad).take(5).map(|line| format!("log of player {index}: {line:?}")));
            // It goes on behind what is there, so that the next look begins there.
            if let Ok(file) = std::fs::File::options().write(true).open(&path) {
                let _ = file.set_len(0);
            }
        }
    }
}
