//! How commands reach a connection actor: through a channel, and a descriptor next to it that wakes an actor waiting
//! for its socket.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use rustix::event::{EventfdFlags, eventfd};

use super::event::{Command, End};
use crate::wait::Wait;

/// The coordinator's end.
#[derive(Debug)]
pub(crate) struct Postbox {
    sender: Sender<Command>,
    bell: Arc<OwnedFd>,
}

/// The actor's end.
#[derive(Debug)]
pub(crate) struct Mailbox {
    /// The channel of commands, for a caller that also waits for another channel.
    pub(super) commands: Receiver<Command>,
    bell: Arc<OwnedFd>,
}

/// Creates both ends. Sending never blocks; there are only a handful of commands in each phase.
///
/// # Errors
///
/// Returns an error if the descriptor cannot be created.
pub(crate) fn mailbox() -> io::Result<(Postbox, Mailbox)> {
    let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (sender, commands) = unbounded();
    Ok((Postbox { sender, bell: Arc::clone(&bell) }, Mailbox { commands, bell }))
}

impl Postbox {
    /// Sends a command. An actor that has ended has reported its end; that event is on its way.
    pub(crate) fn send(&self, command: Command) {
        let _ = self.sender.send(command);
        let _ = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

impl Drop for Postbox {
    /// Sends the last command, [`Command::Abandon`].
    fn drop(&mut self) {
        self.send(Command::Abandon);
    }
}

impl Mailbox {
    /// Returns the next command if one arrives within this time; [`Command::Abandon`] if no more can arrive.
    pub(crate) fn within(&self, wait: Wait, time: Option<Duration>) -> Option<Command> {
        match wait.receive(&self.commands, time) {
            Ok(command) => Some(command),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => Some(Command::Abandon),
        }
    }

    /// Waits this long, or until the coordinator sends something: before there is a plan, that can only be the end.
    pub(crate) fn unless_ended(&self, time: Duration) -> Option<End> {
        self.within(Wait::RetryPause, Some(time)).map(|_| End::closed())
    }

    /// Returns all pending commands. The last one ever is [`Command::Abandon`].
    pub(crate) fn take(&self) -> Vec<Command> {
        let _ = rustix::io::read(&self.bell, &mut [0; 8]);
        self.commands.try_iter().collect()
    }
}

impl AsFd for Mailbox {
    /// Readable if [`Self::take`] would return commands.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_comes_while_others_are_taken_is_not_lost() {
        const COMMANDS: u32 = 100_000;
        let (postbox, mailbox) = mailbox().unwrap();
        let giver = std::thread::spawn(move || (1..=COMMANDS).for_each(|trial| postbox.send(Command::EndTrial(trial))));
        let mut taken = Vec::new();
        while taken.last() != Some(&Command::Abandon) {
            taken.extend(mailbox.take());
        }
        giver.join().unwrap();
        let expected: Vec<_> = (1..=COMMANDS).map(Command::EndTrial).collect();
        assert_eq!((taken.len(), &taken[..expected.len()]), (expected.len() + 1, &expected[..]));
    }
}
