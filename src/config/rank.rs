//! Which sections hold for a worker: those of its name before those of a range, these before those of `*`, and these
//! before those of its own file.

use super::{COORDINATOR, ENVIRONMENT};

/// For which workers a section is, the most specific first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rank {
    /// `[server:Run]`: one worker.
    Name,
    /// `[node[01-16]:Run]`: some workers.
    Range,
    /// `[*:Run]`: all workers.
    All,
    /// `[Run]` of the worker's own file.
    File,
}

/// Whether sections of this name are merged key by key. Of the others, the most specific one is taken whole.
pub(super) fn is_merged(section: &str) -> bool {
    [COORDINATOR, ENVIRONMENT].contains(&section)
}

/// What holds for one worker of all its sections of one name, the most specific first: all of them if they are merged,
/// else only the first.
///
/// # Errors
///
/// Two sections of equal rank: nothing says which of them holds.
pub(super) fn holding<T>(section: &str, mut candidates: Vec<(Rank, T)>) -> Result<Vec<T>, (T, T)> {
    candidates.sort_by_key(|(rank, _)| *rank);
    if let Some(at) = candidates.windows(2).position(|pair| pair[0].0 == pair[1].0) {
        let mut equal = candidates.drain(at..at + 2).map(|(_, what)| what);
        if let (Some(first), Some(second)) = (equal.next(), equal.next()) {
            return Err((first, second));
        }
    }
    let count = if is_merged(section) { candidates.len() } else { 1 };
    Ok(candidates.into_iter().take(count).map(|(_, what)| what).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::WORKER_FILE;

    #[test]
    fn the_most_specific_section_of_a_phase_is_taken_whole_and_the_others_are_merged() {
        use Rank::{All, File, Name, Range};
        for section in WORKER_FILE {
            // Every set of ranks, in an order that is not theirs.
            for set in 0_u8..16 {
                let ranks = [All, File, Name, Range].into_iter().filter(|rank| set & (1 << (*rank as u8)) != 0);
                let found = holding(section, ranks.map(|rank| (rank, rank)).collect()).unwrap();
                let expected: Vec<_> =
                    [Name, Range, All, File].into_iter().filter(|rank| set & (1 << (*rank as u8)) != 0).collect();
                let count = if ["Coordinator", "Environment"].contains(&section) { 4 } else { 1 };
                assert_eq!(found, expected.into_iter().take(count).collect::<Vec<_>>(), "{section} {set}");
            }
        }
    }

    #[test]
    fn of_two_with_equal_rank_none_holds() {
        for section in WORKER_FILE {
            let candidates = vec![(Rank::Range, "a"), (Rank::Name, "b"), (Rank::Range, "c")];
            assert_eq!(holding(section, candidates), Err(("a", "c")), "{section}");
        }
    }
}
