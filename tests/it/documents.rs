//! README, `docs` and the other documents: their commands print what the documents say, their tables agree with the
//! program, and their links lead somewhere.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use conductor::model::Format;
use serde_json::Value;

use crate::support::documents::{anchors, blocks, links, pages, quoted, read, root, strings, table, target};
use crate::support::shown_commands;
use crate::support::surroundings::{make_ping, make_ssh, shell_has_ping};
use crate::support::{CONDUCTOR, Folder, Player, origins, run};

/// The file that a block of configuration shows: its first line is `# NAME`.
fn file_name(block: &str) -> Option<&str> {
    block.lines().next()?.strip_prefix("# ").filter(|name| Path::new(name).extension().is_some_and(|it| it == "cfg"))
}

/// The files that a page shows, and the program under all of its names.
fn files_of(page: &str) -> Folder {
    let folder = Folder::new();
    for block in blocks(page, "ini") {
        if let Some(name) = file_name(&block) {
            folder.file(name, &block);
        }
    }
    shown_commands::link_programs(&folder);
    folder
}

/// Starts the player that a page starts with this worker file, on this machine.
fn start_player(folder: &Folder, file: &str) -> Player {
    let mut command = Command::new(CONDUCTOR);
    command.current_dir(folder.path()).args(["player", "--quiet", "--bind", "127.0.0.1", "--port", "0", file]);
    let player = Player::from(command);
    let address = |line: &str| match line.strip_prefix("player = ") {
        Some(_) => format!("player = 127.0.0.1\ncmdport = {}\n", player.port),
        None => format!("{line}\n"),
    };
    let text: String = folder.read(file).lines().map(address).collect();
    folder.file(file, &text);
    player
}

/// Runs the commands of a page; how many it has.
fn run_commands(page: &str) -> usize {
    let folder = files_of(page);
    // That of the machine may not be permitted to send anything.
    make_ping(folder.path());
    make_ssh(folder.path());
    let commands = shown_commands::commands(&blocks(page, "console"));
    let players = commands.iter().filter_map(|shown| shown.line.strip_prefix("player "));
    let _players: Vec<_> = players.map(|file| start_player(&folder, file)).collect();
    let place = |line: &str| match line.strip_prefix("cargo ") {
        // The others are the tests and the lints themselves.
        Some(rest) => {
            let arguments = rest.strip_prefix("run --release -- ")?;
            Some((format!("{CONDUCTOR} {arguments}"), root().to_owned()))
        }
        None if line.starts_with("player ") => None,
        // Other tests use this machine at the same time.
        None if line.contains("/connect = /") => {
            let line = format!("{line}; sed -i 's/^connect = /exclusive = no\\n&/' demo/test.cfg");
            Some((line, folder.path().to_owned()))
        }
        None => Some((line.to_owned(), folder.path().to_owned())),
    };
    shown_commands::run_commands(page, &commands, &folder, place)
}

#[test]
fn every_command_of_the_readme_prints_what_the_readme_says() {
    if shell_has_ping() {
        return;
    }
    assert_eq!(run_commands("README.md"), 6);
}

#[test]
fn every_command_of_the_other_documents_prints_what_they_say() {
    for (page, count) in [
        ("docs/configuration.md", 2),
        ("docs/reports.md", 7),
        ("docs/lints.md", 1),
        ("docs/tutorial.md", 12),
        ("docs/metrics.md", 2),
    ] {
        assert_eq!(run_commands(page), count, "{page}");
    }
}

#[test]
fn every_configuration_in_the_documents_is_without_error() {
    for page in pages() {
        for block in blocks(&page, "ini") {
            if block.contains("[Test]") || block.contains("[Workers]") {
                // It is run with its worker files.
                assert!(file_name(&block).is_some(), "{page}: {block}");
                continue;
            }
            let folder = Folder::new();
            let place = if block.contains("[Coordinator]") { "" } else { "[Coordinator]\nplayer = 192.0.2.1\n" };
            folder.file("worker.cfg", &format!("{place}{block}"));
            let found = run(&folder, ["validate", "--no-shell-check", "worker.cfg"]);
            assert_eq!(found.status, Some(0), "{page}: {block}\n{found:#?}");
        }
    }
}

#[test]
fn the_readme_is_short_and_leads_to_every_document() {
    assert!(read("README.md").lines().count() <= 150);
    let linked: BTreeSet<_> = links("README.md").iter().map(|link| target("README.md", link)).collect();
    for page in pages() {
        assert!(page == "README.md" || linked.contains(&root().join(&page)), "README.md has no link to {page}");
    }
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    for page in pages() {
        for link in links(&page).iter().filter(|link| !link.starts_with("http")) {
            let file = target(&page, link);
            assert!(file.exists(), "{page} links to {link}");
            if let Some((_, anchor)) = link.split_once('#') {
                let text = std::fs::read_to_string(&file).expect("a page");
                assert!(anchors(&text).iter().any(|known| known == anchor), "{page} links to {link}");
            }
        }
    }
}

/// What follows `--` in a text, where that is an option of a command.
fn options(text: &str) -> BTreeSet<&str> {
    let starts = text.match_indices("--").filter(|(at, _)| !text[..*at].ends_with(['-', '|']));
    let option = |(at, _): (usize, &str)| {
        let rest = &text[at + 2..];
        &rest[..rest.find(|c: char| !c.is_ascii_lowercase() && c != '-').unwrap_or(rest.len())]
    };
    starts.map(option).filter(|option| !option.is_empty()).collect()
}

#[test]
fn the_documents_name_only_options_that_exist() {
    let help = |command: &str| run(&Folder::new(), [command, "--help"]).stdout;
    // Two are for `conduct`, and not in the help; the rest are of container engines and systemd.
    let others = "--stdio --session --init --pipe";
    let help = ["conduct", "player", "validate", "report", "compare", "history"].map(help).concat() + others;
    let known = options(&help);
    for page in pages().iter().filter(|page| page.starts_with("docs/") || *page == "README.md") {
        let text = read(page);
        let commands = text.split("cargo run --release").collect::<String>();
        for option in quoted(&commands.replace("```", "")).flat_map(options) {
            assert!(known.contains(option), "{page}: there is no option `--{option}`");
        }
    }
}

#[test]
fn the_table_of_exit_statuses_is_that_of_the_program() {
    let source = read("src/model/verdict.rs");
    let constants = source.lines().filter_map(|line| line.strip_prefix("pub const ")?.split_once("u8 = "));
    let mut expected: Vec<_> = constants.map(|(_, value)| value.trim_end_matches(';').to_owned()).collect();
    expected.push("129, 130, 143".to_owned());
    let found: Vec<_> = table("docs/failures.md", "status").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_table_of_formats_has_every_format() {
    let found: BTreeSet<_> = table("docs/reports.md", "format").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(found, Format::ALL.iter().map(|format| format!("`{format}`")).collect());
}

#[test]
fn the_table_of_events_has_every_event_of_the_schema() {
    let schema: Value = serde_json::from_str(&read("src/report/jsonl.schema.json")).expect("a schema");
    let kinds = schema["oneOf"].as_array().expect("kinds of lines");
    let expected: BTreeSet<_> = kinds
        .iter()
        .map(|kind| format!("`{}`", kind["properties"]["event"]["const"].as_str().expect("a name")))
        .collect();
    let found: BTreeSet<_> = table("docs/reports.md", "event").into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_tables_of_settings_have_every_setting() {
    let text = read("docs/configuration.md");
    for (section, constant) in [("Test", "const TEST_SETTINGS:"), ("Coordinator", "const COORDINATOR_SETTINGS:")] {
        let (_, part) = text.split_once(&format!("\n## `[{section}]`\n")).expect("the section");
        let rows = part.lines().skip_while(|line| !line.starts_with("| key")).skip(2);
        let rows = rows.take_while(|line| line.starts_with('|'));
        let found: BTreeSet<_> = rows.filter_map(|row| quoted(row).next().map(str::to_owned)).collect();
        assert_eq!(found, strings("src/config/settings.rs", constant), "[{section}]");
    }
}

#[test]
fn the_defaults_in_the_tables_of_settings_are_those_of_the_program() {
    let page = read("docs/configuration.md");
    let defaults = |section: &str| {
        let (_, part) = page.split_once(&format!("\n## `[{section}]`\n")).expect("the section");
        let part = part.split("\n## ").next().unwrap_or_default();
        let rows = part.lines().filter(|line| line.starts_with("| `"));
        let default = |row: &str| {
            let mut cells = row.trim_matches('|').split(" | ").map(str::trim);
            let (key, value) = (cells.next()?.trim_matches('`'), cells.next()?.strip_prefix('`')?.strip_suffix('`')?);
            Some(format!("{key} = {value}\n"))
        };
        rows.filter_map(default).collect::<String>()
    };
    let plan = |test: &str, coordinator: &str| {
        let folder = Folder::new();
        folder.file("test.cfg", &format!("[Test]\n{test}[Workers]\nw = w.cfg\n"));
        folder.file("w.cfg", &format!("[Coordinator]\nplayer = h\n{coordinator}[Run]\nstep = true\n"));
        let finished = run(&folder, ["conduct", "--dry-run", "--format", "json", "test.cfg"]);
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
        let mut plan = serde_json::from_str(&finished.stdout).expect("a plan");
        origins::remove(&mut plan);
        plan
    };
    let (test, coordinator) = (defaults("Test"), defaults("Coordinator"));
    assert!(test.lines().count() >= 9 && coordinator.lines().count() >= 4, "{test}{coordinator}");
    assert_eq!(plan(&test, &coordinator), plan("", ""));
}

#[test]
fn the_table_of_forms_has_every_prefix_and_each_form_is_one() {
    let expected = strings("src/config/step/prefix.rs", "static PREFIXES:");
    let rows = table("docs/steps.md", "form");
    let word = |form: &str| form.split(|c: char| !c.is_ascii_lowercase()).next().unwrap_or_default().to_owned();
    let found: BTreeSet<_> = rows.iter().map(|row| word(row[0].trim_matches('`'))).collect();
    assert_eq!(found, expected);
    let folder = Folder::new();
    let steps = rows.iter().enumerate().map(|(index, row)| format!("step{index} = {}\n", row[0].trim_matches('`')));
    let steps = format!("label = spawn:command\n{}", steps.collect::<String>());
    folder.file("w.cfg", &format!("[Coordinator]\nplayer = h\n[Run]\n{steps}"));
    let finished = run(&folder, ["validate", "--format", "json", "w.cfg"]);
    let findings: Value = serde_json::from_str(&finished.stdout).expect("findings");
    let names: Vec<_> = findings.as_array().expect("a list").iter().map(|finding| finding["name"].clone()).collect();
    // The file that is put is not there; nothing else is wrong.
    assert!(names.iter().all(|name| name == "unreadable-file"), "{}", finished.stdout);
}

#[test]
fn the_documents_name_every_variable_that_steps_get() {
    let named = [
        "src/conduct/plan_message.rs",
        "src/conduct/checker.rs",
        "src/config/workers.rs",
        "src/player/session_process/starting.rs",
    ];
    let mut files: Vec<_> = named.map(str::to_owned).into();
    let players = std::fs::read_dir(root().join("src/player")).expect("the sources of the player");
    files.extend(players.map(|file| format!("src/player/{}", file.expect("a file").file_name().to_string_lossy())));
    let sources: String = files.iter().filter(|file| root().join(file).is_file()).map(|file| read(file)).collect();
    let variables = |text: &str| -> BTreeSet<String> {
        let starts = text.split("CONDUCTOR_").skip(1);
        let name = |rest: &str| rest.chars().take_while(char::is_ascii_uppercase).collect::<String>();
        starts.map(name).filter(|name| !name.is_empty()).collect()
    };
    let documents = [read("docs/steps.md"), read("docs/configuration.md")].concat();
    assert_eq!(variables(&documents), variables(&sources));
}

#[test]
fn the_lint_for_unknown_variables_knows_those_of_the_documents() {
    let rows = table("docs/steps.md", "variable");
    let documented: BTreeSet<_> = rows
        .iter()
        .flat_map(|row| quoted(&row[0]).map(str::to_owned).collect::<Vec<_>>())
        .filter(|name| !name.contains('<'))
        .collect();
    assert_eq!(documented, strings("src/config/lints/unknown_variables.rs", "const OF_EVERY_STEP:"));
}

#[test]
fn the_documents_name_what_a_python_player_cannot_do() {
    let source = read("src/conduct/seed/limits.rs");
    let (_, part) = source.split_once("fn unsupported_form").expect("the forms that are refused");
    let (part, _) = part.split_once("_ => return None").expect("the others");
    let expected: BTreeSet<_> = part.split('"').skip(1).step_by(2).map(str::to_owned).collect();
    let page = read("docs/from-python.md");
    let (before, _) = page.split_once("refused by name").expect("the list");
    let (_, list) = before.rsplit_once("step forms").expect("the forms");
    let word = |form: &str| form.trim_end_matches(|c: char| !c.is_ascii_lowercase()).to_owned();
    assert_eq!(quoted(list).map(word).collect::<BTreeSet<_>>(), expected);
}

/// Which test shows what a row of a table says.
type Shown = (&'static str, &'static str);

const FAILURES: [Shown; 20] = [
    (
        "a player cannot be reached at the start",
        "many_workers::every_worker_that_cannot_be_reached_is_named_and_nothing_is_run",
    ),
    ("another run uses a player", "many_workers::a_second_conductor_is_refused_and_told_who_the_first_is"),
    ("a step fails", "outputs::a_failed_test_leaves_its_report"),
    ("a step exceeds its time limit", "step_ends::a_time_out_ends_the_whole_group"),
    (
        "a connection breaks, or the network is interrupted for less than the `lease`",
        "resume::a_connection_that_is_closed_is_made_again_and_changes_no_result",
    ),
    (
        "a player cannot be reached for longer than the `lease`",
        "lease::a_worker_that_is_silent_for_longer_than_the_lease_is_reset_and_back_in_the_next_trial",
    ),
    (
        "the conductor is killed, or cannot reach the players any more",
        "lease::a_conductor_that_is_killed_leaves_no_step_each_reset_runs_once_and_the_next_run_is_told",
    ),
    ("`conduct` gets SIGINT, SIGTERM or SIGHUP", "interrupts::ctrl_c_in_a_phase_stops_it_runs_reset_and_leaves_130"),
    ("`conduct` gets a second signal", "interrupts::a_second_interrupt_leaves_now_and_the_player_does_the_rest"),
    (
        "`player` gets SIGTERM or SIGINT",
        "stopped_players::the_reset_of_a_player_that_is_told_to_stop_is_in_every_report",
    ),
    (
        "`player` gets a second signal",
        "stopped_players::a_player_that_is_told_to_stop_twice_ends_now_and_leaves_nothing",
    ),
    (
        "`player` gets SIGHUP",
        "stopped_players::a_hang_up_begins_the_log_anew_and_stops_only_a_player_without_a_log_file",
    ),
    (
        "a player is stopped or restarted during a run",
        "lease::a_player_that_was_restarted_while_the_connection_was_broken_has_lost_its_workers_at_once",
    ),
    (
        "the session process of a worker is killed",
        "player_loss::a_session_that_is_killed_alone_has_its_steps_ended_and_its_reset_run_once_by_the_listener",
    ),
    (
        "the session process of a worker hangs or is stopped",
        "unresponsive::a_session_that_is_stopped_is_killed_after_its_lease_and_reset_once",
    ),
    ("the listener of a player is killed", "player_loss::a_listener_that_is_killed_alone_disturbs_no_run"),
    (
        "all processes of a player are killed",
        "player_loss::a_player_that_is_gone_at_once_is_lost_and_the_others_end_their_run",
    ),
    (
        "the conductor receives output more slowly than a step prints it",
        "spool::beyond_the_limit_the_step_stands_still_which_is_told_and_nothing_is_lost",
    ),
    ("a report cannot be opened", "outputs::an_output_that_cannot_be_written_is_an_error_before_anything_runs"),
    ("a report cannot be written during the run", "reports::an_output_that_is_full_is_told_of_and_the_run_goes_on"),
];

const DIFFERENCES: [Shown; 21] = [
    ("prints results as `CODE MESSAGE` lines", "outputs::classic_prints_the_lines_of_the_seed"),
    ("exits with 0 if a step fails or times out", "outputs::a_failed_test_leaves_its_report"),
    (
        "`-f json` prints text lines before the document, and names workers `worker_0`, …",
        "outputs::json_has_the_seeds_shape_with_the_workers_own_names",
    ),
    (
        "`-o FILE` writes a summary, and the lines still go to standard output",
        "outputs::results_go_to_the_file_that_is_named_and_nothing_to_standard_output",
    ),
    ("hangs if a player dies", "player_loss::a_player_that_is_gone_at_once_is_lost_and_the_others_end_their_run"),
    (
        "prints a traceback if no player listens",
        "many_workers::every_worker_that_cannot_be_reached_is_named_and_nothing_is_run",
    ),
    (
        "after Ctrl-C, players keep the old phases and run them again for the next conductor",
        "interrupts::ctrl_c_in_a_phase_stops_it_runs_reset_and_leaves_130",
    ),
    (
        "two conductors at the same time receive some of each other's results",
        "many_workers::a_second_conductor_is_refused_and_told_who_the_first_is",
    ),
    ("two players can listen on the same port", "interrupts::two_players_on_one_port_is_an_error"),
    (
        "a connection that sends nothing blocks the player",
        "peers::a_silent_connection_disturbs_nobody_and_is_closed_in_the_end",
    ),
    ("hangs with 200 players", "many_workers::two_hundred_workers_end"),
    ("a time limit kills only the shell", "step_ends::a_time_out_ends_the_whole_group"),
    (
        "a step that prints more than 10 MiB ends the run with a traceback",
        "many_workers::a_step_that_prints_12_mb_is_counted_whole_and_kept_head_and_tail",
    ),
    (
        "standard error of steps is discarded",
        "large_outputs::both_streams_arrive_whole_when_a_step_prints_on_both_at_once",
    ),
    (
        "players start one after another, about 1.4 ms apart",
        "start_skew::each_phase_of_each_trial_says_how_far_apart_its_workers_started_with_a_bound",
    ),
    (
        "spawned steps are never stopped",
        "step_ends::a_spawned_step_lives_through_the_phases_and_is_stopped_with_its_children_when_the_trial_ends",
    ),
    (
        "refuses a lone `%`, a comment after a value, two `timeout120` keys in a section, a byte-order mark, and `[Clients]`",
        "dialect::what_python_refuses_and_we_accept_is_read_as_it_is_meant",
    ),
    ("a step with an empty command passes", "lints::every_lint_has_an_example_with_its_exact_output"),
    (
        "`timeout3 = timeout5:CMD` runs a program named `timeout5:CMD`",
        "lints::every_lint_has_an_example_with_its_exact_output",
    ),
    (
        "lines of `[DEFAULT]` become steps of every phase",
        "configuration::defaults_serve_fixed_keys_and_never_become_entries",
    ),
    (
        "ignores a section `[server:Run]` of a test file",
        "one_file::a_section_that_replaces_one_of_a_worker_file_is_told_once",
    ),
];

fn every_row_has_its_test(page: &str, header: &str, shown: &[Shown]) {
    let rows: Vec<_> = table(page, header).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(rows, shown.iter().map(|(row, _)| *row).collect::<Vec<_>>(), "the rows of {page}");
    for (row, test) in shown {
        let (module, name) = test.split_once("::").expect("module and name");
        let source = read(&format!("tests/it/{module}.rs"));
        assert!(source.contains(&format!("\nfn {name}() {{")), "the test of the row `{row}`: {test}");
    }
}

#[test]
fn every_row_of_the_table_of_failures_has_its_test() {
    every_row_has_its_test("docs/failures.md", "event", &FAILURES);
}

#[test]
fn every_difference_from_the_python_conductor_has_its_test() {
    every_row_has_its_test("docs/from-python.md", "Python conductor", &DIFFERENCES);
}
