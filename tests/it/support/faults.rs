//! A scene for faults: worker `w` behind a relay, worker `x` beside it on the same player, and gates at which their steps
//! wait, so that a fault comes in exactly the state that a test is about.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    missing_docs,
    reason = "each test file uses the part of it that it needs, so no expectation holds in all of them"
)]

use std::cell::RefCell;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex, OnceLock};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat, open};
use serde_json::Value;

use super::pipes::Pipe;
use super::relay::Relay;
use super::{Folder, Player, conductor, eventually, wait};

/// Each gate is a named pipe that a step opens to read: it waits until somebody has it open to write.
const GATES: [&str; 8] = ["w-startup", "w-run", "w-collect", "w-reset", "w-spawned", "x-run", "x-collect", "x-reset"];

/// A state in which something may happen to `w`'s connection.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    pub name: &'static str,
    /// Where a worker waits then, in the order in which it goes on; `x` waits for its player when there is none.
    gates: &'static [&'static str],
    reached: Reached,
}

/// How it is known that the state has come.
#[derive(Debug, Clone, Copy)]
enum Reached {
    /// `w`'s steps have written this.
    Log(&'static str),
    /// The conductor has said this.
    Said(&'static str),
}

use Reached::{Log, Said};

/// Before the plan, in each phase, between phases, and between the last phase and the end of the trial.
pub const MOMENTS: [Moment; 9] = [
    Moment { name: "before the plan", gates: &[], reached: Said("w: connected to") },
    Moment { name: "in startup", gates: &["w-startup"], reached: Log("1 startup begins\n") },
    Moment { name: "in run", gates: &["w-run"], reached: Log("1 run begins\n") },
    Moment { name: "with a spawned step", gates: &["w-spawned", "w-run"], reached: Log("1 run begins\n") },
    Moment { name: "between phases", gates: &["x-run"], reached: Said("w: finished run") },
    Moment { name: "in collect", gates: &["w-collect"], reached: Log("1 collect begins\n") },
    Moment { name: "at a barrier", gates: &["x-collect"], reached: Log("1 collect ends\n") },
    Moment { name: "in reset", gates: &["w-reset"], reached: Log("1 reset begins\n") },
    Moment { name: "behind reset", gates: &["x-reset"], reached: Said("w: finished reset") },
];

/// Two workers on one player.
pub struct Scene {
    pub folder: Folder,
    pub player: Player,
    /// Between the conductor and `w`, and between it and `x`.
    pub relay: Relay,
    pub other: Relay,
    /// Held by every step of `w` but those of Reset.
    pub pipe: Pipe,
    /// The gates that are open.
    open: RefCell<Vec<File>>,
}

impl Scene {
    /// With these lines in `[Test]`, and every gate open.
    pub fn new(lines: &str) -> Self {
        let (folder, player) = (Folder::new(), Player::start());
        let (relay, other) = (Relay::to(player.port), Relay::to(player.port));
        for gate in GATES {
            let mode = Mode::RUSR | Mode::WUSR;
            mknodat(CWD, folder.join(gate), FileType::Fifo, mode, 0).expect("a named pipe");
        }
        let pipe = Pipe::new(&folder, "pipe");
        folder.test(&format!("connect_timeout = 1m\n{lines}"), &["w", "x"]);
        let step = |name: &str, hold: &str, then: &str| {
            let (log, gate) = (folder.join("log-w"), folder.join(&format!("w-{name}")));
            let (log, gate) = (log.display(), gate.display());
            format!(
                "echo $CONDUCTOR_TRIAL {name} begins >>{log}; echo {name} begins; {hold} : <{gate}; {then} \
                 echo {name} fails >&2; echo {name} ends; echo $CONDUCTOR_TRIAL {name} ends >>{log}"
            )
        };
        let hold = format!("{};", pipe.hold());
        let [startup, collect, spawned] = ["startup", "collect", "spawned"].map(|name| step(name, &hold, ""));
        // However slow the machine is, the spawned step ends by itself before the trial does.
        let spawned_ends = format!("grep -q \"^$CONDUCTOR_TRIAL spawned ends\" {}", folder.join("log-w").display());
        let run = step("run", &hold, &format!("until {spawned_ends}; do sleep 0.01; done;"));
        let reset = step("reset", "", "");
        let w = format!(
            "[Startup]\nspawn = {spawned}\nstep = {startup}\n[Run]\nstep = {run}\nloud = seq 1 60000; exit 3\n\
             [Collect]\nstep = {collect}\nmeet = barrier:both\n[Reset]\nstep = {reset}\n"
        );
        let here = folder.path().display();
        let x = format!(
            "[Run]\nstep = echo run >>{here}/log-x; : <{here}/x-run\n\
             [Collect]\nstep = : <{here}/x-collect\nmeet = barrier:both\n\
             [Reset]\nstep = echo reset >>{here}/log-x; : <{here}/x-reset\n"
        );
        folder.worker("w", relay.port, &w).worker("x", other.port, &x);
        let scene = Self { folder, player, relay, other, pipe, open: RefCell::default() };
        for gate in GATES {
            scene.open(gate);
        }
        scene
    }

    /// One in which somebody waits for this moment to pass.
    pub fn waiting_at(moment: Moment, lines: &str) -> Self {
        let scene = Self::new(lines);
        scene.open.borrow_mut().clear();
        GATES.iter().filter(|gate| !moment.gates.contains(gate)).for_each(|gate| scene.open(gate));
        scene.other.refuse(moment.gates.is_empty());
        scene
    }

    fn open(&self, gate: &str) {
        let gate = open(self.folder.join(gate), OFlags::RDWR | OFlags::CLOEXEC, Mode::empty());
        self.open.borrow_mut().push(gate.expect("a gate").into());
    }

    pub fn start(&self) -> Conductor {
        Conductor::start(&self.folder)
    }

    /// Waits until it has come.
    #[track_caller]
    pub fn wait_for(&self, moment: Moment, conductor: &Conductor) {
        match moment.reached {
            Log(line) => eventually(moment.name, || self.log().contains(line)),
            Said(text) => conductor.wait_for(text),
        }
    }

    /// Lets whoever waits go on.
    pub fn release(&self, moment: Moment) {
        self.other.refuse(false);
        moment.gates.iter().for_each(|gate| self.open(gate));
    }

    /// The same one after the other, and waits until what they do then is done, as far as it is done without the conductor.
    #[track_caller]
    pub fn pass(&self, moment: Moment) {
        self.other.refuse(false);
        for gate in moment.gates {
            self.open(gate);
            if let Some(step) = gate.strip_prefix("w-") {
                let line = format!("1 {step} ends\n");
                eventually("the step goes on", || self.log().contains(&line));
            }
        }
    }

    /// What the steps of `w` wrote, in their order.
    pub fn log(&self) -> String {
        self.folder.read("log-w")
    }

    /// The report without times, run and folder.
    pub fn report(&self) -> Value {
        let text = self.folder.read("report.json").replace(&*self.folder.path().to_string_lossy(), "FOLDER");
        let mut report = serde_json::from_str(&text).unwrap_or_else(|error| panic!("no report: {error}: {text}"));
        strip(&mut report);
        report
    }

    /// Every step was run once, and what it came to is what comes of it when nothing happens.
    #[track_caller]
    pub fn assert_undisturbed(&self, name: &str, finished: &str, status: Option<i32>) {
        static UNDISTURBED: OnceLock<(Vec<String>, Value)> = OnceLock::new();
        let (log, report) = UNDISTURBED.get_or_init(|| {
            let scene = Self::new("");
            let (status, said) = scene.start().finish();
            assert_eq!(status, Some(3), "{said}");
            (lines(&scene.log()), scene.report())
        });
        assert_eq!(status, Some(3), "{name}: {finished}");
        assert_eq!(&lines(&self.log()), log, "{name}: {finished}");
        let (found, expected) = (format!("{:#}", self.report()), format!("{report:#}"));
        let other = found.lines().zip(expected.lines()).find(|(found, expected)| found != expected);
        assert!(found == expected, "{name}: {finished}\n{other:#?}");
    }
}

/// Lines in their order, but for those of the spawned step, which goes its own way.
fn lines(log: &str) -> Vec<String> {
    let mut lines: Vec<String> = log.lines().map(str::to_owned).collect();
    lines.sort_by_key(|line| line.contains("spawned"));
    lines
}

/// Takes out what differs from run to run.
fn strip(value: &mut Value) {
    /// Times, what they are measured with, and the configuration with its addresses and its lease.
    const VARY: &str = "configuration statistics start_time end_time timestamp started_at started_at_error started_late \
                        duration start_skew release_skew waited run player";
    match value {
        Value::Object(entries) => {
            // The phase `run` is an object; the run's name is not.
            entries.retain(|key, value| {
                !VARY.split(' ').any(|varies| varies == key) || (key == "run" && value.is_object())
            });
            entries.values_mut().for_each(strip);
        }
        Value::Array(values) => values.iter_mut().for_each(strip),
        _ => {}
    }
}

/// A conductor, and what it has said so far.
pub struct Conductor {
    pub child: Child,
    said: Arc<Mutex<String>>,
    reader: std::thread::JoinHandle<()>,
}

impl Conductor {
    /// Runs `test.cfg` of this folder, and writes `report.json`.
    pub fn start(folder: &Folder) -> Self {
        Self::with_report(folder, ["json", "report.json"])
    }

    /// The same with a report of this format in this file.
    pub fn with_report(folder: &Folder, [format, file]: [&str; 2]) -> Self {
        let arguments = ["conduct", "--verbose", "--format", format, "--output", file, "test.cfg"];
        let mut command = conductor(folder, arguments);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
        let mut output = BufReader::new(child.stderr.take().expect("a pipe"));
        let said = Arc::new(Mutex::new(String::new()));
        let heard = Arc::clone(&said);
        let reader = std::thread::spawn(move || {
            let mut line = String::new();
            while output.read_line(&mut line).is_ok_and(|count| count > 0) {
                heard.lock().expect("a text").push_str(&std::mem::take(&mut line));
            }
        });
        Self { child, said, reader }
    }

    pub fn said(&self) -> String {
        self.said.lock().expect("a text").clone()
    }

    /// Waits until it has said this.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let end = std::time::Instant::now() + super::DEADLINE;
        while !self.said().contains(text) {
            assert!(std::time::Instant::now() < end, "never said: {text}, but: {}", self.said());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }

    /// Its exit status, and all that it said.
    #[track_caller]
    pub fn finish(mut self) -> (Option<i32>, String) {
        let status = wait(&mut self.child);
        self.reader.join().expect("a reader ends");
        let said = self.said.lock().expect("a text").clone();
        (status.code(), said)
    }
}

/// Has something happen at every moment, each in a scene of its own, all at the same time.
pub fn at_every_moment(what: impl Fn(Moment) + Sync) {
    std::thread::scope(|scope| {
        let what = &what;
        let all = MOMENTS.map(|moment| (moment, scope.spawn(move || what(moment))));
        let failed: Vec<_> = all.into_iter().filter_map(|(moment, it)| it.join().err().map(|_| moment.name)).collect();
        assert!(failed.is_empty(), "failed: {failed:?}");
    });
}
