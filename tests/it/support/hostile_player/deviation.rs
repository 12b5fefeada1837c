//! The moment at which a hostile player is hostile: what it sends, and what it does then.

use std::time::Duration;

use serde_json::json;

use super::case::{Case, Then};
use super::words::{ACTS, Frame, PLAYER, say};
use super::{Over, Player, boottime};

/// How long whoever falls silent does so, if not for ever.
const WHILE: u64 = 150;
/// Longer than any conductor waits.
const FOR_EVER: Duration = Duration::from_hours(1);
/// How many bytes a flood has.
const FLOOD: usize = 256 << 10;
/// How many bytes a flood has that is to fill something.
const HEAVY_FLOOD: usize = 24 << 20;
/// How long that may take.
const HEAVY_PATIENCE: Duration = Duration::from_secs(10);

impl Player<'_> {
    pub(super) fn deviate(&mut self, case: &Case) -> Result<(), Over> {
        if ACTS.contains(&case.kind) {
            self.act(case)?;
        } else {
            let said = say(case.kind, &self.place, &mut self.random);
            let bytes = self.connection.bytes_of(said);
            self.connection.raw(&bytes);
        }
        self.then(case)
    }

    fn some_time(&mut self, case: &Case) -> Duration {
        let time = Duration::from_millis(self.random.below(usize::try_from(WHILE).expect("a short time")) as u64);
        if case.patient { FOR_EVER } else { time }
    }

    fn then(&mut self, case: &Case) -> Result<(), Over> {
        let time = self.some_time(case);
        match case.then {
            Then::GoesOn => return Ok(()),
            Then::Lives => self.connection.live(time)?,
            Then::Silent => self.connection.wait(time)?,
            Then::Closes => {}
            Then::Resets => {
                self.connection.reset();
                return Ok(());
            }
            Then::ClosesHalf => {
                self.connection.close_half();
                return self.connection.live(time);
            }
        }
        self.connection.close();
        Ok(())
    }

    fn act(&mut self, case: &Case) -> Result<(), Over> {
        match case.kind {
            "flood" => {
                let kind = *self.random.one_of(&PLAYER);
                let some: Vec<_> = (0..50).map(|_| say(kind, &self.place, &mut self.random)).collect();
                self.flood(case, &mut |_, number| some[number % some.len()].clone())
            }
            "warnings" => self.flood(case, &mut |_, number| {
                Frame::Numbered(json!({"type": "warning", "text": format!("warning {number} of a hostile player")}))
            }),
            "alternate" => self.alternate(case),
            "drip" => {
                let kind = *self.random.one_of(&PLAYER);
                let said = say(kind, &self.place, &mut self.random);
                let bytes = self.connection.bytes_of(said);
                for byte in bytes.iter().take(60) {
                    self.connection.raw(&[*byte]);
                    self.connection.wait(Duration::from_millis(1))?;
                }
                self.connection.raw(bytes.get(60..).unwrap_or_default());
                Ok(())
            }
            "silence" => {
                // Sometimes long enough that the conductor takes the connection for broken.
                if self.random.below(6) > 0 {
                    let time = self.some_time(case);
                    return self.connection.wait(time);
                }
                self.connection.lose_patience_within(Duration::from_secs(4));
                self.connection.wait(Duration::from_secs(2))
            }
            "close" => {
                self.connection.close();
                Ok(())
            }
            "reset" => {
                self.connection.reset();
                Ok(())
            }
            _ => self.reconnect(),
        }
    }

    /// Closes every connection as soon as it was taken, a few times.
    fn reconnect(&mut self) -> Result<(), Over> {
        for _ in 0..=self.random.below(4) {
            self.connection.close();
            self.connection.resume()?;
        }
        self.connection.repeat();
        Ok(())
    }

    fn flood(&mut self, case: &Case, next: &mut dyn FnMut(&mut Self, usize) -> Frame) -> Result<(), Over> {
        let most = if case.heavy { HEAVY_FLOOD } else { FLOOD >> self.random.below(6) };
        if case.heavy {
            self.connection.lose_patience_within(HEAVY_PATIENCE);
        }
        let (mut sent, mut number) = (0, 0);
        while sent < most && self.connection.is_open() {
            let mut bytes = Vec::new();
            while bytes.len() < 32 << 10 {
                let frame = next(self, number);
                bytes.extend(self.connection.bytes_of(frame));
                number += 1;
            }
            self.connection.raw(&bytes);
            sent += bytes.len();
            self.connection.not_over()?;
        }
        Ok(())
    }

    /// Single bytes, in turn of two streams: of a step that is on, or of the next that would be.
    fn alternate(&mut self, case: &Case) -> Result<(), Over> {
        let stream = match self.place.open[..] {
            [.., (stdout, _), (stderr, _)] if stderr == stdout + 1 => stdout,
            _ => {
                let stream = self.place.stream;
                self.place.stream += 2;
                let start = json!({"at": boottime(), "late": 0, "pid": 1, "stdout": stream, "stderr": stream + 1});
                self.say_here("step_started", &start)?;
                self.place.open.extend([(stream, 0), (stream + 1, 0)]);
                stream
            }
        };
        let begun: Vec<u64> = (stream..stream + 2).map(|stream| self.sent_of(stream)).collect();
        self.flood(case, &mut |player, number| {
            let which = number % 2;
            let offset = begun[which] + number as u64 / 2;
            let stream = stream + u32::from(which == 1);
            player.place.open.iter_mut().filter(|(open, _)| *open == stream).for_each(|(_, sent)| *sent = offset + 1);
            Frame::Data(stream, offset, vec![b'x'])
        })
    }

    fn sent_of(&self, stream: u32) -> u64 {
        self.place.open.iter().find(|(open, _)| *open == stream).map_or(0, |(_, sent)| *sent)
    }
}
