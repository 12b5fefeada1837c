//! What happens right now, in as many lines as there is room for: the live view's content, without a terminal.
//!
//! A line a worker, with what it does, for how long, and the last line that it printed; below them what is waited for.
//! Of more workers than lines those are shown that failed and those that run longest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::{last_lines, words};
use crate::model::{
    Bound, ConductorTime, Event, Mode, Output, Phase, Plan, Stamped, Step, StepReference, StepResult, WorkerId,
    WorkerPlan, on_one_line,
};

/// Names and labels take no more columns than this.
const WIDEST_COLUMN: usize = 24;
/// A step is slow beyond twice the time that it ever took, and this long.
const SLOW_MARGIN: Duration = Duration::from_secs(5);
/// A step of which nothing is known is slow after so long.
const SLOW: Duration = Duration::from_mins(1);
/// So many workers are named of those that are waited for.
const NAMED: usize = 3;
/// The length of the bar that shows how far the run is.
const BAR: usize = 30;

/// What is known of the moment.
#[derive(Default)]
pub(crate) struct Board {
    plan: Option<Arc<Plan>>,
    trial: u32,
    phase: Option<(Phase, ConductorTime)>,
    /// Whether the workers were told to go.
    gone: bool,
    workers: Vec<Worker>,
    done: u64,
    /// The longest that each step of each file took so far.
    longest: BTreeMap<(PathBuf, Phase, usize), Duration>,
}

#[derive(Default)]
struct Worker {
    standing: Standing,
    /// Why its connection is broken, when it is.
    broken: Option<String>,
    /// What it runs, and since when; what it spawned is not what it is waited for.
    open: Vec<(usize, ConductorTime)>,
    /// How many of the phase's steps are over, and when the last of them was.
    ended: usize,
    since: Option<ConductorTime>,
    failures: usize,
    printed: Option<Output>,
}

#[derive(Default, PartialEq, Eq)]
enum Standing {
    #[default]
    Away,
    Ready,
    In,
    Through,
    Lost(String),
}

/// A line, and whether it is one to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BoardLine {
    /// The line, without control characters.
    pub(crate) text: String,
    /// Whether its worker failed or is slow.
    pub(crate) bad: bool,
}

impl Board {
    /// Takes one event.
    pub(crate) fn take(&mut self, Stamped { at, event }: &Stamped) {
        match event {
            Event::RunStarted { plan, .. } => {
                self.workers = plan.workers.iter().map(|_| Worker::default()).collect();
                self.plan = Some(Arc::clone(plan));
            }
            Event::WorkerConnected { worker, .. } => self.stand(*worker, Standing::Ready),
            Event::TrialStarted { trial } => self.trial = *trial,
            Event::PhaseStarted { phase, .. } => self.begin(*phase, *at),
            Event::PhaseReceived { worker, .. } => self.stand(*worker, Standing::In),
            Event::PhaseGo { lead, .. } => self.go(at.plus(*lead)),
            Event::StepStarted { step, started } if self.is_current(*step) && !self.is_spawned(*step) => {
                self.workers[step.worker.0].open.push((step.position, started.at));
            }
            Event::OutputReceived { step, output, .. } => {
                if let Some(worker) = self.workers.get_mut(step.worker.0) {
                    worker.printed = Some(output.clone());
                }
            }
            Event::StepEnded { step, result } => self.ended(*step, result, *at),
            Event::SpawnedEnded { step, result } if result.outcome.is_failure() => {
                self.workers[step.worker.0].failures += 1;
            }
            Event::WorkerPhaseEnded { worker, .. } => self.stand(*worker, Standing::Through),
            Event::WorkerBroken { worker, reason } => self.workers[worker.0].broken = Some(reason.clone()),
            Event::WorkerResumed { worker, .. } => self.workers[worker.0].broken = None,
            Event::WorkerLost { worker, reason } => self.stand(*worker, Standing::Lost(reason.clone())),
            Event::PhaseEnded { .. } => self.phase = None,
            _ => {}
        }
    }

    fn stand(&mut self, worker: WorkerId, standing: Standing) {
        if let Some(worker) = self.workers.get_mut(worker.0) {
            worker.standing = standing;
        }
    }

    fn begin(&mut self, phase: Phase, at: ConductorTime) {
        (self.phase, self.gone) = (Some((phase, at)), false);
        for worker in &mut self.workers {
            (worker.ended, worker.since, worker.printed) = (0, None, None);
            worker.open.clear();
            if !matches!(worker.standing, Standing::Lost(_)) {
                worker.standing = Standing::Ready;
            }
        }
    }

    fn go(&mut self, at: ConductorTime) {
        self.gone = true;
        self.workers.iter_mut().for_each(|worker| worker.since = Some(at));
    }

    fn ended(&mut self, step: StepReference, result: &StepResult, at: ConductorTime) {
        let is_current = self.is_current(step);
        let Some(worker) = self.workers.get_mut(step.worker.0) else { return };
        if is_current {
            worker.open.retain(|(position, _)| *position != step.position);
            worker.ended += 1;
            worker.since = Some(at);
        }
        worker.failures += usize::from(result.outcome.is_failure());
        self.done += 1;
        if let (Some(plan), Some(took)) = (&self.plan, result.duration) {
            let file = plan.worker(step.worker).file.clone();
            let longest = self.longest.entry((file, step.phase, step.position)).or_default();
            *longest = took.max(*longest);
        }
    }

    /// Whether it is a step of the phase that is shown, and not of a Reset that a worker runs because it leaves.
    fn is_current(&self, step: StepReference) -> bool {
        self.phase.is_some_and(|(phase, _)| phase == step.phase)
    }

    fn is_spawned(&self, step: StepReference) -> bool {
        self.plan.as_ref().and_then(|plan| plan.step(step)).is_some_and(|step| step.mode == Mode::Spawn)
    }

    /// How many steps are over, and how many there will be.
    fn progress(&self, plan: &Plan) -> String {
        let steps = |phase: &Phase| plan.workers.iter().map(|worker| worker.steps[*phase].len()).sum::<usize>();
        let all = plan.phases.iter().map(steps).sum::<usize>() as u64 * u64::from(plan.trials);
        let filled = usize::try_from(self.done * BAR as u64 / all.max(1)).unwrap_or(BAR).min(BAR);
        let head = if self.done > 0 && filled < BAR { ">" } else { "" };
        format!("[{:BAR$}] {} of {all} steps", "=".repeat(filled) + head, self.done)
    }

    /// At most `rows` lines, and one more for the progress.
    pub(crate) fn lines(&self, now: ConductorTime, rows: usize) -> Vec<BoardLine> {
        let Some(plan) = &self.plan else { return Vec::new() };
        let mut chosen: Vec<WorkerId> = plan.workers().map(|(id, _)| id).collect();
        let left_out = chosen.len().saturating_sub(rows.saturating_sub(2));
        if left_out > 0 {
            chosen.sort_by_cached_key(|id| (self.rank(*id), *id));
            chosen.truncate(rows.saturating_sub(2).max(1));
            chosen.sort_unstable();
        }
        let name_width = chosen.iter().map(|id| plan.worker(*id).name.as_str().chars().count()).max().unwrap_or(0);
        let mut lines: Vec<BoardLine> =
            chosen.iter().map(|id| self.line(plan, *id, now, name_width.min(WIDEST_COLUMN))).collect();
        if left_out > 0 {
            let text = format!("  and {}", words::counted(plan.workers.len() - chosen.len(), "more worker"));
            lines.push(BoardLine { text, bad: false });
        }
        let below = [self.waiting(plan, now), self.progress(plan)];
        lines.extend(below.map(|text| BoardLine { text, bad: false }));
        lines
    }

    /// The lower, the more worth a line: those that failed, then those that run longest, then the rest.
    fn rank(&self, id: WorkerId) -> (u8, ConductorTime) {
        let worker = &self.workers[id.0];
        let late = ConductorTime::from_nanoseconds(u64::MAX);
        let since = self.current(id).map_or(late, |(_, _, since)| since);
        match worker.standing {
            Standing::Lost(_) => (0, since),
            _ if worker.failures > 0 || worker.broken.is_some() => (0, since),
            Standing::In if self.gone => (1, since),
            Standing::Away | Standing::Ready | Standing::In => (2, since),
            Standing::Through => (3, since),
        }
    }

    /// The step that a worker is at, and since when: the longest of what it runs, else the next one.
    fn current(&self, id: WorkerId) -> Option<(usize, &Step, ConductorTime)> {
        let worker = &self.workers[id.0];
        let (phase, _) = self.phase.filter(|_| self.gone && worker.standing == Standing::In)?;
        let running = worker.open.iter().copied().min_by_key(|(_, since)| *since);
        let (position, since) = running.or_else(|| Some((worker.ended, worker.since?)))?;
        Some((position, self.plan.as_ref()?.worker(id).steps[phase].get(position)?, since))
    }

    fn is_slow(&self, file: &Path, position: usize, step: &Step, took: Duration) -> bool {
        let known = self.phase.and_then(|(phase, _)| self.longest.get(&(file.to_owned(), phase, position)));
        let usual = match (known, step.bound) {
            (_, Some(Bound::For(limit))) => limit + SLOW_MARGIN,
            (Some(longest), _) => *longest * 2 + SLOW_MARGIN,
            (None, Some(Bound::Timeout(limit))) => limit / 2,
            (None, None) => SLOW,
        };
        took > usual
    }

    fn line(&self, plan: &Plan, id: WorkerId, now: ConductorTime, name_width: usize) -> BoardLine {
        let worker = &self.workers[id.0];
        let WorkerPlan { name, file, .. } = plan.worker(id);
        let mark = if worker.failures > 0 { '!' } else { ' ' };
        let mut slow = false;
        let what = match (&worker.standing, &worker.broken) {
            (Standing::Lost(why), _) => format!("lost: {}", on_one_line(why)),
            (_, Some(why)) => format!("reconnecting: {}", on_one_line(why)),
            (Standing::Away, None) => "connecting".to_owned(),
            (Standing::Ready, None) => "not ready yet".to_owned(),
            (Standing::Through, None) => "done".to_owned(),
            (Standing::In, None) => match self.current(id) {
                None => "ready".to_owned(),
                Some((position, step, since)) => {
                    let took = now.since(since);
                    slow = self.is_slow(file, position, step, took);
                    let label: String = on_one_line(step.label.as_str()).chars().take(WIDEST_COLUMN).collect();
                    let slow = if slow { "slow  " } else { "" };
                    format!("{label:12}  {:>8}  {slow}{}", tenths(took), last_line(worker.printed.as_ref()))
                }
            },
        };
        let lost = worker.broken.is_some() || matches!(worker.standing, Standing::Lost(_));
        let bad = slow || lost || worker.failures > 0;
        BoardLine { text: format!("{mark} {name:name_width$}  {what}"), bad }
    }

    /// Where the run is, and whom it waits for.
    fn waiting(&self, plan: &Plan, now: ConductorTime) -> String {
        let is_waited_for = |standing: &Standing| match (self.phase, self.gone) {
            (None, _) => *standing == Standing::Away,
            (Some(_), false) => matches!(standing, Standing::Away | Standing::Ready),
            (Some(_), true) => *standing == Standing::In,
        };
        let waited: Vec<WorkerId> =
            plan.workers().map(|(id, _)| id).filter(|id| is_waited_for(&self.workers[id.0].standing)).collect();
        let place = match self.phase {
            Some((phase, since)) => {
                format!("Trial {} of {}, {phase}, {}", self.trial, plan.trials, tenths(now.since(since)))
            }
            None if self.trial == 0 => "Connecting".to_owned(),
            None => format!("Trial {} of {}", self.trial, plan.trials),
        };
        if waited.is_empty() {
            return place;
        }
        let names: Vec<&str> = waited.iter().take(NAMED).map(|id| plan.worker(*id).name.as_str()).collect();
        let more = match waited.len() - names.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        format!("{place}: waiting for {}{more}", names.join(", "))
    }
}

/// A time that changes while it is looked at.
fn tenths(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{}.{}s", duration.as_secs(), duration.subsec_millis() / 100),
        _ => words::duration(Duration::from_secs(duration.as_secs())),
    }
}

fn last_line(printed: Option<&Output>) -> String {
    let lines = printed.map(|output| last_lines(output, 1)).unwrap_or_default();
    lines.first().map_or(String::new(), |line| on_one_line(line).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ending, Outcome, Start, Stream};
    use crate::report::recorded::{Recording, left, plan, worker};

    fn board(recording: &Recording) -> Board {
        let mut board = Board::default();
        recording.events.iter().for_each(|stamped| board.take(stamped));
        board
    }

    /// The lines so many seconds after the last event.
    fn lines(recording: &Recording, after: u64, rows: usize) -> Vec<String> {
        let last = recording.events.last().unwrap().at;
        let shown = board(recording).lines(last.plus(Duration::from_secs(after)), rows);
        shown.into_iter().map(|line| line.text).collect()
    }

    fn start(run: &mut Recording, worker: usize, position: usize) {
        let step = run.reference(Phase::Run, worker, position);
        let at = run.events.last().unwrap().at;
        let started = Start { at, ..left(Outcome::Passed, b"", b"").started.unwrap() };
        run.add(Event::StepStarted { step, started });
    }

    fn two_workers() -> Recording {
        let steps = || vec![Step::plain("measure", "measure"), Step::plain("more", "more")];
        Recording::of(plan(vec![worker("dut", Vec::new(), steps()), worker("generator", Vec::new(), steps())]))
    }

    #[test]
    fn each_worker_has_a_line_with_its_step_and_what_it_printed_last() {
        let mut run = two_workers();
        assert_eq!(
            lines(&run, 0, 10),
            [
                "  dut        connecting",
                "  generator  connecting",
                "Connecting: waiting for dut, generator",
                "[                              ] 0 of 4 steps",
            ]
        );
        run.trial();
        run.phase(Phase::Run);
        start(&mut run, 0, 0);
        start(&mut run, 1, 0);
        let step = run.reference(Phase::Run, 0, 0);
        let output = Output::from_bytes("10 %\n20 %\u{1b}[2J\n");
        run.add(Event::OutputReceived { step, stream: Stream::Stdout, output });
        run.step(Phase::Run, 1, 0, left(Outcome::Failed(Ending::Exit(1)), b"", b""));
        run.step(Phase::Run, 1, 1, left(Outcome::Passed, b"", b""));
        run.worker_done(Phase::Run, 1);
        assert_eq!(
            lines(&run, 2, 10),
            [
                "  dut        measure           2.6s  20 %\\x1b[2J",
                "! generator  done",
                "Trial 1 of 1, run, 2.9s: waiting for dut",
                "[===============>              ] 2 of 4 steps",
            ]
        );
        run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
        run.step(Phase::Run, 0, 1, left(Outcome::Passed, b"", b""));
        assert_eq!(lines(&run, 0, 10)[3], "[==============================] 4 of 4 steps");
    }

    #[test]
    fn a_step_that_takes_unusually_long_is_slow() {
        let mut run = two_workers();
        run.trial();
        run.phase(Phase::Run);
        start(&mut run, 0, 0);
        assert!(!lines(&run, 30, 10)[0].contains("slow"));
        assert!(lines(&run, 61, 10)[0].contains("slow"), "{:?}", lines(&run, 61, 10));
        let mut same = two_workers();
        same.trial();
        same.phase(Phase::Run);
        start(&mut same, 0, 0);
        same.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
        same.phase_done(Phase::Run);
        same.phase(Phase::Run);
        start(&mut same, 0, 0);
        assert!(lines(&same, 6, 10)[0].contains("slow"), "it took 12 ms the last time");
    }

    #[test]
    fn of_many_workers_those_are_shown_that_failed_or_run_longest() {
        let workers = (0..100).map(|index| worker(&format!("w{index:02}"), Vec::new(), vec![Step::plain("s", "s")]));
        let mut run = Recording::of(plan(workers.collect()));
        run.trial();
        run.phase(Phase::Run);
        for index in (0..100).rev() {
            start(&mut run, index, 0);
        }
        run.step(Phase::Run, 7, 0, left(Outcome::Failed(Ending::Exit(1)), b"", b""));
        run.worker_done(Phase::Run, 7);
        let shown = lines(&run, 1, 6);
        let names: Vec<&str> =
            shown.iter().map(|line| line.split_whitespace().find(|word| *word != "!").unwrap()).collect();
        assert_eq!(names, ["w07", "w97", "w98", "w99", "and", "Trial", "[>"], "{shown:?}");
        assert_eq!(shown[4], "  and 96 more workers");
        assert!(shown[5].ends_with("waiting for w00, w01, w02 and 96 more"), "{shown:?}");
    }
}
