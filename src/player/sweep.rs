//! The end of everything below this process, and what is to be said of what was found.

use std::collections::{BTreeMap, BTreeSet};

use super::escalation::Escalation;
use super::origin::{self, Origin, StepDescendant};
use super::session::StopWith;
use crate::model::{PlayerTime, Process, StepId};
use crate::sys::{self, CgroupRoot};

/// An end of everything in progress.
///
/// This process is a sub-reaper: whatever its children leave falls to it, so that nothing of what they made is anywhere
/// else.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) escalation: Escalation,
    /// The steps that go on until now, so that their processes are no surprise.
    expected: BTreeSet<StepId>,
    /// The others that were found, with the steps that they came from.
    strays: BTreeMap<(u32, u64), (Option<StepId>, Process)>,
}

impl Sweep {
    /// Begins at `now`; the first look is due at once.
    pub(super) fn new(expected: BTreeSet<StepId>, now: PlayerTime) -> Self {
        Self { escalation: Escalation::new(StopWith::Terminate, now), expected, strays: BTreeMap::new() }
    }

    /// Looks, and tells what is there to end, but for those children that are skipped. The answer is there when it is
    /// over: what could not be ended.
    pub(super) fn look(
        &mut self,
        now: PlayerTime,
        origins: &[Origin],
        cgroups: Option<&CgroupRoot>,
        skip: impl Fn(u32) -> bool,
    ) -> Option<Vec<Process>> {
        let Self { escalation, expected, strays } = self;
        let find = || {
            let (found, certain) = origin::find(origins, cgroups, &skip);
            // Each is looked at once, and in time: while it is going, there is less and less to see of it.
            let is_stray =
                |found: &&StepDescendant| found.of.is_none_or(|key| !expected.contains(&key)) && !found.is_ending;
            for stray in found.iter().filter(is_stray) {
                strays.entry(stray.identity()).or_insert_with(|| (stray.of, (&stray.process).into()));
            }
            (found, certain)
        };
        let leads = |group| origins.iter().any(|origin| origin.pid == group) && sys::something_of_group(group);
        escalation.look(now, find, leads)
    }

    /// What is to be said of what could not be ended, and of who was found and ended but not named before.
    pub(super) fn warnings(&mut self, origins: &[Origin], named: &BTreeSet<u32>, remaining: &[Process]) -> Vec<String> {
        let is_said = |pid: u32| named.contains(&pid) || remaining.iter().any(|process| process.pid == pid);
        let mut strays: BTreeMap<Option<StepId>, Vec<Process>> = BTreeMap::new();
        for (of, process) in std::mem::take(&mut self.strays).into_values().filter(|(_, process)| !is_said(process.pid))
        {
            strays.entry(of).or_default().push(process);
        }
        let said = strays.into_iter().map(|(of, list)| {
            let whose = match of.and_then(|of| origins.iter().find(|origin| origin.key == of)) {
                Some(Origin { key: StepId { trial, phase, .. }, label, .. }) => {
                    format!("step `{label}` in {phase} of trial {trial}")
                }
                None => "a step".to_owned(),
            };
            format!("{whose} left {}, stopped after the trial: {}", Process::count(&list), Process::list(&list))
        });
        let remaining = remaining.iter().map(|process| format!("could not be stopped: {process}"));
        said.chain(remaining).collect()
    }
}
