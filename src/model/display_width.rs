//! The width of a text in columns of a terminal: wide characters take two, combining characters none.
//!
//! As in most terminals, the width of a text is the sum of the widths of its characters, so cut or padded text stays
//! aligned. The texts contain no control characters.

use unicode_width::UnicodeWidthChar;

/// The variation selector that makes a terminal draw the previous character as an emoji, which is wide.
const AS_PICTURE: char = '\u{fe0f}';

/// Returns the number of columns that a text takes.
pub fn display_width(text: &str) -> usize {
    ends(text).last().map_or(0, |(_, width)| width)
}

/// Returns the longest prefix of a text that takes at most `columns` columns.
pub fn beginning_within(text: &str, columns: usize) -> &str {
    let end = ends(text).take_while(|(_, width)| *width <= columns).last();
    &text[..end.map_or(0, |(end, _)| end)]
}

/// Appends spaces to a text so that it takes at least `columns` columns.
pub fn padded(text: &str, columns: usize) -> String {
    let spaces = columns.saturating_sub(display_width(text));
    format!("{text}{:spaces$}", "")
}

/// Returns the end of each character, in bytes and in columns.
fn ends(text: &str) -> impl Iterator<Item = (usize, usize)> {
    text.char_indices().scan((0, 0), |(width, last), (start, character)| {
        let own = match character {
            AS_PICTURE => usize::from(*last == 1),
            other => other.width().unwrap_or(0),
        };
        (*width, *last) = (*width + own, own);
        Some((start + character.len_utf8(), *width))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use unicode_width::UnicodeWidthStr;

    use super::*;

    #[test]
    fn wide_characters_take_two_columns_and_combining_ones_none() {
        assert_eq!(["", "abc", "日本", "e\u{301}", "\u{2764}\u{fe0f}", "…"].map(display_width), [0, 3, 4, 1, 2, 1]);
        assert_eq!([0, 3, 4, 9].map(|columns| beginning_within("日本語", columns)), ["", "日", "日本", "日本語"]);
        assert_eq!(beginning_within("e\u{301}e\u{301}", 1), "e\u{301}", "an accent stays with its letter");
        assert_eq!([padded("日本", 6), padded("abc", 2)], ["日本  ", "abc"]);
    }

    proptest! {
        #[test]
        fn a_text_takes_no_more_columns_than_are_counted(text in "\\PC{0,20}", columns in 0_usize..20) {
            prop_assert!(text.width() <= display_width(&text));
            let beginning = beginning_within(&text, columns);
            prop_assert!(text.starts_with(beginning) && display_width(beginning) <= columns);
            prop_assert!(display_width(&padded(&text, columns)) >= columns);
        }
    }
}
