//! How a session process starts its steps: their variables, and processes that are prepared before `go` arrives.

use std::io;
use std::time::Duration;

use super::{Audience, SessionProcess};
use crate::model::{PlayerTime, SCRATCH_VARIABLE, StepId, variable};
use crate::player::note::Note;
use crate::player::session::{NotStarted, SessionEvent};
use crate::player::step_image::image;
use crate::sys::{Image, PrintsTo, Spawned, clock};
use crate::wire::PlayerMessage;

/// The time within which the start of a step is reported. If the step ends earlier, both are reported together.
const REPORT_WITHIN: Duration = Duration::from_millis(50);

impl SessionProcess<'_> {
    /// Adds the plan's variables to those of this process, for the steps.
    pub(super) fn take_environment(&mut self) {
        for (name, value) in self.session.plan().into_iter().flat_map(|plan| &plan.environment) {
            self.environment.set(name.as_str(), value.as_bytes());
        }
    }

    /// Sets or removes the variable with the process ID of a spawned step, for later steps.
    pub(super) fn tell_pid(&mut self, key: StepId, pid: Option<u32>) {
        let Some(step) = self.session.step(key).filter(|step| step.spawn) else { return };
        let name = variable("CONDUCTOR_PID", &step.label).into_bytes();
        // Prepared processes have the old variables.
        self.executor.retain_prepared(&[]);
        match pid {
            Some(pid) => self.environment.set(name, pid.to_string().as_bytes()),
            None => self.environment.remove(&name),
        }
    }

    /// Returns the scratch folder of a step, which is created for the first step of a trial.
    pub(super) fn scratch_of(&mut self, key: StepId) -> Result<String, String> {
        let Some((plan, what)) = self.session.plan().and_then(|plan| Some((plan, plan.scratch?))) else {
            return Err("the conductor does not use scratch folders".to_owned());
        };
        let worker = plan.worker().unwrap_or("worker");
        let (path, is_new) = self.scratch.of_trial(key.trial, worker, what)?;
        let path = path.to_string_lossy().into_owned();
        if is_new {
            self.tell(&Note::Scratch(self.scratch.folders()));
        }
        Ok(path)
    }

    /// Continues to remove scratch folders. Once none is left, completes a sweep that waits for this.
    pub(super) fn remove_scratch(&mut self) {
        if self.scratch.go_on() {
            self.tell(&Note::Scratch(self.scratch.folders()));
        }
        for text in std::mem::take(&mut self.scratch.warnings) {
            match &mut self.swept {
                Some(warnings) => warnings.push(text),
                None => self.audience.send(PlayerMessage::Warning { text }),
            }
        }
        if !self.scratch.is_busy()
            && let Some(warnings) = self.swept.take()
        {
            self.handle(SessionEvent::Swept(warnings));
        }
    }

    pub(super) fn start(&mut self, key: StepId, at: Option<PlayerTime>) {
        let process = match self.executor.take_prepared(key) {
            Some(process) => process,
            None => match self.create(key) {
                Ok(process) => process,
                Err(why) => return self.executor.events.push_back(SessionEvent::NotStarted(key, why)),
            },
        };
        let now = clock();
        // The next step waits for the start of a spawned step.
        let is_waited_for = self.session.step(key).is_some_and(|step| step.spawn);
        let expected = if is_waited_for { now } else { at.map_or(now, |at| at.max(now)).plus(REPORT_WITHIN) };
        let awaited = self.session.awaited_lines(key);
        self.executor.start(key, process, at, expected, awaited);
    }

    /// Prepares a process for each step that can be started by the next message of the conductor.
    pub(super) fn prepare(&mut self) {
        for key in self.executor.retain_prepared(&self.session.awaited()) {
            // If this fails, the process is created when the step is to start, and the failure is reported then.
            self.create(key).into_iter().for_each(|process| self.executor.prepared.push((key, process)));
        }
    }

    /// Sets the variable of the scratch folder. Without a folder, a step that uses it is not started.
    fn set_scratch(&mut self, key: StepId) -> Result<(), NotStarted> {
        if self.session.plan().is_none_or(|plan| plan.scratch.is_none()) {
            return Ok(());
        }
        match self.scratch_of(key) {
            Ok(path) => self.environment.set(SCRATCH_VARIABLE, path.as_bytes()),
            Err(why) if self.session.step(key).is_some_and(|step| step.command.contains(SCRATCH_VARIABLE)) => {
                return Err(NotStarted { why, may_work_later: false });
            }
            Err(_) => self.environment.remove(SCRATCH_VARIABLE.as_bytes()),
        }
        Ok(())
    }

    /// Creates the process of a step, which waits until it is started.
    fn create(&mut self, key: StepId) -> Result<Spawned, NotStarted> {
        self.set_scratch(key)?;
        let plan = self.session.plan().ok_or_else(|| io::Error::other("there is no plan"))?;
        let step = plan.step(key).ok_or_else(|| io::Error::other("the plan has no such step"))?;
        // Nobody reads the output of a spawned step of a Python conductor, which leaves it running.
        let is_unread = matches!(self.audience, Audience::Python(_)) && step.spawn;
        let prints_to = if is_unread { PrintsTo::Nowhere } else { PrintsTo::Pipes };
        let image = image(plan, key, step, &mut self.environment)?;
        Ok(self.executor.tree.create(key, &step.label, Image { prints_to, ..image })?)
    }
}
