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
Run one test on several machines at the same time, and report the results

Usage: conductor <COMMAND>

Commands:
  init      Write an example test that runs at once
  player    Wait on a test machine for conductors, and run the steps of a worker
            for them
  conduct   Run a test on the players of all its workers, and report the results
  report    Write reports of an earlier run from its results folder
  compare   Compare the metrics of runs with those of another run
  history   Show how a metric has changed from run to run
  validate  Check test files and worker files without running anything
  frames    Print what `--trace-frames` recorded
  help      Describe a command, or the syntax of test files and worker files

Options:
  -h, --help     Print help
  -V, --version  Print version

Examples:
  conductor init demo
          Write a test to the folder `demo`, which can be run at once
  conductor conduct --local test.cfg
          Run a test on this machine, without players
  conductor player worker.cfg
          Start a player on a test machine
  conductor conduct test.cfg
          Run the test on the players of all workers
  conductor help syntax
          Print all forms of steps, all settings, sections and variables

`conductor COMMAND --help` describes a command and its exit statuses.

"#]],
        str![""],
    );
    // Without anything it is the same, but as a usage error.
    run(&Folder::new(), [""; 0]).assert(
        2,
        str![""],
        str![[r#"
Run one test on several machines at the same time, and report the results

Usage: conductor <COMMAND>

Commands:
  init      Write an example test that runs at once
  player    Wait on a test machine for conductors, and run the steps of a worker
            for them
  conduct   Run a test on the players of all its workers, and report the results
  report    Write reports of an earlier run from its results folder
  compare   Compare the metrics of runs with those of another run
  history   Show how a metric has changed from run to run
  validate  Check test files and worker files without running anything
  frames    Print what `--trace-frames` recorded
  help      Describe a command, or the syntax of test files and worker files

Options:
  -h, --help     Print help
  -V, --version  Print version

Examples:
  conductor init demo
          Write a test to the folder `demo`, which can be run at once
  conductor conduct --local test.cfg
          Run a test on this machine, without players
  conductor player worker.cfg
          Start a player on a test machine
  conductor conduct test.cfg
          Run the test on the players of all workers
  conductor help syntax
          Print all forms of steps, all settings, sections and variables

`conductor COMMAND --help` describes a command and its exit statuses.

"#]],
    );
}

#[test]
fn the_help_of_player_is_complete() {
    run(&Folder::new(), ["player", "--help"]).assert(
        0,
        str![[r#"
Wait on a test machine for conductors, and run the steps of a worker for them

Usage: conductor player [OPTIONS] [CONFIG]

Arguments:
  [CONFIG]
          The worker file, or with `--worker` the test file; `cmdport`, `allow`,
          `conductor` and `max_message_size` are read from it

Options:
  -w, --worker <NAME>
          Use the settings of this worker in the test file CONFIG

  -D, --define <NAME=VALUE>
          Set the variable `%(NAME)s` in CONFIG, as `conduct` does; can be
          repeated

  -b, --bind <ADDRESS>
          Address to listen on [default: all addresses of this machine]

  -p, --port <PORT>
          Port to listen on; 0 selects a free one [default: `cmdport` in CONFIG,
          or 6970]

      --allow <ADDRESS>...
          Addresses and networks that may connect, such as 10.0.0.0/8, or `any`;
          the `conductor` in CONFIG always can [default: `allow` in CONFIG, or
          this machine]

      --max-message-size <MB>
          Largest message that a Python conductor may send [default:
          `max_message_size` in CONFIG, or 10]

      --spool-limit <MB>
          Disk space for the output of a worker whose conductor cannot be
          reached
          
          [default: 1024]

  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Log:
  -l, --log-file <FILE>
          Write the log to this file [default: standard error]

      --log-format <FORMAT>
          Format of the log

          Possible values:
          - text: A line each, as the Python conductor writes them
          - json: A JSON object each: time, level, message
          
          [default: text]

      --trace-frames <FILE>
          Record all messages to and from other machines in this file, for
          `conductor frames`

  -v, --verbose
          Also log connections, waits and messages

  -q, --quiet
          Log only errors

Examples:
  conductor player worker.cfg
          Accept the conductor that the worker file names
  conductor player --allow 10.0.0.0/8 --log-file player.log
          Accept all conductors of a network, and write the log to a file
  conductor player --bind 127.0.0.1 --port 0
          Accept conductors on this machine, on a free port, which is printed

Exit status:
  0  A signal stopped the player
  1  The player could not start
  2  The command line is wrong

"#]],
        str![""],
    );
    run(&Folder::new(), ["player", "-h"]).assert(
        0,
        str![[r#"
Wait on a test machine for conductors, and run the steps of a worker for them

Usage: conductor player [OPTIONS] [CONFIG]

Arguments:
  [CONFIG]  The worker file, or with `--worker` the test file; `cmdport`,
            `allow`, `conductor` and `max_message_size` are read from it

Options:
  -w, --worker <NAME>          Use the settings of this worker in the test file
                               CONFIG
  -D, --define <NAME=VALUE>    Set the variable `%(NAME)s` in CONFIG, as
                               `conduct` does; can be repeated
  -b, --bind <ADDRESS>         Address to listen on [default: all addresses of
                               this machine]
  -p, --port <PORT>            Port to listen on; 0 selects a free one [default:
                               `cmdport` in CONFIG, or 6970]
      --allow <ADDRESS>...     Addresses and networks that may connect, such as
                               10.0.0.0/8, or `any`; the `conductor` in CONFIG
                               always can [default: `allow` in CONFIG, or this
                               machine]
      --max-message-size <MB>  Largest message that a Python conductor may send
                               [default: `max_message_size` in CONFIG, or 10]
      --spool-limit <MB>       Disk space for the output of a worker whose
                               conductor cannot be reached [default: 1024]
  -h, --help                   Print help (see more with '--help')
  -V, --version                Print version

Log:
  -l, --log-file <FILE>      Write the log to this file [default: standard
                             error]
      --log-format <FORMAT>  Format of the log [default: text] [possible values:
                             text, json]
      --trace-frames <FILE>  Record all messages to and from other machines in
                             this file, for `conductor frames`
  -v, --verbose              Also log connections, waits and messages
  -q, --quiet                Log only errors

Examples:
  conductor player worker.cfg
          Accept the conductor that the worker file names
  conductor player --allow 10.0.0.0/8 --log-file player.log
          Accept all conductors of a network, and write the log to a file
  conductor player --bind 127.0.0.1 --port 0
          Accept conductors on this machine, on a free port, which is printed

Exit status:
  0  A signal stopped the player
  1  The player could not start
  2  The command line is wrong

"#]],
        str![""],
    );
}

#[test]
fn the_help_of_conduct_is_complete() {
    run(&Folder::new(), ["conduct", "--help"]).assert(
        0,
        str![[r#"
Run a test on the players of all its workers, and report the results

Usage: conductor conduct [OPTIONS] <CONFIG>

Arguments:
  <CONFIG>
          The test file

Options:
  -p, --phases <PHASE>...
          Phases to run: startup, run, collect, reset, or all; separated by
          spaces or commas [default: all]

  -t, --trials <N>
          Number of trials [default: `trials` in CONFIG, or 1]

  -c, --workers <NAME>...
          Workers to run: names, or ranges such as node[1-3] [default: all]
          
          [alias: --clients]

  -D, --define <NAME=VALUE>
          Set the variable `%(NAME)s` in all configuration files; can be
          repeated

  -P, --parameter <NAME=VALUE>
          Run only points with this value of a parameter; can be repeated

      --points <SELECTOR>
          Run only the points of a series that match NAME=VALUE,NAME=VALUE; can
          be repeated

      --connect <FORM>
          How to reach workers that do not set `connect`: ssh:HOST, docker:NAME,
          podman:NAME, kubectl:POD, slurm:NODE, netns:NAME, machine:NAME, or a
          command

      --keep-scratch
          Keep the scratch folders of the workers, and report where they are

      --dry-run
          Print the steps of every worker in every phase, and run nothing

      --check
          Connect to every player and print its state, and run nothing

      --local
          Run every worker on this machine, without players

      --yes
          Let `--local` run workers that have addresses of other machines

      --strict
          Run nothing if the configuration has warnings

      --python
          Also report what the Python program does not accept or reads
          differently in the configuration

      --program <ARCH=FILE>
          Send FILE to machines of this architecture, as `uname -m` prints it;
          can be repeated

      --skip-unreachable
          Run the test without the players that cannot be reached

      --take-over
          If a run whose conductor is gone still uses a player, end it
          immediately instead of waiting for it

  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Limits:
      --connect-timeout <DURATION>
          Time limit to reach a player [default: `connect_timeout` in CONFIG, or
          10s]

      --lease <DURATION>
          Time that a player continues without its conductor [default: `lease`
          in CONFIG, or 1m]

      --step-timeout <DURATION>
          Time limit of a step, or `none` [default: `step_timeout` in CONFIG, or
          1h]

      --max-start-skew <DURATION>
          Largest time between the starts of the first and the last worker,
          including the uncertainty of the measurement, or `none` [default:
          `max_start_skew` in CONFIG, or none]

      --on-failure <ACTION>
          What to do when a step has failed [default: `on_failure` in CONFIG, or
          continue]

          Possible values:
          - continue: Everything is run
          - stop:     Startup and Run end early, Collect and Reset run, and no
            further trial is started

      --max-message-size <MB>
          Size of the part of each output that the reports keep, and of the
          largest message of a Python player [default: `max_message_size` in
          CONFIG, or 10]

Resuming:
      --resume <RUN>
          Go on with an interrupted run, as it was called: RUN is its folder, or
          its name in the results folder of CONFIG, or `latest`

      --failed
          Also run the trials again that failed

      --accept-changes
          Go on with a configuration that has changed; later trials are not put
          together with earlier ones in statistics

Reports:
  -f, --format <FORMAT>
          Format of the report, or of what `--dry-run` and `--check` print
          [default: `format` in CONFIG, or text]

          Possible values:
          - text:     Human-readable text
          - classic:  The lines of the Python conductor, byte for byte
          - json:     One document: that of the Python conductor with more
            fields
          - jsonl:    A line of JSON for each event, written during the run
          - junit:    For continuous integration
          - html:     One page for a browser
          - github:   Annotations for workflows of GitHub
          - trace:    A trace for ui.perfetto.dev
          - markdown: Verdict, metrics and causes as Markdown
          - csv:      The values of all metrics, durations and start skews, one
            per line

  -o, --output <FILE>
          Write the report to this file [default: `output` in CONFIG, or
          standard output]

      --report <FORMAT=FILE>
          Also write a report in this format to this file; can be repeated

      --results <DIR>
          Keep all outputs, events and reports in DIR/RUN, to which DIR/latest
          is a link [default: `results` in CONFIG]

      --run-id <NAME>
          Name of the run [default: a random one]

      --color <WHEN>
          When to use colors
          
          [default: auto]
          [possible values: auto, always, never]

Log:
  -l, --log-file <FILE>
          Write the log to this file [default: standard error]

      --log-format <FORMAT>
          Format of the log

          Possible values:
          - text: A line each, as the Python conductor writes them
          - json: A JSON object each: time, level, message
          
          [default: text]

      --trace-frames <FILE>
          Record all messages to and from other machines in this file, for
          `conductor frames`

  -v, --verbose
          Also log connections, waits and messages

  -q, --quiet
          Log only errors; the report is printed as usual

Examples:
  conductor conduct --dry-run test.cfg
          Print what the test would do
  conductor conduct --local test.cfg
          Run the test on this machine, without players
  conductor conduct --check test.cfg
          Test whether all players can be reached
  conductor conduct -p startup run -c server -t 3 test.cfg
          Run three trials of two phases on one worker
  conductor conduct --results results --report junit=junit.xml test.cfg
          Keep everything in a folder, and write a report for a CI system

Exit status:
  0              All trials passed
  1              The run could not be carried out, or a report not written
  2              The command line is wrong
  3              A step or check failed, or a metric is missing or outside
                 `expect`
  4              A trial is incomplete, because a worker was lost or left out,
                 or `max_start_skew` was exceeded
  129, 130, 143  The run was interrupted by SIGHUP, SIGINT or SIGTERM

"#]],
        str![""],
    );
    run(&Folder::new(), ["conduct", "-h"]).assert(
        0,
        str![[r#"
Run a test on the players of all its workers, and report the results

Usage: conductor conduct [OPTIONS] <CONFIG>

Arguments:
  <CONFIG>  The test file

Options:
  -p, --phases <PHASE>...       Phases to run: startup, run, collect, reset, or
                                all; separated by spaces or commas [default:
                                all]
  -t, --trials <N>              Number of trials [default: `trials` in CONFIG,
                                or 1]
  -c, --workers <NAME>...       Workers to run: names, or ranges such as
                                node[1-3] [default: all] [alias: --clients]
  -D, --define <NAME=VALUE>     Set the variable `%(NAME)s` in all configuration
                                files; can be repeated
  -P, --parameter <NAME=VALUE>  Run only points with this value of a parameter;
                                can be repeated
      --points <SELECTOR>       Run only the points of a series that match
                                NAME=VALUE,NAME=VALUE; can be repeated
      --connect <FORM>          How to reach workers that do not set `connect`:
                                ssh:HOST, docker:NAME, podman:NAME, kubectl:POD,
                                slurm:NODE, netns:NAME, machine:NAME, or a
                                command
      --keep-scratch            Keep the scratch folders of the workers, and
                                report where they are
      --dry-run                 Print the steps of every worker in every phase,
                                and run nothing
      --check                   Connect to every player and print its state, and
                                run nothing
      --local                   Run every worker on this machine, without
                                players
      --yes                     Let `--local` run workers that have addresses of
                                other machines
      --strict                  Run nothing if the configuration has warnings
      --python                  Also report what the Python program does not
                                accept or reads differently in the configuration
      --program <ARCH=FILE>     Send FILE to machines of this architecture, as
                                `uname -m` prints it; can be repeated
      --skip-unreachable        Run the test without the players that cannot be
                                reached
      --take-over               If a run whose conductor is gone still uses a
                                player, end it immediately instead of waiting
                                for it
  -h, --help                    Print help (see more with '--help')
  -V, --version                 Print version

Limits:
      --connect-timeout <DURATION>
          Time limit to reach a player [default: `connect_timeout` in CONFIG, or
          10s]
      --lease <DURATION>
          Time that a player continues without its conductor [default: `lease`
          in CONFIG, or 1m]
      --step-timeout <DURATION>
          Time limit of a step, or `none` [default: `step_timeout` in CONFIG, or
          1h]
      --max-start-skew <DURATION>
          Largest time between the starts of the first and the last worker,
          including the uncertainty of the measurement, or `none` [default:
          `max_start_skew` in CONFIG, or none]
      --on-failure <ACTION>
          What to do when a step has failed [default: `on_failure` in CONFIG, or
          continue] [possible values: continue, stop]
      --max-message-size <MB>
          Size of the part of each output that the reports keep, and of the
          largest message of a Python player [default: `max_message_size` in
          CONFIG, or 10]

Resuming:
      --resume <RUN>    Go on with an interrupted run, as it was called: RUN is
                        its folder, or its name in the results folder of CONFIG,
                        or `latest`
      --failed          Also run the trials again that failed
      --accept-changes  Go on with a configuration that has changed; later
                        trials are not put together with earlier ones in
                        statistics

Reports:
  -f, --format <FORMAT>       Format of the report, or of what `--dry-run` and
                              `--check` print [default: `format` in CONFIG, or
                              text] [possible values: text, classic, json,
                              jsonl, junit, html, github, trace, markdown, csv]
  -o, --output <FILE>         Write the report to this file [default: `output`
                              in CONFIG, or standard output]
      --report <FORMAT=FILE>  Also write a report in this format to this file;
                              can be repeated
      --results <DIR>         Keep all outputs, events and reports in DIR/RUN,
                              to which DIR/latest is a link [default: `results`
                              in CONFIG]
      --run-id <NAME>         Name of the run [default: a random one]
      --color <WHEN>          When to use colors [default: auto] [possible
                              values: auto, always, never]

Log:
  -l, --log-file <FILE>      Write the log to this file [default: standard
                             error]
      --log-format <FORMAT>  Format of the log [default: text] [possible values:
                             text, json]
      --trace-frames <FILE>  Record all messages to and from other machines in
                             this file, for `conductor frames`
  -v, --verbose              Also log connections, waits and messages
  -q, --quiet                Log only errors; the report is printed as usual

Examples:
  conductor conduct --dry-run test.cfg
          Print what the test would do
  conductor conduct --local test.cfg
          Run the test on this machine, without players
  conductor conduct --check test.cfg
          Test whether all players can be reached
  conductor conduct -p startup run -c server -t 3 test.cfg
          Run three trials of two phases on one worker
  conductor conduct --results results --report junit=junit.xml test.cfg
          Keep everything in a folder, and write a report for a CI system

Exit status:
  0              All trials passed
  1              The run could not be carried out, or a report not written
  2              The command line is wrong
  3              A step or check failed, or a metric is missing or outside
                 `expect`
  4              A trial is incomplete, because a worker was lost or left out,
                 or `max_start_skew` was exceeded
  129, 130, 143  The run was interrupted by SIGHUP, SIGINT or SIGTERM

"#]],
        str![""],
    );
}

#[test]
fn the_help_of_validate_is_complete() {
    run(&Folder::new(), ["validate", "--help"]).assert(
        0,
        str![[r#"
Check test files and worker files without running anything

Usage: conductor validate [OPTIONS] [CONFIG]...

Arguments:
  [CONFIG]...
          Test files, whose worker files are also checked, or worker files; `-`
          is standard input

Options:
  -D, --define <NAME=VALUE>
          Set the variable `%(NAME)s` in all files, as `conduct` does; can be
          repeated

  -f, --format <FORMAT>
          Format of the findings

          Possible values:
          - text:   Human-readable text
          - json:   A JSON array
          - github: Annotations for GitHub Actions
          
          [default: text]

      --strict
          Treat warnings as errors

      --python
          Also report what the Python program does not accept or reads
          differently

      --no-shell-check
          Do not check the syntax of commands with the shells of this machine

      --list
          Print all lints and what they find, and check nothing

  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Examples:
  conductor validate test.cfg
          Check a test file and the worker files that it names
  conductor validate --strict --format github *.cfg
          Check all files in a workflow of GitHub, and fail on warnings
  conductor validate --list
          Print the names of all lints

Exit status:
  0  No errors were found
  1  Errors were found, with `--strict` also warnings
  2  The command line is wrong

"#]],
        str![""],
    );
}

#[test]
fn the_help_of_report_is_complete() {
    run(&Folder::new(), ["report", "--help"]).assert(
        0,
        str![[r#"
Write reports of an earlier run from its results folder

Usage: conductor report [OPTIONS] <RESULTS/RUN>

Arguments:
  <RESULTS/RUN>
          The folder of one run in the results folder, such as `results/latest`

Options:
  -f, --format <FORMAT>
          Format of the report

          Possible values:
          - text:     Human-readable text
          - classic:  The lines of the Python conductor, byte for byte
          - json:     One document: that of the Python conductor with more
            fields
          - jsonl:    A line of JSON for each event, written during the run
          - junit:    For continuous integration
          - html:     One page for a browser
          - github:   Annotations for workflows of GitHub
          - trace:    A trace for ui.perfetto.dev
          - markdown: Verdict, metrics and causes as Markdown
          - csv:      The values of all metrics, durations and start skews, one
            per line
          
          [default: text]

  -o, --output <FILE>
          Write the report to this file instead of standard output

      --report <FORMAT=FILE>
          Also write a report in this format to this file; can be repeated

      --config <CONFIG>
          Read the metrics again, as `[Metric NAME]` in this test file says

      --color <WHEN>
          When to use colors
          
          [default: auto]
          [possible values: auto, always, never]

  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Examples:
  conductor report results/latest
          Print the text report of the last run
  conductor report results/latest -f junit -o junit.xml --report html=page.html
          Write two reports into files
  conductor report results/latest --config test.cfg
          Read the metrics again, as test.cfg defines them

The reports are those that the run itself wrote or could have written. If the
conductor was killed, or if the run is not over, they have what was recorded
until then, and the verdict is `incomplete`. Only the folder of the run is
read: `events.jsonl`, `configuration.json`, and the files in `outputs`. With
--config, the test file and the files that the run fetched are read too, and
the verdicts follow from the metrics as they are now.

Exit status:
  0  The reports were written; the verdict of the run does not matter
  1  The folder or the test file cannot be read or has errors, or a report
     cannot be written
  2  The command line is wrong

"#]],
        str![""],
    );
}

#[test]
fn help_fits_80_columns_and_is_the_same_through_a_link() {
    for command in ["player", "conduct", "validate", "report", "compare", "history", "frames", "help", "init"] {
        for option in ["-h", "--help"] {
            let help = run(&Folder::new(), [command, option]).stdout;
            let too_long = help.lines().find(|line| line.chars().count() > 80);
            assert_eq!(too_long, None, "{command} {option}");
            if ["player", "conduct"].contains(&command) {
                let through_link = run_as(&linked(command), command, &[option]).stdout;
                let expected = help.replace(&format!("conductor {command}"), command);
                assert_eq!(through_link, expected, "{command} {option}");
            }
        }
    }
}

#[test]
fn the_help_of_frames_is_complete() {
    run(&Folder::new(), ["frames", "--help"]).assert(
        0,
        str![[r#"
Print what `--trace-frames` recorded

Usage: conductor frames [OPTIONS] <FILES>...

Arguments:
  <FILES>...  Files that `--trace-frames` wrote; the frames of all are printed
              in the order of their times

Options:
      --full     Print long messages in full
  -h, --help     Print help
  -V, --version  Print version

Examples:
  conductor conduct --trace-frames frames test.cfg
          Record what a run sends and receives
  conductor frames frames
          Print it
  conductor frames player player.4711 player.4712
          Print what a player recorded, and two of its sessions

A line has the time in UTC, the process and the number of its connection, the
address of the peer, the direction, the type of the message, its length in
bytes, and its fields. Secrets are not recorded. For the data of outputs and
files, only the length is recorded.

Exit status:
  0  The frames were printed
  1  A file cannot be read
  2  The command line is wrong

"#]],
        "",
    );
}
