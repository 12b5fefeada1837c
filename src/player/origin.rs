//! Which step a process below this one comes from.

use std::ffi::{CStr, CString};
use std::rc::Rc;

use crate::model::{self, StepId};
use crate::sys::{self, Cgroup, CgroupRoot, Descendant, Process};

/// The variable that every process of a step inherits, unless it goes to lengths to lose it. Its value is the step's alone.
const MARK: &str = "CONDUCTOR_MARK";

/// A step's process, as that from which others may have come.
#[derive(Debug)]
pub(super) struct Origin {
    pub(super) key: StepId,
    /// The step's label.
    pub(super) label: String,
    /// Its number, and that of its group; nobody else's only while something of ours is in that group.
    pub(super) pid: u32,
    /// Its control group, where there is such a thing.
    pub(super) cgroup: Option<Cgroup>,
    mark: Vec<u8>,
}

impl Origin {
    /// Marks the environment of a step's process before it is made. Its origin is complete when it is. `tree` is what
    /// nobody else has.
    pub(super) fn mark(key: StepId, tree: &str, environment: &mut Vec<Rc<CStr>>) -> Self {
        let label = environment.iter().find_map(|variable| variable.to_bytes().strip_prefix(b"CONDUCTOR_STEP="));
        let label = String::from_utf8_lossy(label.unwrap_or(b"?")).into_owned();
        let name = format!("{MARK}=");
        let mark = format!("{name}{tree}-{}-{}-{}", key.trial, key.phase, key.position);
        // The player may be a step of somebody else's.
        environment.retain(|variable| !variable.to_bytes().starts_with(name.as_bytes()));
        environment.extend(CString::new(mark.as_str()).map(Rc::from));
        Self { key, label, pid: 0, cgroup: None, mark: mark.into_bytes() }
    }
}

/// A process below this one, with the step that it comes from.
pub(super) type StepDescendant = Descendant<StepId>;

impl From<&Process> for model::Process {
    fn from(process: &Process) -> Self {
        Self { pid: process.pid(), user: process.user(), command: process.command_line() }
    }
}

/// All processes below this one but for those children that are skipped; and whether it is certain that there are no
/// others.
pub(super) fn find(
    origins: &[Origin],
    cgroups: Option<&CgroupRoot>,
    skip: impl Fn(u32) -> bool,
) -> (Vec<StepDescendant>, bool) {
    sys::descendants(skip, |process, group, inherited| step_of(process, group, inherited, origins, cgroups))
}

/// The step that a process comes from. One that says nothing of itself comes from where its parent does.
fn step_of(
    process: &Process,
    group: u32,
    inherited: Option<StepId>,
    origins: &[Origin],
    cgroups: Option<&CgroupRoot>,
) -> Option<StepId> {
    if origins.is_empty() {
        return None;
    }
    if let Some(number) = cgroups.and_then(|cgroups| cgroups.number_of(process)) {
        let has = |origin: &&Origin| origin.cgroup.as_ref().is_some_and(|cgroup| cgroup.number() == number);
        return origins.iter().find(has).map(|origin| origin.key);
    }
    let environment = process.environment();
    let name = format!("{MARK}=");
    let mark = environment.split(|byte| *byte == 0).find(|variable| variable.starts_with(name.as_bytes()));
    let marked = origins.iter().find(|origin| Some(&origin.mark[..]) == mark);
    // The latest of these, for its number may have been another's before.
    let grouped = || origins.iter().rev().find(|origin| origin.pid == group);
    marked.or_else(grouped).map(|origin| origin.key).or(inherited)
}
