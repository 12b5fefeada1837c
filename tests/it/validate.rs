//! `conductor validate` as people and programs use it: forms, standard input, allowances, exit status.

use std::io::Write;
use std::process::Stdio;

use crate::support::{Folder, conductor, finish, run, start};
use serde_json::{Value, json};
use snapbox::str;

/// A test of two workers with a warning, and an error in two lines.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.file("test.cfg", "[Test]\ntrials = 0\n\n[Workers]\na = a.cfg\nb = b.cfg\n");
    folder.file("a.cfg", "[Coordinator]\nplayer = 127.0.0.1\n\n[Run]\nx = date +%s\nX = true\n");
    folder.file("b.cfg", "[Coordinator]\nplayer = 127.0.0.1\n\n[Run]\nx = true\n");
    folder
}

#[test]
fn json_has_every_finding_with_its_place_and_what_belongs_to_it() {
    let finished = run(&folder(), ["validate", "--python", "-f", "json", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(1), "2 errors, 1 warning\n"));
    let found: Value = serde_json::from_str(&finished.stdout).expect("JSON alone");
    let names: Vec<_> = found.as_array().expect("an array").iter().map(|finding| finding["name"].clone()).collect();
    assert_eq!(names, ["invalid-value", "lone-percent", "duplicate-key"]);
    assert_eq!(
        found[2],
        json!({
            "severity": "error", "name": "duplicate-key", "message": "the key `x` is defined twice in `[Run]`",
            "file": "a.cfg", "line": 6, "column": 1, "end_line": 6, "end_column": 2,
            "hint": "use another name; upper and lower case are the same",
            "related": [{
                "message": "first defined here",
                "file": "a.cfg", "line": 5, "column": 1, "end_line": 5, "end_column": 2,
            }],
        })
    );
    let finished = run(&folder(), ["validate", "-f", "json", "none.cfg"]);
    let found: Value = serde_json::from_str(&finished.stdout).expect("JSON alone");
    assert_eq!((&found[0]["file"], &found[0]["line"]), (&json!("none.cfg"), &Value::Null));
    run(&folder(), ["validate", "-f", "json", "b.cfg"]).assert(0, "[]\n", "");
}

#[test]
fn github_gets_an_annotation_for_each_finding() {
    let folder = folder();
    folder.file("a,b:c.cfg", "[Run]\nx = %(100%)s\n");
    run(&folder, ["validate", "--python", "-f", "github", "test.cfg", "a,b:c.cfg"]).assert(
        1,
        str![[r#"
::error file=test.cfg,line=2,endLine=2,col=10,endColumn=11,title=invalid-value::`0` must be a whole number of at least 1 (`trials`)%0Ahint: write a number such as `10`
::warning file=a.cfg,line=5,endLine=5,col=11,endColumn=12,title=lone-percent::the Python conductor does not accept a single `%25`%0Ahint: write `%25%25`
::error file=a.cfg,line=6,endLine=6,col=1,endColumn=2,title=duplicate-key::the key `x` is defined twice in `[Run]`%0Ahint: use another name; upper and lower case are the same
::error file=a%2Cb%3Ac.cfg,line=1,endLine=1,col=1,endColumn=1,title=missing-setting::the worker file has no `player`%0Ahint: add the player's address, `player = ADDRESS`, or how to reach the machine, `connect = FORM`, to `[Coordinator]`
::error file=a%2Cb%3Ac.cfg,line=2,endLine=2,col=5,endColumn=13,title=undefined-variable::the variable `100%25` is not defined%0Ahint: set it in `[DEFAULT]` or with `-D 100%25=…`, or write `%25%25(` for a literal `%25(`

"#]],
        "4 errors, 1 warning\n",
    );
}

#[test]
fn a_file_comes_from_standard_input_and_its_workers_from_the_current_folder() {
    let folder = folder();
    let mut command = conductor(&folder, ["validate", "--python", "-f", "json", "-", "-"]);
    command.stdin(Stdio::piped());
    let mut child = start(command);
    let mut input = child.stdin.take().expect("its input is a pipe");
    input.write_all(b"[Workers]\na = a.cfg\nb = none.cfg\n").expect("it is read");
    drop(input);
    let finished = finish(child);
    let found: Value = serde_json::from_str(&finished.stdout).expect("JSON alone");
    let places: Vec<_> =
        found.as_array().expect("an array").iter().map(|f| (f["file"].as_str(), f["line"].as_u64())).collect();
    assert_eq!(places, [(Some("<standard input>"), Some(3)), (Some("a.cfg"), Some(5)), (Some("a.cfg"), Some(6))]);
    assert_eq!(finished.status, Some(1));
}

#[test]
fn each_file_is_looked_at_once_and_in_the_order_of_the_command_line() {
    let folder = folder();
    folder.file("other.cfg", "[Workers]\na = ./a.cfg\n");
    let files = ["a.cfg", "none.cfg", "test.cfg", "other.cfg", "test.cfg"];
    let finished = run(&folder, ["validate", "--python", "-f", "github"].into_iter().chain(files));
    let files: Vec<_> = finished.stdout.lines().filter_map(|line| line.split(['=', ',', ':']).nth(3)).collect();
    assert_eq!(files, ["a.cfg", "a.cfg", "none.cfg", "test.cfg"]);
}

#[test]
fn an_allowance_silences_the_line_below_and_is_told_of_when_it_is_of_no_use() {
    let folder = folder();
    let worker =
        "[Coordinator]\nplayer = 127.0.0.1\n\n[Run]\n# conductor: allow(lone-percent)\nx = date +%s\ny = date +%s\n";
    folder.file("a.cfg", worker).file("test.cfg", "[Workers]\na = a.cfg\n");
    let lines = |arguments: &[&str]| {
        let finished = run(&folder, ["validate", "--python", "-f", "json"].iter().chain(arguments));
        let found: Value = serde_json::from_str(&finished.stdout).expect("JSON alone");
        let found: Vec<_> = found.as_array().expect("an array").iter().map(|f| f["line"].as_u64()).collect();
        (finished.status, found)
    };
    assert_eq!(lines(&["a.cfg"]), (Some(0), vec![Some(7)]));
    assert_eq!(lines(&["--strict", "test.cfg"]), (Some(1), vec![Some(7)]));
    // Several stand above one line, in one comment or in two; what no lint looked for cannot be called useless.
    let worker = "[Coordinator]\nplayer = 127.0.0.1\n\n[Run]\n# conductor: allow(shell-syntax, unknown-key)\n; conductor: allow( lone-percent )\nx = date +%s '\n";
    folder.file("a.cfg", worker);
    assert_eq!(lines(&["a.cfg"]), (Some(0), vec![Some(5)]));
    assert_eq!(lines(&["--no-shell-check", "a.cfg"]), (Some(0), vec![Some(5)]));
    folder.file("a.cfg", &worker.replace(", unknown-key", ""));
    assert_eq!(lines(&["--strict", "a.cfg"]), (Some(0), vec![]));
}

#[test]
fn what_only_matters_to_the_python_program_is_shown_and_counted_only_when_it_is_asked_for() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Clients]\na = a.cfg\n");
    let worker = "# conductor: allow(default-entries)\n[DEFAULT]\nformat = +%%s\n[Coordinator]\nplayer = 127.0.0.1\n\n[Run]\n\
                  x = date %(format)s\ny = date +%s\n";
    folder.file("a.cfg", worker);
    run(&folder, ["validate", "--strict", "test.cfg"]).assert(0, "", "");
    let planned = run(&folder, ["conduct", "--dry-run", "--strict", "test.cfg"]);
    assert_eq!((planned.status, planned.stderr.as_str()), (Some(0), ""));
    let shown = run(&folder, ["validate", "--strict", "--python", "test.cfg"]);
    assert_eq!((shown.status, shown.stderr.as_str()), (Some(1), "2 warnings\n"));
    assert!(shown.stdout.contains("[clients-section]") && shown.stdout.contains("[lone-percent]"), "{shown:?}");
    let planned = run(&folder, ["conduct", "--dry-run", "--python", "test.cfg"]);
    assert_eq!((planned.status, planned.stderr.trim_end()), (Some(0), shown.stdout.trim_end()));
    assert_eq!(run(&folder, ["conduct", "--dry-run", "--strict", "--python", "test.cfg"]).status, Some(1));
    // However many they are, they take no room from the others.
    let percents = (0..1100).map(|step| format!("s{step} = date +%s\n")).collect::<Vec<_>>().concat();
    folder.file("a.cfg", &format!("{worker}{percents}"));
    run(&folder, ["validate", "--strict", "test.cfg"]).assert(0, "", "");
    assert!(run(&folder, ["validate", "--python", "test.cfg"]).stdout.contains("[too-many-findings]"));
}

#[test]
fn conduct_prints_the_same_warnings_once_and_refuses_them_when_it_is_to_be_strict() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Workers]\nnode[1-3] = w.cfg\n");
    folder.file("w.cfg", "[Coordinator]\nplayer = 127.0.0.1\n\n[Startup]\n\n[Run]\nx = echo '%(index)s\n");
    let validated = run(&folder, ["validate", "test.cfg"]);
    assert!(validated.stdout.contains("warning[shell-syntax]") && validated.stdout.contains("warning[empty-phase]"));
    assert_eq!((validated.status, validated.stderr.as_str()), (Some(0), "2 warnings\n"));
    let planned = run(&folder, ["conduct", "--dry-run", "test.cfg"]);
    assert_eq!((planned.status, planned.stderr.trim_end()), (Some(0), validated.stdout.trim_end()));
    let refused = run(&folder, ["conduct", "--dry-run", "--strict", "test.cfg"]);
    assert_eq!(refused.status, Some(1));
    // Where only some workers are chosen, nothing is said of what needs all of them.
    folder.file("w.cfg", "[Coordinator]\nplayer = 127.0.0.1\n\n[Run]\n# conductor: allow(lonely-barrier)\nx = true\n");
    let one = run(&folder, ["conduct", "--dry-run", "--strict", "-c", "node1", "--", "test.cfg"]);
    assert_eq!((one.status, one.stderr.as_str()), (Some(0), ""));
}

#[test]
fn a_worker_file_that_is_a_pipe_or_a_device_is_not_waited_for() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Workers]\na = pipe\nb = /dev/tty\nc = /dev/zero\n");
    let made = std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().expect("mkfifo runs");
    assert!(made.success());
    let finished = run(&folder, ["validate", "-f", "github", "test.cfg"]);
    assert_eq!(finished.status, Some(1));
    assert_eq!(finished.stdout.matches("title=unreadable-file::cannot read").count(), 3, "{finished:#?}");
}

#[test]
fn barriers_of_parallel_steps_have_no_order() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Workers]\na = a.cfg\nb = b.cfg\n");
    let run_section = |steps: &str| format!("[Coordinator]\nplayer = 127.0.0.1\n\n[Run]\n{steps}");
    folder.file("a.cfg", &run_section("1 = parallel:barrier:x\n2 = parallel:barrier:y\n3 = barrier:z\n"));
    folder.file("b.cfg", &run_section("1 = barrier:y\n2 = barrier:x\n3 = barrier:z\n"));
    assert!(!run(&folder, ["validate", "test.cfg"]).stdout.contains("barrier-order"));
    folder.file("b.cfg", &run_section("1 = barrier:z\n2 = parallel:barrier:x\n3 = parallel:barrier:y\n"));
    assert!(run(&folder, ["validate", "test.cfg"]).stdout.contains("error[barrier-order]"));
}

#[test]
fn three_workers_that_wait_in_a_circle_are_all_named() {
    let folder = Folder::new();
    folder.file("test.cfg", "[Workers]\na = a.cfg\nb = b.cfg\nc = c.cfg\n");
    for (worker, first, second) in [("a", "x", "y"), ("b", "y", "z"), ("c", "z", "x")] {
        let steps = format!("[Run]\n1 = barrier:{first}\n2 = barrier:{second}\n");
        folder.file(&format!("{worker}.cfg"), &format!("[Coordinator]\nplayer = 127.0.0.1\n\n{steps}"));
    }
    let finished = run(&folder, ["validate", "test.cfg"]);
    let message = "workers would wait for each other: `c` reaches `z` before `x`, `a` reaches `x` before `y`, `b` reaches `y` before `z`";
    assert!(finished.stdout.contains(message), "{}", finished.stdout);
    assert_eq!(finished.stdout.matches("error[barrier-order]").count(), 1);
}

#[test]
fn what_validate_cannot_write_is_an_error() {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", 7001, "[Run]\nstep = true\n");
    for arguments in [&["validate", "--list"][..], &["validate", "-f", "json", "test.cfg"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").expect("/dev/full");
        let output = conductor(&folder, arguments).stdout(full).output().expect("the program starts");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = String::from_utf8(output.stderr).expect("text");
        assert_eq!(said, "error: cannot write to standard output: No space left on device (os error 28)\n");
    }
}
