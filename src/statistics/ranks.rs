//! Ranks of values. Some values can be marked, and some can be equal.

/// The doubled ranks of values. Equal values get the mean of their ranks, which is whole if doubled.
pub(super) struct Ranks {
    /// The doubled rank of each value, the smallest value first.
    pub doubled: Vec<usize>,
    /// The sum of the doubled ranks of the marked values.
    pub marked: usize,
    /// The number of equal values, for each distinct value.
    pub groups: Vec<usize>,
}

impl Ranks {
    /// Computes the ranks of values. Each value comes with whether it is marked.
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

    /// Returns whether some values are equal.
    pub fn has_ties(&self) -> bool {
        self.groups.len() < self.doubled.len()
    }

    /// Returns the sum of t³ − t over the groups of t equal values.
    pub fn tie_correction(&self) -> f64 {
        let cube = |size: &usize| {
            let size = super::number::real(*size);
            size * size * size - size
        };
        self.groups.iter().map(cube).sum()
    }
}
