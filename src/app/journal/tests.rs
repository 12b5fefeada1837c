//! Power cuts at random moments: a series of 60 trials runs on a simulated disk that loses everything that was not
//! synced, and is resumed after each cut from what is left. The coordinator and the code that writes and reads the
//! record are the real ones; the players, the time and the disk are simulated.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write};
use std::num::NonZeroU64;
use std::sync::Arc;

use super::super::replayed::{tell, whole};
use super::*;
use crate::conduct::testing::{Fault, Simulated, simulate, simulate_rest};
use crate::conduct::{Entries, History, Resumption, SimulatedDisk, set_aside};
use crate::config::{Overrides, load_test};
use crate::model::{Format, OutputSource, Phase, Plan, RunId, StepReference, Verdict, WorkerId};
use crate::report::{self, Replay, Style};
use crate::statistics::Random;

/// The number of power cuts.
const CUTS: usize = 1000;
const TRIALS: u32 = 60;
/// The trial that fails. It counts as done nevertheless.
const FAILS: u32 = 7;
/// The maximum number of changes before a power cut: about those of six trials. Each event is at least one change.
const CHANGES: usize = 200;

const TEST: &str = "\
[Test]
trials = 20
[Parameters]
n = 1, 2, 3
[Workers]
w = @ 127.0.0.1
[w:Run]
s = echo %(n)s
[w:Reset]
r = true
";

fn path(text: &str) -> Vec<OsString> {
    text.split('/').map(OsString::from).collect()
}

/// Returns the files that an attempt at a trial leaves, with their contents.
fn files(trial: u32, attempt: u32) -> [(Vec<OsString>, String); 2] {
    ["outputs/trial-N/w/run-01-s.stdout", "trial-N/w/results/file"].map(|name| {
        (path(&name.replace('N', &trial.to_string())), format!("attempt {attempt} at trial {trial}, whole"))
    })
}

/// Decides whether a sync takes effect, from the path and whether the path is a folder.
type Keeps = fn(&[OsString], bool) -> bool;

/// A disk that ignores some syncs.
struct Careless(SimulatedDisk, Keeps);

impl Disk for Careless {
    fn entries(&self, folder: &[OsString]) -> io::Result<Entries> {
        self.0.entries(folder)
    }

    fn sync_file(&self, file: &[OsString]) -> io::Result<()> {
        if self.1(file, false) { self.0.sync_file(file) } else { Ok(()) }
    }

    fn sync_folder(&self, folder: &[OsString]) -> io::Result<()> {
        if self.1(folder, true) { self.0.sync_folder(folder) } else { Ok(()) }
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn sync_above(&self) -> io::Result<()> {
        self.0.sync_above()
    }

    fn rename(&self, folder: &[OsString], from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.0.rename(folder, from, to)
    }
}

/// The record on the simulated disk.
struct Record(SimulatedDisk);

impl Write for Record {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(&path(EVENTS), bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a part of a run stopped before its end.
enum Stop {
    PowerCut,
    /// An assertion of the test failed.
    Wrong(String),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        if error.kind() == ErrorKind::BrokenPipe { Self::PowerCut } else { Self::Wrong(error.to_string()) }
    }
}

fn ensure(is_so: bool, wrong: impl FnOnce() -> String) -> Result<(), Stop> {
    if is_so { Ok(()) } else { Err(Stop::Wrong(wrong())) }
}

/// A run on a disk whose power is cut repeatedly.
struct Run<'a> {
    plan: &'a Plan,
    keeps: Keeps,
    disk: SimulatedDisk,
    random: &'a mut Random,
    /// The trials whose end was synced, as far as the program knows.
    promised: BTreeSet<u32>,
}

/// The trials that are recorded as done, each with the attempt that counts.
type Done = BTreeMap<u32, u32>;

fn below(random: &mut Random, bound: usize) -> usize {
    let bound = NonZeroU64::new(bound as u64).expect("a bound");
    usize::try_from(random.below(bound)).expect("it is below a number of this type")
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan, keeps: Keeps, random: &'a mut Random) -> Self {
        let disk = SimulatedDisk::new(below(random, CHANGES));
        Self { plan, keeps, disk, random, promised: BTreeSet::new() }
    }

    /// Carries out the run to its end, despite power cuts. Returns how many there were, or what is wrong.
    fn carry_out(mut self) -> Result<usize, String> {
        let mut cuts = 0;
        loop {
            match self.part() {
                Ok(()) => return Ok(cuts),
                Err(Stop::Wrong(why)) => return Err(why),
                Err(Stop::PowerCut) => cuts += 1,
            }
            let left = below(self.random, CHANGES);
            self.disk = self.disk.cut(left, |bound| below(self.random, bound));
        }
    }

    /// Resumes the run until the next power cut.
    fn part(&mut self) -> Result<(), Stop> {
        let faults = BTreeSet::from([Fault::Fails(
            StepReference { trial: FAILS, phase: Phase::Run, worker: WorkerId(0), position: 0 },
            1,
        )]);
        let (simulated, done, events) = if let Some((history, length)) = self.read()? {
            let done = self.check(&history)?;
            let resumption = self.prepare(history, length)?;
            let events = report::continued_events(Box::new(Record(self.disk.clone())));
            (simulate_rest(self.plan.clone(), resumption, &faults, 2 * CHANGES), done, events)
        } else {
            // There is no run to resume.
            ensure(self.promised.is_empty(), || "the record is lost".to_owned())?;
            let mut configuration = Vec::new();
            report::dry_run_json(self.plan, None, &mut configuration)?;
            self.disk = self.disk.emptied();
            self.disk.append(&path(CONFIGURATION), &configuration)?;
            let record = Box::new(Record(self.disk.clone()));
            let events = report::reporter(Format::Jsonl, record, Style::plain());
            (simulate(self.plan.clone(), false, &faults), Done::new(), events)
        };
        self.is_what_was_missing(&simulated, &done)?;
        self.write(&simulated, events)?;
        let (history, _) = self.read()?.ok_or_else(|| Stop::Wrong("the record is lost".to_owned()))?;
        let done = self.check(&history)?;
        ensure(done.len() == TRIALS as usize, || format!("only {} trials are done", done.len()))
    }

    /// Reads the record and returns it with its length, or `None` if the run has not begun.
    fn read(&self) -> Result<Option<(History, u64)>, Stop> {
        let (Ok(record), Ok(configuration)) =
            (self.disk.read(&path(EVENTS)), self.disk.read(&path(CONFIGURATION)).map(String::from_utf8))
        else {
            return Ok(None);
        };
        let length = whole(&*record)?;
        let record = record.get(..usize::try_from(length).expect("it is in memory")).unwrap_or_default();
        if record.is_empty() {
            return Ok(None);
        }
        let Ok(configuration) = configuration else { return Ok(None) };
        let mut history = History::default();
        let mut ends = BTreeMap::new();
        let outputs = |_, _| Arc::new(Vec::new()) as Arc<dyn OutputSource>;
        let told = tell(Replay::new(record, vec![configuration], |_| {}, outputs), |stamped| {
            history.take(stamped);
            if let Event::TrialEnded { trial, .. } = stamped.event {
                *ends.entry(trial).or_insert(0) += 1;
            }
            Ok(())
        });
        match told {
            // The configuration was not synced, so the run had not begun.
            Err(_) if self.promised.is_empty() => return Ok(None),
            told => told?,
        }
        let twice: Vec<_> = ends.iter().filter(|(_, ends)| **ends > 1).collect();
        ensure(twice.is_empty(), || format!("trials were done twice: {twice:?}"))?;
        Ok(history.plan.is_some().then_some((history, length)))
    }

    /// Checks that each trial whose end was synced is recorded, and that each recorded trial has all its files.
    fn check(&self, history: &History) -> Result<Done, Stop> {
        let attempts = history.attempts();
        let done: Done = history.done(false).into_iter().map(|trial| (trial, attempts[&trial])).collect();
        for trial in &self.promised {
            ensure(done.contains_key(trial), || format!("trial {trial} was done, and its end is lost"))?;
        }
        for (trial, attempt) in &done {
            for (file, expected) in files(*trial, *attempt) {
                let read = self.disk.read(&file);
                let is_whole = read.as_ref().is_ok_and(|read| read == expected.as_bytes());
                ensure(is_whole, || format!("trial {trial} is done, and {file:?} has {read:?}"))?;
            }
        }
        Ok(done)
    }

    /// Prepares everything to continue, as `--resume` does.
    fn prepare(&self, history: History, length: u64) -> Result<Resumption, Stop> {
        self.disk.truncate(&path(EVENTS), usize::try_from(length).expect("it is in memory"))?;
        let done = history.done(false);
        let placed = history.placed(self.plan, &done).is_ok_and(|schedule| schedule == self.plan.schedule);
        ensure(placed, || "the trials have other places".to_owned())?;
        let attempts = set_aside(&self.disk, &history.attempts(), |trial| !done.contains(&trial))?;
        history.resume(self.plan, done, attempts).ok_or_else(|| Stop::Wrong("the run has no plan".to_owned()))
    }

    /// Checks that exactly the missing trials are run, each at its planned point and in its planned round.
    fn is_what_was_missing(&self, simulated: &Simulated, done: &Done) -> Result<(), Stop> {
        let begun = simulated.events.iter().filter_map(|stamped| match stamped.event {
            Event::TrialStarted { trial, slot, .. } => Some((trial, slot.point, slot.round)),
            _ => None,
        });
        let begun: Vec<_> = begun.collect();
        let slot = |trial| (trial, self.plan.schedule.slot(trial));
        let missing = (1..=TRIALS).filter(|trial| !done.contains_key(trial)).map(slot);
        let missing: Vec<_> = missing.map(|(trial, slot)| (trial, slot.point, slot.round)).collect();
        let is_over = matches!(simulated.events.last(), Some(Stamped { event: Event::RunEnded { .. }, .. }));
        let is_as_planned = if is_over { begun == missing } else { missing.starts_with(&begun) };
        ensure(is_as_planned, || format!("{begun:?} were run in place of {missing:?}"))?;
        let is_failed = !is_over || simulated.verdict == Verdict::Failed;
        ensure(is_failed, || format!("the failure of trial {FAILS} is forgotten"))
    }

    /// Writes the events until the power is cut.
    fn write(&mut self, simulated: &Simulated, events: Box<dyn Reporter>) -> Result<(), Stop> {
        let mut journal =
            Journal { events, disk: Box::new(Careless(self.disk.clone(), self.keeps)), progress: Arc::default() };
        let mut current = 1;
        for stamped in &simulated.events {
            match &stamped.event {
                Event::TrialStarted { attempt, .. } => current = *attempt,
                Event::StepStarted { step, .. } if step.phase == Phase::Run => {
                    for (file, text) in files(step.trial, current) {
                        let (first, rest) = text.split_at(5);
                        self.disk.append(&file, first.as_bytes())?;
                        self.disk.append(&file, rest.as_bytes())?;
                    }
                }
                _ => {}
            }
            journal.report(stamped)?;
            if let Event::TrialEnded { trial, .. } = stamped.event {
                self.promised.insert(trial);
            }
        }
        Ok(())
    }
}

fn planned() -> Plan {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("test.cfg");
    std::fs::write(&file, TEST).unwrap();
    let plan = load_test(&file, &Overrides::default(), RunId::new("r").unwrap(), None).plan.expect("a plan");
    assert_eq!((plan.trials, plan.points.len()), (TRIALS, 3));
    plan
}

/// Carries out runs until the power was cut often enough.
fn cut_again_and_again(keeps: Keeps) -> Result<(), String> {
    let (plan, mut random) = (planned(), Random::seeded(19));
    let mut cuts = 0;
    while cuts < CUTS {
        cuts += Run::new(&plan, keeps, &mut random).carry_out().map_err(|why| format!("after {cuts} cuts: {why}"))?;
    }
    Ok(())
}

#[test]
fn after_a_thousand_power_cuts_exactly_the_missing_trials_are_run_and_none_is_lost_or_counted_twice() {
    cut_again_and_again(|_, _| true).unwrap();
}

#[test]
fn a_disk_that_is_told_to_keep_less_loses_trials() {
    let too_little: [(&str, Keeps); 4] = [
        ("files", |path, is_folder| is_folder || path.len() == 1),
        ("folders", |path, is_folder| !is_folder || path.is_empty()),
        ("files and folders", |path, is_folder| path.is_empty() || (!is_folder && path.len() == 1)),
        ("record", |path, _| path != [EVENTS]),
    ];
    for (left_out, keeps) in too_little {
        let why = cut_again_and_again(keeps).expect_err(left_out);
        assert!(why.contains("is done, and") || why.contains("is lost"), "{left_out}: {why}");
    }
}
