//! One large file and many small ones, fetched and put, as ratios to what `cp` needs for the same in one run; and how much
//! memory both sides take meanwhile.
//!
//! `scripts/transfers` builds the program as it is shipped and runs this. Its argument is the size of the large file in MB, 1000
//! without one.

#![expect(clippy::expect_used, reason = "a benchmark that cannot measure has nothing to say but that")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Folder, Player, argument, children, conduct, median, memory};

const ROUNDS: usize = 3;
const SMALL: usize = 10_000;
/// How much both sides may take.
const LIMIT: u32 = 30;

pub fn main() {
    let megabytes: usize = argument(0, 1000);
    let (folder, player) = (Folder::new(), Player::start());
    large(&folder, megabytes);
    small(&folder);
    let here = folder.path().display();
    let copy = |from: &Path, to: &Path| {
        let start = Instant::now();
        let status = Command::new("cp").arg("-r").args([from, to]).status().expect("cp runs");
        assert!(status.success());
        start.elapsed()
    };
    let measure = |name: &str, what: &Path, step: &str, arrived: &dyn Fn() -> std::path::PathBuf| {
        folder.file("test.cfg", "[Workers]\nw = w.cfg\n").worker("w", player.port, &format!("[Run]\nstep = {step}\n"));
        let (mut copies, mut runs, mut most) = (Vec::new(), Vec::new(), (0.0_f64, 0.0_f64));
        for _ in 0..ROUNDS {
            let target = folder.join("copied");
            copies.push(copy(what, &target));
            remove(&target);
            let (time, conductor, session) = run(&folder, &player);
            runs.push(time);
            most = (most.0.max(conductor), most.1.max(session));
            assert!(fs::symlink_metadata(arrived()).is_ok(), "it arrived");
            remove(&arrived());
        }
        let (run, copy) = (median(runs), median(copies));
        let ratio = run.as_secs_f64() / copy.as_secs_f64();
        println!("{name}: {:.2} s; cp: {:.2} s; ratio {ratio:.2}", run.as_secs_f64(), copy.as_secs_f64());
        println!("  conductor {:.1} MB, player {:.1} MB resident at most (limit {LIMIT})", most.0, most.1);
    };
    let results = folder.join("results");
    measure(&format!("{megabytes} MB fetched"), &folder.join("large"), &format!("fetch:{here}/large"), &|| {
        results.clone()
    });
    measure(&format!("{megabytes} MB put"), &folder.join("large"), &format!("put:large -> {here}/put"), &|| {
        folder.join("put")
    });
    measure(&format!("{SMALL} small files fetched"), &folder.join("small"), &format!("fetch:{here}/small/**"), &|| {
        results.clone()
    });
}

/// Noise, so that no file system makes it smaller.
fn large(folder: &Folder, megabytes: usize) {
    let mut state = 1_u64;
    let mut file = fs::File::create(folder.join("large")).expect("a file");
    for _ in 0..megabytes {
        let words = (0..125_000).flat_map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state.to_le_bytes()
        });
        file.write_all(&words.collect::<Vec<u8>>()).expect("it is written");
    }
}

fn small(folder: &Folder) {
    for number in 0..SMALL {
        let inside = folder.join("small").join((number / 100).to_string());
        fs::create_dir_all(&inside).expect("a folder");
        fs::write(inside.join(number.to_string()), format!("{number}\n")).expect("a file");
    }
}

fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

/// How long a run takes, and the most memory of the conductor and of the session's process at its player.
fn run(folder: &Folder, player: &Player) -> (Duration, f64, f64) {
    let start = Instant::now();
    let mut child = conduct(folder, &["-p", "run", "--results=results"]).spawn().expect("it runs");
    let (mut conductor, mut session) = (0.0_f64, 0.0_f64);
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child can be waited for") {
            break status;
        }
        // These fields are the most that there ever was.
        conductor = conductor.max(memory(child.id(), "VmHWM"));
        for process in children(player.pid()) {
            session = session.max(memory(process, "VmHWM"));
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let time = start.elapsed();
    assert!(status.success(), "{}", folder.read("results.json"));
    (time, conductor, session)
}
