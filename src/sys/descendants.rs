//! All processes below this one, as far down as they go.

use super::Process;
use super::children::{Status, children_of, direct_children};

/// A process below this one.
#[derive(Debug)]
pub struct Descendant {
    /// The process.
    pub process: Process,
    /// Its group.
    pub group: u32,
    /// Whether it is on its way out: then it tells no more of itself.
    pub is_ending: bool,
    /// When it was made; together with its number that is its alone.
    pub made: u64,
    /// Where its parent stands in the list, which is further to the front; `None` when we are its parent.
    pub parent: Option<usize>,
}

/// All processes below this one but for those children that are skipped, with all that is below them.
///
/// Processes come, go and change their parents while we look. The flag says whether nothing did that we saw: only then
/// is an empty list worth something. What is in the list was a descendant of ours at the moment it was pinned.
pub fn descendants(skip: impl Fn(u32) -> bool) -> (Vec<Descendant>, bool) {
    let own = std::process::id();
    let mut found: Vec<Descendant> = Vec::new();
    let mut certain = true;
    for child in direct_children() {
        if !skip(child.0) {
            certain &= take(child.0, (own, None), &mut found);
        }
    }
    let mut next = 0;
    while next < found.len() {
        let pid = found[next].process.pid();
        let children = children_of(pid);
        // Once it has ended, its number may be another's, and what was read that one's children; its own fall to us, or
        // to one of its ancestors that wants them.
        if found[next].process.has_ended() {
            certain &= children.is_empty();
        } else {
            for child in children {
                certain &= take(child, (pid, Some(next)), &mut found);
            }
        }
        next += 1;
    }
    (found, certain)
}

/// Adds a process if it is this one's child; whether that is certain.
fn take(pid: u32, (parent, position): (u32, Option<usize>), found: &mut Vec<Descendant>) -> bool {
    let Some(process) = Process::pin(pid) else { return false };
    let Some(Status { parent: is_below, group, is_ending, made }) = process.status() else { return false };
    let parent_is_there = position.is_none_or(|position| !found[position].process.has_ended());
    if is_below != parent || !parent_is_there {
        return false;
    }
    found.push(Descendant { process, group, is_ending, made, parent: position });
    true
}
