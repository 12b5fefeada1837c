//! What connects the two sides of a session: its two directions, and the connection that carries them while there is one.

#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;

use super::{Inbox, Link, LinkError, Outbox, Received, WireError};
use crate::model::Reading;

/// What connects the two sides of a session. It outlives connections: what was not acknowledged when one broke goes over
/// the next one again, and what comes twice is taken once.
#[derive(Debug)]
pub struct Channel<T> {
    /// What has arrived.
    pub inbox: Inbox,
    /// What is to be sent.
    pub outbox: Outbox,
    link: Option<Link<T>>,
    heard: T,
}

impl<C: Copy + Ord> Channel<Reading<C>> {
    /// One on which nothing was said, and that has no connection yet.
    pub fn new(now: Reading<C>) -> Self {
        Self { inbox: Inbox::default(), outbox: Outbox::default(), link: None, heard: now }
    }

    /// Goes on with this connection, whose peer expects frame `next` of us.
    ///
    /// # Errors
    ///
    /// Says when the peer cannot be the one that we spoke with.
    pub fn connect(&mut self, link: Link<Reading<C>>, next: u64) -> Result<(), WireError> {
        self.outbox.reconnect(next)?;
        self.heard = link.heard();
        self.link = Some(link);
        Ok(())
    }

    /// Closes the connection.
    pub fn disconnect(&mut self) {
        self.link = None;
    }

    /// The connection, while there is one.
    pub fn link(&self) -> Option<&Link<Reading<C>>> {
        self.link.as_ref()
    }

    /// When the peer was last heard of.
    pub fn heard(&self) -> Reading<C> {
        self.heard
    }

    /// Whether everything was delivered, and the peer has said so.
    pub fn is_settled(&self) -> bool {
        self.outbox.is_settled() && self.link.as_ref().is_none_or(|link| !link.wants_to_write())
    }

    /// Reads what has come. When that is the end of the connection there is none any more.
    pub fn read<M: DeserializeOwned>(&mut self, clock: impl Fn() -> Reading<C>) -> Received<M, Reading<C>> {
        let Some(link) = &mut self.link else { return Received::default() };
        let received = link.read(&mut self.inbox, &mut self.outbox, clock);
        self.heard = link.heard();
        if received.broken.is_some() {
            self.link = None;
        }
        received
    }

    /// Tells the peer what was taken, and closes the connection.
    pub fn close(&mut self, clock: impl Fn() -> Reading<C>) {
        if let Some(mut link) = self.link.take() {
            link.acknowledge_now(clock());
            let _ = link.write(&self.inbox, &mut self.outbox, clock);
        }
    }

    /// Writes what may be written, and looks what time it is.
    ///
    /// # Errors
    ///
    /// Says why there is no connection any more.
    pub fn write(&mut self, clock: impl Fn() -> Reading<C>) -> Result<(), LinkError> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let done = link.time_passed(clock()).and_then(|()| link.write(&self.inbox, &mut self.outbox, clock));
        if done.is_err() {
            self.link = None;
        }
        done
    }
}
