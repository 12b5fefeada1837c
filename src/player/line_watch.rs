//! Watches the lines that spawned steps print, for `await:` steps: which patterns were seen, and the last lines.
//!
//! Output is not kept, except for the last lines and the beginning of an unfinished line.

use std::collections::VecDeque;
use std::time::Duration;

use super::session::SessionEvent;
use crate::model::{LinePattern, PlayerTime, StepId};

/// Longer lines are searched in parts. This bounds the time of a search, which grows with the line and with the
/// pattern.
const LONGEST_LINE: usize = 8 << 10;
/// How long an unfinished line waits for the rest before it is searched: it may be a prompt.
const UNFINISHED: Duration = Duration::from_millis(100);
/// How many lines are shown if an awaited line was not printed, and how many bytes of each.
const LAST_LINES: usize = 5;
const SHOWN: usize = 200;

/// The output of all spawned steps for whose lines other steps wait.
#[derive(Debug, Default)]
pub(super) struct LineWatches {
    watches: Vec<LineWatch>,
    /// The events that have not been reported yet.
    found: VecDeque<SessionEvent>,
}

/// The output of one spawned step.
#[derive(Debug)]
struct LineWatch {
    key: StepId,
    streams: [OpenLine; 2],
    /// The patterns that have not been seen yet, each with the step that waits for it.
    patterns: Vec<(StepId, LinePattern)>,
    last: VecDeque<Vec<u8>>,
}

/// An unfinished line of a stream.
#[derive(Debug)]
struct OpenLine {
    /// The number of the stream.
    stream: u32,
    text: Vec<u8>,
    /// When it is searched although it is unfinished.
    due: Option<PlayerTime>,
}

impl LineWatches {
    /// Starts to watch the output of this step, or of another attempt of it.
    pub(super) fn begin(&mut self, key: StepId, streams: [u32; 2], awaited: Vec<(StepId, LinePattern)>) {
        self.watches.retain(|watch| watch.key != key);
        if !awaited.is_empty() {
            let streams = streams.map(|stream| OpenLine { stream, text: Vec::new(), due: None });
            self.watches.push(LineWatch { key, streams, patterns: awaited, last: VecDeque::new() });
        }
    }

    /// Handles output of a step.
    pub(super) fn printed(&mut self, stream: u32, bytes: &[u8], now: impl FnOnce() -> PlayerTime) {
        let is_meant = |watch: &&mut LineWatch| watch.streams.iter().any(|line| line.stream == stream);
        let watch = self.watches.iter_mut().find(is_meant).filter(|watch| !watch.patterns.is_empty());
        if let Some(watch) = watch {
            watch.printed(stream, bytes, now(), &mut self.found);
        }
    }

    /// Searches the last line of a step whose process has ended.
    pub(super) fn ended(&mut self, key: StepId, now: PlayerTime) {
        if let Some(watch) = self.watches.iter_mut().find(|watch| watch.key == key) {
            watch.search_unfinished(|_| true, now, &mut self.found);
        }
    }

    /// Searches unfinished lines that have waited long enough for the rest. Returns everything that was found.
    pub(super) fn take_found(&mut self, now: PlayerTime) -> impl Iterator<Item = SessionEvent> {
        for watch in &mut self.watches {
            watch.search_unfinished(|due| due <= now, now, &mut self.found);
        }
        self.found.drain(..)
    }

    /// Returns when an unfinished line is to be searched.
    pub(super) fn next_deadline(&self) -> Option<PlayerTime> {
        self.watches.iter().flat_map(|watch| &watch.streams).filter_map(|line| line.due).min()
    }

    /// Describes the last output while this step waited, as a message. Returns `None` if its pattern was seen.
    pub(super) fn last_lines(&self, awaiting: StepId) -> Option<String> {
        let is_meant = |watch: &&LineWatch| watch.patterns.iter().any(|(step, _)| *step == awaiting);
        let watch = self.watches.iter().rev().find(is_meant)?;
        let open = watch.streams.iter().map(|line| &line.text).filter(|text| !text.is_empty());
        let lines: Vec<_> = watch.last.iter().chain(open).map(|line| shown(line)).collect();
        let first = lines.len().saturating_sub(LAST_LINES);
        Some(match &lines[first..] {
            [] => "it has printed nothing".to_owned(),
            [line] => format!("its last line is {line}"),
            lines => format!("its last lines are {}", lines.join(", ")),
        })
    }

    /// Stops watching all steps.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

impl LineWatch {
    fn printed(&mut self, stream: u32, mut bytes: &[u8], now: PlayerTime, found: &mut VecDeque<SessionEvent>) {
        let Some(index) = self.streams.iter().position(|line| line.stream == stream) else { return };
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            bytes = rest;
            let mut open = std::mem::take(&mut self.streams[index].text);
            if open.is_empty() {
                self.search(line, now, found);
                self.keep(line);
            } else {
                open.extend_from_slice(line);
                self.search(&open, now, found);
                self.keep(&open);
            }
        }
        while !bytes.is_empty() {
            let room = LONGEST_LINE - self.streams[index].text.len();
            let (part, rest) = bytes.split_at(room.min(bytes.len()));
            bytes = rest;
            self.streams[index].text.extend_from_slice(part);
            if self.streams[index].text.len() == LONGEST_LINE {
                let text = std::mem::take(&mut self.streams[index].text);
                self.search(&text, now, found);
                self.keep(&text);
            }
        }
        let line = &mut self.streams[index];
        line.due = (!line.text.is_empty()).then(|| now.plus(UNFINISHED));
    }

    fn search_unfinished(
        &mut self,
        is_due: impl Fn(PlayerTime) -> bool,
        now: PlayerTime,
        found: &mut VecDeque<SessionEvent>,
    ) {
        for index in 0..self.streams.len() {
            if self.streams[index].due.take_if(|due| is_due(*due)).is_some() {
                // Keep the line, because the rest may follow.
                let text = std::mem::take(&mut self.streams[index].text);
                self.search(&text, now, found);
                self.streams[index].text = text;
            }
        }
    }

    /// Searches a line. A carriage return at its end is part of the line break.
    fn search(&mut self, line: &[u8], at: PlayerTime, found: &mut VecDeque<SessionEvent>) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let seen = self.patterns.extract_if(.., |(_, pattern)| pattern.fits(line));
        found.extend(seen.map(|(awaiting, _)| SessionEvent::Printed { by: self.key, awaiting, at }));
    }

    fn keep(&mut self, line: &[u8]) {
        let mut kept = if self.last.len() == LAST_LINES { self.last.pop_front() } else { None }.unwrap_or_default();
        kept.clear();
        kept.extend_from_slice(&line[..line.len().min(SHOWN + 1)]);
        self.last.push_back(kept);
    }
}

/// Formats a line for a message.
fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(SHOWN)]);
    let rest = if line.len() > SHOWN { "…" } else { "" };
    format!("`{}{rest}`", text.trim_end_matches('\r'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Phase;

    fn key(position: usize) -> StepId {
        StepId { trial: 1, phase: Phase::Run, position }
    }

    fn at(milliseconds: u64) -> PlayerTime {
        PlayerTime::from_nanoseconds(milliseconds * 1_000_000)
    }

    /// Creates watches of a step that prints to the streams 4 and 5. Each pattern is awaited by one of the following
    /// steps.
    fn watches(patterns: &[&str]) -> LineWatches {
        let mut watches = LineWatches::default();
        let patterns = patterns.iter().map(|text| LinePattern::new(text).unwrap());
        watches.begin(key(0), [4, 5], (1..).map(key).zip(patterns).collect());
        watches
    }

    fn found(watches: &mut LineWatches, now: PlayerTime) -> Vec<usize> {
        let found = watches.take_found(now).map(|event| match event {
            SessionEvent::Printed { by, awaiting, .. } if by == key(0) => awaiting.position,
            other => panic!("{other:?}"),
        });
        found.collect()
    }

    #[test]
    fn a_line_is_found_however_it_arrives_and_each_pattern_once() {
        for pieces in [&["x\nlistening on 80\ny\n"][..], &["listen", "ing on 8", "0\n"], &["x\r\nlistening on 80\r\n"]]
        {
            let mut watches = watches(&["listening on", "80$"]);
            for piece in pieces {
                assert_eq!(found(&mut watches, at(0)), [0; 0], "{pieces:?}");
                watches.printed(5, piece.as_bytes(), || at(0));
            }
            assert_eq!(found(&mut watches, at(0)), [1, 2], "{pieces:?}");
            watches.printed(4, b"listening on 80\n", || at(1));
            assert_eq!(found(&mut watches, at(1)), [0; 0]);
            assert_eq!(watches.last_lines(key(1)), None);
        }
    }

    #[test]
    fn the_streams_have_lines_of_their_own() {
        let mut watches = watches(&["ab"]);
        watches.printed(4, b"a", || at(0));
        watches.printed(5, b"b\n", || at(0));
        assert_eq!(found(&mut watches, at(0)), [0; 0]);
        watches.printed(4, b"b\n", || at(0));
        assert_eq!(found(&mut watches, at(0)), [1]);
        watches.printed(9, b"ab\n", || panic!("nobody waits for it"));
    }

    #[test]
    fn a_line_without_an_end_is_searched_when_no_more_of_it_comes() {
        let mut watches = watches(&["8$", "80 $"]);
        watches.printed(4, b"port 8", || at(0));
        watches.printed(4, b"0 ", || at(50));
        assert_eq!((watches.next_deadline(), found(&mut watches, at(149))), (Some(at(150)), vec![]));
        assert_eq!((found(&mut watches, at(150)), watches.next_deadline()), (vec![2], None));
        watches.printed(4, b"8", || at(200));
        watches.ended(key(0), at(201));
        assert_eq!(found(&mut watches, at(201)), [1], "its end finishes the line");
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut watches = watches(&["never", "x{9}y"]);
        let chunk = vec![b'x'; 100_000];
        for _ in 0..1000 {
            watches.printed(4, &chunk, || at(0));
        }
        assert!(watches.watches[0].streams[0].text.capacity() <= 2 * LONGEST_LINE);
        assert!(watches.watches[0].last.iter().all(|line| line.capacity() <= 1024));
        watches.printed(4, b"y\n", || at(0));
        assert_eq!(found(&mut watches, at(0)), [2], "in the part that is left");
        let long = format!("`{}…`", "x".repeat(SHOWN));
        let last = watches.last_lines(key(1)).unwrap();
        assert_eq!(last.matches(&long).count(), LAST_LINES, "{last}");
    }

    #[test]
    fn the_last_lines_are_those_of_both_streams() {
        let mut watches = watches(&["never"]);
        assert_eq!(watches.last_lines(key(1)).unwrap(), "it has printed nothing");
        watches.printed(4, b"1\n", || at(0));
        assert_eq!(watches.last_lines(key(1)).unwrap(), "its last line is `1`");
        watches.printed(5, b"2\n3\n4\n\xff\r\n", || at(0));
        watches.printed(4, b"6", || at(0));
        assert_eq!(watches.last_lines(key(1)).unwrap(), "its last lines are `2`, `3`, `4`, `\u{fffd}`, `6`");
        assert_eq!(watches.last_lines(key(2)), None);
        watches.begin(key(0), [4, 5], vec![(key(1), LinePattern::new("6").unwrap())]);
        assert_eq!(watches.last_lines(key(1)).unwrap(), "it has printed nothing", "another attempt");
    }
}
