//! `conductor help`: the help of each command, and the table of the syntax, which has all that is read from files.

use std::collections::BTreeSet;

use crate::support::documents::{quoted, read, strings, table};
use crate::support::{Folder, conductor, finish, run, spawn};
use snapbox::str;

/// The table of the syntax.
fn syntax() -> String {
    let finished = run(&Folder::new(), ["help", "syntax"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    finished.stdout
}

/// The entries below the titles that begin with these words: the first column, and the words after it.
fn entries(title: &str) -> Vec<(String, Vec<String>)> {
    let text = syntax();
    let lines = text.lines().skip_while(|line| !line.starts_with(title)).skip(1).take_while(|line| !line.is_empty());
    let entries = lines.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let split = |line: &str| {
        let mut columns = line.trim().split("  ").map(str::trim).filter(|column| !column.is_empty());
        (columns.next().unwrap_or_default().to_owned(), columns.map(str::to_owned).collect())
    };
    let found: Vec<_> = entries.map(split).collect();
    assert!(!found.is_empty(), "the syntax has no `{title}`");
    found
}

#[test]
fn help_describes_each_command_as_its_option_does() {
    let folder = Folder::new();
    for command in ["player", "conduct", "report", "compare", "history", "validate", "frames", "help", "init"] {
        let expected = run(&folder, [command, "--help"]);
        run(&folder, ["help", command]).assert(0, &expected.stdout, "");
    }
    let expected = run(&folder, ["--help"]);
    assert!(expected.stdout.contains("conductor help syntax"), "{expected:#?}");
    run(&folder, ["help"]).assert(0, &expected.stdout, "");
}

#[test]
fn help_does_not_know_other_topics() {
    let folder = Folder::new();
    run(&folder, ["help", "sintax"]).assert(
        2,
        "",
        str![[r#"
error: there is no command or topic `sintax`

  hint: did you mean `syntax`?

Usage: conductor <COMMAND>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["help", "keep"]).assert(
        2,
        "",
        str![[r#"
error: there is no command or topic `keep`

  hint: the topics are `init`, `player`, `conduct`, `report`, `compare`, `history`, `validate`, `frames`, `help`, `syntax`

Usage: conductor <COMMAND>

For more information, try '--help'.

"#]],
    );
}

#[test]
fn the_syntax_fits_80_columns_without_colors() {
    let text = syntax();
    assert_eq!(text.lines().find(|line| line.len() > 80), None);
    assert!(text.chars().all(|character| character == '\n' || (' '..='~').contains(&character)), "{text}");
}

#[test]
fn a_reader_that_wants_no_more_of_the_syntax_is_no_error() {
    let folder = Folder::new();
    let mut command = conductor(&folder, ["help", "syntax"]);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    command.stdout(writer).stderr(std::process::Stdio::piped());
    finish(spawn(command)).assert(0, "", "");
}

#[test]
fn the_syntax_has_every_prefix_and_each_step_is_one() {
    let forms: Vec<_> = entries("Steps:").into_iter().map(|(form, _)| form).collect();
    let word = |form: &String| form.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default().to_owned();
    let found: BTreeSet<_> = forms.iter().map(word).filter(|word| !word.is_empty()).collect();
    assert_eq!(found, strings("src/config/step/prefix.rs", "static PREFIXES:"));
    let folder = Folder::new();
    let step = |(index, form): (usize, &String)| {
        format!("step{index} = {}\n", form.replace("STEP", "true").replace("COMMAND", "true").replace("LABEL", "label"))
    };
    let steps: String = forms.iter().enumerate().map(step).collect();
    folder.file("NAME", "").file("LOCAL", "");
    folder.file("w.cfg", &format!("[Coordinator]\nplayer = h\n[Run]\nlabel = spawn:true\n{steps}"));
    run(&folder, ["validate", "--strict", "w.cfg"]).assert(0, "", "");
}

/// The settings of a section and their defaults, as the documentation has them.
fn documented(section: &str) -> BTreeSet<(String, Option<String>)> {
    let page = read("docs/configuration.md");
    let (_, part) = page.split_once(&format!("\n## `[{section}]`\n")).expect("the section");
    let part = part.split("\n## ").next().unwrap_or_default();
    let rows = part.lines().filter(|line| line.starts_with("| `"));
    let row = |row: &str| {
        let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
        let key = cells.next().expect("a key").trim_matches('`').to_owned();
        let default = cells.next().expect("a default");
        (key, quoted(default).next().filter(|_| default.starts_with('`')).map(str::to_owned))
    };
    rows.map(row).collect()
}

#[test]
fn the_syntax_has_every_setting_with_its_default() {
    for section in ["Test", "Coordinator", "Metric NAME"] {
        let expected = documented(section);
        let found: Vec<_> = entries(&format!("Settings in [{section}]"));
        let keys: BTreeSet<_> = found.iter().map(|(key, _)| key.clone()).collect();
        assert_eq!(keys, expected.iter().map(|(key, _)| key.clone()).collect(), "[{section}]");
        for (key, default) in expected {
            let (_, columns) = found.iter().find(|(found, _)| *found == key).expect("a setting");
            let default = default.as_ref();
            // The table in the documentation has a sentence for some.
            assert!(columns.len() == 2 && default.is_none_or(|it| *it == columns[0]), "{key}: {default:?} {columns:?}");
        }
    }
}

#[test]
fn the_syntax_has_every_variable_and_every_section() {
    let first = |title: &str| entries(title).into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>();
    let rows = |page: &str, header: &str| {
        let rows = table(page, header);
        rows.iter().flat_map(|row| quoted(&row[0]).map(str::to_owned).collect::<Vec<_>>()).collect::<BTreeSet<_>>()
    };
    let mut expected = rows("docs/configuration.md", "predefined variable");
    expected.insert("%(WORKER)s".to_owned());
    assert_eq!(first("Variables, "), expected);
    assert_eq!(first("Environment variables of steps"), rows("docs/steps.md", "variable"));
    let text = syntax();
    let sections: BTreeSet<_> = text.split('[').skip(1).filter_map(|rest| rest.split(']').next()).collect();
    let source = read("src/config/sections.rs");
    for name in source.split('"').skip(1).step_by(2).filter(|name| *name != "Clients") {
        let is_there = sections.iter().any(|found| found.split(' ').next() == Some(name));
        assert!(is_there, "the syntax has no section [{name}]");
    }
}

#[test]
fn the_comments_of_the_syntax_are_read() {
    let comments: Vec<_> = entries("Comments:").into_iter().map(|(comment, _)| comment).collect();
    let [allow, required] = &comments[..] else { panic!("{comments:?}") };
    let (allow, required) = (allow.replace("LINT", "background"), required.replace("NAME", "host"));
    let folder = Folder::new();
    folder.file("w.cfg", &format!("{required}\n[Coordinator]\nplayer = %(host)s\n[Run]\n{allow}\nstep = true &\n"));
    run(&folder, ["validate", "--strict", "w.cfg"]).assert(0, "", "");
}
