//! The end of everything below this process, and what is to be said of what was found.

use std::collections::{BTreeMap, BTreeSet};

use super::kin::{self, Kin, Origin};
use super::ladder::Ladder;
use super::session::{StepKey, StopWith};
use crate::model::{PlayerTime, Process};
use crate::sys::{self, CgroupRoot};

/// An end of everything in progress.
///
/// This process is a sub-reaper: whatever its children leave falls to it, so that nothing of what they made is anywhere
/// else.
#[derive(Debug)]
pub(super) struct Sweep {
    pub(super) ladder: Ladder,
    /// The steps that go on until now, so that their processes are no surprise.
    expected: BTreeSet<StepKey>,
    /// The others that were found, by their steps, and by their numbers.
    strays: BTreeMap<Option<StepKey>, BTreeMap<u32, Process>>,
}

impl Sweep {
    /// Begins at `now`; the first look is due at once.
    pub(super) fn new(expected: BTreeSet<StepKey>, now: PlayerTime) -> Self {
        Self { ladder: Ladder::new(StopWith::Terminate, now), expected, strays: BTreeMap::new() }
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
        let Self { ladder, expected, strays } = self;
        let find = || {
            let (found, certain) = kin::find(origins, cgroups, &skip);
            for kin in found.iter().filter(|kin| kin.of.is_none_or(|key| !expected.contains(&key))) {
                note(strays.entry(kin.of).or_default(), kin);
            }
            (found, certain)
        };
        let leads = |group| origins.iter().any(|origin| origin.pid == group) && sys::something_of_group(group);
        ladder.look(now, find, leads)
    }

    /// What is to be said of what could not be ended, and of who was found and ended but not named before.
    pub(super) fn warnings(&mut self, origins: &[Origin], named: &BTreeSet<u32>, remaining: &[Process]) -> Vec<String> {
        let is_said = |pid: u32| named.contains(&pid) || remaining.iter().any(|process| process.pid == pid);
        let said = std::mem::take(&mut self.strays).into_iter().filter_map(|(of, mut strays)| {
            strays.retain(|pid, _| !is_said(*pid));
            let (count, list) = (strays.len(), strays.into_values().collect::<Vec<_>>());
            let whose = match of.and_then(|of| origins.iter().find(|origin| origin.key == of)) {
                Some(Origin { key: StepKey { trial, phase, .. }, label, .. }) => {
                    format!("step `{label}` in {phase} of trial {trial}")
                }
                None => "a step".to_owned(),
            };
            let processes = if count == 1 { "a process".to_owned() } else { format!("{count} processes") };
            let list = Process::list(&list);
            (count > 0).then(|| format!("{whose} left {processes}, stopped after the trial: {list}"))
        });
        let remaining = remaining.iter().map(|process| format!("could not be stopped: {process}"));
        said.chain(remaining).collect()
    }
}

/// A process is looked at once: while it is going, there is less and less to see of it.
fn note(strays: &mut BTreeMap<u32, Process>, kin: &Kin) {
    if !kin.process.has_ended() {
        strays.entry(kin.process.pid()).or_insert_with(|| kin.describe());
    }
}
