//! Both wires, spoken by hand: frames, a conductor that holds a session, and what the recorded conversations need.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    missing_docs,
    reason = "each test file uses the part of it that it needs, so no expectation holds in all of them"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use super::DEADLINE;

/// A payload with its length in front.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    [&length.to_be_bytes(), payload].concat()
}

/// The next payload, or `None` when the connection ends instead.
pub fn read_frame(stream: &mut impl Read) -> Option<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let mut payload = vec![0; usize::try_from(u32::from_be_bytes(length)).expect("a length")];
    stream.read_exact(&mut payload).ok()?;
    Some(payload)
}

/// The next payload as text.
pub fn read_text(stream: &mut impl Read) -> Option<String> {
    read_frame(stream).map(|payload| String::from_utf8(payload).expect("JSON is UTF-8"))
}

/// All lines of a file below `testdata/seed/wire`.
pub fn recorded(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/seed/wire").join(name);
    let text = std::fs::read_to_string(path).expect("a recorded conversation");
    text.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect()
}

/// A port that nobody listens on, below those that the system gives to connections by itself, and not the same one twice.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 500).expect("a small number") * 20;
    loop {
        let port = 21_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 10_000;
        if TcpListener::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}

/// A conductor that speaks the session by hand.
pub struct FakeConductor {
    pub stream: TcpStream,
    number: u64,
}

impl FakeConductor {
    /// Says `hello` for a worker of a run; the type and the data of the answer.
    pub fn hello(port: u16, run: &str, worker: &str) -> (Self, String, Value) {
        Self::hello_with(port, &hello(run, worker))
    }

    /// Says this `hello`.
    pub fn hello_with(port: u16, data: &Value) -> (Self, String, Value) {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a player takes connections");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
        let hello = json!({"version": 1, "type": "hello", "data": data}).to_string();
        stream.write_all(&frame(hello.as_bytes())).expect("a player reads");
        let answer: Value = serde_json::from_slice(&read_frame(&mut stream).expect("an answer")).expect("JSON");
        let kind = answer["type"].as_str().expect("a type").to_owned();
        (Self { stream, number: 0 }, kind, answer["data"].clone())
    }

    /// Has a session with a plan that was taken.
    pub fn with_plan(port: u16, run: &str, worker: &str, phases: &Value) -> Self {
        Self::with_lease(port, (run, worker), phases, 60_000)
    }

    /// The same with a lease of so many milliseconds.
    pub fn with_lease(port: u16, (run, worker): (&str, &str), phases: &Value, lease: u64) -> Self {
        let mut data = hello(run, worker);
        data["lease"] = json!(lease * 1_000_000);
        let (mut conductor, kind, data) = Self::hello_with(port, &data);
        assert_eq!(kind, "welcome", "{data}");
        let mut plan = plan(phases);
        plan["lease"] = json!(lease * 1_000_000);
        conductor.send(plan);
        conductor.expect("plan_taken");
        conductor
    }

    /// Sends a numbered message.
    pub fn send(&mut self, mut message: Value) {
        message["number"] = self.number.into();
        self.number += 1;
        self.stream.write_all(&frame(message.to_string().as_bytes())).expect("a player reads");
    }

    /// Counts on from here: for another connection of a session.
    pub fn send_numbered_from(&mut self, number: u64) {
        self.number = number;
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).expect("a player reads");
    }

    /// Sends a message without a number. A player that is gone takes it no more.
    pub fn signal(&mut self, message: &Value) {
        let _ = self.stream.write_all(&frame(message.to_string().as_bytes()));
    }

    fn acknowledge(&mut self, number: u64) {
        self.signal(&json!({"type": "acknowledge", "next": number + 1}));
    }

    /// The next message of this type; what stands before it is thrown away, with a sign of life for each frame.
    #[track_caller]
    pub fn expect(&mut self, kind: &str) -> Value {
        self.take_until(kind).pop().expect("the message itself")
    }

    /// All numbered messages up to the first of this type.
    #[track_caller]
    pub fn take_until(&mut self, kind: &str) -> Vec<Value> {
        let mut found = Vec::new();
        // Heartbeats come for ever.
        let deadline = Instant::now() + DEADLINE;
        loop {
            let message = self.take();
            assert!(Instant::now() < deadline, "no `{kind}` came, but {found:#?}");
            let message = message.unwrap_or_else(|| panic!("the session ended before `{kind}`, after {found:#?}"));
            let this = message["type"] == kind;
            if message.get("number").is_some() || this {
                found.push(message);
            }
            if this {
                return found;
            }
        }
    }

    /// The next frame, acknowledged; nothing of a data frame.
    fn take(&mut self) -> Option<Value> {
        let payload = read_frame(&mut self.stream)?;
        if payload.first() == Some(&1) {
            let number = payload[1..].first_chunk().expect("a data frame has a number");
            self.acknowledge(u64::from_be_bytes(*number));
            return Some(Value::Null);
        }
        let message: Value = serde_json::from_slice(&payload).expect("JSON");
        match message["number"].as_u64() {
            Some(number) => self.acknowledge(number),
            None => self.signal(&json!({"type": "heartbeat"})),
        }
        Some(message)
    }

    /// Runs a phase to its end; the messages of it.
    #[track_caller]
    pub fn phase(&mut self, phase: &str) -> Vec<Value> {
        self.arm_and_go(phase);
        self.take_until("phase_ended")
    }

    #[track_caller]
    pub fn arm_and_go(&mut self, phase: &str) {
        self.send(json!({"type": "arm", "trial": 1, "phase": phase}));
        self.expect_armed(phase);
        self.send(json!({"type": "go", "trial": 1, "phase": phase}));
    }

    /// Waits until the player is ready for this phase; it says so unasked for the plan's next one.
    #[track_caller]
    pub fn expect_armed(&mut self, phase: &str) {
        while self.expect("armed")["phase"] != phase {}
    }

    /// Waits until the player has closed the connection.
    pub fn wait_for_end(&mut self) {
        while self.take().is_some() {}
    }
}

/// The data of a `hello`.
pub fn hello(run: &str, worker: &str) -> Value {
    json!({
        "protocols": [2], "features": [], "run": run, "worker": worker, "secret": "0123456789abcdef0123456789abcdef",
        "attempt": 1, "next": 0, "conductor": "a test", "lease": 60_000_000_000_u64,
    })
}

/// A plan with these steps: `{"run": ["command", …], …}`.
pub fn plan(phases: &Value) -> Value {
    let steps = |phase: &str| {
        let commands = phases[phase].as_array().cloned().unwrap_or_default();
        let steps = commands.iter().enumerate();
        steps.map(|(at, command)| json!({"label": format!("step{at}"), "command": command})).collect::<Vec<_>>()
    };
    json!({
        "type": "plan", "trials": 1, "phases": ["startup", "run", "collect", "reset"], "shell": "/bin/sh",
        "environment": [["CONDUCTOR_RUN", "r"]], "reset_timeout": 60_000_000_000_u64, "lease": 60_000_000_000_u64,
        "startup": steps("startup"), "run": steps("run"), "collect": steps("collect"), "reset": steps("reset"),
    })
}
