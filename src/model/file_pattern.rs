//! Patterns for files: `*`, `?` and `[…]` within a name, `**` for any number of folders. Names are bytes.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::on_one_line;

/// A pattern for files.
#[derive(Debug)]
pub struct FilePattern {
    /// The folders before the first wildcard. Matching files are named by their paths below these.
    pub fixed: PathBuf,
    /// The pattern of each component of the path below them; at least one.
    pub components: Vec<PatternComponent>,
}

/// The pattern of one component of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatternComponent {
    /// Exactly this name.
    Name(Vec<u8>),
    /// Any name that matches this pattern with wildcards.
    Wild(Vec<u8>),
    /// Any number of folders; as the last component, any file below.
    Any,
}

/// The prefix of a pattern for files in the scratch folder.
const SCRATCH: &str = "scratch:";

/// Returns the rest of a pattern for files in the scratch folder, or `None` for another pattern.
pub fn in_scratch(text: &str) -> Option<&str> {
    text.strip_prefix(SCRATCH)
}

impl FilePattern {
    /// Checks the pattern of a `fetch:` step, which may be in the scratch folder.
    ///
    /// # Errors
    ///
    /// Returns the same errors as [`Self::new`].
    pub fn check(text: &str) -> Result<(), (String, &'static str)> {
        let Some(inside) = in_scratch(text) else { return Self::new(text, None).map(|_| ()) };
        if inside.trim().is_empty() {
            return Err((
                format!("`{text}` does not name a file"),
                "use `scratch:**` for all files in the scratch folder",
            ));
        }
        if inside.starts_with('/') || inside.split('/').any(|part| part == "..") {
            return Err((
                format!("`{text}` leaves the scratch folder"),
                "write a path in the scratch folder after `scratch:`",
            ));
        }
        Self::new(inside, None).map(|_| ())
    }

    /// Parses a pattern. A relative one starts in `directory`, or in the current folder without it.
    ///
    /// # Errors
    ///
    /// Returns why the pattern matches no file, and a hint.
    pub fn new(text: &str, directory: Option<&str>) -> Result<Self, (String, &'static str)> {
        if text.ends_with('/') {
            let text = on_one_line(text);
            return Err((format!("`{text}` matches only folders"), "add `*` to match the files in a folder"));
        }
        let mut fixed = directory.map_or_else(PathBuf::new, PathBuf::from);
        if text.starts_with('/') {
            fixed = PathBuf::from("/");
        }
        let parts: Vec<&str> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
        let first_wild = parts.iter().position(|part| is_wild(part.as_bytes())).unwrap_or(usize::MAX);
        let (before, behind) = parts.split_at(first_wild.min(parts.len().saturating_sub(1)));
        fixed.extend(before);
        if behind.is_empty() || behind.contains(&"..") {
            let text = on_one_line(text);
            return Err((format!("`{text}` does not name a file"), "`..` is allowed only before the first wildcard"));
        }
        let mut components: Vec<_> = behind.iter().map(|part| PatternComponent::new(part)).collect();
        components.dedup_by(|next, before| (&*next, &*before) == (&PatternComponent::Any, &PatternComponent::Any));
        if fixed.as_os_str().is_empty() {
            fixed.push(".");
        }
        Ok(Self { fixed, components })
    }

    /// Returns whether it has wildcards.
    pub fn is_wild(&self) -> bool {
        !matches!(self.components[..], [PatternComponent::Name(_)])
    }
}

impl PatternComponent {
    fn new(text: &str) -> Self {
        match text {
            "**" => Self::Any,
            _ if is_wild(text.as_bytes()) => Self::Wild(text.into()),
            _ => Self::Name(text.into()),
        }
    }

    /// Returns whether a name matches. A hidden name matches only if the pattern itself begins with a dot.
    pub fn fits(&self, name: &OsStr) -> bool {
        let name = name.as_bytes();
        let is_hidden = name.first() == Some(&b'.');
        match self {
            Self::Name(own) => own == name,
            Self::Wild(own) => (!is_hidden || own.first() == Some(&b'.')) && fits(own, name),
            Self::Any => !is_hidden,
        }
    }

    /// Returns the name that it matches, if it is a single one.
    pub fn name(&self) -> Option<&OsStr> {
        match self {
            Self::Name(own) => Some(OsStr::from_bytes(own)),
            Self::Wild(_) | Self::Any => None,
        }
    }
}

fn is_wild(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'*' | b'?' | b'['))
}

/// Returns whether a name matches a pattern. On a mismatch, the last `*` takes one more byte.
fn fits(pattern: &[u8], name: &[u8]) -> bool {
    let (mut at, mut from) = (pattern, name);
    let mut last_star: Option<(&[u8], &[u8])> = None;
    loop {
        let next = match at {
            [] if from.is_empty() => return true,
            [b'*', rest @ ..] => {
                last_star = Some((rest, from));
                Some((rest, from))
            }
            [] => None,
            _ => one(at, from),
        };
        if let Some(both) = next {
            (at, from) = both;
        } else if let Some((rest, [_, taken @ ..])) = last_star {
            last_star = Some((rest, taken));
            (at, from) = (rest, taken);
        } else {
            return false;
        }
    }
}

/// Matches one character and returns both remainders. A `?` takes a whole character, a bracket one byte.
fn one<'a>(pattern: &'a [u8], name: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (first, rest) = name.split_first()?;
    match pattern {
        [b'?', behind @ ..] => {
            let continued = rest.iter().take_while(|byte| *first >= 0xC0 && **byte & 0xC0 == 0x80).count();
            Some((behind, &rest[continued..]))
        }
        [b'[', inside @ ..] => match bracket(inside, *first) {
            Some((true, behind)) => Some((behind, rest)),
            Some((false, _)) => None,
            None => (*first == b'[').then_some((inside, rest)),
        },
        [byte, behind @ ..] => (byte == first).then_some((behind, rest)),
        [] => None,
    }
}

/// Returns whether a bracket contains a byte, and the pattern after the bracket. A `[` without `]` does not begin one.
fn bracket(inside: &[u8], byte: u8) -> Option<(bool, &[u8])> {
    let (negated, mut rest) = match inside {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, inside),
    };
    let mut found = false;
    let mut is_first = true;
    loop {
        match rest {
            [] => return None,
            [b']', behind @ ..] if !is_first => return Some((found != negated, behind)),
            [from, b'-', to, behind @ ..] if *to != b']' => {
                found |= (*from..=*to).contains(&byte);
                rest = behind;
            }
            [single, behind @ ..] => {
                found |= *single == byte;
                rest = behind;
            }
        }
        is_first = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_fit_what_they_say() {
        for (pattern, yes, no) in [
            ("*", &["a", "a b", "\u{e4}"][..], &[".a"][..]),
            ("*.log", &["a.log", "a.b.log"], &["a.logs", ".log", "log"]),
            (".*", &[".a", "."], &["a"]),
            ("a*b*c", &["abc", "abbcbc", "a b c"], &["ab", "abcd"]),
            ("?", &["a", "\u{e4}"], &["", "ab"]),
            ("a?c", &["abc", "a*c"], &["ac", "abbc"]),
            ("[abc]x", &["ax", "cx"], &["dx", "x"]),
            ("[a-c]", &["a", "b", "c"], &["d", "-"]),
            ("[!a-c]", &["d", "-"], &["a"]),
            ("[]a]", &["]", "a"], &["b"]),
            ("[a-]", &["a", "-"], &["b"]),
            ("[*]", &["*"], &["a"]),
            ("a[", &["a["], &["a"]),
        ] {
            for name in yes {
                assert!(PatternComponent::new(pattern).fits(name.as_ref()), "`{pattern}` fits `{name}`");
            }
            for name in no {
                assert!(!PatternComponent::new(pattern).fits(name.as_ref()), "`{pattern}` does not fit `{name}`");
            }
        }
        assert!(PatternComponent::new("*\u{e4}?").fits("x\u{e4}y".as_ref()));
        assert!(PatternComponent::new("a?").fits(OsStr::from_bytes(b"a\xff")));
        // A match that backtracks exponentially would never end.
        assert!(!PatternComponent::new(&format!("{}b", "a*".repeat(30))).fits("a".repeat(200).as_ref()));
    }

    #[test]
    fn the_fixed_part_ends_before_the_first_wildcard_and_never_has_the_last_name() {
        let fixed = |text, directory| FilePattern::new(text, directory).map(|pattern| pattern.fixed);
        assert_eq!(fixed("/var/log/*.log", None), Ok("/var/log".into()));
        assert_eq!(fixed("/etc/hosts", Some("/work")), Ok("/etc".into()));
        assert_eq!(fixed("logs/*/a", Some("/work")), Ok("/work/logs".into()));
        assert_eq!(fixed("a", None), Ok(".".into()));
        assert_eq!(fixed("../a", Some("/work")), Ok("/work/..".into()));
        assert!(fixed("*/../a", None).is_err() && fixed("..", None).is_err() && fixed("/", None).is_err());
        assert!(fixed("/var/log/", None).is_err());
    }
}
