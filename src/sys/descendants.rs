//! All processes below this one, as far down as they go.

use super::Process;
use super::children::{Status, children_of, direct_children};

/// A process below this one.
#[derive(Debug)]
pub struct Descendant<T> {
    /// The process.
    pub process: Process,
    /// Whether it is our child, because we made it or because it fell to us.
    pub is_child: bool,
    /// Its group.
    pub group: u32,
    /// Whether it is on its way out: then it tells no more of itself.
    pub is_ending: bool,
    made: u64,
    /// What it comes from, as far as that can be seen.
    pub of: Option<T>,
}

impl<T> Descendant<T> {
    /// What is its alone, as its number is not.
    pub fn identity(&self) -> (u32, u64) {
        (self.process.pid(), self.made)
    }
}

/// All processes below this one but for those children that are skipped, with all that is below them. `of` says what a
/// process of this group comes from; it is given what its parent comes from.
///
/// Processes come, go and change their parents while we look. The flag says whether nothing did that we saw: only then
/// is an empty list worth something. What is in the list was a descendant of ours at the moment it was pinned.
pub fn descendants<T: Copy>(
    skip: impl Fn(u32) -> bool,
    of: impl Fn(&Process, u32, Option<T>) -> Option<T>,
) -> (Vec<Descendant<T>>, bool) {
    let is_wanted = |child: &u32| !skip(*child);
    let children: Vec<u32> = direct_children().into_iter().map(|child| child.0).filter(is_wanted).collect();
    let (mut found, mut certain) = take(&children, None, &of);
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        let children = children_of(parent.process.pid());
        // Once it has ended, its number may be another's, and what was read that one's children; its own fall to us, or
        // to one of its ancestors that wants them.
        if parent.process.has_ended() {
            certain &= children.is_empty();
        } else {
            let (below, all_certain) = take(&children, Some(parent), &of);
            found.extend(below);
            certain &= all_certain;
        }
        next += 1;
    }
    (found, certain)
}

/// Pins those of these processes that are children of `parent`, or of this process; whether that is certain of all.
fn take<T: Copy>(
    pids: &[u32],
    parent: Option<&Descendant<T>>,
    of: impl Fn(&Process, u32, Option<T>) -> Option<T>,
) -> (Vec<Descendant<T>>, bool) {
    let parent_pid = parent.map_or_else(std::process::id, |parent| parent.process.pid());
    let pin = |pid: &u32| {
        let process = Process::pin(*pid)?;
        let Status { parent: is_below, group, is_ending, made } = process.status()?;
        if is_below != parent_pid || parent.is_some_and(|parent| parent.process.has_ended()) {
            return None;
        }
        let of = of(&process, group, parent.and_then(|parent| parent.of));
        // It may have said nothing because it was on its way out by then.
        let is_ending = is_ending || of.is_none() && process.is_ending();
        Some(Descendant { process, is_child: parent.is_none(), group, is_ending, made, of })
    };
    let found: Vec<_> = pids.iter().filter_map(pin).collect();
    let certain = found.len() == pids.len();
    (found, certain)
}
