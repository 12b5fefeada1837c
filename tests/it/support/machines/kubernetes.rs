//! A stand-in for the API server of Kubernetes, for `kubectl exec`. It knows one namespace with one pod of two containers,
//! and runs the commands on this machine. What it shows is the half of the client: how `kubectl` passes on words, input,
//! output and their ends.
//!
//! An exec is a WebSocket (RFC 6455) with the protocol `v5.channel.k8s.io`: the first byte of a message is its channel.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use super::super::Folder;
use super::super::mark::Mark;
use super::super::surroundings::skip;
use super::daemon::has_program;

/// The namespace, the pod and the container in which commands run.
pub const POD: &str = "lab/traffic/generator";
const CHANNELS: &str = "v5.channel.k8s.io";
/// The channels of a message.
const STDIN: u8 = 0;
const STDOUT: u8 = 1;
const STDERR: u8 = 2;
const STATUS: u8 = 3;
/// A message that ends the channel that it names.
const CLOSE: u8 = 255;

/// The stand-in, and what its `kubectl` needs.
pub struct Kubernetes {
    folder: Folder,
    port: u16,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stops: AtomicBool,
    /// The folder for temporary files of the commands.
    scratch: String,
    /// The requests for an exec.
    execs: Mutex<Vec<String>>,
    marks: Mutex<Vec<Mark>>,
}

impl Kubernetes {
    /// Starts it. `None` where there is no `kubectl`, which is said.
    pub fn start() -> Option<Self> {
        if !has_program("kubectl") {
            skip("`kubectl` is not installed");
            return None;
        }
        if minor_version().is_none_or(|version| version < 29) {
            skip("`kubectl` is older than 1.29, and cannot use WebSockets");
            return None;
        }
        let folder = Folder::new();
        std::fs::create_dir(folder.join("scratch")).expect("a folder");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("its address").port();
        folder.file(
            "config",
            &format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: \"http://127.0.0.1:{port}\"}}}}]\n\
                 contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n"
            ),
        );
        let scratch = folder.join("scratch").display().to_string();
        let shared = Arc::new(Shared { scratch, ..Shared::default() });
        let server = Arc::clone(&shared);
        let accepting = thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if server.stops.load(Ordering::Relaxed) {
                    return;
                }
                let server = Arc::clone(&server);
                thread::spawn(move || server.serve(&stream));
            }
        });
        Some(Self { folder, port, shared, accepting: Some(accepting) })
    }

    /// What `kubectl` needs in its environment.
    pub fn put_on(&self, command: &mut Command) {
        let file = |name| self.folder.join(name);
        command.env("KUBECONFIG", file("config")).env("KUBECACHEDIR", file("cache")).env("HOME", self.folder.path());
        command.env("KUBECTL_REMOTE_COMMAND_WEBSOCKETS", "true");
    }

    /// The path and query of each request for an exec so far.
    pub fn execs(&self) -> Vec<String> {
        self.shared.execs.lock().expect("a lock").clone()
    }

    /// The folder where commands make their temporary files.
    pub fn scratch(&self) -> &Path {
        Path::new(&self.shared.scratch)
    }

    /// Waits until nothing runs any more that a command has started.
    pub fn assert_gone(&self) {
        let marks = self.shared.marks.lock().expect("a lock").clone();
        marks.iter().for_each(Mark::assert_gone);
    }
}

impl Drop for Kubernetes {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let _ = self.accepting.take().map(JoinHandle::join);
        if thread::panicking() {
            self.shared.marks.lock().expect("a lock").iter().for_each(Mark::end_all);
        } else {
            self.assert_gone();
        }
    }
}

impl Shared {
    /// Answers one request.
    fn serve(&self, mut stream: &TcpStream) {
        let mut reader = BufReader::new(stream);
        let lines = (&mut reader).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
        let request: Vec<String> = lines.collect();
        let Some(path) = request.first().and_then(|line| line.split(' ').nth(1)) else { return };
        let header = |name: &str| {
            let mut headers = request.iter().filter_map(|line| line.split_once(": "));
            headers.find(|(header, _)| header.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
        };
        let pod = "/api/v1/namespaces/lab/pods/traffic";
        if let (Some(key), Some(query)) = (header("sec-websocket-key"), path.strip_prefix(&format!("{pod}/exec?"))) {
            self.execs.lock().expect("a lock").push(path.to_owned());
            assert!(header("sec-websocket-protocol").is_some_and(|protocols| protocols.contains(CHANNELS)));
            let accepts = STANDARD.encode(Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11")));
            let _ = write!(
                stream,
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accepts}\r\nSec-WebSocket-Protocol: {CHANNELS}\r\n\r\n"
            );
            return self.exec(reader, stream, query);
        }
        let (status, body) = match path.split('?').next().unwrap_or_default() {
            "/api" => ("200 OK", r#"{"kind":"APIVersions","versions":["v1"]}"#),
            "/apis" => ("200 OK", r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[]}"#),
            "/api/v1" => (
                "200 OK",
                r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get"]}]}"#,
            ),
            path if path == pod => (
                "200 OK",
                r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"traffic","namespace":"lab"},"spec":{"containers":[{"name":"other"},{"name":"generator"}]},"status":{"phase":"Running"}}"#,
            ),
            _ => (
                "404 Not Found",
                r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"pods \"traffic\" not found","reason":"NotFound","code":404}"#,
            ),
        };
        let _ = write!(
            stream,
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
    }

    /// Runs a command with its input and output in the messages of a connection.
    fn exec(&self, reader: BufReader<&TcpStream>, stream: &TcpStream, query: &str) {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let words: Vec<String> = pairs.filter(|(name, _)| *name == "command").map(|(_, word)| decoded(word)).collect();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).env("TMPDIR", &self.scratch);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        self.marks.lock().expect("a lock").push(Mark::put_on(&mut command));
        let mut child = command.spawn().expect("the command of an exec");
        let input = child.stdin.take().expect("a pipe");
        let writer = Mutex::new(stream);
        thread::scope(|scope| {
            scope.spawn(|| pass_on_input(reader, input, &writer));
            let status = pass_on_output(&mut child, &writer);
            send(&writer, 2, &[&[STATUS], status.as_bytes()].concat());
            send(&writer, 8, &1000_u16.to_be_bytes());
            let _ = stream.shutdown(Shutdown::Both);
        });
    }
}

/// The second number of the version of `kubectl`.
fn minor_version() -> Option<u32> {
    let output = Command::new("kubectl").args(["version", "--client", "-o", "json"]).output().ok()?;
    let version: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    version["clientVersion"]["minor"].as_str()?.trim_end_matches('+').parse().ok()
}

/// Passes on what the client sends, until one of both sides has ended.
fn pass_on_input(mut reader: impl Read, input: ChildStdin, writer: &Mutex<&TcpStream>) {
    let mut input = Some(input);
    let mut channel = None;
    while let Some((operation, payload)) = message(&mut reader) {
        match operation {
            // A message may come in parts; only the first has the channel.
            0 | 2 => {
                let data = if operation == 0 { &payload[..] } else { &payload[1..] };
                channel = if operation == 0 { channel } else { payload.first().copied() };
                match channel {
                    Some(STDIN) => {
                        // The command may have ended.
                        let _ = input.as_mut().map(|input| input.write_all(data));
                    }
                    Some(CLOSE) => drop(input.take()),
                    _ => {}
                }
            }
            9 => send(writer, 10, &payload),
            8 => return,
            _ => {}
        }
    }
}

/// Passes on what the command prints, and how it ended. A client that has gone away changes nothing for the command, as in
/// Kubernetes.
fn pass_on_output(child: &mut Child, writer: &Mutex<&TcpStream>) -> String {
    let (stdout, stderr) = (child.stdout.take().expect("a pipe"), child.stderr.take().expect("a pipe"));
    thread::scope(|scope| {
        scope.spawn(|| copy(stdout, STDOUT, writer));
        scope.spawn(|| copy(stderr, STDERR, writer));
    });
    let status = child.wait().expect("a child");
    if status.success() {
        return r#"{"metadata":{},"status":"Success"}"#.to_owned();
    }
    format!(
        r#"{{"metadata":{{}},"status":"Failure","message":"command terminated","reason":"NonZeroExitCode","details":{{"causes":[{{"reason":"ExitCode","message":"{}"}}]}}}}"#,
        status.code().unwrap_or(137)
    )
}

fn copy(mut from: impl Read, channel: u8, writer: &Mutex<&TcpStream>) {
    let mut buffer = vec![channel; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer[1..]) {
        send(writer, 2, &buffer[..=count]);
    }
}

/// Sends one message.
fn send(writer: &Mutex<&TcpStream>, operation: u8, payload: &[u8]) {
    let mut frame = vec![0x80 | operation];
    match payload.len() {
        length @ ..126 => frame.push(u8::try_from(length).expect("a small number")),
        length => {
            frame.push(126);
            frame.extend(u16::try_from(length).expect("a message of at most 64 KiB").to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    let _ = writer.lock().expect("a lock").write_all(&frame);
}

/// The next message of a client, or a part of one: its operation and payload.
fn message(reader: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let [operation, length] = bytes(reader)?;
    assert!(length & 0x80 != 0, "a client masks its messages");
    let length = match length & 0x7f {
        126 => u64::from(u16::from_be_bytes(bytes(reader)?)),
        127 => u64::from_be_bytes(bytes(reader)?),
        length => u64::from(length),
    };
    let mask: [u8; 4] = bytes(reader)?;
    let mut payload = vec![0; usize::try_from(length).ok()?];
    reader.read_exact(&mut payload).ok()?;
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
    Some((operation & 0x0f, payload))
}

fn bytes<const N: usize>(reader: &mut impl Read) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

/// A word of a query.
fn decoded(word: &str) -> String {
    let mut bytes = word.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(|digit| digit.expect("a digit"));
                u8::from_str_radix(&String::from_utf8_lossy(&digits), 16).expect("digits")
            }
            byte => byte,
        });
    }
    String::from_utf8(decoded).expect("text")
}
