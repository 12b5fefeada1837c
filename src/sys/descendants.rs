//! All processes below this one, as far down as they go.

use super::Process;
use super::children::{Status, children_of, direct_children};
use crate::model::StepId;

/// A process below this one.
#[derive(Debug)]
pub struct Descendant {
    /// The process.
    pub process: Process,
    /// Whether it is our child, because we made it or because we have inherited it.
    pub is_child: bool,
    /// Its group.
    pub group: u32,
    /// Whether it is ending: then it says no more about itself.
    pub is_ending: bool,
    made: u64,
    /// The step that it comes from, if that can be seen.
    pub of: Option<StepId>,
}

impl Descendant {
    /// Identifies it, which its number alone does not.
    pub fn identity(&self) -> (u32, u64) {
        (self.process.pid(), self.made)
    }
}

/// All processes below this one, except the skipped children and what is below them. `of` returns the step that a process
/// in this group comes from; it gets that of its parent.
///
/// Processes start, end and change their parents meanwhile. The flag says whether none was seen to do that: only then does
/// an empty list mean something. Each process in the list was a descendant of ours at the moment when it was pinned.
pub fn descendants(
    skip: impl Fn(u32) -> bool,
    of: impl Fn(&Process, u32, Option<StepId>) -> Option<StepId>,
) -> (Vec<Descendant>, bool) {
    let (mut found, mut is_certain): (Vec<Descendant>, _) = (Vec::new(), true);
    let mut pids: Vec<u32> = direct_children().into_iter().filter(|child| !skip(*child)).collect();
    let mut next = 0_usize;
    loop {
        let parent = next.checked_sub(1).and_then(|index| found.get(index));
        // Once the parent has ended, its number may belong to another process, whose children were read then; its own are
        // inherited by us, or by an ancestor that is a subreaper.
        let below: Vec<Descendant> = pids.iter().filter_map(|pid| pin(*pid, parent, &of)).collect();
        is_certain &= below.len() == pids.len();
        found.extend(below);
        let Some(parent) = found.get(next) else { return (found, is_certain) };
        pids = children_of(parent.process.pid());
        next += 1;
    }
}

/// Pins a process if it is a child of `parent`, or of this process.
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
    // It may have said nothing because it was ending by then.
    let is_ending = is_ending || of.is_none() && process.is_ending();
    Some(Descendant { process, is_child: parent.is_none(), group, is_ending, made, of })
}
