//! The commands that a document shows, with what they print: they are run, and must print that.

use std::path::PathBuf;
use std::process::Command;

use super::{CONDUCTOR, Finished, Folder, finish, start};

/// A command of a document, and what it prints.
pub struct Shown {
    pub line: String,
    pub output: String,
}

/// The commands in blocks of `console`.
pub fn commands(blocks: &[String]) -> Vec<Shown> {
    let parts = blocks.iter().flat_map(|block| {
        let block = format!("\n{block}");
        let commands: Vec<_> = block.split("\n$ ").skip(1).map(str::to_owned).collect();
        commands
    });
    let split = |part: String| {
        let (line, output) = part.split_once('\n').unwrap_or((&part, ""));
        Shown { line: line.to_owned(), output: output.to_owned() }
    };
    parts.map(split).collect()
}

/// Makes the program known under all of its names in a folder.
pub fn link_programs(folder: &Folder) {
    for name in ["conductor", "conduct", "player"] {
        std::os::unix::fs::symlink(CONDUCTOR, folder.join(name)).expect("a link");
    }
}

/// Runs the commands one after another with the programs of a folder, and returns how many were run. `place` tells what is
/// run where for a line, and nothing for one that is not run.
pub fn run_commands(
    page: &str,
    commands: &[Shown],
    folder: &Folder,
    place: impl Fn(&str) -> Option<(String, PathBuf)>,
) -> usize {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut status = Some(0);
    let mut seen = 0;
    for (index, Shown { line, output }) in commands.iter().enumerate() {
        let Some((program, at)) = place(line) else { continue };
        let found = if line == "echo $?" {
            format!("{}\n", status.expect("an exit status"))
        } else {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", &program]).current_dir(at);
            command.env("PATH", format!("{}:{path}", folder.path().display()));
            let Finished { status: its, stdout, stderr } = finish(start(command));
            let is_shown = commands.get(index + 1).is_some_and(|next| next.line == "echo $?");
            assert!(is_shown || its == Some(0), "{page}: `{line}` exits with {its:?}\n{stdout}\n{stderr}");
            status = its;
            stdout
        };
        assert!(agree(output, &found), "{page}: `{line}`\n--- it says\n{output}\n--- the command prints\n{found}");
        seen += 1;
    }
    seen
}

/// A line without what differs from run to run in more than numbers: the name of the machine on which a player answered,
/// what kind of machine it is, the worker that waited longest at a barrier, and a duration that is nothing.
fn without_chance(line: &str) -> String {
    if line.starts_with("reached in ") {
        return "reached".to_owned();
    }
    let host = line.split_once(" on ").and_then(|(before, rest)| Some((before, rest.split_once(", answered in")?.1)));
    let line = host.map_or_else(|| line.to_owned(), |(before, after)| format!("{before} on HOST, answered in{after}"));
    let line = line.replace(" passed - ", " passed 0.0s ");
    match line.split_once(" workers; ") {
        Some((before, rest)) if rest.contains(" waited longest, ") => format!("{before} workers"),
        _ => line,
    }
}

/// Numbers differ from run to run, and so does the space that aligns them; results of two workers come in any order, and
/// what is measured in a loop comes more or less often.
fn comparable(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for paragraph in text.trim().split("\n\n") {
        let zeros: String = paragraph.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        let lines = zeros.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let mut lines: Vec<_> = lines.filter(|line| !line.starts_with("fastest: ")).collect();
        for line in &mut lines {
            while line.contains("00") {
                *line = line.replace("00", "0");
            }
            *line = without_chance(line);
        }
        lines.sort();
        lines.dedup();
        found.extend(lines);
    }
    found.retain(|line| !line.is_empty());
    found
}

/// Whether the lines are the expected ones, where a line `...` stands for any number of lines.
fn agree(expected: &str, found: &str) -> bool {
    let mut found = &comparable(found)[..];
    let expected = format!("\n{}\n", expected.trim());
    let mut parts = expected.split("\n...\n").map(comparable);
    let first = parts.next().unwrap_or_default();
    let Some(rest) = found.strip_prefix(&first[..]) else { return false };
    found = rest;
    let mut parts: Vec<_> = parts.collect();
    let Some(last) = parts.pop() else { return found.is_empty() };
    for part in parts {
        let Some(at) = found.windows(part.len()).position(|lines| lines == part) else { return false };
        found = &found[at + part.len()..];
    }
    found.ends_with(&last)
}
