//! Shortens the names of several workers: `node[01-03,07], router`.

/// A name: the part before its number, the digits of the number as written, and the number.
type Name<'a> = (&'a str, &'a str, Option<u64>);

/// Lists the names. Adjacent names that differ only in a number are shortened to a range, as in the test file.
pub(super) fn compact(names: &[&str]) -> String {
    let names: Vec<Name<'_>> = names.iter().map(|name| split(name)).collect();
    // Compare with the first name of the range: adjacent names may be alike when the first and the last are not.
    let mut first = names.first().copied().unwrap_or_default();
    let chunks = names.chunk_by(|_, next| {
        let is_alike = are_alike(first, *next);
        first = if is_alike { first } else { *next };
        is_alike
    });
    chunks.map(text).collect::<Vec<_>>().join(", ")
}

/// Formats ascending numbers as ranges: `2-5,7`.
pub(super) fn ranges(numbers: &[u32]) -> String {
    let range = |row: &[u32]| match row {
        [first, .., last] => format!("{first}-{last}"),
        _ => row[0].to_string(),
    };
    numbers.chunk_by(|one, next| one + 1 == *next).map(range).collect::<Vec<_>>().join(",")
}

fn split(name: &str) -> Name<'_> {
    let (base, digits) = name.split_at(name.trim_end_matches(|c: char| c.is_ascii_digit()).len());
    (base, digits, digits.parse().ok().filter(|_| digits.len() < 16))
}

/// Whether two names can be in one range: they have the same number of digits, or neither has leading zeros.
fn are_alike((base, digits, number): Name<'_>, (other, others, next): Name<'_>) -> bool {
    let is_padded = digits.starts_with('0') || others.starts_with('0');
    base == other && number.and(next).is_some() && (digits.len() == others.len() || !is_padded)
}

fn text(names: &[Name<'_>]) -> String {
    let (base, digits, _) = names[0];
    if names.len() == 1 {
        return format!("{base}{digits}");
    }
    let range = |row: &[Name<'_>]| match row {
        [(_, first, _), .., (_, last, _)] => format!("{first}-{last}"),
        _ => row[0].1.to_owned(),
    };
    let follows = |one: &Name<'_>, next: &Name<'_>| one.2.map(|number| number + 1) == next.2 && are_alike(*one, *next);
    let ranges = names.chunk_by(follows).map(range);
    format!("{base}[{}]", ranges.collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_as_ranges() {
        assert_eq!(ranges(&[2, 3, 4, 5, 7, 9, 10]), "2-5,7,9-10");
        assert_eq!(ranges(&[3]), "3");
    }

    #[test]
    fn neighbours_are_told_as_ranges() {
        assert_eq!(compact(&["node01", "node02", "node03", "node07", "router"]), "node[01-03,07], router");
        assert_eq!(compact(&["n8", "n9", "n10"]), "n[8-10]");
        assert_eq!(compact(&["n08", "n9", "n10"]), "n08, n[9-10]");
        assert_eq!(compact(&["n9", "n10", "n01"]), "n[9-10], n01");
        assert_eq!(compact(&["n9", "n10", "n01", "n02", "n11"]), "n[9-10], n[01-02,11]");
        assert_eq!(compact(&["n10", "n9"]), "n[10,9]");
        assert_eq!(compact(&["dut"]), "dut");
        assert_eq!(compact(&["a1"]), "a1");
        assert_eq!(compact(&["a1", "b1", "a2"]), "a1, b1, a2");
        assert_eq!(compact(&["7", "8"]), "[7-8]");
    }
}
