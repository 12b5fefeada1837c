//! Typed values: finds keys, replaces variables, removes trailing comments, and reports invalid values.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet};

use super::interpolate::{Addresses, Interpolated, Layer, Required, Variables, interpolate};
use super::metric_section;
use super::worker::{FileName, Worker};
use super::worker_sections::{self, WorkerSections};
use super::{
    Commands, DEFAULT, Diagnostic, Diagnostics, Directive, Document, ENVIRONMENT, Entry, Lint, PARAMETERS, Place,
    Refusal, SERIES, Section, Setting, Span, Text, is_space, nearest, quoted, quoted_section,
};

use crate::model::Phase;

/// A file whose values are read, with the variables that apply to it.
pub(super) struct Scope<'a> {
    /// The file; for a worker without a file, the test file.
    pub(super) document: &'a Document,
    /// The part of the test file for the worker that this file belongs to.
    pub(super) of_test: Option<OfTest<'a>>,
    /// The definitions of `-D`.
    pub(super) defines: &'a Document,
    /// The variables `worker`, `index`, `player` and `conductor`, as far as they are known.
    pub(super) predefined: Known,
    /// The addresses of the workers of the test, as far as they are known.
    pub(super) addresses: Option<&'a Addresses>,
    /// The parameters of the test.
    pub(super) at: &'a AtPoint,
    /// Whether all values can contain parameters, not only steps and `[Environment]`.
    pub(super) has_parameters_everywhere: bool,
    /// The variables that only the command line sets, as declared in the files.
    pub(super) required: Vec<Required>,
    /// The context that all files share.
    pub(super) context: &'a mut Context,
}

/// The part of a test file for one worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct OfTest<'a> {
    /// The test file.
    pub(super) test: &'a Document,
    /// The worker.
    pub(super) worker: &'a Worker,
    /// The sections of the test file for workers.
    pub(super) sections: &'a WorkerSections,
}

/// The parameters of a test, and their values at the point that is being read.
#[derive(Debug, Default)]
pub(super) struct AtPoint {
    /// Their names.
    pub(super) names: Vec<String>,
    /// Their values.
    pub(super) values: Vec<(String, String)>,
}

static NO_PARAMETERS: AtPoint = AtPoint { names: Vec::new(), values: Vec::new() };

/// Predefined variables with their values.
pub(super) type Known = Vec<(&'static str, Option<String>)>;

/// The context that all files of a test share.
#[derive(Debug, Default)]
pub(super) struct Context {
    /// The findings.
    pub(super) diagnostics: Diagnostics,
    /// The commands whose syntax a shell will check; `None` if no shell is used.
    pub(super) commands: Option<Commands>,
    /// The keys of the steps that were left out because of an error, which was reported.
    pub(super) unread: BTreeSet<String>,
    /// The total size of the values so far, in bytes.
    pub(super) bytes: usize,
    /// Whether required variables have to be set: the test will be run, not only checked.
    pub(super) needs_definitions: bool,
    /// The comments whose variables were reported as not set, by the order of the file and the place.
    pub(super) reported: HashSet<(usize, usize)>,
}

/// Likely names of settings, with the actual names.
const ALIASES: [(&str, &str); 4] =
    [("port", "cmdport"), ("host", "player"), ("address", "player"), ("timeout", "step_timeout")];

/// The maximum size of all values of a test, in bytes, after expanding variables and ranges of workers.
///
/// A file of a few lines can expand to more than any machine can hold: a variable that contains another one ten times,
/// ten levels deep, for ten thousand workers.
const MOST_BYTES: usize = 512 << 20;

/// The size that counts for each reference to a variable: it takes time even if the variable is empty.
const BYTES_OF_REFERENCE: usize = 32;

impl<'a> Scope<'a> {
    /// Creates the scope of a file that is read on its own.
    pub(super) fn new(document: &'a Document, defines: &'a Document, context: &'a mut Context) -> Self {
        let required = required(document);
        Self {
            document,
            of_test: None,
            defines,
            predefined: Known::new(),
            addresses: None,
            at: &NO_PARAMETERS,
            has_parameters_everywhere: false,
            required,
            context,
        }
    }

    /// Reports a finding.
    pub(super) fn report(&mut self, lint: Lint, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.context.diagnostics.push(Diagnostic::new(lint, place, message, hint));
    }

    /// Returns whether the worker has its own file, or the file is read on its own.
    pub(super) fn has_file(&self) -> bool {
        self.of_test.is_none_or(|of| !matches!(of.worker.file, FileName::Absent))
    }

    /// Returns the sections with this name that apply, the most specific first.
    pub(super) fn sections(&self, name: &str) -> Vec<&'a Section> {
        let document: &'a Document = self.document;
        let own = document.section(name).filter(|_| self.has_file());
        match self.of_test {
            Some(of) => of.sections.holding(of.test, of.worker, name, own),
            None => own.into_iter().collect(),
        }
    }

    /// Finds the entry for a fixed key, with the section that it counts for: in the sections that apply, or else in
    /// `[DEFAULT]`.
    fn found(&self, section: &str, key: &str, is_own: bool) -> Option<(Option<&'a Section>, &'a Entry)> {
        let (document, defines): (&'a Document, &'a Document) = (self.document, self.defines);
        let sections = self.sections(section);
        if let Some(found) = sections.iter().find_map(|section| Some((Some(*section), section.entry(key)?))) {
            return Some(found);
        }
        let default = |document: &'a Document, key: &str| document.section(DEFAULT)?.entry(key);
        let entry = if is_own {
            default(defines, &option(key))
        } else {
            default(defines, key).or_else(|| default(document, key).filter(|_| self.has_file()))
        };
        Some((sections.first().copied(), entry?))
    }

    /// Finds the entry for a fixed key: in the sections that apply, or else in `[DEFAULT]`.
    pub(super) fn entry(&self, section: &str, key: &str) -> Option<&'a Entry> {
        self.found(section, key, false).map(|(_, entry)| entry)
    }

    /// Iterates over the entries of the sections that apply, without those of `[DEFAULT]`, each with its section.
    pub(super) fn entries(&self, section: &str) -> impl DoubleEndedIterator<Item = (&'a Section, &'a Entry)> + use<'a> {
        let sections = self.sections(section).into_iter();
        sections.flat_map(|section| section.entries.iter().map(move |entry| (section, entry)))
    }

    /// Returns the variables for values of the file in `section`.
    pub(super) fn variables(&self, section: Option<&Section>) -> Variables<'_> {
        let AtPoint { names, values } = self.at;
        let name =
            section.map(|section| worker_sections::parts(&section.name).map_or(&*section.name, |parts| parts.name));
        let is_phase = Phase::ALL.iter().any(|phase| name == Some(phase.section()));
        let has_parameters = self.has_parameters_everywhere || is_phase || name == Some(ENVIRONMENT);
        let mut first = Vec::new();
        if has_parameters && !values.is_empty() {
            first.push(Layer::Parameters(values));
            if is_phase {
                first.push(Layer::Default(self.defines));
                first.extend(self.addresses.map(Layer::Addresses));
            }
        }
        let misplaced = if has_parameters { &[] } else { &names[..] };
        let mut layers = vec![Layer::Default(self.defines)];
        layers.extend(self.has_file().then_some(Layer::Default(self.document)));
        layers.push(Layer::Known(&self.predefined));
        layers.extend(self.of_test.map(|of| Layer::Default(of.test)));
        layers.extend(self.addresses.map(Layer::Addresses));
        Variables { first, layers, required: &self.required, misplaced }
    }

    /// Replaces the variables of a value, and nothing else. Returns `None` if there was an error, which was reported.
    pub(super) fn value<'t>(&mut self, section: Option<&Section>, text: Cow<'t, Text>) -> Option<Value<'t>> {
        if !text.as_str().contains('%') {
            return Some(Value { text, has_placeholder: false });
        }
        if self.context.bytes > MOST_BYTES {
            return None;
        }
        let Interpolated { text: value, findings, references, has_placeholder, unset } =
            interpolate(&text, section, &self.variables(section));
        self.context.diagnostics.extend(findings);
        for (reference, comment) in unset {
            self.report_unset(reference, comment);
        }
        let work = value.as_ref().map_or(0, |value| value.as_str().len()).max(BYTES_OF_REFERENCE * references);
        let has_room = self.has_room(work, || text.place());
        value.filter(|_| has_room).map(|text| Value { text: Cow::Owned(text), has_placeholder })
    }

    /// Reports a required variable that is not set, if it is needed, once for each comment.
    fn report_unset(&mut self, reference: Place, comment: Place) {
        let Place { source, span } = &comment;
        if !self.context.needs_definitions || !self.context.reported.insert((source.order(), span.start)) {
            return;
        }
        let name = &source.text()[span.start..span.end];
        let message = format!("the variable {} is not set", quoted(name));
        let hint = format!("run `conduct` with `-D {}=VALUE`", name.to_lowercase());
        let error = Diagnostic::new(Lint::RequiredVariable, reference, message, hint);
        self.context.diagnostics.push(error.other(comment, "it is declared here"));
    }

    /// Adds `bytes` to the size of the values. Returns whether it is within the limit, and reports it if not.
    pub(super) fn has_room(&mut self, bytes: usize, place: impl FnOnce() -> Place) -> bool {
        let before = self.context.bytes;
        self.context.bytes = before.saturating_add(bytes);
        let has_room = self.context.bytes <= MOST_BYTES;
        // One report is enough: later values exceed the limit for the same reason.
        if !has_room && before <= MOST_BYTES {
            let message = format!("the test expands to more than {} MiB", MOST_BYTES >> 20);
            self.report(Lint::TooLarge, place(), message, "use fewer variables or fewer workers");
        }
        has_room
    }

    /// Reads a value without the comment after it: for numbers, addresses and the like, never for commands and folders.
    pub(super) fn word<'t>(&mut self, section: Option<&Section>, text: &'t Text) -> Option<Value<'t>> {
        // A comment can look like a reference, so it is removed first. A variable can contain another comment.
        let raw = self.without_comment(Cow::Borrowed(text));
        let Value { text, has_placeholder } = self.value(section, raw)?;
        Some(Value { text: self.without_comment(text), has_placeholder })
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

    /// Reads a setting. If it is missing or invalid, `target` does not change; an invalid one is reported. Returns
    /// whether its value depends on a variable that only the command line sets.
    pub(super) fn set<T>(&mut self, section: &str, setting: &Setting<T>, target: &mut T) -> bool {
        let Some((section, entry)) = self.found(section, setting.key, setting.is_own) else { return false };
        let text = &entry.value;
        let value = if setting.is_word { self.word(section, text) } else { self.value(section, Cow::Borrowed(text)) };
        let Some(Value { text: value, has_placeholder }) = value else { return false };
        if has_placeholder {
            return true;
        }
        if let Err(refusal) = (setting.set)(target, &value) {
            self.refuse_value(setting.key, &value, refusal);
        }
        false
    }

    /// Reads the settings of a section verbatim: without variables, and without values from other sections.
    pub(super) fn read_literally<T: Default>(&mut self, section: &Section, settings: &[Setting<T>]) -> T {
        self.check_keys::<_, T>(section, settings, ("", &[]));
        let mut read = T::default();
        for setting in settings {
            let Some(entry) = section.entry(setting.key) else { continue };
            let raw = Cow::Borrowed(&entry.value);
            let text = if setting.is_word { self.without_comment(raw) } else { raw };
            if let Err(refusal) = (setting.set)(&mut read, &text) {
                self.refuse_value(setting.key, &text, refusal);
            }
        }
        read
    }

    /// Reports an invalid value of a setting.
    fn refuse_value(&mut self, key: &str, value: &Text, Refusal { problem, hint }: Refusal) {
        let shown = if value.as_str().is_empty() { "the value".to_owned() } else { quoted(value.as_str()) };
        self.report(Lint::InvalidValue, value.place(), format!("{shown} {problem} (`{key}`)"), hint);
    }

    /// Warns about unknown keys of a section. `elsewhere` is another place and its settings.
    pub(super) fn check_keys<T, U>(
        &mut self,
        section: &Section,
        known: &[Setting<T>],
        (elsewhere, others): (&str, &[Setting<U>]),
    ) {
        let known = Setting::keys(known);
        for entry in &section.entries {
            let key = entry.key();
            if !known.contains(&key) {
                let message =
                    format!("{} has no setting {}", quoted_section(&section.name), quoted(entry.written_key()));
                let hint = if others.iter().any(|other| other.key == key) {
                    format!("it belongs in {elsewhere}")
                } else {
                    let meant = ALIASES.iter().find(|(alias, meant)| *alias == key && known.contains(meant));
                    meant.map_or_else(
                        || nearest::hint(key, known.iter().copied()),
                        |(_, meant)| format!("did you mean `{meant}`?"),
                    )
                };
                self.report(Lint::UnknownKey, entry.key_place(), message, hint);
            }
        }
    }

    /// Warns about unknown sections. `sections_for_workers` is true for a test file, which can have such sections.
    pub(super) fn check_sections(&mut self, known: &[&str], sections_for_workers: bool) {
        let is_known = |name: &str| {
            let of_test = || worker_sections::parts(name).is_some() || metric_section::name_of_section(name).is_some();
            name == DEFAULT || known.contains(&name) || (sections_for_workers && of_test())
        };
        let unknown = |section: &&Section| !is_known(&section.name);
        for section in self.document.sections.iter().filter(unknown) {
            let message = format!("unknown section {}", quoted_section(&section.name));
            let name = section.name.trim();
            let for_workers = sections_for_workers.then(|| worker_sections::hint(name)).flatten();
            let of_metric = metric_section::hint(name, sections_for_workers).filter(|_| for_workers.is_none());
            let meant = nearest::nearest(name, known.iter().copied()).filter(|_| for_workers.is_none());
            // Without these sections, the test would measure something else.
            let is_of_series = meant.is_some_and(|meant| [PARAMETERS, SERIES].contains(&meant));
            let is_measured = sections_for_workers && (of_metric.is_some() || is_of_series);
            let hint = for_workers.or(of_metric).unwrap_or_else(|| match meant {
                Some(meant) => format!("did you mean `[{meant}]`?"),
                None => format!("the known sections are `[{}]`", known.join("]`, `[")),
            });
            let lint = if is_measured { Lint::SectionName } else { Lint::UnknownSection };
            self.report(lint, section.name_place(), message, hint);
        }
    }

    /// Returns the place of the name of the most specific section, or else the start of the file.
    pub(super) fn section_place(&self, name: &str) -> Place {
        let start = || Place::new(&self.document.source, Span::new(0, 0));
        self.sections(name).first().map_or_else(start, |section| section.name_place())
    }
}

/// Returns the variables that a file declares as set only on the command line.
pub(super) fn required(document: &Document) -> Vec<Required> {
    let names = Directive::Required.of(document).flat_map(|(_, names)| names);
    let required =
        |(name, span): (&str, _)| Required { key: name.to_lowercase(), place: Place::new(&document.source, span) };
    names.map(required).collect()
}

/// A value after its variables were replaced.
pub(super) struct Value<'t> {
    pub(super) text: Cow<'t, Text>,
    /// Whether it depends on a variable that only the command line sets but did not: the text contains a placeholder.
    pub(super) has_placeholder: bool,
}

/// Returns the name, among the definitions, of the command-line option for a setting.
pub(super) fn option(key: &str) -> String {
    format!("--{key}")
}

/// Returns the start of a comment after a value on the same line: a `#` or `;` after white space.
fn comment(text: &str) -> Option<usize> {
    let mut after_space = false;
    text.find(|character| {
        let was_after_space = std::mem::replace(&mut after_space, is_space(character));
        was_after_space && matches!(character, '#' | ';')
    })
}
