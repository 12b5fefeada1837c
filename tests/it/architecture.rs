//! The structure of the sources: which module may import which, and that each file says what it holds.

use std::fs;
use std::path::{Path, PathBuf};

/// What each module may use of ours, as the table in `src/lib.rs` has it.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("wait", &[]),
    ("model", &[]),
    ("config", &["model"]),
    ("wire", &["model"]),
    ("conduct", &["model", "wait", "wire"]),
    ("player", &["model", "wait", "wire", "sys"]),
    ("report", &["model"]),
    ("sys", &["wait"]),
    ("cli", &["config", "model", "report"]),
    ("telemetry", &["wait"]),
    ("exit_code", &["model"]),
];

fn sources() -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            } else if entry.path().extension().is_some_and(|extension| extension == "rs") {
                found.push((entry.path(), fs::read_to_string(entry.path()).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches"] {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    assert!(found.len() > 100, "the sources are found");
    found
}

/// The module of the library to which a file belongs, if it belongs to one.
fn module(path: &Path) -> Option<String> {
    let inside = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).ok()?;
    let first = inside.iter().next()?.to_str()?;
    Some(first.trim_end_matches(".rs").to_owned())
}

/// The modules of ours that a text names, by `crate::NAME` or by `crate::{NAME, …}`.
fn used(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let list = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or(rest, |(list, _)| list);
        let several = if rest.starts_with('{') { list.split(',').collect() } else { vec![list] };
        names.extend(
            several
                .into_iter()
                .map(|name| name.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>()),
        );
    }
    names
}

#[test]
fn modules_use_only_what_the_table_allows() {
    let mut seen = 0;
    for (path, text) in sources() {
        let Some(module) = module(&path) else { continue };
        let Some((_, allowed)) = MAY_USE.iter().find(|(name, _)| *name == module) else { continue };
        for name in used(&text) {
            seen += 1;
            let fine = name == module || allowed.contains(&name.as_str());
            assert!(fine, "{}: `{module}` may not use `{name}`", path.display());
        }
    }
    assert!(seen > 50, "the imports are found");
}

#[test]
fn the_table_of_the_architecture_page_is_the_one_that_is_checked() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for (module, allowed) in MAY_USE.iter().filter(|(module, _)| !["telemetry", "exit_code"].contains(module)) {
        let row = page.lines().find(|line| {
            line.starts_with(&format!("//! | [`{module}`]")) || line.starts_with(&format!("//! | `{module}`"))
        });
        let last =
            row.and_then(|row| row.trim_end_matches(" |").rsplit('|').next()).unwrap_or_else(|| panic!("{module}"));
        let mut named: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        named.sort_unstable();
        let mut allowed = allowed.to_vec();
        allowed.sort_unstable();
        assert_eq!(named, allowed, "the row of `{module}`");
    }
}

#[test]
fn only_sys_has_unsafe_code() {
    for (path, text) in sources() {
        if module(&path).is_some_and(|module| module != "sys") {
            assert!(!text.contains("unsafe {"), "{}", path.display());
        }
    }
}

#[test]
fn every_file_says_what_it_holds() {
    for (path, text) in sources() {
        assert!(text.starts_with("//! "), "{} does not begin with what it holds", path.display());
    }
}
