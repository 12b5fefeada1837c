//! Speed and size of the main job, as ratios to what the machine needs for the bare work, in one run.
//!
//! `scripts/speed` builds the program as it is shipped and runs this.

#![expect(clippy::expect_used, reason = "a benchmark that cannot measure has nothing to say but that")]

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{CONDUCTOR, Folder, Player, conduct, median, memory, milliseconds};

const PLAYERS: usize = 50;
const ROUNDS: usize = 9;
/// How often the four phases are run: the machine's own speed changes while they are.
const MANY_ROUNDS: usize = 25;
/// The variables of a process.
type Variables = Vec<(OsString, OsString)>;

const BYTES: usize = 100_000_000;

pub fn main() {
    let folder = Folder::new();
    version();
    let players: Vec<Player> = (0..PLAYERS).map(|_| Player::start()).collect();
    println!("a waiting player: {:.1} MB resident (limit 5)", memory(players[0].pid(), "VmRSS"));
    four_phases(&folder, &players);
    drop(players);
    hundred_megabytes(&folder);
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

/// Four phases of one `true` over all players, against as many of the same shells two at a time, and of shells that do not
/// have the variables of a step, which every worker's address is among.
fn four_phases(folder: &Folder, players: &[Player]) {
    let step = variables_of_a_step(folder, players);
    workers(folder, players, "true");
    let (mut runs, mut shells, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..MANY_ROUNDS {
        shells.push(shells_two_at_a_time(4 * players.len(), &step));
        bare.push(shells_two_at_a_time(4 * players.len(), &std::env::vars_os().collect()));
        let start = Instant::now();
        let status = conduct(folder, &[]).status().expect("it runs");
        runs.push(start.elapsed());
        assert!(status.success());
    }
    let [run, shell, bare] = [runs, shells, bare].map(|times| milliseconds(median(times)));
    let (count, steps) = (players.len(), 4 * players.len());
    println!(
        "four phases of `true` over {count} players: {run:.0} ms; the same {steps} shells two at a time: {shell:.0} ms"
    );
    println!("  ratio {:.2} (limit 2)", run / shell);
    let variables = step.len();
    println!("  shells without the {variables} variables of a step: {bare:.0} ms, ratio {:.2}", run / bare);
}

/// A worker on each player, with one step in each phase.
fn workers(folder: &Folder, players: &[Player], command: &str) {
    let mut test = "[Workers]\n".to_owned();
    for (index, player) in players.iter().enumerate() {
        let _ = writeln!(test, "w{index} = w{index}.cfg");
        let phases = ["Startup", "Run", "Collect", "Reset"].map(|phase| format!("[{phase}]\nstep = {command}\n"));
        folder.worker(&format!("w{index}"), player.port, &phases.concat());
    }
    folder.file("test.cfg", &test);
}

fn variables_of_a_step(folder: &Folder, players: &[Player]) -> Variables {
    workers(folder, players, &format!("env -0 > {}/$CONDUCTOR_WORKER", folder.path().display()));
    assert!(conduct(folder, &["--phases", "run"]).status().expect("it runs").success());
    let text = folder.read("w0");
    let variables = text.split('\0').filter_map(|variable| variable.split_once('='));
    variables.map(|(name, value)| (name.into(), value.into())).collect()
}

fn shells_two_at_a_time(count: usize, variables: &Variables) -> Duration {
    let start = Instant::now();
    let shells = |count| {
        for _ in 0..count {
            let mut command = Command::new("/bin/sh");
            command.args(["-c", "true"]).env_clear().envs(variables.iter().map(|(name, value)| (name, value)));
            let status = command.status().expect("a shell");
            assert!(status.success());
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| shells(count / 2));
        shells(count - count / 2);
    });
    start.elapsed()
}

/// A step that prints 100 MB, against the same bytes through one TCP connection, and against what has to be done at least: the
/// same command's bytes through a pipe, a TCP connection, and into a file.
fn hundred_megabytes(folder: &Folder) {
    let player = Player::start();
    folder.worker("w", player.port, &format!("[Run]\nstep = head -c {BYTES} /dev/zero\n"));
    folder.test("max_message_size = 1", &["w"]);
    let (mut runs, mut raw, mut least) = (Vec::new(), Vec::new(), Vec::new());
    let (mut conductor, mut sessions) = (0.0_f64, 0.0_f64);
    for _ in 0..ROUNDS {
        raw.push(through_tcp(&mut std::io::repeat(0), &mut std::io::sink()));
        least.push(through_pipe_and_file());
        let start = Instant::now();
        let mut child = conduct(folder, &[]).spawn().expect("it starts");
        while child.try_wait().expect("a child").is_none() {
            conductor = conductor.max(memory(child.id(), "VmHWM"));
            sessions = player.children().into_iter().map(|pid| memory(pid, "VmHWM")).fold(sessions, f64::max);
            std::thread::sleep(Duration::from_millis(1));
        }
        runs.push(start.elapsed());
        assert!(child.wait().expect("a child").success());
        let text = folder.read("results.json");
        assert!(text.contains(&format!("\"stdout_bytes\": {BYTES}")), "every byte was counted");
    }
    let [run, raw, least] = [runs, raw, least].map(|times| milliseconds(median(times)));
    println!("a step that prints 100 MB: {run:.0} ms; the same bytes through one connection: {raw:.0} ms");
    println!("  through a pipe, a connection and into a file: {least:.0} ms");
    println!(
        "  speed ratio {:.2} to the pipe, connection and file (limit 0.5), {:.2} to the connection alone",
        least / run,
        raw / run
    );
    println!("  conductor {conductor:.1} MB, session {sessions:.1} MB (limit 30)");
    println!("  listener {:.1} MB", memory(player.pid(), "VmHWM"));
    let kept = (0..ROUNDS).map(|_| {
        let start = Instant::now();
        assert!(conduct(folder, &["--results", "kept"]).status().expect("it runs").success());
        let time = start.elapsed();
        std::fs::remove_dir_all(folder.join("kept")).expect("the results");
        time
    });
    let kept = milliseconds(median(kept.collect()));
    println!(
        "  with a results folder, whose `events.jsonl` has every byte too: {kept:.0} ms, speed ratio {:.2}",
        raw / kept
    );
}

/// The bytes of the step's command, through its pipe, a connection and into a file that has no name, as those of a step go.
fn through_pipe_and_file() -> Duration {
    let start = Instant::now();
    let mut command = Command::new("head");
    command.args(["-c", &BYTES.to_string(), "/dev/zero"]).stdout(Stdio::piped());
    let mut command = command.spawn().expect("`head` starts");
    let mut pipe = command.stdout.take().expect("its output");
    let mut file = tempfile::tempfile().expect("a file");
    through_tcp(&mut pipe, &mut file);
    assert!(command.wait().expect("a child").success());
    drop(file);
    start.elapsed()
}

fn through_tcp(from: &mut (impl Read + Send), to: &mut impl Write) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    let start = Instant::now();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut stream = TcpStream::connect(address).expect("a connection");
            let mut piece = vec![0; 64 << 10];
            let mut left = BYTES;
            while left > 0 {
                let most = left.min(piece.len());
                let count = from.read(&mut piece[..most]).expect("it has bytes");
                stream.write_all(&piece[..count]).expect("it takes bytes");
                left -= count;
            }
        });
        let (mut stream, _) = listener.accept().expect("a connection");
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = stream.read(&mut buffer).expect("bytes");
            if count == 0 {
                break;
            }
            to.write_all(&buffer[..count]).expect("it takes bytes");
        }
    });
    start.elapsed()
}
