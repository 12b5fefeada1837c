//! Runs in which everything is signalled at random: conductor, listeners, sessions, clean-up processes and steps are killed,
//! stopped, continued and told to end, connections are cut and stalled. Each machine that lives has one Reset for each trial
//! that was started there, nothing is left after lease and limits, the exit status is explained, and the next run is clean.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "the test and the script use what they need of it, and both want it to end at what it does not get"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::process::Child;
use std::time::{Duration, Instant};

use super::relay::{Relay, Way};
use super::soak::Random;
use super::{Folder, Player, children, conductor, kill};

/// The workers, by the players that they are on.
const PLAYERS: [&[&str]; 2] = [&["u", "v"], &["w"]];

/// How long it may take until nothing is left of a run: its lease, the watch over its sessions, Reset, stops by force.
const CLEAN: Duration = Duration::from_secs(40);

/// How long a run may take with all that is done to it.
const RUN: Duration = Duration::from_secs(90);

/// What is signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    Conductor,
    Listener,
    /// A child of a listener: a session, or the clean-up process of one that died.
    Session,
    Step,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Act {
    Signal(Target, i32),
    Cut,
    Stall,
}

impl fmt::Display for Act {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signal(target, signal) => {
                let signals = BTreeMap::from([(9, "SIGKILL"), (15, "SIGTERM"), (18, "SIGCONT"), (19, "SIGSTOP")]);
                write!(out, "{target:?} {}", signals[signal])
            }
            other => write!(out, "{other:?}"),
        }
    }
}

/// One thing that is done, at a moment, to one of several.
#[derive(Debug, Clone, Copy)]
struct Fault {
    after: Duration,
    act: Act,
    which: usize,
    time: Duration,
}

impl Fault {
    fn at_random(random: &mut Random) -> Self {
        let targets = [Target::Conductor, Target::Listener, Target::Session, Target::Session, Target::Step];
        let signals = [libc::SIGKILL, libc::SIGSTOP, libc::SIGSTOP, libc::SIGCONT, libc::SIGTERM];
        let act = match random.below(10) {
            0 => Act::Cut,
            1 => Act::Stall,
            _ => Act::Signal(*random.one_of(&targets), *random.one_of(&signals)),
        };
        let mut milliseconds = |limit: usize| Duration::from_millis(random.below(limit) as u64);
        Self { after: milliseconds(1500), act, time: milliseconds(2000), which: random.below(1000) }
    }
}

/// What a run came to.
#[derive(Debug, Default)]
pub struct Outcome {
    pub seed: u64,
    /// What was done.
    pub acts: Vec<Act>,
    /// The conductor's exit status.
    pub status: Option<i32>,
    /// What nothing explains.
    pub unexplained: Vec<String>,
    /// How long it took until nothing was left, from the conductor's end.
    pub clean_after: Duration,
}

/// One run with faults, of this seed.
pub fn run(seed: u64) -> Outcome {
    let mut scene = Scene::new(seed);
    let mut child = scene.conduct("results.json", "first");
    scene.strike(&mut child);
    scene.let_go_on(&child);
    scene.outcome.status = scene.wait_for(&mut child);
    scene.explain_status();
    scene.wait_until_clean();
    scene.count_resets();
    scene.run_again();
    scene.stop_players();
    if !scene.outcome.unexplained.is_empty() {
        scene.describe();
    }
    scene.outcome
}

struct Scene {
    folder: Folder,
    players: Vec<Player>,
    /// Those that have ended, or were killed.
    gone: BTreeSet<usize>,
    /// Those that were told to stop.
    told: BTreeSet<usize>,
    relays: Vec<Relay>,
    random: Random,
    /// Whether a session without a listener was signalled: nobody is left who could reset for it.
    outcome: Outcome,
    begun: Instant,
}

impl Scene {
    fn new(seed: u64) -> Self {
        let folder = Folder::new();
        let player = |index| {
            let log = folder.join(&format!("player{index}.log"));
            Player::with(["-v".as_ref(), "--log-file".as_ref(), log.as_os_str()])
        };
        let players: Vec<_> = (0..PLAYERS.len()).map(player).collect();
        let relays: Vec<_> = players.iter().map(|player| Relay::to(player.port)).collect();
        let here = folder.path().display();
        let log = format!("echo $CONDUCTOR_RUN $CONDUCTOR_TRIAL $CONDUCTOR_PHASE >>{here}/log-$CONDUCTOR_WORKER");
        let sections = format!(
            "[Startup]\nstep = {log}; sleep 0.1\nserver = spawn:sleep 300\n[Run]\nstep = timeout3:{log}; sleep 0.3\n\
             [Collect]\nstep = timeout3:{log}; sleep 0.1\n[Reset]\nundo = {log}; sleep 0.1\nmore = sleep 0.1\n"
        )
        .replace("[Startup]\nstep = ", "[Startup]\nstep = timeout3:");
        for (workers, relay) in PLAYERS.iter().zip(&relays) {
            for worker in *workers {
                folder.worker(worker, relay.port, &sections);
            }
        }
        let lines = "trials = 2\nlease = 1s\nreset_timeout = 5s\nconnect_timeout = 3s";
        folder.test(lines, &PLAYERS.concat());
        let outcome = Outcome { seed, ..Outcome::default() };
        let (gone, told) = (BTreeSet::new(), BTreeSet::new());
        Self { folder, players, gone, told, relays, random: Random(seed), outcome, begun: Instant::now() }
    }

    fn conduct(&self, results: &str, run: &str) -> Child {
        let arguments = ["conduct", "-v", "--log-file", "conduct.log", "-f", "json", "-o", results, "--run-id", run];
        let mut command = conductor(&self.folder, arguments.iter().chain(&["test.cfg"]));
        command.spawn().expect("the conductor starts")
    }

    fn strike(&mut self, child: &mut Child) {
        let mut faults: Vec<_> = (0..=self.random.below(3)).map(|_| Fault::at_random(&mut self.random)).collect();
        faults.sort_by_key(|fault| fault.after);
        for fault in faults {
            let at = self.begun + fault.after;
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if child.try_wait().expect("a child").is_some() {
                return;
            }
            if self.apply(fault, child) {
                self.outcome.acts.push(fault.act);
            }
        }
    }

    /// Does it; whether there was something to do it to.
    fn apply(&mut self, fault: Fault, child: &Child) -> bool {
        let index = fault.which % self.players.len();
        let one_of = |list: Vec<u32>| (!list.is_empty()).then(|| list[fault.which % list.len()]);
        match fault.act {
            Act::Cut => self.relays[index].cut(),
            Act::Stall => {
                self.relays[index].stall(Way::Both);
                std::thread::sleep(fault.time);
                self.relays[index].flow(Way::Both);
            }
            Act::Signal(Target::Conductor, signal) => {
                // A second word to leave is another test's.
                let was_told = self.did(Target::Conductor, libc::SIGTERM);
                if signal == libc::SIGTERM && was_told {
                    return false;
                }
                kill(child.id(), signal);
            }
            Act::Signal(Target::Listener, signal) => {
                if self.gone.contains(&index) || (signal == libc::SIGTERM && !self.told.insert(index)) {
                    return false;
                }
                self.players[index].signal(signal);
                if signal == libc::SIGKILL {
                    self.players[index].wait();
                    self.gone.insert(index);
                }
            }
            Act::Signal(target, signal) => {
                let sessions = self.players[index].children();
                let steps = || sessions.iter().flat_map(|session| children(*session)).collect();
                let list = if target == Target::Session { sessions.clone() } else { steps() };
                let Some(pid) = one_of(list) else { return false };
                kill(pid, signal);
            }
        }
        true
    }

    fn did(&self, target: Target, signal: i32) -> bool {
        self.outcome.acts.contains(&Act::Signal(target, signal))
    }

    fn did_to(&self, target: Target) -> bool {
        self.outcome
            .acts
            .iter()
            .any(|act| matches!(act, Act::Signal(of, signal) if *of == target && *signal != libc::SIGCONT))
    }

    /// Over conductor and listeners nobody watches: who has stopped them continues them.
    fn let_go_on(&self, child: &Child) {
        if self.did(Target::Conductor, libc::SIGSTOP) || self.did(Target::Listener, libc::SIGSTOP) {
            std::thread::sleep(Duration::from_secs(2));
        }
        kill(child.id(), libc::SIGCONT);
        let alive = self.players.iter().enumerate().filter(|(index, _)| !self.gone.contains(index));
        alive.for_each(|(_, player)| player.signal(libc::SIGCONT));
    }

    /// The exit status, or 128 and the signal.
    fn wait_for(&mut self, child: &mut Child) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        let deadline = Instant::now() + RUN;
        while Instant::now() < deadline {
            if let Some(status) = child.try_wait().expect("a child") {
                return status.code().or_else(|| status.signal().map(|signal| 128 + signal));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.outcome.unexplained.push("the conductor does not end".to_owned());
        let _ = child.kill();
        let _ = child.wait();
        None
    }

    fn explain_status(&mut self) {
        let (mut may_be, all) = (BTreeSet::from([0]), &self.outcome.acts);
        if self.did(Target::Conductor, libc::SIGKILL) {
            may_be.insert(128 + libc::SIGKILL);
        }
        if self.did(Target::Conductor, libc::SIGTERM) {
            may_be.insert(128 + libc::SIGTERM);
        }
        if self.did_to(Target::Step) {
            may_be.insert(3);
        }
        // Workers that are lost, and players that are gone before there was a plan.
        let is_loss = |act: &Act| match act {
            Act::Stall => true,
            Act::Cut | Act::Signal(Target::Step, _) => false,
            Act::Signal(Target::Conductor, signal) => *signal == libc::SIGSTOP,
            Act::Signal(_, signal) => *signal != libc::SIGCONT,
        };
        if all.iter().any(is_loss) {
            may_be.extend([1, 4]);
        }
        // A connection that is cut is made again by the listener.
        if all.contains(&Act::Cut) && self.did_to(Target::Listener) {
            may_be.extend([1, 4]);
        }
        if self.outcome.status.is_none_or(|status| !may_be.contains(&status)) {
            self.outcome
                .unexplained
                .push(format!("the exit status is {:?}, and not one of {may_be:?}", self.outcome.status));
        }
    }

    /// What is there that the players have made.
    fn left(&self) -> Vec<u32> {
        let of = |player: &Player| player.carriers().into_iter().filter(|pid| *pid != player.pid()).collect::<Vec<_>>();
        self.players.iter().flat_map(of).collect()
    }

    fn wait_until_clean(&mut self) {
        let begun = Instant::now();
        // One that was killed may keep what happened for an hour, for its own run; it holds nothing, and is not left.
        while begun.elapsed() < CLEAN {
            // When no process is left, a player may still have a Reset to run, or to report.
            if self.left().iter().all(|pid| self.is_over(*pid)) && self.is_free() {
                self.outcome.clean_after = begun.elapsed();
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let left: Vec<String> = self.left().into_iter().map(describe).collect();
        self.outcome.unexplained.push(format!("left after {CLEAN:?}: {}", left.join("; ")));
    }

    /// Whether this may be a session of a listener that lives, which is over and waits to be asked by its conductor: it has
    /// no children.
    fn is_over(&self, pid: u32) -> bool {
        let is_of = |player: &Player| player.children().contains(&pid);
        let has_listener =
            self.players.iter().enumerate().any(|(index, player)| !self.gone.contains(&index) && is_of(player));
        has_listener && children(pid).is_empty() && !is_stopped(pid)
    }

    /// Whether no player that lives is held by the run.
    fn is_free(&self) -> bool {
        let alive = (0..self.players.len()).filter(|index| !self.gone.contains(index) && !self.told.contains(index));
        let names: Vec<&str> = alive.flat_map(|index| PLAYERS[index].iter().copied()).collect();
        if names.is_empty() {
            return true;
        }
        let arguments = ["conduct", "--quiet", "--check", "--workers", &names.join(","), "test.cfg"].map(str::to_owned);
        let checked = super::run(&self.folder, arguments);
        checked.status == Some(0) && !checked.stdout.contains("run `first`")
    }

    fn count_resets(&mut self) {
        for (index, workers) in PLAYERS.iter().enumerate() {
            for worker in *workers {
                let log = self.folder.read(&format!("log-{worker}"));
                for trial in 1..=2 {
                    let of = |line: &&str| line.starts_with(&format!("first {trial} "));
                    let (resets, others): (Vec<&str>, Vec<&str>) =
                        log.lines().filter(of).partition(|line| line.ends_with(" reset"));
                    let least = usize::from(!others.is_empty() && self.must_have_reset(index));
                    // Reset of a trial in which this worker did nothing is run when the run ends in good order.
                    if resets.len() > 1 || resets.len() < least {
                        let text = format!("{worker} has {} Resets of trial {trial} after {others:?}", resets.len());
                        self.outcome.unexplained.push(text);
                    }
                }
            }
        }
    }

    /// Whether somebody was left on this machine who could run Reset, and knew that it had not begun.
    fn must_have_reset(&self, index: usize) -> bool {
        let said = self.folder.read(&format!("player{index}.log"));
        let is_dead = self.gone.contains(&index) && self.did_to(Target::Session);
        let was_struck = said.contains("its Reset is not run again") || self.did_to(Target::Step);
        !is_dead && !was_struck
    }

    /// The next run on the players that live passes.
    fn run_again(&mut self) {
        let alive = (0..self.players.len()).filter(|index| !self.gone.contains(index) && !self.told.contains(index));
        let names: Vec<&str> = alive.flat_map(|index| PLAYERS[index].iter().copied()).collect();
        if names.is_empty() {
            return;
        }
        let names = names.join(",");
        // Nothing is done to this run, but the machine may be busy for longer than a second.
        let arguments = ["conduct", "--quiet", "--run-id", "second", "--lease", "1m", "--workers", &names, "test.cfg"];
        let finished = super::run(&self.folder, arguments);
        if finished.status != Some(0) {
            self.outcome.unexplained.push(format!("the next run: {finished:#?}"));
        }
    }

    fn stop_players(&mut self) {
        for index in 0..self.players.len() {
            if self.gone.contains(&index) {
                continue;
            }
            let begun = Instant::now();
            if !self.told.contains(&index) {
                self.players[index].signal(libc::SIGTERM);
            }
            let status = self.players[index].wait();
            if status.code() != Some(0) || begun.elapsed() > Duration::from_secs(15) {
                let text = format!("player {index} ends with {status} after {:?}", begun.elapsed());
                self.outcome.unexplained.push(text);
            }
        }
        if let left @ [_, ..] = &self.left()[..] {
            let left: Vec<String> = left.iter().copied().map(describe).collect();
            self.outcome.unexplained.push(format!("left when the players have ended: {}", left.join("; ")));
        }
    }

    /// Adds what everybody has said.
    fn describe(&mut self) {
        for name in ["conduct.log", "player0.log", "player1.log", "log-u", "log-v", "log-w"] {
            self.outcome.unexplained.push(format!("{name}:\n{}", self.folder.read(name)));
        }
    }
}

fn is_stopped(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

fn describe(pid: u32) -> String {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let stopped = if is_stopped(pid) { " (stopped)" } else { "" };
    format!("{pid}{stopped} `{}`", String::from_utf8_lossy(&line).replace('\0', " ").trim_end())
}
