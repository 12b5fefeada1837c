//! Ends all processes below this one: after a trial, after the death of a session, and at the end of a player.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::process::Signal;

use super::escalation::Escalation;
use super::origin::{Origin, Origins};
use crate::model::{PlayerTime, Process, StepId};
use crate::sys::{self, CgroupRoot, Descendant, clock};
use crate::wait::Wait;

/// A sweep in progress.
///
/// This process is a subreaper: it inherits what its children leave, so that all processes are below it.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) escalation: Escalation,
    /// The steps that are still running, whose processes are expected.
    expected: BTreeSet<StepId>,
    /// The other processes that were found, with the step of each.
    strays: BTreeMap<(u32, u64), (Option<StepId>, Process)>,
}

impl Sweep {
    /// Starts a sweep at `now`; the first look is due immediately.
    pub(super) fn new(expected: BTreeSet<StepId>, now: PlayerTime) -> Self {
        Self { escalation: Escalation::new(None, Signal::TERM, now), expected, strays: BTreeMap::new() }
    }

    /// Looks for processes, except children for which `skip` returns true, and signals them. Returns the processes that
    /// could not be ended, once only these remain.
    pub(super) fn look(
        &mut self,
        now: PlayerTime,
        origins: &Origins,
        skip: impl Fn(u32) -> bool,
    ) -> Option<Vec<Process>> {
        let Self { escalation, expected, strays } = self;
        escalation.look(now, origins, skip, |found| {
            // Describe each process once and early: less and less can be seen of a process that is ending.
            let is_expected = |found: &Descendant| found.of.is_some_and(|key| expected.contains(&key));
            for stray in found.iter().filter(|found| !is_expected(found) && !found.is_ending) {
                strays.entry(stray.identity()).or_insert_with(|| (stray.of, stray.process.describe()));
            }
        })
    }

    /// Returns the processes that were found, other than the expected ones.
    pub(super) fn found(self) -> Vec<Process> {
        self.strays.into_values().map(|(_, process)| process).collect()
    }

    /// Returns warnings about processes that could not be ended, and about those that were found and have not been
    /// reported.
    pub(super) fn warnings(&mut self, origins: &Origins, named: &BTreeSet<u32>, remaining: &[Process]) -> Vec<String> {
        let mut strays: BTreeMap<Option<StepId>, Vec<Process>> = BTreeMap::new();
        for (of, process) in std::mem::take(&mut self.strays).into_values() {
            if !named.contains(&process.pid) && !remaining.iter().any(|remaining| remaining.pid == process.pid) {
                strays.entry(of).or_default().push(process);
            }
        }
        let strays = strays.into_iter().map(|(of, list)| {
            let whose = match of.and_then(|of| origins.all.iter().find(|origin| origin.key == of)) {
                Some(Origin { key: StepId { trial, phase, .. }, label, .. }) => {
                    format!("step `{label}` in {phase} of trial {trial}")
                }
                None => "a step".to_owned(),
            };
            format!("{whose} left {}, stopped after the trial: {}", Process::count(&list), Process::list(&list))
        });
        strays.chain(remaining.iter().map(|process| format!("could not be stopped: {process}"))).collect()
    }
}

/// The sweeps of the listener, which end the processes that dead processes have left.
#[derive(Debug, Default)]
pub(super) struct Cleanup {
    /// The sweep in progress.
    pub(super) sweep: Option<Sweep>,
    /// The processes that the last sweep could not end: another one could not either.
    pub(super) not_ended: BTreeSet<u32>,
}

impl Cleanup {
    /// Starts a sweep, even if one is in progress, because a process has died since.
    pub(super) fn begin(&mut self, now: PlayerTime) {
        self.sweep = Some(Sweep::new(BTreeSet::new(), now));
    }

    /// Continues the sweep. Leaves alone the children for which `keep` returns true, and everything below them. Once no
    /// sweep is in progress, returns the processes that this one could not end.
    pub(super) fn go_on(&mut self, keep: impl Fn(u32) -> bool, now: PlayerTime) -> Option<Vec<Process>> {
        let Some(sweep) = &mut self.sweep else { return Some(Vec::new()) };
        let remaining = sweep.look(now, &Origins::default(), keep)?;
        self.sweep = None;
        self.not_ended = remaining.iter().map(|process| process.pid).collect();
        Some(remaining)
    }
}

/// Ends the processes in the control groups of an earlier player of this name that died with all of its sessions.
/// Returns what the next conductor has to know about this.
pub(super) fn end_stale(name: &str) -> Option<String> {
    let ended = CgroupRoot::remove_stale(name);
    let text = format!(
        "an earlier player and its sessions were killed; their Reset was not run, and the processes that their steps left have been stopped: {}",
        Process::list(&ended)
    );
    (!ended.is_empty()).then_some(text).inspect(|text| tracing::warn!("{text}"))
}

/// Kills all processes below this one: sessions first, and then the processes that they leave. What remains after a
/// second cannot be ended at all.
pub(super) fn end_everything() {
    const LOOK: Duration = Duration::from_millis(2);
    let end = clock().plus(Wait::LeftoverEnd.time());
    loop {
        while sys::reap().is_some() {}
        let children = sys::direct_children();
        if children.is_empty() || clock() >= end {
            return;
        }
        for child in children {
            sys::end_group(child, Signal::KILL);
            sys::end_child(child, Signal::KILL);
        }
        Wait::LeftoverEnd.pause(LOOK);
    }
}
