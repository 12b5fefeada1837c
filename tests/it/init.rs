//! `conductor init`: each template runs at once with the commands that it prints, and nothing is replaced or left half-written.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::support::room::{Disk, USER};
use crate::support::surroundings::{has_programs, skip};
use crate::support::{CONDUCTOR, Finished, Folder, conductor, finish, run, start};
use snapbox::str;

/// A folder in which the program is found as `conductor`.
fn folder() -> Folder {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("bin")).expect("a folder");
    symlink(CONDUCTOR, folder.join("bin/conductor")).expect("a link");
    folder
}

/// Runs a command as a user types it.
fn shell(folder: &Folder, line: &str) -> Finished {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]).current_dir(folder.path());
    command.env("PATH", format!("{}:{path}", folder.join("bin").display()));
    finish(start(command))
}

/// The commands in what `init` prints.
fn commands(printed: &str) -> Vec<&str> {
    printed.lines().filter_map(|line| line.strip_prefix("  ")).collect()
}

/// Writes a test with a template, runs the commands that are printed, and returns the report of the run.
fn runs_at_once(template: &str) -> (Folder, String) {
    let folder = folder();
    let written = shell(&folder, &format!("conductor init --template {template} demo"));
    assert_eq!((written.status, written.stderr.as_str()), (Some(0), ""), "{written:#?}");
    let [conduct, validate] = commands(&written.stdout)[..] else { panic!("two commands: {written:#?}") };
    assert_eq!(
        [conduct, validate],
        ["conductor conduct --local demo/test.cfg", "conductor validate demo/test.cfg"],
        "{written:#?}"
    );
    let conducted = shell(&folder, conduct);
    assert_eq!(conducted.status, Some(0), "{conducted:#?}");
    assert!(!conducted.stderr.contains("warning"), "{conducted:#?}");
    for validate in [validate, &format!("{validate} --strict")] {
        shell(&folder, validate).assert(0, "", "");
    }
    (folder, conducted.stdout)
}

#[test]
fn the_minimal_test_runs_at_once() {
    let (folder, report) = runs_at_once("minimal");
    assert!(report.contains("\n  barrier done: passed by 2 workers; "), "{report}");
    assert!(report.contains("\n  start skew: "), "{report}");
    assert!(!folder.read("results/latest/trial-1/server/load.log").is_empty(), "{report}");
}

#[test]
fn the_web_test_runs_at_once() {
    if has_programs(&["python3", "curl"]) {
        let (folder, report) = runs_at_once("web");
        assert!(report.contains("\n      | 200 requests, "), "{report}");
        assert!(folder.read("results/latest/trial-1/server/access.log").contains("GET /?100 "), "{report}");
    }
}

#[test]
fn the_iperf3_test_runs_at_once() {
    if has_programs(&["iperf3"]) {
        let (_, report) = runs_at_once("iperf3");
        assert!(report.contains(" receiver\n"), "{report}");
    }
}

#[test]
fn a_program_that_is_missing_is_named_with_what_to_install_before_anything_else_runs() {
    for (template, missing) in [("web", ["python3", "curl"].as_slice()), ("iperf3", &["iperf3"])] {
        let folder = Folder::new();
        run(&folder, ["init", "--template", template, "demo"]);
        let mut command = conductor(&folder, ["conduct", "--local", "--quiet", "demo/test.cfg"]);
        command.env("PATH", folder.join("demo"));
        let finished = finish(start(command));
        assert_eq!(finished.status, Some(3), "{finished:#?}");
        // The first failure stops the other workers, which may not have come that far.
        let line = |program: &&str| format!("      | {program} is missing: install the package {program}\n");
        assert!(missing.iter().map(line).any(|line| finished.stdout.contains(&line)), "{finished:#?}");
        assert!(!finished.stdout.contains(", run\n"), "{finished:#?}");
    }
}

#[test]
fn it_makes_the_folder_and_prints_what_to_do() {
    let folder = folder();
    shell(&folder, "umask 027; conductor init new/folder").assert(
        0,
        str![[r#"
wrote new/folder/test.cfg

Run the test on this machine:
  conductor conduct --local new/folder/test.cfg

To run it on other machines, set their addresses and `connect` in the file, then check it:
  conductor validate new/folder/test.cfg
Then run it without `--local`.

"#]],
        "",
    );
    let mode = |name: &str| folder.join(name).metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("new/folder/test.cfg"), mode("new")), (0o640, 0o750));
    // A folder that is there and empty, or has other files, is as good.
    std::fs::create_dir(folder.join("empty")).expect("a folder");
    shell(&folder, "conductor init -t web empty").assert(
        0,
        str![[r#"
wrote empty/test.cfg

It needs python3 and curl. Run the test on this machine:
  conductor conduct --local empty/test.cfg

To run it on other machines, set their addresses and `connect` in the file, then check it:
  conductor validate empty/test.cfg
Then run it without `--local`.

"#]],
        "",
    );
    assert_eq!(commands(&shell(&folder, "conductor init .").stdout)[1], "conductor validate ./test.cfg");
}

#[test]
fn the_printed_commands_are_quoted_for_the_shell() {
    let folder = folder();
    for name in ["it's one", "-x", "$(date)", "two\nlines"] {
        let finished = finish(start({
            let mut command = Command::new("/bin/sh");
            command.args(["-c", "PATH=$PWD/bin:$PATH; conductor init -- \"$1\"", "sh", name]);
            command.current_dir(folder.path());
            command
        }));
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
        let [_, validate] = commands(&finished.stdout)[..] else { panic!("two commands: {finished:#?}") };
        if name.contains('\n') {
            // It cannot be typed in one line, and does no harm.
            assert_eq!(validate, r"conductor validate 'two\nlines/test.cfg'");
        } else {
            shell(&folder, validate).assert(0, "", "");
        }
    }
}

/// The names of everything in a folder, and in the folders in it.
fn everything(folder: &Folder) -> Vec<String> {
    let found = Command::new("find").arg(folder.path()).args(["-mindepth", "1", "-printf", "%P\\n"]).output();
    let text = String::from_utf8(found.expect("`find` runs").stdout).expect("names");
    let mut names: Vec<_> = text.lines().map(str::to_owned).collect();
    names.sort();
    names
}

#[test]
fn it_replaces_nothing() {
    let folder = Folder::new();
    std::fs::create_dir(folder.join("demo")).expect("a folder");
    folder.file("demo/test.cfg", "mine").file("file", "mine");
    symlink("nowhere", folder.join("link")).expect("a link");
    run(&folder, ["init", "demo"]).assert(
        1,
        "",
        str![[r#"
error: cannot write `demo/test.cfg`: file exists
  hint: nothing was written; name another folder, or remove the file

"#]],
    );
    run(&folder, ["init", "file"]).assert(
        1,
        "",
        str![[r#"
error: cannot write `file/test.cfg`: not a directory
  hint: nothing was written; a part of the path is a file

"#]],
    );
    run(&folder, ["init", "file/below"]).assert(
        1,
        "",
        str![[r#"
error: cannot write `file/below/test.cfg`: not a directory
  hint: nothing was written; a part of the path is a file

"#]],
    );
    run(&folder, ["init", "link"]).assert(
        1,
        "",
        str![[r#"
error: cannot write `link/test.cfg`: file exists
  hint: nothing was written; name another folder, or remove the file

"#]],
    );
    assert_eq!(everything(&folder), ["demo", "demo/test.cfg", "file", "link"]);
    assert_eq!((folder.read("demo/test.cfg"), folder.read("file")), ("mine".to_owned(), "mine".to_owned()));
}

#[test]
fn without_permission_nothing_is_written() {
    let folder = Folder::new();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o555)).expect("a folder of ours");
    let mut command = conductor(&folder, ["init", "a/b"]);
    // Root may write everywhere.
    if rustix::process::getuid().is_root() {
        command.uid(USER).gid(USER);
    }
    finish(start(command)).assert(
        1,
        "",
        str![[r#"
error: cannot write `a/b/test.cfg`: permission denied
  hint: nothing was written; name a folder in which you can write

"#]],
    );
    assert_eq!(everything(&folder), [""; 0]);
}

#[test]
fn without_room_nothing_is_left() {
    let folder = folder();
    shell(&folder, "ulimit -f 0; conductor init a/b").assert(
        1,
        "",
        str![[r#"
error: cannot write `a/b/test.cfg`: file too large
  hint: nothing was written; name a folder in which you can write

"#]],
    );
    assert_eq!(everything(&folder), ["bin", "bin/conductor"]);
    let Ok(disk) = Disk::new() else { return skip("no file system can be made") };
    std::fs::create_dir(disk.path().join("a")).expect("a folder");
    disk.fill();
    let place = disk.path().join("a").display().to_string();
    run(&folder, ["init", &place]).assert(
        1,
        "",
        str![[r#"
error: cannot write `[..]/a/test.cfg`: no space left on device
  hint: nothing was written; free some space, or name a folder elsewhere

"#]],
    );
    assert_eq!(std::fs::read_dir(&place).expect("the folder").count(), 0);
}

#[test]
fn the_help_of_init_is_complete() {
    run(&Folder::new(), ["init", "--help"]).assert(
        0,
        str![[r#"
Write an example test that runs at once

Usage: conductor init [OPTIONS] <DIR>

Arguments:
  <DIR>
          Folder for the test file; it is created if it does not exist

Options:
  -t, --template <TEMPLATE>
          Test to write

          Possible values:
          - minimal: Two workers; needs only a shell
          - web:     A web server under load; needs python3 and curl
          - iperf3:  The throughput between two machines; needs iperf3
          
          [default: minimal]

  -h, --help
          Print help (see a summary with '-h')

  -V, --version
          Print version

Examples:
  conductor init demo
          Write `demo/test.cfg`, a test of two workers that needs only a shell
  conductor init --template iperf3 throughput
          Write a test that measures the throughput between two machines

The file has comments that explain it. `init` prints the command that runs the
test on this machine. It does not replace files.

Exit status:
  0  The test file was written
  1  A file exists already, or cannot be written; then nothing was written
  2  The command line is wrong

"#]],
        "",
    );
}
