//! A hostile player: it is honest up to one point of the conversation, then says or does one thing that is not, and goes on,
//! falls silent or closes. What it says and does comes from a seed.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::expect_used,
    missing_docs,
    reason = "the test and the script use what they need of it, and both want it to end at what it does not get"
)]

pub mod campaign;
pub mod case;
mod connection;
mod deviation;
pub mod run;
pub mod words;

use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::soak::Random;
use case::{Case, State};
use connection::Connection;
use words::{Place, boottime};

/// How long a hostile player plays on once it has deviated, if it has not all the time in the world.
const PATIENCE: [Duration; 2] = [Duration::from_millis(700), Duration::from_secs(3)];

/// What the players of a run share.
#[derive(Debug, Default)]
pub struct Shared {
    /// The conductor has ended.
    pub is_over: AtomicBool,
    /// How many wait for the order to stop.
    pub waiting: AtomicUsize,
    /// A folder that nothing may be written to.
    pub forbidden: String,
}

/// The conversation is over: the run has ended, or the player wants no more of it.
#[derive(Debug)]
pub struct Over;

/// Plays a worker until the run is over; whether it came to the point at which it deviates. Without a case it is honest.
pub fn play(listener: TcpListener, case: Option<Case>, shared: &Shared) -> bool {
    let seed = case.as_ref().map_or(1, |case| case.seed);
    let place = Place { trial: 1, phase: "run".to_owned(), forbidden: shared.forbidden.clone(), ..Place::default() };
    let mut player = Player {
        connection: Connection::new(listener, shared),
        case,
        random: Random(seed ^ 0x5EED),
        shared,
        deviated: false,
        met: 0,
        plan: Value::Null,
        place,
        ready: None,
    };
    let Over = player.converse().err().unwrap_or(Over);
    // Whoever asks again hears that there is nothing any more.
    player.connection.refuse_all();
    player.deviated
}

struct Player<'a> {
    connection: Connection<'a>,
    case: Option<Case>,
    random: Random,
    shared: &'a Shared,
    deviated: bool,
    met: usize,
    plan: Value,
    place: Place,
    /// The phase for which it has said that it is ready.
    ready: Option<(u64, String)>,
}

impl Player<'_> {
    fn converse(&mut self) -> Result<(), Over> {
        self.connection.accept()?;
        self.at(State::Connected)?;
        self.connection.hear_hello()?;
        self.at(State::Greeted)?;
        self.connection.say_welcome("new");
        self.at(State::Welcomed)?;
        loop {
            let message = self.message()?;
            match message["type"].as_str() {
                Some("plan") => {
                    self.plan = message;
                    self.at(State::Planned)?;
                    self.say(json!({"type": "plan_taken"}))?;
                    self.at(State::PlanTaken)?;
                }
                Some("arm") => self.arm(&message)?,
                Some("go") => self.phase(&message)?,
                Some("stop") => self.stop()?,
                Some("end_trial") => self.end_trial()?,
                Some("bye") => {
                    self.at(State::Parting)?;
                    return Err(Over);
                }
                _ => {}
            }
        }
    }

    /// The next message of the conductor's. What is resumed has its own point.
    fn message(&mut self) -> Result<Value, Over> {
        let again = self.case.as_ref().map(|case| case.again);
        let message = self.connection.message(again, &mut self.random)?;
        self.place.heard = self.connection.heard();
        self.place.probe = self.connection.probe;
        Ok(message)
    }

    fn say(&mut self, message: Value) -> Result<(), Over> {
        self.connection.say(message);
        self.connection.not_over()
    }

    /// This is a point of the conversation: if it is the case's, what is wrong is done here.
    fn at(&mut self, state: State) -> Result<(), Over> {
        let Some(case) = self.case.clone().filter(|case| !self.deviated && case.state == state) else { return Ok(()) };
        self.met += 1;
        if self.met <= case.occasion {
            return Ok(());
        }
        self.deviated = true;
        if !case.patient {
            let patience = *self.random.one_of(&PATIENCE);
            self.connection.lose_patience_within(patience);
        }
        self.deviate(&case)
    }

    fn is(&self, state: State) -> bool {
        !self.deviated && self.case.as_ref().is_some_and(|case| case.state == state)
    }

    fn arm(&mut self, message: &Value) -> Result<(), Over> {
        self.place.trial = u32::try_from(message["trial"].as_u64().unwrap_or(1)).unwrap_or(1);
        message["phase"].as_str().unwrap_or("run").clone_into(&mut self.place.phase);
        self.at(State::Arming)?;
        self.say(json!({"type": "armed", "trial": message["trial"], "phase": message["phase"]}))?;
        self.at(State::Armed)
    }

    fn phase(&mut self, go: &Value) -> Result<(), Over> {
        self.place.step = 0;
        self.at(State::Going)?;
        let phase = go["phase"].as_str().unwrap_or("run").to_owned();
        if phase == "run" && (self.is(State::Leaving) || self.is(State::Left)) {
            return self.leave();
        }
        if phase == "run" && self.is(State::Stopping) {
            self.shared.waiting.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let steps = self.plan[&phase].as_array().cloned().unwrap_or_default();
        for (position, step) in steps.iter().enumerate() {
            self.place.step = position;
            if !self.step(step)? {
                return Ok(());
            }
        }
        self.place.step = 0;
        self.through()
    }

    fn through(&mut self) -> Result<(), Over> {
        self.say(json!({"type": "phase_ended", "trial": self.place.trial, "phase": self.place.phase}))?;
        self.at(State::Through)
    }

    fn stop(&mut self) -> Result<(), Over> {
        self.at(State::Stopping)?;
        self.through()
    }

    /// The fields of every message about the step that is on.
    fn here(&self, kind: &str, more: &Value) -> Value {
        let Place { trial, phase, step, .. } = &self.place;
        let mut message = json!({"type": kind, "trial": trial, "phase": phase, "step": step});
        message.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        message
    }

    fn say_here(&mut self, kind: &str, more: &Value) -> Result<(), Over> {
        let message = self.here(kind, more);
        self.say(message)
    }

    /// Does a step; whether the phase goes on.
    fn step(&mut self, step: &Value) -> Result<bool, Over> {
        let action = step["action"]["is"].as_str().unwrap_or_default();
        let goes_on = match action {
            "barrier" => self.barrier()?,
            "fetch" => self.fetch()?,
            "put" => self.put()?,
            _ => return self.command(step["spawn"] == true).map(|()| true),
        };
        if goes_on {
            self.ended(0, &json!({"is": "exit", "status": 0}))?;
        }
        Ok(goes_on)
    }

    fn ended(&mut self, stdout: u64, outcome: &Value) -> Result<(), Over> {
        self.say_here("step_ended", &json!({"outcome": outcome, "duration": 1_000_000, "stdout": stdout, "stderr": 0}))
    }

    fn command(&mut self, is_spawned: bool) -> Result<(), Over> {
        let stream = self.place.stream;
        self.place.stream += 2;
        let start = json!({"at": boottime(), "late": 0, "pid": 1, "stdout": stream, "stderr": stream + 1});
        self.say_here("step_started", &start)?;
        self.place.open.extend([(stream, 0), (stream + 1, 0)]);
        if self.place.phase == "reset" {
            self.at(State::Resetting)?;
        } else if !is_spawned {
            self.at(State::Started)?;
            if self.is(State::Resumed) {
                self.connection.close();
                self.connection.resume()?;
                self.at(State::Resumed)?;
                self.connection.repeat();
            }
        }
        if is_spawned {
            self.ended(0, &json!({"is": "spawned"}))?;
            return self.at(State::Spawned);
        }
        // What others print is a file each, and time.
        let [first, second]: [&[u8]; 2] =
            if self.place.phase == "run" { [b"honest ", b"output\n"] } else { [b"", b""] };
        self.print(stream, first)?;
        self.at_step(State::HalfPrinted)?;
        self.ended((first.len() + second.len()) as u64, &json!({"is": "exit", "status": 0}))?;
        self.at_step(State::EndTold)?;
        self.print(stream, second)?;
        self.place.open.retain(|(open, _)| *open < stream);
        self.at_step(State::StepOver)
    }

    fn at_step(&mut self, state: State) -> Result<(), Over> {
        if self.place.phase == "reset" { Ok(()) } else { self.at(state) }
    }

    fn print(&mut self, stream: u32, bytes: &[u8]) -> Result<(), Over> {
        if bytes.is_empty() {
            return Ok(());
        }
        let Some(open) = self.place.open.iter_mut().find(|(open, _)| *open == stream) else { return Ok(()) };
        let offset = open.1;
        open.1 += bytes.len() as u64;
        self.connection.say_data(stream, offset, bytes);
        self.connection.not_over()
    }

    /// Waits for one of these messages; `None` when the phase is to be stopped instead.
    fn wait_for(&mut self, kinds: &[&str]) -> Result<Option<Value>, Over> {
        loop {
            let message = self.message()?;
            match message["type"].as_str() {
                Some("stop") => return self.stop().map(|()| None),
                Some("bye") => return Err(Over),
                Some(kind) if kinds.contains(&kind) => return Ok(Some(message)),
                _ => {}
            }
        }
    }

    fn barrier(&mut self) -> Result<bool, Over> {
        self.say_here("barrier_reached", &json!({}))?;
        self.at(State::AtBarrier)?;
        let released = self.wait_for(&["release", "fail_barrier"])?;
        if released.is_some() {
            self.at(State::Released)?;
        }
        Ok(released.is_some())
    }

    fn fetch(&mut self) -> Result<bool, Over> {
        let stream = self.place.stream;
        self.place.stream += 1;
        self.say_here("file", &json!({"stream": stream, "name": "honest.log", "mode": 0o644}))?;
        self.place.open.push((stream, 0));
        self.print(stream, b"honest ")?;
        self.at(State::Fetching)?;
        self.print(stream, b"output\n")?;
        let digest = "cbfd4e323c890e7ef290387bbc829ae90ceea79819b000df30fb6bf65c5dab03";
        self.say(json!({"type": "file_ended", "stream": stream, "length": 14, "digest": digest}))?;
        self.at(State::Fetched)?;
        self.place.open.retain(|(open, _)| *open != stream);
        Ok(self.wait_for(&["file_taken"])?.is_some())
    }

    fn put(&mut self) -> Result<bool, Over> {
        self.say_here("put_wanted", &json!({}))?;
        self.at(State::PutWanted)?;
        if self.wait_for(&["file"])?.is_none() {
            return Ok(false);
        }
        self.at(State::Putting)?;
        if self.wait_for(&["file_ended"])?.is_none() {
            return Ok(false);
        }
        self.say_here("put_over", &json!({}))?;
        Ok(true)
    }

    /// Leaves on its own account: its Reset runs, and it says what became of it.
    fn leave(&mut self) -> Result<(), Over> {
        self.say(json!({"type": "leaving", "reason": "the player was shut down"}))?;
        self.at(State::Leaving)?;
        self.through()?;
        "reset".clone_into(&mut self.place.phase);
        self.command(false)?;
        self.say(json!({"type": "phase_ended", "trial": self.place.trial, "phase": "reset"}))?;
        self.say(json!({"type": "left", "summary": "the player was shut down; Reset was run"}))?;
        self.at(State::Left)?;
        self.connection.close_half();
        Ok(())
    }

    fn end_trial(&mut self) -> Result<(), Over> {
        self.at(State::TrialEnding)?;
        let (trial, phase) = (self.place.trial, "startup");
        let spawned = self.plan[phase].as_array().cloned().unwrap_or_default();
        for (step, _) in spawned.iter().enumerate().filter(|(_, step)| step["spawn"] == true) {
            let outcome = json!({"is": "stopped"});
            self.say(
                json!({"type": "spawned_ended", "trial": trial, "phase": phase, "step": step, "outcome": outcome}),
            )?;
        }
        self.say(json!({"type": "trial_ended", "trial": trial}))
    }
}
