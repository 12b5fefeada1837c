//! Conversions between counts and real numbers.

/// Converts a count. Exact up to 2⁵³.
#[expect(clippy::cast_precision_loss, reason = "no sample has 2⁵³ values; larger numbers are approximate anyway")]
pub(super) const fn real(count: usize) -> f64 {
    count as f64
}

/// Returns the largest whole number that is at most `number`; 0 for a negative number.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the conversion ends at the limits")]
pub(super) const fn whole(number: f64) -> usize {
    number as usize
}
