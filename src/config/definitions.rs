//! The variables of a test and of each worker, with their origins, for `configuration.json`.

use super::interpolate::Addresses;
use super::scope::Scope;
use super::series::Parameter;
use super::{DEFAULT, Document};
use crate::model::{Definition, Definitions, Origin};

/// Returns the variables that are the same for all workers: those of the command line and of the test file, and the
/// addresses. If a name occurs twice, only the effective one is included. Values are as written.
pub(super) fn of_test(test: &Document, defines: &Document, addresses: &Addresses) -> Definitions {
    let of_worker =
        |(name, address): (&String, &Option<String>)| Some(defined(name, address.as_ref()?, Origin::Address));
    let mut all: Definitions = addresses.iter().filter_map(of_worker).collect();
    all.extend(of_file(test));
    all.extend(of_command_line(defines));
    all
}

/// Returns the parameters of a series, as written.
pub(super) fn of_parameters<'a>(
    parameters: impl Iterator<Item = &'a Parameter>,
) -> impl Iterator<Item = (String, Definition)> {
    parameters.map(|Parameter { name, place, written }| defined(name, written, Origin::Parameter(place.line())))
}

/// Returns the variables of a worker that override those of the test, but not those of the command line.
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
    // A repeated key is an error; the first one is used.
    entries.iter().rev().map(|entry| defined(entry.key(), &entry.value, Origin::File(entry.key_place().line())))
}

fn of_command_line(defines: &Document) -> impl Iterator<Item = (String, Definition)> {
    let entries = defines.section(DEFAULT).map_or(&[][..], |section| &section.entries);
    // Later options precede earlier ones in the document. Options that serve as settings are not variables.
    let variables = entries.iter().rev().filter(|entry| !entry.key().starts_with("--"));
    variables.map(|entry| defined(entry.key(), &entry.value, Origin::CommandLine))
}
