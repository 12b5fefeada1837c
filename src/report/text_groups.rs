//! Results of one step on several workers, for the `text` report: those that are the same are told once.
//!
//! Workers that share a file, as those of a range do, run the same steps. A step's results are held back until all of
//! these workers have theirs, but for a few seconds at most; a worker with a file of its own waits for nobody.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap};
use std::hash::{Hash, Hasher};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Action, ConductorTime, Outcome, Output, Plan, StepReference, StepResult, WorkerId};

/// The longest that a result is held back, as far as other events tell the time.
const PATIENCE: Duration = Duration::from_secs(5);

/// How much of two outputs is compared at once.
const PIECE: u64 = 64 * 1024;

/// A result that some workers have in common.
#[derive(Debug)]
pub(super) struct Told {
    /// The step on the first of them.
    pub(super) step: StepReference,
    /// All of them.
    pub(super) workers: Vec<WorkerId>,
    /// What the step left on the first, with the longest duration of all.
    pub(super) result: StepResult,
    /// The shortest duration, when it is another.
    pub(super) fastest: Option<Duration>,
}

/// Results that are held back.
#[derive(Debug, Default)]
pub(super) struct Groups {
    plan: Option<Arc<Plan>>,
    /// For each worker the first one with its file, and for each of these how many there are that are not lost.
    first: Vec<usize>,
    members: Vec<usize>,
    held: BTreeMap<(usize, usize), Group>,
}

#[derive(Debug)]
struct Group {
    since: ConductorTime,
    results: Vec<(StepReference, StepResult)>,
}

impl Groups {
    /// Begins with this plan.
    pub(super) fn new(plan: &Arc<Plan>) -> Self {
        let mut files = BTreeMap::new();
        let first: Vec<usize> = plan
            .workers
            .iter()
            .enumerate()
            .map(|(index, worker)| *files.entry(&worker.file).or_insert(index))
            .collect();
        let mut members = vec![0; first.len()];
        for index in &first {
            members[*index] += 1;
        }
        Self { plan: Some(Arc::clone(plan)), first, members, held: BTreeMap::new() }
    }

    /// A worker is not waited for any more.
    pub(super) fn lost(&mut self, worker: WorkerId) {
        if let Some(first) = self.first.get(worker.0) {
            self.members[*first] = self.members[*first].saturating_sub(1);
        }
    }

    /// Takes a result.
    pub(super) fn take(&mut self, at: ConductorTime, step: StepReference, result: StepResult) {
        let first = self.first.get(step.worker.0).copied().unwrap_or(step.worker.0);
        let group = self.held.entry((step.position, first)).or_insert(Group { since: at, results: Vec::new() });
        group.results.push((step, result));
    }

    /// What is to be told now.
    pub(super) fn ready(&mut self, now: ConductorTime) -> Vec<Told> {
        let is_ready = |&(_, first): &(usize, usize), group: &Group| {
            let members = self.members.get(first).copied().unwrap_or(0);
            group.results.len() >= members || now.since(group.since) >= PATIENCE
        };
        let ready: Vec<_> = self.held.iter().filter(|(key, group)| is_ready(key, group)).map(|(key, _)| *key).collect();
        let groups: Vec<Group> = ready.iter().filter_map(|key| self.held.remove(key)).collect();
        groups.into_iter().flat_map(|group| self.told(group)).collect()
    }

    /// All that is held back.
    pub(super) fn rest(&mut self) -> Vec<Told> {
        let held = std::mem::take(&mut self.held);
        held.into_values().flat_map(|group| self.told(group)).collect()
    }

    fn told(&self, mut group: Group) -> Vec<Told> {
        group.results.sort_by_key(|(step, _)| step.worker);
        let mut told: Vec<Told> = Vec::new();
        // Of a thousand results each is compared with the few that may be the same.
        let mut alike: HashMap<u64, Vec<usize>> = HashMap::new();
        for (step, result) in group.results {
            let candidates = alike.entry(digest(&result)).or_default();
            let same = |index: &&usize| self.are_same((told[**index].step, &told[**index].result), (step, &result));
            if let Some(index) = candidates.iter().find(same) {
                told[*index].add(step.worker, &result);
            } else {
                candidates.push(told.len());
                told.push(Told { step, workers: vec![step.worker], result, fastest: None });
            }
        }
        told
    }

    fn are_same(
        &self,
        (step, result): (StepReference, &StepResult),
        (other, second): (StepReference, &StepResult),
    ) -> bool {
        result.outcome == second.outcome
            && result.leaky == second.leaky
            && result.not_stopped == second.not_stopped
            && outcomes(result).eq(outcomes(second))
            && self.action(step) == self.action(other)
            && have_same_bytes(&result.stdout, &second.stdout)
            && have_same_bytes(&result.stderr, &second.stderr)
    }

    fn action(&self, step: StepReference) -> Option<&Action> {
        self.plan.as_ref()?.step(step).map(|step| &step.action)
    }
}

impl Told {
    fn add(&mut self, worker: WorkerId, result: &StepResult) {
        self.workers.push(worker);
        if let (Some(longest), Some(took)) = (self.result.duration, result.duration) {
            self.fastest = Some(self.fastest.unwrap_or(longest).min(took));
            self.result.duration = Some(longest.max(took));
        }
    }
}

fn outcomes(result: &StepResult) -> impl Iterator<Item = &Outcome> {
    result.attempts.iter().map(|attempt| &attempt.outcome)
}

/// A number that is the same for results with the same outputs, and seldom for others.
fn digest(result: &StepResult) -> u64 {
    let mut hasher = DefaultHasher::new();
    for output in [&result.stdout, &result.stderr] {
        output.length().hash(&mut hasher);
        let mut buffer = vec![0; usize::try_from(PIECE.min(output.length())).unwrap_or(0)];
        // What cannot be read back is compared in vain afterwards.
        let _ = output.read_exact_at(0, &mut buffer);
        buffer.hash(&mut hasher);
    }
    hasher.finish()
}

fn have_same_bytes(one: &Output, other: &Output) -> bool {
    one.length() == other.length() && one.unkept() == other.unkept() && compare(one, other).unwrap_or(false)
}

fn compare(one: &Output, other: &Output) -> io::Result<bool> {
    let size = usize::try_from(PIECE.min(one.length())).unwrap_or(0);
    let (mut left, mut right) = (vec![0; size], vec![0; size]);
    let mut offset = 0;
    while offset < one.length() {
        let count = size.min(usize::try_from(one.length() - offset).unwrap_or(size));
        one.read_exact_at(offset, &mut left[..count])?;
        other.read_exact_at(offset, &mut right[..count])?;
        if left[..count] != right[..count] {
            return Ok(false);
        }
        offset += count as u64;
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ending, Phase, Step};
    use crate::report::recorded::{left, plan, worker};

    const START: ConductorTime = ConductorTime::from_nanoseconds(1_000_000_000);

    fn groups() -> Groups {
        let node = |name: &str, file: &str| {
            let steps = vec![Step::plain("one", "one"), Step::plain("two", "two")];
            crate::model::WorkerPlan { file: file.into(), ..worker(name, Vec::new(), steps) }
        };
        Groups::new(&Arc::new(plan(vec![
            node("n1", "node.cfg"),
            node("n2", "node.cfg"),
            node("n3", "node.cfg"),
            node("alone", "alone.cfg"),
        ])))
    }

    fn step(worker: usize, position: usize) -> StepReference {
        StepReference { trial: 1, phase: Phase::Run, worker: WorkerId(worker), position }
    }

    /// The workers that share each of these.
    fn shared(told: &[Told]) -> Vec<Vec<usize>> {
        told.iter().map(|told| told.workers.iter().map(|worker| worker.0).collect()).collect()
    }

    #[test]
    fn equal_results_are_told_once_when_all_have_theirs() {
        let mut groups = groups();
        groups.take(START, step(2, 0), left(Outcome::Passed, b"same", b""));
        groups.take(START, step(0, 0), left(Outcome::Passed, b"same", b""));
        groups.take(START, step(0, 1), left(Outcome::Passed, b"", b""));
        assert!(groups.ready(START).is_empty());
        groups.take(START, step(1, 0), left(Outcome::Failed(Ending::Exit(1)), b"same", b""));
        assert_eq!(shared(&groups.ready(START)), [vec![0, 2], vec![1]]);
        assert_eq!(shared(&groups.rest()), [vec![0]]);
    }

    #[test]
    fn a_worker_with_a_file_of_its_own_waits_for_nobody() {
        let mut groups = groups();
        groups.take(START, step(3, 0), left(Outcome::Passed, b"", b""));
        assert_eq!(shared(&groups.ready(START)), [vec![3]]);
    }

    #[test]
    fn nobody_waits_for_a_lost_worker_or_for_more_than_a_few_seconds() {
        let mut groups = groups();
        groups.take(START, step(0, 0), left(Outcome::Passed, b"", b""));
        groups.take(START, step(1, 0), left(Outcome::Passed, b"", b""));
        assert!(groups.ready(START).is_empty());
        groups.lost(WorkerId(2));
        assert_eq!(shared(&groups.ready(START)), [vec![0, 1]]);
        groups.take(START, step(0, 1), left(Outcome::Passed, b"", b""));
        assert_eq!(shared(&groups.ready(START.plus(PATIENCE))), [vec![0]]);
    }

    #[test]
    fn outputs_of_one_length_are_compared_byte_by_byte() {
        let mut one = vec![b'x'; 200_000];
        let (same, mut other) = (one.clone(), one.clone());
        other[150_000] = b'y';
        one[0] = b'x';
        let output = Output::from_bytes(one);
        assert!(have_same_bytes(&output, &Output::from_bytes(same)));
        assert!(!have_same_bytes(&output, &Output::from_bytes(other)));
    }
}
