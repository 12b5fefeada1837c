//! The player of one session, reached as `conduct` reaches it: through `player --stdio`.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::process::{Child, Command, Stdio};

use conductor::wire::Secret;
use serde_json::{Value, json};

use super::wire::{frame, hello, read_frame};
use super::{CONDUCTOR, DEADLINE};

/// A connection to the player of a session, which ends with its last connection.
pub struct SessionPlayer {
    passer: Child,
    pub stream: UnixStream,
}

impl SessionPlayer {
    /// Runs `player --stdio` and says this `hello`; the type and the data of the answer.
    pub fn hello(data: &Value) -> (Self, String, Value) {
        let (stream, far) = UnixStream::pair().expect("a pair of sockets");
        let mut command = Command::new(CONDUCTOR);
        command.args(["player", "--stdio", "mark"]).stdin(OwnedFd::from(far.try_clone().expect("a copy")));
        command.stdout(OwnedFd::from(far)).stderr(Stdio::inherit());
        let passer = command.spawn().expect("a program starts");
        // Its copies of the far end would keep the connection open.
        drop(command);
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
        let mut player = Self { passer, stream };
        assert!(player.line().starts_with("mark player "));
        let hello = json!({"version": 1, "type": "hello", "data": data}).to_string();
        player.stream.write_all(&frame(hello.as_bytes())).expect("it reads");
        let answer = read_frame(&mut player.stream).expect("an answer");
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        (player, answer["type"].as_str().expect("a type").to_owned(), answer["data"].clone())
    }

    fn line(&mut self) -> String {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\n") {
            self.stream.read_exact(&mut byte).expect("a line");
            line.extend(byte);
        }
        String::from_utf8(line).expect("UTF-8")
    }
}

impl Drop for SessionPlayer {
    fn drop(&mut self) {
        let bye = json!({"type": "bye", "number": 0}).to_string();
        let _ = self.stream.write_all(&frame(bye.as_bytes()));
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
        let _ = self.passer.wait();
    }
}

/// The `hello` of a session with this secret.
pub fn hello_with(secret: &Secret) -> Value {
    let mut hello = hello("r", "w");
    (hello["secret"], hello["run_secret"]) = (json!(secret.reveal()), json!("the run's own secret"));
    hello
}

/// The names at which the player of a session may listen.
pub fn names_of(secret: &Secret) -> Vec<SocketAddr> {
    secret.names::<4>().iter().map(|name| abstract_name(&format!("conductor-{name}"))).collect()
}

/// The address of an abstract Unix socket.
pub fn abstract_name(name: &str) -> SocketAddr {
    SocketAddr::from_abstract_name(name).expect("a short name")
}
