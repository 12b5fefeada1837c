//! An axis of a plot: the positions of numbers on it, and its tick labels.

/// The approximate number of intervals between the ticks of an axis.
const INTERVALS: f64 = 5.0;
/// An axis of a parameter is logarithmic if the ratio of its largest to its smallest number is at least this.
const DECADES: f64 = 20.0;

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    is_logarithmic: bool,
    /// The coordinates of its ends.
    from: f64,
    to: f64,
}

impl Axis {
    /// Creates a linear axis for these numbers, drawn between these coordinates.
    pub(super) fn linear(numbers: impl IntoIterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = ends(numbers);
        // If all numbers are equal, they are in the middle.
        let room = if high > low { (high - low) * 0.06 } else { (high.abs() * 0.1).max(f64::MIN_POSITIVE) };
        Self { low: low - room, high: high + room, is_logarithmic: false, from, to }
    }

    /// Creates an axis for the values of a parameter: logarithmic if they differ by orders of magnitude.
    pub(super) fn of_parameter(numbers: &[f64], from: f64, to: f64) -> Self {
        let (low, high) = ends(numbers.iter().copied());
        if low > 0.0 && high / low >= DECADES {
            let room = (high / low).powf(0.05);
            return Self { low: low / room, high: high * room, is_logarithmic: true, from, to };
        }
        Self::linear(numbers.iter().copied(), from, to)
    }

    /// Returns the coordinate of a number.
    pub(super) fn at(&self, number: f64) -> f64 {
        let part = if self.is_logarithmic {
            (number / self.low).ln() / (self.high / self.low).ln()
        } else {
            // The numbers are halved, because the difference of two numbers can overflow.
            (number / 2.0 - self.low / 2.0) / (self.high / 2.0 - self.low / 2.0)
        };
        self.from + part * (self.to - self.from)
    }

    /// Returns the ticks, which are round numbers, in ascending order, each with its label.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let wanted = (self.high / 2.0 - self.low / 2.0) / INTERVALS * 2.0;
        let magnitude = 10f64.powf(wanted.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * magnitude).into_iter().find(|step| *step >= wanted);
        let Some(step) = step.filter(|step| step.is_normal()) else { return Vec::new() };
        let first = (self.low / step).ceil();
        // Multiples of the step, because repeated addition of a relatively small step would not change the number.
        let numbers = (0..12).map(|count| (first + f64::from(count)) * step);
        numbers.take_while(|number| *number <= self.high).map(|number| (number, tick(number, step))).collect()
    }
}

/// Formats a multiple of this step.
fn tick(number: f64, step: f64) -> String {
    let (size, step_size) = (number.abs().max(step).log10().floor(), step.log10().floor());
    if !(-4.0..7.0).contains(&size) {
        let text = format!("{number:.1e}").replace(".0e", "e");
        return if number == 0.0 { "0".to_owned() } else { text };
    }
    let decimals = [0.0, -1.0, -2.0, -3.0, -4.0, -5.0, -6.0, -7.0].iter().position(|known| *known <= step_size);
    let text = format!("{number:.0$}", decimals.unwrap_or(8));
    if number == 0.0 { "0".to_owned() } else { text.replace('-', "−") }
}

/// Returns the smallest and the largest of these numbers, or 0 and 1 if there are none.
fn ends(numbers: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let found = numbers.into_iter().fold(None, |ends: Option<(f64, f64)>, number| {
        Some(ends.map_or((number, number), |(low, high)| (low.min(number), high.max(number))))
    });
    found.unwrap_or((0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(axis: &Axis) -> Vec<String> {
        axis.ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn the_numbers_of_an_axis_are_round() {
        for (numbers, expected) in [
            (&[937.9, 944.9][..], &["938", "940", "942", "944"][..]),
            (&[0.0, 1.0], &["0", "0.5", "1.0"]),
            (&[-0.04, 0.02], &["−0.04", "−0.02", "0", "0.02"]),
            (&[1e9, 5e9], &["1e9", "2e9", "3e9", "4e9", "5e9"]),
            (&[1e-6, 2e-6], &["1e-6", "1.5e-6", "2e-6"]),
            (&[7.0], &["6.5", "7.0", "7.5"]),
            (&[], &["0", "0.5", "1.0"]),
        ] {
            let axis = Axis::linear(numbers.iter().copied(), 0.0, 100.0);
            assert_eq!(written(&axis), expected, "{numbers:?}");
        }
    }

    #[test]
    fn every_number_lies_between_the_ends_of_its_axis() {
        for numbers in
            [&[f64::MAX / 4.0, -f64::MAX / 4.0][..], &[0.0], &[5e-324, 1e-323], &[3.0, 3.0], &[-1e-300, 1e300]]
        {
            let axis = Axis::linear(numbers.iter().copied(), 10.0, 90.0);
            for number in numbers {
                let at = axis.at(*number);
                assert!((10.0..=90.0).contains(&at), "{number} of {numbers:?} is at {at}");
            }
            assert!(axis.ticks().len() <= 12);
        }
    }

    #[test]
    fn parameters_of_different_magnitudes_have_equal_distances_for_equal_factors() {
        let axis = Axis::of_parameter(&[1.0, 10.0, 100.0], 0.0, 100.0);
        assert!((axis.at(10.0) - 50.0).abs() < 1e-9);
        assert!((axis.at(100.0) - axis.at(10.0) - (axis.at(10.0) - axis.at(1.0))).abs() < 1e-9);
        let axis = Axis::of_parameter(&[1.0, 2.0, 4.0], 0.0, 100.0);
        assert!((axis.at(4.0) - axis.at(2.0) - 2.0 * (axis.at(2.0) - axis.at(1.0))).abs() < 1e-9);
    }
}
