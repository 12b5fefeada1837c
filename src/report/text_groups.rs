//! Groups the results of one step on several workers for the `text` report, so that equal results are written once.
//!
//! The workers of a range run the same steps. The results of a step are held back until all of these workers have one,
//! but only for a few seconds. The results of a worker with different steps are never held back.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{Action, ConductorTime, Plan, StepReference, StepResult, WorkerId};

/// The maximum time for which a result is held back. Only further events show that it has passed.
const PATIENCE: Duration = Duration::from_secs(5);

/// The number of bytes of an output that are read at once. For each step, one piece from every worker can be in memory.
const PIECE: usize = 16 * 1024;

/// A result that some workers share.
#[derive(Debug)]
pub(super) struct Told {
    /// The step on the first of the workers.
    pub(super) step: StepReference,
    /// The workers.
    pub(super) workers: Vec<WorkerId>,
    /// The result on the first of the workers, with the longest duration of all.
    pub(super) result: StepResult,
    /// The shortest duration, if it differs from the longest.
    pub(super) fastest: Option<Duration>,
}

/// The results that are held back.
#[derive(Debug, Default)]
pub(super) struct Groups {
    plan: Option<Arc<Plan>>,
    /// For each worker, the first worker with the same steps; and for each of these, how many such workers are not
    /// lost.
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
    /// Creates the groups for this plan.
    pub(super) fn new(plan: &Arc<Plan>) -> Self {
        let first: Vec<usize> = plan.first_alike().into_iter().map(|first| first.0).collect();
        let mut members = vec![0; first.len()];
        for index in &first {
            members[*index] += 1;
        }
        Self { plan: Some(Arc::clone(plan)), first, members, held: BTreeMap::new() }
    }

    /// Stops waiting for a worker.
    pub(super) fn lost(&mut self, worker: WorkerId) {
        if let Some(first) = self.first.get(worker.0) {
            self.members[*first] = self.members[*first].saturating_sub(1);
        }
    }

    /// Adds a result.
    pub(super) fn take(&mut self, at: ConductorTime, step: StepReference, result: StepResult) {
        let first = self.first.get(step.worker.0).copied().unwrap_or(step.worker.0);
        let group = self.held.entry((step.position, first)).or_insert(Group { since: at, results: Vec::new() });
        group.results.push((step, result));
    }

    /// Returns the results that are to be written now.
    pub(super) fn ready(&mut self, now: ConductorTime) -> Vec<Told> {
        let is_ready = |&(_, first): &(usize, usize), group: &Group| {
            let members = self.members.get(first).copied().unwrap_or(0);
            group.results.len() >= members || now.since(group.since) >= PATIENCE
        };
        let ready: Vec<_> = self.held.iter().filter(|(key, group)| is_ready(key, group)).map(|(key, _)| *key).collect();
        let groups: Vec<Group> = ready.iter().filter_map(|key| self.held.remove(key)).collect();
        groups.into_iter().flat_map(|group| self.told(group)).collect()
    }

    /// Returns all results that are held back.
    pub(super) fn rest(&mut self) -> Vec<Told> {
        let held = std::mem::take(&mut self.held);
        held.into_values().flat_map(|group| self.told(group)).collect()
    }

    /// Splits a group by comparing the results part by part, until each is alone or the remaining ones are equal to the
    /// end.
    fn told(&self, mut group: Group) -> Vec<Told> {
        group.results.sort_by_key(|(step, _)| step.worker);
        let mut told = Vec::new();
        let mut alike = vec![(0, group.results)];
        while let Some((number, results)) = alike.pop() {
            let mut parts = BTreeMap::<_, Vec<_>>::new();
            for (step, result) in results {
                // An output that cannot be read back is equal to no other.
                let part = self.part(number, step, &result).map_err(|_| step.worker);
                parts.entry(part).or_default().push((step, result));
            }
            for (part, results) in parts {
                if results.len() > 1 && part != Ok(Vec::new()) {
                    alike.push((number + 1, results));
                } else {
                    told.extend(Told::of(results));
                }
            }
        }
        told.sort_by_key(|told| told.step.worker);
        told
    }

    /// Returns a part of a result for the comparison: first the outcome and the lengths of the outputs, then each piece
    /// of the outputs, and an empty part at the end.
    fn part(&self, number: u64, step: StepReference, result: &StepResult) -> io::Result<Vec<u8>> {
        let outputs = result.outputs();
        let Some(mut number) = number.checked_sub(1) else {
            let attempts: Vec<_> = result.attempts.iter().map(|attempt| &attempt.outcome).collect();
            let printed = outputs.map(|output| (output.length(), output.unkept()));
            let facts = (&result.outcome, result.leaky, &result.not_stopped, attempts, self.action(step), printed);
            return Ok(format!("{facts:?}").into_bytes());
        };
        for output in outputs {
            let pieces = output.length().div_ceil(PIECE as u64);
            if number < pieces {
                let rest = number * PIECE as u64..output.length();
                return output.pieces(rest, PIECE).next().unwrap_or_else(|| Ok(Vec::new()));
            }
            number -= pieces;
        }
        Ok(Vec::new())
    }

    fn action(&self, step: StepReference) -> Option<&Action> {
        self.plan.as_ref()?.step(step).map(|step| &step.action)
    }
}

impl Told {
    /// Merges equal results.
    fn of(results: Vec<(StepReference, StepResult)>) -> Option<Self> {
        let mut results = results.into_iter();
        let (step, result) = results.next()?;
        let mut told = Self { step, workers: vec![step.worker], result, fastest: None };
        results.for_each(|(step, result)| told.add(step.worker, &result));
        Some(told)
    }

    fn add(&mut self, worker: WorkerId, result: &StepResult) {
        self.workers.push(worker);
        if let (Some(longest), Some(took)) = (self.result.duration, result.duration) {
            self.fastest = Some(self.fastest.unwrap_or(longest).min(took));
            self.result.duration = Some(longest.max(took));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::model::{Ending, Outcome, Phase, Step};
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

    /// Returns the workers that share each result.
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
        let (mut groups, mut output) = (groups(), vec![b'x'; 200_000]);
        groups.take(START, step(0, 0), left(Outcome::Passed, &output, b""));
        groups.take(START, step(1, 0), left(Outcome::Passed, &output, b""));
        output[150_000] = b'y';
        groups.take(START, step(2, 0), left(Outcome::Passed, &output, b""));
        assert_eq!(shared(&groups.ready(START)), [vec![0, 1], vec![2]]);
    }

    #[test]
    fn no_more_is_read_of_an_output_than_tells_it_from_others() {
        /// Counts the bytes that are read.
        struct Counted(Vec<u8>, Arc<AtomicUsize>);
        impl crate::model::OutputSource for Counted {
            fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
                let count = self.0.read_at(offset, buffer)?;
                self.1.fetch_add(count, Ordering::Relaxed);
                Ok(count)
            }
        }
        let read_of = |outputs: [Vec<u8>; 3]| {
            let (mut groups, read) = (groups(), Arc::new(AtomicUsize::new(0)));
            for (worker, bytes) in outputs.into_iter().enumerate() {
                let length = bytes.len() as u64;
                let stderr = crate::model::Output::new(Arc::new(Counted(bytes, Arc::clone(&read))), length, None);
                groups.take(START, step(worker, 0), StepResult { stderr, ..left(Outcome::Passed, b"same", b"") });
            }
            (shared(&groups.ready(START)), read.load(Ordering::Relaxed))
        };
        let printed = |first: u8, length: usize| [&[first], &*vec![b'x'; length - 1]].concat();
        // Outputs of different lengths are not read at all, and of those with different beginnings, only the beginning
        // is.
        let (one, two, three) = (vec![0], vec![1], vec![2]);
        let other_lengths = [printed(1, 200_000), printed(1, 200_001), printed(1, 200_002)];
        assert_eq!(read_of(other_lengths), (vec![one.clone(), two.clone(), three], 0));
        let other_beginnings = [printed(1, 200_000), printed(2, 200_000), printed(1, 200_001)];
        assert_eq!(read_of(other_beginnings), (vec![one, two.clone(), vec![2]], 2 * PIECE));
        let two_equal = [printed(1, 200_000), printed(2, 200_000), printed(1, 200_000)];
        assert_eq!(read_of(two_equal), (vec![vec![0, 2], two], PIECE + 400_000));
    }

    #[test]
    fn outputs_that_cannot_be_read_back_are_the_same_as_nothing_else() {
        struct Gone;
        impl crate::model::OutputSource for Gone {
            fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk gone"))
            }
        }
        let mut groups = groups();
        for worker in 0..3 {
            let stdout = crate::model::Output::new(Arc::new(Gone), 5, None);
            groups.take(START, step(worker, 0), StepResult { stdout, ..left(Outcome::Passed, b"", b"") });
        }
        assert_eq!(shared(&groups.ready(START)), [vec![0], vec![1], vec![2]]);
    }
}
