//! The rows of the view: the state of each worker, its step, how long the step takes and may take, and the last line
//! printed.
//!
//! Workers with the same content share a row. Workers in trouble come first, then workers with something unusual, then
//! the others in the order of the test.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use humantime::format_duration;

use super::{Board, Standing};
use crate::model::{Action, ConductorTime, Plan, Step, WorkerId, display_width, on_one_line};
use crate::report::{compact, words};

/// The maximum width of names and labels.
pub(super) const WIDEST_COLUMN: usize = 24;

/// The state of workers. The order is that of the rows if nothing else is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Lost,
    Reconnecting,
    Connecting,
    Connected,
    Preparing,
    Ready,
    /// The step takes unusually long.
    Slow,
    Running,
    Copying,
    Waiting,
    Finishing,
    Done,
}

impl State {
    /// Returns the word that is shown.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Lost => "lost",
            Self::Reconnecting => "reconnecting",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Preparing => "preparing",
            Self::Ready => "ready",
            Self::Slow => "slow",
            Self::Running => "running",
            Self::Copying => "copying",
            Self::Waiting => "waiting",
            Self::Finishing => "finishing",
            Self::Done => "done",
        }
    }
}

/// The details of a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum About {
    /// The label of the step.
    Step(String),
    /// The reason for the state, or what the worker waits for. It is empty if there is none.
    Reason(String),
}

/// A row of the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// The workers of the row; empty for the row of the check.
    pub(super) workers: Vec<WorkerId>,
    /// Whether something failed on these workers.
    pub(super) has_failed: bool,
    /// The state of these workers.
    pub(super) state: State,
    /// The details of the state.
    pub(super) about: About,
    /// How long the state has lasted: the longest time of these workers.
    pub(super) took: Option<Duration>,
    /// The time limit.
    pub(super) limit: Option<Duration>,
    /// The last line that was printed, if it is the same for all of these workers.
    pub(super) printed: String,
}

impl Row {
    fn new(state: State, about: About) -> Self {
        Self { workers: Vec::new(), has_failed: false, state, about, took: None, limit: None, printed: String::new() }
    }

    fn plain(state: State) -> Self {
        Self::new(state, About::Reason(String::new()))
    }

    fn timed(self, took: Duration, limit: Option<Duration>) -> Self {
        Self { took: Some(took), limit, ..self }
    }

    /// Whether the rows have the same content, including the printed line if `with_printed` is set.
    fn is_like(&self, other: &Self, with_printed: bool) -> bool {
        let of = |row: &Self| (row.has_failed, row.state, row.limit);
        of(self) == of(other) && self.about == other.about && (!with_printed || self.printed == other.printed)
    }

    /// Whether the row needs attention.
    pub(super) fn is_bad(&self) -> bool {
        self.rank() < 4
    }

    /// Returns the rank in the order of the rows, the lowest first.
    fn rank(&self) -> u8 {
        match self.state {
            State::Lost => 0,
            State::Reconnecting => 1,
            _ if self.has_failed => 2,
            State::Slow => 3,
            _ => 4,
        }
    }

    /// Formats the duration and its limit, such as `3.2s of 1h`.
    pub(super) fn time(&self, with_limit: bool) -> String {
        let Some(took) = self.took else { return String::new() };
        match self.limit.filter(|_| with_limit) {
            Some(limit) => format!("{} of {}", tenths(took), format_duration(limit)),
            None => tenths(took),
        }
    }
}

impl Board {
    /// Returns the rows. If there are more than `most`, the printed lines are left out so that more workers share a
    /// row.
    pub(super) fn rows(&self, plan: &Plan, now: ConductorTime, most: usize) -> Vec<Row> {
        let barriers = self.barriers(plan);
        let each: Vec<Row> = plan.workers().map(|(id, _)| self.row(plan, id, now, &barriers)).collect();
        let mut rows = fold(each.clone(), true);
        if rows.len() > most {
            rows = fold(each, false);
        }
        // If there is not enough room, the rows with the longest times are shown.
        let is_too_much = rows.len() > most;
        rows.sort_by_key(|row| (row.rank(), row.took.filter(|_| is_too_much).map(Reverse)));
        if let Some(since) = self.checking {
            let command = on_one_line(plan.check_in(self.trial).unwrap_or_default()).into_owned();
            let row = Row::new(State::Running, About::Step(command));
            rows.insert(0, row.timed(now.since(since), plan.settings.step_timeout));
        }
        rows
    }

    /// Describes each barrier at which a worker waits. The missing workers are the same for all that wait there.
    fn barriers(&self, plan: &Plan) -> BTreeMap<&str, String> {
        let mut barriers = BTreeMap::new();
        for step in plan.workers().filter_map(|(id, _)| Some(self.current(id)?.1)) {
            if let Action::Barrier(name) = &step.action {
                barriers.entry(name.as_str()).or_insert_with(|| self.at_barrier(plan, name));
            }
        }
        barriers
    }

    fn row(&self, plan: &Plan, id: WorkerId, now: ConductorTime, barriers: &BTreeMap<&str, String>) -> Row {
        let worker = &self.workers[id.0];
        let reason = |why: &str| About::Reason(on_one_line(why).into_owned());
        let row = match (&worker.standing, &worker.broken) {
            (Standing::Lost(why), _) => Row::new(State::Lost, reason(why)),
            (_, Some((why, since))) => {
                let limit = Some(plan.settings.lease);
                Row::new(State::Reconnecting, reason(why)).timed(now.since(*since), limit)
            }
            (Standing::Away, None) => self.connecting(plan, now),
            (Standing::Ready, None) if self.phase.is_none() => Row::plain(State::Connected),
            (Standing::Ready, None) => Row::plain(State::Preparing),
            (Standing::Through, None) => Row::plain(State::Done),
            (Standing::In, None) => self.at_work(plan, id, now, barriers),
        };
        Row { workers: vec![id], has_failed: worker.failures > 0, printed: worker.printed.line(), ..row }
    }

    fn connecting(&self, plan: &Plan, now: ConductorTime) -> Row {
        let row = Row::plain(State::Connecting);
        // In later trials, the time limit for a player may be the lease.
        match self.began.filter(|_| self.trial == 0) {
            Some(began) => row.timed(now.since(began), Some(plan.settings.connect_timeout)),
            None => row,
        }
    }

    fn at_work(&self, plan: &Plan, id: WorkerId, now: ConductorTime, barriers: &BTreeMap<&str, String>) -> Row {
        let Some((position, step, since)) = self.current(id) else {
            return Row::plain(if self.gone { State::Finishing } else { State::Ready });
        };
        let took = now.since(since);
        let (state, about) = match &step.action {
            Action::Barrier(name) => {
                (State::Waiting, About::Reason(barriers.get(name.as_str()).cloned().unwrap_or_default()))
            }
            Action::Await { label, .. } => {
                (State::Waiting, About::Reason(format!("for a line of {}", on_one_line(label.as_str()))))
            }
            Action::Fetch(_) | Action::Put { .. } => (State::Copying, label(step)),
            Action::Command(_) | Action::Stop(_) => (State::Running, label(step)),
        };
        let is_slow = || self.is_slow(id, position, step, took);
        let state = if state != State::Waiting && is_slow() { State::Slow } else { state };
        Row::new(state, about).timed(took, step.limit(plan.settings.step_timeout))
    }

    /// Names the barrier and the workers that have not reached it.
    fn at_barrier(&self, plan: &Plan, name: &str) -> String {
        let Some((phase, _)) = self.phase else { return String::new() };
        let is_barrier = |step: &Step| matches!(&step.action, Action::Barrier(of) if of == name);
        let is_missing = |id: WorkerId| {
            let Some(position) = plan.worker_in(self.trial, id).steps[phase].iter().position(is_barrier) else {
                return false;
            };
            let is_before = self.workers[id.0].ended <= position;
            is_before && self.current(id).is_some_and(|(at, ..)| at != position)
        };
        let missing: Vec<&str> =
            plan.workers().filter(|(id, _)| is_missing(*id)).map(|(_, worker)| worker.name.as_str()).collect();
        let name = on_one_line(name);
        if missing.is_empty() {
            format!("at barrier {name}")
        } else {
            format!("at barrier {name} for {}", few(&missing, WIDEST_COLUMN))
        }
    }
}

fn label(step: &Step) -> About {
    About::Step(on_one_line(step.label.as_str()).into_owned())
}

/// Merges the rows of workers with the same content. A printed line is left out if it differs.
fn fold(each: Vec<Row>, with_printed: bool) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    for row in each {
        match rows.iter_mut().find(|known| known.is_like(&row, with_printed)) {
            Some(known) => {
                known.workers.extend(&row.workers);
                known.took = known.took.max(row.took);
                if known.printed != row.printed {
                    known.printed.clear();
                }
            }
            None => rows.push(row),
        }
    }
    rows
}

/// Returns the names, or their number if the names are wider than `widest`.
pub(super) fn few(names: &[&str], widest: usize) -> String {
    let all = compact(names);
    if names.len() > 1 && display_width(&all) > widest { words::counted(names.len(), "worker") } else { all }
}

/// Formats a duration that changes while the user looks at it.
pub(super) fn tenths(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{}.{}s", duration.as_secs(), duration.subsec_millis() / 100),
        _ => words::duration(Duration::from_secs(duration.as_secs())),
    }
}
