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
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::hostile_conductor::{Case, End, KINDS, Place, STATES, Sink, play};
use super::memory::Private;
use super::{CONDUCTOR, Folder, Player};
use honest::Honest;

/// How many players take hostile conductors of our protocol.
const OWN: usize = 4;

/// How many more take those of the Python program: such a player runs one phase after another.
const PYTHON: usize = 3;

const PLAYERS: usize = OWN + PYTHON;

/// How many hostile conductors talk to a player at a time, where nothing else is said.
pub const AT_ONCE: usize = 8;

/// How much more memory than in an honest run a player and its sessions may have of their own.
const MOST: u64 = 64 << 20;

/// How often that is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How many cases are played between two looks at what they have left.
const BATCH: usize = 2500;

/// How many cases are played beside the honest run whose time is measured, one at a time on each player: what an honest run
/// takes is to follow from what they do, and not from how many there are for each processor.
const FEW: usize = 60;

/// How many honest runs of a batch are timed, each alone and beside hostile conductors.
const PAIRS: usize = 3;

/// How much longer an honest run may take beside hostile conductors.
pub const SLOWER: f64 = 1.5;

/// How often a case is begun whose honest beginning did not succeed.
const TRIES: usize = 3;

/// A case, what became of it, and how long it took.
type Played = (Case, End, Duration);

pub struct Arena {
    folder: Folder,
    players: Vec<Player>,
    honest: Honest,
    seed: u64,
    played: usize,
    /// What was played since the last look at what is left.
    unchecked: Vec<Played>,
    counts: BTreeMap<(usize, usize), usize>,
    ends: BTreeMap<(usize, End), usize>,
    /// What an honest run takes of memory on one player, and the most that a player has taken.
    usual: Private,
    most: Private,
    /// How long the cases took, without what comes after them, and how long those of each state took one by one.
    time: Duration,
    times: [Duration; STATES.len()],
    /// How long honest runs took alone, and each next one beside hostile conductors.
    pairs: Vec<(Duration, Duration)>,
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
            unchecked: Vec::new(),
            counts: BTreeMap::new(),
            ends: BTreeMap::new(),
            usual: Private::default(),
            most: Private::default(),
            time: Duration::ZERO,
            times: [Duration::ZERO; STATES.len()],
            pairs: Vec::new(),
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
    fn measured<T>(&self, act: impl FnOnce() -> T) -> (T, Private) {
        let over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let mut most = Private::default();
                while !over.load(Ordering::Relaxed) {
                    most = self.players.iter().map(|player| Private::of(player.pid())).fold(most, Private::max);
                    std::thread::sleep(LOOK);
                }
                most
            });
            let says = SaysOver(&over);
            let done = act();
            drop(says);
            (done, looking.join().expect("what was seen"))
        })
    }

    /// Plays so many cases, or for so long; between the batches, and in the end, it looks at what they have left.
    pub fn campaign(&mut self, cases: Option<usize>, time: Option<Duration>) {
        let begun = Instant::now();
        while cases.is_none_or(|cases| self.played < cases) && time.is_none_or(|time| begun.elapsed() < time) {
            let left = cases.map_or(BATCH, |cases| BATCH.min(cases - self.played));
            let few = FEW.min(left / PAIRS);
            for _ in 0..PAIRS {
                let alone = self.honest_alone();
                // While the last cases end, the honest run is almost alone.
                let beside = self.play(few, 1).first().copied().unwrap_or_default();
                self.pairs.push((alone, beside));
            }
            self.play(left - few * PAIRS, AT_ONCE);
            self.check();
            println!(
                "{} cases after {:.0} s; honest runs took {:.2} times as long beside as alone",
                self.played,
                begun.elapsed().as_secs_f64(),
                self.slower(),
            );
            if !self.faults.is_empty() {
                return;
            }
        }
    }

    /// How many times as long an honest run took beside hostile conductors as alone: the median of several.
    pub fn slower(&self) -> f64 {
        let mut ratios: Vec<f64> = self.pairs.iter().map(|(alone, beside)| beside.div_duration_f64(*alone)).collect();
        ratios.sort_by(f64::total_cmp);
        ratios.get(ratios.len() / 2).copied().unwrap_or_default()
    }

    /// Plays so many more cases, so many at a time on each player, with honest runs beside them. How long each of these took.
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
        });
        self.time += time;
        self.most = self.most.max(most);
        for (case, end, time) in &played {
            self.times[case.state] += *time;
            *self.ends.entry((case.state, *end)).or_default() += 1;
            if *end == End::Wrong {
                faults.push(format!("case {} of seed {}: a plan was taken, or not", case.number, self.seed));
            }
            if *end != End::NotReached {
                *self.counts.entry((case.state, case.kind)).or_default() += 1;
            }
        }
        self.unchecked.extend(played);
        self.faults.extend(faults);
        took
    }

    /// Looks whether each player serves an honest run after what was played last, and whether nothing is left of that.
    pub fn check(&mut self) {
        let (mut faults, played) = (Vec::new(), std::mem::take(&mut self.unchecked));
        let ((), most) = self.measured(|| {
            self.check_that_steps_are_over(&mut faults);
            self.honest.check_players(&mut faults);
            self.check_connections(&mut faults);
        });
        self.most = self.most.max(most);
        self.check_resets(&played, &mut faults);
        self.check_files(&mut faults);
        self.check_logs(&mut faults);
        let Self { usual, most, .. } = self;
        if most.bytes > usual.bytes + MOST {
            faults.push(format!("a player took {most} of memory; in an honest run, {usual}"));
        }
        if !faults.is_empty() {
            faults.push(format!("seed {}, cases {}..{}", self.seed, self.played - played.len(), self.played));
        }
        self.faults.extend(faults);
    }

    /// Plays these cases, several at a time; what became of each.
    fn play_all(&self, cases: &[Case], at_once: usize) -> Vec<Played> {
        let (python, own): (Vec<Case>, Vec<Case>) = cases.iter().partition(|case| case.is_python());
        let [python, own] = [python, own].map(|cases| Mutex::new(VecDeque::from(cases)));
        let (played, large) = (Mutex::new(Vec::new()), [(); PLAYERS].map(Mutex::new));
        std::thread::scope(|scope| {
            for (index, (player, large)) in self.players.iter().zip(&large).enumerate() {
                let queue = if index >= OWN { &python } else { &own };
                for _ in 0..at_once {
                    scope.spawn(|| self.play_some((player.port, large), queue, &played));
                }
            }
        });
        played.into_inner().expect("a list")
    }

    fn play_some(&self, (port, large): (u16, &Mutex<()>), queue: &Mutex<VecDeque<Case>>, played: &Mutex<Vec<Played>>) {
        // A conductor that sends a phase whose results go where others are still due has been started anew, for the player.
        let sinks: [Sink; 4] = std::array::from_fn(|_| Sink::open());
        let (marks, files) = (self.folder.join("marks"), self.folder.path());
        for sink in sinks.iter().cycle() {
            let Some(case) = queue.lock().expect("a list").pop_front() else { return };
            let begun = Instant::now();
            let place = Place { port, marks: &marks, files, results: sink, large };
            let beginnings = (0..TRIES).map(|number| case.again(number));
            let mut tried = beginnings.map(|case| (case, play(case, place)));
            let (case, end) = tried.find(|(_, end)| *end != End::NotReached).unwrap_or((case, End::NotReached));
            played.lock().expect("a list").push((case, end, begun.elapsed()));
        }
    }

    /// What was found, as tables.
    pub fn report(&self) -> String {
        let mut text = format!(
            "{} cases in {:.1} s\nprivate memory of a player: at most {}; in an honest run, {}\n",
            self.played,
            self.time.as_secs_f64(),
            self.most,
            self.usual
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
        let mean = |state: usize| {
            let all = self.ends.iter().filter(|((of, _), _)| *of == state).map(|(_, count)| count).sum::<usize>();
            Some(usize::try_from(self.times[state].as_millis()).expect("a time") / all.max(1))
        };
        text += &row("milliseconds each", numbers(&mean));
        let (least, largest) = self.range();
        let _ = writeln!(text, "each was said in each state {least} to {largest} times");
        if !self.pairs.is_empty() {
            let slower = self.slower();
            let _ = writeln!(
                text,
                "an honest run took {slower:.2} times as long beside hostile conductors (limit {SLOWER})"
            );
        }
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
    fn honest_alone(&mut self) -> Duration {
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
