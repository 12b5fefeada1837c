//! Speed and size of the main job, as ratios to what the machine needs for the bare work, in one run.
//!
//! `scripts/speed` builds the release binary and runs this.

#![expect(clippy::expect_used, reason = "a benchmark that can't measure has nothing to say but that")]

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CONDUCTOR: &str = env!("CARGO_BIN_EXE_conductor");
const PLAYERS: usize = 50;
const ROUNDS: usize = 9;
const BYTES: usize = 100_000_000;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    version();
    let players: Vec<Player> = (0..PLAYERS).map(|_| Player::start()).collect();
    println!("a waiting player: {:.1} MB resident (limit 5)", players[0].memory("VmRSS"));
    four_phases(folder.path(), &players);
    drop(players);
    hundred_megabytes(folder.path());
}

fn version() {
    let times = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        let output = Command::new(CONDUCTOR).args(["conduct", "--version"]).output().expect("it runs");
        assert!(output.status.success());
        start.elapsed()
    });
    println!("`conduct --version`: {:.1} ms", milliseconds(median(times.collect())));
}

/// Four phases of one `true` over all players, against as many shells two at a time.
fn four_phases(folder: &Path, players: &[Player]) {
    let mut test = "[Workers]\n".to_owned();
    for (index, player) in players.iter().enumerate() {
        let _ = writeln!(test, "w{index} = w{index}.cfg");
        let phases = ["Startup", "Run", "Collect", "Reset"].map(|phase| format!("[{phase}]\nstep = true\n")).concat();
        let worker = format!("[Coordinator]\nplayer = 127.0.0.1\ncmdport = {}\n{phases}", player.port);
        std::fs::write(folder.join(format!("w{index}.cfg")), worker).expect("a file");
    }
    std::fs::write(folder.join("test.cfg"), test).expect("a file");
    let (mut runs, mut shells) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        shells.push(shells_two_at_a_time(4 * players.len()));
        let start = Instant::now();
        let status = conduct_command(folder).status().expect("it runs");
        runs.push(start.elapsed());
        assert!(status.success());
    }
    let (run, shell) = (milliseconds(median(runs)), milliseconds(median(shells)));
    let (count, steps) = (players.len(), 4 * players.len());
    println!("four phases of `true` over {count} players: {run:.0} ms; {steps} shells two at a time: {shell:.0} ms");
    println!("  ratio {:.2} (limit 2)", run / shell);
}

fn shells_two_at_a_time(count: usize) -> Duration {
    let start = Instant::now();
    let shells = |count| {
        for _ in 0..count {
            let status = Command::new("/bin/sh").args(["-c", "true"]).status().expect("a shell");
            assert!(status.success());
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| shells(count / 2));
        shells(count - count / 2);
    });
    start.elapsed()
}

/// A step that prints 100 MB, against the same bytes through one TCP connection.
fn hundred_megabytes(folder: &Path) {
    let player = Player::start();
    let worker = format!(
        "[Coordinator]\nplayer = 127.0.0.1\ncmdport = {}\n[Run]\nstep = head -c {BYTES} /dev/zero\n",
        player.port
    );
    std::fs::write(folder.join("w.cfg"), worker).expect("a file");
    std::fs::write(folder.join("test.cfg"), "[Test]\nmax_message_size = 1\n[Workers]\nw = w.cfg\n").expect("a file");
    let (mut runs, mut raw, mut conductor, mut sessions) = (Vec::new(), Vec::new(), 0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        raw.push(through_tcp());
        let start = Instant::now();
        let mut child = conduct_command(folder).spawn().expect("it starts");
        while child.try_wait().expect("a child").is_none() {
            conductor = conductor.max(memory(child.id(), "VmHWM"));
            sessions = player.children().into_iter().map(|pid| memory(pid, "VmHWM")).fold(sessions, f64::max);
            std::thread::sleep(Duration::from_millis(1));
        }
        runs.push(start.elapsed());
        assert!(child.wait().expect("a child").success());
        let text = std::fs::read_to_string(folder.join("results.json")).expect("its results");
        assert!(text.contains(&format!("\"stdout_bytes\": {BYTES}")), "every byte was counted");
    }
    let (run, raw) = (milliseconds(median(runs)), milliseconds(median(raw)));
    println!("a step that prints 100 MB: {run:.0} ms; the same bytes through one connection: {raw:.0} ms");
    println!(
        "  speed ratio {:.2} (limit 0.2); conductor {conductor:.1} MB, session {sessions:.1} MB (limit 30)",
        raw / run
    );
    println!("  listener {:.1} MB", player.memory("VmHWM"));
}

fn through_tcp() -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut stream = TcpStream::connect(address).expect("a connection");
            let piece = vec![0; 64 << 10];
            let mut left = BYTES;
            while left > 0 {
                let count = left.min(piece.len());
                stream.write_all(&piece[..count]).expect("it takes bytes");
                left -= count;
            }
        });
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut buffer = vec![0; 64 << 10];
        while stream.read(&mut buffer).expect("bytes") > 0 {}
    });
    start.elapsed()
}

fn conduct_command(folder: &Path) -> Command {
    let mut command = Command::new(CONDUCTOR);
    command.current_dir(folder).args(["conduct", "--quiet", "-f", "json", "-o", "results.json", "test.cfg"]);
    command
}

struct Player {
    child: Child,
    port: u16,
}

impl Player {
    fn start() -> Self {
        let mut command = Command::new(CONDUCTOR);
        command.args(["player", "--quiet", "--bind", "127.0.0.1", "--port", "0"]);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("a player starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        let port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
        Self { child, port }
    }

    fn children(&self) -> Vec<u32> {
        let pid = self.child.id();
        let list = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        list.split_ascii_whitespace().filter_map(|pid| pid.parse().ok()).collect()
    }

    fn memory(&self, field: &str) -> f64 {
        memory(self.child.id(), field)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw).expect("a process");
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.child.wait();
    }
}

/// A line of `/proc/PID/status`, in MB; 0 when the process is gone.
fn memory(pid: u32, field: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.split_ascii_whitespace().next()?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1000.0
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}
