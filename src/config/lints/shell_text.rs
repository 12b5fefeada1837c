//! Determines roughly which lines of a command are in quotes or here-documents, where indentation may matter.
//!
//! It recognizes quotes, comments and here-documents, but not nested substitutions. That is enough for a warning: it
//! fails only for nested quotes, which are rarely written over several lines.

/// Programs whose quoted arguments do not depend on indentation.
const FREE_FORM: [&str; 17] = [
    "awk", "gawk", "mawk", "sed", "perl", "jq", "psql", "mysql", "sqlite3", "sh", "bash", "dash", "ksh", "zsh", "ssh",
    "nft", "eval",
];

/// The state between two lines.
#[derive(Debug, Default)]
pub(super) struct ShellText {
    quote: Option<char>,
    /// Whether the quoted text belongs to a program that ignores indentation.
    free: bool,
    /// Here-documents that begin after this line: the end of each, and whether it strips tabs itself.
    here: Vec<(String, bool)>,
    in_here: bool,
}

impl ShellText {
    /// Processes the next line, without its indentation. Returns whether it belongs to a quoted text or here-document
    /// in which indentation may matter.
    pub(super) fn is_data(&mut self, line: &str) -> bool {
        if self.in_here {
            return self.here_line(line);
        }
        let is_data = self.quote.is_some_and(|quote| !self.free && !line.starts_with(quote));
        self.scan(line);
        self.in_here = self.quote.is_none() && !self.here.is_empty();
        is_data
    }

    fn here_line(&mut self, line: &str) -> bool {
        let (end, strips) = self.here.first().cloned().unwrap_or_default();
        if line == end {
            self.here.remove(0);
            self.in_here = !self.here.is_empty();
        }
        line != end && !strips
    }

    fn scan(&mut self, line: &str) {
        let mut characters = line.char_indices().peekable();
        let mut after_space = true;
        while let Some((at, character)) = characters.next() {
            match (self.quote, character) {
                (Some('\''), '\'') | (Some('"'), '"') => self.quote = None,
                (quote, '\\') if quote != Some('\'') => {
                    characters.next();
                }
                (None, '\'' | '"') => {
                    self.quote = Some(character);
                    self.free = is_free(&line[..at]);
                }
                (None, '#') if after_space => return,
                (None, '<') if line[at..].starts_with("<<") => {
                    let rest = line[at..].trim_start_matches('<');
                    while characters.next_if(|(_, next)| *next == '<').is_some() {}
                    if line[at..].len() - rest.len() == 2 && !line[..at].contains("((") {
                        self.here.extend(here_end(rest));
                    }
                }
                _ => {}
            }
            after_space = character.is_whitespace();
        }
    }
}

/// Returns the word that ends a here-document, from the text after `<<`, and whether tabs are stripped.
fn here_end(rest: &str) -> Option<(String, bool)> {
    let strips = rest.starts_with('-');
    let rest = rest.strip_prefix('-').unwrap_or(rest).trim_start();
    let word = rest.split(|c: char| c.is_whitespace() || ";|&<>()".contains(c)).next()?;
    let word: String = word.chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
    (!word.is_empty()).then_some((word, strips))
}

fn is_free(before: &str) -> bool {
    let words = before.split(|c: char| c.is_whitespace() || "|;&()".contains(c));
    words.map(|word| word.rsplit('/').next().unwrap_or(word)).any(|word| FREE_FORM.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(text: &str) -> Vec<&str> {
        let mut shell = ShellText::default();
        text.lines().filter(|line| shell.is_data(line)).collect()
    }

    #[test]
    fn lines_in_quotes_and_here_documents_are_data() {
        assert_eq!(data("python3 -c '\nfor x in y:\nprint(x)\n'"), ["for x in y:", "print(x)"]);
        assert_eq!(data("cat > f <<'END' && x\na: \"\nb\nEND\necho y"), ["a: \"", "b"]);
        assert_eq!(data("cat <<A; cat <<-B\nx\nA\ny\nB\nz"), ["x"]);
        assert_eq!(data("echo \"a\nb\" c\nd"), ["b\" c"]);
    }

    #[test]
    fn the_program_itself_is_not() {
        for text in [
            "if x; then\ny\nfi",
            "echo 'a' \"b'\" \\'\nc",
            "x # don't\ny",
            "awk '\n{\nprint\n}'",
            "/usr/bin/ssh h '\nif x; then\ny\nfi'",
            "x <<< word\ny",
            "x $((1<<2))\ny",
        ] {
            assert!(data(text).is_empty(), "{text}");
        }
    }
}
