//! What a hostile player may say: each message of the protocol with fields that are made up, and bytes that are no message.

use serde_json::{Map, Value, json};

use super::super::soak::Random;
use super::super::wire::{frame, hello};

/// Every message of a player, every signal, and the two other kinds of numbered frames.
pub const PLAYER: [&str; 27] = [
    "plan_taken",
    "versions",
    "armed",
    "step_started",
    "step_ended",
    "spawned_ended",
    "step_settled",
    "barrier_reached",
    "withdraw",
    "file",
    "file_ended",
    "put_wanted",
    "put_over",
    "phase_ended",
    "trial_ended",
    "leaving",
    "left",
    "stalled",
    "warning",
    "log",
    "heartbeat",
    "probe",
    "probe_answer",
    "acknowledge",
    "part",
    "data",
    "unknown_type",
];

/// What only a conductor says, and what only opens a connection.
pub const FOREIGN: [&str; 13] = [
    "plan",
    "arm",
    "go",
    "stop",
    "release",
    "fail_barrier",
    "file_taken",
    "end_trial",
    "bye",
    "hello",
    "welcome",
    "refused",
    "result",
];

/// What is no message.
pub const MALFORMED: [&str; 14] = [
    "not_json",
    "array",
    "no_type",
    "no_number",
    "wrong_number",
    "deep",
    "not_utf8",
    "duplicate_keys",
    "empty_frame",
    "huge_length",
    "cut_frame",
    "garbage",
    "http",
    "tls",
];

/// What is done instead of saying one thing.
pub const ACTS: [&str; 8] = ["flood", "alternate", "warnings", "drip", "silence", "close", "reset", "reconnect"];

/// All of these.
pub fn kinds() -> Vec<&'static str> {
    [&PLAYER[..], &FOREIGN, &MALFORMED, &ACTS].concat()
}

/// Where in the conversation somebody is: what an honest message would be about.
#[derive(Debug, Clone, Default)]
pub struct Place {
    pub trial: u32,
    pub phase: String,
    pub step: usize,
    /// The streams that were announced, with how much was sent of each.
    pub open: Vec<(u32, u64)>,
    /// The next stream that was not announced.
    pub stream: u32,
    /// How many frames of the conductor's have come.
    pub heard: u64,
    /// The stamp of the last probe.
    pub probe: u64,
    /// A folder that nothing may be written to.
    pub forbidden: String,
}

/// A frame that is to be sent.
#[derive(Debug, Clone)]
pub enum Frame {
    /// It gets the next number.
    Numbered(Value),
    /// The same for bytes of a stream.
    Data(u32, u64, Vec<u8>),
    /// These bytes.
    Raw(Vec<u8>),
}

const NUMBERS: [u64; 16] = [
    0,
    1,
    2,
    3,
    7,
    99,
    255,
    65_535,
    1 << 31,
    u32::MAX as u64,
    1 << 32,
    1 << 53,
    1 << 62,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// A frame of this kind: about where the conversation is, or with made-up fields.
pub fn say(kind: &str, place: &Place, random: &mut Random) -> Frame {
    match kind {
        "data" => data(place, random),
        "heartbeat" | "probe" | "probe_answer" | "acknowledge" => {
            Frame::Raw(frame(text(kind, place, random).as_bytes()))
        }
        "hello" | "welcome" | "refused" | "result" => {
            Frame::Raw(frame(greeting(kind, place, random).to_string().as_bytes()))
        }
        kind if MALFORMED.contains(&kind) => malformed(kind, place, random),
        kind => Frame::Numbered(made_up(kind, place, random)),
    }
}

fn text(kind: &str, place: &Place, random: &mut Random) -> String {
    made_up(kind, place, random).to_string()
}

/// A message whose fields may be wrong, each for itself; one in three is what an honest player might say here.
fn made_up(kind: &str, place: &Place, random: &mut Random) -> Value {
    let mut message = message(kind, place, random);
    if let (Value::Object(fields), true) = (&mut message, random.below(3) > 0) {
        mutate(fields, place, random);
    }
    message["type"] = kind.into();
    message
}

fn mutate(fields: &mut Map<String, Value>, place: &Place, random: &mut Random) {
    for name in fields.keys().cloned().collect::<Vec<_>>() {
        match random.below(12) {
            0..=3 => drop(fields.insert(name.clone(), field(&name, place, random))),
            4 => drop(fields.insert(name, anything(random, 0))),
            5 => drop(fields.remove(&name)),
            _ => {}
        }
    }
    if random.below(8) == 0 {
        fields.insert("new".to_owned(), anything(random, 0));
    }
}

/// Another value that a field of this name may have.
fn field(name: &str, place: &Place, random: &mut Random) -> Value {
    match name {
        "phase" => (*random.one_of(&["startup", "run", "collect", "reset"])).into(),
        "trial" => (*random.one_of(&[0, 1, 2, 3, u64::from(u32::MAX)])).into(),
        "step" => (*random.one_of(&[0, 1, 2, 3, 4, 5, 1 << 20, u64::MAX])).into(),
        "outcome" => outcome(random),
        "name" => file_name(place, random),
        "reason" | "summary" | "text" | "why" | "failed" | "error" => words(random).into(),
        "holders" | "not_stopped" => processes(random),
        "attempts" => attempts(random),
        "unsettled" | "leaky" | "grew" | "last" => (random.below(2) == 0).into(),
        "forced" => json!({"signal": *random.one_of(&[0, 9, -1, i32::MAX]), "after": number(random)}),
        "digest" => "0".repeat(random.below(80)).into(),
        _ => number(random).into(),
    }
}

fn number(random: &mut Random) -> u64 {
    let number = *random.one_of(&NUMBERS);
    if random.below(2) == 0 { number } else { number.wrapping_add(random.below(5) as u64).wrapping_sub(2) }
}

/// What an honest player might say.
fn message(kind: &str, place: &Place, random: &mut Random) -> Value {
    let Place { trial, phase, step, stream, .. } = place;
    let at = json!({"trial": trial, "phase": phase, "step": step});
    let with = |more: Value| {
        let mut all = at.clone();
        all.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        all
    };
    match kind {
        "armed" | "phase_ended" | "arm" | "go" | "stop" => json!({"trial": trial, "phase": phase}),
        "barrier_reached" | "withdraw" | "put_wanted" | "put_over" | "release" => at,
        "step_started" => {
            with(json!({"at": boottime(), "late": 0, "pid": 1, "stdout": stream, "stderr": u64::from(*stream) + 1}))
        }
        "step_ended" | "spawned_ended" => with(json!({
            "outcome": outcome(random), "duration": 1_000_000, "stdout": 0, "stderr": 0, "unsettled": random.below(4) == 0,
            "leaky": random.below(4) == 0, "holders": processes(random), "not_stopped": processes(random),
            "forced": null, "attempts": attempts(random),
        })),
        "step_settled" => with(json!({"stdout": 0, "stderr": 0, "leaky": true, "holders": processes(random)})),
        "file" => with(json!({"stream": stream, "name": file_name(place, random), "mode": 0o644})),
        "file_ended" | "file_taken" => {
            let stream = place.open.last().map_or(*stream, |(stream, _)| *stream);
            json!({"stream": stream, "length": 0, "digest": "", "grew": false, "failed": null})
        }
        "trial_ended" | "end_trial" => json!({"trial": trial}),
        "leaving" => json!({"reason": words(random)}),
        "versions" => json!({"printed": [words(random), words(random)]}),
        "left" => json!({"summary": words(random)}),
        "stalled" => json!({"kept": number(random)}),
        "log" => {
            let levels = ["error", "warning", "info", "debug", "x"];
            with(json!({"level": random.one_of(&levels), "text": words(random)}))
        }
        "warning" | "fail_barrier" => with(json!({"text": words(random), "why": words(random)})),
        "probe" => json!({"sent": boottime()}),
        "probe_answer" => json!({"sent": place.probe, "received": number(random), "answered": number(random)}),
        "acknowledge" => json!({"next": place.heard}),
        "part" => json!({"text": words(random), "last": random.below(2) == 0}),
        _ => json!({}),
    }
}

fn outcome(random: &mut Random) -> Value {
    let status = *random.one_of(&[0, 1, -1, 255, 256, i32::MAX, i32::MIN]);
    match random.below(9) {
        0..=2 => json!({"is": "exit", "status": status}),
        3 => json!({"is": "signal", "signal": status}),
        4 => json!({"is": random.one_of(&["timed_out", "elapsed"]), "after": number(random)}),
        5 => json!({"is": random.one_of(&["spawned", "stopped"])}),
        6 => json!({"is": "skipped", "why": words(random)}),
        _ => json!({"is": random.one_of(&["not_started", "unfulfilled"]), "why": words(random)}),
    }
}

fn processes(random: &mut Random) -> Value {
    let count = *random.one_of(&[0, 0, 0, 1, 2, 300]);
    (0..count).map(|_| json!({"pid": random.below(1 << 32), "user": short(random), "command": short(random)})).collect()
}

fn attempts(random: &mut Random) -> Value {
    let count = *random.one_of(&[0, 0, 0, 1, 3, 400]);
    let attempt =
        |random: &mut Random| json!({"after": number(random), "duration": number(random), "outcome": outcome(random)});
    (0..count).map(|_| attempt(random)).collect()
}

/// The names of files that lead out of where they belong, and others.
fn file_name(place: &Place, random: &mut Random) -> Value {
    let outside = &place.forbidden;
    let text = match random.below(14) {
        0 => "../../../../../outside/evil".to_owned(),
        1 => format!("{outside}/evil"),
        2 => "link/evil".to_owned(),
        3 => "a/../../evil".to_owned(),
        4 => "a\0b".to_owned(),
        5 => (*random.one_of(&["", ".", "..", "/", "//", "a//b", "./a"])).to_owned(),
        6 => "n".repeat(300),
        7 => "d/".repeat(1 + random.below(1500)) + "f",
        8 => return json!({"hex": *random.one_of(&["ff2f2e2e2f78", "0", "zz", "2e2e2f78", ""])}),
        9 => "\u{1b}[31m\n\u{202e}</script>".to_owned(),
        10 => "../report.json".to_owned(),
        _ => format!("file-{}", random.below(1000)),
    };
    text.into()
}

const SHORT: [&str; 9] = [
    "",
    "honest",
    "a\nb\rc\u{1b}[2J\u{1b}]0;title\u{7}",
    "\u{202e}\u{2066}\u{feff}",
    "</script><b id=hostile>",
    "]]>&lt;<![CDATA[",
    "%s%n{}{0}\\",
    "\u{0}\u{7f}\u{9b}31m",
    "2026-01-01 00:00:00 - ERROR - forged",
];

fn short(random: &mut Random) -> String {
    (*random.one_of(&SHORT)).to_owned()
}

fn words(random: &mut Random) -> String {
    let word = short(random);
    if random.below(12) == 0 { word.repeat(1 + 8000 / (word.len() + 1)) } else { word }
}

/// JSON of any kind.
fn anything(random: &mut Random, depth: usize) -> Value {
    match random.below(if depth < 3 { 11 } else { 9 }) {
        0 => Value::Null,
        1 => true.into(),
        2 => number(random).into(),
        3 => (-1_i64).into(),
        4 => i64::MIN.into(),
        5 => 1e99.into(),
        6 => 0.5.into(),
        7 => words(random).into(),
        8 => json!([]),
        9 => (0..random.below(4)).map(|_| anything(random, depth + 1)).collect(),
        _ => json!({"is": anything(random, depth + 1), "hex": anything(random, depth + 1)}),
    }
}

fn data(place: &Place, random: &mut Random) -> Frame {
    let length = *random.one_of(&[0, 1, 100, 10_000, 65_515, 65_536]);
    let (stream, offset) = match place.open.get(random.below(place.open.len() + 1)) {
        Some(&(stream, sent)) if random.below(3) > 0 => (stream, sent),
        Some(&(stream, _)) => (stream, number(random)),
        None => (*random.one_of(&[0, 1, place.stream, u32::MAX]), 0),
    };
    Frame::Data(stream, offset, vec![b'\x1b'; length])
}

fn greeting(kind: &str, place: &Place, random: &mut Random) -> Value {
    let honest = match kind {
        "welcome" => welcome("new", place.heard),
        "hello" => hello("r", "w"),
        "refused" => {
            json!({"reason": random.one_of(&["busy", "unknown", "attempt", ""]), "message": words(random), "holder": {
                "run": short(random), "conductor": words(random), "seconds": number(random), "state": random.one_of(&["live", ""]),
            }})
        }
        _ => json!({"code": random.one_of(&[0, 1, -1]), "message": words(random)}),
    };
    let mut data = honest;
    if let (Value::Object(fields), true) = (&mut data, random.below(3) > 0) {
        mutate(fields, place, random);
    }
    json!({"version": 1, "type": kind, "data": data})
}

/// The usual welcome.
pub fn welcome(state: &str, next: u64) -> Value {
    json!({
        "protocol": 2, "version": "0.1.0", "host": "hostile", "incarnation": "1", "state": state, "next": next,
        "clock": boottime(), "limits": {"frame": 65536, "window": 1 << 20}, "leftovers": [],
    })
}

const NOT_JSON: [&[u8]; 7] = [b"hello", b"{", b"{\"type\":", b"\x01", b"\x02{}", b"{}}", b"nul"];
const ARRAYS: [&[u8]; 6] = [br#"["heartbeat"]"#, b"[]", br#"["bye",7]"#, b"[[[[]]]]", b"\"bye\"", b"7"];
const NO_TYPES: [&[u8]; 3] = [b"{}", br#"{"number":0}"#, br#"{"type":null,"number":0}"#];

fn malformed(kind: &str, place: &Place, random: &mut Random) -> Frame {
    let whole = || frame(br#"{"type":"warning","number":0,"text":"x"}"#);
    let payload = |payload: &[u8]| Frame::Raw(frame(payload));
    match kind {
        "not_json" => payload(NOT_JSON[random.below(NOT_JSON.len())]),
        "array" => payload(ARRAYS[random.below(ARRAYS.len())]),
        "no_type" => payload(NO_TYPES[random.below(NO_TYPES.len())]),
        "no_number" => {
            let kind = *random.one_of(&PLAYER[..18]);
            payload(text(kind, place, random).as_bytes())
        }
        "wrong_number" => {
            let kind = *random.one_of(&PLAYER[..18]);
            let mut message = made_up(kind, place, random);
            message["number"] = anything(random, 3);
            payload(message.to_string().as_bytes())
        }
        "deep" => {
            let depth = 100 + random.below(20_000);
            let text = format!(r#"{{"type":"warning","number":0,"text":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
            payload(text.as_bytes())
        }
        "not_utf8" => payload(b"{\"type\":\"warning\",\"number\":0,\"text\":\"\xff\xfe\"}"),
        "duplicate_keys" => payload(br#"{"type":"warning","type":"left","number":0,"number":1,"text":"a","text":"b"}"#),
        "empty_frame" => Frame::Raw(vec![0; 4]),
        "huge_length" => {
            Frame::Raw([&random.one_of(&[65_537_u32, 1 << 20, 1 << 31, u32::MAX]).to_be_bytes()[..], b"{"].concat())
        }
        "cut_frame" => {
            let whole = whole();
            let cut = 1 + random.below(whole.len() - 1);
            Frame::Raw(whole[..cut].to_vec())
        }
        "http" => Frame::Raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n".to_vec()),
        "tls" => Frame::Raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        _ => Frame::Raw((0..=random.below(300)).map(|_| random.below(256).to_le_bytes()[0]).collect()),
    }
}

/// The clock that both sides speak of, in nanoseconds.
pub fn boottime() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let part = |part: i64| u64::try_from(part).expect("a time after the start of the machine");
    part(now.tv_sec) * 1_000_000_000 + part(now.tv_nsec)
}
