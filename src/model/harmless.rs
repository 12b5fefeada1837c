//! Makes remote text safe to show: control characters become visible escapes.
//!
//! Unsafe are the control characters (ESC, DEL, and those of C1, which some terminals obey), the two separators at
//! which some viewers break a line, and the marks that change the direction of writing, which can make a line look like
//! another one.

use std::borrow::Cow;
use std::fmt::Write;

/// Escapes text of several lines: newlines and tabs stay.
pub fn harmless(text: &str) -> Cow<'_, str> {
    escaped(text, |character| !matches!(character, '\n' | '\t') && is_harmful(character))
}

/// Escapes text for use within one line: newlines and tabs become escapes too.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    escaped(text, is_harmful)
}

/// Returns whether a terminal could interpret this character as something other than text.
#[inline]
pub fn is_harmful(character: char) -> bool {
    // Most text is ASCII, so test for that first.
    let is_plain = matches!(character, ' '..='~');
    !is_plain
        && (character.is_control()
            || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
}

fn escaped(text: &str, escape: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&escape) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' | '\r' | '\t' if escape(character) => shown.extend(character.escape_default()),
            // Writing to a `String` cannot fail.
            _ if escape(character) && u32::from(character) < 0x100 => {
                let _ = write!(shown, "\\x{:02x}", u32::from(character));
            }
            _ if escape(character) => shown.extend(character.escape_unicode()),
            _ => shown.push(character),
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_tabs_stay_and_everything_else_that_controls_is_shown() {
        assert_eq!(harmless("a\tb\n\x1b[2Jc\r\u{9b}\0\x7f\u{202e}"), "a\tb\n\\x1b[2Jc\\r\\x9b\\x00\\x7f\\u{202e}");
    }

    #[test]
    fn text_for_one_line_has_no_line_break() {
        assert_eq!(on_one_line("a\tb\nc"), "a\\tb\\nc");
    }

    #[test]
    fn ordinary_text_is_not_touched() {
        assert!(matches!(on_one_line("café — 日本語 😀"), Cow::Borrowed(_)));
    }
}
