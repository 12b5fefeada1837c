//! Tests of two channels with each other, over connections that break at any byte and repeat frames.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::model::ConductorTime;
use crate::wire::{Body, Connection, Data, FrameDecoder, MAX_DATA, MAX_FRAME, SessionFrame, Signal, Taken, WINDOW};

/// A message whose text is received complete, however long it is.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Warning { text: String },
}

/// One side, which records what it has sent and received.
struct Side {
    channel: Channel<ConductorTime>,
    said: Vec<String>,
    heard: Vec<String>,
    /// How much of each stream was sent, and how much has arrived.
    sent: BTreeMap<u32, u64>,
    come: BTreeMap<u32, u64>,
}

/// Returns the bytes of a stream at an offset.
fn bytes(stream: u32, offset: u64, length: usize) -> Vec<u8> {
    vec![offset.wrapping_mul(31).to_le_bytes()[0] ^ stream.to_le_bytes()[0]; length]
}

impl Side {
    fn new(now: ConductorTime) -> Self {
        let (said, heard) = Default::default();
        Self { channel: Channel::new(now), said, heard, sent: BTreeMap::new(), come: BTreeMap::new() }
    }

    fn say(&mut self, length: usize) {
        let text = format!("{} {}", self.said.len(), "é\n".repeat(length));
        self.channel.outbox.push(&Said::Warning { text: text.clone() });
        self.said.push(text);
    }

    fn print(&mut self, stream: u32, length: usize) {
        let offset = self.sent.entry(stream).or_default();
        let bytes = bytes(stream, *offset, length);
        self.channel.outbox.push_data(Data { stream, offset: *offset, bytes });
        *offset += length as u64;
    }

    /// Handles what has arrived, and writes what may be written.
    fn turn(&mut self, now: ConductorTime) {
        for taken in self.channel.read::<Said>(|| now).taken {
            match taken {
                Taken::Message(Said::Warning { text }) => self.heard.push(text),
                Taken::Data(data) => {
                    let offset = self.come.entry(data.stream).or_default();
                    assert_eq!(data.offset, *offset, "nothing is lost or doubled");
                    assert_eq!(data.bytes, bytes(data.stream, data.offset, data.bytes.len()));
                    *offset += data.bytes.len() as u64;
                }
            }
        }
        let _ = self.channel.write(|| now);
    }
}

/// One direction of the connection, and what was observed there.
#[derive(Default)]
struct Way {
    decoder: Option<FrameDecoder>,
    /// What was read and has not been passed on yet.
    left: Vec<u8>,
    /// Complete frames of any connection, for repetition.
    frames: Vec<Vec<u8>>,
    /// Unacknowledged data by frame number, as far as the sender can know.
    unacknowledged: BTreeMap<u64, usize>,
}

struct World {
    now: Cell<ConductorTime>,
    sides: [Side; 2],
    /// The ends of the connection between the sides, by the side at the other end, while there is one.
    middle: Option<[Connection; 2]>,
    ways: [Way; 2],
}

impl World {
    fn new() -> Self {
        let now = ConductorTime::from_nanoseconds(1);
        let sides = [Side::new(now), Side::new(now)];
        let mut world = Self { now: Cell::new(now), sides, middle: None, ways: Default::default() };
        world.connect();
        world
    }

    /// Creates another connection, as `hello` and `welcome` do. Data in the previous one is lost.
    fn connect(&mut self) {
        let (now, expected) = (self.now.get(), [0, 1].map(|side| self.sides[side].channel.inbox.next()));
        let middle = [0, 1].map(|side| {
            let (near, far) = Connection::pair().unwrap();
            let decoder = FrameDecoder::new(MAX_FRAME as u64);
            let link = Link::new(near, "the other", decoder, Duration::from_hours(1), now);
            self.sides[side].channel.connect(link, expected[1 - side]).unwrap();
            self.ways[side].decoder = Some(FrameDecoder::new(MAX_FRAME as u64));
            self.ways[side].left.clear();
            self.ways[side].unacknowledged.retain(|number, _| *number >= expected[1 - side]);
            far
        });
        self.middle = Some(middle);
    }

    /// Passes on at most `most` bytes of a side.
    fn carry(&mut self, from: usize, most: usize) {
        let Some(middle) = &self.middle else { return };
        let mut buffer = vec![0; most];
        if self.ways[from].left.is_empty() {
            match middle[from].read(&mut buffer) {
                Ok(count) => self.ways[from].left.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return self.middle = None,
            }
        }
        let left = std::mem::take(&mut self.ways[from].left);
        let count = match middle[1 - from].write(&left) {
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            // A side that has received something out of order has closed the connection.
            Err(_) => return self.middle = None,
        };
        self.see(from, &left[..count]);
        self.ways[from].left = left[count..].to_vec();
    }

    /// Checks the data that is passed on: there may only be as much as there is credit.
    fn see(&mut self, from: usize, bytes: &[u8]) {
        let decoder = self.ways[from].decoder.as_mut().unwrap();
        decoder.push(bytes);
        while let Some(payload) = self.ways[from].decoder.as_mut().unwrap().next_frame().unwrap() {
            match SessionFrame::<Said>::decode(&payload).unwrap() {
                SessionFrame::Signal(Signal::Acknowledge { next }) => {
                    self.ways[1 - from].unacknowledged.retain(|number, _| *number >= next);
                }
                SessionFrame::Numbered(number, Body::Data(data)) => {
                    let way = &mut self.ways[from].unacknowledged;
                    way.insert(number, data.bytes.len());
                    assert!(way.values().sum::<usize>() <= WINDOW, "more than the credit");
                }
                _ => {}
            }
            let frames = &mut self.ways[from].frames;
            frames.push(super::super::frame(&payload));
            if frames.len() > 6 {
                frames.remove(0);
            }
        }
    }

    /// Sends a frame again that was sent before, on this connection or an earlier one.
    fn repeat(&mut self, from: usize, which: usize) {
        let way = &self.ways[from];
        let whole = way.left.is_empty() && way.decoder.as_ref().is_some_and(|decoder| decoder.pending().is_empty());
        if let Some(middle) = self.middle.as_ref().filter(|_| whole && !way.frames.is_empty()) {
            let frame = &way.frames[which % way.frames.len()];
            let written = middle[1 - from].write(frame);
            // Half a frame would be a network error that TCP does not allow.
            if written.is_ok_and(|count| count < frame.len()) {
                self.middle = None;
            }
        }
    }

    fn play(&mut self, choice: Choice) {
        match choice {
            Choice::Say(side, length) => self.sides[side].say(length),
            Choice::Print(side, stream, length, times) => {
                (0..times).for_each(|_| self.sides[side].print(stream, length));
            }
            Choice::Turn(side) => self.sides[side].turn(self.now.get()),
            Choice::Carry(side, most) => self.carry(side, most),
            Choice::Repeat(side, which) => self.repeat(side, which),
            Choice::Break => self.middle = None,
            Choice::Connect => self.connect(),
            Choice::Wait(milliseconds) => self.now.set(self.now.get().plus(Duration::from_millis(milliseconds))),
        }
    }

    fn is_settled(&self) -> bool {
        self.sides.iter().all(|side| side.channel.is_settled())
    }
}

#[derive(Debug, Clone, Copy)]
enum Choice {
    Say(usize, usize),
    Print(usize, u32, usize, usize),
    Turn(usize),
    Carry(usize, usize),
    Repeat(usize, usize),
    Break,
    Connect,
    Wait(u64),
}

fn choice() -> impl Strategy<Value = Choice> {
    let length = prop_oneof![8 => 0..50_usize, 1 => 5_000..30_000_usize];
    let amount = prop_oneof![4 => (1..200_usize, 1..4_usize), 1 => (MAX_DATA - 2..=MAX_DATA, 1..30_usize)];
    let most = prop_oneof![2 => 1..100_usize, 1 => 1..70_000_usize, 1 => Just(1 << 20)];
    prop_oneof![
        3 => (0..2_usize, length).prop_map(|(side, length)| Choice::Say(side, length)),
        3 => (0..2_usize, 0..3_u32, amount)
            .prop_map(|(side, stream, (length, times))| Choice::Print(side, stream, length, times)),
        8 => (0..2_usize).prop_map(Choice::Turn),
        8 => (0..2_usize, most).prop_map(|(side, most)| Choice::Carry(side, most)),
        2 => (0..2_usize, any::<usize>()).prop_map(|(side, which)| Choice::Repeat(side, which)),
        1 => Just(Choice::Break),
        2 => Just(Choice::Connect),
        2 => (1..100_u64).prop_map(Choice::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn over_whatever_connections_everything_comes_once_and_in_order_and_within_the_credit(
        choices in prop::collection::vec(choice(), 0..150),
    ) {
        let mut world = World::new();
        for choice in choices {
            world.play(choice);
        }
        world.connect();
        let mut rounds = 0;
        while !world.is_settled() {
            for side in 0..2 {
                world.play(Choice::Turn(side));
                world.play(Choice::Carry(side, 1 << 20));
            }
            world.play(Choice::Wait(10));
            rounds += 1;
            prop_assert!(rounds < 10_000, "something is never delivered");
        }
        let [one, other] = &world.sides;
        for (from, to) in [(one, other), (other, one)] {
            prop_assert!(from.said == to.heard);
            prop_assert!(from.sent == to.come);
        }
    }
}
