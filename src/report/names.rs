//! The names of several workers in few words: `node[01-03,07], router`.

/// The names, where neighbours that differ only in a number are told as a range, as the test file writes ranges.
pub(super) fn compact(names: &[&str]) -> String {
    let mut parts: Vec<Part<'_>> = Vec::new();
    for name in names {
        let (base, digits) = name.split_at(name.trim_end_matches(|c: char| c.is_ascii_digit()).len());
        let number = digits.parse::<u64>().ok().filter(|_| digits.len() < 16);
        match (parts.last_mut(), number) {
            (Some(last), Some(number)) if last.takes(base, digits) => last.add(number),
            _ => parts.push(Part { base, digits, ranges: number.map(|number| (number, number)).into_iter().collect() }),
        }
    }
    parts.iter().map(Part::text).collect::<Vec<_>>().join(", ")
}

/// Names with one base.
struct Part<'a> {
    base: &'a str,
    /// The first one's number as it is written.
    digits: &'a str,
    /// First and last of each row of numbers.
    ranges: Vec<(u64, u64)>,
}

impl Part<'_> {
    /// Whether a name with this base and number can be told with these: with as many digits, unless none is a zero too
    /// many.
    fn takes(&self, base: &str, digits: &str) -> bool {
        let padded = |digits: &str| digits.starts_with('0');
        let alike = digits.len() == self.digits.len() || (!padded(digits) && !padded(self.digits));
        !self.ranges.is_empty() && self.base == base && alike
    }

    fn add(&mut self, number: u64) {
        match self.ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => self.ranges.push((number, number)),
        }
    }

    fn text(&self) -> String {
        let Self { base, digits, ranges } = self;
        if ranges.len() < 2 && ranges.iter().all(|(first, last)| first == last) {
            return format!("{base}{digits}");
        }
        let width = digits.len();
        let range = |(first, last): &(u64, u64)| {
            if first == last { format!("{first:0width$}") } else { format!("{first:0width$}-{last:0width$}") }
        };
        format!("{base}[{}]", ranges.iter().map(range).collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_told_as_ranges() {
        assert_eq!(compact(&["node01", "node02", "node03", "node07", "router"]), "node[01-03,07], router");
        assert_eq!(compact(&["n8", "n9", "n10"]), "n[8-10]");
        assert_eq!(compact(&["n08", "n9", "n10"]), "n08, n[9-10]");
        assert_eq!(compact(&["dut"]), "dut");
        assert_eq!(compact(&["a1"]), "a1");
        assert_eq!(compact(&["a1", "b1", "a2"]), "a1, b1, a2");
        assert_eq!(compact(&["7", "8"]), "[7-8]");
    }
}
