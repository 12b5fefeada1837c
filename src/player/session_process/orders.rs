//! How a session process handles signals and the orders of its listener.

use rustix::process::Signal;

use super::{Audience, SessionProcess};
use crate::player::note::{Note, Order};
use crate::sys::{self, clock};
use crate::wait::Wait;

impl SessionProcess<'_> {
    pub(super) fn take_signals(&mut self) {
        while let Some(signal) = self.signals.take() {
            // The listener decides what a hang-up means: it is sent to all processes when a new log is to be started.
            let is_for_python = matches!(self.audience, Audience::Python(_));
            if signal == Signal::CHILD || (signal == Signal::HUP && !is_for_python) {
                continue;
            }
            if self.stopping.is_some() {
                // A signal to all processes of a service also reaches the listener, which then signals this process:
                // that is one request, not two. The listener notices a second request and kills this process.
                if is_for_python || self.notes.open().is_none() {
                    sys::exit_now(1);
                }
                continue;
            }
            self.stopping = Some(signal);
            self.deliver_at_once();
            // Such a signal also reaches the prepared processes; Reset must not use any of them.
            self.executor.retain_prepared(&[]);
            self.orphan("the player was shut down".to_owned(), Some(Wait::StoppedReset.time()));
        }
    }

    /// Makes a session that has ended stop waiting for its conductor to reconnect.
    fn deliver_at_once(&mut self) {
        self.finished = self.finished.map(|end| end.min(clock().plus(Wait::LastDelivery.time())));
    }

    pub(super) fn take_orders(&mut self) {
        for order in self.notes.take() {
            match order {
                Order::Resume { hello, welcome, rest } => {
                    let stream = self.notes.connection();
                    let conductor =
                        self.audience.conductor().filter(|conductor| conductor.channel.outbox.check().is_ok());
                    if let (Some(conductor), Some(stream)) = (conductor, stream)
                        && conductor.resume(stream, &hello, *welcome, &rest)
                    {
                        self.session.heard(clock());
                        self.tell(&Note::Silent(None));
                    }
                }
                Order::Abandon { reason, reset_limit } => {
                    self.audience.conductor().into_iter().for_each(|conductor| conductor.channel.disconnect());
                    self.orphan(reason, reset_limit);
                }
            }
        }
    }

    /// Orphans a session without a connection if the listener has died, because its conductor cannot reconnect.
    pub(super) fn check_listener(&mut self) {
        if self.notes.open().is_some() {
            return;
        }
        self.deliver_at_once();
        if self.audience.conductor().is_some_and(|conductor| conductor.channel.link().is_none()) {
            self.orphan("its listener died, so its conductor cannot reconnect".to_owned(), None);
        }
    }
}
