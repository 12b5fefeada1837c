//! Finds all processes below this one, at any depth.

use super::Process;
use super::children::{Status, children_of, direct_children};
use crate::model::StepId;

/// A process below this one.
#[derive(Debug)]
pub struct Descendant {
    /// The process.
    pub process: Process,
    /// Whether it is our child, either created or inherited.
    pub is_child: bool,
    /// The ID of its process group.
    pub group: u32,
    /// Whether it is ending. In that case, less can be found out about it.
    pub is_ending: bool,
    made: u64,
    /// The step that it comes from, if this can be determined.
    pub of: Option<StepId>,
}

impl Descendant {
    /// Identifies the process, which its ID alone does not.
    pub fn identity(&self) -> (u32, u64) {
        (self.process.pid(), self.made)
    }
}

/// Returns all processes below this one, except the children for which `skip` returns true and their descendants. `of`
/// determines the step of a process from the process, its group and the step of its parent.
///
/// Processes start, end and change their parents meanwhile. The flag says whether none was seen to do so: only then is
/// an empty list reliable. Each process in the list was a descendant of ours when it was pinned.
pub fn descendants(
    skip: impl Fn(u32) -> bool,
    of: impl Fn(&Process, u32, Option<StepId>) -> Option<StepId>,
) -> (Vec<Descendant>, bool) {
    let (mut found, mut is_certain): (Vec<Descendant>, _) = (Vec::new(), true);
    let mut pids: Vec<u32> = direct_children().into_iter().filter(|child| !skip(*child)).collect();
    let mut next = 0_usize;
    loop {
        let parent = next.checked_sub(1).and_then(|index| found.get(index));
        // Once the parent has ended, its ID may belong to another process, whose children were read in this case. The
        // parent's own children are inherited by us, or by an ancestor of theirs that is a subreaper.
        let below: Vec<Descendant> = pids.iter().filter_map(|pid| pin(*pid, parent, &of)).collect();
        is_certain &= below.len() == pids.len();
        found.extend(below);
        let Some(parent) = found.get(next) else { return (found, is_certain) };
        pids = children_of(parent.process.pid());
        next += 1;
    }
}

/// Pins a process if it is a child of `parent`, or of this process without a `parent`.
fn pin(
    pid: u32,
    parent: Option<&Descendant>,
    of: impl Fn(&Process, u32, Option<StepId>) -> Option<StepId>,
) -> Option<Descendant> {
    let process = Process::pin(pid)?;
    let Status { parent: is_below, group, is_ending, made } = process.status()?;
    let parent_pid = parent.map_or_else(std::process::id, |parent| parent.process.pid());
    if is_below != parent_pid || parent.is_some_and(|parent| parent.process.has_ended()) {
        return None;
    }
    let of = of(&process, group, parent.and_then(|parent| parent.of));
    // The step may be unknown because the process was ending by then.
    let is_ending = is_ending || of.is_none() && process.is_ending();
    Some(Descendant { process, is_child: parent.is_none(), group, is_ending, made, of })
}
