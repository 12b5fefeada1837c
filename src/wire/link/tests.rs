//! Tests of the time limits of a connection, in virtual time, over two pipes.

use super::*;
use crate::model::ConductorTime;
use crate::wire::{Data, MAX_DATA, PlayerMessage};

const SECOND: Duration = Duration::from_secs(1);

struct Scene {
    link: Link<ConductorTime>,
    peer: Connection,
    inbox: Inbox,
    outbox: Outbox,
}

fn at(milliseconds: u64) -> ConductorTime {
    ConductorTime::from_nanoseconds(milliseconds * 1_000_000)
}

impl Scene {
    /// Creates a link with a heartbeat every second.
    fn new() -> Self {
        let (near, peer) = Connection::pair().unwrap();
        let link = Link::new(near, "its peer", FrameDecoder::new(1 << 16), SECOND, at(0));
        Self { link, peer, inbox: Inbox::default(), outbox: Outbox::default() }
    }

    /// Lets time pass in steps that are short enough, and writes.
    fn pass(&mut self, from: u64, to: u64) -> Result<(), LinkError> {
        for now in (from..=to).step_by(100) {
            self.link.time_passed(at(now))?;
            self.link.write(&self.inbox, &mut self.outbox, || at(now))?;
        }
        Ok(())
    }

    /// Sends this payload from the peer.
    fn say(&self, payload: &[u8]) {
        let bytes = frame(payload);
        assert_eq!(self.peer.write(&bytes).unwrap(), bytes.len());
    }

    /// Sends a signal from the peer, and reads it.
    fn hear(&mut self, signal: &Signal, now: u64) {
        self.say(to_json(signal).as_bytes());
        let heard = self.link.heard();
        while self.link.heard() == heard {
            let received = self.link.read::<PlayerMessage>(&mut self.inbox, &mut self.outbox, || at(now));
            assert!(received.broken.is_none(), "{received:?}");
        }
    }

    /// Returns what was sent to the peer since the last call.
    fn told(&mut self) -> Vec<String> {
        let mut decoder = FrameDecoder::new(1 << 17);
        while decoder.read(&self.peer).is_ok_and(|count| count > 0) {}
        std::iter::from_fn(|| decoder.next_frame().unwrap()).map(|text| String::from_utf8(text).unwrap()).collect()
    }
}

#[test]
fn three_silent_intervals_break_a_connection_and_anything_that_is_heard_begins_them_anew() {
    let mut scene = Scene::new();
    scene.pass(0, 2_900).unwrap();
    scene.hear(&Signal::Heartbeat, 2_900);
    scene.pass(3_000, 5_800).unwrap();
    assert_eq!(scene.pass(5_900, 5_900).unwrap_err().to_string(), "nothing was received from its peer for 3s");
}

#[test]
fn a_silence_is_told_without_what_its_limit_lost_in_being_divided() {
    let mut scene = Scene::new();
    scene.link.interval = interval(5 * SECOND);
    assert_eq!(scene.pass(0, 3_000).unwrap_err().to_string(), "nothing was received from its peer for 2s 500ms");
}

#[test]
fn whoever_was_held_up_itself_listens_first() {
    let mut scene = Scene::new();
    scene.pass(0, 1_000).unwrap();
    // A stopped process or a suspended machine.
    scene.pass(60_000, 62_900).unwrap();
    assert!(scene.pass(63_000, 63_000).is_err());
}

#[test]
fn a_sign_of_life_is_given_every_interval_and_a_probe_is_one() {
    let mut scene = Scene::new();
    scene.pass(0, 2_500).unwrap();
    assert_eq!(scene.told(), [r#"{"type":"heartbeat"}"#; 2]);
    scene.link.probe(1);
    scene.pass(2_600, 2_900).unwrap();
    assert_eq!(scene.told(), [r#"{"type":"probe","sent":2600000000}"#]);
    scene.hear(&Signal::ProbeAnswer { sent: 2_600_000_000, received: 2, answered: 3 }, 2_950);
    scene.pass(3_000, 3_900).unwrap();
    assert_eq!(scene.told(), [r#"{"type":"probe","sent":3000000000}"#]);
}

#[test]
fn a_probe_is_answered_with_when_it_came_and_when_the_answer_left() {
    let mut scene = Scene::new();
    scene.hear(&Signal::Probe { sent: 7 }, 100);
    scene.pass(400, 400).unwrap();
    assert_eq!(scene.told(), [r#"{"type":"probe_answer","sent":7,"received":100000000,"answered":400000000}"#]);
}

#[test]
fn a_peer_that_gives_signs_of_life_but_reads_nothing_breaks_the_connection() {
    let mut scene = Scene::new();
    for number in 0..16 {
        let bytes = vec![0; MAX_DATA];
        scene.outbox.push_data(Data { stream: 0, offset: number * MAX_DATA as u64, bytes });
    }
    // A pipe holds less than the credit.
    scene.pass(0, 1_000).unwrap();
    assert!(scene.link.wants_to_write());
    scene.hear(&Signal::Heartbeat, 1_000);
    scene.pass(1_100, 2_900).unwrap();
    scene.hear(&Signal::Heartbeat, 2_900);
    assert_eq!(scene.pass(3_000, 4_000).unwrap_err().to_string(), "its peer has not read for 3s");
}

#[test]
fn what_was_taken_is_acknowledged_soon_and_along_with_anything_that_is_said() {
    let mut scene = Scene::new();
    let message = br#"{"type":"warning","text":"","number":0}"#;
    scene.say(message);
    scene.hear(&Signal::Heartbeat, 100);
    scene.link.write(&scene.inbox, &mut scene.outbox, || at(100)).unwrap();
    assert_eq!(scene.told(), [""; 0]);
    assert_eq!(scene.link.next_deadline(), at(150));
    scene.link.write(&scene.inbox, &mut scene.outbox, || at(150)).unwrap();
    assert_eq!(scene.told(), [r#"{"type":"acknowledge","next":1}"#]);
}
