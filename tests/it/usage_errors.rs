//! What the program says of a wrong command line; the status is 2, and nothing is done.

use crate::support::{Folder, run};
use snapbox::str;

#[test]
fn a_missing_test_file_is_a_usage_error() {
    let folder = Folder::new();
    run(&folder, ["conduct"]).assert(
        2,
        str![""],
        str![[r#"
error: the test file, CONFIG, is missing

Usage: conductor conduct [OPTIONS] <CONFIG>

For more information, try '--help'.

"#]],
    );
    // One word behind a list is what the list wants, or the test file: it cannot be both.
    run(&folder, ["conduct", "--phases", "startup"]).assert(
        2,
        str![""],
        str![[r#"
error: the test file, CONFIG, is missing

Usage: conductor conduct [OPTIONS] <CONFIG>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "--clients", "w"]).assert(
        2,
        str![""],
        str![[r#"
error: the test file, CONFIG, is missing

Usage: conductor conduct [OPTIONS] <CONFIG>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "-t", "3"]).assert(
        2,
        str![""],
        str![[r#"
error: the test file, CONFIG, is missing

Usage: conductor conduct [OPTIONS] <CONFIG>

For more information, try '--help'.

"#]],
    );
}

#[test]
fn unknown_words_are_usage_errors() {
    let folder = Folder::new();
    run(&folder, ["unheard"]).assert(
        2,
        str![""],
        str![[r#"
error: unrecognized subcommand 'unheard'

Usage: conductor <COMMAND>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "--nope", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: unexpected argument '--nope' found

  tip: to pass '--nope' as a value, use '-- --nope'

Usage: conductor conduct [OPTIONS] <CONFIG>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "-p", "running", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: unknown phase `running`

  hint: the phases are startup, run, collect, reset, or all

Usage: conductor conduct [OPTIONS] <CONFIG>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "--dry-run", "-p", "strtup", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: unknown phase `strtup`

  hint: did you mean `startup`?

Usage: conductor conduct [OPTIONS] <CONFIG>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "-f", "xml", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value 'xml' for '--format <FORMAT>'
  [possible values: text, classic, json, jsonl, junit, html, github, trace, markdown, csv]

  tip: a similar value exists: 'html'

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "one.cfg", "two.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: unexpected argument 'two.cfg' found

Usage: conductor conduct [OPTIONS] <CONFIG>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["validate"]).assert(
        2,
        str![""],
        str![[r#"
error: the following required arguments were not provided:
  <CONFIG>...

Usage: conductor validate <CONFIG>...

For more information, try '--help'.

"#]],
    );
}

#[test]
fn values_that_make_no_sense_are_usage_errors() {
    let folder = Folder::new();
    run(&folder, ["conduct", "-t", "0", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value '0' for '--trials <N>': it must be a whole number of at least 1; write a number such as `10`

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "--run-id", "latest", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value 'latest' for '--run-id <NAME>': `latest` is reserved for the link to the last run

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "-t", "many", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value 'many' for '--trials <N>': it must be a whole number of at least 1; write a number such as `10`

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "-D", "name", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value 'name' for '--define <NAME=VALUE>': expected NAME=VALUE

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "--lease", "soon", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value 'soon' for '--lease <DURATION>': it is not a duration; write `30` or `30s`, `1m30s`, `250ms`

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "--run-id", "a/b", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value 'a/b' for '--run-id <NAME>': a name cannot contain `/`

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "--max-message-size", "0", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value '0' for '--max-message-size <MB>': 0 is not in 1..=4095

For more information, try '--help'.

"#]],
    );
    run(&folder, ["player", "-p", "65536"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value '65536' for '--port <PORT>': 65536 is not in 0..=65535

For more information, try '--help'.

"#]],
    );
    run(&folder, ["player", "-b", "here"]).assert(
        2,
        str![""],
        str![[r#"
error: invalid value 'here' for '--bind <ADDRESS>': invalid IP address syntax

For more information, try '--help'.

"#]],
    );
}

#[test]
fn options_that_exclude_each_other_are_usage_errors() {
    let folder = Folder::new();
    run(&folder, ["conduct", "-q", "-v", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: the argument '--quiet' cannot be used with '--verbose'

Usage: conductor conduct --quiet <CONFIG>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "--check", "--dry-run", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: the argument '--check' cannot be used with '--dry-run'

Usage: conductor conduct --check <CONFIG>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["conduct", "--yes", "test.cfg"]).assert(
        2,
        str![""],
        str![[r#"
error: the following required arguments were not provided:
  --local

Usage: conductor conduct --local --yes <CONFIG>

For more information, try '--help'.

"#]],
    );
    run(&folder, ["player", "-q", "-v"]).assert(
        2,
        str![""],
        str![[r#"
error: the argument '--quiet' cannot be used with '--verbose'

Usage: conductor player --quiet [CONFIG]

For more information, try '--help'.

"#]],
    );
}
