//! Many cases: grouped into runs, a few runs at the same time, and what came of all of them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::case::{Case, Counts, State, Then, cases};
use super::run::{Lane, MEMORY, Outcome, Purpose, run};
use super::words::kinds;

/// How many hostile players a run has.
const TOGETHER: usize = 80;
/// How many runs there are at the same time.
const LANES: usize = 4;

/// What came of many cases.
#[derive(Debug, Default)]
pub struct Tally {
    pub runs: usize,
    pub time: Duration,
    pub longest: Duration,
    pub met: Counts,
    pub reasons: BTreeMap<String, usize>,
    pub ends: BTreeMap<State, [usize; 2]>,
    pub statuses: BTreeMap<Option<i32>, usize>,
    /// The most private memory of an honest run, and of any other.
    pub honest: u64,
    pub peak: u64,
    pub faults: Vec<String>,
}

type Job = (Purpose, Vec<Option<Case>>);

/// These cases, and those of them once more that did not come to their point.
pub fn campaign(cases: Vec<Case>, patient: bool) -> Tally {
    let begun = Instant::now();
    let mut tally = Tally::default();
    let mut jobs = vec![(Purpose::Ordinary, vec![None; TOGETHER])];
    carry_out(jobs.drain(..).collect(), &mut tally);
    tally.honest = std::mem::take(&mut tally.peak);
    let expected = cases.clone();
    let waiting = if patient { patient_jobs() } else { Vec::new() };
    std::thread::scope(|scope| {
        // Those that wait for the conductor's limits cost nothing but time.
        let waiting: Vec<_> =
            waiting.into_iter().map(|job| scope.spawn(move || run(&Lane::new(), job.0, &job.1))).collect();
        carry_out(grouped(cases), &mut tally);
        for _ in 0..3 {
            let missing = |case: &Case| tally.met.of(case.state, case.kind) == 0;
            let again: Vec<_> = expected.iter().filter(|case| missing(case)).cloned().collect();
            carry_out(grouped(again), &mut tally);
        }
        for outcome in waiting {
            tally.add(outcome.join().expect("a run"));
        }
    });
    tally.time = begun.elapsed();
    tally
}

/// Each run has cases that may be in one run together.
fn grouped(cases: Vec<Case>) -> VecDeque<Job> {
    let mut groups: BTreeMap<(State, State), Vec<Option<Case>>> = BTreeMap::new();
    for case in cases {
        let of = match case.state {
            // Where one is refused before there is a plan, nobody is told any.
            State::Connected | State::Greeted => (State::Connected, State::Greeted),
            early @ (State::Welcomed | State::Planned | State::PlanTaken) => (early, early),
            State::Stopping => (State::Stopping, State::Stopping),
            _ => (State::Arming, State::Resumed),
        };
        groups.entry(of).or_default().push(Some(case));
    }
    let purpose = |state| match state {
        State::Stopping => Purpose::Interrupted,
        State::Arming => Purpose::Ordinary,
        _ => Purpose::Early,
    };
    let jobs = groups.into_iter().flat_map(|((state, _), cases)| {
        cases.chunks(TOGETHER).map(|some| (purpose(state), some.to_vec())).collect::<Vec<_>>()
    });
    jobs.collect()
}

/// Players that do nothing more, in each state: the conductor's own limits end them. Each state has a run of its own, so that
/// their times do not add up.
fn patient_jobs() -> Vec<Job> {
    let states = State::ALL.into_iter().filter(|state| *state != State::Stopping);
    let case = |state, then| Some(Case { then, patient: true, ..Case::new(1, state, "heartbeat") });
    states
        .map(|state| {
            let purpose = if state <= State::PlanTaken { Purpose::Early } else { Purpose::Ordinary };
            (purpose, [Then::Lives, Then::Silent].map(|then| case(state, then)).to_vec())
        })
        .collect()
}

fn carry_out(jobs: VecDeque<Job>, tally: &mut Tally) {
    let (lanes, jobs, all) = (LANES.min(jobs.len()), Mutex::new(jobs), Mutex::new(tally));
    std::thread::scope(|scope| {
        for _ in 0..lanes {
            scope.spawn(|| {
                let lane = Lane::new();
                loop {
                    let Some((purpose, cases)) = jobs.lock().expect("a lock").pop_front() else { return };
                    let outcome = run(&lane, purpose, &cases);
                    all.lock().expect("a lock").add(outcome);
                }
            });
        }
    });
}

impl Tally {
    fn add(&mut self, outcome: Outcome) {
        self.runs += 1;
        self.longest = self.longest.max(outcome.time);
        self.peak = self.peak.max(outcome.peak);
        *self.statuses.entry(outcome.status).or_default() += 1;
        outcome.reasons.into_iter().for_each(|(reason, count)| *self.reasons.entry(reason).or_default() += count);
        outcome.met.0.into_iter().for_each(|(cell, count)| *self.met.0.entry(cell).or_default() += count);
        for (state, [lost, complete]) in outcome.ends {
            let ends = self.ends.entry(state).or_default();
            (ends[0], ends[1]) = (ends[0] + lost, ends[1] + complete);
        }
        let mut faults = outcome.faults;
        if self.honest > 0 && outcome.peak > self.honest + MEMORY {
            faults.push(format!(
                "its private memory was {} kB, and {} kB when all were honest",
                outcome.peak >> 10,
                self.honest >> 10
            ));
        }
        if !faults.is_empty() {
            let cases: Vec<String> =
                outcome.cases.iter().enumerate().map(|(index, case)| format!("  h{}: {case:?}", index + 1)).collect();
            self.faults.push(format!("{}\nits hostile players:\n{}", faults.join("\n"), cases.join("\n")));
        }
    }

    /// The cells that were not met.
    pub fn not_met(&self) -> Vec<(State, &'static str)> {
        self.met.cells().filter(|(_, _, count)| *count == 0).map(|(state, kind, _)| (state, kind)).collect()
    }

    /// What is printed of it.
    pub fn report(&self) -> String {
        let mut text = String::new();
        let counts: Vec<_> = self.met.cells().map(|(_, _, count)| count).collect();
        let all: usize = counts.iter().sum();
        let (least, most) = (counts.iter().min().copied().unwrap_or(0), counts.iter().max().copied().unwrap_or(0));
        let _ = writeln!(
            text,
            "{all} cases in {} runs, {:.1} s, the longest run {:.1} s; exit statuses {:?}\n\
             private memory: {} kB in an honest run, {} kB at most in any other (limit: {} kB more)\n\
             {} states and {} things to say or do, each pair {least} to {most} times",
            self.runs,
            self.time.as_secs_f64(),
            self.longest.as_secs_f64(),
            self.statuses,
            self.honest >> 10,
            self.peak >> 10,
            MEMORY >> 10,
            State::ALL.len(),
            kinds().len(),
        );
        for (state, [lost, complete]) in &self.ends {
            let met: usize = kinds().iter().map(|kind| self.met.of(*state, kind)).sum();
            let _ =
                writeln!(text, "  {:12} {met:6} cases: {lost:6} workers lost, {complete:6} not", format!("{state:?}"));
        }
        text
    }

    /// Why workers were lost, the most frequent first.
    pub fn why(&self) -> String {
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut text = String::new();
        for (reason, count) in reasons {
            let _ = writeln!(text, "  {count:6} {reason}");
        }
        text
    }

    /// The whole table.
    pub fn table(&self) -> String {
        let rows = State::ALL.iter().map(|state| {
            let row = kinds().into_iter().map(|kind| format!("{kind} {}", self.met.of(*state, kind)));
            format!("{state:?}: {}\n", row.collect::<Vec<_>>().join(", "))
        });
        rows.collect()
    }
}

/// How long an honest run takes, in pairs: alone, and beside a run with hostile players.
pub fn alone_and_beside(pairs: usize) -> (Vec<Duration>, Vec<Duration>) {
    let (honest, hostile) = (Lane::new(), Lane::new());
    let time = || run(&honest, Purpose::Alone, &[]).time;
    let hostile_run = |seed| {
        let may_be = |case: &Case| case.state > State::PlanTaken && case.state != State::Stopping;
        let cases = cases(2 * TOGETHER, seed).into_iter().filter(may_be).take(TOGETHER);
        run(&hostile, Purpose::Ordinary, &cases.map(Some).collect::<Vec<_>>())
    };
    let pair = |seed| {
        let alone = time();
        let beside = std::thread::scope(|scope| {
            let running = scope.spawn(|| hostile_run(seed));
            // It has begun by then, and takes longer than the honest one.
            std::thread::sleep(Duration::from_millis(200));
            let beside = time();
            drop(running.join());
            beside
        });
        (alone, beside)
    };
    (0..pairs).map(|seed| pair(seed as u64)).unzip()
}

/// So many cases of a seed; players that wait for ever are among them if there are many.
pub fn many(count: usize, seed: u64) -> Tally {
    let cells = Counts::default().cells().count();
    campaign(cases(count, seed), count > 2 * cells)
}
