//! The processes that the listener has created. Each gives a sign of life every second, and reports to the listener.

use std::io;
use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Signal;

use super::callers::Callers;
use super::life::{PULSE, Pulse};
use super::note::{Note, Notes, Order};
use super::origin::Cgroups;
use super::watch::{Found, Watch};
use crate::model::PlayerTime;
use crate::sys::{self, DescriptorLimit, clock};
use crate::wire::Connection;

/// How the listener's loop ends in this process.
pub(super) enum End {
    /// The player is over, with this exit status.
    Status(i32),
    /// This is a new process: its work, which returns the exit status.
    Child(Box<dyn FnOnce() -> i32>),
}

/// The listener's processes.
pub(super) struct Processes {
    all: Vec<ListenerProcess>,
    /// Where steps get their control groups.
    pub(super) cgroups: Cgroups,
    /// The limit for our processes, and so for steps.
    descriptors: DescriptorLimit,
}

struct ListenerProcess {
    pid: u32,
    /// Our end of the connection between the two.
    notes: Notes,
    pulse: Pulse,
    /// The watch over it, as long as it is watched.
    watch: Option<Watch>,
}

impl Processes {
    /// None yet.
    pub(super) fn new(cgroups: Cgroups) -> Self {
        Self { all: Vec::new(), cgroups, descriptors: DescriptorLimit::raise() }
    }

    /// Creates a process, which is given up if it gives no sign of life for as long as `limit`. Returns its number here,
    /// and the end of the listener's loop in it, after which it does its work. Callers that have not said what they want
    /// are closed if it needs their descriptors.
    pub(super) fn create(
        &mut self,
        callers: &mut Callers,
        limit: Duration,
        work: impl FnOnce(UnixStream, Cgroups) -> i32 + 'static,
    ) -> ControlFlow<End, io::Result<u32>> {
        let pair = loop {
            match UnixStream::pair() {
                Err(_) if callers.free_descriptor() => {}
                made => break made,
            }
        };
        let made = pair.and_then(|pair| Ok((pair, Pulse::new(0.into())?, sys::fork()?)));
        ControlFlow::Continue(match made {
            Ok(((_, theirs), pulse, None)) => {
                self.descriptors.restore();
                let _ = PULSE.set(pulse);
                let cgroups = self.cgroups.take();
                return ControlFlow::Break(End::Child(Box::new(move || work(theirs, cgroups))));
            }
            Ok(((ours, _), pulse, Some(pid))) => {
                let watch = Some(Watch::new(limit, clock()));
                self.all.push(ListenerProcess { pid, notes: Notes::new(ours), pulse, watch });
                Ok(pid)
            }
            Err(error) => Err(error),
        })
    }

    /// The numbers of those that are there.
    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        self.all.iter().map(|process| process.pid)
    }

    /// This one has ended.
    pub(super) fn ended(&mut self, pid: u32) {
        self.all.retain(|process| process.pid != pid);
    }

    /// Their work is not wanted any more: the clean-up ends them too.
    pub(super) fn give_up(&mut self) {
        self.all.clear();
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.iter().filter_map(|process| process.notes.open())
    }

    /// What they report.
    pub(super) fn take_notes(&mut self) -> Vec<(u32, Note)> {
        let mut notes = Vec::new();
        for process in &mut self.all {
            for note in process.notes.take() {
                // What it waits for from now on has its own limits.
                process.watch.take_if(|_| note == Note::Delivering);
                notes.push((process.pid, note));
            }
        }
        notes
    }

    /// Gives one an order, with a connection if one belongs to it. If it takes none it is about to end.
    pub(super) fn order(&self, pid: u32, order: &Order, connection: Option<&Connection>) {
        if let Some(process) = self.all.iter().find(|process| process.pid == pid) {
            process.notes.order(order, connection);
        }
    }

    /// Tells sessions to end. One that was stopped is continued for that; one that hangs is killed soon.
    pub(super) fn abandon(&mut self, pids: impl IntoIterator<Item = u32>, reason: &str, reset_limit: Option<Duration>) {
        let order = Order::Abandon { reason: reason.to_owned(), reset_limit };
        for pid in pids {
            self.order(pid, &order, None);
            sys::signal_child(pid, Signal::CONT);
            self.hasten(|of| of == pid);
        }
    }

    /// These are to end: from now on they must give signs of life more often.
    pub(super) fn hasten(&mut self, is_meant: impl Fn(u32) -> bool) {
        let meant = self.all.iter_mut().filter(|process| is_meant(process.pid));
        meant.filter_map(|process| process.watch.as_mut()).for_each(|watch| watch.hasten(clock()));
    }

    /// Checks those whose check is due; what was found of each.
    pub(super) fn check(&mut self, now: PlayerTime) -> Vec<(u32, Found)> {
        let check = |process: &mut ListenerProcess| {
            Some((process.pid, process.watch.as_mut()?.look(process.pulse.load(Ordering::Relaxed), now)?))
        };
        self.all.iter_mut().filter_map(check).collect()
    }

    /// When the next check is due.
    pub(super) fn next_check(&self) -> Option<PlayerTime> {
        self.all.iter().filter_map(|process| process.watch.as_ref()?.next).min()
    }
}
