//! The process above the keeper of a command. It does nothing as long as the keeper lives. When that dies, its orphans fall
//! to this process, which ends them; when it is stopped, this process continues it as soon as it is to end.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags};

use super::clock::clock;
use super::life;
use super::sweep::Sweep;
use crate::model::PlayerTime;
use crate::sys::{self, Child, Forked, Reaped, SignalDescriptor};
use crate::wait::Wait;

/// Has a copy of this process do the keeper's work; its exit status. Where there can be no copy, this process does it.
pub(super) fn guard(keep: impl FnOnce() -> i32) -> i32 {
    let signals = [libc::SIGCHLD, libc::SIGTERM, libc::SIGINT, libc::SIGHUP];
    let prepared = rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(io::Error::from)
        .and_then(|()| SignalDescriptor::new(&signals));
    life::continue_without_parent();
    let Ok(signals) = prepared else { return keep() };
    match sys::fork() {
        Err(_) => keep(),
        Ok(Forked::Child) => {
            // The parent's copy of the descriptor is its own, and so are the signals that it reads there.
            drop(signals);
            life::continue_without_parent();
            sys::exit_now(keep())
        }
        Ok(Forked::Parent(keeper)) => Guard { keeper, signals, status: None, give_up: None }.run(),
    }
}

struct Guard {
    keeper: u32,
    signals: SignalDescriptor,
    /// The keeper's exit status, once it has ended.
    status: Option<i32>,
    /// When the keeper is killed, once it was told to end.
    give_up: Option<PlayerTime>,
}

impl Guard {
    fn run(mut self) -> i32 {
        while self.status.is_none() {
            self.wait(self.give_up);
            if self.give_up.is_some_and(|end| end <= clock()) {
                sys::end_process(Child(self.keeper), libc::SIGKILL);
            }
        }
        let mut sweep = Sweep::new(BTreeSet::new(), clock());
        while sweep.look(clock(), &[], None, |_| false).is_none() {
            self.wait(Some(sweep.escalation.next_deadline()));
        }
        self.status.unwrap_or(1)
    }

    /// Waits until something happens, or until then.
    fn wait(&mut self, until: Option<PlayerTime>) {
        let input = io::stdin();
        let mut descriptors = vec![PollFd::new(&self.signals, PollFlags::IN)];
        if self.give_up.is_none() {
            descriptors.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN));
        }
        let _ = Wait::KeeperEvents.poll(&mut descriptors, until.map(|until| until.since(clock())));
        let mut is_told = sys::input_has_ended();
        while let Some(signal) = self.signals.take() {
            is_told |= signal != libc::SIGCHLD;
        }
        if is_told && self.status.is_none() && self.give_up.is_none() {
            self.give_up = Some(clock().plus(Wait::KeeperEnd.time()));
            sys::end_process(Child(self.keeper), libc::SIGTERM);
        }
        while let Some((child, how, _)) = sys::reap() {
            if child.0 == self.keeper {
                self.status = Some(if let Reaped::Exit(status) = how { status } else { 1 });
            }
        }
    }
}
