//! Lints on the text of single steps: commands that probably do something unintended.

use crate::config::duration::duration;
use crate::config::{Entry, Lint, Place, Scope, Text, quoted};
use crate::model::{Mode, Step};

/// Commands that only change the state of their own shell. `.` and `source` are not listed: the file may do more.
const STATE: [&str; 7] = ["cd", "pushd", "export", "umask", "ulimit", "alias", "unset"];

/// Checks a command, which begins at byte `at` of the value of a step.
pub(in crate::config) fn check(scope: &mut Scope<'_>, entry: &Entry, step: &Step, text: &Text, at: usize) {
    let command = text.as_str()[at..].trim_end();
    let place = |from: usize, to: usize| text.place_of(at + from..at + to);
    if let Some(length) = reversed_prefix(command) {
        let time = &command[..length - 1];
        let word = ["until", "for"].into_iter().find(|word| entry.key() == *word).unwrap_or("timeout");
        let message = format!("{} is not a prefix, so it runs as part of the command", quoted(&command[..length]));
        let hint = format!("write `{word}{time}:` before the command");
        scope.report(Lint::ReversedPrefix, place(0, length), message, hint);
    }
    if is_in_background(command) {
        let hint = match step.mode {
            Mode::Spawn => "leave the `&` out: the next step does not wait for a step with `spawn:`",
            _ => "write `spawn:command` without the `&`; the step is then stopped when the trial ends",
        };
        let message = "this command leaves a process in the background, which does not belong to the step any more";
        scope.report(Lint::Background, place(command.len() - 1, command.len()), message, hint);
    }
    if let Some(word) = only_state(command) {
        let message = format!("{} has no effect on other steps, because each step has its own shell", quoted(word));
        let hint = "write it before a command, as in `cd /srv && make`, or use `directory` or `[Environment]`";
        scope.report(Lint::LostState, place(0, command.len()), message, hint);
    }
}

/// Warns about a label that looks like a part of a command.
pub(in crate::config) fn check_label(scope: &mut Scope<'_>, entry: &Entry) {
    let label = entry.written_key();
    let has_operator = label.contains(['$', '|', '<', '>', ';', '"', '`']) || label.ends_with(['!', '+', '-']);
    if has_operator || entry.value.as_str().starts_with('=') {
        let message = format!("the label {} looks like a part of a command", quoted(label));
        let hint =
            "the line was split at its first `=` or `:`; write `label = command`, as in `check = test \"$n\" -ge 10`";
        scope.report(Lint::CommandAsLabel, entry.key_place(), message, hint);
    }
}

/// Returns the length of a time with a colon at the start of a command, as in `30s:ping`.
fn reversed_prefix(command: &str) -> Option<usize> {
    let (time, rest) = command.split_once(':')?;
    let is_time = time.starts_with(|first: char| first.is_ascii_digit()) && duration(time).is_ok();
    (is_time && !rest.trim().is_empty()).then_some(time.len() + 1)
}

fn is_in_background(command: &str) -> bool {
    command
        .strip_suffix('&')
        .is_some_and(|before| !before.trim_end().is_empty() && !before.ends_with(['&', '\\', '>', '<', '|']))
}

/// Returns the first word of a command that only changes the state of its shell.
fn only_state(command: &str) -> Option<&str> {
    if command.contains([';', '&', '|', '\n', '(', '`', '<', '>']) {
        return None;
    }
    let word = command.split_whitespace().next()?;
    let is_assignment = || {
        let (name, _) = command.split_once('=')?;
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        (is_name && !command.contains(char::is_whitespace) && !name.starts_with(|c: char| c.is_ascii_digit()))
            .then_some(name)
    };
    // A sourced script can do anything, and a missing folder is an error.
    STATE.contains(&word).then_some(word).or_else(is_assignment)
}

/// Returns the variables of this program that a command uses, with their places.
pub(in crate::config) fn variables(text: &Text, at: usize) -> Vec<(String, Place)> {
    const PREFIX: &str = "CONDUCTOR_";
    let whole = text.as_str();
    let is_used = |(found, _): &(usize, &str)| whole[..*found].ends_with('$') || whole[..*found].ends_with("${");
    let uses = whole.match_indices(PREFIX).filter(|(found, _)| *found >= at).filter(is_used);
    let name = |(found, _): (usize, &str)| {
        let rest = &whole[found..];
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        (rest[..length].to_owned(), text.place_of(found..found + length))
    };
    uses.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_before_a_colon_is_a_reversed_prefix() {
        for (command, length) in [("30s:ping x", Some(4)), ("5:cmd", Some(2)), ("1m30s: cmd", Some(6))] {
            assert_eq!(reversed_prefix(command), length, "{command}");
        }
        for command in ["ping 30s:x", "30s", "30s:", "127.0.0.1:80 x", "x:30s", "30x:cmd"] {
            assert_eq!(reversed_prefix(command), None, "{command}");
        }
    }

    #[test]
    fn a_last_ampersand_leaves_a_process_in_the_background() {
        for (command, expected) in [
            ("server &", true),
            ("a; b&", true),
            ("a && b", false),
            ("a &&", false),
            ("a \\&", false),
            ("a 2>&1", false),
            ("&", false),
        ] {
            assert_eq!(is_in_background(command), expected, "{command}");
        }
    }

    #[test]
    fn state_is_lost_only_if_nothing_else_is_done() {
        for (command, word) in [("cd /srv", Some("cd")), ("export A=1 B=2", Some("export")), ("A=1", Some("A"))] {
            assert_eq!(only_state(command), word, "{command}");
        }
        for command in [
            "cd /srv && make",
            "A=1 make",
            "exports",
            ". ./script",
            "A=$(date)",
            "cd x; y",
            "test a=b",
            "umask 022\nmake",
        ] {
            assert_eq!(only_state(command), None, "{command}");
        }
    }
}
