//! How the listener ends: after a signal, or when the session that it serves has ended.

use std::ops::ControlFlow::{self, Break, Continue};

use rustix::process::Signal;

use super::listener::Listener;
use super::processes::End;
use super::scratch::remove_all;
use super::session_entry::SessionEntry;
use super::sweep::end_everything;
use crate::model::Process;
use crate::sys::{self, clock};
use crate::wait::Wait;

impl Listener {
    /// Starts to stop the player. If called a second time, ends everything immediately.
    pub(super) fn stop(&mut self) -> ControlFlow<End> {
        if self.stopping.is_some() {
            self.report_cut_off();
            end_everything();
            return self.over(1);
        }
        self.stopping = Some(clock().plus(Wait::SessionsEnd.time()));
        self.socket = None;
        self.callers.clear();
        self.end_lookup();
        self.cleanup.not_ended.clear();
        self.processes.pids().for_each(|pid| sys::end_child(pid, Signal::TERM));
        self.processes.hasten(|_| true);
        Continue(())
    }

    /// Whether this player serves one session, and it has ended or did not begin in time.
    fn has_served(&self) -> bool {
        let is_idle = || {
            self.callers.is_empty() && self.processes.pids().next().is_none() && self.registry.dead().next().is_none()
        };
        self.settings.serves_one()
            && is_idle()
            && (self.callers.has_taken_any || clock() >= self.begun.plus(Wait::SessionPlayerIdle.time()))
    }

    /// Ends the player, if it was told to stop and nothing is left.
    pub(super) fn end(&mut self) -> ControlFlow<End> {
        if self.stopping.is_none() && self.has_served() {
            self.stop()?;
        }
        let Some(give_up) = self.stopping else { return Continue(()) };
        let now = clock();
        if self.processes.pids().next().is_some() || self.registry.dead().next().is_some() {
            if now < give_up {
                return Continue(());
            }
            self.report_cut_off();
            self.registry.give_up();
            self.processes.give_up();
            self.is_cut_off = true;
        }
        for process in self.registry.leftovers.drain(..) {
            let (Process { pid, user, .. }, command) = (&process, process.command_shown());
            tracing::warn!("stopping process {pid} ({user}), which an earlier run left running: `{command}`");
        }
        let end = give_up.plus(Wait::CutOffEnd.time());
        if sys::direct_children().iter().all(|child| self.cleanup.not_ended.contains(child)) || now >= end {
            return self.over(i32::from(self.is_cut_off));
        }
        if self.cleanup.sweep.is_none() {
            self.cleanup.begin(now);
        }
        Continue(())
    }

    /// Ends the player with this exit status.
    fn over(&mut self, status: i32) -> ControlFlow<End> {
        for summary in self.registry.summaries.drain(..) {
            tracing::warn!("this player stops, and no conductor received this: {summary}");
        }
        self.take_notes();
        self.registry.give_up();
        remove_all(std::mem::take(&mut self.registry.scratch));
        self.processes.cgroups.iter().for_each(|cgroups| cgroups.remove());
        Break(End::Status(status))
    }

    /// Logs which sessions are ended before their Reset is complete.
    fn report_cut_off(&mut self) {
        self.take_notes();
        self.registry.live().filter_map(SessionEntry::cut_off).for_each(|line| tracing::error!("{line}"));
    }
}
