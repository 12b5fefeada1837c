//! A run of many trials of a trivial step with all reports, and what memory `conduct` has when they are made.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::expect_used,
    reason = "the test and the measurement use the part that they need"
)]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::{DEADLINE, Folder, conductor, finish, start};

/// The reports that are made when the run is over, beside the trace.
const AT_THE_END: [&str; 6] = ["json", "junit", "html", "csv", "markdown", "github"];

/// What came of a run.
pub struct Run {
    folder: Folder,
    /// The most memory that `conduct` had resident until all reports but one were whole, in bytes.
    pub peak: u64,
    /// What it had then.
    pub at_the_end: u64,
}

impl Run {
    /// Runs so many trials of a step that prints a number, which is a metric. With a bound that no number meets, each trial
    /// fails.
    pub fn of(trials: u32, fails: bool) -> Self {
        let folder = Folder::new();
        let expect = if fails { "expect = < 0\n" } else { "" };
        let metric = format!("[Metric number]\nfrom = w.run.step\n{expect}");
        folder.file(
            "test.cfg",
            &format!("[Test]\n[Workers]\nw = @ 127.0.0.1\n[w:Run]\nstep = echo $CONDUCTOR_TRIAL\n{metric}"),
        );
        let number = trials.to_string();
        let reports = ["text", "classic", "jsonl"]
            .iter()
            .chain(&AT_THE_END)
            .map(|format| format!("--report={format}=report.{format}"));
        let given =
            ["conduct", "--local", "-q", "--trials", &number, "--results", "results", "--run-id", "r", "-f", "trace"];
        let arguments = given.into_iter().map(str::to_owned).chain(reports).chain(["test.cfg".to_owned()]);
        let child = start(conductor(&folder, arguments));
        // Nobody reads the trace, which is more than fits into a pipe: until all other reports are whole, it does not end.
        let kept = ["json", "html"].map(|format| format!("results/r/report.{format}"));
        let kept = kept.into_iter().chain(["results/r/junit.xml", "results/r/values.csv"].map(str::to_owned));
        let all: Vec<String> = kept.chain(AT_THE_END.map(|format| format!("report.{format}"))).collect();
        // The disk keeps each trial before the next begins.
        let end = Instant::now() + DEADLINE + Duration::from_millis(200) * trials;
        while !all.iter().all(|file| folder.join(file).exists()) {
            assert!(Instant::now() < end, "not all reports were made");
            std::thread::sleep(Duration::from_millis(5));
        }
        let [peak, at_the_end] = ["VmHWM:", "VmRSS:"].map(|field| memory(child.id(), field));
        let finished = finish(child);
        assert_eq!(finished.status, Some(if fails { 3 } else { 0 }), "{}", finished.stderr);
        assert!(finished.stdout.len() > 100_000, "the trace fits into the pipe");
        Self { folder, peak, at_the_end }
    }

    /// The page.
    pub fn page(&self) -> PathBuf {
        self.folder.join("results/r/report.html").canonicalize().expect("the page is there")
    }

    /// How many bytes the page has.
    pub fn page_size(&self) -> u64 {
        std::fs::metadata(self.page()).expect("the page is there").len()
    }
}

fn memory(pid: u32, field: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("the process is there");
    let line = status.lines().find_map(|line| line.strip_prefix(field)).expect("its memory");
    line.split_ascii_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") * 1024
}
