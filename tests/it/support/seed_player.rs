//! A seed player in a thread of the test: it answers as the seed's recorded conversations show, and runs the commands.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    missing_docs,
    reason = "each test file uses the part of it that it needs, so no expectation holds in all of them"
)]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::DEADLINE;
use super::wire::{frame, read_text};

/// When the results are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As soon as they are there, the first at the very moment of `run`, on the first attempt or never.
    AtOnce,
    /// After the connection that said `run` was closed.
    AfterClosing,
    /// Behind connections of strangers to the same port: one that says nothing and stays, one that is closed, garbage.
    BehindStrangers,
    /// Not at all: the connection that said `run` is closed, as by a player that dies.
    Never,
}

#[derive(Default)]
struct Seen {
    messages: Vec<String>,
    phases: Vec<Value>,
    most: usize,
    refused: usize,
}

/// A seed player. Its thread ends with the test's process.
pub struct SeedPlayer {
    port: u16,
    seen: Arc<Mutex<Seen>>,
}

impl SeedPlayer {
    pub fn start(order: Order) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        // One connection after another, as the seed does.
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| serve(stream, order, &shared)));
        Self { port, seen }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What the conductor said, but for `hello`.
    pub fn messages(&self) -> Vec<String> {
        self.seen.lock().expect("no panic").messages.clone()
    }

    /// How many results found their port closed.
    pub fn refused(&self) -> usize {
        self.seen.lock().expect("no panic").refused
    }

    /// The most phases that were there when `run` came.
    pub fn most_phases_at_a_run(&self) -> usize {
        self.seen.lock().expect("no panic").most
    }
}

fn serve(mut stream: TcpStream, order: Order, seen: &Mutex<Seen>) {
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
    let Some(text) = read_text(&mut stream) else { return };
    let message: Value = serde_json::from_str(&text).expect("JSON");
    let answer = |stream: &mut TcpStream, code: i64, text: &str| {
        let _ = stream.write_all(&frame(result(code, text).as_bytes()));
    };
    if message["type"] == "hello" {
        return answer(&mut stream, 2, "no such command");
    }
    let mut seen = seen.lock().expect("no panic");
    seen.messages.push(text);
    if message["type"] == "phase" {
        seen.phases.push(message["data"].clone());
        return answer(&mut stream, 0, "phase received");
    }
    let phases = std::mem::take(&mut seen.phases);
    seen.most = seen.most.max(phases.len());
    if order == Order::Never {
        return;
    }
    let (host, port) = (phases[0]["resulthost"].clone(), phases[0]["resultport"].clone());
    let host = host.as_str().expect("a host").to_owned();
    let port = u16::try_from(port.as_u64().expect("a port")).expect("a port");
    if order == Order::AfterClosing {
        let _ = stream.shutdown(Shutdown::Both);
    }
    let strangers = if order == Order::BehindStrangers { strangers(&host, port) } else { Vec::new() };
    // The port has to be open by now: the seed does not try again.
    let mut early = TcpStream::connect((host.as_str(), port)).ok();
    let steps = phases.iter().flat_map(|phase| phase["steps"].as_array().cloned().unwrap_or_default());
    let results: Vec<String> = steps.map(|step| step_result(&step)).collect();
    for text in results.into_iter().chain([result(65535, "phases complete")]) {
        match early.take().or_else(|| TcpStream::connect((host.as_str(), port)).ok()) {
            Some(mut connection) => drop(connection.write_all(&frame(text.as_bytes()))),
            None => seen.refused += 1,
        }
    }
    drop(strangers);
}

fn strangers(host: &str, port: u16) -> Vec<TcpStream> {
    let connect = || TcpStream::connect((host, port)).expect("the port is open");
    let mut garbage = connect();
    garbage.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("somebody reads");
    drop(connect());
    vec![connect(), garbage]
}

fn result(code: i64, message: &str) -> String {
    json!({"version": 1, "type": "result", "data": {"code": code, "message": message}}).to_string()
}

/// Runs a step as the seed does, and says what it says.
fn step_result(step: &Value) -> String {
    let command = step["command"].as_str().expect("a command");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    if step["spawn"] == true {
        let mut child = shell.spawn().expect("a shell");
        std::thread::spawn(move || child.wait());
        return result(0, "Spawned");
    }
    let mut child = shell.spawn().expect("a shell");
    let mut pipe = child.stdout.take().expect("its output is a pipe");
    let reader = std::thread::spawn(move || {
        let mut output = Vec::new();
        let _ = pipe.read_to_end(&mut output);
        output
    });
    let end = step["timeout"].as_f64().map(|seconds| (seconds, Instant::now() + Duration::from_secs_f64(seconds)));
    while child.try_wait().expect("a child").is_none() {
        if let Some((seconds, end)) = end
            && Instant::now() > end
        {
            let _ = child.kill();
            let _ = child.wait();
            return result(1, &format!("Command timed out after {seconds} seconds"));
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let status = child.wait().expect("a child");
    match status.code() {
        Some(0) => result(0, &String::from_utf8_lossy(&reader.join().expect("no panic"))),
        Some(code) => result(code.into(), command),
        None => result(-i64::from(status.signal().unwrap_or_default()), command),
    }
}
