//! How a session process starts its steps: with which variables, and with processes that are prepared before `go` arrives.

use std::io;

use super::{Audience, SessionProcess};
use crate::model::{PlayerTime, StepId, variable};
use crate::player::session::NotStarted;
use crate::player::step_image::image;
use crate::sys::{Image, PrintsTo, clock};

impl SessionProcess<'_> {
    /// The steps get the plan's variables in addition to ours.
    pub(super) fn take_environment(&mut self) {
        for (name, value) in self.session.plan().into_iter().flat_map(|plan| &plan.environment) {
            self.environment.set(name.as_str(), value.as_bytes());
        }
    }

    /// Later steps know the process of a spawned step while it runs.
    pub(super) fn tell_pid(&mut self, key: StepId, pid: Option<u32>) {
        let Some(step) = self.session.step(key).filter(|step| step.spawn) else { return };
        let name = variable("CONDUCTOR_PID", &step.label).into_bytes();
        // Processes that were prepared before have other variables.
        self.executor.retain_prepared(&[]);
        match pid {
            Some(pid) => self.environment.set(name, pid.to_string().as_bytes()),
            None => self.environment.remove(&name),
        }
    }

    pub(super) fn start(&mut self, key: StepId, at: Option<PlayerTime>) {
        if !self.executor.start_prepared(key, at, clock()) {
            let image = self.image(key);
            self.executor.start(key, at, image, clock());
        }
        if self.session.step(key).is_some_and(|step| step.spawn) {
            self.executor.is_waited_for(key, clock());
        }
    }

    /// Prepares a process for each step that the conductor's next message can start.
    pub(super) fn prepare(&mut self) {
        for key in self.executor.retain_prepared(&self.session.awaited()) {
            if let Ok(image) = self.image(key) {
                self.executor.prepare(key, image);
            }
        }
    }

    fn image(&mut self, key: StepId) -> Result<Image, NotStarted> {
        let plan = self.session.plan().ok_or_else(|| io::Error::other("there is no plan"))?;
        // Nobody reads the output of a Python conductor's spawned step, which it lets live.
        let is_spawned = plan.step(key).is_some_and(|step| step.spawn);
        let is_unread = matches!(self.audience, Audience::Python(_)) && is_spawned;
        let prints_to = if is_unread { PrintsTo::Nowhere } else { PrintsTo::Pipes };
        image(plan, key, &mut self.environment).map(|image| Image { prints_to, ..image })
    }
}
