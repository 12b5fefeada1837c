//! Makes another connection when that of a session is broken, until the worker's lease expires.

use std::time::{Duration, Instant};

use super::{Begun, Session};
use crate::conduct::connection::dial::dial;
use crate::conduct::connection::greet::Dialled;
use crate::conduct::connection::refused::not_welcome;
use crate::conduct::event::{End, EndKind};
use crate::conduct::now::now;
use crate::conduct::reach::{ReachError, Running, Way};
use crate::model::Hint;
use crate::wait::Wait;
use crate::wire::{Greeting, Hello, RefusalReason};

impl Session<'_> {
    /// Waits this long, or until a command arrives, and obeys it.
    fn patience(&mut self, time: Duration) -> Option<End> {
        let command = self.context.mailbox.within(Wait::RetryPause, Some(time))?;
        self.command(command).err()
    }

    /// Makes another connection, until the worker's lease expires.
    pub(super) fn reach_again(&mut self, reason: &str) -> Result<Begun, End> {
        let lease = self.context.plan.settings.lease;
        let Some((pause, limit)) = self.reconnections.again(now()) else {
            return Err(End::lost(format!("{reason}, repeatedly and without progress")));
        };
        let deadline = Instant::now() + limit;
        if let Some(end) = self.patience(pause) {
            return Err(end);
        }
        self.hello.next = self.channel.inbox.next();
        let mut hello = Hello { attempt: self.hello.attempt + 1, ..self.hello.clone() };
        let session = self.hello.secret.fingerprint();
        let way = self.context.way(self.welcome.process.map(|pid| Running { pid, session }));
        let unanswered = Some(Wait::StoppedSession.within(until_killed(lease)));
        let dialled = dial(&way, &mut hello, deadline, unanswered, &mut |time| self.patience(time));
        self.hello.attempt = hello.attempt;
        let lease = humantime::format_duration(lease);
        let lost = |end: End| Err(End { reason: format!("{reason}: {}", end.reason), ..end });
        match dialled {
            Ok(Dialled { greeting: Greeting::Welcome(welcome), connection, decoder, .. }) => {
                Ok((welcome, connection, decoder))
            }
            Ok(Dialled { greeting: Greeting::Refused(refusal), .. }) if refusal.reason == RefusalReason::Unknown => {
                lost(match way {
                    Way::Port(_) => End::lost(refusal.message),
                    // The player that answers was started for this connection, so the one of the session has ended.
                    Way::Transport(_) => ReachError::gone(),
                })
            }
            Ok(Dialled { greeting, .. }) => {
                Err(End::lost(format!("{reason}; {}", not_welcome(&greeting, &way, &self.hello))))
            }
            Err(End { kind: EndKind::Unreachable, reason: why, hint }) => {
                let end = End::lost(format!(
                    "{reason}, and it could not be reached again within its lease of {lease}: {why}"
                ));
                // If the machine is reached through a command, the user does not start players there.
                let hint = if let Way::Port(_) = way { Some(Hint::RestartPlayer) } else { hint };
                Err(End { hint, ..end })
            }
            Err(end) if end.kind == EndKind::Lost => lost(end),
            Err(end) => Err(end),
        }
    }
}

/// How long a listener may still take after the lease to kill a session that does not respond, and to report that.
fn until_killed(lease: Duration) -> Duration {
    /// The time for the kill, and for an attempt to connect that began just before.
    const MARGIN: Duration = Duration::from_secs(5);
    let silence = Wait::SignOfLife.given(lease);
    (silence + silence / 4).saturating_sub(lease) + MARGIN
}
