//! What a hostile conductor says: every type of message, as an honest one would look or with fields of another kind, and
//! what is no message at all.

use std::sync::LazyLock;

use conductor::wire::bounds;
use serde_json::{Value, json};

use super::super::soak::Random;
use super::super::wire::{frame, hello, plan};

/// The types of what is said. The first ones are those of messages, by their names on the wire.
pub const KINDS: [&str; 67] = [
    // A conductor's messages.
    "plan",
    "arm",
    "go",
    "stop",
    "release",
    "fail_barrier",
    "file",
    "file_ended",
    "file_taken",
    "end_trial",
    "bye",
    // What both sides say.
    "heartbeat",
    "probe",
    "probe_answer",
    "acknowledge",
    "part",
    "data",
    // A player's messages.
    "plan_taken",
    "versions",
    "armed",
    "step_started",
    "step_ended",
    "spawned_ended",
    "step_settled",
    "barrier_reached",
    "withdraw",
    "put_wanted",
    "put_over",
    "phase_ended",
    "trial_ended",
    "leaving",
    "left",
    "stalled",
    "warning",
    "log",
    // First messages, and those of the Python program.
    "hello",
    "welcome",
    "refused",
    "result",
    "phase",
    "run",
    // A plan that reaches a bound, or passes it.
    "largest plan",
    // No messages.
    "unknown type",
    "no type",
    "no number",
    "wrong number",
    "twice the same key",
    "a list",
    "deep",
    "malformed JSON",
    "not UTF-8",
    "control characters",
    "long text",
    "garbage",
    "empty frame",
    "huge length",
    "cut frame",
    "HTTP",
    "TLS",
    // What a connection does.
    "flood",
    "large flood",
    "drip",
    "silence",
    "half-close",
    "close",
    "reset",
    "second hello",
];

/// Names that would lead out of a folder, if they were used as they are.
pub const NAMES: [&str; 9] =
    ["../escaped", "../../outside/escaped", "link", "..", ".", "", "a/b", "\u{1b}[2J\n", "/proc/self/cwd/escaped"];

/// The digest of a file without a byte.
pub const NOTHING: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Who talks, as far as messages need it.
#[derive(Debug, Clone)]
pub struct Speaker {
    pub worker: String,
    /// The phase and the trial that it is in.
    pub phase: &'static str,
    /// Where results of a Python conductor's phase go.
    pub results: u16,
    /// The number of the next message.
    pub number: u64,
    /// Whether phases of a Python conductor were among it.
    pub has_sent_phases: bool,
}

impl Speaker {
    /// What it says of this type, in one frame or none; it counts on.
    pub fn says(&mut self, kind: &str, random: &mut Random) -> Vec<u8> {
        let text = |value: &Value| frame(value.to_string().as_bytes());
        self.has_sent_phases |= kind == "phase";
        match kind {
            "heartbeat" | "probe" | "probe_answer" | "acknowledge" => {
                let mut signal = json!({"type": kind, "sent": 1, "received": 2, "answered": 3, "next": 0});
                mutate(&mut signal, random, 1);
                text(&signal)
            }
            "data" => self.data(random),
            // Only what is whole gets its name.
            "file" => {
                let file = self.numbered("file", random);
                let end = json!({"type": "file_ended", "stream": file["stream"], "length": 0, "digest": NOTHING,
                                 "number": self.number});
                self.number = self.number.wrapping_add(1);
                [text(&file), text(&end)].concat()
            }
            "largest plan" => {
                let which = random.below(LARGEST_PLANS);
                self.largest_plan(which)
            }
            "hello" | "second hello" | "welcome" | "refused" | "result" | "phase" | "run" => {
                text(&self.first_message(kind, random))
            }
            "no type" | "no number" => {
                let mut message = json!({"trial": 1, "phase": self.phase});
                if kind == "no number" {
                    message["type"] = json!("go");
                }
                text(&message)
            }
            "wrong number" => {
                self.number = *random.one_of(&[0, 7, u64::MAX - 1, self.number.wrapping_add(1000)]);
                text(&self.numbered("go", random))
            }
            _ => self.no_message(kind, random).unwrap_or_else(|| text(&self.numbered(kind, random))),
        }
    }

    /// A message with a number.
    fn numbered(&mut self, kind: &str, random: &mut Random) -> Value {
        let mut message = self.body(kind, random);
        // One of four means nothing at this moment, and is right otherwise.
        let times = random.below(4);
        mutate(&mut message, random, times);
        if message.get("type").is_none_or(|_| random.below(20) > 0) {
            message["type"] = json!(if kind == "unknown type" { "dance" } else { kind });
        }
        message["number"] = json!(self.number);
        self.number = self.number.wrapping_add(1);
        message
    }

    /// A plan as large as one may be, or another one that is too large, in parts as an honest conductor sends it.
    pub fn largest_plan(&mut self, which: usize) -> Vec<u8> {
        let (mut bytes, pieces) = (Vec::new(), &PIECES[which]);
        for (at, piece) in pieces.iter().enumerate() {
            let (number, last) = (self.number, at + 1 == pieces.len());
            bytes.extend(frame(
                format!(r#"{{"number":{number},"type":"part","text":{piece},"last":{last}}}"#).as_bytes(),
            ));
            self.number = number.wrapping_add(1);
        }
        bytes
    }

    fn body(&self, kind: &str, random: &mut Random) -> Value {
        let phase = *random.one_of(&[self.phase, self.phase, "run", "reset", "collect"]);
        let step = random.below(3);
        let trial = 1 + random.below(2);
        match kind {
            "plan" => short_plan(&json!({"run": ["true"], "reset": ["true"]})),
            "part" => json!({"text": "{\"type\":\"go\",".repeat(1 + random.below(4000)), "last": random.below(2) == 0}),
            "file" => json!({"trial": 1, "phase": phase, "step": 1, "stream": step, "mode": 0o4777,
                             "name": random.one_of(&NAMES)}),
            "file_ended" => json!({"stream": step, "length": 0, "digest": "e3b0", "grew": true, "failed": null}),
            "file_taken" => json!({"stream": step, "error": "because\n\u{1b}[2J"}),
            "warning" => json!({"text": "\u{1b}]0;owned\u{7}"}),
            "log" => json!({"level": "error", "text": "\u{1b}]0;owned\u{7}"}),
            _ => json!({
                "trial": trial, "phase": phase, "step": step, "at": random.below(1000), "why": "x\u{1b}[1m\n", "pid": 1,
                "stdout": 2, "stderr": 3, "outcome": {"is": "exit", "status": 0}, "leaky": true, "reason": "\r",
                "summary": "s", "kept": 7, "stream": 1,
            }),
        }
    }

    fn data(&mut self, random: &mut Random) -> Vec<u8> {
        let stream = u32::try_from(random.below(3)).expect("a small number");
        let offset = *random.one_of(&[0, 0, 0, 5, u64::MAX]);
        let bytes = vec![b'x'; random.below(60_000)];
        let number = self.number;
        self.number = number.wrapping_add(1);
        let head = [&[1][..], &number.to_be_bytes(), &stream.to_be_bytes(), &offset.to_be_bytes()].concat();
        let payload = [head, bytes].concat();
        frame(if random.below(8) == 0 { &payload[..random.below(20)] } else { &payload })
    }

    /// What opens a connection, in the envelope of the Python program.
    fn first_message(&self, kind: &str, random: &mut Random) -> Value {
        let data = match kind {
            "hello" | "second hello" => {
                let mut data = short_hello(&self.worker, 1 + random.below(3));
                let times = 1 + random.below(2);
                mutate(&mut data, random, times);
                if data["run"] != "hostile" && data.get("lease").is_some() {
                    // Others are not to wait for long for what holds the player under another name.
                    data["lease"] = json!(300_000_000);
                }
                data
            }
            "phase" => {
                let steps = json!([{"command": "true", "spawn": false, "timeout": 3}, {"command": "echo \u{1b}"}]);
                let mut data = json!({"resulthost": "127.0.0.1", "resultport": self.results, "steps": steps});
                let times = 1 + random.below(3);
                mutate(&mut data, random, times);
                // No name is looked up that somebody else may be asked for.
                if data["resulthost"].as_str().is_some_and(|host| host.len() < 300) {
                    data["resulthost"] = json!("127.0.0.1");
                }
                data
            }
            _ => json!({"code": 0, "message": "\u{1b}[2J", "reason": "busy", "protocol": 2}),
        };
        let mut message = json!({"version": 1, "type": kind.trim_start_matches("second "), "data": data});
        if random.below(6) == 0 {
            let wrong = strange(random);
            message[*random.one_of(&["version", "type", "data", "more"])] = wrong;
        }
        message
    }

    fn no_message(&mut self, kind: &str, random: &mut Random) -> Option<Vec<u8>> {
        let noise = |random: &mut Random, most: usize| -> Vec<u8> {
            (0..random.below(most)).map(|_| u8::try_from(random.below(256)).expect("a byte")).collect()
        };
        let number = self.number;
        let framed = |text: &str| Some(frame(text.as_bytes()));
        match kind {
            "twice the same key" => {
                self.number = number.wrapping_add(1);
                framed(&format!(r#"{{"type":"bye","number":{number},"type":"go","trial":1,"trial":2,"phase":"run"}}"#))
            }
            "a list" => framed(&format!(r#"["go",{number},1,"run"]"#)),
            "deep" => {
                let depth = 1 + random.below(20_000);
                framed(&format!(r#"{{"type":"go","number":{number},"x":{}"#, "[".repeat(depth)))
            }
            "malformed JSON" => {
                let whole = json!({"type": "go", "number": number, "trial": 1, "phase": "run"}).to_string();
                framed(&whole[..random.below(whole.len())])
            }
            "not UTF-8" => {
                let text =
                    format!(r#"{{"type":"fail_barrier","number":{number},"trial":1,"phase":"run","step":0,"why":""#);
                Some(frame(&[text.as_bytes(), b"\xff\xfe\"}"].concat()))
            }
            "control characters" => framed(&format!("{{\"type\":\"\u{1b}[2J\u{0}\n\",\"number\":{number}}}")),
            "long text" => {
                self.number = number.wrapping_add(1);
                let why = random.one_of(&["x", "\u{1b}", "é", "\u{202e}"]).repeat(9_000);
                framed(
                    &json!({"type": "fail_barrier", "number": number, "trial": 1, "phase": "run", "step": 1, "why": why})
                        .to_string(),
                )
            }
            "garbage" => Some(if random.below(2) == 0 { frame(&noise(random, 3000)) } else { noise(random, 3000) }),
            "empty frame" => framed(""),
            "huge length" => {
                let length: u32 = *random.one_of(&[65_537, 11 << 20, 1 << 31, u32::MAX]);
                Some([&length.to_be_bytes()[..], b"{\"type\""].concat())
            }
            "cut frame" => {
                let whole =
                    frame(json!({"type": "go", "number": number, "trial": 1, "phase": "run"}).to_string().as_bytes());
                Some(whole[..random.below(whole.len())].to_vec())
            }
            "HTTP" => Some(b"GET / HTTP/1.1\r\nHost: player\r\n\r\n".to_vec()),
            "TLS" => Some([&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &noise(random, 500)].concat()),
            _ => None,
        }
    }
}

/// A `hello` of a run in which all hostile conductors are, with a worker of its own each.
pub fn short_hello(worker: &str, attempt: usize) -> Value {
    let mut data = hello("hostile", worker);
    data["attempt"] = json!(attempt);
    // It is the interval of signs of life that follows from this; the plan has another lease.
    data["lease"] = json!(3_000_000_000_u64);
    data
}

/// A plan whose limits are short.
pub fn short_plan(phases: &Value) -> Value {
    let mut plan = plan(phases);
    plan["phases"] = json!(["run", "reset"]);
    plan["lease"] = json!(500_000_000);
    plan["step_timeout"] = json!(5_000_000_000_u64);
    plan["reset_timeout"] = json!(5_000_000_000_u64);
    plan
}

/// How many plans there are that are as large as one may be, which is the first, or larger.
pub const LARGEST_PLANS: usize = 4;

/// A plan as large as one may be, and such that have one step, one variable or one byte more.
static PIECES: LazyLock<[Vec<String>; LARGEST_PLANS]> = LazyLock::new(|| {
    let (steps, variables, bytes) = (bounds::STEPS.most(), bounds::VARIABLES.most(), bounds::MESSAGE.most());
    [
        large_plan(steps, variables, bytes),
        large_plan(steps + 1, variables, bytes),
        large_plan(steps, variables + 1, bytes),
        large_plan(steps, variables, bytes + 1),
    ]
});

/// Makes the plans, which takes its time, if that was not done yet.
pub fn make_largest_plans() {
    LazyLock::force(&PIECES);
}

/// A plan with so many steps in each phase but Reset, so many variables, and so many bytes, as the JSON texts of the parts
/// in which it goes.
fn large_plan(steps: usize, variables: usize, bytes: usize) -> Vec<String> {
    /// Leaves room for the rest of a part, and for quotes that have to be escaped.
    const PIECE: usize = 24 << 10;
    let mut plan = short_plan(&json!({"run": [], "reset": ["true"]}));
    for phase in ["startup", "run", "collect"] {
        plan[phase] = Value::Array(vec![json!({"label": ""}); steps]);
    }
    plan["environment"] = (0..variables).map(|number| json!([format!("V{number}"), ""])).collect();
    let missing = bytes - plan.to_string().len();
    for number in 0..variables {
        let length = missing / variables + usize::from(number < missing % variables);
        plan["environment"][number][1] = json!("x".repeat(length));
    }
    let text = plan.to_string();
    assert_eq!(text.len(), bytes, "as many bytes as are wanted");
    text.as_bytes().chunks(PIECE).map(|piece| json!(String::from_utf8_lossy(piece)).to_string()).collect()
}

/// Puts something strange in so many places.
fn mutate(value: &mut Value, random: &mut Random, times: usize) {
    for _ in 0..times {
        let mut places = Vec::new();
        pointers(value, "", &mut places);
        let Some(place) = places.get(random.below(places.len().max(1))) else { return };
        let (parent, key) = place.rsplit_once('/').expect("a pointer");
        if random.below(5) == 0 {
            if let Some(object) = value.pointer_mut(parent).and_then(Value::as_object_mut) {
                object.remove(key);
            }
        } else if let Some(found) = value.pointer_mut(place) {
            *found = strange(random);
        }
    }
}

/// The places in a value; not all of a long list.
fn pointers(value: &Value, at: &str, found: &mut Vec<String>) {
    let mut add = |key: &str, value: &Value| {
        let place = format!("{at}/{key}");
        pointers(value, &place, found);
        found.push(place);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| add(key, value)),
        Value::Array(list) => list.iter().take(3).enumerate().for_each(|(at, value)| add(&at.to_string(), value)),
        _ => {}
    }
}

/// Something that nobody expects. None of it leads anywhere if it is taken for a command, a path or a host.
fn strange(random: &mut Random) -> Value {
    match random.below(24) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(0),
        3 => json!(-1),
        4 => json!(1),
        5 => json!(65_536),
        6 => json!(u32::MAX),
        7 => json!(u64::from(u32::MAX) + 1),
        8 => json!(u64::MAX),
        9 => json!(i64::MIN),
        10 => json!(1e308),
        11 => json!(0.5),
        12 => json!(""),
        13 => json!("x".repeat(5000)),
        14 => json!("\u{1b}[2J\r\n\u{202e}"),
        15 => json!("\u{0}"),
        16 => json!([]),
        17 => json!({}),
        18 => json!(vec![Value::Null; 1000]),
        19 => (0..200).fold(json!(1), |inner, _| json!([inner])),
        20 => json!(["run", "run", "reset", "startup"]),
        21 => json!([["A", "b"], ["A=", "\u{0}"], ["", ""]]),
        22 => json!({"is": "barrier", "name": "\u{1b}"}),
        _ => json!({"is": "stop", "label": "nobody"}),
    }
}
