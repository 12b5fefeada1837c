//! A look at a machine before and after a run: what is there that only a player or its way there can have made. The temporary
//! folders of the machine of the tests are not looked at, since others use them, too: runs get one of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::DEADLINE;
use super::mark::is_marked;

/// What is on a machine. A network namespace or a container is a machine here, too: it is seen through one of its processes.
pub struct Look {
    process: String,
    found: BTreeSet<String>,
}

impl Look {
    /// Looks at the machine of the tests.
    pub fn here() -> Self {
        Self::through("self")
    }

    /// Looks at the machine that this process is on: its network, its mounts, its files, and, if it has process numbers of
    /// its own, its processes.
    pub fn at(pid: u32) -> Self {
        Self::through(&pid.to_string())
    }

    fn through(process: &str) -> Self {
        Self { process: process.to_owned(), found: found(process) }
    }

    /// Waits until nothing is left of what has come since. Other tests use the machine at the same time: what they leave for
    /// a moment is not there in every later look.
    #[track_caller]
    pub fn assert_nothing_is_left(&self) {
        let end = Instant::now() + DEADLINE;
        let mut left: BTreeSet<_> = found(&self.process).difference(&self.found).cloned().collect();
        while !left.is_empty() {
            assert!(Instant::now() < end, "left on the machine: {left:#?}");
            std::thread::sleep(Duration::from_millis(20));
            left = left.intersection(&found(&self.process)).cloned().collect();
        }
    }
}

/// Everything on a machine that may be of a player, each as a line that names only it.
fn found(process: &str) -> BTreeSet<String> {
    let root = PathBuf::from(format!("/proc/{process}"));
    let processes = Processes::all();
    let mut found = processes.of_machine(&root);
    found.extend(sockets(&root, &processes.sockets_with_mark()));
    found.extend(mounts(&root));
    if process == "self" {
        found.extend(named(Path::new("/sys/fs/cgroup")));
    } else {
        let folders = ["tmp", "dev/shm", "var/tmp", "run", "root", "home", "sys/fs/cgroup"];
        found.extend(folders.iter().flat_map(|folder| named(&root.join("root").join(folder))));
    }
    found
}

/// All processes, and which of them carry the mark of a test: those are looked at by `Mark`.
struct Processes(BTreeMap<u32, bool>);

impl Processes {
    fn all() -> Self {
        let entries = std::fs::read_dir("/proc").expect("`/proc`").flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        Self(pids.map(|pid| (pid, is_marked(pid))).collect())
    }

    /// The players without a mark, and on a machine with process numbers of its own all of its processes.
    fn of_machine(&self, root: &Path) -> BTreeSet<String> {
        let space = |root: &Path| std::fs::read_link(root.join("ns/pid")).ok();
        let (here, there) = (space(Path::new("/proc/self")), space(root));
        let is_apart = there.is_some() && here != there;
        let line = |pid: &u32| {
            let folder = PathBuf::from(format!("/proc/{pid}"));
            let program = std::fs::read_link(folder.join("exe")).ok()?;
            let is_there = if is_apart { space(&folder) == there } else { is_player(&program) };
            let program = program.display();
            // A number is used again; the time of the start tells one process from the next.
            let described = std::fs::read_to_string(folder.join("stat")).ok()?;
            let start = described.rsplit_once(')')?.1.split_whitespace().nth(19)?.to_owned();
            is_there.then(|| format!("process {pid}, started at {start}: `{program}`"))
        };
        self.0.iter().filter(|(_, is_marked)| is_apart || !**is_marked).filter_map(|(pid, _)| line(pid)).collect()
    }

    /// The numbers of the sockets that processes with a mark have open.
    fn sockets_with_mark(&self) -> BTreeSet<String> {
        let marked = self.0.iter().filter(|(_, is_marked)| **is_marked);
        let descriptors = marked.filter_map(|(pid, _)| std::fs::read_dir(format!("/proc/{pid}/fd")).ok()).flatten();
        let links = descriptors.flatten().filter_map(|entry| std::fs::read_link(entry.path()).ok());
        let number = |link: &PathBuf| Some(link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.to_owned());
        links.filter_map(|link| number(&link)).collect()
    }
}

/// Whether this is the path of our program, or of a copy that was sent to a machine.
fn is_player(program: &Path) -> bool {
    let is_named = |name: Option<&std::ffi::OsStr>, wanted: &dyn Fn(&str) -> bool| {
        name.and_then(std::ffi::OsStr::to_str).is_some_and(wanted)
    };
    is_named(program.file_name(), &|name| name.trim_end_matches(" (deleted)") == "conductor")
        || is_named(program.parent().and_then(Path::file_name), &|name| name.starts_with("conductor-"))
}

/// The abstract Unix sockets of players in a network, except for these.
fn sockets(root: &Path, others: &BTreeSet<String>) -> Vec<String> {
    let table = std::fs::read_to_string(root.join("net/unix")).unwrap_or_default();
    let line = |line: &str| {
        let mut fields = line.split_whitespace().skip(6);
        let (number, name) = (fields.next()?, fields.next()?);
        (name.starts_with("@conductor") && !others.contains(number)).then(|| format!("socket {number} `{name}`"))
    };
    table.lines().filter_map(line).collect()
}

/// The mounts with our name, except for the network namespaces of tests.
fn mounts(root: &Path) -> Vec<String> {
    let table = std::fs::read_to_string(root.join("mounts")).unwrap_or_default();
    let is_ours = |line: &&str| line.contains("/conductor-") && !line.contains("/netns/");
    table.lines().filter(is_ours).map(|line| format!("mount `{line}`")).collect()
}

/// The files and folders with our name in a folder: copies, and the control groups of players.
fn named(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("conductor-"));
    names.map(|entry| format!("file `{}`", entry.path().display())).collect()
}
