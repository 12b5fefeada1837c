//! Ranks of values, of which some are marked and some may be equal.

/// The ranks of values, doubled so that those of equal values are whole: each gets the mean of their ranks.
pub(super) struct Ranks {
    /// The doubled rank of each value, the smallest value first.
    pub doubled: Vec<usize>,
    /// The sum of the doubled ranks of the marked values.
    pub marked: usize,
    /// How many values are equal, for each value that there is.
    pub groups: Vec<usize>,
}

impl Ranks {
    /// Of values, each with whether it is marked.
    pub fn new(mut values: Vec<(f64, bool)>) -> Self {
        values.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let mut ranks = Self { doubled: Vec::with_capacity(values.len()), marked: 0, groups: Vec::new() };
        for group in values.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
            let before = ranks.doubled.len();
            let rank = 2 * before + group.len() + 1;
            ranks.doubled.extend(group.iter().map(|_| rank));
            ranks.marked += rank * group.iter().filter(|(_, is_marked)| *is_marked).count();
            ranks.groups.push(group.len());
        }
        ranks
    }

    /// Whether some values are equal.
    pub fn has_ties(&self) -> bool {
        self.groups.len() < self.doubled.len()
    }

    /// The sum of t³ − t over the groups of t equal values.
    pub fn tie_correction(&self) -> f64 {
        let cube = |size: &usize| {
            let size = super::number::real(*size);
            size * size * size - size
        };
        self.groups.iter().map(cube).sum()
    }
}
