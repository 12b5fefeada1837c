//! One run of `conduct` with many hostile players and two honest ones, and what must be true of it whatever they do.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use conductor::wire::bounds;
use serde_json::Value;

use super::super::memory::private_bytes;
use super::super::{CONDUCTOR, Folder, Player, kill};
use super::case::{Case, Counts, State};
use super::{Shared, play};

/// What private memory may be more than in an honest run.
pub const MEMORY: u64 = 64 << 20;
/// How often memory is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// The settings of the test, and what follows from them: no run may take longer, whatever its players do.
const SETTINGS: &str = "lease = 3s\nconnect_timeout = 3s\nstep_timeout = 1s\nreset_timeout = 5s\n";
const LIMIT: Duration = Duration::from_secs(
    // The connection, the answer to the plan, getting ready four times, steps with their margins and those of their phases,
    // what was announced, Reset, the end of the trial, the leave, and the lease where connections are broken.
    8 + 30 + 4 * 30 + 3 * 15 + 6 * 11 + 60 + 20 + 30 + 2 + 4 * 5,
);

/// How long a reason may be: a player's text is cut, and there are words of ours around it.
const LONGEST: usize = bounds::TEXT.most() + 1000;

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Ordinary,
    /// Its honest workers have a step that takes some time.
    Alone,
    /// Somebody is hostile before there is a plan: then nothing may be run.
    Early,
    /// It is interrupted in Run.
    Interrupted,
}

/// The honest players of one run at a time.
pub struct Lane {
    players: [Player; 2],
}

impl Lane {
    pub fn new() -> Self {
        Self { players: [Player::start(), Player::start()] }
    }
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub cases: Vec<Case>,
    pub status: Option<i32>,
    pub time: Duration,
    /// The most private memory that was seen.
    pub peak: u64,
    /// The cases that came to their point.
    pub met: Counts,
    /// What is said of workers that are lost, without its numbers.
    pub reasons: BTreeMap<String, usize>,
    /// How many workers in which state were lost, and how many were complete.
    pub ends: BTreeMap<State, [usize; 2]>,
    /// What must not be.
    pub faults: Vec<String>,
}

/// A run of these cases beside the two honest workers. Those without a case are as many honest players of the test's own.
pub fn run(lane: &Lane, purpose: Purpose, cases: &[Option<Case>]) -> Outcome {
    let scene = Scene::new(lane, purpose, cases.len());
    let mut outcome = Outcome { cases: cases.iter().flatten().cloned().collect(), ..Outcome::default() };
    let shared = Shared { forbidden: scene.folder.join("outside").display().to_string(), ..Shared::default() };
    let met = std::thread::scope(|scope| {
        let players: Vec<_> = scene
            .listeners
            .iter()
            .zip(cases)
            .map(|(listener, case)| {
                let (listener, shared) = (listener.try_clone().expect("a listener"), &shared);
                scope.spawn(move || play(listener, case.clone(), shared))
            })
            .collect();
        scene.watch(purpose, &shared, &mut outcome);
        shared.is_over.store(true, Ordering::Relaxed);
        players.into_iter().map(|player| player.join().unwrap_or(false)).collect::<Vec<_>>()
    });
    let met = cases.iter().zip(met).filter_map(|(case, met)| case.as_ref().filter(|_| met));
    met.for_each(|case| outcome.met.add(case));
    scene.judge(purpose, cases, &mut outcome);
    outcome
}

struct Scene {
    folder: Folder,
    /// Its name: a player remembers who has played which run.
    run: String,
    listeners: Vec<TcpListener>,
}

/// They are numbered from 1, like the addresses in a network.
fn worker(index: usize) -> String {
    format!("h{}", index + 1)
}

/// Listens on one port of so many addresses of a network of this machine that no other run has: one worker file is enough
/// for all of them then.
fn listen(network: &str, count: usize) -> (u16, Vec<TcpListener>) {
    let all = |port| (1..=count).map(|index| TcpListener::bind((format!("{network}.{index}"), port))).collect();
    loop {
        let first = TcpListener::bind((format!("{network}.254"), 0)).expect("a port");
        let port = first.local_addr().expect("an address").port();
        if let Ok(listeners) = all(port) {
            let listeners: Vec<TcpListener> = listeners;
            return (port, listeners);
        }
    }
}

impl Scene {
    fn new(lane: &Lane, purpose: Purpose, count: usize) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = Folder::in_memory();
        for name in ["in", "outside", "temporary"] {
            std::fs::create_dir(folder.join(name)).expect("a folder");
        }
        let network = format!("127.77.{}", number % 250);
        let (port, listeners) = listen(&network, count);
        let here = folder.path().display();
        folder.file("in/gift", "a gift\n").file("honest.log", "a log\n").file("outside/canary", "alive\n");
        let work = match purpose {
            Purpose::Interrupted => "for20:sleep 20",
            Purpose::Alone => "timeout20:sleep 0.5",
            Purpose::Ordinary | Purpose::Early => "echo work",
        };
        for (name, player) in ["a", "b"].iter().zip(&lane.players) {
            let sections = format!(
                "[Startup]\nserver = spawn:exec sleep 60\n[Run]\nwork = {work}\nmeet = barrier:both\n\
                 get = fetch:{here}/honest.log\ngive = put:gift -> {here}/gift-{name}\n[Collect]\nlogs = echo logs\n\
                 [Reset]\nundo = echo undo\n"
            )
            // A step of theirs may take long on a loaded machine.
            .replace(" = echo", " = timeout20:echo")
            .replace(" = barrier", " = timeout20:barrier")
            .replace(" = fetch", " = timeout20:fetch")
            .replace(" = put", " = timeout20:put");
            folder.worker(&format!("in/{name}"), player.port, &sections);
        }
        let hostile = format!(
            "[Coordinator]\nplayer = {network}.%(index)s\nconductor = 127.0.0.1\ncmdport = {port}\n\
             [Startup]\nserver = spawn:true\n[Run]\nwork = true\nmeet = barrier:own-%(index)s\nget = fetch:*.log\n\
             give = put:gift -> gift\n[Collect]\nlogs = true\n[Reset]\nundo = true\n"
        );
        folder.file("in/h.cfg", &hostile);
        let hostile = if count == 0 { String::new() } else { format!("h[1-{count}] = h.cfg\n") };
        let workers = format!("{hostile}a = a.cfg\nb = b.cfg\n");
        folder.file("in/test.cfg", &format!("[Test]\n{SETTINGS}\n[Workers]\n{workers}"));
        let run = format!("run-{number}");
        Self { folder, run, listeners }
    }

    /// A place in the run's folder of results.
    fn results(&self, name: &str) -> String {
        format!("in/results/{}{name}", self.run)
    }

    fn start(&self) -> Child {
        let log = std::fs::File::create(self.folder.join("stderr")).expect("a log");
        let mut command = Command::new(CONDUCTOR);
        let arguments =
            ["conduct", "-v", "--skip-unreachable", "--run-id", &self.run, "--results", "results", "-f", "text"];
        command.args(arguments).args(["-o", "text", "test.cfg"]).current_dir(self.folder.join("in"));
        command.env("TMPDIR", self.folder.join("temporary")).env_remove("RUST_LOG").env_remove("RUST_BACKTRACE");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the conductor starts")
    }

    /// Waits for the end of the run, and looks at its memory meanwhile.
    fn watch(&self, purpose: Purpose, shared: &Shared, outcome: &mut Outcome) {
        use std::os::unix::process::ExitStatusExt;
        let begun = Instant::now();
        let mut child = self.start();
        let (mut looked, mut is_planted, mut is_interrupted) = (begun, false, purpose != Purpose::Interrupted);
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child") {
                break Some(status);
            }
            if begun.elapsed() > LIMIT {
                outcome.faults.push(format!("it does not end within {LIMIT:?}"));
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            is_planted = is_planted || self.plant();
            if !is_interrupted && shared.waiting.load(Ordering::Relaxed) >= self.listeners.len() * 2 / 3 {
                kill(child.id(), libc::SIGINT);
                is_interrupted = true;
            }
            if looked.elapsed() >= LOOK {
                outcome.peak = outcome.peak.max(private_bytes(child.id()));
                looked = Instant::now();
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        outcome.time = begun.elapsed();
        outcome.status = status.and_then(|status| status.code());
        if let Some(signal) = status.and_then(|status| status.signal()) {
            outcome.faults.push(format!("it was ended by signal {signal}"));
        }
    }

    /// Puts links into the results folder as soon as it is there; whether it is.
    fn plant(&self) -> bool {
        let (run, outside) = (self.folder.join(&self.results("")), self.folder.join("outside"));
        if !run.is_dir() || std::fs::create_dir_all(run.join("trial-1/h2")).is_err() {
            return false;
        }
        let link = |path: &str| drop(std::os::unix::fs::symlink(&outside, run.join(path)));
        ["trial-1/h1", "trial-1/h2/link", "trial-1/h2/d"].into_iter().for_each(link);
        true
    }

    fn judge(&self, purpose: Purpose, cases: &[Option<Case>], outcome: &mut Outcome) {
        let allowed: &[i32] = match purpose {
            Purpose::Ordinary | Purpose::Alone => &[0, 3, 4],
            Purpose::Early => &[0, 1, 3, 4],
            Purpose::Interrupted => &[130],
        };
        if outcome.status.is_none_or(|status| !allowed.contains(&status)) {
            outcome.faults.push(format!("its exit status is {:?}", outcome.status));
        }
        self.judge_log(outcome);
        self.judge_files(outcome);
        let report = self.folder.read(&self.results("/report.json"));
        match serde_json::from_str::<Value>(&report) {
            Ok(report) => {
                judge_hostile(&report, cases, outcome);
                judge_honest(&report, purpose, outcome);
            }
            Err(error) => outcome.faults.push(format!("the results cannot be read: {error}")),
        }
        self.judge_clocks(outcome);
        if !outcome.faults.is_empty() {
            let log = self.folder.read("stderr");
            let last: Vec<&str> = log.lines().rev().take(40).collect();
            outcome.faults.extend(last.into_iter().rev().map(|line| format!("  | {line}")));
        }
    }

    /// Nothing has panicked, and nothing that a player said reaches a terminal as it was said.
    fn judge_log(&self, outcome: &mut Outcome) {
        let log = std::fs::read(self.folder.join("stderr")).unwrap_or_default();
        let text = String::from_utf8_lossy(&log);
        for word in ["panicked", "RUST_BACKTRACE", "a bug of", "a bug in"] {
            outcome.faults.extend(text.lines().filter(|line| line.contains(word)).map(str::to_owned));
        }
        outcome.faults.extend(text.lines().filter(|line| line.contains(is_harmful)).map(|line| format!("{line:?}")));
        if text.lines().any(|line| line.starts_with("2026-01-01 00:00:00 - ERROR - forged")) {
            outcome.faults.push("a line of the log is a player's".to_owned());
        }
        let page = self.folder.read(&self.results("/report.html"));
        if page.contains("<b id=hostile>") {
            outcome.faults.push("what a player says is a part of the page".to_owned());
        }
    }

    /// Nothing was written but what belongs into the results folder.
    fn judge_files(&self, outcome: &mut Outcome) {
        let names = |path: &Path| -> Vec<String> {
            let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
            let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names
        };
        let mut expect = |path: &str, expected: &[&str]| {
            let found = names(&self.folder.join(path));
            let other: Vec<_> = found.iter().filter(|name| !expected.contains(&name.as_str())).collect();
            if !other.is_empty() {
                outcome.faults.push(format!("there is {other:?} in `{path}`"));
            }
        };
        expect("", &["in", "outside", "temporary", "honest.log", "stderr", "gift-a", "gift-b"]);
        expect("outside", &["canary"]);
        expect("temporary", &[]);
        expect("in/results", &[&self.run, "latest"]);
        let run = [
            "configuration.json",
            "resume.json",
            "events.jsonl",
            "junit.xml",
            "outputs",
            "report.html",
            "report.json",
            "report.txt",
            "trial-1",
            "values.csv",
        ];
        expect(&self.results(""), &run);
        // `a` and `b` are honest; `plant` makes `h1` and `h2` also in a run that has fewer hostile workers.
        let others = ["a", "b", "h1", "h2"].map(str::to_owned);
        let workers: Vec<String> = (0..self.listeners.len()).map(worker).chain(others).collect();
        let workers: Vec<&str> = workers.iter().map(String::as_str).collect();
        expect(&self.results("/trial-1"), &workers);
        if self.folder.read("outside/canary") != "alive\n" {
            outcome.faults.push("a file outside was changed".to_owned());
        }
    }

    /// Both clocks are this machine's: what is said of the honest workers' starts shows whether its bound holds.
    fn judge_clocks(&self, outcome: &mut Outcome) {
        for line in self.folder.read(&self.results("/events.jsonl")).lines() {
            let Ok(event) = serde_json::from_str::<Value>(line) else {
                outcome.faults.push(format!("the events have a line that is no JSON: {line}"));
                continue;
            };
            let number = |name: &str| event[name].as_u64();
            if event["event"] == "step_started" && (event["worker"] == "a" || event["worker"] == "b") {
                let (Some(at), Some(clock), Some(error)) =
                    (number("started_ns"), number("player_clock_ns"), number("error_ns"))
                else {
                    continue;
                };
                if at.abs_diff(clock) > error {
                    outcome
                        .faults
                        .push(format!("a start is {} ns off, which is not within {error}", at.abs_diff(clock)));
                }
            }
        }
    }
}

/// Whether a terminal obeys a character, or shows others elsewhere because of it. Lines are looked at one by one.
fn is_harmful(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The results of a worker's steps in a phase.
fn results<'a>(report: &'a Value, phase: &str, worker: &str) -> Vec<&'a Value> {
    let all = report["trials"][0]["phases"][phase]["workers"][worker]["results"].as_array();
    // The last entry of each worker is of no step.
    all.into_iter().flatten().filter(|result| result["outcome"].is_string()).collect()
}

const STEPS: [(&str, usize); 4] = [("startup", 1), ("run", 4), ("collect", 1), ("reset", 1)];

/// Each hostile worker is complete, or it is said why not.
fn judge_hostile(report: &Value, cases: &[Option<Case>], outcome: &mut Outcome) {
    let lost = report["lost"].as_array().cloned().unwrap_or_default();
    let told = report["causes"].as_array().cloned().unwrap_or_default();
    let nothing_was_run = report["trials"].as_array().is_none_or(Vec::is_empty);
    for (index, case) in cases.iter().enumerate() {
        let name = worker(index);
        let of_worker = |cause: &Value| {
            let is_known = matches!(cause["kind"].as_str(), Some("lost" | "left out" | "unreachable"));
            is_known && cause["workers"].as_array().is_some_and(|workers| workers.iter().any(|known| *known == name))
        };
        let why = lost
            .iter()
            .find(|lost| lost["worker"] == *name)
            .and_then(|lost| lost["text"].as_str())
            .or_else(|| told.iter().find(|cause| of_worker(cause)).and_then(|cause| cause["text"].as_str()));
        let is_complete = || STEPS.iter().all(|(phase, count)| results(report, phase, &name).len() == *count);
        let is_interrupted = outcome.status == Some(130);
        if let Some(case) = case {
            outcome.ends.entry(case.state).or_default()[usize::from(why.is_none())] += 1;
        }
        match why {
            Some(why) if why.contains(is_harmful) || why.len() > LONGEST => {
                let start: String = why.chars().take(200).collect();
                outcome.faults.push(format!("what is said of worker `{name}` was not cleaned: {start:?}"));
            }
            Some(why) if !why.is_empty() => {
                let text: String = why.chars().map(|c| if c.is_ascii_digit() { '#' } else { c }).take(90).collect();
                *outcome.reasons.entry(text).or_default() += 1;
            }
            _ if is_complete() || is_interrupted || nothing_was_run => {}
            _ => outcome.faults.push(format!("nothing is said of worker `{name}`, which is not complete: {case:?}")),
        }
    }
}

/// The honest workers are complete.
fn judge_honest(report: &Value, purpose: Purpose, outcome: &mut Outcome) {
    let nothing_was_run = outcome.status == Some(1) && report["trials"].as_array().is_none_or(Vec::is_empty);
    if purpose == Purpose::Early && nothing_was_run {
        return;
    }
    for name in ["a", "b"] {
        for (phase, count) in STEPS {
            let is_stopped = purpose == Purpose::Interrupted && (phase == "run" || phase == "collect");
            let results = results(report, phase, name);
            let passed =
                results.iter().filter(|result| result["outcome"] == "passed" || result["outcome"] == "spawned");
            if passed.count() < count && !is_stopped {
                let found: Vec<_> =
                    results.iter().map(|result| (&result["step"], &result["outcome"], &result["reason"])).collect();
                outcome.faults.push(format!("honest worker `{name}` is not complete in {phase}: {found:?}"));
            }
        }
    }
}
