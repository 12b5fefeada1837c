//! The names under which the program goes, and what it says of itself.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{CONDUCTOR, Finished, Folder, Player, finish, run, start};
use snapbox::str;

/// Runs the program under a name that it was given in this folder.
fn run_as(folder: &Folder, name: &str, arguments: &[&str]) -> Finished {
    finish(start(command(folder.join(name), arguments)))
}

fn command(program: PathBuf, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).stdin(std::process::Stdio::null());
    command
}

fn linked(name: &str) -> Folder {
    let folder = Folder::new();
    std::os::unix::fs::symlink(CONDUCTOR, folder.join(name)).expect("a link in a temporary folder");
    folder
}

fn copied(name: &str) -> Folder {
    let folder = Folder::new();
    // By a process of its own: a file that this one has open to write would be busy in what other tests start meanwhile.
    let copied = Command::new("cp").arg(CONDUCTOR).arg(folder.join(name)).status().expect("`cp` runs");
    assert!(copied.success(), "a copy in a temporary folder");
    folder
}

#[test]
fn links_named_player_and_conduct_are_these_commands() {
    run_as(&linked("player"), "player", &["--version"]).assert(
        0,
        str![[r#"
player 0.1.0

"#]],
        str![""],
    );
    run_as(&linked("conduct"), "conduct", &["--version"]).assert(
        0,
        str![[r#"
conduct 0.1.0

"#]],
        str![""],
    );
}

#[test]
fn copies_named_player_and_conduct_are_these_commands_whatever_their_extension() {
    run_as(&copied("player.bin"), "player.bin", &["--version"]).assert(
        0,
        str![[r#"
player 0.1.0

"#]],
        str![""],
    );
    run_as(&copied("conduct"), "conduct", &["--version"]).assert(
        0,
        str![[r#"
conduct 0.1.0

"#]],
        str![""],
    );
}

#[test]
fn a_renamed_binary_still_takes_subcommands() {
    let folder = copied("conductor-1.2");
    run_as(&folder, "conductor-1.2", &["player", "--version"]).assert(
        0,
        str![[r#"
conductor player 0.1.0

"#]],
        str![""],
    );
    run_as(&folder, "conductor-1.2", &["--version"]).assert(
        0,
        str![[r#"
conductor 0.1.0

"#]],
        str![""],
    );
}

#[test]
fn a_test_runs_with_the_two_links() {
    let folder = linked("player");
    std::os::unix::fs::symlink(CONDUCTOR, folder.join("conduct")).expect("a link in a temporary folder");
    let player = Player::from(command(folder.join("player"), &["-q", "-b", "127.0.0.1", "-p", "0"]));
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo hello\n");
    let test = folder.join("test.cfg").display().to_string();
    run_as(&folder, "conduct", &["-q", "-p", "run", "-f", "classic", &test]).assert(
        0,
        str![[r#"
0 phase received
0 hello

65535 phases complete

"#]],
        str![""],
    );
    // The private player of `--local` is the same file, called by its link's name.
    run_as(&folder, "conduct", &["-q", "-p", "run", "-f", "classic", "--local", &test]).assert(
        0,
        str![[r#"
0 phase received
0 hello

65535 phases complete

"#]],
        str![""],
    );
}

#[test]
fn the_version_of_each_command_is_told() {
    let folder = Folder::new();
    run(&folder, ["--version"]).assert(
        0,
        str![[r#"
conductor 0.1.0

"#]],
        str![""],
    );
    run(&folder, ["player", "-V"]).assert(
        0,
        str![[r#"
conductor player 0.1.0

"#]],
        str![""],
    );
    run(&folder, ["conduct", "--version"]).assert(
        0,
        str![[r#"
conductor conduct 0.1.0

"#]],
        str![""],
    );
    run(&folder, ["validate", "--version"]).assert(
        0,
        str![[r#"
conductor validate 0.1.0

"#]],
        str![""],
    );
}

#[test]
fn the_help_names_the_commands() {
    run(&Folder::new(), ["--help"]).assert(
        0,
        str![[r#"
Runs one test on many machines at once, and tells what happened

Usage: conductor <COMMAND>

Commands:
  player    Wait on a test machine for conductors, and run there what they ask for
  conduct   Run a test on all of its players
  report    Make the reports of a run again from its results folder
  validate  Check test files and worker files; nothing is run

Options:
  -h, --help     Print help
  -V, --version  Print version

"#]],
        str![""],
    );
    // Without anything it is the same, but as a usage error.
    run(&Folder::new(), [""; 0]).assert(
        2,
        str![""],
        str![[r#"
Runs one test on many machines at once, and tells what happened

Usage: conductor <COMMAND>

Commands:
  player    Wait on a test machine for conductors, and run there what they ask for
  conduct   Run a test on all of its players
  report    Make the reports of a run again from its results folder
  validate  Check test files and worker files; nothing is run

Options:
  -h, --help     Print help
  -V, --version  Print version

"#]],
    );
}

#[test]
fn the_help_of_player_shows_its_defaults() {
    run(&Folder::new(), ["player", "-h"]).assert(0, str![[r#"
Wait on a test machine for conductors, and run there what they ask for

Usage: conductor player [OPTIONS] [CONFIG]

Arguments:
  [CONFIG]  The worker file; its `cmdport`, `max_message_size`, `conductor` and `allow` are used

Options:
  -b, --bind <ADDRESS>         Listen on this address only [default: all]
  -p, --port <PORT>            Listen on this port, whatever CONFIG says; 0 picks a free one [default: CONFIG's, or 6970]
  -l, --log-file <FILE>        Write the log to this file instead of standard error
      --log-format <FORMAT>    The form of the log [default: text] [possible values: text, json]
  -v, --verbose                Log more
  -q, --quiet                  Log errors only
      --max-message-size <MB>  The largest message that a Python conductor may send [default: 10]
      --spool-limit <MB>       How much output a worker keeps on disk while its conductor can't be reached [default: 1024]
      --allow <ADDRESS>...     Accept connections from these addresses or networks, such as 10.0.0.0/8, or from `any`, instead of those in CONFIG's `allow`; CONFIG's `conductor` is always accepted [default: this machine]
  -h, --help                   Print help (see more with '--help')
  -V, --version                Print version

"#]], str![""]);
}

#[test]
fn the_help_of_conduct_shows_its_defaults() {
    run(&Folder::new(), ["conduct", "-h"]).assert(0, str![[r#"
Run a test on all of its players

Usage: conductor conduct [OPTIONS] <CONFIG>

Arguments:
  [CONFIG]  The test file

Options:
  -t, --trials <N>                  Go through the phases this often, whatever CONFIG says [default: 1]
  -p, --phases <PHASE>...           Run these phases only: startup, run, collect, reset, or all; between them spaces or commas [default: all]
  -c, --workers <NAME>...           Run the test on these workers only [default: all] [alias: --clients]
  -D, --define <NAME=VALUE>         Set a variable, `%(NAME)s`, for all configuration files; can be repeated
      --dry-run                     Print every step of every worker in every phase; run nothing
      --check                       Reach every player and tell how it is; run nothing
  -f, --format <FORMAT>             The form of the results, or of what `--dry-run` and `--check` print [default: text] [possible values: text, classic, json, jsonl, junit, html]
  -o, --output <FILE>               Write the results to this file instead of standard output
      --report <FORMAT=FILE>        Also write a report in this format to this file; can be repeated
      --results <DIR>               Keep all that the run leaves in DIR/RUN: every output, the events, reports; DIR/latest is a link to it
      --run-id <NAME>               The run's own name [default: a random one]
      --max-message-size <MB>       How much of an output the reports keep, and the largest message of a Python player [default: 10]
      --connect-timeout <DURATION>  How long to go on trying to reach a player [default: 10s]
      --lease <DURATION>            How long a player goes on without its conductor [default: 1m]
      --step-timeout <DURATION>     How long a step may take; `none` lifts the limit [default: 1h]
      --on-failure <ACTION>         Whether a failed step ends the run early [default: continue] [possible values: continue, stop]
      --max-start-skew <DURATION>   How far apart the workers may start, including the measurement's uncertainty; `none` lifts the limit [default: none]
      --skip-unreachable            Go on without the players that can't be reached
      --take-over                   End at once what a run whose conductor is gone left on a player, instead of waiting for it
      --strict                      Refuse a configuration that has warnings
      --local                       Run every worker on this machine, without players: a rehearsal
      --yes                         Let `--local` run even what is meant for the addresses of other machines
  -v, --verbose                     Log more
  -q, --quiet                       Log errors only; the results are printed all the same
      --log-file <FILE>             Write the log to this file instead of standard error
      --log-format <FORMAT>         The form of the log [default: text] [possible values: text, json]
      --color <WHEN>                When to colour the results [default: auto] [possible values: auto, always, never]
  -h, --help                        Print help (see more with '--help')
  -V, --version                     Print version

"#]], str![""]);
    let long = run(&Folder::new(), ["conduct", "--help"]);
    assert_eq!((long.status, long.stderr.as_str()), (Some(0), ""));
    assert!(long.stdout.contains("- stop:     Startup and Run end early"), "{}", long.stdout);
}

#[test]
fn the_help_of_validate_names_its_files() {
    run(&Folder::new(), ["validate", "--help"]).assert(
        0,
        str![[r#"
Check test files and worker files; nothing is run

Usage: conductor validate [OPTIONS] <CONFIG>...

Arguments:
  [CONFIG]...
          Test files, which bring their worker files along, or worker files; `-` is standard input

Options:
  -f, --format <FORMAT>
          The form of the findings

          Possible values:
          - text:   For people
          - json:   A JSON array
          - github: Annotations of GitHub's workflows
          
          [default: text]

      --strict
          Warnings are errors

      --no-shell-check
          Do not ask the shells of this machine whether they understand the commands

      --list
          Print the names of all lints, and what each finds

  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

"#]],
        str![""],
    );
}
