//! Lints on all steps of one worker.

use std::collections::BTreeMap;

use super::{LocatedStep, Steps, all, repeated};
use crate::config::{Diagnostic, Lint, Place, Scope, nearest, quoted};
use crate::model::{Action, Mode, Phase, in_scratch, variable};

/// Runs all lints of this module.
pub(in crate::config) fn check(scope: &mut Scope<'_>, steps: &Steps) {
    const ALL: [fn(&Steps) -> Vec<Diagnostic>; 5] =
        [reference_without_spawn, process_variable_collision, repeated_barrier, fetch_collision, misspelt_scratch];
    for lint in ALL {
        scope.context.diagnostics.extend(lint(steps));
    }
}

/// Reports `stop:` or `await:` of a step that is not spawned earlier, in the same phase or an earlier one.
fn reference_without_spawn(steps: &Steps) -> Vec<Diagnostic> {
    // Labels are keys, so case does not matter.
    let mut spawned: BTreeMap<String, (usize, &LocatedStep)> = BTreeMap::new();
    for (position, located) in all(steps).enumerate().filter(|(_, located)| located.step.mode == Mode::Spawn) {
        spawned.entry(located.step.label.as_str().to_lowercase()).or_insert((position, located));
    }
    let finding = |(position, located): (usize, &LocatedStep)| {
        let (lint, label, [done, to_do]) = match &located.step.action {
            Action::Stop(label) => (Lint::StopWithoutSpawn, label, ["stopped", "stop"]),
            Action::Await { label, .. } => (Lint::AwaitWithoutSpawn, label, ["awaited", "await"]),
            _ => return None,
        };
        let label = label.as_str();
        let later = spawned.get(&label.to_lowercase());
        if later.is_some_and(|(spawned, _)| *spawned < position) {
            return None;
        }
        let message = format!("step {} is not spawned before it is {done} here", quoted(label));
        let error = |hint: String| Diagnostic::new(lint, located.action.clone(), message, hint);
        Some(match later {
            Some((_, later)) => {
                error(format!("{to_do} it after that step")).other(later.key.clone(), "it is spawned here")
            }
            None => error(spawn_hint(steps, spawned.keys(), label, done)),
        })
    };
    all(steps).enumerate().filter_map(finding).collect()
}

fn spawn_hint<'a>(steps: &Steps, spawned: impl Iterator<Item = &'a String>, label: &str, done: &str) -> String {
    let key = label.to_lowercase();
    if all(steps).any(|located| located.step.label.as_str().to_lowercase() == key) {
        return format!("only spawned steps can be {done}: write `{label} = spawn:…`");
    }
    // A few are enough to find a typo, and many would take time.
    let known = spawned.map(String::as_str).take(100);
    nearest::hint_or(&key, known, || format!("start it with `{label} = spawn:…`, or remove this step"))
}

/// Reports two spawned steps with different labels and the same variable.
fn process_variable_collision(steps: &Steps) -> Vec<Diagnostic> {
    let label = |located: &LocatedStep| located.step.label.as_str().to_owned();
    let spawned = all(steps).filter(|located| located.step.mode == Mode::Spawn);
    let spawned = spawned.map(|located| (variable("CONDUCTOR_PID", &label(located)), located));
    let finding = |(variable, first, again): (String, &LocatedStep, &LocatedStep)| {
        let (first_label, label) = (label(first), label(again));
        if first_label.to_lowercase() == label.to_lowercase() {
            return None;
        }
        let (first_label, label) = (quoted(&first_label), quoted(&label));
        let message = format!("the spawned steps {first_label} and {label} both have the variable `{variable}`");
        let hint = "give one of them a label with other letters or digits";
        let warning = Diagnostic::new(Lint::ProcessVariableCollision, again.key.clone(), message, hint);
        Some(warning.other(first.key.clone(), format!("{first_label} is defined here")))
    };
    repeated(spawned).filter_map(finding).collect()
}

/// Reports a barrier that a worker reaches twice in a phase: it would wait for itself.
fn repeated_barrier(steps: &Steps) -> Vec<Diagnostic> {
    let steps = steps.iter().flat_map(|(phase, steps)| steps.iter().map(move |located| (phase, located)));
    let barriers = steps.filter_map(|(phase, located)| match &located.step.action {
        Action::Barrier(name) => Some(((phase, name), located)),
        _ => None,
    });
    let finding = |((phase, name), first, again): ((Phase, &String), &LocatedStep, &LocatedStep)| {
        let message = format!("`[{}]` has the barrier {} twice", phase.section(), quoted(name));
        let hint = "give one of them another name, in the files of all workers that wait there";
        let error = Diagnostic::new(Lint::RepeatedBarrier, again.action.clone(), message, hint);
        error.other(first.action.clone(), "first used here")
    };
    repeated(barriers).map(finding).collect()
}

/// Iterates over the steps that fetch files, with their patterns.
fn fetches(steps: &Steps) -> impl Iterator<Item = (&str, &LocatedStep)> {
    all(steps).filter_map(|located| match &located.step.action {
        Action::Fetch(pattern) => Some((pattern.as_str(), located)),
        _ => None,
    })
}

/// Warns about two fetches whose files have the same names.
fn fetch_collision(steps: &Steps) -> Vec<Diagnostic> {
    let finding = |(name, first, again): (&str, &LocatedStep, &LocatedStep)| {
        let message = format!("this worker fetches {} twice", quoted(name));
        let hint = "files are stored by their path below the last folder before a wildcard; fetch both with one pattern, such as `/tmp/*/a.log`";
        let warning = Diagnostic::new(Lint::FetchCollision, again.action.clone(), message, hint);
        warning.other(first.action.clone(), "first fetched here")
    };
    repeated(fetches(steps).map(|(pattern, located)| (kept_name(pattern), located))).map(finding).collect()
}

/// Warns about a fetch whose pattern begins with a misspelt `scratch:`.
fn misspelt_scratch(steps: &Steps) -> Vec<Diagnostic> {
    const SCRATCH: &str = "scratch";
    let finding = |(pattern, located): (&str, &LocatedStep)| {
        let (word, rest) = pattern.split_once(':')?;
        nearest::nearest(word.trim(), [SCRATCH]).filter(|_| word != SCRATCH)?;
        let message = format!("{} is not `scratch:`, so it is part of the file's name", quoted(&format!("{word}:")));
        let hint = format!("did you mean {}?", quoted(&format!("fetch:{SCRATCH}:{rest}")));
        Some(Diagnostic::new(Lint::MisspeltPrefix, located.action.clone(), message, hint))
    };
    fetches(steps).filter_map(finding).collect()
}

/// Reports fetches of a run without a results folder.
pub(in crate::config) fn fetch_without_results(steps: &Steps) -> impl Iterator<Item = Diagnostic> {
    let message = "`fetch:` needs a results folder";
    let hint = "set `results = FOLDER` in `[Test]`, or run `conduct` with `--results FOLDER`";
    let finding = move |place: &Place| Diagnostic::new(Lint::FetchWithoutResults, place.clone(), message, hint);
    fetches(steps).map(move |(_, located)| finding(&located.action))
}

/// Returns the part of a pattern after the folders before the first wildcard.
fn kept_name(pattern: &str) -> &str {
    let pattern = in_scratch(pattern).unwrap_or(pattern);
    let fixed = pattern.find(['*', '?', '[']).unwrap_or(pattern.len());
    let start = pattern[..fixed].rfind('/').map_or(0, |slash| slash + 1);
    &pattern[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_kept_by_its_path_below_the_fixed_part() {
        for (pattern, kept) in [
            ("/a/b/c.log", "c.log"),
            ("/a/b*/c", "b*/c"),
            ("/a/*.log", "*.log"),
            ("x", "x"),
            ("/", ""),
            ("scratch:a", "a"),
        ] {
            assert_eq!(kept_name(pattern), kept, "{pattern}");
        }
    }
}
