//! What the tests of the real binary share: temporary folders, players that end with their test, and runs of `conduct`
//! whose status and output are compared whole.
#![allow(
    dead_code,
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::allow_attributes,
    missing_docs,
    reason = "each test file uses the part of it that it needs, so no expectation holds in all of them"
)]

mod mark;
pub mod browser;
pub mod chaos;
pub mod configparser;
pub mod documents;
pub mod faults;
pub mod hostile_arena;
pub mod hostile_conductor;
pub mod hostile_player;
pub mod large_run;
pub mod look;
pub mod machines;
pub mod many_trials;
pub mod memory;
pub mod message_types;
pub mod origins;
pub mod pipes;
pub mod python_conductor;
pub mod relay;
pub mod room;
pub mod same_results;
pub mod seed_player;
pub mod session_player;
pub mod shown_commands;
pub mod soak;
pub mod sockets;
pub mod surroundings;
pub mod terminal;
pub mod total;
pub mod wire;

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use mark::Mark;

/// Longer than anything takes on a loaded machine: a test that waits so long has found a hang.
pub const DEADLINE: Duration = Duration::from_mins(1);

/// The binary under test.
pub const CONDUCTOR: &str = env!("CARGO_BIN_EXE_conductor");

/// A folder of a test's own.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir_in(surroundings::folder_of_folders()).expect("a temporary folder"))
    }

    /// One that needs no disk where there is room for it in memory: for many small files.
    pub fn in_memory() -> Self {
        surroundings::folder_in_memory()
            .and_then(|folder| tempfile::tempdir_in(folder).ok())
            .map_or_else(Self::new, Self)
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file and returns the folder, so that several can be written in a row.
    pub fn file(&self, name: &str, text: &str) -> &Self {
        std::fs::write(self.join(name), text).expect("a file in a temporary folder");
        self
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.join(name)).unwrap_or_default()
    }

    /// Writes `NAME.cfg`, a worker on the player at `port`, with these sections behind `[Coordinator]`.
    pub fn worker(&self, name: &str, port: u16, sections: &str) -> &Self {
        let head = format!("[Coordinator]\nplayer = 127.0.0.1\nconductor = 127.0.0.1\ncmdport = {port}\n");
        self.file(&format!("{name}.cfg"), &format!("{head}\n{sections}"))
    }

    /// Writes `test.cfg` with these lines in `[Test]` and these workers, each in its file of the same name.
    pub fn test(&self, lines: &str, workers: &[&str]) -> &Self {
        let mut text = format!("[Test]\n{lines}\n\n[Workers]\n");
        for worker in workers {
            let _ = writeln!(text, "{worker} = {worker}.cfg");
        }
        self.file("test.cfg", &text)
    }
}

/// A player of the binary under test. It is told to stop when the test is over, and must then end by itself, and leave
/// nothing.
pub struct Player {
    child: Child,
    mark: Mark,
    /// Its folder for temporary files, unless the test chose one.
    temporary: Option<Folder>,
    pub port: u16,
}

impl Player {
    pub fn start() -> Self {
        Self::with(["--quiet"])
    }

    pub fn with<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Self {
        let mut command = Command::new(CONDUCTOR);
        command.args(["player", "--bind", "127.0.0.1", "--port", "0"]).args(arguments);
        Self::from(command)
    }

    /// Starts a player and waits until it says where it listens.
    pub fn from(mut command: Command) -> Self {
        let mark = Mark::put_on(&mut command);
        let is_chosen = command.get_envs().any(|(name, _)| name == "TMPDIR");
        let temporary = (!is_chosen).then(Folder::new);
        if let Some(folder) = &temporary {
            command.env("TMPDIR", folder.path());
        }
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("a player starts");
        let mut line = String::new();
        let output = child.stdout.take().expect("its output is a pipe");
        BufReader::new(output).read_line(&mut line).expect("a player says where it listens");
        let port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("a player says where it listens, not `{line}`"));
        Self { child, mark, temporary, port }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection to it.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).expect("a player takes connections");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
        stream
    }

    /// The processes that it made: sessions, and what had fallen to it.
    pub fn children(&self) -> Vec<u32> {
        children(self.pid())
    }

    /// Everything that it has started, itself and its steps' processes included, wherever they are.
    pub fn carriers(&self) -> Vec<u32> {
        self.mark.pids()
    }

    pub fn signal(&self, signal: i32) {
        kill(self.pid(), signal);
    }

    /// Waits until it has ended.
    pub fn wait(&mut self) -> ExitStatus {
        wait(&mut self.child)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            self.signal(15);
        }
        let end = Instant::now() + DEADLINE;
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() > end {
                let _ = self.child.kill();
                let _ = self.child.wait();
                self.mark.end_all();
                assert!(std::thread::panicking(), "the player does not stop");
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let was_killed = self.child.wait().is_ok_and(|status| status.signal().is_some());
        if was_killed || std::thread::panicking() {
            // It could not clean up, and what it left is not to trouble the next test.
            self.mark.end_all();
        } else {
            self.mark.assert_gone();
            let left = self.temporary.iter().flat_map(|folder| std::fs::read_dir(folder.path()).expect("a folder"));
            let left: Vec<_> = left.map(|entry| entry.expect("an entry").path()).collect();
            assert!(left.is_empty(), "a player left files: {left:?}");
        }
    }
}

/// What a command came to.
#[derive(Debug)]
pub struct Finished {
    pub status: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Compares everything; `[..]` stands for any text within a line, `...` on a line of its own for any lines.
    #[track_caller]
    pub fn assert(&self, status: i32, stdout: impl snapbox::IntoData, stderr: impl snapbox::IntoData) {
        assert_eq!(self.status, Some(status), "{self:#?}");
        snapbox::assert_data_eq!(self.stdout.clone(), stdout);
        snapbox::assert_data_eq!(self.stderr.clone(), stderr);
    }
}

/// `conductor` with these arguments, in this folder. Its logs are quiet unless a test adds arguments that say otherwise.
pub fn conductor<A: AsRef<OsStr>>(folder: &Folder, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(CONDUCTOR);
    command.current_dir(folder.path()).args(arguments).stdin(Stdio::null()).env_remove("RUST_LOG");
    command
}

/// Runs `conductor` with these arguments to its end.
pub fn run<A: AsRef<OsStr>>(folder: &Folder, arguments: impl IntoIterator<Item = A>) -> Finished {
    finish(start(conductor(folder, arguments)))
}

/// Starts a command whose outputs are pipes.
pub fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    spawn(command)
}

/// Starts a command.
pub fn spawn(mut command: Command) -> Child {
    let mark = Mark::put_on(&mut command);
    let child = command.spawn().expect("the program starts");
    mark.remember(child.id());
    child
}

/// Waits for the end of a command, and takes what it printed. One that does not end is killed, and the test fails.
pub fn finish(mut child: Child) -> Finished {
    let stdout = child.stdout.take().map(reader);
    let stderr = child.stderr.take().map(reader);
    let status = wait(&mut child);
    // A run with players of its own leaves no more than theirs do.
    if let Some(mark) = Mark::recall(child.id()) {
        mark.assert_gone();
    }
    let text = |reader: Option<std::thread::JoinHandle<String>>| {
        reader.map(|reader| reader.join().expect("a reader ends")).unwrap_or_default()
    };
    Finished { status: status.code(), stdout: text(stdout), stderr: text(stderr) }
}

fn reader(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// Waits for the end of a process, but not for ever.
pub fn wait(child: &mut Child) -> ExitStatus {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            return status;
        }
        if Instant::now() > end {
            let _ = child.kill();
            panic!("process {} hangs", child.id());
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Waits until something is so.
#[track_caller]
pub fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + DEADLINE;
    while !is_so() {
        assert!(Instant::now() < end, "never came about: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Sends a signal to a process of the test's own.
pub fn kill(pid: u32, signal: i32) {
    let signal = rustix::process::Signal::from_named_raw(signal).expect("a signal");
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
    let _ = rustix::process::kill_process(pid, signal);
}

/// The number that a variable of the environment has, if it is set.
pub fn number_in(variable: &str) -> Option<usize> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{variable}` is no number")))
}

/// The direct children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// The children that all threads of a process have made.
pub fn children_of_all_threads(pid: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| std::fs::read_to_string(thread.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>())
        .collect()
}

/// All processes below a process.
pub fn descendants(pid: u32) -> Vec<u32> {
    let direct = children(pid);
    let below: Vec<u32> = direct.iter().flat_map(|child| descendants(*child)).collect();
    direct.into_iter().chain(below).collect()
}
