//! Typed values: looks keys up, replaces variables, cuts trailing comments, and reports what is wrong with a value.

use std::borrow::Cow;

use super::diagnostic::{Diagnostic, quoted, quoted_section};
use super::diagnostics::Diagnostics;
use super::interpolate::{VariableProblem, VariableProblemKind, Variables, interpolate_and_count};
use super::lint::Lint;
use super::nearest;
use super::reader::{DEFAULT, Document, Entry, Section, is_space};
use super::source::{Place, Span};
use super::text::Text;

/// A file whose values are asked for, with the variables that hold for it.
pub(super) struct Scope<'a> {
    /// The file.
    pub(super) document: &'a Document,
    /// `-D`.
    pub(super) defines: &'a Document,
    /// `worker`, `index`, `player`, `conductor`, as far as they are known.
    pub(super) predefined: Vec<(&'static str, String)>,
    /// Where findings go.
    pub(super) diagnostics: &'a mut Diagnostics,
    /// How much the values may still grow.
    pub(super) budget: &'a mut Budget,
}

/// How many bytes all values of a test may come to, variables and ranges of workers resolved.
///
/// A file of a few lines can ask for more than any machine has: a variable that is ten times another one, ten deep, for
/// ten thousand workers.
#[derive(Debug)]
pub(super) struct Budget(usize);

/// What a reference to a variable counts for: it takes time even when it brings nothing.
const BYTES_OF_REFERENCE: usize = 32;

impl Default for Budget {
    fn default() -> Self {
        Self(512 << 20)
    }
}

/// Why a value is refused: what is wrong, to follow the value itself, and what to do.
pub(super) struct Refusal {
    problem: String,
    hint: String,
}

impl Refusal {
    pub(super) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { problem: problem.into(), hint: hint.into() }
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
        let (value, problems, references) = interpolate_and_count(text, section, &variables);
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
            let message = "the test grows beyond all measure by its variables and ranges of workers";
            let error = Diagnostic::new(Lint::TooLarge, place(), message);
            self.diagnostics.push(error.hint("refer to fewer variables, or have fewer workers"));
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
        self.diagnostics.push(
            Diagnostic::new(
                Lint::TrailingComment,
                place,
                "the Python conductor takes this comment for part of the value",
            )
            .hint("give the comment a line of its own"),
        );
        let length = text.as_str()[..start].trim_end_matches(is_space).len();
        text.truncate(length);
    }

    /// A fixed key's value by its type; `None` when there is none, or a wrong one, which was reported.
    pub(super) fn parsed<T>(
        &mut self,
        section: &str,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        let entry = self.entry(section, key)?;
        let value = self.word(section, &entry.value)?;
        self.checked(&value, key, parse)
    }

    /// A fixed key's value as it stands.
    pub(super) fn untouched<T>(
        &mut self,
        section: &str,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, Refusal>,
    ) -> Option<T> {
        let entry = self.entry(section, key)?;
        let value = self.value(section, &entry.value)?;
        self.checked(&value, key, parse)
    }

    fn checked<T>(&mut self, value: &Text, key: &str, parse: impl FnOnce(&str) -> Result<T, Refusal>) -> Option<T> {
        match parse(value.as_str()) {
            Ok(parsed) => Some(parsed),
            Err(refusal) => {
                let shown = if value.as_str().is_empty() { "the value".to_owned() } else { quoted(value.as_str()) };
                let message = format!("{shown} {} (`{key}`)", refusal.problem);
                self.diagnostics.push(Diagnostic::new(Lint::InvalidValue, value.place(), message).hint(refusal.hint));
                None
            }
        }
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
            if not_yet.contains(&key.as_ref()) {
                self.diagnostics.push(super::not_yet::setting(&key, place));
            } else if !known.contains(&key.as_ref()) {
                let message = format!("`[{section}]` has no setting {}", quoted(entry.written_key()));
                let hint = match elsewhere.iter().find(|(_, keys)| keys.contains(&key.as_ref())) {
                    Some((place, _)) => format!("it belongs into {place}"),
                    None => nearest::hint(&key, known.iter().copied()),
                };
                self.diagnostics.push(Diagnostic::new(Lint::UnknownKey, place, message).hint(hint));
            }
        }
    }

    /// Warns of sections that nothing reads.
    pub(super) fn check_sections(&mut self, known: &[&str]) {
        let unknown = |section: &&Section| section.name != DEFAULT && !known.contains(&section.name.as_str());
        for section in self.document.sections.iter().filter(unknown) {
            let place = Place::new(&self.document.source, section.name_span);
            let message = format!("nothing reads the section {}", quoted_section(&section.name));
            let hint = match nearest::nearest(section.name.trim(), known.iter().copied()) {
                Some(meant) => format!("did you mean `[{meant}]`?"),
                None => format!("known are `[{}]`", known.join("]`, `[")),
            };
            self.diagnostics.push(Diagnostic::new(Lint::UnknownSection, place, message).hint(hint));
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

fn variable_problem(problem: VariableProblem, predefined: &[(&'static str, String)]) -> Diagnostic {
    let place = problem.place;
    match problem.kind {
        VariableProblemKind::LonePercent => {
            Diagnostic::new(Lint::LonePercent, place, "the Python conductor refuses a single `%`").hint("write `%%`")
        }
        VariableProblemKind::BadReference => {
            Diagnostic::new(Lint::BadReference, place, "`%(` begins a variable, but no `)s` ends it")
                .hint("write `%(name)s`, or `%%(` for the characters themselves")
        }
        VariableProblemKind::Undefined(name) => {
            let message = format!("nothing defines the variable {}", quoted(&name));
            let hint = match (name.as_str(), predefined.is_empty()) {
                ("conductor" | "player", _) => format!("set `{name}` in `[Coordinator]`"),
                ("worker" | "index", true) => format!("`{name}` is known only where a worker's file is read"),
                _ => format!("set it in `[DEFAULT]` or with `-D {name}=…`, or write `%%(` for the characters"),
            };
            Diagnostic::new(Lint::UndefinedVariable, place, message).hint(hint)
        }
        VariableProblemKind::TooDeep => {
            Diagnostic::new(Lint::VariableDepth, place, "variables refer to each other more than ten deep")
                .hint("look for a variable that refers to itself")
        }
        VariableProblemKind::TooLong => {
            Diagnostic::new(Lint::TooLarge, place, "the value grows beyond all measure by its variables")
                .hint("refer to fewer variables")
        }
    }
}
