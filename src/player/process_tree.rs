//! The processes that the steps of a session have created: finds them, determines the step of each, and ends them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::origin::{Cgroups, Origin, Origins};
use super::sweep::Sweep;
use crate::model::{Phase, PlayerTime, Process, StepId};
use crate::sys::{self, Cgroup, Descendant, Image, PipeId, Spawned, Spawner};

/// The processes of steps since the last sweep.
#[derive(Debug)]
pub(super) struct ProcessTree {
    spawner: Spawner,
    pub(super) origins: Origins,
    /// Empty control groups that can be reused: creating and removing them waits for other processes that do the same.
    free: Vec<Cgroup>,
    /// How many control groups were created.
    made: u32,
    /// A unique name.
    name: String,
    /// The IDs of the processes that have been reported.
    named: BTreeSet<u32>,
    /// Unused descriptors, so that Reset can run even if earlier steps have used up all others.
    spare: Vec<OwnedFd>,
}

impl ProcessTree {
    /// Creates a tree without processes.
    ///
    /// # Errors
    ///
    /// See [`Spawner::new`].
    pub(super) fn new(cgroups: Cgroups) -> io::Result<Self> {
        Ok(Self {
            spawner: Spawner::new()?,
            origins: Origins { all: Vec::new(), cgroups },
            free: Vec::new(),
            made: 0,
            name: format!("{}-{:x}", std::process::id(), sys::clock().nanoseconds()),
            named: BTreeSet::new(),
            spare: Vec::new(),
        })
    }

    /// Creates the process of a step with this label, which waits to be started.
    ///
    /// # Errors
    ///
    /// See [`Spawner::spawn`].
    pub(super) fn create(&mut self, key: StepId, label: &str, mut image: Image) -> io::Result<Spawned> {
        self.prepare_spare(key.phase);
        let mut origin = Origin::mark(key, label, &self.name, &mut image.environment);
        let cgroup = self.take_cgroup();
        let made = self.spawner.spawn(image, cgroup.as_ref().map(AsFd::as_fd))?;
        if made.in_cgroup {
            origin.cgroup = cgroup;
        } else if cgroup.is_some() {
            tracing::debug!("steps have no control groups: the kernel cannot create a process in one");
            self.origins.cgroups = None;
        }
        origin.pid = made.pid;
        // If this is another attempt, the processes of the previous one have the same mark.
        self.origins.all.retain(|earlier| earlier.key != key || earlier.cgroup.is_some());
        self.origins.all.push(origin);
        Ok(made)
    }

    /// Closes the spare descriptors before a step of Reset is started, and opens them before any other step.
    fn prepare_spare(&mut self, phase: Phase) {
        /// Enough for the process of a step and for the transfer of its files.
        const SIZE: usize = 16;
        if phase == Phase::Reset {
            self.spare.clear();
        } else if self.spare.len() < SIZE
            && let Ok(first) = File::open("/dev/null")
        {
            let copies = (self.spare.len()..SIZE).map_while(|_| first.try_clone().ok());
            self.spare.extend(copies.map(OwnedFd::from));
        }
    }

    /// Removes a step's process that was ended before it executed the program of the step: it has no descendants.
    pub(super) fn forget(&mut self, key: StepId, pid: u32) {
        self.is_over(key);
        self.origins.all.retain(|origin| origin.pid != pid || origin.cgroup.is_some());
    }

    fn take_cgroup(&mut self) -> Option<Cgroup> {
        let root = self.origins.cgroups.clone()?;
        while self.free.is_empty() {
            self.made += 1;
            match root.make_group(self.made) {
                Ok(cgroup) => self.free.push(cgroup),
                // The group contains a process that was left running on purpose.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    tracing::debug!("steps have no control groups: {error}");
                    self.origins.cgroups = None;
                    return None;
                }
            }
        }
        self.free.pop()
    }

    /// Continues a sweep. Returns its warnings once it has ended.
    pub(super) fn look(&mut self, sweep: &mut Sweep, now: PlayerTime) -> Option<Vec<String>> {
        let remaining = sweep.look(now, &self.origins, |_| false)?;
        let warnings = sweep.warnings(&self.origins, &self.named, &remaining);
        // A group that is not empty at this point is left to the listener.
        let cgroups = self.origins.all.drain(..).filter_map(|origin| origin.cgroup);
        self.free.extend(cgroups.filter(Cgroup::is_as_new));
        self.named.clear();
        Some(warnings)
    }

    /// Returns the processes that can write to these pipes of a step. If there seem to be none, returns the processes
    /// of the step that cannot be inspected.
    pub(super) fn holders(&mut self, key: StepId, pipes: &[PipeId]) -> Vec<Process> {
        let (found, _) = self.origins.find(|_| false);
        let with = |wanted: &dyn Fn(&Descendant) -> bool| -> Vec<Process> {
            found.iter().filter(|holder| wanted(holder)).map(|holder| holder.process.describe()).collect()
        };
        let mut holders = with(&|holder| holder.process.writes_to(pipes) == Some(true));
        if holders.is_empty() {
            holders = with(&|holder| holder.of == Some(key) && holder.process.writes_to(pipes).is_none());
        }
        self.named.extend(holders.iter().map(|holder| holder.pid));
        holders
    }

    /// Records that a step has ended. The processes that it left are still attributed to it.
    pub(super) fn is_over(&mut self, key: StepId) {
        let origins = self.origins.all.iter_mut().filter(|origin| origin.key == key);
        self.free.extend(origins.filter_map(|origin| origin.cgroup.take_if(|cgroup| cgroup.is_as_new())));
    }

    /// Returns all children that are alive, including inherited ones.
    pub(super) fn children(&self) -> Vec<Process> {
        let (found, _) = self.origins.find(|_| false);
        let children = found.iter().filter(|found| found.is_child && !found.process.has_ended());
        children.map(|child| child.process.describe()).collect()
    }
}
