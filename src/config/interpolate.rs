//! Variables in values: `%(name)s` becomes the variable's value, `%%` a percent sign.
//!
//! The rules are those of Python 3.11, `BasicInterpolation` in `configparser`, except that a single percent sign, which
//! Python rejects, is kept and reported.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use super::{DEFAULT, Diagnostic, Document, Entry, Lint, Place, Section, Severity, Span, Text, quoted};

/// The maximum depth of variables that refer to variables: Python's limit.
const MAX_DEPTH: usize = 10;
/// The maximum number of references that one value expands to, on all levels. Python has no limit, and exhausts memory.
const MAX_REFERENCES: usize = 10_000;
/// The maximum number of bytes that the variables of one value may add.
const MAX_ADDED: usize = 1 << 20;

/// The predefined variables of each worker. An address cannot be referred to by such a name.
pub(super) const PREDEFINED: [&str; 4] = ["worker", "index", "player", "conductor"];

/// The maximum number of mistakes that are reported for one value.
const MAX_FINDINGS: usize = 20;

/// The sources of the variables in values.
#[derive(Debug, Clone, Default)]
pub struct Variables<'a> {
    /// The layers that are searched before the value's own section, in this order.
    pub(super) first: Vec<Layer<'a>>,
    /// The layers that are searched after the value's own section, in this order.
    pub layers: Vec<Layer<'a>>,
    /// The variables that are set only on the command line.
    pub(super) required: &'a [Required],
    /// The names of parameters, if they cannot be used in the value.
    pub(super) misplaced: &'a [String],
}

/// A source of variables.
#[derive(Debug, Clone, Copy)]
pub enum Layer<'a> {
    /// `[DEFAULT]` of a file, or the definitions of the command line.
    Default(&'a Document),
    /// Predefined names and values, which are used verbatim. `None` means that the value depends on a variable that
    /// only the command line sets.
    Known(&'a [(&'static str, Option<String>)]),
    /// The addresses of workers by name in lower case.
    Addresses(&'a Addresses),
    /// The parameters of a point with their values, which are used verbatim.
    Parameters(&'a [(String, String)]),
}

/// A variable that only the command line sets, as a comment declares it.
#[derive(Debug, Clone)]
pub(super) struct Required {
    /// The name in lower case.
    pub(super) key: String,
    /// The place of the name in the comment.
    pub(super) place: Place,
}

/// The addresses of workers by name in lower case; `None` if only the command line sets the address.
pub(super) type Addresses = HashMap<String, Option<String>>;

impl<'a> Variables<'a> {
    /// Creates the variables of a file alone.
    pub fn of(document: &'a Document) -> Self {
        Self { layers: vec![Layer::Default(document)], ..Self::default() }
    }
}

/// The substitute for a variable that only the command line sets, while a file is checked without it: it is valid as a
/// word, a number and the name of a file.
pub(super) const PLACEHOLDER: &str = "1";

/// A value after its variables were replaced.
#[derive(Debug, Default)]
pub struct Interpolated {
    /// The text; `None` if there is an error.
    pub text: Option<Text>,
    /// The mistakes in the variables, possibly in the value of another variable.
    pub findings: Vec<Diagnostic>,
    /// The number of references that were expanded.
    pub(super) references: usize,
    /// Whether the text contains a placeholder for a value that only the command line sets.
    pub(super) has_placeholder: bool,
    /// The required variables that are not set: the place of the first reference, and the name in the comment.
    pub(super) unset: Vec<(Place, Place)>,
}

/// Replaces the variables of a value in `section`.
pub fn interpolate(value: &Text, section: Option<&Section>, variables: &Variables<'_>) -> Interpolated {
    let text = Text::new(value.source(), value.span(0..0));
    let mut work = Work { section, variables, added: 0, over: false, text, result: Interpolated::default() };
    work.expand(value, None, 1);
    let Work { text, mut result, .. } = work;
    let failed = result.findings.iter().any(|finding| finding.severity() == Severity::Error);
    result.text = (!failed).then_some(text);
    result
}

struct Work<'a> {
    section: Option<&'a Section>,
    variables: &'a Variables<'a>,
    added: usize,
    /// Whether expansion was stopped.
    over: bool,
    /// The text so far.
    text: Text,
    result: Interpolated,
}

impl<'a> Work<'a> {
    fn report(&mut self, value: &Text, range: Range<usize>, lint: Lint, message: &str, hint: &str) {
        let place = value.place_of(range);
        // Single percent signs are reported once per value; other mistakes once per reference.
        let is_same =
            |at: &Place| Arc::ptr_eq(&at.source, &place.source) && (lint == Lint::LonePercent || at.span == place.span);
        if !self.result.findings.iter().any(|known| known.lint == lint && known.place.as_ref().is_some_and(is_same)) {
            self.result.findings.push(Diagnostic::new(lint, place, message, hint));
        }
        self.over |= self.result.findings.len() == MAX_FINDINGS;
    }

    /// Appends the value's text. Text that a reference inserts is recorded with the place of the reference.
    fn expand(&mut self, value: &Text, reference: Option<Span>, depth: usize) {
        let whole = value.as_str();
        let mut at = 0;
        while let Some(found) = whole[at..].find('%') {
            if self.over {
                return;
            }
            self.keep(value, at..at + found, reference);
            at += found;
            let rest = &whole[at..];
            if rest.starts_with("%%") {
                self.keep(value, at..at + 1, reference);
                at += 2;
            } else if rest.starts_with("%(") {
                at += self.reference(value, at, reference, depth);
            } else {
                let message = "the Python conductor does not accept a single `%`";
                self.report(value, at..at + 1, Lint::LonePercent, message, "write `%%`");
                self.keep(value, at..at + 1, reference);
                at += 1;
            }
        }
        self.keep(value, at..whole.len(), reference);
    }

    /// Appends the value of the reference at `at`, and returns the length of the reference.
    fn reference(&mut self, value: &Text, at: usize, outer: Option<Span>, depth: usize) -> usize {
        let rest = &value.as_str()[at..];
        let name = rest[2..].find(')').map(|end| &rest[2..2 + end]);
        let Some(name) = name.filter(|name| !name.is_empty() && rest[3 + name.len()..].starts_with('s')) else {
            let hint = "write `%(name)s`, or `%%(` for a literal `%(`";
            self.report(value, at..at + 2, Lint::BadReference, "`%(` has no matching `)s`", hint);
            return 2;
        };
        let length = name.len() + 4;
        let range = at..at + length;
        let span = outer.unwrap_or_else(|| value.span(range.clone()));
        self.result.references += 1;
        if self.result.references > MAX_REFERENCES || self.added > MAX_ADDED {
            self.over = true;
            let message = "the value is too large after its variables are replaced";
            self.report(value, range, Lint::TooLarge, message, "use fewer variables");
            return length;
        }
        let name = name.to_lowercase();
        if self.variables.misplaced.contains(&name) {
            let message = format!("the parameter {} cannot be used here", quoted(&name));
            let hint = "workers and settings are the same at each point; use it in steps, `[Environment]` or `check`";
            self.report(value, range, Lint::MisplacedParameter, &message, hint);
            return length;
        }
        match self.find(value, range.clone(), &name) {
            None => {
                let message = format!("the variable {} is not defined", quoted(&name));
                self.report(value, range, Lint::UndefinedVariable, &message, &self.definition(&name));
            }
            Some(Found::Unset(required)) => {
                self.result.has_placeholder = true;
                if let Some(Required { place, .. }) = required {
                    let is_same = |known: &Place| Arc::ptr_eq(&known.source, &place.source) && known.span == place.span;
                    if !self.result.unset.iter().any(|(_, known)| is_same(known)) {
                        self.result.unset.push((value.place_of(range), place.clone()));
                    }
                }
                self.add(PLACEHOLDER, span);
            }
            Some(Found::Plain(text)) => self.add(text, span),
            Some(Found::Refers(_)) if depth == MAX_DEPTH => {
                let message = "variables refer to each other more than ten levels deep";
                let hint = "look for a variable that refers to itself";
                self.report(value, range, Lint::VariableDepth, message, hint);
            }
            Some(Found::Refers(found)) => self.expand(found, Some(span), depth + 1),
        }
        length
    }

    fn keep(&mut self, value: &Text, range: Range<usize>, reference: Option<Span>) {
        let text = &value.as_str()[range.clone()];
        match reference {
            Some(span) => self.add(text, span),
            None => self.text.push_part(value, range),
        }
    }

    fn add(&mut self, text: &str, span: Span) {
        self.added += text.len();
        if self.added <= MAX_ADDED {
            self.text.push_for(text, span);
        }
    }

    /// Finds the variable `name`, in lower case, for the reference in this range of a value.
    fn find(&mut self, value: &Text, range: Range<usize>, name: &str) -> Option<Found<'a>> {
        let written = |entry: &'a Entry| match entry.value.as_str() {
            text if text.contains('%') => Found::Refers(&entry.value),
            text => Found::Plain(text),
        };
        let known = |value: &'a Option<String>| value.as_deref().map_or(Found::Unset(None), Found::Plain);
        let in_layer = |layer: &Layer<'a>| match *layer {
            Layer::Default(document) => document.section(DEFAULT)?.entry(name).map(written),
            Layer::Known(all) => all.iter().find(|(its, _)| *its == name).map(|(_, value)| known(value)),
            Layer::Parameters(all) => all.iter().find(|(its, _)| its == name).map(|(_, value)| Found::Plain(value)),
            Layer::Addresses(all) => all.get(name).filter(|_| !PREDEFINED.contains(&name)).map(known),
        };
        let own = self.section.and_then(|section| section.entry(name));
        // A step cannot mean itself.
        let is_shadowed = own.is_some_and(|own| !std::ptr::eq(&raw const own.value, value));
        if let Some(first) = self.variables.first.iter().find_map(in_layer) {
            if is_shadowed {
                let message =
                    format!("{} is the parameter, address or variable of the command line, not the step", quoted(name));
                self.report(value, range, Lint::ShadowedVariable, &message, "rename the step");
            }
            return Some(first);
        }
        let is_address = |layer: &Layer<'_>| {
            matches!(layer, Layer::Addresses(all) if all.contains_key(name)) && !PREDEFINED.contains(&name)
        };
        if is_shadowed && self.variables.layers.iter().any(is_address) {
            let message =
                format!("{} refers to the line of this section, not to the address of the worker", quoted(name));
            self.report(value, range, Lint::ShadowedVariable, &message, "rename the step, or the worker");
        }
        let own = own.map(written);
        let found = own.or_else(|| self.variables.layers.iter().find_map(in_layer));
        let required = || self.variables.required.iter().find(|required| required.key == name);
        found.or_else(|| required().map(|required| Found::Unset(Some(required))))
    }

    /// Returns a hint on how to define a variable.
    fn definition(&self, name: &str) -> String {
        let is_of_worker = || self.variables.layers.iter().any(|layer| matches!(layer, Layer::Known([_, ..])));
        match name {
            "conductor" | "player" => format!("set `{name}` in `[Coordinator]`"),
            "worker" | "index" if !is_of_worker() => format!("`{name}` is defined only for workers"),
            _ => format!("set it in `[DEFAULT]` or with `-D {name}=…`, or write `%%(` for a literal `%(`"),
        }
    }
}

/// The value of a variable.
enum Found<'a> {
    /// The value contains no reference and is used verbatim.
    Plain(&'a str),
    /// The value refers to other variables.
    Refers(&'a Text),
    /// Only the command line sets it, and it is not set: a required variable, or a value that depends on one.
    Unset(Option<&'a Required>),
}
