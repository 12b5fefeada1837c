//! Every command in the README is run, and prints what the README says.

use std::path::Path;
use std::process::Command;

use crate::support::{CONDUCTOR, Folder, finish, start};

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README")
}

/// The blocks of this language.
fn blocks(language: &str) -> Vec<String> {
    let readme = readme();
    let parts = readme.split("```").skip(1).step_by(2);
    parts.filter_map(|block| block.strip_prefix(language)?.strip_prefix('\n').map(str::to_owned)).collect()
}

/// Numbers differ from run to run, and so does the space that aligns them.
fn without_numbers(text: &str) -> String {
    let zeros: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    zeros
        .trim()
        .lines()
        .map(words)
        .collect::<Vec<_>>()
        .join("\n")
        .replace("00", "0")
        .replace("00", "0")
        .replace("00", "0")
}

/// Whether the lines are the expected ones, where `...` stands for any number of lines.
fn agree(expected: &str, found: &str) -> bool {
    match expected.split_once("\n...\n") {
        None => expected == found,
        Some((begin, end)) => found.starts_with(begin) && found.ends_with(end),
    }
}

#[test]
fn every_command_of_the_readme_prints_what_the_readme_says() {
    let folder = Folder::new();
    for block in blocks("ini") {
        let name = block.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a file's name comes first");
        folder.file(name, &block);
    }
    for name in ["conductor", "conduct", "player"] {
        std::os::unix::fs::symlink(CONDUCTOR, folder.join(name)).expect("a link");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for block in blocks("console") {
        for part in block.split("$ ").skip(1) {
            let (line, expected) = part.split_once('\n').expect("a line ends");
            let (program, at) = match line {
                // These are the tests themselves.
                "cargo test" => continue,
                _ if line.starts_with("cargo run --release -- ") => {
                    (line.replace("cargo run --release --", CONDUCTOR), root)
                }
                _ => (format!("./{line}"), folder.path()),
            };
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &program]).current_dir(at);
            let finished = finish(start(command));
            assert_eq!(finished.status, Some(0), "{line}: {finished:#?}");
            let (expected, found) = (without_numbers(expected), without_numbers(&finished.stdout));
            assert!(agree(&expected, &found), "`{line}`\n--- the README says\n{expected}\n--- it prints\n{found}");
            seen += 1;
        }
    }
    assert_eq!(seen, 3, "the README's commands are found");
}

#[test]
fn the_test_of_the_readme_passes_on_two_players() {
    let folder = Folder::new();
    let players = [crate::support::Player::start(), crate::support::Player::start()];
    let mine = folder.join("made").display().to_string();
    for block in blocks("ini") {
        let name = block.lines().next().and_then(|line| line.strip_prefix("# ")).expect("a file's name comes first");
        let text = block.replace("7001", &players[0].port.to_string()).replace("7002", &players[1].port.to_string());
        folder.file(name, &text.replace("/tmp/conductor-readme", &mine));
    }
    let finished = crate::support::run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(!folder.join("made").exists(), "Reset has run");
}

#[test]
fn the_table_of_exit_statuses_is_that_of_the_program() {
    let readme = readme();
    for status in ["0", "1", "2", "3", "4", "129, 130, 143"] {
        assert!(readme.contains(&format!("\n| {status} | ")), "{status}");
    }
}
