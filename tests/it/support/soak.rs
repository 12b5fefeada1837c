//! A soak: one long run, and in one trial of each ten, at random, a fault. Every verdict must be the one that the fault
//! explains, each step must be run as often as it explains, and nothing may grow.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "the test and the script use what they need of it, and both want it to end at what it does not get"
)]

#[path = "tail.rs"]
mod tail;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Child;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::relay::{Relay, Way};
use super::{Folder, Player, children, conductor, kill};
use tail::Tail;

const WORKERS: usize = 3;
const PHASES: [&str; 4] = ["startup", "run", "collect", "reset"];
/// Long enough that what a loaded machine holds up is not taken for a fault.
const LEASE: Duration = Duration::from_secs(3);
/// One trial of so many has a fault.
const EVERY: usize = 10;

/// What is done to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Its connection is cut, reset, forgotten by a router, or carries nothing for less than the lease.
    Cut,
    Reset,
    Strand,
    Stall,
    /// Its session's process is stopped for less than the lease.
    Stop,
    /// It cannot be reached, or its connections carry nothing, for longer than the lease.
    Outage,
    Void,
    /// Its session's process is killed.
    Kill,
}

impl Kind {
    const ALL: [Self; 8] =
        [Self::Cut, Self::Reset, Self::Strand, Self::Stall, Self::Stop, Self::Outage, Self::Void, Self::Kill];

    /// Whether the worker is lost by it.
    fn is_loss(self) -> bool {
        self >= Self::Outage
    }
}

/// A fault, and where it strikes: while every worker is in its step of this phase.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    pub trial: usize,
    pub kind: Kind,
    phase: &'static str,
    worker: usize,
    /// How long what is shorter than the lease takes.
    time: Duration,
}

impl Fault {
    /// The faults of a run.
    fn plan(trials: usize, seed: u64) -> Vec<Self> {
        let mut random = Random(seed);
        let fault = |first: usize| {
            let kind = *random.one_of(&Kind::ALL);
            // What is lost in Reset has begun it: how much of it was done is not known.
            let phase = *random.one_of(if kind.is_loss() { &PHASES[..3] } else { &PHASES });
            let trial = first + random.below(EVERY.min(trials + 1 - first));
            let time = Duration::from_millis(random.below(1500) as u64);
            Fault { trial, kind, phase, worker: random.below(WORKERS), time }
        };
        (1..=trials).step_by(EVERY).map(fault).collect()
    }
}

/// What a soak came to.
#[derive(Debug, Default)]
pub struct Soaked {
    pub trials: usize,
    pub faults: Vec<Fault>,
    /// What no fault explains.
    pub unexplained: Vec<String>,
    pub samples: Vec<Sample>,
    pub time: Duration,
}

/// What the conductor and its players had at a moment at which nothing was wrong.
#[derive(Debug, Default, Clone, Copy)]
pub struct Sample {
    pub conductor: Usage,
    /// The listeners and their sessions together.
    pub players: Usage,
}

#[derive(Debug, Default, Clone, Copy)]
pub struct Usage {
    pub descriptors: usize,
    pub threads: usize,
    pub processes: usize,
    /// Resident, in kB.
    pub memory: usize,
}

/// A soak of so many trials.
pub fn soak(trials: usize, seed: u64) -> Soaked {
    let begun = Instant::now();
    let scene = Scene::new(trials, Fault::plan(trials, seed));
    let arguments = ["conduct", "--quiet", "-f", "jsonl", "-o", "results", "test.cfg"];
    let child = conductor(&scene.folder, arguments).spawn().expect("the conductor starts");
    let mut soaked = Soaked { trials, faults: scene.faults.clone(), ..Soaked::default() };
    let status = scene.run(child, &mut soaked.samples);
    let lost = soaked.faults.iter().any(|fault| fault.kind.is_loss());
    if status != Some(if lost { 4 } else { 0 }) {
        soaked.unexplained.push(format!("the exit status is {status:?}"));
    }
    soaked.unexplained.extend(scene.verdicts());
    soaked.unexplained.extend(scene.steps());
    soaked.time = begun.elapsed();
    soaked
}

struct Scene {
    folder: Folder,
    players: Vec<Player>,
    relays: Vec<Relay>,
    trials: usize,
    faults: Vec<Fault>,
}

impl Scene {
    fn new(trials: usize, faults: Vec<Fault>) -> Self {
        let folder = Folder::new();
        let players: Vec<_> = (0..WORKERS).map(|_| Player::start()).collect();
        let relays: Vec<_> = players.iter().map(|player| Relay::to(player.port)).collect();
        // A step that finds a gate waits until that is taken away.
        let here = "$CONDUCTOR_TRIAL.$CONDUCTOR_PHASE";
        let step = format!(
            "step = echo \"{here}.$CONDUCTOR_WORKER\" >>{log}; while [ -e {gate}.{here} ]; do sleep 0.02; done\n",
            log = folder.join("log").display(),
            gate = folder.join("gate").display()
        );
        let sections = ["Startup", "Run", "Collect", "Reset"].map(|phase| format!("[{phase}]\n{step}")).concat();
        let names: Vec<_> = (0..WORKERS).map(|worker| format!("w{worker}")).collect();
        for (name, relay) in names.iter().zip(&relays) {
            folder.worker(name, relay.port, &sections);
        }
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        folder.test(&format!("trials = {trials}\nlease = {}s", LEASE.as_secs()), &names);
        for Fault { trial, phase, .. } in &faults {
            folder.file(&format!("gate.{trial}.{phase}"), "");
        }
        Self { folder, players, relays, trials, faults }
    }

    /// Lets each fault strike in its turn, and looks now and then what everybody has; the conductor's exit status.
    fn run(&self, mut child: Child, samples: &mut Vec<Sample>) -> Option<i32> {
        let limit = Duration::from_secs(60 + self.trials as u64 + 20 * self.faults.len() as u64);
        let deadline = Instant::now() + limit;
        let (mut log, mut results) = (Tail::of(&self.folder.join("log")), Tail::of(&self.folder.join("results")));
        let mut faults = self.faults.iter();
        let mut next = faults.next();
        let mut begun = BTreeSet::new();
        loop {
            if let Some(status) = child.try_wait().expect("a child") {
                return status.code();
            }
            if Instant::now() > deadline {
                let _ = child.kill();
                let _ = child.wait();
                return None;
            }
            begun.extend(log.lines());
            if let Some(fault) = next
                && (0..WORKERS).all(|worker| begun.contains(&fault.line(worker)))
            {
                self.strike(fault, &mut child, &mut results);
                let _ = std::fs::remove_file(self.folder.join(&format!("gate.{}.{}", fault.trial, fault.phase)));
                next = faults.next();
                begun.clear();
            } else {
                samples.extend(self.sample(child.id()));
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    fn strike(&self, fault: &Fault, child: &mut Child, results: &mut Tail) {
        let relay = &self.relays[fault.worker];
        let session = || session(&self.players[fault.worker]);
        let pause = || std::thread::sleep(fault.time);
        match fault.kind {
            Kind::Cut => relay.cut(),
            Kind::Reset => relay.reset(),
            Kind::Strand => relay.strand(),
            Kind::Stall => {
                relay.stall(Way::Both);
                pause();
                relay.flow(Way::Both);
            }
            Kind::Stop => {
                let session = session();
                kill(session, libc::SIGSTOP);
                pause();
                kill(session, libc::SIGCONT);
            }
            Kind::Outage => {
                relay.refuse(true);
                relay.cut();
                wait_for_loss(child, results);
                relay.refuse(false);
            }
            Kind::Void => {
                relay.stall(Way::Both);
                wait_for_loss(child, results);
                relay.flow(Way::Both);
            }
            Kind::Kill => {
                kill(session(), libc::SIGKILL);
                wait_for_loss(child, results);
            }
        }
    }

    /// What everybody has now, if no worker is being lost or found.
    fn sample(&self, conductor: u32) -> Option<Sample> {
        let sessions: Vec<_> = self.players.iter().flat_map(Player::children).collect();
        let mut sample = Sample { conductor: Usage::of(conductor), ..Sample::default() };
        for pid in self.players.iter().map(Player::pid).chain(sessions.iter().copied()) {
            sample.players.add(Usage::of(pid));
        }
        (sessions.len() == WORKERS).then_some(sample)
    }

    /// What the verdicts say that no fault explains.
    fn verdicts(&self) -> Vec<String> {
        let mut unexplained = Vec::new();
        let mut verdicts = BTreeMap::new();
        let mut trial = 0;
        for line in self.folder.read("results").lines() {
            let event: Value = serde_json::from_str(line).expect("an event");
            let fault = |trial| self.faults.iter().find(|fault| fault.trial == trial);
            match event["event"].as_str().expect("a kind") {
                "trial_started" => trial = number(&event["trial"]),
                "trial_ended" => drop(verdicts.insert(trial, event["verdict"].as_str().expect("a verdict").to_owned())),
                "worker_lost" => {
                    let expected = fault(trial).filter(|fault| fault.kind.is_loss());
                    if expected.is_none_or(|fault| event["worker"] != format!("w{}", fault.worker)) {
                        unexplained.push(format!("trial {trial}, {:?}: {line}", fault(trial)));
                    }
                }
                "warning" if fault(trial).is_none() && fault(trial.saturating_sub(1)).is_none() => {
                    unexplained.push(format!("trial {trial}: {line}"));
                }
                _ => {}
            }
        }
        for trial in 1..=self.trials {
            let lost = self.faults.iter().any(|fault| fault.trial == trial && fault.kind.is_loss());
            let expected = if lost { "incomplete" } else { "passed" };
            let found = verdicts.get(&trial).map(String::as_str);
            if found != Some(expected) {
                unexplained.push(format!("the verdict of trial {trial} is {found:?} instead of `{expected}`"));
            }
        }
        unexplained
    }

    /// What the steps' own log says that no fault explains: each is run once; by a worker that is lost, those up to its
    /// loss, and Reset.
    fn steps(&self) -> Vec<String> {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for line in self.folder.read("log").lines() {
            *counts.entry(line.to_owned()).or_default() += 1;
        }
        let mut unexplained = Vec::new();
        for trial in 1..=self.trials {
            let fault = self.faults.iter().find(|fault| fault.trial == trial && fault.kind.is_loss());
            for (position, phase) in PHASES.into_iter().enumerate() {
                for worker in 0..WORKERS {
                    let fault = fault.filter(|fault| fault.worker == worker);
                    let is_behind = |fault: &Fault| PHASES[..position].contains(&fault.phase) && phase != "reset";
                    let expected = usize::from(!fault.is_some_and(is_behind));
                    let found = counts.remove(&format!("{trial}.{phase}.w{worker}")).unwrap_or(0);
                    if found != expected {
                        unexplained.push(format!("w{worker} ran {phase} of trial {trial} {found} times ({fault:?})"));
                    }
                }
            }
        }
        unexplained.extend(counts.into_keys().map(|line| format!("a step ran that is not of the test: {line}")));
        unexplained
    }
}

impl Fault {
    /// What a worker's step writes that this fault waits for.
    fn line(&self, worker: usize) -> String {
        format!("{}.{}.w{worker}", self.trial, self.phase)
    }
}

impl Soaked {
    /// What the first and the last third of the samples have at rest.
    pub fn thirds(&self) -> [Sample; 2] {
        let third = self.samples.len() / 3;
        [&self.samples[..third], &self.samples[self.samples.len() - third..]].map(|samples| Sample {
            conductor: Usage::at_rest(samples, |sample| sample.conductor),
            players: Usage::at_rest(samples, |sample| sample.players),
        })
    }
}

impl Usage {
    /// What one process has.
    fn of(pid: u32) -> Self {
        let entries = |name: &str| std::fs::read_dir(format!("/proc/{pid}/{name}")).map_or(0, Iterator::count);
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let memory = memory.and_then(|text| text.split_ascii_whitespace().next()?.parse().ok()).unwrap_or(0);
        Self { descriptors: entries("fd"), threads: entries("task"), processes: children(pid).len(), memory }
    }

    fn add(&mut self, other: Self) {
        self.descriptors += other.descriptors;
        self.threads += other.threads;
        self.processes += other.processes;
        self.memory += other.memory;
    }

    /// The least of these, for a step that runs has more. Memory differs from session to session, so that it is what a
    /// quarter of them stay below.
    fn at_rest(samples: &[Sample], whose: fn(&Sample) -> Self) -> Self {
        let all = || samples.iter().map(whose);
        let least = |of: fn(&Self) -> usize| all().map(|usage| of(&usage)).min().unwrap_or(0);
        let mut memory: Vec<_> = all().map(|usage| usage.memory).collect();
        memory.sort_unstable();
        Self {
            descriptors: least(|usage| usage.descriptors),
            threads: least(|usage| usage.threads),
            processes: least(|usage| usage.processes),
            memory: memory.get(memory.len() / 4).copied().unwrap_or(0),
        }
    }
}

/// The process that holds the worker's session: the one that has a step.
fn session(player: &Player) -> u32 {
    player.children().into_iter().find(|pid| !children(*pid).is_empty()).expect("a session with a step")
}

/// Waits until the conductor says that a worker is lost, or ends.
fn wait_for_loss(child: &mut Child, results: &mut Tail) {
    let deadline = Instant::now() + 10 * LEASE;
    while Instant::now() < deadline && child.try_wait().is_ok_and(|status| status.is_none()) {
        if results.lines().any(|line| line.contains("\"event\":\"worker_lost\"")) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn number(value: &Value) -> usize {
    value.as_u64().and_then(|number| usize::try_from(number).ok()).expect("a number")
}

/// Numbers that look random, the same for the same seed (`SplitMix64`).
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % limit as u64).expect("a small number")
    }

    pub fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }
}
