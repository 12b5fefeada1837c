//! The files and functions that the documents for developers name are there.

use crate::support::documents::{pages, quoted, read, root};

/// Whether a source has this function, or this type.
fn has(source: &str, name: &str) -> bool {
    let kinds: &[&str] =
        if name.starts_with(char::is_uppercase) { &["struct", "enum", "trait", "type"] } else { &["fn"] };
    let is_end = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
    kinds.iter().any(|kind| {
        let head = format!("{kind} {name}");
        source.match_indices(&head).any(|(at, _)| is_end(&source[at + head.len()..]))
    })
}

#[test]
fn every_function_that_a_document_names_is_in_its_file() {
    let mut seen = 0;
    for page in pages() {
        let text = read(&page);
        for name in quoted(&text.replace("```", "")) {
            let Some((file, items)) = name.split_once(".rs::") else { continue };
            let source = read(&format!("{file}.rs"));
            for item in items.split("::") {
                assert!(has(&source, item), "{page}: {file}.rs has no `{item}`");
            }
            seen += 1;
        }
    }
    assert!(seen > 40, "the functions are found: {seen}");
}

#[test]
fn every_file_that_a_document_names_is_there() {
    let folders = ["src/", "tests/", "benches/", "docs/", "scripts/", "testdata/", "fuzz/", ".ci/"];
    for page in pages() {
        let text = read(&page);
        for name in quoted(&text.replace("```", "")) {
            let file = name.split("::").next().unwrap_or_default();
            if folders.iter().any(|folder| file.starts_with(folder)) && !file.contains(['*', ' ', 'N']) {
                assert!(root().join(file).exists(), "{page} names `{file}`");
            }
        }
    }
}

#[test]
fn every_module_of_tests_that_a_document_names_is_there() {
    let modules = read("tests/it/main.rs");
    for page in pages() {
        for (_, name) in quoted(&read(&page).replace("```", "")).filter_map(|quoted| quoted.split_once("--test it ")) {
            assert!(modules.contains(&format!("\nmod {};", name.trim_end_matches(':'))), "{page}: `{name}`");
        }
    }
}

#[test]
fn a_function_is_found_by_its_whole_name() {
    let source = "pub(super) fn start_all<T>(x: T) {}\nstruct Link;\n";
    assert!(has(source, "start_all") && has(source, "Link"));
    assert!(!has(source, "start") && !has(source, "Lin") && !has(source, "all"));
}

#[test]
fn the_terms_of_the_glossary_are_in_order_and_defined_once() {
    let text = read("docs/glossary.md");
    let terms = text.lines().filter_map(|line| line.strip_prefix("**")?.split_once("**"));
    let terms: Vec<_> = terms.map(|(term, _)| term.trim_matches('`').to_lowercase()).collect();
    assert!(terms.len() > 60);
    for pair in terms.windows(2) {
        assert!(pair[0] < pair[1], "`{}` comes before `{}`", pair[0], pair[1]);
    }
}
