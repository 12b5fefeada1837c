//! The live view in a real terminal, at several moments and with another size in between. On a machine without `tmux`
//! the tests say so and pass.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::termios::{Action, tcflow};

use crate::support::surroundings::skip;
use crate::support::{CONDUCTOR, DEADLINE, Folder, conductor, spawn, terminal, wait};

/// A terminal in which a command runs, with a server of its own.
struct Terminal<'a> {
    folder: &'a Folder,
}

impl<'a> Terminal<'a> {
    /// Starts a command line in a terminal of 90 columns and 30 rows; `None` with a message where there is no `tmux`.
    fn start(folder: &'a Folder, line: &str) -> Option<Self> {
        let found = Command::new("tmux").arg("-V").stdout(Stdio::null()).stderr(Stdio::null()).status();
        if found.is_err() {
            skip("this machine has no tmux");
            return None;
        }
        let terminal = Self { folder };
        let started = terminal.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", "90", "-y", "30", line]);
        assert!(started.status.success(), "{started:?}");
        Some(terminal)
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("tmux");
        command.env_remove("TMUX").arg("-S").arg(self.folder.join("socket")).args(arguments);
        command.current_dir(self.folder.path()).stdin(Stdio::null()).output().expect("tmux runs")
    }

    /// What the terminal shows, and what it showed before.
    fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p", "-S", "-"]).stdout).into_owned()
    }

    /// Waits until the terminal shows what is wanted; what it shows then.
    #[track_caller]
    fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let mut screen = String::new();
        let end = Instant::now() + DEADLINE;
        while !is_so(&screen) {
            assert!(Instant::now() < end, "never came about: {what}; the terminal shows\n{screen}");
            std::thread::sleep(Duration::from_millis(20));
            screen = self.screen();
        }
        screen
    }
}

impl Drop for Terminal<'_> {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}

/// A test whose steps wait for files.
fn waiting_for_files() -> Folder {
    let folder = Folder::new();
    let wait = |name: &str| format!("until test -e {}; do sleep 0.02; done", folder.join(name).display());
    let first =
        format!("[Run]\nmeasure = echo '10 percent'; {}; echo 'all of it'\nlast = {}\n", wait("go"), wait("end"));
    folder.test("", &["dut", "generator"]).worker("dut", 6970, &first);
    folder.worker("generator", 6970, &format!("[Run]\nfails = exit 1\nflood = {}\n", wait("end")));
    folder
}

fn line(options: &str) -> String {
    // The terminal stays until the test has seen it.
    format!("{CONDUCTOR} conduct --local {options} -p run test.cfg; echo status $?; exec sleep 60")
}

#[test]
fn each_worker_has_a_line_whatever_the_size_of_the_terminal() {
    let folder = waiting_for_files();
    let Some(terminal) = Terminal::start(&folder, &line("")) else { return };
    let first = terminal.wait("the view", |screen| screen.contains("10 percent") && screen.contains("! generator"));
    assert!(first.contains("Trial 1 of 1, run, "), "{first}");
    assert!(first.contains(": waiting for dut, generator"), "{first}");
    assert!(first.contains("] 1 of 4 steps"), "{first}");
    assert!(first.contains("dut        running ") && first.contains("measure  | 10 percent"), "{first}");
    terminal.tmux(&["resize-window", "-x", "60", "-y", "20"]);
    // Until the view is drawn anew, its lines are those of the old width.
    let once = |screen: &str| {
        let begins = |begin: &str| screen.lines().filter(|line| line.starts_with(begin)).count() == 1;
        // A terminal that is slow to read may keep what was drawn before the first trial, and a slow machine logs its waits.
        begins("Trial 1 of 1, run, ") && begins("[=")
    };
    let narrow = terminal.wait("the narrow view", |screen| once(screen) && screen.contains("] 1 of 4 steps\n"));
    assert!(narrow.contains("Trial 1 of 1, run\n"), "what stands above it stays: {narrow}");
    folder.file("go", "");
    terminal.tmux(&["resize-window", "-x", "100", "-y", "30"]);
    let wide = terminal.wait("the wide view", |screen| once(screen) && screen.contains("of 1h  last "));
    assert!(wide.contains("| all of it\n") && wide.contains("Trial 1 of 1, run\n"), "{wide}");
    assert!(wide.contains("2 of 4 steps"), "{wide}");
    folder.file("end", "");
    let end = terminal.wait("the end", |screen| screen.contains("status 3"));
    assert!(!end.contains("Trial 1 of 1, run, "), "the view is gone: {end}");
    assert!(end.contains("; steps: 3 passed, 1 failed; "), "{end}");
}

#[test]
fn a_terminal_that_cannot_move_its_cursor_and_one_who_wants_quiet_have_no_view() {
    for (environment, options) in [("TERM=dumb", ""), ("TERM=screen", "-q")] {
        let folder = waiting_for_files();
        let line = format!("export {environment}; {}", line(options));
        let Some(terminal) = Terminal::start(&folder, &line) else { return };
        terminal.wait("the failure", |screen| {
            screen.contains("fails  failed: exit 1") || screen.contains("fails    failed")
        });
        folder.file("go", "");
        terminal.wait("the output", |screen| screen.contains("| all of it"));
        folder.file("end", "");
        let end = terminal.wait("the end", |screen| screen.contains("status 3"));
        assert!(!end.contains("of 4 steps") && !end.contains("waiting for"), "{environment}: {end}");
        let colored = String::from_utf8_lossy(&terminal.tmux(&["capture-pane", "-p", "-e"]).stdout).contains("\x1b[");
        assert_eq!(colored, environment != "TERM=dumb", "{environment}");
    }
}

#[test]
fn without_colour_it_has_none() {
    for (environment, options) in [("NO_COLOR=1", ""), ("A=a", "--color never")] {
        let folder = waiting_for_files();
        let line = format!("export {environment}; {}", line(options));
        let Some(terminal) = Terminal::start(&folder, &line) else { return };
        terminal.wait("the view", |screen| screen.contains("! generator"));
        let colored = String::from_utf8_lossy(&terminal.tmux(&["capture-pane", "-p", "-e"]).stdout).into_owned();
        assert!(!colored.contains("\x1b[3"), "{environment} {options}: {colored:?}");
        folder.file("go", "").file("end", "");
        terminal.wait("the end", |screen| screen.contains("status 3"));
    }
}

#[test]
fn a_terminal_that_takes_nothing_does_not_keep_a_run_from_ending() {
    let (folder, terminal) = (Folder::new(), terminal::Terminal::new());
    folder.test("", &["w"]).worker("w", 6970, "[Run]\ns = sleep 0.5\n");
    tcflow(terminal.end(), Action::OOff).expect("the terminal is stopped");
    let mut command = conductor(&folder, ["conduct", "--local", "-o", "out", "-p", "run", "test.cfg"]);
    command.env("TERM", "xterm").stdout(Stdio::null()).stderr(terminal.end());
    assert_eq!(wait(&mut spawn(command)).code(), Some(0));
    terminal.hang_up();
}
