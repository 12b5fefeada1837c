//! The two directions of a session, and the connection that carries them while there is one.

#[cfg(test)]
mod tests;

use serde::de::DeserializeOwned;

use super::{Inbox, Link, LinkError, Outbox, Received, WireError};
use crate::model::Reading;

/// The two directions of a session. They outlive connections: what was not acknowledged when a connection broke is sent
/// again on the next one, and duplicates are ignored.
#[derive(Debug)]
pub struct Channel<T> {
    /// The receiving direction.
    pub inbox: Inbox,
    /// The sending direction.
    pub outbox: Outbox,
    link: Option<Link<T>>,
    heard: T,
}

impl<C: Copy + Ord> Channel<Reading<C>> {
    /// Creates an unused channel without a connection.
    pub fn new(now: Reading<C>) -> Self {
        Self { inbox: Inbox::default(), outbox: Outbox::default(), link: None, heard: now }
    }

    /// Continues on this connection, whose peer expects frame `next` of us.
    ///
    /// # Errors
    ///
    /// Returns an error if the peer cannot be the one of the earlier connections.
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

    /// Returns the connection, if there is one.
    pub fn link(&self) -> Option<&Link<Reading<C>>> {
        self.link.as_ref()
    }

    /// Returns when something was last received from the peer.
    pub fn heard(&self) -> Reading<C> {
        self.heard
    }

    /// Whether everything was delivered and acknowledged.
    pub fn is_settled(&self) -> bool {
        self.outbox.is_settled() && self.link.as_ref().is_none_or(|link| !link.wants_to_write())
    }

    /// Reads what has arrived. If this is the end of the connection, the connection is dropped.
    pub fn read<M: DeserializeOwned>(&mut self, clock: impl Fn() -> Reading<C>) -> Received<M, Reading<C>> {
        let Some(link) = &mut self.link else { return Received::default() };
        let received = link.read(&mut self.inbox, &mut self.outbox, clock);
        self.heard = link.heard();
        if received.broken.is_some() {
            self.link = None;
        }
        received
    }

    /// Acknowledges everything that was taken, and closes the connection.
    pub fn close(&mut self, clock: impl Fn() -> Reading<C>) {
        if let Some(mut link) = self.link.take() {
            link.acknowledge_now(clock());
            let _ = link.write(&self.inbox, &mut self.outbox, clock);
        }
    }

    /// Handles the time that has passed, and writes what may be written.
    ///
    /// # Errors
    ///
    /// Returns an error with the reason if the connection has ended.
    pub fn write(&mut self, clock: impl Fn() -> Reading<C>) -> Result<(), LinkError> {
        let Some(link) = &mut self.link else { return Ok(()) };
        let done = link.time_passed(clock()).and_then(|()| link.write(&self.inbox, &mut self.outbox, clock));
        if done.is_err() {
            self.link = None;
        }
        done
    }
}
