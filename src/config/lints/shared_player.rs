//! Lint on workers that use the same player and run the same commands there, and so interfere with each other.

use std::collections::BTreeMap;

use super::{Steps, all};
use crate::config::{Diagnostic, Diagnostics, Lint, Place};
use crate::model::{PlayerAddress, SCRATCH_VARIABLE, WorkerPlan};

/// Variables that distinguish workers even if their commands have the same text.
const DIFFERENT: [&str; 2] = ["CONDUCTOR_WORKER", SCRATCH_VARIABLE];

/// A worker, and the place of its line.
type Placed<'a> = (&'a WorkerPlan, &'a Steps, &'a Place);

/// Warns about workers with the same player, steps, environment and folder.
pub(in crate::config) fn check<'a>(workers: impl IntoIterator<Item = Placed<'a>>, diagnostics: &mut Diagnostics) {
    // Compare only workers that share the section of their first command.
    let mut groups: BTreeMap<(String, usize, usize), Vec<Placed<'_>>> = BTreeMap::new();
    for (plan, steps, place) in workers {
        // The address is invalid, or only the command line sets it.
        if matches!(&plan.player, PlayerAddress::Port(destination) if destination.host.is_empty()) {
            continue;
        }
        let first = all(steps).find(|located| located.step.command().is_some());
        if let Some(first) = first {
            let key = (plan.player.to_string(), first.key.source.order(), first.key.span.start);
            groups.entry(key).or_default().push((plan, steps, place));
        }
    }
    for group in groups.values() {
        let Some((&first, others)) = group.split_first() else { continue };
        let same = others.iter().filter(|other| are_same(first, **other)).count();
        if same == 0 || is_different(first.1) {
            continue;
        }
        let others = if same == 1 { "another worker".to_owned() } else { format!("{same} other workers") };
        let message = format!("`{}` and {others} run the same commands on one player", first.0.name);
        let hint = "tell them apart with `%(worker)s` or `%(index)s`, or write `shared_player = yes` in `[Test]`";
        diagnostics.push(Diagnostic::new(Lint::SharedPlayer, first.2.clone(), message, hint));
    }
}

fn are_same(left: Placed<'_>, right: Placed<'_>) -> bool {
    let has_same_settings = left.0.environment == right.0.environment && left.0.directory == right.0.directory;
    has_same_settings && all(left.1).map(|it| &it.step).eq(all(right.1).map(|it| &it.step))
}

fn is_different(steps: &Steps) -> bool {
    let mut commands = all(steps).filter_map(|located| located.step.command());
    commands.any(|command| DIFFERENT.iter().any(|word| command.contains(word)))
}
