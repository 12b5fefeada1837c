//! Determines from which step a process below this one comes.

use std::ffi::{CStr, CString};
use std::rc::Rc;

use crate::model::StepId;
use crate::sys::{self, Cgroup, CgroupRoot, Descendant, Process};

/// The variable that every process of a step inherits, unless it deliberately removes it. Its value is unique to the
/// step.
const MARK: &str = "CONDUCTOR_MARK=";

/// The parent of the steps' control groups, if this process may create any.
pub(super) type Cgroups = Option<Rc<CgroupRoot>>;

/// The process of a step, as the origin of other processes.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) key: StepId,
    /// The label of the step.
    pub(super) label: String,
    /// The ID of the process and of its group. It is unambiguous only while a process of ours is in that group.
    pub(super) pid: u32,
    /// Its control group, if it has one.
    pub(super) cgroup: Option<Cgroup>,
    mark: Vec<u8>,
}

impl Origin {
    /// Marks the environment of a step's process before the process is created. `tree` must be unique. The origin is
    /// complete once its process ID is set.
    pub(super) fn mark(key: StepId, label: &str, tree: &str, environment: &mut Vec<Rc<CStr>>) -> Self {
        let mark = format!("{MARK}{tree}-{}-{}-{}", key.trial, key.phase, key.position);
        // The player itself may be a step of another player.
        environment.retain(|variable| !variable.to_bytes().starts_with(MARK.as_bytes()));
        environment.extend(CString::new(mark.as_str()).map(Rc::from));
        Self { key, label: label.to_owned(), pid: 0, cgroup: None, mark: mark.into_bytes() }
    }
}

/// The processes of steps, as the origins of other processes. Empty for a process that has no steps.
#[derive(Debug, Default)]
pub(super) struct Origins {
    pub(super) all: Vec<Origin>,
    pub(super) cgroups: Cgroups,
}

impl Origins {
    /// Returns the origins of this step, or all origins.
    pub(super) fn of(&self, step: Option<StepId>) -> impl Iterator<Item = &Origin> {
        self.all.iter().filter(move |origin| step.is_none_or(|step| step == origin.key))
    }

    /// Returns all processes below this one, except children for which `skip` returns true, and whether it is certain
    /// that there are no others.
    pub(super) fn find(&self, skip: impl Fn(u32) -> bool) -> (Vec<Descendant>, bool) {
        sys::descendants(skip, |process, group, inherited| self.step_of(process, group, inherited))
    }

    /// Returns the step from which a process comes. Without any other evidence, it is that of its parent.
    fn step_of(&self, process: &Process, group: u32, inherited: Option<StepId>) -> Option<StepId> {
        if self.all.is_empty() {
            return None;
        }
        if let Some(number) = self.cgroups.as_ref().and_then(|cgroups| cgroups.number_of(process)) {
            let has = |origin: &&Origin| origin.cgroup.as_ref().is_some_and(|cgroup| cgroup.number == number);
            return self.all.iter().find(has).map(|origin| origin.key);
        }
        let environment = process.environment();
        let mark = environment.split(|byte| *byte == 0).find(|variable| variable.starts_with(MARK.as_bytes()));
        let marked = self.all.iter().find(|origin| Some(&origin.mark[..]) == mark);
        // Take the last one, because the ID may have belonged to an earlier process.
        let grouped = || self.all.iter().rev().find(|origin| origin.pid == group);
        marked.or_else(grouped).map(|origin| origin.key).or(inherited)
    }
}
