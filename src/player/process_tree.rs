//! The processes that a session's steps have made: which there are, from which step each comes, and ending them.

use std::collections::BTreeSet;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use super::escalation::Escalation;
use super::origin::{self, Origin, StepDescendant};
use super::session::NotStarted;
use super::step_image;
use super::sweep::Sweep;
use crate::model::{Phase, PlayerTime, Process, StepId};
use crate::sys::{self, Cgroup, CgroupRoot, Image, PipeId, Spawned, Spawner, When};

/// Where steps get their control groups, if there may be some.
pub(super) type Cgroups = Option<Rc<CgroupRoot>>;

/// The steps' processes since the last sweep, as those from which others have come.
#[derive(Debug)]
pub(super) struct ProcessTree {
    origins: Vec<Origin>,
    /// None once that does not work.
    cgroups: Cgroups,
    /// Groups that nobody is in.
    free: Vec<Cgroup>,
    made: u32,
    /// The name of this tree alone.
    name: String,
    /// The numbers of processes that people were told of.
    named: BTreeSet<u32>,
    /// Descriptors that nobody uses: Reset is to run also when the steps before it have used up what there is.
    reserve: Vec<OwnedFd>,
}

impl ProcessTree {
    pub(super) fn new(cgroups: Cgroups) -> Self {
        let name = format!("{}-{:x}", std::process::id(), sys::boot_time_nanoseconds());
        Self {
            origins: Vec::new(),
            cgroups,
            free: Vec::new(),
            made: 0,
            name,
            named: BTreeSet::new(),
            reserve: Vec::new(),
        }
    }

    /// Makes a step's process.
    ///
    /// # Errors
    ///
    /// Says why there is none.
    pub(super) fn start(
        &mut self,
        key: StepId,
        mut image: Image,
        when: Option<When>,
        spawner: &mut Spawner,
    ) -> Result<Spawned, NotStarted> {
        self.prepare_reserve(key.phase);
        let mut origin = Origin::mark(key, &self.name, &mut image.environment);
        let cgroup = self.take_cgroup();
        let made = spawner
            .spawn(image, when, cgroup.as_ref().map(AsFd::as_fd))
            .map_err(|error| NotStarted::new(step_image::not_made(&error), &error))?;
        if made.in_cgroup {
            origin.cgroup = cgroup;
        } else if cgroup.is_some() {
            tracing::debug!("steps get no control groups: the kernel makes no process in one");
            self.cgroups = None;
        }
        origin.pid = made.pid;
        // Of a step that is tried again and again, what it left still has its mark.
        self.origins.retain(|earlier| earlier.key != key || earlier.cgroup.is_some());
        self.origins.push(origin);
        Ok(made)
    }

    /// Before a step of this phase is started: Reset gets what is kept, for any other it is kept.
    fn prepare_reserve(&mut self, phase: Phase) {
        /// Enough to make the process of a step, and for what its files take.
        const KEPT: usize = 16;
        if phase == Phase::Reset {
            self.reserve.clear();
        } else if self.reserve.len() < KEPT
            && let Ok(first) = File::open("/dev/null")
        {
            let copies = (self.reserve.len()..KEPT).map_while(|_| first.try_clone().ok());
            self.reserve.extend(copies.map(OwnedFd::from));
        }
    }

    /// A step's process was ended before it was the step's: nothing comes from it.
    pub(super) fn forget(&mut self, key: StepId, pid: u32) {
        self.is_over(key);
        self.origins.retain(|origin| origin.pid != pid || origin.cgroup.is_some());
    }

    fn take_cgroup(&mut self) -> Option<Cgroup> {
        let root = self.cgroups.clone()?;
        while self.free.is_empty() {
            self.made += 1;
            match root.make_group(self.made) {
                Ok(cgroup) => self.free.push(cgroup),
                // Something that was left on purpose is in it.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    tracing::debug!("steps get no control groups: {error}");
                    self.cgroups = None;
                    return None;
                }
            }
        }
        self.free.pop()
    }

    /// Goes on with the end of one step, and of all that comes from it. The answer is there when that is over: what could
    /// not be ended.
    pub(super) fn end_step(
        &self,
        key: StepId,
        group: u32,
        escalation: &mut Escalation,
        now: PlayerTime,
    ) -> Option<Vec<Process>> {
        // Who is on its way out says no more where it comes from.
        let known = escalation.known().clone();
        let find = || {
            let (mut found, certain) = self.find();
            found.retain(|process| process.of == Some(key) || process.is_ending && known.contains(&process.identity()));
            (found, certain)
        };
        let remaining = escalation.look(now, find, |of| of == group && sys::something_of_group(of));
        if escalation.is_killing() && remaining.is_none() {
            self.kill(|origin| origin.key == key);
        }
        remaining
    }

    /// Goes on with the end of everything. The answer is there when that is over: what is to be said of it.
    pub(super) fn look(&mut self, sweep: &mut Sweep, now: PlayerTime) -> Option<Vec<String>> {
        let remaining = sweep.look(now, &self.origins, self.cgroups.as_deref(), |_| false);
        if sweep.escalation.is_killing() && remaining.is_none() {
            self.kill(|_| true);
        }
        let warnings = sweep.warnings(&self.origins, &self.named, &remaining?);
        self.origins.drain(..).filter_map(|origin| origin.cgroup).for_each(|cgroup| put_back(cgroup, &mut self.free));
        self.named.clear();
        Some(warnings)
    }

    fn kill(&self, of: impl Fn(&&Origin) -> bool) {
        self.origins.iter().filter(of).filter_map(|origin| origin.cgroup.as_ref()).for_each(Cgroup::kill);
    }

    /// Who can write to these pipes of a step. When nobody seems to, who comes from the step and does not let us look.
    pub(super) fn holders(&mut self, key: StepId, pipes: &[PipeId]) -> Vec<Process> {
        let (found, _) = self.find();
        let with = |wanted: &dyn Fn(&StepDescendant) -> bool| -> Vec<Process> {
            found.iter().filter(|holder| wanted(holder)).map(|holder| (&holder.process).into()).collect()
        };
        let mut holders = with(&|holder| holder.process.writes_to(pipes) == Some(true));
        if holders.is_empty() {
            holders = with(&|holder| holder.of == Some(key) && holder.process.writes_to(pipes).is_none());
        }
        self.named.extend(holders.iter().map(|holder| holder.pid));
        holders
    }

    /// A step is over. What it left still comes from it.
    pub(super) fn is_over(&mut self, key: StepId) {
        for origin in self.origins.iter_mut().filter(|origin| origin.key == key) {
            if let Some(cgroup) = origin.cgroup.take_if(|cgroup| cgroup.is_as_new()) {
                self.free.push(cgroup);
            }
        }
    }

    /// All children that are alive, those included that fell to us.
    pub(super) fn children(&self) -> Vec<Process> {
        let (found, _) = self.find();
        let children = found.iter().filter(|found| found.is_child && !found.process.has_ended());
        children.map(|child| (&child.process).into()).collect()
    }

    fn find(&self) -> (Vec<StepDescendant>, bool) {
        origin::find(&self.origins, self.cgroups.as_deref(), |_| false)
    }
}

/// One that somebody is in, whom we could not end, is left to the listener.
fn put_back(cgroup: Cgroup, free: &mut Vec<Cgroup>) {
    if cgroup.is_as_new() {
        free.push(cgroup);
    }
}
