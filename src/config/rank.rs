//! The precedence of sections: those for a worker by name precede those for a range, these precede those for `*`, and
//! these precede those in the worker's own file.

use super::{COORDINATOR, ENVIRONMENT};

/// The workers that a section is for. The most specific rank comes first.
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

/// Returns whether sections with this name are merged key by key. Otherwise only the most specific applies.
pub(super) fn is_merged(section: &str) -> bool {
    [COORDINATOR, ENVIRONMENT].contains(&section)
}

/// Returns the sections that apply to a worker, of all its sections with one name, the most specific first: all of them
/// if they are merged, otherwise only the first.
///
/// # Errors
///
/// Returns two sections of equal rank, whose precedence is undefined.
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
            // Every set of ranks, in a different order.
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
