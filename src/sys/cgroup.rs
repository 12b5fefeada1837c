//! A control group for each step, if this process may create any. It identifies the processes of a step exactly, even
//! if they try to escape, and ends all of them at once. Only version 2 is used, without controllers.

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::process::Signal;

use super::Process;
use super::fork::lives_in;
use crate::model;
use crate::wait::Wait;

/// The prefix of the names of all players' groups.
const PREFIX: &str = "conductor-";

/// The group that contains the groups of one player's steps.
///
/// It is locked by the player and its session processes. If the lock of a group is free, the group was left by a player
/// that died with all of its processes.
#[derive(Debug)]
pub struct CgroupRoot {
    path: PathBuf,
    /// Forked processes share the lock: it is released when the last of them has ended.
    lock: OwnedFd,
}

impl CgroupRoot {
    /// Creates the group of the player with this name, below the group of this process.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if this is not possible; on most machines, it requires root privileges.
    pub fn make(name: &str) -> io::Result<Self> {
        let base = own_group()?;
        // Another player may use this port at another address, and may remove groups that are not locked yet.
        for attempt in 0..100 {
            let path = base.join(format!("{PREFIX}{name}-{attempt}"));
            match fs::create_dir(&path) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            let Ok(lock) = lock(&path) else { continue };
            let root = Self { path, lock };
            if root.is_there() {
                return if root.works() { Ok(root) } else { Err(io::ErrorKind::Unsupported.into()) };
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Removes the groups of players that died, and ends the remaining processes in those of the player with this name.
    /// Returns the processes that it ended.
    pub fn remove_stale(player: &str) -> Vec<model::Process> {
        let mut ended = Vec::new();
        let Ok(base) = own_group() else { return ended };
        for path in folders_in(&base) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let Some(_lock) = name.starts_with(PREFIX).then(|| lock(&path).ok()).flatten() else { continue };
            // A player at another port cleans up its own predecessor's groups.
            if name.starts_with(&format!("{PREFIX}{player}-")) {
                let processes: Vec<Process> = members(&path).into_iter().filter_map(Process::pin).collect();
                ended.extend(processes.iter().filter(|process| !process.has_ended()).map(Process::describe));
                end_all(&path, &processes);
            }
            remove(&path);
        }
        ended
    }

    /// Creates a group for a step of this process.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if this is not possible.
    pub fn make_group(&self, number: u32) -> io::Result<Cgroup> {
        let name = format!("{}.{number}", std::process::id());
        let path = self.path.join(&name);
        fs::create_dir(&path)?;
        let directory = File::open(&path)?.into();
        let events = File::open(path.join("cgroup.events"))?;
        Ok(Cgroup { path, number, directory, events, was_killed: Cell::new(false) })
    }

    /// Returns the number of the group that contains `process`, if this process created it.
    pub fn number_of(&self, process: &Process) -> Option<u32> {
        let place = process.cgroup()?;
        let root = self.path.file_name()?.to_str()?;
        let mut names = place.split('/').skip_while(|name| *name != root).skip(1);
        let (owner, number) = names.next()?.split_once('.')?;
        (owner.parse() == Ok(std::process::id())).then(|| number.parse().ok())?
    }

    /// Removes the empty groups that were created by other processes than those to keep.
    pub fn tidy(&self, keep: impl Fn(u32) -> bool) {
        for path in folders_in(&self.path) {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let owner = name.split('.').next().and_then(|owner| owner.parse().ok());
            if !owner.is_some_and(&keep) {
                remove(&path);
            }
        }
    }

    /// Removes this group and the groups below it, as far as they are empty.
    pub fn remove(&self) {
        remove(&self.path);
    }

    /// Whether a process can start in such a group. The kernel may not support or permit this. Recent kernels also kill
    /// processes that start below a group that was once killed, as ours may have been.
    fn works(&self) -> bool {
        let group = self.make_group(0);
        let works = group.is_ok_and(|group| lives_in(group.as_fd()));
        if !works {
            self.remove();
        }
        works
    }

    fn is_there(&self) -> bool {
        let here = rustix::fs::fstat(&self.lock).map(|status| status.st_ino);
        fs::metadata(&self.path).is_ok_and(|there| here == Ok(there.ino()))
    }
}

/// The group of one step. It is removed on drop if it contains no processes.
#[derive(Debug)]
pub struct Cgroup {
    path: PathBuf,
    /// Its number among the groups of this process.
    pub number: u32,
    directory: OwnedFd,
    events: File,
    was_killed: Cell<bool>,
}

impl Cgroup {
    /// Whether another step may use it: it is empty, was never killed, and is not frozen. Recent kernels kill a process
    /// that starts in a group that was killed, and a process that starts in a frozen group never runs.
    pub fn is_as_new(&self) -> bool {
        !self.was_killed.get() && !says(&self.events, b"populated 1") && !says(&self.events, b"frozen 1")
    }

    /// Kills all processes in the group at once (Linux 5.14).
    pub fn kill(&self) {
        self.was_killed.set(true);
        // If this is not supported, the processes are killed one by one as they are found.
        let _ = fs::write(self.path.join("cgroup.kill"), "1");
    }
}

impl AsFd for Cgroup {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Returns the folder of the group of this process.
fn own_group() -> io::Result<PathBuf> {
    let places = fs::read_to_string("/proc/self/cgroup")?;
    let place = places.lines().find_map(|line| line.strip_prefix("0::")).ok_or(io::ErrorKind::NotFound)?;
    let mounts = fs::read_to_string("/proc/self/mountinfo")?;
    let folder = mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, folder) = (fields.next()?, fields.next()?);
        let below = Path::new(place).strip_prefix(root).ok()?;
        kind.starts_with("cgroup2 ").then(|| Path::new(folder).join(below))
    });
    folder.ok_or_else(|| io::ErrorKind::NotFound.into())
}

fn lock(path: &Path) -> io::Result<OwnedFd> {
    let folder = open(path, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    flock(&folder, FlockOperation::NonBlockingLockExclusive)?;
    Ok(folder)
}

fn folders_in(path: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}

/// Returns the IDs of the processes in a group and in the groups below it.
fn members(path: &Path) -> Vec<u32> {
    let list = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let below = folders_in(path).into_iter().flat_map(|folder| members(&folder));
    list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).chain(below).collect()
}

/// Kills all processes in a group that no player uses any more, and waits a short time for their end.
fn end_all(path: &Path, processes: &[Process]) {
    const LOOKS: u32 = 200;
    const LOOK: Duration = Duration::from_millis(5);
    if fs::write(path.join("cgroup.kill"), "1").is_err() {
        // A pinned process that is still in the group belongs to it.
        let members = members(path);
        let inside = processes.iter().filter(|process| members.contains(&process.pid()));
        inside.for_each(|process| process.end(Signal::KILL));
    }
    let Ok(events) = File::open(path.join("cgroup.events")) else { return };
    for _ in 0..LOOKS {
        if !says(&events, b"populated 1") {
            return;
        }
        Wait::LeftoverEnd.pause(LOOK);
    }
}

fn says(events: &File, line: &[u8]) -> bool {
    let mut bytes = [0; 128];
    let count = events.read_at(&mut bytes, 0).unwrap_or(0);
    bytes[..count].windows(line.len()).any(|window| window == line)
}

/// Removes a group and the groups below it, as far as they are empty.
fn remove(path: &Path) {
    // Most groups have none below them.
    if fs::remove_dir(path).is_err() {
        for folder in folders_in(path) {
            remove(&folder);
        }
        let _ = fs::remove_dir(path);
    }
}
