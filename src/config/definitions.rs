//! The variables that hold for a test and for each worker, with their origins, for `configuration.json`.

use super::interpolate::Addresses;
use super::scope::Scope;
use super::series::Parameter;
use super::{DEFAULT, Document};
use crate::model::{Definition, Definitions, Origin};

/// The variables that are the same for all workers: those of the command line, of the test file, and the addresses. Of two
/// with the same name, only the one that holds is there. Values are as they were written.
pub(super) fn of_test(test: &Document, defines: &Document, addresses: &Addresses) -> Definitions {
    let of_worker =
        |(name, address): (&String, &Option<String>)| Some(defined(name, address.as_ref()?, Origin::Address));
    let mut all: Definitions = addresses.iter().filter_map(of_worker).collect();
    all.extend(of_file(test));
    all.extend(of_command_line(defines));
    all
}

/// The parameters of a series, as they were written.
pub(super) fn of_parameters<'a>(
    parameters: impl Iterator<Item = &'a Parameter>,
) -> impl Iterator<Item = (String, Definition)> {
    parameters.map(|Parameter { name, place, written }| defined(name, written, Origin::Parameter(place.line())))
}

/// The variables of one worker that take precedence over those of the test, but not over those of the command line.
pub(super) fn of_worker(scope: &Scope<'_>) -> Definitions {
    let known =
        scope.predefined.iter().filter_map(|(name, value)| Some(defined(name, value.as_ref()?, Origin::Predefined)));
    let mut all: Definitions = known.collect();
    if scope.has_file() {
        all.extend(of_file(scope.document));
    }
    all.retain(|name, _| scope.defines.section(DEFAULT).is_none_or(|section| section.entry(name).is_none()));
    all
}

fn defined(name: &str, value: &str, origin: Origin) -> (String, Definition) {
    (name.to_owned(), Definition { value: value.to_owned(), origin })
}

fn of_file(document: &Document) -> impl Iterator<Item = (String, Definition)> {
    let entries = document.section(DEFAULT).map_or(&[][..], |section| &section.entries);
    // Of two with the same key, which is an error, the first holds.
    entries.iter().rev().map(|entry| defined(entry.key(), &entry.value, Origin::File(entry.key_place().line())))
}

fn of_command_line(defines: &Document) -> impl Iterator<Item = (String, Definition)> {
    let entries = defines.section(DEFAULT).map_or(&[][..], |section| &section.entries);
    // A later one was put before the earlier ones. Options that serve as settings are no variables.
    let variables = entries.iter().rev().filter(|entry| !entry.key().starts_with("--"));
    variables.map(|entry| defined(entry.key(), &entry.value, Origin::CommandLine))
}
