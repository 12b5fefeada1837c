//! What the listener does for sessions that died: it ends what they left and has their Reset run by a fresh process.

use std::collections::BTreeSet;
use std::time::Duration;

use super::clock::clock;
use super::kin;
use super::listener::{Listener, end_process};
use super::note::Note;
use super::role::Role;
use super::session_entry::{Due, Summary};
use super::sweep::Sweep;
use super::watch::{self, Found};
use crate::model::{PlayerTime, Process};
use crate::sys::Child;

/// The clean-up in progress.
#[derive(Debug, Default)]
pub(super) struct Heirs {
    sweep: Option<Sweep>,
    /// What the last clean-up could not end: another one would not either.
    not_ended: BTreeSet<u32>,
}

impl Heirs {
    /// Begins to end all children that work for nobody, if that was not begun.
    pub(super) fn sweep_all(&mut self, now: PlayerTime) {
        self.sweep.get_or_insert_with(|| Sweep::new(BTreeSet::new(), now));
    }

    /// What could not be ended before is tried once more.
    pub(super) fn try_again(&mut self) {
        self.not_ended.clear();
    }

    /// Whether what can be ended is, with these children.
    pub(super) fn have_ended_all_but(&self, children: &[Child]) -> bool {
        children.iter().all(|child| self.not_ended.contains(&child.0))
    }

    /// When to look again.
    pub(super) fn next_deadline(&self) -> Option<PlayerTime> {
        self.sweep.as_ref().map(|sweep| sweep.ladder.next_deadline())
    }
}

impl Listener {
    /// Takes what the processes say.
    pub(super) fn take_notes(&mut self) {
        let is_stopping = self.is_stopping();
        for (pid, notes) in &mut self.notes {
            for note in notes.take::<Note>() {
                if let Note::Addresses { found } = note {
                    self.settings.admission.learn(found).iter().for_each(|line| tracing::warn!("{line}"));
                    continue;
                }
                if let Note::Delivering = note {
                    // What it waits for from now on has limits of its own.
                    self.watches.remove(*pid);
                    self.registry.seed.delivers(*pid);
                }
                if let Note::Over { left, .. } = &note {
                    self.registry.leftovers.extend(left.iter().cloned());
                }
                if let Note::Silent { since } = &note {
                    self.registry.past_is_silent(*pid, since.is_some());
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
                        let mut told: Vec<Summary> = entry.reset_was_run().into_iter().collect();
                        if let Some(summary) = summary {
                            tracing::warn!("{}: {summary}", entry.describe());
                            // One whose conductor is there tells it before the player ends.
                            if !is_stopping || entry.silent_since.is_some() {
                                told.push(entry.summary(summary));
                            }
                        }
                        for summary in told {
                            self.registry.tell_later(summary);
                        }
                    }
                    Note::Delivering | Note::Addresses { .. } => {}
                }
            }
        }
        self.registry.retire();
        for pid in self.registry.kept_too_many() {
            self.abandon(pid, "too many other ended sessions wait to deliver their results".to_owned(), None);
        }
    }

    /// What has been left on purpose may itself leave something, which falls to us when it ends; a session that ended in
    /// good order may at the last moment.
    fn adopt(&mut self, ended: u32) {
        let is_of = |left: &Process| left.pid == ended;
        let in_good_order = self.registry.leftovers.iter().any(is_of) || self.registry.is_past(ended);
        self.registry.leftovers.retain(|left| !is_of(left));
        // While something of a dead session is there, nobody can tell its processes from these.
        if in_good_order && self.heirs.sweep.is_none() {
            let known: Vec<u32> = self.registry.processes().collect();
            let (found, _) = kin::find(&[], None, |pid| pid == ended || known.contains(&pid));
            for kin in found.iter().filter(|kin| kin.is_child && !kin.process.has_ended()) {
                if !self.registry.leftovers.iter().any(|left| left.pid == kin.process.pid()) {
                    self.registry.leftovers.push(kin.describe().into());
                }
            }
        }
        let processes: Vec<u32> = self.registry.processes().filter(|pid| *pid != ended).collect();
        self.cgroups.iter().for_each(|cgroups| cgroups.tidy(|owner| processes.contains(&owner)));
    }

    /// A child has ended: a session, a seed run, or something that had fallen to us.
    pub(super) fn child_ended(&mut self, pid: u32) {
        self.notes.retain(|(of, _)| *of != pid);
        self.watches.remove(pid);
        self.registry.process_ended(pid);
        if self.registry.lookup.take_if(|of| *of == pid).is_some() {
            return;
        }
        self.adopt(pid);
        if self.registry.seed.process_ended(pid) {
            tracing::error!("the process that ran a phase of a Python conductor died; its steps are ended");
            self.heirs.sweep = Some(Sweep::new(BTreeSet::new(), clock()));
        }
        if let Some(entry) = self.registry.sessions.iter_mut().find(|entry| entry.pid == Some(pid)) {
            let said = entry.process_died(clock());
            tracing::error!("{}: {said}", entry.describe());
            self.heirs.sweep = Some(Sweep::new(BTreeSet::new(), clock()));
        }
    }

    /// Goes on with the clean-up: when nothing is left of the dead sessions, their heirs run Reset. In such an heir, its
    /// role is the answer.
    pub(super) fn start_heirs(&mut self) -> Option<Role> {
        if self.heirs.sweep.is_some() {
            self.sweep()?;
        }
        for index in (0..self.registry.sessions.len()).rev() {
            let entry = &mut self.registry.sessions[index];
            match entry.due(clock()) {
                None | Some(Due::Later) => {}
                Some(Due::Nothing(what)) => {
                    let entry = self.registry.sessions.remove(index);
                    tracing::warn!("{}: {what}", entry.describe());
                    let summary = entry.summary(what);
                    self.registry.tell_later(summary);
                }
                Some(Due::Reset(trial)) => {
                    let made = self.make_heir(index, trial);
                    if made.is_some() {
                        return made;
                    }
                }
            }
        }
        None
    }

    /// Goes on with the end of what dead sessions left; nothing while it is not over.
    fn sweep(&mut self) -> Option<()> {
        let kept: Vec<u32> = self.registry.processes().collect();
        let leftovers = &self.registry.leftovers;
        let keep = |pid: u32| kept.contains(&pid) || leftovers.iter().any(|left| left.pid == pid);
        let remaining = self.heirs.sweep.as_mut()?.look(clock(), &[], None, keep)?;
        self.heirs.sweep = None;
        self.heirs.not_ended = remaining.iter().map(|process| process.pid).collect();
        if !remaining.is_empty() {
            let remaining = Process::list(&remaining);
            tracing::warn!("could not be stopped: {remaining}");
            let text = format!("of a session that died, could not be stopped: {remaining}");
            if !self.is_stopping() {
                self.registry.tell_later(Summary::of_nobody(text));
            }
        }
        Some(())
    }

    /// Makes the process that runs a dead session's Reset. In it, its role is the answer.
    fn make_heir(&mut self, index: usize, trial: u32) -> Option<Role> {
        let entry = &mut self.registry.sessions[index];
        entry.reset_is_tried(clock());
        let plan = serde_json::from_str(entry.plan.as_deref().unwrap_or_default()).map_err(std::io::Error::other);
        let limit = entry.lease.min(watch::MOST);
        let made = plan.and_then(|plan| self.make(limit, |notes| Role::Heir { plan, trial, notes }));
        let entry = &mut self.registry.sessions[index];
        match made {
            Ok(Ok(pid)) => {
                entry.pid = Some(pid);
                if self.is_stopping() {
                    // It has no more time for Reset than the others.
                    end_process(pid, libc::SIGTERM);
                }
                None
            }
            Ok(Err(role)) => Some(role),
            Err(error) => {
                tracing::error!("{}: can't run Reset yet: can't create a process: {error}", entry.describe());
                entry.reset_failed(&error, clock());
                None
            }
        }
    }

    /// Looks whether our processes are at work, and kills those that have given no sign of life for too long.
    pub(super) fn watch(&mut self) {
        for (pid, found) in self.watches.look(clock()) {
            match found {
                Found::NotDue => {}
                Found::Alive => self.registry.doubt(pid, None),
                Found::Doubtful(until) => self.registry.doubt(pid, Some(until)),
                Found::GivenUp(limit) => {
                    let whose = self.registry.give_up_on(pid, limit);
                    let limit = humantime::format_duration(limit);
                    tracing::error!("{whose} did not respond for {limit}; killing it");
                    end_process(pid, libc::SIGKILL);
                }
            }
        }
    }
}
