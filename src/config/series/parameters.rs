//! `[Parameters]`: the values of each parameter, as written.
//!
//! `qdisc = codel, pfifo` and `streams = [1-8], 16` have their values on one line. If there are several lines, each is
//! a value. After `rate rtt =`, each line has one value for each name.

use crate::config::interpolate::{PLACEHOLDER, PREDEFINED};
use crate::config::{Diagnostic, Diagnostics, Document, Entry, Lint, PARAMETERS, Place, Refusal, is_space, quoted};
use crate::model::variable;

/// The maximum number of values on one line.
const MOST_VALUES: usize = 10_000;

/// The parameters of a test.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Parameters {
    /// The groups. Parameters that vary together form one group.
    pub(super) groups: Vec<Group>,
}

/// Parameters that vary together: a single one, or several tied ones.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) parameters: Vec<Parameter>,
    /// The values; each row contains one for each parameter.
    pub(super) rows: Vec<Vec<String>>,
    /// Whether placeholders replace invalid values.
    is_guess: bool,
    pub(super) place: Place,
}

/// A parameter. Its name is in lower case.
#[derive(Debug, Clone)]
pub(in crate::config) struct Parameter {
    pub(in crate::config) name: String,
    pub(in crate::config) place: Place,
    /// Its values, as written.
    pub(in crate::config) written: String,
}

impl Parameter {
    /// Returns the environment variable with its value in steps and `check`.
    pub(in crate::config) fn variable(&self) -> String {
        variable("CONDUCTOR_PARAM", &self.name)
    }
}

impl Parameters {
    /// Iterates over all parameters, in order.
    pub(in crate::config) fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.groups.iter().flat_map(|group| &group.parameters)
    }

    /// Returns the first value of each.
    pub(in crate::config) fn first(&self) -> Vec<(String, String)> {
        let of_group = |group: &Group| {
            let values = group.rows.first().cloned().unwrap_or_default();
            group.parameters.iter().map(|parameter| parameter.name.clone()).zip(values).collect::<Vec<_>>()
        };
        self.groups.iter().flat_map(of_group).collect()
    }

    /// Returns whether placeholders replace invalid values.
    pub(super) fn is_guess(&self) -> bool {
        self.groups.iter().any(|group| group.is_guess)
    }

    /// Returns their names.
    pub(in crate::config) fn names(&self) -> Vec<String> {
        self.iter().map(|parameter| parameter.name.clone()).collect()
    }
}

/// Reads `[Parameters]`, and reports its mistakes.
pub(in crate::config) fn read(test: &Document, diagnostics: &mut Diagnostics) -> Parameters {
    let mut parameters = Parameters::default();
    for entry in test.section(PARAMETERS).iter().flat_map(|section| &section.entries) {
        match group(entry) {
            Ok(group) => parameters.groups.push(group),
            Err(Refusal { problem, hint }) => {
                let message = format!("the parameter {} {problem}", quoted(entry.written_key()));
                diagnostics.push(Diagnostic::new(Lint::InvalidValue, entry.value.place(), message, hint));
                parameters.groups.push(unknown(entry));
            }
        }
    }
    refuse_names(&parameters, diagnostics);
    parameters
}

fn group(entry: &Entry) -> Result<Group, Refusal> {
    let text = entry.value.as_str();
    let parameters = parameters(entry, text.trim_matches(is_space));
    let lines = || text.split('\n').map(|line| line.trim_matches(is_space)).filter(|line| !line.is_empty());
    let rows: Vec<Vec<String>> = match parameters.len() {
        1 if text.contains('\n') => lines().map(|line| vec![line.to_owned()]).collect(),
        1 => list(text)?.into_iter().map(|value| vec![value]).collect(),
        _ => lines().map(|line| line.split_whitespace().map(str::to_owned).collect()).collect(),
    };
    if let Some(wrong) = rows.iter().find(|row| row.len() != parameters.len()) {
        let problem = format!("has {} values on a line, and {} names", wrong.len(), parameters.len());
        return Err(Refusal::new(problem, "write one value for each name, separated by blanks"));
    }
    if rows.is_empty() {
        return Err(Refusal::new("has no value", "write its values, separated by commas or one a line"));
    }
    if rows.iter().flatten().any(|value| value.contains('\0')) {
        return Err(Refusal::new("has a NUL character in a value", "leave the character out"));
    }
    Ok(Group { parameters, rows, is_guess: false, place: entry.key_place() })
}

/// Returns the parameters of a line, with their values as written.
fn parameters(entry: &Entry, written: &str) -> Vec<Parameter> {
    let parameter =
        |name: &str| Parameter { name: name.to_owned(), place: entry.key_place(), written: written.to_owned() };
    entry.key().split_whitespace().map(parameter).collect()
}

/// Creates parameters with placeholders for invalid values, so that references to them are not reported, too.
fn unknown(entry: &Entry) -> Group {
    let parameters = parameters(entry, "");
    let row = parameters.iter().map(|_| PLACEHOLDER.to_owned()).collect();
    Group { parameters, rows: vec![row], is_guess: true, place: entry.key_place() }
}

/// Parses the values of a line: separated by commas, each may be a range `[1-8]`.
fn list(text: &str) -> Result<Vec<String>, Refusal> {
    let mut values = Vec::new();
    for item in text.split(',').map(|item| item.trim_matches(is_space)) {
        if item.is_empty() {
            return Err(Refusal::new("has an empty value", "remove the comma, or write one value a line"));
        }
        match range(item) {
            Some((first, last, _)) if first > last => {
                return Err(Refusal::new(
                    format!("has the range {}, which ends before it begins", quoted(item)),
                    "write a range as `[1-8]`",
                ));
            }
            Some((first, last, width)) if last - first < MOST_VALUES as u64 => {
                values.extend((first..=last).map(|number| format!("{number:0width$}")));
            }
            Some(_) => return Err(Refusal::new("has more than 10000 values", "use a smaller range")),
            None => values.push(item.to_owned()),
        }
    }
    Ok(values)
}

/// Returns the first and the last number of `[1-8]`, and the minimum number of digits.
fn range(item: &str) -> Option<(u64, u64, usize)> {
    let (first, last) = item.strip_prefix('[')?.strip_suffix(']')?.split_once('-')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let width = if first.starts_with('0') { first.len() } else { 1 };
    (digits(first) && digits(last)).then_some(())?;
    Some((first.parse().ok()?, last.parse().ok()?, width))
}

/// Reports names that have another meaning, and repeated ones.
fn refuse_names(parameters: &Parameters, diagnostics: &mut Diagnostics) {
    const HINT: &str = "a name consists of letters, digits, `_`, `-` and `.`";
    let all: Vec<&Parameter> = parameters.iter().collect();
    for (at, parameter) in all.iter().enumerate() {
        let Parameter { name, place, .. } = parameter;
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let wrong = if PREDEFINED.contains(&name.as_str()) {
            Some((format!("each worker has the variable {} already", quoted(name)), "choose another name"))
        } else if !name.chars().all(is_name) {
            Some((format!("{} is not the name of a parameter", quoted(name)), HINT))
        } else {
            None
        };
        let error = |(message, hint)| Diagnostic::new(Lint::InvalidValue, place.clone(), message, hint);
        diagnostics.extend(wrong.map(error));
        if let Some(first) = all[..at].iter().find(|first| first.variable() == parameter.variable()) {
            let (lint, message) = if first.name == *name {
                (Lint::DuplicateKey, format!("the parameter {} is defined twice", quoted(name)))
            } else {
                let (one, other) = (quoted(&first.name), quoted(name));
                let message =
                    format!("the parameters {one} and {other} would have the same variable `{}`", parameter.variable());
                (Lint::ParameterVariableCollision, message)
            };
            let error = Diagnostic::new(lint, place.clone(), message, "rename one of them");
            diagnostics.push(error.other(first.place.clone(), "the other one is defined here"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::config::{Source, dialect};

    fn parse(lines: &str) -> (Vec<String>, Vec<String>) {
        let source = Arc::new(Source::new(Path::new("t"), 1, format!("[Parameters]\n{lines}\n").as_bytes()));
        let mut diagnostics = Diagnostics::default();
        let document = dialect::read(&source, &mut diagnostics);
        let parameters = read(&document, &mut diagnostics);
        let group = |group: &Group| {
            let names: Vec<_> = group.parameters.iter().map(|parameter| parameter.name.as_str()).collect();
            let rows: Vec<_> = group.rows.iter().map(|row| row.join("+")).collect();
            format!("{}: {}", names.join("+"), rows.join("|"))
        };
        let found = diagnostics.iter().map(|finding| finding.message.clone()).collect();
        (parameters.groups.iter().map(group).collect(), found)
    }

    #[test]
    fn values_are_lists_ranges_lines_or_tied() {
        for (written, expected) in [
            ("qdisc = fq_codel,codel , pfifo", "qdisc: fq_codel|codel|pfifo"),
            ("streams = [1-3], 16", "streams: 1|2|3|16"),
            ("n = [08-10]", "n: 08|09|10"),
            ("share = 5%, %(x)s, [a-b]", "share: 5%|%(x)s|[a-b]"),
            ("link =\n  delay 10ms, loss 1%\n\n  delay 50ms", "link: delay 10ms, loss 1%|delay 50ms"),
            ("rate RTT =\n  10mbit 100ms\n  100mbit 20ms", "rate+rtt: 10mbit+100ms|100mbit+20ms"),
        ] {
            assert_eq!(parse(written), (vec![expected.to_owned()], Vec::new()), "{written}");
        }
    }

    #[test]
    fn what_is_wrong_with_parameters_is_named() {
        for (written, expected) in [
            ("a =", "the parameter `a` has an empty value"),
            ("a = 1,,2", "the parameter `a` has an empty value"),
            ("a = [3-1]", "the parameter `a` has the range `[3-1]`, which ends before it begins"),
            ("a = [1-99999]", "the parameter `a` has more than 10000 values"),
            ("a b =\n  1 2\n  3", "the parameter `a b` has 1 values on a line, and 2 names"),
            ("a b =", "the parameter `a b` has no value"),
            ("worker = x", "each worker has the variable `worker` already"),
            ("ä = x", "`ä` is not the name of a parameter"),
            ("a b =\n  1 2\nb = 3", "the parameter `b` is defined twice"),
            ("a-b = 1\na_b = 2", "the parameters `a-b` and `a_b` would have the same variable `CONDUCTOR_PARAM_A_B`"),
        ] {
            assert_eq!(parse(written).1, [expected], "{written}");
        }
    }
}
