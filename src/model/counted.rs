//! Numbers of things in messages.

/// Formats a number with a noun: `1 trial`, `2 trials`.
pub fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}
