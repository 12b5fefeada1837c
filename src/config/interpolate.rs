//! Variables in values: `%(name)s` becomes the variable's value, `%%` a per cent sign.
//!
//! The rules are those of Python 3.11, `BasicInterpolation` in `configparser`, except that a single per cent sign, which
//! Python refuses, is kept and reported.

use std::ops::Range;
use std::sync::Arc;

use super::{DEFAULT, Diagnostic, Document, Lint, Place, Section, Severity, Span, Text, quoted};

/// How deep variables may refer to variables: Python's limit.
const MAX_DEPTH: usize = 10;
/// How many references one value may lead to, all levels together; Python has no limit, and takes all memory.
const MAX_REFERENCES: usize = 10_000;
/// How many bytes the variables of one value may add.
const MAX_ADDED: usize = 1 << 20;

/// How many mistakes in one value are reported.
const MAX_FINDINGS: usize = 20;

/// Where the variables of a file's values come from.
#[derive(Debug, Clone, Copy)]
pub struct Variables<'a> {
    /// The file: the value's own section comes first, `[DEFAULT]` after `defines`.
    pub document: &'a Document,
    /// A text whose `[DEFAULT]` wins over the file's (`-D`).
    pub defines: Option<&'a Document>,
    /// Names and values that are known without being written; they are taken as they are, and come last.
    pub predefined: &'a [(&'a str, String)],
}

/// A value whose variables were replaced.
#[derive(Debug)]
pub struct Interpolated {
    /// The text; `None` if there is an error.
    pub text: Option<Text>,
    /// What is wrong with the variables, perhaps in the value of another variable.
    pub findings: Vec<Diagnostic>,
    /// How many references to variables that took.
    pub(super) references: usize,
}

/// Replaces the variables of a value that stands in `section`.
pub fn interpolate(value: &Text, section: &str, variables: &Variables<'_>) -> Interpolated {
    let start = value.span(0..0);
    let mut work = Work {
        section: variables.document.section(section),
        variables,
        findings: Vec::new(),
        references: 0,
        added: 0,
        over: false,
        text: Text::new(value.source(), start),
    };
    work.expand(value, None, 1);
    let failed = work.findings.iter().any(|finding| finding.severity() == Severity::Error);
    Interpolated { text: (!failed).then_some(work.text), findings: work.findings, references: work.references }
}

struct Work<'a> {
    section: Option<&'a Section>,
    variables: &'a Variables<'a>,
    findings: Vec<Diagnostic>,
    references: usize,
    added: usize,
    /// Nothing more is to be expanded.
    over: bool,
    text: Text,
}

impl<'a> Work<'a> {
    fn report(&mut self, value: &Text, range: Range<usize>, lint: Lint, message: &str, hint: &str) {
        let place = value.place_of(range);
        // One report for all single signs of a value is enough, and one for each reference.
        let is_same =
            |at: &Place| Arc::ptr_eq(&at.source, &place.source) && (lint == Lint::LonePercent || at.span == place.span);
        if !self.findings.iter().any(|known| known.lint == lint && known.place.as_ref().is_some_and(is_same)) {
            self.findings.push(Diagnostic::new(lint, place, message, hint));
        }
        self.over |= self.findings.len() == MAX_FINDINGS;
    }

    /// Appends the value's text; what came in through a reference is recorded as the reference's.
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

    /// Appends what the reference at `at` stands for, and returns the reference's length.
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
        self.references += 1;
        if self.references > MAX_REFERENCES || self.added > MAX_ADDED {
            self.over = true;
            let message = "the value is too large after its variables are replaced";
            self.report(value, range, Lint::TooLarge, message, "use fewer variables");
            return length;
        }
        let name = name.to_lowercase();
        match self.find(&name) {
            None => {
                let message = format!("the variable {} is not defined", quoted(&name));
                self.report(value, range, Lint::UndefinedVariable, &message, &self.definition(&name));
            }
            Some((text, None)) => self.add(text, span),
            Some((_, Some(_))) if depth == MAX_DEPTH => {
                let message = "variables refer to each other more than ten levels deep";
                let hint = "look for a variable that refers to itself";
                self.report(value, range, Lint::VariableDepth, message, hint);
            }
            Some((_, Some(found))) => self.expand(found, Some(span), depth + 1),
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

    /// The text of a variable; its value if that refers to other variables.
    fn find(&self, name: &str) -> Option<(&'a str, Option<&'a Text>)> {
        let variables = self.variables;
        let default = |document: &'a Document| document.section(DEFAULT).and_then(|section| section.entry(name));
        let written = self.section.and_then(|section| section.entry(name));
        let written = written.or_else(|| variables.defines.and_then(default)).or_else(|| default(variables.document));
        if let Some(text) = written.map(|entry| &entry.value) {
            return Some((text.as_str(), Some(text).filter(|text| text.as_str().contains('%'))));
        }
        let predefined = variables.predefined.iter().find(|(known, _)| *known == name);
        predefined.map(|(_, text)| (text.as_str(), None))
    }

    /// How to define a variable.
    fn definition(&self, name: &str) -> String {
        match name {
            "conductor" | "player" => format!("set `{name}` in `[Coordinator]`"),
            "worker" | "index" if self.variables.predefined.is_empty() => {
                format!("`{name}` is defined only in worker files")
            }
            _ => format!("set it in `[DEFAULT]` or with `-D {name}=…`, or write `%%(` for a literal `%(`"),
        }
    }
}
