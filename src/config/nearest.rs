//! Finds the known name that is nearest to an unknown one, for hints.

/// The maximum number of characters that are compared: names are short.
const LONGEST: usize = 64;

/// Returns the known name that the user most likely meant, if one is near enough.
pub(crate) fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = |name: &str| name.chars().flat_map(char::to_lowercase).take(LONGEST).collect::<String>();
    let wanted = folded(wanted);
    let length = wanted.chars().count();
    let limit = (length / 3).max(1);
    // The length alone excludes most names.
    let is_possible = |name: &&str| name.len() <= 4 * (length + limit) && name.len() + limit >= length;
    let distance = |name| (strsim::osa_distance(&wanted, &folded(name)), name);
    let distances = known.into_iter().filter(is_possible).map(distance);
    distances.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

/// Returns a hint with the nearest known name if one is near enough, otherwise another hint.
pub(crate) fn hint_or<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    nearest(wanted, known).map_or_else(otherwise, |name| format!("did you mean `{name}`?"))
}

/// Returns a hint with the nearest known name if one is near enough, otherwise with all known names.
pub(super) fn hint<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    hint_or(wanted, known.clone(), || {
        let all: Vec<_> = known.into_iter().map(|name| format!("`{name}`")).collect();
        format!("expected one of {}", all.join(", "))
    })
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
