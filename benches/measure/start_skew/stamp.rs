//! The stamp that a step takes, by this program, which its shell becomes.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use rustix::time::{ClockId, clock_gettime};

/// The argument with which this program stamps; the log follows.
const STAMP: &str = "stamp";

/// A stamp.
pub struct Stamp {
    pub trial: usize,
    /// Which worker's, counted from 0.
    pub worker: usize,
    /// The step's label.
    pub step: String,
    /// Nanoseconds.
    pub at: i128,
    /// How long the process had run by then, or waited for a processor, since it was made.
    pub used: i128,
}

/// `CLOCK_REALTIME`, in nanoseconds: the one clock that time namespaces leave alone.
pub fn now() -> i128 {
    nanoseconds(ClockId::Realtime)
}

/// What `CLOCK_BOOTTIME`, which a conductor's times are of, is behind that.
pub fn since_boot() -> i128 {
    let once = |_| {
        let before = now();
        let boot = nanoseconds(ClockId::Boottime);
        let after = now();
        (after - before, i128::midpoint(before, after) - boot)
    };
    (0..100).map(once).min().expect("a reading").1
}

fn nanoseconds(clock: ClockId) -> i128 {
    let now = clock_gettime(clock);
    i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)
}

/// A worker's name.
pub fn name(worker: usize) -> String {
    format!("w{worker}")
}

/// The command of a step that stamps.
pub fn command(log: &Path) -> String {
    let this = std::env::current_exe().expect("a path");
    format!("exec {} {STAMP} {}", this.display(), log.display())
}

/// What a step has in its environment that the stamp is labelled with.
pub fn environment(worker: usize) -> [String; 3] {
    let worker = format!("CONDUCTOR_WORKER={}", name(worker));
    ["CONDUCTOR_TRIAL=1".to_owned(), "CONDUCTOR_STEP=step".to_owned(), worker]
}

/// Stamps, if this program was started to do so; whether it was.
pub fn stamp_if_wanted() -> bool {
    let at = now();
    let mut arguments = std::env::args().skip(1);
    if arguments.next().as_deref() != Some(STAMP) {
        return false;
    }
    let used = used();
    let log = arguments.next().expect("a log");
    let variable = |name: String| std::env::var(name).expect("a step's variable");
    let [trial, worker, step] = ["TRIAL", "WORKER", "STEP"].map(|name| variable(format!("CONDUCTOR_{name}")));
    let line = format!("{trial} {worker} {step} {at} {used}\n");
    let mut log = File::options().create(true).append(true).open(log).expect("the log");
    log.write_all(line.as_bytes()).expect("a line");
    true
}

fn used() -> i128 {
    let ran = nanoseconds(ClockId::ProcessCPUTime);
    let text = std::fs::read_to_string("/proc/self/schedstat").expect("a kernel with scheduler statistics");
    let waited = text.split(' ').nth(1).and_then(|number| number.parse::<i128>().ok());
    ran + waited.expect("nanoseconds")
}

/// The stamps of a log.
pub fn read(log: &Path) -> Vec<Stamp> {
    let parse = |line: &str| {
        let mut words = line.split(' ');
        let (trial, worker, step) = (words.next()?.parse().ok()?, words.next()?.strip_prefix('w')?, words.next()?);
        let (at, used) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
        Some(Stamp { trial, worker: worker.parse().ok()?, step: step.to_owned(), at, used })
    };
    let text = std::fs::read_to_string(log).expect("the stamps");
    text.lines().map(|line| parse(line).expect("a stamp")).collect()
}
