//! The documents of the repository as the tests read them: pages, blocks of code, tables.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The folder of the repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents: those in the root of the repository, and those in `docs`.
pub fn pages() -> Vec<String> {
    let files = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder of documents");
        let names = entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned());
        let is_page = |name: &String| Path::new(name).extension().is_some_and(|extension| extension == "md");
        names.filter(is_page).map(|name| format!("{folder}{name}")).collect()
    };
    let mut pages = files("");
    pages.extend(files("docs/"));
    pages.sort();
    pages
}

/// The blocks of code in this language.
pub fn blocks(page: &str, language: &str) -> Vec<String> {
    let text = read(page);
    let parts = text.split("\n```").skip(1).step_by(2);
    parts.filter_map(|block| Some(format!("{}\n", block.strip_prefix(language)?.strip_prefix('\n')?))).collect()
}

/// The rows of the table whose header begins with this cell: the text of each cell.
pub fn table(page: &str, header: &str) -> Vec<Vec<String>> {
    let text = read(page);
    let head = format!("| {header} |");
    let rows: Vec<_> = text
        .lines()
        .skip_while(|line| !line.starts_with(&head))
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(cells)
        .collect();
    assert!(!rows.is_empty(), "{page} has no table `{header}`");
    rows
}

fn cells(line: &str) -> Vec<String> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// What is written between backticks.
pub fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The links of a page: the text between the parentheses of `[…](…)`.
pub fn links(page: &str) -> Vec<String> {
    let text = read(page);
    let links = text.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    links.map(|(target, _)| target.to_owned()).collect()
}

/// The file that a link of a page means.
pub fn target(page: &str, link: &str) -> PathBuf {
    let file = link.split('#').next().unwrap_or_default();
    let page = root().join(page);
    if file.is_empty() { page } else { page.parent().expect("a page is in a folder").join(file) }
}

/// The anchor of each heading of a page, as GitHub makes it.
pub fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let words = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(anchor).collect()
}

/// The strings of a constant list of the sources.
pub fn strings(file: &str, constant: &str) -> BTreeSet<String> {
    let source = read(file);
    let (_, rest) = source.split_once(constant).unwrap_or_else(|| panic!("{file} has `{constant}`"));
    let (_, list) = rest.split_once('=').and_then(|(_, rest)| rest.split_once('[')).expect("a list");
    let (list, _) = list.split_once("];").expect("its end");
    list.split('"').skip(1).step_by(2).map(str::to_owned).collect()
}
