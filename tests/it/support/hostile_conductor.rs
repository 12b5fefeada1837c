//! A hostile conductor. It begins as an honest one, of ours or of the Python program, until the player is in a certain
//! state; there it says something of a certain type that does not belong there, or has strange fields; and then it goes on
//! honestly, comes again, floods, falls silent or leaves.
//!
//! A case is known by its number and the seed. The first cases go through every state and type once, the others are drawn.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "the test and the script use what they need of it"
)]

mod talk;
mod words;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::soak::Random;
use super::wire::{frame, read_frame};
use talk::{Heard, Talk};
use words::{LARGEST_PLANS, NAMES, NOTHING, Speaker, short_hello, short_plan};

pub use words::KINDS;

/// How far the honest beginning goes.
pub const STATES: [&str; 19] = [
    "connected",
    "half a hello",
    "welcomed",
    "plan sent",
    "armed",
    "running",
    "spawned",
    "at a barrier",
    "phase ended",
    "putting",
    "fetching",
    "in reset",
    "trial over",
    "leaving",
    "disconnected",
    "resumed",
    "python sent",
    "python running",
    "python results",
];

/// How many pairs of a state and a type there are.
pub const CELLS: usize = STATES.len() * KINDS.len();

/// How long an honest beginning may take, on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it goes on honestly after it was hostile, and how long it waits for a word of the player's meanwhile.
const GOES_ON: Duration = Duration::from_millis(800);
const QUIET: Duration = Duration::from_millis(150);

/// One case.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub number: usize,
    seed: u64,
    pub state: usize,
    pub kind: usize,
    tries: usize,
}

impl Case {
    pub fn new(seed: u64, number: usize) -> Self {
        // The order is mixed, so that what comes together is of different kinds.
        const STEP: usize = 389;
        let mut random = Random(seed ^ (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let cell = |random: &mut Random| random.below(CELLS);
        // The largest plans take as much time as hundreds of other cases.
        let is_costly = |cell: usize| KINDS[cell % KINDS.len()] == "largest plan";
        let drawn = cell(&mut random);
        let drawn = if is_costly(drawn) && random.below(4) > 0 { cell(&mut random) } else { drawn };
        let cell = if number < CELLS { number * STEP % CELLS } else { drawn };
        Self {
            number,
            seed: seed ^ ((number as u64) << 20),
            state: cell / KINDS.len(),
            kind: cell % KINDS.len(),
            tries: 0,
        }
    }

    /// The same, begun anew; it has another name.
    pub fn again(self, tries: usize) -> Self {
        Self { tries, ..self }
    }

    /// What nobody else is called.
    pub fn name(&self) -> String {
        if self.tries == 0 { self.number.to_string() } else { format!("{}.{}", self.number, self.tries) }
    }

    /// Whether it speaks as the Python program does.
    pub fn is_python(&self) -> bool {
        STATES[self.state].starts_with("python")
    }

    /// Whether the steps are those of the honest beginning, so that it is known what has to be reset.
    pub fn has_honest_plan(&self) -> bool {
        self.state >= 3 && self.state != 14 && !self.is_python()
    }
}

/// What became of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// The honest beginning did not come as far as it should.
    NotReached,
    /// The player said that it leaves.
    Left,
    /// It closed the connection.
    Closed,
    /// It cut the connection off.
    Reset,
    /// The conductor went first.
    WeWent,
    /// It was still there when the case was over.
    Open,
    /// The player refused what it has to take, or took what it has to refuse.
    Wrong,
}

impl End {
    pub const ALL: [Self; 7] =
        [Self::NotReached, Self::Left, Self::Closed, Self::Reset, Self::WeWent, Self::Open, Self::Wrong];
}

/// Where a case is played.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The player.
    pub port: u16,
    /// Where steps leave their marks, in a file of the case's number.
    pub marks: &'a Path,
    /// Where files are put and fetched from.
    pub files: &'a Path,
    /// A port that takes results and throws them away; nobody else uses it meanwhile.
    pub results: &'a Sink,
    /// Whoever sends the largest plan to this player.
    pub large: &'a Mutex<()>,
}

/// Plays a case.
pub fn play(case: Case, place: Place<'_>) -> End {
    let speaker = Speaker {
        worker: format!("w{}", case.name()),
        phase: "run",
        results: place.results.port(),
        number: 0,
        has_sent_phases: false,
    };
    let random = Random(case.seed);
    Conductor { case, place, speaker, random, attempts: 1 }.play()
}

struct Conductor<'a> {
    case: Case,
    place: Place<'a>,
    speaker: Speaker,
    random: Random,
    attempts: usize,
}

impl Conductor<'_> {
    fn play(mut self) -> End {
        let (state, kind) = (STATES[self.case.state], KINDS[self.case.kind]);
        // One at a time on each player: what such a plan takes of memory is bounded for each session.
        let _alone = (kind == "largest plan").then(|| self.place.large.lock().expect("a lock"));
        let Some(mut talk) = self.reach(state) else { return End::NotReached };
        let end = match kind {
            "largest plan" => self.largest_plan(&mut talk, state == "welcomed"),
            kind => self.deviate(&mut talk, kind).then_some(()).ok_or(End::WeWent),
        };
        let end = end.map_or_else(|end| end, |()| self.go_on(&mut talk));
        drop(talk);
        self.clean_up();
        self.run_phases();
        end
    }

    /// Sends a plan as large as one may be, or one that is larger. A player that waits for a plan takes only the former.
    fn largest_plan(&mut self, talk: &mut Talk, is_due: bool) -> Result<(), End> {
        let is_larger = !is_due && self.random.below(2) == 0;
        let which = if is_larger { self.random.below(LARGEST_PLANS) } else { 0 };
        let bytes = self.speaker.largest_plan(which);
        let _ = talk.stream().set_write_timeout(Some(PATIENCE));
        talk.write(&bytes);
        if !is_due {
            return Ok(());
        }
        talk.expect("plan_taken").ok_or(End::Wrong)?;
        for which in 1..LARGEST_PLANS {
            let worker = format!("{}-{which}", self.speaker.worker);
            let mut other = self.welcomed(&self.hello(&worker)).ok_or(End::NotReached)?;
            let _ = other.stream().set_write_timeout(Some(PATIENCE));
            other.write(&Speaker { worker, number: 0, ..self.speaker.clone() }.largest_plan(which));
            if other.expect("plan_taken").is_some() {
                return Err(End::Wrong);
            }
        }
        Ok(())
    }

    /// A plan may have a lease of hundreds of years. Whoever begins another session of the worker ends that.
    fn clean_up(&mut self) {
        if !self.case.has_honest_plan() && !self.case.is_python() {
            let mut data = short_hello(&self.speaker.worker, 1);
            data["session"] = json!(1_u64 << 40);
            data["check"] = json!(false);
            // No session is begun: this incarnation is not there.
            data["incarnation"] = json!("none");
            if let Some(mut talk) = Talk::connect(self.place.port) {
                talk.write(&envelope("hello", &data));
                talk.hear(Instant::now() + Duration::from_secs(2));
            }
        }
    }

    /// A phase that was downloaded holds the player for half a minute, unless it is run.
    fn run_phases(&self) {
        if self.speaker.has_sent_phases
            && let Some(mut talk) = Talk::connect(self.place.port)
        {
            talk.write(&envelope("run", &json!({})));
        }
    }

    /// Comes to a state as an honest conductor does.
    fn reach(&mut self, state: &str) -> Option<Talk> {
        match state {
            "connected" | "disconnected" => {
                if state == "disconnected" {
                    let mut talk = self.session()?;
                    self.plan(
                        &mut talk,
                        &json!({"run": [self.mark("s") + "; exec sleep 5"], "reset": [self.mark("r")]}),
                    );
                    self.go(&mut talk, "step_started")?;
                    self.attempts += 1;
                }
                Talk::connect(self.place.port)
            }
            "half a hello" => {
                let mut talk = Talk::connect(self.place.port)?;
                let hello = envelope("hello", &short_hello(&self.speaker.worker, 1));
                talk.write(&hello[..=self.random.below(hello.len() - 1)]);
                Some(talk)
            }
            "welcomed" => self.session(),
            _ if self.case.is_python() => self.reach_python(state),
            _ => {
                let mut talk = self.session()?;
                self.reach_with_plan(state, &mut talk)?;
                if state != "resumed" {
                    return Some(talk);
                }
                let (next, heard) = (self.speaker.number, talk.next);
                drop(talk);
                self.attempts += 1;
                let mut data = short_hello(&self.speaker.worker, self.attempts);
                data["next"] = json!(heard);
                let mut talk = self.welcomed(&data)?;
                talk.next = heard;
                self.speaker.number = next;
                Some(talk)
            }
        }
    }

    fn reach_with_plan(&mut self, state: &str, talk: &mut Talk) -> Option<()> {
        let (started, reset) = (self.mark("s"), self.mark("r"));
        let mut plan = short_plan(&json!({"run": [started], "reset": [reset]}));
        match state {
            "running" | "leaving" | "resumed" => plan["run"][0]["command"] = json!(started + "; exec sleep 5"),
            "spawned" => {
                plan["run"][0]["command"] = json!(started + "; exec sleep 30");
                plan["run"][0]["spawn"] = json!(true);
            }
            "at a barrier" => {
                plan["run"] = push(&plan["run"], json!({"label": "b", "action": {"is": "barrier", "name": "b"}}));
            }
            "putting" => {
                let remote = self.put_folder().display().to_string() + "/";
                plan["run"] = push(&plan["run"], json!({"label": "p", "action": {"is": "put", "remote": remote}}));
            }
            "fetching" => {
                let pattern = self.place.files.join("fetch/**").display().to_string();
                plan["run"] = push(&plan["run"], json!({"label": "f", "action": {"is": "fetch", "pattern": pattern}}));
            }
            "in reset" => plan["reset"][0]["command"] = json!(reset + "; exec sleep 0.3"),
            _ => {}
        }
        self.send(talk, plan);
        if state == "plan sent" {
            return Some(());
        }
        talk.expect("plan_taken")?;
        talk.expect("armed")?;
        match state {
            "armed" => return Some(()),
            "running" | "resumed" => return self.go(talk, "step_started").map(drop),
            "at a barrier" => return self.go(talk, "barrier_reached").map(drop),
            "putting" => return self.go(talk, "put_wanted").map(drop),
            "fetching" => return self.go(talk, "file").map(drop),
            "leaving" => {
                self.go(talk, "step_started")?;
                self.send(talk, json!({"type": "bye"}));
                return talk.expect("leaving").map(drop);
            }
            _ => self.go(talk, "phase_ended")?,
        };
        match state {
            "phase ended" => return Some(()),
            // What is spawned goes on while Reset runs.
            "spawned" => return self.wait_for_mark(),
            _ => {}
        }
        self.speaker.phase = "reset";
        if state == "in reset" {
            return self.go(talk, "step_started").map(drop);
        }
        self.go(talk, "phase_ended")?;
        self.send(talk, json!({"type": "end_trial", "trial": 1}));
        talk.expect("trial_ended").map(drop)
    }

    fn reach_python(&mut self, state: &str) -> Option<Talk> {
        let wanted = (state == "python results").then(|| self.place.results.want());
        let command = format!("{}; sleep 0.02", self.mark("s"));
        let steps = json!([{"command": command, "spawn": false, "timeout": 5}]);
        let phase = json!({"resulthost": "127.0.0.1", "resultport": self.speaker.results, "steps": steps});
        let end = Instant::now() + PATIENCE;
        // What others of the same address have sent is run before.
        loop {
            let mut talk = Talk::connect(self.place.port)?;
            talk.write(&envelope("phase", &phase));
            match talk.hear(end) {
                Heard::Message(answer) if answer["data"]["code"] == 0 => break,
                Heard::Late => return None,
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
            if Instant::now() > end {
                return None;
            }
        }
        self.speaker.has_sent_phases = true;
        let mut talk = Talk::connect(self.place.port)?;
        if state == "python sent" {
            return Some(talk);
        }
        talk.write(&envelope("run", &json!({})));
        self.wait_for_mark()?;
        let Some(wanted) = wanted else { return Some(talk) };
        Talk::on(wanted.recv_timeout(end.saturating_duration_since(Instant::now())).ok()?)
    }

    /// Says something that does not belong here; whether the connection is still there then.
    fn deviate(&mut self, talk: &mut Talk, kind: &str) -> bool {
        match kind {
            "flood" => {
                let kind =
                    *self.random.one_of(&["heartbeat", "probe", "arm", "acknowledge", "withdraw", "unknown type"]);
                self.flood(talk, kind, 300);
            }
            "large flood" => {
                let kind = *self.random.one_of(&["part", "data", "long text", "garbage", "warning"]);
                self.flood(talk, kind, 40);
            }
            "drip" => {
                let bytes = self.speaker.says("go", &mut self.random);
                for byte in bytes.iter().take(30) {
                    talk.write(&[*byte]);
                    std::thread::sleep(Duration::from_millis(3));
                }
            }
            "silence" => std::thread::sleep(Duration::from_millis(50 + self.random.below(900) as u64)),
            "half-close" => drop(talk.stream().shutdown(Shutdown::Write)),
            "close" => return false,
            "reset" => {
                talk.cut();
                return false;
            }
            "second hello" => {
                let bytes = self.speaker.says(kind, &mut self.random);
                if let Some(mut other) = Talk::connect(self.place.port) {
                    other.write(&bytes);
                    other.hear(Instant::now() + Duration::from_millis(200));
                }
            }
            _ => {
                for _ in 0..=self.random.below(3) {
                    let bytes = self.speaker.says(kind, &mut self.random);
                    talk.write(&bytes);
                }
            }
        }
        true
    }

    fn flood(&mut self, talk: &mut Talk, kind: &str, times: usize) {
        if kind == "largest plan" {
            return;
        }
        let mut bytes = Vec::new();
        for _ in 0..times {
            bytes.extend(self.speaker.says(kind, &mut self.random));
        }
        talk.write(&bytes);
    }

    fn go_on(&mut self, talk: &mut Talk) -> End {
        match self.random.below(10) {
            0..3 => self.be_honest(talk),
            3 => {
                let kind = *self.random.one_of(&KINDS);
                self.flood(talk, kind, 30);
                talk.end(Instant::now() + Duration::from_millis(100))
            }
            4 => {
                std::thread::sleep(Duration::from_millis(700));
                talk.end(Instant::now() + Duration::from_millis(1))
            }
            5 => self.come_again(),
            _ => talk.end(Instant::now() + Duration::from_millis(20)),
        }
    }

    /// Answers what the player says, as an honest conductor does, for a while.
    fn be_honest(&mut self, talk: &mut Talk) -> End {
        let end = Instant::now() + GOES_ON;
        if STATES[self.case.state] == "putting" {
            self.put(talk, &json!({"trial": 1, "phase": "run", "step": 1}));
        }
        loop {
            let message = match talk.hear(end.min(Instant::now() + QUIET)) {
                Heard::Message(message) => message,
                Heard::Data => continue,
                Heard::Late => return End::Open,
                Heard::Closed => return talk.how_it_ended(),
            };
            let (trial, phase) = (&message["trial"], &message["phase"]);
            let answer = match message["type"].as_str().unwrap_or_default() {
                "armed" => json!({"type": "go", "trial": trial, "phase": phase}),
                "barrier_reached" => {
                    json!({"type": "release", "trial": trial, "phase": phase, "step": message["step"]})
                }
                "put_wanted" => {
                    self.put(talk, &message);
                    continue;
                }
                "file_ended" => json!({"type": "file_taken", "stream": message["stream"]}),
                "phase_ended" if phase == "reset" => json!({"type": "end_trial", "trial": trial}),
                "trial_ended" => json!({"type": "bye"}),
                _ => continue,
            };
            self.send(talk, answer);
        }
    }

    /// Sends the file that a step of this place wants, under some name.
    fn put(&mut self, talk: &mut Talk, place: &Value) {
        let number = self.case.number.to_string();
        let name = if self.random.below(2) == 0 { &number } else { *self.random.one_of(&NAMES) };
        let file = json!({"type": "file", "trial": place["trial"], "phase": place["phase"], "step": place["step"],
                          "stream": 9, "name": name, "mode": 0o644});
        self.send(talk, file);
        self.send(talk, json!({"type": "file_ended", "stream": 9, "length": 0, "digest": NOTHING}));
    }

    /// Comes again over another connection, and may lie about what it has.
    fn come_again(&mut self) -> End {
        self.attempts += 1 + self.random.below(3);
        let mut data = short_hello(&self.speaker.worker, self.attempts);
        data["next"] = json!(*self.random.one_of(&[0, 1, 2, 5, u64::MAX]));
        if self.random.below(4) == 0 {
            data["secret"] = json!("of somebody else");
        }
        let Some(mut talk) = Talk::connect(self.place.port) else { return End::Closed };
        talk.write(&envelope("hello", &data));
        self.be_honest(&mut talk)
    }

    /// A session, once nobody else holds the player.
    fn session(&mut self) -> Option<Talk> {
        self.welcomed(&self.hello(&self.speaker.worker))
    }

    /// The first `hello` of a worker. Nobody takes silence amiss while the largest plan is made, sent and read.
    fn hello(&self, worker: &str) -> Value {
        let mut data = short_hello(worker, 1);
        if KINDS[self.case.kind] == "largest plan" {
            data["lease"] = json!(60_000_000_000_u64);
        }
        data
    }

    fn welcomed(&mut self, data: &Value) -> Option<Talk> {
        let end = Instant::now() + PATIENCE;
        loop {
            let mut talk = Talk::connect(self.place.port)?;
            talk.write(&envelope("hello", data));
            match talk.hear(end) {
                Heard::Message(answer) if answer["type"] == "welcome" => return Some(talk),
                Heard::Message(answer) if answer["data"]["reason"] == "busy" && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(30));
                }
                _ => return None,
            }
        }
    }

    fn plan(&mut self, talk: &mut Talk, phases: &Value) {
        self.send(talk, short_plan(phases));
    }

    /// Starts the phase, and waits for a message of this type.
    fn go(&mut self, talk: &mut Talk, until: &str) -> Option<Value> {
        self.send(talk, json!({"type": "go", "trial": 1, "phase": self.speaker.phase}));
        talk.expect(until)
    }

    fn send(&mut self, talk: &mut Talk, mut message: Value) {
        message["number"] = json!(self.speaker.number);
        self.speaker.number = self.speaker.number.wrapping_add(1);
        talk.write(&frame(message.to_string().as_bytes()));
    }

    fn mark_file(&self) -> std::path::PathBuf {
        self.place.marks.join(self.case.name())
    }

    fn wait_for_mark(&self) -> Option<()> {
        let end = Instant::now() + PATIENCE;
        while !self.mark_file().exists() {
            if Instant::now() > end {
                return None;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(())
    }

    /// A command that leaves a mark and the trial.
    fn mark(&self, mark: &str) -> String {
        format!("echo {mark} $CONDUCTOR_TRIAL >>{}", self.mark_file().display())
    }

    /// A folder to put files into, with a link that leads out of it.
    fn put_folder(&self) -> std::path::PathBuf {
        let folder = self.place.files.join("put").join(self.case.name());
        std::fs::create_dir(&folder).expect("a folder");
        let outside = self.place.files.join("outside/untouched");
        std::os::unix::fs::symlink(outside, folder.join("link")).expect("a link");
        folder
    }
}

fn push(list: &Value, more: Value) -> Value {
    let mut list = list.as_array().cloned().unwrap_or_default();
    list.push(more);
    Value::Array(list)
}

fn envelope(kind: &str, data: &Value) -> Vec<u8> {
    frame(json!({"version": 1, "type": kind, "data": data}).to_string().as_bytes())
}

/// A port that takes results and throws them away, but for those that a case wants to have.
#[derive(Debug)]
pub struct Sink {
    listener: TcpListener,
    wanted: Arc<Mutex<Option<Sender<TcpStream>>>>,
}

impl Sink {
    pub fn open() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let taking = listener.try_clone().expect("another descriptor");
        let wanted: Arc<Mutex<Option<Sender<TcpStream>>>> = Arc::default();
        let sink = Self { listener, wanted: Arc::clone(&wanted) };
        std::thread::spawn(move || {
            while let Ok((mut stream, _)) = taking.accept() {
                if let Some(to) = wanted.lock().expect("a lock").take() {
                    match to.send(stream) {
                        Ok(()) => continue,
                        Err(not_wanted) => stream = not_wanted.0,
                    }
                }
                let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
                let _ = read_frame(&mut stream);
            }
        });
        sink
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().expect("an address").port()
    }

    /// Has the next connection for the receiver.
    fn want(&self) -> Receiver<TcpStream> {
        let (to, wanted) = channel();
        *self.wanted.lock().expect("a lock") = Some(to);
        wanted
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        // Whoever waits for a connection there sees that it is over.
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
    }
}
