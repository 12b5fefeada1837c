//! The known name that is nearest to an unknown one, for hints.

/// Names are short; what is longer is near to nothing, and costs no time.
const LONGEST: usize = 64;

/// The known name that the user most likely meant, if one is near enough.
pub(crate) fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(LONGEST).collect();
    let limit = (wanted.len() / 3).max(1);
    // A look at the lengths spares most of the work.
    let is_possible = |name: &&str| name.len() <= 4 * (wanted.len() + limit) && name.len() + limit >= wanted.len();
    let distances = known.into_iter().filter(is_possible).map(|name| (distance(&wanted, name), name));
    distances.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// A hint that names the nearest known name, if one is near enough, else another hint.
pub(crate) fn hint_or<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(wanted, known).map_or_else(otherwise, |name| format!("did you mean `{name}`?"))
}

/// A hint that names the nearest known name, else all of them.
pub(super) fn hint<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    hint_or(wanted, known.clone(), || {
        let all: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
        format!("known are {}", all.join(", "))
    })
}

/// How many characters must be added, left out, changed, or swapped with their neighbour.
fn distance(left: &[char], right: &str) -> usize {
    let right: Vec<char> = right.chars().flat_map(char::to_lowercase).take(LONGEST).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let mut cost = (row[j] + usize::from(a != b)).min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                cost = cost.min(before[j - 1] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_understood_and_other_words_are_not() {
        assert_eq!(nearest("trails", ["format", "trials"]), Some("trials"));
        assert_eq!(nearest("run", ["Run", "Reset"]), Some("Run"));
        assert_eq!(nearest("worker", ["Workers", "Test"]), Some("Workers"));
        assert_eq!(nearest("banana", ["Workers", "Test"]), None);
    }
}
