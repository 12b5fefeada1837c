//! Variables in values: `%(name)s` becomes the variable's value, `%%` a per cent sign.
//!
//! The rules are those of Python 3.11, `BasicInterpolation` in `configparser`, but for a per cent sign alone, which is
//! kept (and reported, for Python refuses it).

use std::ops::Range;
use std::sync::Arc;

use super::{DEFAULT, Document, Place, Section, Span, Text};

/// How deep variables may refer to variables: Python's limit.
const MAX_DEPTH: usize = 10;
/// How many references one value may lead to, all levels together; Python has no limit, and takes all memory.
const MAX_REFERENCES: usize = 10_000;
/// How many bytes the variables of one value may add.
const MAX_ADDED: usize = 1 << 20;

/// How many problems of one value are told: the rest is looked at when these are mended.
const MAX_PROBLEMS: usize = 20;

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

/// What is wrong with a value's variables, and where.
#[derive(Debug, Clone)]
pub struct VariableProblem {
    /// What it is.
    pub kind: VariableProblemKind,
    /// Where, perhaps in the value of another variable.
    pub place: Place,
}

/// What can be wrong with a value's variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableProblemKind {
    /// A `%` that neither `%` nor `(` follows. Python refuses it, we keep it.
    LonePercent,
    /// `%(` without `)s`.
    BadReference,
    /// Nothing has this name.
    Undefined(String),
    /// Variables refer to variables too deeply, perhaps to themselves.
    TooDeep,
    /// The value would become too long.
    TooLong,
}

impl VariableProblemKind {
    /// Whether the value has no meaning by it.
    pub fn is_error(&self) -> bool {
        *self != Self::LonePercent
    }
}

/// A value whose variables were replaced.
#[derive(Debug)]
pub struct Interpolated {
    /// The text; `None` when a problem is an error.
    pub text: Option<Text>,
    /// What is wrong with the variables.
    pub problems: Vec<VariableProblem>,
    /// How many references to variables that took.
    pub(super) references: usize,
}

/// Replaces the variables of a value that stands in `section`.
pub fn interpolate(value: &Text, section: &str, variables: &Variables<'_>) -> Interpolated {
    let start = value.place().span.start;
    let mut work = Work {
        section: variables.document.section(section),
        variables,
        problems: Vec::new(),
        references: 0,
        added: 0,
        over: false,
        text: Text::new(value.source(), Span::new(start, start)),
    };
    work.expand(value, None, 1);
    let failed = work.problems.iter().any(|problem| problem.kind.is_error());
    Interpolated { text: (!failed).then_some(work.text), problems: work.problems, references: work.references }
}

enum Found<'a> {
    Value(&'a Text),
    Literal(&'a str),
}

struct Work<'a> {
    section: Option<&'a Section>,
    variables: &'a Variables<'a>,
    problems: Vec<VariableProblem>,
    references: usize,
    added: usize,
    /// Nothing more is to be expanded.
    over: bool,
    text: Text,
}

impl<'a> Work<'a> {
    fn report(&mut self, kind: VariableProblemKind, value: &Text, range: Range<usize>) {
        // A value has a thousand signs of the same fault or none: the first is enough.
        let known = self.problems.iter().any(|problem| {
            problem.kind == kind
                && Arc::ptr_eq(&problem.place.source, value.source())
                && (kind == VariableProblemKind::LonePercent || problem.place.span == value.span(range.clone()))
        });
        if !known {
            self.problems.push(VariableProblem { kind, place: value.place_of(range) });
        }
        self.over |= self.problems.len() == MAX_PROBLEMS;
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
                self.report(VariableProblemKind::LonePercent, value, at..at + 1);
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
            self.report(VariableProblemKind::BadReference, value, at..at + 2);
            return 2;
        };
        let length = name.len() + 4;
        let range = at..at + length;
        let span = outer.unwrap_or_else(|| value.span(range.clone()));
        self.references += 1;
        if self.references > MAX_REFERENCES || self.added > MAX_ADDED {
            self.over = true;
            self.report(VariableProblemKind::TooLong, value, range);
            return length;
        }
        let name = name.to_lowercase();
        match self.find(&name) {
            None => self.report(VariableProblemKind::Undefined(name), value, range),
            Some(Found::Literal(text)) => self.add(text, span),
            Some(Found::Value(found)) if !found.as_str().contains('%') => self.add(found.as_str(), span),
            Some(Found::Value(_)) if depth == MAX_DEPTH => self.report(VariableProblemKind::TooDeep, value, range),
            Some(Found::Value(found)) => self.expand(found, Some(span), depth + 1),
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

    fn find(&self, name: &str) -> Option<Found<'a>> {
        let variables = self.variables;
        let default = |document: &'a Document| document.section(DEFAULT).and_then(|section| section.entry(name));
        let written = self.section.and_then(|section| section.entry(name));
        let written = written.or_else(|| variables.defines.and_then(default));
        if let Some(entry) = written.or_else(|| default(variables.document)) {
            return Some(Found::Value(&entry.value));
        }
        let predefined = variables.predefined.iter().find(|(known, _)| *known == name);
        predefined.map(|(_, text)| Found::Literal(text))
    }
}
