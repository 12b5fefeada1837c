//! The structure of the sources: which module may import which, and that each file says what it holds.

mod uses;

use std::fs;
use std::path::{Path, PathBuf};

use conductor::wait::Wait;

use uses::{Library, circles};

/// What each module may use of ours, as the table in `src/lib.rs` has it.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("wait", &[]),
    ("statistics", &[]),
    ("model", &[]),
    ("metric", &["model", "statistics"]),
    ("values", &["model", "statistics"]),
    ("config", &["metric", "model", "statistics"]),
    ("wire", &["model"]),
    ("conduct", &["metric", "model", "values", "wait", "wire", "sys"]),
    ("player", &["model", "wait", "wire", "sys"]),
    ("report", &["model", "statistics", "values"]),
    ("sys", &["model", "wait"]),
    ("cli", &["config", "model", "telemetry"]),
    ("telemetry", &["model", "wait"]),
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
    for folder in ["src", "tests", "benches", "packaging"] {
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

/// The files of the library, named as below `src`, without those that only tests use.
fn library() -> Vec<(String, String)> {
    let below_src = |(path, text): (PathBuf, String)| {
        let name = path.strip_prefix(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).ok()?.to_str()?.to_owned();
        let is_test = name.ends_with("tests.rs") || name.contains("/tests/") || name == "main.rs";
        (!is_test).then_some((name, text))
    };
    sources().into_iter().filter_map(below_src).collect()
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let uses = Library::new(&library()).uses();
    assert!(uses.values().map(std::collections::BTreeSet::len).sum::<usize>() > 500, "the uses are found");
    assert_eq!(circles(&uses), Vec::new());
}

#[test]
fn a_circle_of_files_is_found_through_whatever_names_it() {
    let made = |parts: [(&str, &str); 4]| {
        let files = parts.map(|(name, text)| (name.to_owned(), text.to_owned()));
        circles(&Library::new(&files).uses())
    };
    let root = ("lib.rs", "mod a; mod b; pub use a::One;");
    let other = ("a/inner.rs", "pub struct Inner;");
    let circle = vec![["a.rs", "b.rs"].map(str::to_owned).into()];
    for a in [
        "use crate::b::Two;",
        "use super::b::{self};",
        "fn f() { crate::b::two() }",
        "use crate::b::*; fn f() -> Two {}",
    ] {
        for b in [
            "use crate::One;",
            "use crate::a::One;",
            "type Mine = super::One;",
            "fn f() { println!(\"{}\", crate::a::One) }",
        ] {
            let a = format!("mod inner; pub struct One; {a}");
            let b = format!("pub struct Two; pub fn two() {{}} {b}");
            assert_eq!(made([root, ("a.rs", &a), ("b.rs", &b), other]), circle, "{a} {b}");
        }
    }
    // A re-export leads to the file that defines the item; tests do not count.
    let a = ("a.rs", "mod inner; pub use inner::Inner; pub struct One; #[cfg(test)] mod tests { use crate::b::Two; }");
    let b = ("b.rs", "pub struct Two; use crate::a::{Inner, One};");
    assert_eq!(made([root, a, b, other]), Vec::new());
    let inner = ("a/inner.rs", "pub struct Inner; use crate::b::Two;");
    assert_eq!(made([root, a, b, inner]), vec![["a/inner.rs", "b.rs"].map(str::to_owned).into()]);
}

#[test]
fn the_table_of_the_architecture_page_is_the_one_that_is_checked() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    for (module, allowed) in MAY_USE {
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

/// Calls that can block. In the sources of the program, only `wait::blocking` may make them; everything else takes a
/// `Wait`, which has a limit.
const BLOCKING: [&str; 19] = [
    ".read_line(",
    ".recv()",
    ".recv_timeout(",
    ".recv_deadline(",
    ".wait()",
    ".wait_timeout(",
    ".wait_with_output(",
    ".join()",
    ".connect_timeout(",
    "TcpStream::connect(",
    "Condvar",
    "set_read_timeout(",
    "set_write_timeout(",
    "thread::sleep",
    "thread::park",
    "to_socket_addrs",
    "waitpid(",
    "process::wait(",
    "File::create(",
];

/// Those that are made elsewhere, and why they do not wait for anybody.
const DO_NOT_WAIT: [(&str, &str, &str); 6] = [
    ("src/app/shell_syntax.rs", ".join()", "the threads end with their shells, which have a limit"),
    ("src/conduct/threads.rs", ".join()", "only of threads that have ended"),
    ("src/sys/child.rs", ".wait()", "a prepared process waits for its start, and ends with its session"),
    ("src/sys/children.rs", "process::wait(", "NOHANG"),
    ("src/sys/fork.rs", "waitpid(", "of a child that does nothing but end"),
    ("src/sys/spawn.rs", "waitpid(", "of a child that has been killed and has closed its descriptors"),
];

/// The lines of a text that are not tests, nor comments.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| *line != "mod tests {");
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a line has this call, and not one whose name only ends like it.
fn has_call(line: &str, call: &str) -> bool {
    let is_name = call.starts_with(char::is_alphanumeric);
    line.match_indices(call).any(|(at, _)| !is_name || !line[..at].ends_with(char::is_alphanumeric))
}

/// The blocking calls of a text that take no `Wait`: the number of the line, and the call.
fn unlimited(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    for (index, line) in code(text) {
        // A type's own method of this name is looked at where it blocks.
        let line = &*line.replace("self.wait()", "");
        found.extend(BLOCKING.iter().filter(|call| has_call(line, call)).map(|call| (index + 1, *call)));
        if line.contains("rustix::event::") && line.contains("poll") {
            found.push((index + 1, "poll"));
        }
        if line.contains("select! {") {
            let indent = line.len() - line.trim_start().len();
            let end = format!("{}}}", " ".repeat(indent));
            let block = text.lines().skip(index).take_while(|line| !line.starts_with(&end));
            // The timer of a `select!` may be made just before it.
            let before = text.lines().skip(index.saturating_sub(6)).take(6);
            if !before.chain(block).any(|line| line.contains("Wait::")) {
                found.push((index + 1, "select!"));
            }
        }
    }
    found
}

#[test]
fn every_blocking_call_takes_what_it_waits_for() {
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap();
        let is_test = name.contains("/tests") || name.ends_with("testing.rs");
        if !name.starts_with("src/") || is_test || name == "src/wait/blocking.rs" {
            continue;
        }
        let allowed = |call: &str| DO_NOT_WAIT.iter().any(|(file, allowed, _)| *file == name && *allowed == call);
        let found: Vec<_> = unlimited(&text).into_iter().filter(|(_, call)| !allowed(call)).collect();
        wrong.extend(found.into_iter().map(|(line, call)| format!("{name}:{line}: `{call}`")));
    }
    assert_eq!(wrong, Vec::<String>::new(), "blocking calls without a `Wait`");
}

#[test]
fn every_wait_is_taken_by_code() {
    let all: Vec<(PathBuf, String)> =
        sources().into_iter().filter(|(path, _)| !path.ends_with("src/wait.rs")).collect();
    let is_taken = |name: &str| {
        let is_in = |line: &str| {
            line.split("Wait::").skip(1).any(|rest| rest.split(|c: char| !c.is_alphanumeric()).next() == Some(name))
        };
        all.iter().any(|(_, text)| code(text).any(|(_, line)| is_in(line)))
    };
    let unused: Vec<String> = Wait::ALL.iter().map(|wait| format!("{wait:?}")).filter(|name| !is_taken(name)).collect();
    assert_eq!(unused, Vec::<String>::new(), "rows of the table whose limit no code keeps");
}

#[test]
fn a_blocking_call_without_a_wait_is_found() {
    let calls =
        "fn f() {\n    let a = b.recv();\n    // c.recv()\n    select! {\n        recv(d) -> _ => {}\n    }\n}\n";
    assert_eq!(unlimited(calls), [(2, ".recv()"), (4, "select!")]);
    let limited = "    let timer = Wait::Leave.timer(time);\n    select! {\n        recv(timer) -> _ => {}\n    }\n";
    assert_eq!(unlimited(limited), []);
}

#[test]
fn text_for_people_is_made_harmless_in_one_place() {
    // The standard library's escapes are for programmers: they put a `\\` before each quote.
    let mut wrong = Vec::new();
    for (path, text) in sources() {
        if path.ends_with("src/model/harmless.rs") || !path.starts_with(concat!(env!("CARGO_MANIFEST_DIR"), "/src")) {
            continue;
        }
        let found =
            code(&text).filter(|(_, line)| line.contains(".escape_debug()") || line.contains(".escape_default()"));
        wrong.extend(found.map(|(index, _)| format!("{}:{}", path.display(), index + 1)));
    }
    assert_eq!(wrong, Vec::<String>::new(), "`model::on_one_line` is what they want");
}
