//! Where hostile conductors are let loose: a few players that they talk to, several at a time, beside them an honest run on
//! players of its own, and what must hold all the while and in the end.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "the test and the script use what they need of it"
)]

mod honest;
mod tidiness;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::hostile_conductor::{Case, End, KINDS, Place, STATES, Sink, play};
use super::memory::private_bytes;
use super::{CONDUCTOR, Folder, Player};
use honest::Honest;

/// How many players take hostile conductors of our protocol.
const OWN: usize = 3;

/// How many more take those of the Python program: such a player runs one phase after another.
const PYTHON: usize = 2;

const PLAYERS: usize = OWN + PYTHON;

/// How many hostile conductors talk to a player at a time, where nothing else is said.
pub const AT_ONCE: usize = 8;

/// How much more memory than in an honest run a player and its sessions may have of their own.
const MOST: u64 = 64 << 20;

/// How often a case is begun whose honest beginning did not succeed.
const TRIES: usize = 3;

pub struct Arena {
    folder: Folder,
    players: Vec<Player>,
    honest: Honest,
    seed: u64,
    played: usize,
    counts: BTreeMap<(usize, usize), usize>,
    ends: BTreeMap<(usize, End), usize>,
    /// What an honest run takes of memory on one player, and the most that a player has taken.
    usual: u64,
    most: u64,
    /// How long the cases took, without what comes after them.
    time: Duration,
    /// What went wrong.
    faults: Vec<String>,
}

impl Arena {
    pub fn new(seed: u64) -> Self {
        let folder = Folder::new();
        for name in ["marks", "put", "fetch", "fetch/below", "outside"] {
            std::fs::create_dir(folder.join(name)).expect("a folder");
        }
        folder.file("outside/untouched", "as it was").file("fetch/a", "a").file("fetch/below/b", "b");
        std::os::unix::fs::symlink(folder.join("outside/untouched"), folder.join("fetch/link")).expect("a link");
        let players: Vec<Player> = (0..PLAYERS).map(|index| Self::player(&folder, index)).collect();
        let ports: Vec<u16> = players.iter().map(|player| player.port).collect();
        let honest = Honest::new(&ports, AT_ONCE);
        let mut arena = Self {
            folder,
            players,
            honest,
            seed,
            played: 0,
            counts: BTreeMap::new(),
            ends: BTreeMap::new(),
            usual: 0,
            most: 0,
            time: Duration::ZERO,
            faults: Vec::new(),
        };
        let ((), usual) = arena.measured(|| arena.honest.check_players(&mut Vec::new()));
        arena.usual = usual;
        arena
    }

    fn player(folder: &Folder, index: usize) -> Player {
        let (here, temporary) = (folder.join(&format!("here{index}")), folder.join(&format!("temporary{index}")));
        for path in [&here, &temporary] {
            std::fs::create_dir(path).expect("a folder");
        }
        let log = std::fs::File::options().append(true).create(true).open(Self::log(folder, index)).expect("a log");
        let mut command = Command::new(CONDUCTOR);
        command.args(["player", "--bind", "127.0.0.1", "--port", "0", "-v"]);
        command.current_dir(here).env("TMPDIR", temporary).env_remove("RUST_LOG").stderr(Stdio::from(log));
        Player::from(command)
    }

    fn log(folder: &Folder, index: usize) -> PathBuf {
        folder.join(&format!("log{index}"))
    }

    /// Does something, and says how much memory the player took that took most of it.
    fn measured<T>(&self, act: impl FnOnce() -> T) -> (T, u64) {
        let (over, most) = (AtomicBool::new(false), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    for player in &self.players {
                        most.fetch_max(private_bytes(player.pid()), Ordering::Relaxed);
                    }
                    std::thread::sleep(Duration::from_millis(400));
                }
            });
            let says = SaysOver(&over);
            let done = act();
            drop(says);
            (done, most.load(Ordering::Relaxed))
        })
    }

    /// Plays so many more cases, so many at a time on each player, with honest runs beside them; afterwards each player serves an honest run, and nothing is
    /// left. How long each honest run took beside.
    pub fn play(&mut self, count: usize, at_once: usize) -> Vec<Duration> {
        let cases: Vec<Case> = (self.played..self.played + count).map(|number| Case::new(self.seed, number)).collect();
        self.played += count;
        let (mut played, mut took, mut faults) = (Vec::new(), Vec::new(), Vec::new());
        let (begun, mut time) = (Instant::now(), Duration::ZERO);
        let ((), most) = self.measured(|| {
            let over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                let beside = scope.spawn(|| self.honest.run_until(&over));
                let says = SaysOver(&over);
                played = self.play_all(&cases, at_once);
                drop(says);
                time = begun.elapsed();
                let (times, said) = beside.join().expect("an honest run");
                took = times;
                faults.extend(said);
            });
            self.check_that_steps_are_over(&mut faults);
            self.honest.check_players(&mut faults);
        });
        self.time += time;
        self.most = self.most.max(most);
        for (case, end) in &played {
            *self.ends.entry((case.state, *end)).or_default() += 1;
            if *end != End::NotReached {
                *self.counts.entry((case.state, case.kind)).or_default() += 1;
            }
        }
        self.check_resets(&played, &mut faults);
        self.check_files(&mut faults);
        self.check_logs(&mut faults);
        if self.most > self.usual + MOST {
            let (usual, most) = (self.usual >> 10, self.most >> 10);
            faults.push(format!("a player took {most} KiB of memory, and {usual} KiB in an honest run"));
        }
        if !faults.is_empty() {
            faults.push(format!("seed {}, cases {}..{}", self.seed, self.played - count, self.played));
        }
        self.faults.extend(faults);
        took
    }

    /// Plays these cases, several at a time; what became of each.
    fn play_all(&self, cases: &[Case], at_once: usize) -> Vec<(Case, End)> {
        let (python, own): (Vec<Case>, Vec<Case>) = cases.iter().partition(|case| case.is_python());
        let [python, own] = [python, own].map(|cases| Mutex::new(VecDeque::from(cases)));
        let played = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for (index, player) in self.players.iter().enumerate() {
                let queue = if index >= OWN { &python } else { &own };
                for _ in 0..at_once {
                    scope.spawn(|| self.play_some(player.port, queue, &played));
                }
            }
        });
        played.into_inner().expect("a list")
    }

    fn play_some(&self, port: u16, queue: &Mutex<VecDeque<Case>>, played: &Mutex<Vec<(Case, End)>>) {
        // A conductor that sends a phase whose results go where others are still due has been started anew, for the player.
        let sinks: [Sink; 4] = std::array::from_fn(|_| Sink::open());
        let (marks, files) = (self.folder.join("marks"), self.folder.path());
        for sink in sinks.iter().cycle() {
            let Some(case) = queue.lock().expect("a list").pop_front() else { return };
            let place = Place { port, marks: &marks, files, results: sink.port() };
            let beginnings = (0..TRIES).map(|number| case.again(number));
            let mut tried = beginnings.map(|case| (case, play(case, place)));
            let outcome = tried.find(|(_, end)| *end != End::NotReached).unwrap_or((case, End::NotReached));
            played.lock().expect("a list").push(outcome);
        }
    }

    /// What was found, as tables.
    pub fn report(&self) -> String {
        let mut text = format!(
            "{} cases in {:.1} s; memory {} KiB at most, {} KiB in an honest run\n",
            self.played,
            self.time.as_secs_f64(),
            self.most >> 10,
            self.usual >> 10
        );
        let row = |name: &str, cells: Vec<String>| {
            let cells: Vec<String> = cells.iter().map(|cell| format!(" {cell:>7.7}")).collect();
            format!("{name:18}{}\n", cells.concat())
        };
        text += &row("said", STATES.iter().map(|state| state.trim_start_matches("python ").to_owned()).collect());
        let numbers = |count: &dyn Fn(usize) -> Option<usize>| {
            (0..STATES.len()).map(|state| count(state).unwrap_or_default().to_string()).collect()
        };
        for (kind, name) in KINDS.iter().enumerate() {
            text += &row(name, numbers(&|state| self.counts.get(&(state, kind)).copied()));
        }
        for end in End::ALL {
            text += &row(&format!("{end:?}"), numbers(&|state| self.ends.get(&(state, end)).copied()));
        }
        let (least, largest) = self.range();
        let _ = writeln!(text, "each was said in each state {least} to {largest} times");
        text
    }

    /// How often the rarest and the most frequent type was met in a state.
    pub fn range(&self) -> (usize, usize) {
        let all = (0..STATES.len()).flat_map(|state| (0..KINDS.len()).map(move |kind| (state, kind)));
        let counts: Vec<usize> = all.map(|cell| self.counts.get(&cell).copied().unwrap_or_default()).collect();
        (counts.iter().copied().min().unwrap_or_default(), counts.iter().copied().max().unwrap_or_default())
    }

    /// How many cases were played.
    pub fn played(&self) -> usize {
        self.played
    }

    /// What went wrong so far.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }

    /// How long an honest run takes while no hostile conductor is there.
    pub fn honest_alone(&mut self) -> Duration {
        let (time, faults) = self.honest.run();
        self.faults.extend(faults);
        time
    }

    /// Whether each type was met, and each state.
    pub fn has_all_types_and_states(&self) -> bool {
        (0..STATES.len()).all(|state| self.counts.keys().any(|cell| cell.0 == state))
            && (0..KINDS.len()).all(|kind| self.counts.keys().any(|cell| cell.1 == kind))
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Says that something is over, also when it ends by a panic: others wait for it.
struct SaysOver<'a>(&'a AtomicBool);

impl Drop for SaysOver<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
