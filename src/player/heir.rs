//! What the listener does for sessions that died: it ends what they left and has their Reset run by a fresh process.

use std::time::Duration;

use super::listener::Listener;
use super::note::Note;
use super::role::Role;
use super::session_process::clock;
use super::sweep::Sweep;
use crate::model::PlayerTime;

/// The clean-up in progress.
#[derive(Debug, Default)]
pub(super) struct Heirs {
    sweep: Option<Sweep>,
}

impl Heirs {
    /// Begins to end all children that work for nobody, if that was not begun.
    pub(super) fn sweep_all(&mut self, now: PlayerTime) {
        self.sweep.get_or_insert_with(|| Sweep::new(now));
    }

    /// When to look again.
    pub(super) fn next_deadline(&self) -> Option<PlayerTime> {
        self.sweep.as_ref().map(Sweep::next_deadline)
    }
}

impl Listener {
    /// Takes what the processes say.
    pub(super) fn take_notes(&mut self) {
        for (pid, notes) in &mut self.notes {
            for note in notes.take::<Note>() {
                if let Note::Delivering = note {
                    let running = self.registry.seed.as_mut().and_then(|entry| entry.running.as_mut());
                    running.into_iter().filter(|(of, _)| of == pid).for_each(|(_, delivered)| *delivered = true);
                }
                if let Note::Over { left, .. } = &note {
                    self.registry.leftovers.extend(left.iter().cloned());
                }
                let Some(entry) = self.registry.sessions.iter_mut().find(|entry| entry.pid == Some(*pid)) else {
                    continue;
                };
                match note {
                    Note::Plan { text, reset_timeout } => {
                        entry.plan = Some(text);
                        entry.reset_timeout = Duration::from_nanos(reset_timeout);
                    }
                    Note::ResetNeeded { trial } => {
                        (entry.reset_needed, entry.reset_begun) = (Some(trial), false);
                    }
                    Note::ResetBegun => (entry.reset_needed, entry.reset_begun) = (None, true),
                    Note::Silent { since } => entry.silent_since = since.map(PlayerTime::from_nanoseconds),
                    Note::Orphaned { reason } => {
                        tracing::warn!("{}: {reason}", entry.describe());
                        entry.orphaned = Some(clock());
                    }
                    Note::Over { summary, .. } => {
                        entry.over = true;
                        if let Some(summary) = summary {
                            let summary = format!("{}: {summary}", entry.describe());
                            tracing::warn!("{summary}");
                            self.registry.summaries.push(summary);
                        }
                    }
                    Note::Delivering => {}
                }
            }
        }
        self.registry.retire();
    }

    /// A child has ended: a session, a seed run, or something that had fallen to us.
    pub(super) fn child_ended(&mut self, pid: u32) {
        self.notes.retain(|(of, _)| *of != pid);
        self.registry.process_ended(pid);
        self.registry.leftovers.retain(|(of, _)| *of != pid);
        if let Some(entry) = &mut self.registry.seed {
            entry.running.take_if(|(of, _)| *of == pid);
        }
        if let Some(entry) = self.registry.sessions.iter_mut().find(|entry| entry.pid == Some(pid)) {
            let reset = match entry.reset_needed {
                Some(_) => "its steps were ended, and Reset was run",
                None if entry.reset_begun => "its steps were ended, and its Reset is not run again",
                None => "nothing had to be reset",
            };
            let summary = format!("{}: its session died; {reset}", entry.describe());
            tracing::error!("{summary}");
            self.registry.summaries.push(summary);
            entry.pid = None;
            entry.orphaned = Some(clock());
            self.heirs.sweep = Some(Sweep::new(clock()));
        }
    }

    /// Goes on with the clean-up: when nothing is left of the dead sessions, their heirs run Reset. In such an heir, its
    /// role is the answer.
    pub(super) fn start_heirs(&mut self) -> Option<Role> {
        let kept: Vec<u32> = self.registry.processes().collect();
        let leftovers = &self.registry.leftovers;
        let keep = |pid: u32| kept.contains(&pid) || leftovers.iter().any(|(left, _)| *left == pid);
        let remaining = self.heirs.sweep.as_mut()?.look(clock(), |child| keep(child.0))?;
        self.heirs.sweep = None;
        for text in &remaining {
            tracing::warn!("{text}");
        }
        while let Some(index) = self.registry.sessions.iter().position(|entry| entry.pid.is_none()) {
            let entry = &mut self.registry.sessions[index];
            let plan = entry.plan.as_ref().and_then(|text| serde_json::from_str(text).ok());
            let (Some(trial), Some(plan)) = (entry.reset_needed.take(), plan) else {
                self.registry.sessions.remove(index);
                continue;
            };
            match self.make(|notes| Role::Heir { plan, trial, notes }) {
                Ok(Ok(pid)) => self.registry.sessions[index].pid = Some(pid),
                Ok(Err(role)) => return Some(role),
                Err(error) => {
                    tracing::error!("Reset can't be run, for no process can be made: {error}");
                    self.registry.sessions.remove(index);
                }
            }
        }
        None
    }
}
