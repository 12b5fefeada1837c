//! The part of an output that a report keeps: its head and its tail, with the number of bytes left out between them.
//!
//! The bytes stay in the output. They are read in pieces and passed on as text, so that a report of any size needs only
//! one small buffer. A cut is between two characters, never inside one.

use std::fmt;
use std::io;
use std::ops::Range;

use serde::{Serialize, Serializer};

use crate::model::Output;

/// The number of bytes that are read at once.
const PIECE: usize = 64 * 1024;

/// The maximum length of a character in UTF-8, in bytes.
const LONGEST_CHARACTER: u64 = 4;

/// An excerpt of an output. It displays as text: invalid UTF-8 becomes U+FFFD, and a separate line says how many bytes
/// were left out.
pub(super) struct Excerpt {
    output: Output,
    head: Range<u64>,
    tail: Range<u64>,
}

impl Excerpt {
    /// Creates an excerpt of at most `limit` bytes.
    pub(super) fn new(output: &Output, limit: u64) -> Self {
        let length = output.length();
        if length <= limit {
            return Self { output: output.clone(), head: 0..length, tail: length..length };
        }
        let (half, first) = (limit / 2, (limit / 2).saturating_sub(LONGEST_CHARACTER - 1));
        let head_end = boundary(output, (first..=half).rev(), half);
        let tail_start = boundary_after(output, length - (limit - limit / 2));
        Self { output: output.clone(), head: 0..head_end, tail: tail_start..length }
    }

    /// Creates an excerpt that contains a whole text.
    pub(super) fn of_text(text: impl Into<String>) -> Self {
        Self::new(&Output::from_bytes(text.into()), u64::MAX)
    }

    /// Returns how many printed bytes are not in the excerpt: those between head and tail, and those that could not be
    /// kept.
    pub(super) fn left_out(&self) -> u64 {
        self.cut() + self.output.left_out()
    }

    /// Returns the number of bytes between head and tail.
    fn cut(&self) -> u64 {
        self.tail.start - self.head.end
    }

    /// Passes the text to `take` in pieces, in order.
    pub(super) fn pieces(&self, take: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
        decode(&self.output, self.head.clone(), take)?;
        if self.cut() > 0 {
            take(&format!("\n[… {} bytes left out …]\n", self.cut()))?;
        }
        decode(&self.output, self.tail.clone(), take)?;
        let Some(unkept) = self.output.unkept() else { return Ok(()) };
        let newline = if self.output.length() > 0 { "\n" } else { "" };
        take(&format!("{newline}[… {unkept} …]\n"))
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces(&mut |piece| out.write_str(piece).map_err(io::Error::other)).map_err(|_| fmt::Error)
    }
}

impl Serialize for Excerpt {
    // The JSON serializer escapes and writes each piece separately, so the whole text is never in memory.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Returns the last `count` lines of an output. Only its last 4 KiB are searched.
pub(super) fn last_lines(output: &Output, count: usize) -> Vec<String> {
    let length = output.length();
    let start = length.saturating_sub(4096);
    let start = if start == 0 { 0 } else { boundary_after(output, start) };
    let mut text = String::new();
    let collected = decode(output, start..length, &mut |piece| {
        text.push_str(piece);
        Ok(())
    });
    debug_assert!(collected.is_ok(), "collecting in memory cannot fail");
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}

/// Returns the maximum number of bytes to keep of each output, so that outputs of these lengths together have at most
/// `budget` bytes. The limit is never more than `most`.
pub(super) fn fair_limit(lengths: impl Iterator<Item = u64>, budget: u64, most: u64) -> u64 {
    let mut lengths: Vec<u64> = lengths.map(|length| length.min(most)).filter(|length| *length > 0).collect();
    lengths.sort_unstable();
    let mut left = budget;
    let mut others = lengths.len() as u64;
    for length in lengths {
        let share = left / others;
        if length > share {
            return share;
        }
        left -= length;
        others -= 1;
    }
    most
}

/// Returns the first of some offsets at which a character begins, or `otherwise` if the bytes are not UTF-8.
fn boundary(output: &Output, mut places: impl Iterator<Item = u64>, otherwise: u64) -> u64 {
    let begins = |place: &u64| {
        let mut byte = [0];
        output.read_exact_at(*place, &mut byte).is_err() || byte[0] & 0b1100_0000 != 0b1000_0000
    };
    places.find(begins).unwrap_or(otherwise)
}

/// Returns the first offset at or after `offset` at which a character begins.
fn boundary_after(output: &Output, offset: u64) -> u64 {
    boundary(output, offset..offset + LONGEST_CHARACTER, offset)
}

/// Reads a part of an output as text, piece by piece. If bytes cannot be read back, the text says so instead of an
/// error: a report with a marked gap is more useful than half a report.
fn decode(output: &Output, range: Range<u64>, take: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<()> {
    let mut bytes = Vec::new();
    for piece in output.pieces(range, PIECE) {
        match piece {
            Ok(piece) => bytes.extend(piece),
            Err(error) => return take(&format!("\n[… cannot read the rest: {error} …]\n")),
        }
        let used = take_text(&bytes, false, take)?;
        bytes.drain(..used);
    }
    take_text(&bytes, true, take).map(drop)
}

/// Passes the text in `bytes` to `take` and returns how many bytes were used: all except an incomplete character that
/// the next piece completes.
fn take_text(bytes: &[u8], last: bool, take: &mut dyn FnMut(&str) -> io::Result<()>) -> io::Result<usize> {
    let mut used = 0;
    for chunk in bytes.utf8_chunks() {
        if !chunk.valid().is_empty() {
            take(chunk.valid())?;
            used += chunk.valid().len();
        }
        let wrong = chunk.invalid();
        let is_begun = str::from_utf8(wrong).is_err_and(|error| error.error_len().is_none());
        if !wrong.is_empty() && (last || !is_begun || used + wrong.len() < bytes.len()) {
            take("\u{fffd}")?;
            used += wrong.len();
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(bytes: &[u8], limit: u64) -> (String, u64) {
        let excerpt = Excerpt::new(&Output::from_bytes(bytes), limit);
        (excerpt.to_string(), excerpt.left_out())
    }

    #[test]
    fn an_output_within_the_limit_is_kept_whole() {
        assert_eq!(excerpt(b"0123456789", 10), ("0123456789".to_owned(), 0));
        assert_eq!(excerpt(b"", 0), (String::new(), 0));
    }

    #[test]
    fn a_longer_output_keeps_head_and_tail_and_says_how_much_is_missing() {
        assert_eq!(excerpt(b"0123456789", 5), ("01\n[… 5 bytes left out …]\n789".to_owned(), 5));
        assert_eq!(excerpt(b"0123456789", 0), ("\n[… 10 bytes left out …]\n".to_owned(), 10));
    }

    #[test]
    fn a_cut_never_falls_inside_a_character() {
        let bytes = "ééééé".as_bytes();
        assert_eq!(excerpt(bytes, 6), ("é\n[… 6 bytes left out …]\né".to_owned(), 6));
        for limit in 0..10 {
            assert!(!excerpt(bytes, limit).0.contains('\u{fffd}'), "limit {limit}");
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced_as_the_standard_library_does() {
        for bytes in
            [&b"a\xff\xfeb"[..], b"\xe2\x82", b"caf\xc3\xa9 \xff tail", b"\xf0\x9f\x98", b"\x80\x80\x80\x80\x80"]
        {
            assert_eq!(excerpt(bytes, 100).0, String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn a_character_that_lies_across_two_pieces_stays_whole() {
        for shift in 0..4 {
            let mut bytes = vec![b'x'; PIECE - shift];
            bytes.extend("😀\u{20ac}".as_bytes());
            bytes.extend([0xff, 0xf0, 0x9f]);
            bytes.extend(vec![b'y'; PIECE]);
            bytes.extend([0xe2, 0x82]);
            assert!(excerpt(&bytes, u64::MAX).0 == String::from_utf8_lossy(&bytes), "shift {shift}");
        }
    }

    #[test]
    fn last_lines_are_the_last_ones_in_order() {
        let text = (1..=5000).map(|number| format!("line {number}")).collect::<Vec<_>>().join("\n");
        assert_eq!(last_lines(&Output::from_bytes(text), 2), ["line 4999", "line 5000"]);
        assert_eq!(last_lines(&Output::from_bytes("one"), 2), ["one"]);
        assert!(last_lines(&Output::default(), 2).is_empty());
    }

    #[test]
    fn an_output_that_can_not_be_read_back_is_told_of() {
        struct Gone;
        impl crate::model::OutputSource for Gone {
            fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("disk gone"))
            }
        }
        let text = Excerpt::new(&Output::new(std::sync::Arc::new(Gone), 5, None), 100).to_string();
        assert_eq!(text, "\n[… cannot read the rest: disk gone …]\n");
    }

    #[test]
    fn what_fits_is_kept_whole() {
        assert_eq!(fair_limit([10, 20, 30].into_iter(), 60, 100), 100);
        assert_eq!(fair_limit([].into_iter(), 0, 100), 100);
    }

    #[test]
    fn the_long_ones_share_what_the_short_ones_leave() {
        assert_eq!(fair_limit([10, 500, 0, 900].into_iter(), 110, 1000), 50);
        assert_eq!(fair_limit([1_000_000].into_iter(), 500, 100), 100);
    }
}
