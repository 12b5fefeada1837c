//! A run that loses something at a moment of its own: readers, room, descriptors, processes, its terminal or its log.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "only one of the programs that share this uses it"
)]

use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::io::{PipeReader, Write};
use std::net::TcpStream;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_string, fsmount, fsopen};
use rustix::process::{Gid, Pid, Resource, Rlimit, Uid, getrlimit, prlimit};
use rustix::thread::{set_thread_gid, set_thread_uid};

use super::terminal::Terminal;
use super::{CONDUCTOR, Finished, Folder, Player, conductor, eventually, finish, kill, run, spawn, start};

/// Who loses something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Listener,
    /// There is none while its player is idle.
    Session,
    /// It is never idle.
    Conductor,
    /// The process that keeps the check, which is there when everything else of the trial is over.
    Check,
}

/// What is lost. Steps have the limits of their session, and it those of the listener: a Reset leaves a folder, which needs
/// no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The reader of standard output. A player writes only where it listens, a session and a check's supervisor nothing.
    Stdout,
    /// The reader of standard error, where the log goes. Listener and sessions have the same.
    Stderr,
    /// That reader stays, but reads no more, and there is no room in the pipe.
    UnreadStderr,
    /// No file may grow, the log's neither.
    FileSize,
    /// Every descriptor is used.
    Descriptors,
    /// Neither a process nor a thread can be made.
    Processes,
    /// The file system of the results is full.
    Results,
    /// The file system of the temporary folder is full.
    Temporary,
    /// The terminal that is standard error, and the conductor's standard output, hangs up.
    Terminal,
    /// The log file is removed.
    LogFile,
    /// The folder of the log file is removed.
    LogFolder,
    /// The log file is on a disk that is full.
    LogDisk,
    /// The log file is a named pipe, and its reader goes away.
    LogPipe,
    /// The reader of that pipe stays, but reads no more.
    UnreadLogPipe,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    Idle,
    Run,
    Reset,
    Check,
}

use Loss::{
    Descriptors, FileSize, LogDisk, LogFile, LogFolder, LogPipe, Processes, Results, Stderr, Stdout, Temporary,
    UnreadLogPipe, UnreadStderr,
};

/// The user whose processes are limited in number. The limit does not bind root.
pub const USER: u32 = 64_322;

/// What comes of a loss.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    pub who: Who,
    pub when: When,
    /// The conductor's exit status.
    pub status: i32,
    /// What is in its outputs.
    pub said: &'static str,
    pub resets: usize,
}

/// With one Reset.
pub const fn cell(who: Who, when: When, status: i32, said: &'static str) -> Cell {
    Cell { who, when, status, said, resets: 1 }
}

/// Has each of these lose it, all at the same time.
#[track_caller]
pub fn each_goes_on(loss: Loss, cells: &[Cell]) {
    let failed: Vec<String> = std::thread::scope(|scope| {
        let begin = |cell: &Cell| {
            let (cell, name) = (*cell, format!("{loss:?} of {:?} in {:?}", cell.who, cell.when));
            let thread = std::thread::Builder::new().name(name.clone());
            (name, thread.spawn_scoped(scope, move || goes_on(loss, cell)).expect("a thread"))
        };
        let all: Vec<_> = cells.iter().map(begin).collect();
        all.into_iter().filter_map(|(name, thread)| thread.join().err().map(|_| name)).collect()
    });
    assert!(failed.is_empty(), "failed: {failed:?}");
}

/// Somebody loses something at a moment of a run that is otherwise without fault: the run ends with this status, Reset was
/// run, nothing is left, and the player serves the next run.
fn goes_on(loss: Loss, cell: Cell) {
    // One that cannot be run is tried for so long.
    let mut scene = Scene::new(loss, cell.who, if cell.resets == 0 { "2s" } else { "1m" });
    if cell.when == When::Idle {
        scene.lose();
    }
    scene.start();
    for moment in [When::Run, When::Reset, When::Check] {
        scene.wait_for(moment);
        if cell.when == moment {
            scene.lose();
        }
        scene.let_go_on(moment);
    }
    let finished = scene.finish();
    assert_eq!(finished.status, Some(cell.status), "{finished:#?}");
    assert_eq!(scene.resets(), cell.resets, "{finished:#?}");
    let all = format!("{}{}{}", finished.stdout, finished.stderr, scene.folder.read("report"));
    assert!(all.contains(cell.said), "`{}` is missing: {finished:#?}\n{all}", cell.said);
    scene.serves();
}

/// A player, and a run that waits at each moment until it is let go on.
pub struct Scene {
    loss: Loss,
    who: Who,
    pub folder: Folder,
    pub player: Player,
    stderr: Option<PipeReader>,
    /// Of the conductor, when nobody is to read it.
    unread: Option<ChildStderr>,
    log_pipe: Option<File>,
    disk: Option<Disk>,
    terminal: Option<Terminal>,
    conductor: Option<Child>,
}

impl Scene {
    /// Reset may take so long.
    pub fn new(loss: Loss, who: Who, reset_timeout: &str) -> Self {
        let folder = Folder::new();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).expect("a folder of ours");
        std::fs::create_dir(folder.join("logs")).expect("a folder");
        std::fs::set_permissions(folder.join("logs"), Permissions::from_mode(0o777)).expect("a folder of ours");
        let log = folder.join("logs").join("log");
        let log_pipe = matches!(loss, LogPipe | UnreadLogPipe).then(|| {
            mknodat(CWD, &log, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a named pipe");
            let reader = open(&log, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
            File::from(reader.expect("its reading end"))
        });
        let disk = matches!(loss, Results | Temporary).then(|| Disk::new().expect("a file system of ours"));
        let terminal = (loss == Loss::Terminal).then(Terminal::new);
        let (stderr, theirs) = std::io::pipe().expect("a pipe");
        let mut command = Command::new(CONDUCTOR);
        command.args(["player", "-v", "-b", "127.0.0.1", "-p", "0"]).stderr(theirs);
        if who == Who::Listener || loss == Processes {
            prepare(&mut command, loss, "-l", &folder, disk.as_ref());
            if let Some(terminal) = &terminal {
                command.stderr(terminal.end());
            }
        }
        if loss == Processes {
            limit_user(&mut command);
        }
        let player = Player::from(command);
        write_test(&folder, player.port, loss, reset_timeout, disk.as_ref());
        // Another user reads the configuration, whatever the umask is.
        for file in std::fs::read_dir(folder.path()).expect("a folder").flatten().map(|entry| entry.path()) {
            if file.is_file() {
                std::fs::set_permissions(&file, Permissions::from_mode(0o644)).expect("a file of ours");
            }
        }
        let stderr = Some(stderr);
        Self { loss, who, folder, player, stderr, unread: None, log_pipe, disk, terminal, conductor: None }
    }

    /// Starts the conductor.
    pub fn start(&mut self) {
        let mut command = conductor(&self.folder, ["conduct", "-v", "--report", "text=report"]);
        let theirs = self.who == Who::Conductor;
        if theirs && self.loss != Processes {
            if self.loss == Loss::Terminal {
                // With a log file of its own its signals are seen when nothing else of it is.
                command.arg("--log-file").arg(self.folder.join("logs").join("log"));
            }
            prepare(&mut command, self.loss, "--log-file", &self.folder, self.disk.as_ref());
        }
        if self.loss == Processes {
            limit_user(&mut command);
        }
        command.arg("test.cfg");
        self.conductor = Some(match self.terminal.as_ref().filter(|_| theirs) {
            None => start(command),
            Some(terminal) => {
                command.stdout(terminal.end()).stderr(terminal.end());
                spawn(command)
            }
        });
    }

    /// Waits until this moment has come, or has been left out: without room there may be no Reset and no check.
    pub fn wait_for(&mut self, moment: When) {
        let here = [moment, When::Check].map(|moment| self.folder.join(&format!("in-{moment:?}")));
        let conductor = self.conductor.as_mut().expect("a conductor");
        let is_over = |ended: Option<ExitStatus>| ended.is_some();
        let has_come = || here.iter().any(|here| here.exists()) || conductor.try_wait().is_ok_and(is_over);
        eventually(&format!("{moment:?}"), has_come);
    }

    pub fn let_go_on(&self, moment: When) {
        self.folder.file(&format!("go-{moment:?}"), "");
    }

    /// Waits until the player has logged this.
    pub fn wait_for_log(&self, text: &str) {
        eventually(text, || self.folder.read("logs/log").contains(text));
    }

    pub fn finish(&mut self) -> Finished {
        finish(self.conductor.take().expect("a conductor"))
    }

    /// How often Reset was run.
    pub fn resets(&self) -> usize {
        let entries = std::fs::read_dir(self.folder.path()).expect("a folder").flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("reset-")).count()
    }

    fn pid(&self) -> u32 {
        match self.who {
            Who::Listener => self.player.pid(),
            Who::Session => self.player.children()[0],
            Who::Conductor => self.conductor.as_ref().expect("a conductor").id(),
            // A process writes its number before it says that it is there.
            Who::Check => self.folder.read("keeper").trim().parse().expect("a process"),
        }
    }

    pub fn lose(&mut self) {
        let conductor = self.conductor.as_mut().filter(|_| self.who == Who::Conductor);
        let logs = self.folder.join("logs");
        match (self.loss, conductor) {
            (Stdout, Some(conductor)) => drop(conductor.stdout.take()),
            (Stderr, Some(conductor)) => drop(conductor.stderr.take()),
            (UnreadStderr, Some(conductor)) => {
                self.unread = conductor.stderr.take();
                fill_pipe(&self.unread.as_ref().expect("it was not taken yet"));
            }
            (Stdout | Stderr, None) => self.stderr = None,
            (UnreadStderr, None) => fill_pipe(&self.stderr.as_ref().expect("it is there")),
            (FileSize, _) => limit(self.pid(), Resource::Fsize, 0),
            (Descriptors, _) => {
                let is_idle = self.conductor.is_none();
                limit(
                    self.pid(),
                    Resource::Nofile,
                    used_descriptors(self.pid(), is_idle || self.who == Who::Conductor),
                );
            }
            (Processes, _) => limit(self.pid(), Resource::Nproc, 0),
            (Results | Temporary, _) => self.disk.as_ref().expect("a disk").fill(),
            (Loss::Terminal, _) => {
                self.terminal.take().expect("a terminal").hang_up();
                // The kernel tells whoever leads the terminal's session, and who is in its foreground.
                kill(self.pid(), libc::SIGHUP);
                let port = self.player.port;
                let is_told = || match self.who {
                    Who::Conductor => self.folder.read("logs/log").contains("SIGHUP while waiting for "),
                    _ => TcpStream::connect(("127.0.0.1", port)).is_err(),
                };
                eventually("it knows that", is_told);
            }
            (LogFile, _) => std::fs::remove_file(logs.join("log")).expect("the log"),
            (LogFolder, _) => std::fs::remove_dir_all(logs).expect("the folder of the log"),
            (LogDisk, _) => {
                // A log goes on in the file that has its name.
                std::os::unix::fs::symlink("/dev/full", logs.join("full")).expect("a link");
                std::fs::rename(logs.join("full"), logs.join("log")).expect("the log");
            }
            (LogPipe, _) => self.log_pipe = None,
            (UnreadLogPipe, _) => fill_pipe(self.log_pipe.as_ref().expect("a pipe")),
        }
    }

    /// Makes room for processes and descriptors again.
    pub fn make_room(&self) {
        for resource in [Resource::Nofile, Resource::Nproc] {
            limit(self.pid(), resource, getrlimit(resource).current.unwrap_or(u64::MAX));
        }
    }

    /// The player serves the next run, once there is room to make what that needs; one whose terminal hung up has ended.
    fn serves(&mut self) {
        match (self.loss, self.who) {
            (Loss::Terminal, Who::Listener) => {
                assert_eq!(self.player.wait().code(), Some(0));
                return;
            }
            (Descriptors | Processes, Who::Listener) => self.make_room(),
            _ => {}
        }
        self.run_again();
    }

    /// The next run passes; what it said.
    pub fn run_again(&self) -> String {
        let quick = run(&self.folder, ["conduct", "-q", "-p", "run", "quick"]);
        assert_eq!(quick.status, Some(0), "the next run: {quick:#?}");
        quick.stdout
    }
}

/// Gives a command what it is to lose, as far as that is something of its own.
fn prepare(command: &mut Command, loss: Loss, log_option: &str, folder: &Folder, disk: Option<&Disk>) {
    if matches!(loss, FileSize | Processes | LogFile | LogFolder | LogDisk | LogPipe | UnreadLogPipe) {
        command.arg(log_option).arg(folder.join("logs").join("log"));
    }
    if let (Temporary, Some(disk)) = (loss, disk) {
        command.env("TMPDIR", disk.path());
    }
}

/// Writes the test, and another one that is quick.
fn write_test(folder: &Folder, port: u16, loss: Loss, reset_timeout: &str, disk: Option<&Disk>) {
    let here = folder.path().display();
    let wait = |name| format!(": >{here}/in-{name}; until [ -e {here}/go-{name} ]; do sleep 0.02; done");
    let results = match (loss, disk) {
        (Results, Some(disk)) => format!("results = {}/kept\n", disk.path().display()),
        (Temporary, _) => String::new(),
        _ => "results = kept\n".to_owned(),
    };
    // More than finds room in what the disk had set aside before it was full.
    let much = "seq 1 2000";
    // What a check prints needs a descriptor, and there may or may not be one by then.
    let printed = if loss == Descriptors { "true" } else { much };
    let check = format!("check = echo $PPID >{here}/keeper; {}; {printed}", wait("Check"));
    folder.test(&format!("connect_timeout = 3s\nreset_timeout = {reset_timeout}\n{results}{check}"), &["w"]);
    let (step, reset) = (wait("Run"), wait("Reset"));
    let sections = format!("[Run]\nstep = {step}; {much}\n[Reset]\nreset = mkdir {here}/reset-$$; {reset}; {much}\n");
    folder.worker("w", port, &sections);
    folder.worker("quick", port, "[Run]\nstep = true\n").file("quick", "[Workers]\nquick = quick.cfg\n");
}

/// Has a process make none, or again as many as we may.
pub fn limit_processes(pid: u32, is_limited: bool) {
    let ours = getrlimit(Resource::Nproc).current.unwrap_or(u64::MAX);
    limit(pid, Resource::Nproc, if is_limited { 0 } else { ours });
}

/// Gives a process another limit. How far it may be raised again is what it has from us.
fn limit(pid: u32, resource: Resource, most: u64) {
    let limit = Rlimit { current: Some(most), ..getrlimit(resource) };
    let set = move || prlimit(Pid::from_raw(pid.cast_signed()), resource, limit).map(drop);
    // In a container root may have no right to limit other users' processes.
    set().or_else(|_| as_user(set)).expect("a limit can be set");
}

/// Does something as another user, the one whose processes are limited.
pub fn as_user<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::spawn(move || {
        become_other_user();
        what()
    });
    thread.join().expect("a thread")
}

/// Gives this thread of root to that user, for good.
pub fn become_other_user() {
    set_thread_gid(Gid::from_raw(USER)).and_then(|()| set_thread_uid(Uid::from_raw(USER))).expect("another user");
}

/// The limit at which a process gets no other descriptor (`none`), or only those whose numbers are free below its last one:
/// a process that polls many needs a limit that is not below their number (poll(2)).
///
/// How many are free there depends on what the process inherited from whoever runs the tests.
fn used_descriptors(pid: u32, none: bool) -> u64 {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").flatten();
    let open: BTreeSet<u64> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    let first_free = (0..1024).find(|number| !open.contains(number)).expect("a number");
    let behind_all = open.last().map_or(0, |most| most + 1);
    if none { first_free } else { behind_all }
}

/// Fills the pipe of this reader, which stays open and unread.
fn fill_pipe(reader: &impl AsFd) {
    let path = format!("/proc/self/fd/{}", reader.as_fd().as_raw_fd());
    let writer = open(path, OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty());
    let writer = writer.expect("the other end of a pipe of ours");
    for size in [4096, 1] {
        while rustix::io::write(&writer, &vec![b'.'; size]).is_ok() {}
    }
}

/// As root, has another user run a command: the limit of processes does not bind root.
pub fn limit_user(command: &mut Command) {
    if rustix::process::getuid().is_root() {
        command.uid(USER).gid(USER);
    }
}

/// Whether processes can be limited in number, or why they cannot.
pub fn can_limit_processes() -> Result<(), String> {
    let mut command = Command::new(CONDUCTOR);
    command.arg("--version").stdout(Stdio::null());
    limit_user(&mut command);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        other => Err(format!("another user cannot run the program, and the limit does not bind root: {other:?}")),
    }
}

/// A file system of 64 KiB, which nobody finds by a name: it is gone with the test.
pub struct Disk(OwnedFd);

impl Disk {
    /// # Errors
    ///
    /// On most machines that takes the rights of root.
    pub fn new() -> rustix::io::Result<Self> {
        let file_system = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_set_string(file_system.as_fd(), "size", "65536")?;
        fsconfig_create(file_system.as_fd())?;
        let mount = fsmount(file_system.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?;
        Ok(Self(mount))
    }

    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()))
    }

    pub fn fill(&self) {
        let mut file = File::create(self.path().join("filler")).expect("a file");
        for size in [4096, 1] {
            while file.write_all(&vec![b'.'; size]).is_ok() {}
        }
    }
}
