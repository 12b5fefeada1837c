//! The processes that the listener has created. Each sends a heartbeat every second, and reports to the listener.

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

/// The result of the listener's loop in this process.
pub(super) enum End {
    /// The player has ended, with this exit status.
    Status(i32),
    /// This is a new process: its work, which returns the exit status.
    Child(Box<dyn FnOnce() -> i32>),
}

/// The listener's processes.
pub(super) struct Processes {
    all: Vec<ListenerProcess>,
    /// The parent of the steps' control groups.
    pub(super) cgroups: Cgroups,
    /// The descriptor limit of our processes, and so of steps.
    descriptors: DescriptorLimit,
}

struct ListenerProcess {
    pid: u32,
    /// Our end of the connection to the process.
    notes: Notes,
    pulse: Pulse,
    /// Checks its heartbeats, as long as it is watched.
    watch: Option<Watch>,
}

impl Processes {
    /// Creates an empty set of processes.
    pub(super) fn new(cgroups: Cgroups) -> Self {
        Self { all: Vec::new(), cgroups, descriptors: DescriptorLimit::raise() }
    }

    /// Creates a process, which is given up if it sends no heartbeat for `limit`. In the listener, returns the process
    /// ID; in the new process, returns the end of the listener's loop, which contains the work. Callers without a
    /// complete message are closed if their descriptors are needed.
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

    /// Returns the process IDs.
    pub(super) fn pids(&self) -> impl Iterator<Item = u32> {
        self.all.iter().map(|process| process.pid)
    }

    /// Removes a process that has ended.
    pub(super) fn ended(&mut self, pid: u32) {
        self.all.retain(|process| process.pid != pid);
    }

    /// Forgets all processes, because their work is no longer wanted. The clean-up ends them too.
    pub(super) fn give_up(&mut self) {
        self.all.clear();
    }

    /// Returns the descriptors to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.iter().filter_map(|process| process.notes.open())
    }

    /// Returns the notes of the processes.
    pub(super) fn take_notes(&mut self) -> Vec<(u32, Note)> {
        let mut notes = Vec::new();
        for process in &mut self.all {
            for note in process.notes.take() {
                // From now on, everything that it waits for has its own limit.
                process.watch.take_if(|_| note == Note::Delivering);
                notes.push((process.pid, note));
            }
        }
        notes
    }

    /// Sends an order to a process, with a connection if it has one. A process that accepts no orders is about to end.
    pub(super) fn order(&self, pid: u32, order: &Order, connection: Option<&Connection>) {
        if let Some(process) = self.all.iter().find(|process| process.pid == pid) {
            process.notes.order(order, connection);
        }
    }

    /// Tells sessions to end. A stopped session process is continued for this; one that hangs is killed soon.
    pub(super) fn abandon(&mut self, pids: impl IntoIterator<Item = u32>, reason: &str, reset_limit: Option<Duration>) {
        let order = Order::Abandon { reason: reason.to_owned(), reset_limit };
        for pid in pids {
            self.order(pid, &order, None);
            sys::signal_child(pid, Signal::CONT);
            self.hasten(|of| of == pid);
        }
    }

    /// Requires more frequent heartbeats of these processes from now on, because they are to end.
    pub(super) fn hasten(&mut self, is_meant: impl Fn(u32) -> bool) {
        let meant = self.all.iter_mut().filter(|process| is_meant(process.pid));
        meant.filter_map(|process| process.watch.as_mut()).for_each(|watch| watch.hasten(clock()));
    }

    /// Checks the processes whose check is due. Returns the findings.
    pub(super) fn check(&mut self, now: PlayerTime) -> Vec<(u32, Found)> {
        let check = |process: &mut ListenerProcess| {
            Some((process.pid, process.watch.as_mut()?.look(process.pulse.load(Ordering::Relaxed), now)?))
        };
        self.all.iter_mut().filter_map(check).collect()
    }

    /// Returns when the next check is due.
    pub(super) fn next_check(&self) -> Option<PlayerTime> {
        self.all.iter().filter_map(|process| process.watch.as_ref()?.next).min()
    }
}
