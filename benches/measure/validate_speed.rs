//! How long `conductor validate --no-shell-check` takes, as a ratio to what `wc -l` needs for the same bytes.
//!
//! Both are run in turn, and of each the shortest time counts: it has least of what else the machine does. Exits with 1
//! when a ratio is above the limit.

#![allow(clippy::allow_attributes, clippy::expect_used, reason = "what a measurement needs and does not get ends it")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

/// The largest ratio that is allowed.
const LIMIT: f64 = 20.0;
/// How often each is run.
const RUNS: usize = 25;
/// How large the one large file is: of about this size is the largest plan that a worker can have.
const LARGE: usize = 1 << 20;
/// How many workers the other test has.
const WORKERS: usize = 2_000;

pub fn main() -> ExitCode {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let large = folder.path().join("large.cfg");
    std::fs::write(&large, large_worker()).expect("the large file is written");
    let mut ratios = vec![measured("one worker file of 1 MiB", &large, std::slice::from_ref(&large))];
    let test = folder.path().join("test.cfg");
    let mut lines = "[Workers]\n".to_owned();
    let mut files = vec![test.clone()];
    for worker in 0..WORKERS {
        let _ = writeln!(lines, "node{worker:04} = node{worker:04}.cfg");
        let file = folder.path().join(format!("node{worker:04}.cfg"));
        std::fs::write(&file, small_worker(worker)).expect("a worker file is written");
        files.push(file);
    }
    std::fs::write(&test, lines).expect("the test file is written");
    ratios.push(measured("a test of 2000 workers, a file each", &test, &files));
    let range = folder.path().join("range.cfg");
    std::fs::write(&range, format!("[Workers]\nnode[0001-{WORKERS}] = node0000.cfg\n"))
        .expect("a test file is written");
    ratios.push(measured("a test of 2000 workers, one file for all", &range, &[range.clone(), files[1].clone()]));
    let is_fine = ratios.iter().all(|ratio| *ratio <= LIMIT);
    println!("at most {LIMIT:.0} times: {}", if is_fine { "yes" } else { "NO" });
    ExitCode::from(u8::from(!is_fine))
}

/// Prints what both take, and returns the ratio.
fn measured(what: &str, checked: &Path, counted: &[PathBuf]) -> f64 {
    let mut count = Command::new("wc");
    count.arg("-l").args(counted);
    let mut check = Command::new(env!("CARGO_BIN_EXE_conductor"));
    check.args(["validate", "--strict", "--no-shell-check"]).arg(checked);
    let mut shortest = [Duration::MAX; 2];
    for _ in 0..RUNS {
        for (shortest, command) in shortest.iter_mut().zip([&mut count, &mut check]) {
            let start = Instant::now();
            let status = command.stdout(Stdio::null()).status().expect("the program starts");
            *shortest = (*shortest).min(start.elapsed());
            assert!(status.success(), "{command:?}");
        }
    }
    let [counted, checked] = shortest.map(|duration| duration.as_secs_f64() * 1000.0);
    println!("{what}: wc -l {counted:.2} ms, validate {checked:.2} ms, ratio {:.1}", checked / counted);
    checked / counted
}

/// Lines as people write them: comments, prefixes, variables, commands of one line and of two.
fn large_worker() -> String {
    const COMMANDS: [&str; 16] = [
        "curl -f http://10.0.1.10/health || echo \"the server is not there\"",
        "spawn:tcpdump -i eth0 -w /tmp/results/capture.pcap",
        "timeout120:ab -n 50000 -c 100 http://10.0.1.10/index.html",
        "mkdir -p /tmp/results/one /tmp/results/two",
        "echo \"%(player)s is ready\" >> /tmp/results/log",
        "while ! test -s /tmp/results/pid; do sleep 0.1; done",
        "tar -czf /tmp/results.tgz /tmp/results",
        "grep -c error /tmp/results/log\n    || true",
        "echo \"preparing the web server for the load test\"",
        "sudo systemctl restart nginx",
        "sudo cp /var/log/nginx/error.log /var/log/nginx/access.log /tmp/results/",
        "ps aux > /tmp/results/processes.txt",
        "psql -U postgres -c \"SELECT count(*) FROM test_data;\" > /tmp/results/rows.txt",
        "spawn:vmstat 1 > /tmp/results/vmstat.log",
        "rm -rf /tmp/results",
        "timeout5:curl -f http://localhost/health",
    ];
    let mut text = "[Coordinator]\nplayer = 10.0.0.1\nconductor = 10.0.0.100\n".to_owned();
    for (number, phase) in ["Startup", "Run", "Collect", "Reset"].iter().enumerate() {
        let _ = writeln!(text, "\n[{phase}]");
        for step in 0.. {
            if text.len() >= LARGE / 4 * (number + 1) {
                break;
            }
            if step % 5 == 0 {
                let _ = writeln!(text, "\n# what the next five steps are for");
            }
            let _ = writeln!(text, "step{step} = {}", COMMANDS[step % COMMANDS.len()]);
        }
    }
    text
}

fn small_worker(number: usize) -> String {
    let (network, host) = (number / 250, number % 250 + 1);
    format!(
        "# a node\n[Coordinator]\nplayer = 10.0.{network}.{host}\nconductor = 10.1.0.1\n\n\
         [Startup]\nprepare = mkdir -p /tmp/results\ncapture = spawn:tcpdump -i eth0 -w /tmp/results/capture.pcap\n\n\
         [Run]\nload = timeout120:ab -n 50000 -c 100 http://10.0.1.10/index.html\n\
         look = curl -f http://10.0.1.10/health || echo \"it is not there\"\n\n\
         [Collect]\npack = tar -czf /tmp/results.tgz /tmp/results\n\n[Reset]\nclean = rm -rf /tmp/results\n"
    )
}
