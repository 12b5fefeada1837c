//! The processes that the listener has made: each gives a sign of life every second, and tells its listener what to know of
//! it.

use std::ops::ControlFlow;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::callers::Callers;
use super::clock::clock;
use super::life;
use super::note::{Note, Notes, Order};
use super::process_tree::Cgroups;
use super::watch::{Found, Watch};
use crate::model::PlayerTime;
use crate::sys::{self, Child, DescriptorLimit, Forked, Pulse};
use crate::wire::Connection;

/// How the listener's loop ends in this process.
pub(super) enum End {
    /// The player is over, with this exit status.
    Status(i32),
    /// This is a new process: what it does; the exit status.
    Child(Box<dyn FnOnce() -> i32>),
}

/// The listener's processes.
pub(super) struct Processes {
    all: Vec<ListenerProcess>,
    /// Where steps get their control groups, if there may be some.
    pub(super) cgroups: Cgroups,
    /// What our processes, and thereby steps, get.
    descriptors: DescriptorLimit,
}

struct ListenerProcess {
    pid: u32,
    /// Our end of the line between the two.
    notes: Notes,
    pulse: Pulse,
    /// Whether it is at work, as long as that is watched.
    watch: Option<Watch>,
}

impl Processes {
    /// None yet.
    pub(super) fn new(cgroups: Cgroups) -> Self {
        Self { all: Vec::new(), cgroups, descriptors: DescriptorLimit::raise() }
    }

    /// Makes a process, which is given up when it shows no sign of life for as long as `limit`: here, its number; in it,
    /// the end of the listener's loop, after which it does its work.
    pub(super) fn make(
        &mut self,
        callers: &mut Callers,
        limit: Duration,
        work: impl FnOnce(UnixStream, Cgroups) -> i32 + 'static,
    ) -> ControlFlow<End, std::io::Result<u32>> {
        ControlFlow::Continue(match fork(callers) {
            Ok((Forked::Child, theirs, pulse)) => {
                self.descriptors.restore();
                life::begin(pulse);
                let cgroups = self.cgroups.take();
                return ControlFlow::Break(End::Child(Box::new(move || work(theirs, cgroups))));
            }
            Ok((Forked::Parent(pid), ours, pulse)) => {
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

    /// What they do is not wanted any more: whoever looks for processes that work for nobody finds them, too.
    pub(super) fn give_up(&mut self) {
        self.all.clear();
    }

    /// What to wait for.
    pub(super) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.all.iter().filter_map(|process| process.notes.open())
    }

    /// What they tell.
    pub(super) fn take_notes(&mut self) -> Vec<(u32, Note)> {
        let all = self.all.iter_mut();
        all.flat_map(|process| process.notes.take().into_iter().map(|note| (process.pid, note))).collect()
    }

    /// Gives one an order, with a connection if one belongs to it. One that takes none is on its way out.
    pub(super) fn order(&self, pid: u32, order: &Order, connection: Option<&Connection>) {
        let process = self.all.iter().find(|process| process.pid == pid);
        process.map(|process| process.notes.order(order, connection));
    }

    /// Has a session end. One that was stopped goes on for that; one that hangs is killed soon.
    pub(super) fn abandon(&mut self, pid: u32, reason: String, reset_limit: Option<Duration>) {
        let reset_limit = reset_limit.map(|limit| limit.as_secs());
        self.order(pid, &Order::Abandon { reason, reset_limit }, None);
        let _ = sys::kill_process(Child(pid), libc::SIGCONT);
        self.hasten(|of| of == pid);
    }

    /// What this one waits for from now on has limits of its own.
    pub(super) fn watch_no_more(&mut self, pid: u32) {
        self.all.iter_mut().filter(|process| process.pid == pid).for_each(|process| process.watch = None);
    }

    /// These are wanted to end: from now on they must show soon that they work at that.
    pub(super) fn hasten(&mut self, is_meant: impl Fn(u32) -> bool) {
        let meant = self.all.iter_mut().filter(|process| is_meant(process.pid));
        meant.filter_map(|process| process.watch.as_mut()).for_each(|watch| watch.hasten(clock()));
    }

    /// Looks at those whose look is due; what was found of each.
    pub(super) fn look(&mut self, now: PlayerTime) -> Vec<(u32, Found)> {
        let look = |process: &mut ListenerProcess| {
            Some((process.pid, process.watch.as_mut()?.look(process.pulse.count(), now)?))
        };
        self.all.iter_mut().filter_map(look).collect()
    }

    /// When to look again.
    pub(super) fn next_look(&self) -> Option<PlayerTime> {
        self.all.iter().filter_map(|process| process.watch.as_ref()?.next()).min()
    }
}

/// Makes a process, and a line between the two. Who has not said yet what they want make room for it.
fn fork(callers: &mut Callers) -> std::io::Result<(Forked, UnixStream, Pulse)> {
    let (ours, theirs) = loop {
        match UnixStream::pair() {
            Err(_) if callers.free_descriptor() => {}
            made => break made?,
        }
    };
    let pulse = Pulse::new()?;
    let forked = sys::fork()?;
    Ok((forked, if forked == Forked::Child { theirs } else { ours }, pulse))
}
