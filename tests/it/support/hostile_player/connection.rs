//! The connection of a hostile player: it numbers, repeats and acknowledges as an honest one does, and sends whatever it is
//! asked to.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use serde_json::{Value, json};
use socket2::SockRef;

use super::super::soak::Random;
use super::super::wire::frame;
use super::case::Again;
use super::words::{Frame, boottime, say, welcome};
use super::{Over, Place, Shared};

/// How often it is looked whether the run is over.
const LOOK: Duration = Duration::from_millis(100);
/// How long a conductor that takes nothing is written to.
const UNREAD: Duration = Duration::from_secs(3);

/// What has come of a connection.
enum Come {
    Payload(Vec<u8>),
    /// Nothing within the time.
    Nothing,
    /// The end of the connection.
    End,
}

pub struct Connection<'a> {
    listener: TcpListener,
    shared: &'a Shared,
    stream: Option<TcpStream>,
    /// When there is no patience left.
    end: Option<Instant>,
    buffer: Vec<u8>,
    /// The frames of the conductor's that have come, and the stamp of its last probe.
    heard: u64,
    pub probe: u64,
    number: u64,
    /// What was not acknowledged.
    sent: VecDeque<(u64, Vec<u8>)>,
}

impl<'a> Connection<'a> {
    pub fn new(listener: TcpListener, shared: &'a Shared) -> Self {
        listener.set_nonblocking(true).expect("a listener can be looked at");
        let (buffer, sent) = (Vec::new(), VecDeque::new());
        Self { listener, shared, stream: None, end: None, buffer, heard: 0, probe: 0, number: 0, sent }
    }

    pub fn heard(&self) -> u64 {
        self.heard
    }

    /// Whether the run goes on, and there is patience left.
    pub fn not_over(&self) -> Result<(), Over> {
        let is_over = self.shared.is_over.load(Ordering::Relaxed);
        if is_over || self.end.is_some_and(|end| Instant::now() >= end) { Err(Over) } else { Ok(()) }
    }

    pub fn lose_patience_within(&mut self, time: Duration) {
        self.end = Some(Instant::now() + time);
    }

    /// Takes the next connection.
    pub fn accept(&mut self) -> Result<(), Over> {
        self.buffer.clear();
        loop {
            self.not_over()?;
            if let Ok((stream, _)) = self.listener.accept() {
                stream.set_nonblocking(false).expect("a socket");
                stream.set_nodelay(true).expect("a socket");
                stream.set_read_timeout(Some(LOOK)).expect("a socket has a time-out");
                stream.set_write_timeout(Some(UNREAD)).expect("a socket has a time-out");
                self.stream = Some(stream);
                return Ok(());
            }
            let time = rustix::time::Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
            let mut listener = [PollFd::new(&self.listener, PollFlags::IN)];
            let _ = rustix::event::poll(&mut listener, Some(&time));
        }
    }

    pub fn hear_hello(&mut self) -> Result<(), Over> {
        loop {
            self.not_over()?;
            match self.come() {
                Come::Payload(_) => return Ok(()),
                Come::Nothing => {}
                Come::End => self.accept()?,
            }
        }
    }

    pub fn say_welcome(&mut self, state: &str) {
        let data = welcome(state, self.heard);
        self.greet("welcome", &data);
    }

    fn greet(&mut self, kind: &str, data: &Value) {
        self.raw(&frame(json!({"version": 1, "type": kind, "data": data}).to_string().as_bytes()));
    }

    /// Waits for another connection, and goes on over it. What is not acknowledged is not yet repeated.
    pub fn resume(&mut self) -> Result<(), Over> {
        self.accept()?;
        self.hear_hello()?;
        self.say_welcome("resumed");
        Ok(())
    }

    /// Sends again what was not acknowledged.
    pub fn repeat(&mut self) {
        let all: Vec<u8> = self.sent.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
        self.raw(&all);
    }

    /// Takes a connection that is made again in this way.
    fn again(&mut self, again: Again, random: &mut Random) -> Result<(), Over> {
        self.accept()?;
        self.hear_hello()?;
        match again {
            Again::Resumes => {
                self.say_welcome("resumed");
                self.repeat();
                return Ok(());
            }
            Again::Refuses => self.refuse(),
            Again::IsAnother => {
                let mut data = welcome("new", 0);
                data["incarnation"] = "2".into();
                self.greet("welcome", &data);
                return Ok(());
            }
            Again::Babbles => {
                let kind = *random.one_of(&["garbage", "http", "hello", "result", "welcome", "refused", "cut_frame"]);
                if let Frame::Raw(bytes) = say(kind, &Place::default(), random) {
                    self.raw(&bytes);
                }
                self.close();
            }
        }
        Ok(())
    }

    fn refuse(&mut self) {
        self.greet("refused", &json!({"reason": "unknown", "message": "there is no such session"}));
        self.close_half();
    }

    /// Refuses whoever comes, until the run is over.
    pub fn refuse_all(&mut self) {
        self.close();
        self.end = None;
        while self.accept().is_ok() && self.hear_hello().is_ok() {
            self.refuse();
        }
    }

    pub fn close(&mut self) {
        self.stream = None;
    }

    pub fn close_half(&mut self) {
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    /// Closes in such a way that the other side gets an error.
    pub fn reset(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
        }
    }

    /// Sends these bytes as they are. A conductor that takes no more is what some cases are about.
    pub fn raw(&mut self, bytes: &[u8]) {
        if self.stream.as_mut().is_some_and(|stream| stream.write_all(bytes).is_err()) {
            self.stream = None;
        }
    }

    /// Whether bytes can still be sent.
    pub fn is_open(&self) -> bool {
        self.stream.is_some()
    }

    pub fn say(&mut self, message: Value) {
        let bytes = self.numbered(message);
        self.raw(&bytes);
    }

    pub fn say_data(&mut self, stream: u32, offset: u64, data: &[u8]) {
        let bytes = self.numbered_data(stream, offset, data);
        self.raw(&bytes);
    }

    /// A frame as it is to be sent, with the next number if it has one; it is repeated until it is acknowledged.
    pub fn bytes_of(&mut self, frame: Frame) -> Vec<u8> {
        match frame {
            Frame::Numbered(message) => self.numbered(message),
            Frame::Data(stream, offset, data) => self.numbered_data(stream, offset, &data),
            Frame::Raw(bytes) => bytes,
        }
    }

    fn numbered(&mut self, mut message: Value) -> Vec<u8> {
        message["number"] = self.number.into();
        self.keep(frame(message.to_string().as_bytes()))
    }

    fn numbered_data(&mut self, stream: u32, offset: u64, data: &[u8]) -> Vec<u8> {
        let payload =
            [&[1][..], &self.number.to_be_bytes(), &stream.to_be_bytes(), &offset.to_be_bytes(), data].concat();
        self.keep(frame(&payload))
    }

    fn keep(&mut self, bytes: Vec<u8>) -> Vec<u8> {
        self.sent.push_back((self.number, bytes.clone()));
        self.number += 1;
        bytes
    }

    /// The next message of the conductor's. Its probes are answered and its messages acknowledged; a connection that has
    /// ended is waited for and taken in this way.
    pub fn message(&mut self, again: Option<Again>, random: &mut Random) -> Result<Value, Over> {
        loop {
            self.not_over()?;
            match self.come() {
                Come::Payload(payload) => {
                    if let Some(message) = self.take(&payload) {
                        return Ok(message);
                    }
                }
                Come::Nothing => {}
                Come::End => self.again(again.unwrap_or(Again::Resumes), random)?,
            }
        }
    }

    /// Gives signs of life for so long, and says nothing else; until the connection ends, at the longest.
    pub fn live(&mut self, time: Duration) -> Result<(), Over> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.not_over()?;
            match self.come() {
                Come::Payload(payload) => drop(self.take(&payload)),
                Come::Nothing => {}
                Come::End => return Ok(()),
            }
        }
        Ok(())
    }

    /// Neither reads nor writes for so long.
    pub fn wait(&self, time: Duration) -> Result<(), Over> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.not_over()?;
            std::thread::sleep(LOOK.min(end.saturating_duration_since(Instant::now())));
        }
        Ok(())
    }

    fn take(&mut self, payload: &[u8]) -> Option<Value> {
        if payload.first() == Some(&1) {
            let number = payload[1..].first_chunk().expect("a data frame has a number");
            self.acknowledge(u64::from_be_bytes(*number));
            return None;
        }
        let message: Value = serde_json::from_slice(payload).expect("a conductor sends JSON");
        match message["type"].as_str() {
            Some("probe") => {
                self.probe = message["sent"].as_u64().expect("a stamp");
                let now = boottime();
                self.signal(&json!({"type": "probe_answer", "sent": self.probe, "received": now, "answered": now}));
                None
            }
            Some("acknowledge") => {
                let next = message["next"].as_u64().expect("a number");
                while self.sent.pop_front_if(|(number, _)| *number < next).is_some() {}
                None
            }
            Some("heartbeat") => None,
            // A `hello` that was not read before the deviation has no number.
            _ => self.acknowledge(message["number"].as_u64()?).then_some(message),
        }
    }

    /// Acknowledges a frame; whether it is new.
    fn acknowledge(&mut self, number: u64) -> bool {
        let is_new = number >= self.heard;
        self.heard = self.heard.max(number + 1);
        self.signal(&json!({"type": "acknowledge", "next": self.heard}));
        is_new
    }

    fn signal(&mut self, message: &Value) {
        self.raw(&frame(message.to_string().as_bytes()));
    }

    /// What comes within a moment.
    fn come(&mut self) -> Come {
        loop {
            if let Some((length, rest)) = self.buffer.split_first_chunk::<4>() {
                let length = usize::try_from(u32::from_be_bytes(*length)).expect("a length");
                if rest.len() >= length {
                    let payload = rest[..length].to_vec();
                    self.buffer.drain(..4 + length);
                    return Come::Payload(payload);
                }
            }
            let Some(stream) = &mut self.stream else { return Come::End };
            let mut buffer = [0; 16 << 10];
            match stream.read(&mut buffer) {
                Ok(count) if count > 0 => self.buffer.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Come::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    self.stream = None;
                    return Come::End;
                }
            }
        }
    }
}
