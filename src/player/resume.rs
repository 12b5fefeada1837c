//! A session goes on over another connection of its conductor's.

use std::time::Duration;

use super::clock::clock;
use crate::model::{LONGEST_LEASE, PlayerTime};
use crate::wire::{Channel, Connection, FrameDecoder, Greeting, Hello, Link, MAX_FRAME, Welcome, interval};

/// Goes on with a connection on which the conductor has said `hello` and what is in the bytes beside it, and which is to be
/// answered with `welcome`; whether that works.
pub(super) fn resume(
    channel: &mut Channel<PlayerTime>,
    hello: &Hello,
    mut welcome: Welcome,
    (connection, rest): (Connection, &[u8]),
) -> bool {
    let mut decoder = FrameDecoder::new(MAX_FRAME as u64);
    decoder.push(rest);
    let mut link = open(connection, decoder, lease(hello));
    welcome.clock = clock().nanoseconds();
    welcome.next = channel.inbox.next();
    link.begin_with(&Greeting::Welcome(welcome).encode());
    let resumed = channel.connect(link, hello.next);
    match &resumed {
        Ok(()) => tracing::info!(
            "run {}: the session of `{}` goes on over connection {}",
            hello.run,
            hello.worker,
            hello.attempt
        ),
        Err(why) => tracing::warn!("run {}: the session of `{}` can't go on: {why}", hello.run, hello.worker),
    }
    resumed.is_ok()
}

/// The link on a connection.
pub(super) fn open(connection: Connection, decoder: FrameDecoder, lease: Duration) -> Link<PlayerTime> {
    Link::new(connection, "its conductor", decoder, interval(lease), clock())
}

/// How long the player goes on without this conductor.
pub(super) fn lease(hello: &Hello) -> Duration {
    /// That of a conductor that names none.
    const DEFAULT: Duration = Duration::from_mins(1);
    if hello.lease == 0 { DEFAULT } else { Duration::from_nanos(hello.lease).min(LONGEST_LEASE) }
}
