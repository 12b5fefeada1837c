//! Typed values: looks keys up, replaces variables, cuts trailing comments, and reports what is wrong with a value.

use std::borrow::Cow;

use super::interpolate::{Interpolated, VariableProblem, VariableProblemKind, Variables, interpolate};
use super::{
    DEFAULT, Diagnostic, Diagnostics, Document, Entry, Lint, Place, Reason, Refusal, Section, Span, Text, is_space,
    nearest, quoted, quoted_section,
};

/// A file whose values are asked for, with the variables that hold for it.
pub(super) struct Scope<'a> {
    /// The file.
    pub(super) document: &'a Document,
    /// `-D`.
    pub(super) defines: &'a Document,
    /// `worker`, `index`, `player`, `conductor`, as far as they are known.
    pub(super) predefined: Known,
    /// Where findings go.
    pub(super) diagnostics: &'a mut Diagnostics,
    /// How much the values may still grow.
    pub(super) budget: &'a mut Budget,
}

/// Variables that are known without being written, with their values.
pub(super) type Known = Vec<(&'static str, String)>;

/// Reads a value.
type Parse<T> = fn(&str) -> Result<T, Refusal>;

/// How many bytes all values of a test may come to, variables and ranges of workers resolved.
///
/// A file of a few lines can ask for more than any machine has: a variable that is ten times another one, ten deep, for
/// ten thousand workers.
#[derive(Debug)]
pub(super) struct Budget(usize);

/// What a reference to a variable counts for: it takes time even when it brings nothing.
const BYTES_OF_REFERENCE: usize = 32;

impl Budget {
    const MOST: usize = 512 << 20;
}

impl Default for Budget {
    fn default() -> Self {
        Self(Self::MOST)
    }
}

impl<'a> Scope<'a> {
    /// The entry for a fixed key: the section's own, else the default's.
    pub(super) fn entry(&self, section: &str, key: &str) -> Option<&'a Entry> {
        let (document, defines): (&'a Document, &'a Document) = (self.document, self.defines);
        let find = |document: &'a Document, name: &str| document.section(name).and_then(|found| found.entry(key));
        find(document, section).or_else(|| find(defines, DEFAULT)).or_else(|| find(document, DEFAULT))
    }

    /// The section's own entries, which `[DEFAULT]` adds nothing to.
    pub(super) fn entries(&self, section: &str) -> &'a [Entry] {
        let document: &'a Document = self.document;
        document.section(section).map_or(&[], |section| &section.entries)
    }

    /// A value with its variables replaced, and otherwise untouched; `None` when that failed, which was reported.
    pub(super) fn value<'t>(&mut self, section: &str, text: &'t Text) -> Option<Cow<'t, Text>> {
        if memchr::memchr(b'%', text.as_str().as_bytes()).is_none() {
            return Some(Cow::Borrowed(text));
        }
        if self.budget.0 == 0 {
            return None;
        }
        let variables =
            Variables { document: self.document, defines: Some(self.defines), predefined: &self.predefined };
        let Interpolated { text: value, problems, references } = interpolate(text, section, &variables);
        for problem in problems {
            self.diagnostics.push(variable_problem(problem, &self.predefined));
        }
        let work = value.as_ref().map_or(0, |value| value.as_str().len()).max(BYTES_OF_REFERENCE * references);
        let has_room = self.has_room(work, || text.place());
        value.filter(|_| has_room).map(Cow::Owned)
    }

    /// Whether so many bytes more can be resolved; that they can't is reported.
    pub(super) fn has_room(&mut self, bytes: usize, place: impl FnOnce() -> Place) -> bool {
        let was_spent = self.budget.0 == 0;
        self.budget.0 = self.budget.0.saturating_sub(bytes);
        let has_room = self.budget.0 > 0;
        // Once is enough: all that follows lacks room for the same reason.
        if !was_spent && !has_room {
            let message = format!("the test expands to more than {} MiB", Budget::MOST >> 20);
            let hint = "use fewer variables or fewer workers";
            self.diagnostics.push(Diagnostic::new(Lint::TooLarge, place(), message, hint));
        }
        has_room
    }

    /// A value without the comment behind it: for numbers, addresses and the like, never for commands and folders.
    pub(super) fn word(&mut self, section: &str, text: &Text) -> Option<Text> {
        let mut raw = text.clone();
        // A comment may have signs that would be taken for variables, so it goes first; a variable may bring another.
        self.cut_comment(&mut raw);
        let mut value = self.value(section, &raw)?.into_owned();
        self.cut_comment(&mut value);
        Some(value)
    }

    fn cut_comment(&mut self, text: &mut Text) {
        let Some(start) = comment(text.as_str()) else {
            return;
        };
        let place = text.place_of(start..text.as_str().len());
        let message = "the Python conductor reads this comment as part of the value";
        let hint = "put the comment on a line of its own";
        self.diagnostics.push(Diagnostic::new(Lint::TrailingComment, place, message, hint));
        let length = text.as_str()[..start].trim_end_matches(is_space).len();
        text.truncate(length);
    }

    /// A fixed key's value by its type, without the comment behind it; `None` when there is none, or a wrong one, which was
    /// reported.
    pub(super) fn parsed<T>(&mut self, section: &str, key: &str, parse: Parse<T>) -> Option<T> {
        let entry = self.entry(section, key)?;
        let value = self.word(section, &entry.value)?;
        self.checked(&value, key, parse)
    }

    /// As [`Self::parsed`], for a value in which `#` does not begin a comment, such as a folder.
    pub(super) fn untouched<T>(&mut self, section: &str, key: &str, parse: Parse<T>) -> Option<T> {
        let entry = self.entry(section, key)?;
        let value = self.value(section, &entry.value)?;
        self.checked(&value, key, parse)
    }

    fn checked<T>(&mut self, value: &Text, key: &str, parse: Parse<T>) -> Option<T> {
        let refusal = match parse(value.as_str()) {
            Ok(parsed) => return Some(parsed),
            Err(refusal) => refusal,
        };
        let shown = if value.as_str().is_empty() { "the value".to_owned() } else { quoted(value.as_str()) };
        let message = format!("{shown} {} (`{key}`)", refusal.problem);
        self.diagnostics.push(Diagnostic::new(Lint::InvalidValue, value.place(), message, refusal.hint));
        None
    }

    /// Warns of keys that nothing reads, and refuses those that are not supported yet. `elsewhere` are places, each with
    /// the keys that are known there.
    pub(super) fn check_keys(
        &mut self,
        section: &str,
        known: &[&str],
        not_yet: &[&str],
        elsewhere: &[(&str, &[&str])],
    ) {
        for entry in self.entries(section) {
            let (key, place) = (entry.key(), entry.key_place());
            if not_yet.contains(&key) {
                self.diagnostics.push(super::not_yet::setting(key, place));
            } else if !known.contains(&key) {
                let message = format!("`[{section}]` has no setting {}", quoted(entry.written_key()));
                let hint = match elsewhere.iter().find(|(_, keys)| keys.contains(&key)) {
                    Some((place, _)) => format!("it belongs in {place}"),
                    None => nearest::hint(key, known.iter().copied()),
                };
                self.diagnostics.push(Diagnostic::new(Lint::UnknownKey, place, message, hint));
            }
        }
    }

    /// Warns of sections that nothing reads.
    pub(super) fn check_sections(&mut self, known: &[&str]) {
        let unknown = |section: &&Section| section.name != DEFAULT && !known.contains(&section.name.as_str());
        for section in self.document.sections.iter().filter(unknown) {
            let place = Place::new(&self.document.source, section.name_span);
            let message = format!("unknown section {}", quoted_section(&section.name));
            let hint = match nearest::nearest(section.name.trim(), known.iter().copied()) {
                Some(meant) => format!("did you mean `[{meant}]`?"),
                None => format!("the known sections are `[{}]`", known.join("]`, `[")),
            };
            self.diagnostics.push(Diagnostic::new(Lint::UnknownSection, place, message, hint));
        }
    }

    /// Where the section's name stands, else the file's start.
    pub(super) fn section_place(&self, name: &str) -> Place {
        let span = self.document.section(name).map_or(Span::new(0, 0), |section| section.name_span);
        Place::new(&self.document.source, span)
    }
}

/// Where a comment begins that follows a value on its line: a `#` or `;` behind white space.
fn comment(text: &str) -> Option<usize> {
    let mut after_space = false;
    for (at, character) in text.char_indices() {
        if after_space && matches!(character, '#' | ';') {
            return Some(at);
        }
        after_space = is_space(character);
    }
    None
}

fn variable_problem(problem: VariableProblem, known: &[(&'static str, String)]) -> Diagnostic {
    let reason = match problem.kind {
        VariableProblemKind::LonePercent => {
            Reason::new(Lint::LonePercent, "the Python conductor does not accept a single `%`", "write `%%`")
        }
        VariableProblemKind::BadReference => Reason::new(
            Lint::BadReference,
            "`%(` has no matching `)s`",
            "write `%(name)s`, or `%%(` for the characters themselves",
        ),
        VariableProblemKind::Undefined(name) => {
            let message = format!("the variable {} is not defined", quoted(&name));
            let hint = match (name.as_str(), known.is_empty()) {
                ("conductor" | "player", _) => format!("set `{name}` in `[Coordinator]`"),
                ("worker" | "index", true) => format!("`{name}` is known only where a worker's file is read"),
                _ => format!("set it in `[DEFAULT]` or with `-D {name}=…`, or write `%%(` for the characters"),
            };
            Reason::new(Lint::UndefinedVariable, message, hint)
        }
        VariableProblemKind::TooDeep => Reason::new(
            Lint::VariableDepth,
            "variables refer to each other more than ten levels deep",
            "look for a variable that refers to itself",
        ),
        VariableProblemKind::TooLong => {
            Reason::new(Lint::TooLarge, "the value becomes too large with its variables", "use fewer variables")
        }
    };
    reason.at(problem.place)
}
