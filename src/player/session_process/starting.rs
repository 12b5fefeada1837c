//! How a session process starts its steps: with which variables, and ready before the conductor's word comes.

use super::{Audience, SessionProcess, clock};
use crate::model::{Phase, PlayerTime, StepId, variable};
use crate::player::session::Streams;
use crate::player::step_image::image;
use crate::sys::{Image, PrintsTo, When};
use crate::wire::StepMessage;

impl SessionProcess {
    /// The steps get the plan's variables beside our own.
    pub(super) fn take_environment(&mut self) {
        for (name, value) in self.session.plan().into_iter().flat_map(|plan| &plan.environment) {
            self.environment.set(name.as_str(), value.as_bytes());
        }
    }

    /// Later steps know the process of a spawned step while it runs.
    pub(super) fn tell_pid(&mut self, phase: Phase, position: usize, pid: Option<u32>) {
        let spawned = self.step(phase, position).filter(|step| step.spawn);
        let Some(step) = spawned else { return };
        let name = variable("CONDUCTOR_PID", &step.label).into_bytes();
        // What was made before that knows other variables.
        self.executor.keep_ready(&[]);
        match pid {
            Some(pid) => self.environment.set(name, pid.to_string().as_bytes()),
            None => self.environment.remove(&name),
        }
    }

    pub(super) fn start(&mut self, key: StepId, at: Option<PlayerTime>, behind: Option<Streams>) {
        let when = When::at(at.map(PlayerTime::nanoseconds));
        let is_ready = behind.is_none() && self.executor.start_ready(key, when, clock());
        if !is_ready && let Some(image) = self.image(key) {
            self.executor.start((key, when), image, behind, clock());
        }
        if self.step(key.phase, key.position).is_some_and(|step| step.spawn) {
            self.executor.is_waited_for(key, clock());
        }
    }

    fn step(&self, phase: Phase, position: usize) -> Option<&StepMessage> {
        self.session.plan()?.steps(phase).get(position)
    }

    /// Has a process ready for each step that a word of the conductor's starts: whoever is told to go then goes at once.
    pub(super) fn make_ready(&mut self) {
        for key in self.executor.keep_ready(&self.session.awaited()) {
            if let Some(Ok(image)) = self.image(key) {
                self.executor.make_ready(key, image);
            }
        }
    }

    fn image(&mut self, key: StepId) -> Option<Result<Image, String>> {
        let plan = self.session.plan()?;
        let step = plan.steps(key.phase).get(key.position)?;
        // A seed conductor never hears a spawned step again, and lets it live on.
        let prints_to = if matches!(self.audience, Audience::Python(_)) && step.spawn {
            PrintsTo::Nowhere
        } else {
            PrintsTo::Pipes
        };
        Some(image(plan, step, key, &mut self.environment).map(|image| Image { prints_to, ..image }))
    }
}
