//! A Python conductor of the tests' own, which behaves as the recorded conversations show: one message a connection, `run`
//! before it listens, and results that it awaits worker by worker, one on each connection.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "each program uses the part of it that it needs, so no expectation holds in all of them"
)]

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};

use super::wire::{frame, free_port, read_frame};
use super::{DEADLINE, eventually};

/// The code of the result that ends a phase.
const COMPLETE: i64 = 65535;

/// A worker of the test: its player, where its results go, and the commands of its phase.
#[derive(Debug, Clone)]
pub struct Worker {
    pub player: u16,
    pub results: u16,
    pub commands: Vec<String>,
    /// How long each may take, in seconds.
    pub timeout: u64,
}

/// In which order the workers' messages are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Messages {
    /// All phases, then a `run` for each worker, as the Python conductor does.
    PhasesFirst,
    /// The phase of a worker and its `run`, and then the next worker's.
    WorkerByWorker,
}

/// What a phase came to.
#[derive(Debug)]
pub struct Phase {
    /// The results of each worker, without the one that ends them.
    pub results: Vec<Vec<(i64, String)>>,
    /// How long the slowest answer took; a Python conductor gives it one second.
    pub slowest_answer: Duration,
}

/// Runs one phase.
pub fn run_phase(workers: &[Worker], messages: Messages) -> Phase {
    let mut slowest_answer = Duration::ZERO;
    let mut ports: BTreeMap<u16, Socket> = BTreeMap::new();
    if messages == Messages::PhasesFirst {
        for worker in workers {
            slowest_answer = slowest_answer.max(download(worker));
        }
    }
    for worker in workers {
        if messages == Messages::WorkerByWorker {
            slowest_answer = slowest_answer.max(download(worker));
        }
        let mut stream = connect(worker.player);
        send(&mut stream, "run", &json!({}));
        ports.entry(worker.results).or_insert_with(|| listen(worker.results));
    }
    let results = workers.iter().map(|worker| results(&ports[&worker.results])).collect();
    Phase { results, slowest_answer }
}

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a player takes connections");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
    stream
}

fn send(stream: &mut TcpStream, kind: &str, data: &Value) {
    let message = json!({"version": 1, "type": kind, "data": data}).to_string();
    stream.write_all(&frame(message.as_bytes())).expect("a player reads");
}

/// Downloads a worker's phase; how long its answer took.
fn download(worker: &Worker) -> Duration {
    let steps: Vec<Value> =
        worker.commands.iter().map(|text| json!({"command": text, "timeout": worker.timeout})).collect();
    let start = Instant::now();
    let mut stream = connect(worker.player);
    send(&mut stream, "phase", &json!({"resulthost": "127.0.0.1", "resultport": worker.results, "steps": steps}));
    assert_eq!(result(&mut stream), (0, "phase received".to_owned()));
    start.elapsed()
}

/// The queue of connections is as long as the Python conductor's.
fn listen(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    // A process that another test has just forked has the socket of the phase before until it runs its own program.
    eventually("the port is free", || socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into()).is_ok());
    socket.listen(5).expect("a port to listen on");
    // It limits how long a connection is waited for, too.
    socket.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
    socket
}

/// The results up to the end of a phase.
fn results(port: &Socket) -> Vec<(i64, String)> {
    let mut results = Vec::new();
    loop {
        let (stream, _) = port.accept().expect("a result comes");
        let mut stream = TcpStream::from(stream);
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
        match result(&mut stream) {
            (COMPLETE, _) => return results,
            result => results.push(result),
        }
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn result(stream: &mut TcpStream) -> (i64, String) {
    let payload = read_frame(stream).expect("a result");
    let message: Value = serde_json::from_slice(&payload).expect("JSON");
    let data = &message["data"];
    (data["code"].as_i64().expect("a code"), data["message"].as_str().expect("a text").to_owned())
}

/// Whose results go to one port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// Each worker has its own.
    Own,
    /// The workers of one player share one.
    OfPlayer,
    /// All workers share one, so that only each player's results have an order.
    One,
}

/// Runs a test of two phases with so many workers, one after another on these players, and checks that each result came once,
/// where it belongs, in order. How long the slowest answer took.
pub fn check_run(players: &[u16], count: usize, ports: Ports, messages: Messages) -> Duration {
    let own: Vec<u16> = (0..count.max(players.len())).map(|_| free_port()).collect();
    let mut slowest = Duration::ZERO;
    for phase in 0..2 {
        let worker = |index: usize| {
            let player = index % players.len();
            let results = match ports {
                Ports::Own => own[index],
                Ports::OfPlayer => own[player],
                Ports::One => own[0],
            };
            let step = |step: usize| format!("sleep 0.0{step}; echo {phase} {player} {index} {step}");
            Worker { player: players[player], results, commands: (0..=index % 3).map(step).collect(), timeout: 30 }
        };
        let workers: Vec<Worker> = (0..count).map(worker).collect();
        let expected = |worker: &Worker| -> Vec<(i64, String)> {
            let text = |command: &String| format!("{}\n", &command[command.find("echo ").expect("a word") + 5..]);
            worker.commands.iter().map(|command| (0, text(command))).collect()
        };
        let ran = run_phase(&workers, messages);
        slowest = slowest.max(ran.slowest_answer);
        if ports == Ports::One {
            for (player, address) in players.iter().enumerate() {
                let is_its = |(_, text): &&(i64, String)| text.split(' ').nth(1) == Some(player.to_string().as_str());
                let found: Vec<_> = ran.results.iter().flatten().filter(is_its).cloned().collect();
                let of_player = workers.iter().filter(|worker| worker.player == *address);
                assert_eq!(found, of_player.flat_map(expected).collect::<Vec<_>>());
            }
            assert_eq!(ran.results.iter().flatten().count(), workers.iter().flat_map(expected).count());
        } else {
            assert_eq!(ran.results, workers.iter().map(expected).collect::<Vec<_>>(), "{ports:?} {messages:?}");
        }
    }
    slowest
}

/// Commands that print while, and after, their shell ends, with all that they print in some order.
pub const BACKGROUND: [(&str, &str); 20] = [
    ("(echo late)& echo early", "early late "),
    ("echo early; /bin/echo late &", "early late "),
    ("echo early; echo late &", "early late "),
    ("(sleep 0.05; echo late)& echo early", "early late "),
    ("(sleep 0.3; echo late)& echo early", "early late "),
    ("(sleep 0.01; echo late)& (sleep 0.02; echo later)& echo early", "early late later "),
    ("echo early; (echo late &)", "early late "),
    ("{ echo late; } & echo early", "early late "),
    ("sh -c 'sleep 0.02; echo late' & echo early", "early late "),
    ("(trap '' HUP; sleep 0.02; echo late)& echo early", "early late "),
    ("exec 3>&1; (sleep 0.02; echo late >&3)& echo early", "early late "),
    ("(exec 2>&-; sleep 0.02; echo late)& echo early", "early late "),
    ("echo late | (sleep 0.02; cat)& echo early", "early late "),
    ("(for i in 1 2 3 4 5; do echo late $i; done)& echo early", "early late 1 late 2 late 3 late 4 late 5 "),
    ("(printf 'late ')& printf 'early '", "early late "),
    ("f() { sleep 0.02; echo late; }; f & echo early", "early late "),
    ("echo late & echo later & echo early", "early late later "),
    ("((sleep 0.02; echo late)&)& echo early", "early late "),
    ("(sleep 0.02; exec echo late)& exec echo early", "early late "),
    ("(sleep 0.02; head -c 9000 /dev/zero | tr '\\0' ' ')& echo early", "early "),
];

/// Runs each kind of background output once, each as a step of one phase; the kinds whose output was not complete.
pub fn incomplete(player: u16) -> Vec<(&'static str, String)> {
    let commands = BACKGROUND.map(|(command, _)| command.to_owned()).to_vec();
    let worker = Worker { player, results: free_port(), commands, timeout: 30 };
    let results = run_phase(&[worker], Messages::PhasesFirst).results.remove(0);
    assert_eq!(results.len(), BACKGROUND.len());
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().map(|c| if c == '\n' { ' ' } else { c }).collect();
        letters.sort_unstable();
        letters.into_iter().collect::<String>()
    };
    let all = |(command, expected): (&str, &str)| {
        let blanks = if command.contains("head -c") { 9000 } else { 0 };
        letters(&format!("{expected}{}", " ".repeat(blanks)))
    };
    let pairs = BACKGROUND.into_iter().zip(results);
    let wrong = pairs.filter(|(kind, (code, text))| *code != 0 || letters(text) != all(*kind));
    wrong.map(|((command, _), (code, text))| (command, format!("{code} {text}"))).collect()
}
