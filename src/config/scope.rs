//! Typed values: looks keys up, replaces variables, cuts trailing comments, and reports what is wrong with a value.

use std::borrow::Cow;

use super::interpolate::{Interpolated, Variables, interpolate};
use super::{
    Commands, DEFAULT, Diagnostic, Diagnostics, Document, Entry, Lint, Place, Section, Setting, Span, Text, is_space,
    nearest, quoted, quoted_section,
};

/// A file whose values are read, with the variables that hold for it.
pub(super) struct Scope<'a> {
    /// The file.
    pub(super) document: &'a Document,
    /// `-D`.
    pub(super) defines: &'a Document,
    /// `worker`, `index`, `player`, `conductor`, as far as they are known.
    pub(super) predefined: Known,
    /// What all files share.
    pub(super) context: &'a mut Context,
}

/// Variables that are known without being written, with their values.
pub(super) type Known = Vec<(&'static str, String)>;

/// What all files that are read together share.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// What was found.
    pub(super) diagnostics: Diagnostics,
    /// The commands whose syntax a shell will check; `None` if it will not.
    pub(super) commands: Option<Commands>,
    /// How many bytes the values have so far.
    pub(super) bytes: usize,
}

/// How many bytes all values of a test may have, with variables and ranges of workers resolved.
///
/// A file of a few lines can ask for more than any machine has: a variable that is ten times another one, ten deep, for
/// ten thousand workers.
const MOST_BYTES: usize = 512 << 20;

/// What a reference to a variable counts for: it takes time even if the variable is empty.
const BYTES_OF_REFERENCE: usize = 32;

impl<'a> Scope<'a> {
    /// Reports a finding.
    pub(super) fn report(&mut self, lint: Lint, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.context.diagnostics.push(Diagnostic::new(lint, place, message, hint));
    }

    /// The entry for a fixed key: the section's own, else the default's.
    pub(super) fn entry(&self, section: &str, key: &str) -> Option<&'a Entry> {
        let (document, defines): (&'a Document, &'a Document) = (self.document, self.defines);
        let find = |document: &'a Document, name: &str| document.section(name).and_then(|found| found.entry(key));
        find(document, section).or_else(|| find(defines, DEFAULT)).or_else(|| find(document, DEFAULT))
    }

    /// The entry for a setting of a section.
    pub(super) fn entry_of<T>(&self, section: &str, setting: &Setting<T>) -> Option<&'a Entry> {
        if !setting.is_own {
            return self.entry(section, setting.key);
        }
        let (document, defines): (&'a Document, &'a Document) = (self.document, self.defines);
        let option = || defines.section(DEFAULT)?.entry(&option(setting.key));
        document.section(section).and_then(|found| found.entry(setting.key)).or_else(option)
    }

    /// The section's own entries, without those of `[DEFAULT]`.
    pub(super) fn entries(&self, section: &str) -> &'a [Entry] {
        let document: &'a Document = self.document;
        document.section(section).map_or(&[], |section| &section.entries)
    }

    /// A value with its variables replaced, and otherwise unchanged; `None` if there was an error, which is reported.
    pub(super) fn value<'t>(&mut self, section: &str, text: Cow<'t, Text>) -> Option<Cow<'t, Text>> {
        if !text.as_str().contains('%') {
            return Some(text);
        }
        if self.context.bytes > MOST_BYTES {
            return None;
        }
        let variables =
            Variables { document: self.document, defines: Some(self.defines), predefined: &self.predefined };
        let Interpolated { text: value, findings, references } = interpolate(&text, section, &variables);
        self.context.diagnostics.extend(findings);
        let work = value.as_ref().map_or(0, |value| value.as_str().len()).max(BYTES_OF_REFERENCE * references);
        let has_room = self.has_room(work, || text.place());
        value.filter(|_| has_room).map(Cow::Owned)
    }

    /// Whether there is room for so many bytes more; if not, that is reported.
    pub(super) fn has_room(&mut self, bytes: usize, place: impl FnOnce() -> Place) -> bool {
        let before = self.context.bytes;
        self.context.bytes = before.saturating_add(bytes);
        let has_room = self.context.bytes <= MOST_BYTES;
        // Once is enough: all that follows lacks room for the same reason.
        if !has_room && before <= MOST_BYTES {
            let message = format!("the test expands to more than {} MiB", MOST_BYTES >> 20);
            self.report(Lint::TooLarge, place(), message, "use fewer variables or fewer workers");
        }
        has_room
    }

    /// A value without the comment after it: for numbers, addresses and the like, never for commands and folders.
    pub(super) fn word<'t>(&mut self, section: &str, text: &'t Text) -> Option<Cow<'t, Text>> {
        // A comment may have signs that would be taken for variables, so it goes first; a variable may bring another.
        let raw = self.without_comment(Cow::Borrowed(text));
        let value = self.value(section, raw)?;
        Some(self.without_comment(value))
    }

    fn without_comment<'t>(&mut self, text: Cow<'t, Text>) -> Cow<'t, Text> {
        let Some(start) = comment(text.as_str()) else { return text };
        let place = text.place_of(start..text.as_str().len());
        let message = "the Python conductor reads this comment as part of the value";
        self.report(Lint::TrailingComment, place, message, "move the comment to a separate line");
        let mut text = text.into_owned();
        text.truncate(text.as_str()[..start].trim_end_matches(is_space).len());
        Cow::Owned(text)
    }

    /// Reads a setting. One that is missing or wrong leaves the target as it is; a wrong one is reported.
    pub(super) fn set<T>(&mut self, section: &str, setting: &Setting<T>, target: &mut T) {
        let Some(text) = self.entry_of(section, setting).map(|entry| &entry.value) else { return };
        let value = if setting.is_word { self.word(section, text) } else { self.value(section, Cow::Borrowed(text)) };
        let Some(value) = value else { return };
        if let Err(refusal) = (setting.set)(target, value.as_str()) {
            let shown = if value.as_str().is_empty() { "the value".to_owned() } else { quoted(value.as_str()) };
            let message = format!("{shown} {} (`{}`)", refusal.problem, setting.key);
            self.report(Lint::InvalidValue, value.place(), message, refusal.hint);
        }
    }

    /// Warns of unknown keys. `elsewhere` is another place and its settings.
    pub(super) fn check_keys<T, U>(
        &mut self,
        section: &str,
        known: &[Setting<T>],
        (elsewhere, others): (&str, &[Setting<U>]),
    ) {
        let known = Setting::keys(known);
        for entry in self.entries(section) {
            let key = entry.key();
            if !known.contains(&key) {
                let message = format!("`[{section}]` has no setting {}", quoted(entry.written_key()));
                let hint = if others.iter().any(|other| other.key == key) {
                    format!("it belongs in {elsewhere}")
                } else {
                    nearest::hint(key, known.iter().copied())
                };
                self.report(Lint::UnknownKey, entry.key_place(), message, hint);
            }
        }
    }

    /// Warns of unknown sections.
    pub(super) fn check_sections(&mut self, known: &[&str]) {
        let unknown = |section: &&Section| section.name != DEFAULT && !known.contains(&section.name.as_str());
        for section in self.document.sections.iter().filter(unknown) {
            let place = Place::new(&self.document.source, section.name_span);
            let message = format!("unknown section {}", quoted_section(&section.name));
            let hint = match nearest::nearest(section.name.trim(), known.iter().copied()) {
                Some(meant) => format!("did you mean `[{meant}]`?"),
                None => format!("the known sections are `[{}]`", known.join("]`, `[")),
            };
            self.report(Lint::UnknownSection, place, message, hint);
        }
    }

    /// Where the section's name stands, else the file's start.
    pub(super) fn section_place(&self, name: &str) -> Place {
        let span = self.document.section(name).map_or(Span::new(0, 0), |section| section.name_span);
        Place::new(&self.document.source, span)
    }
}

/// The name of the option of the command line for a setting, among the definitions.
pub(super) fn option(key: &str) -> String {
    format!("--{key}")
}

/// Where a comment begins that follows a value on its line: a `#` or `;` after white space.
fn comment(text: &str) -> Option<usize> {
    let mut after_space = false;
    text.find(|character| {
        let was_after_space = std::mem::replace(&mut after_space, is_space(character));
        was_after_space && matches!(character, '#' | ';')
    })
}
