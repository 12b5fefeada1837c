//! `docs/protocol.md` against the messages: their tags, their senders, their fields and which of these are optional.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt;

use conductor::model::{LogLevel, Phase, PhaseId, Process, StepId};
use conductor::wire::{
    ActionMessage, AttemptMessage, Body, ConductorMessage, DATA_HEADER, FileEndedMessage, FileMessage, FileName,
    ForcedMessage, Hello, Holder, HolderState, LeftMessage, Limits, Outbox, OutcomeMessage, PlanMessage, PlayerMessage,
    Refusal, RefusalReason, ScratchMessage, Secret, SessionFrame, Signal, StepEndedMessage, StepMessage,
    StepSettledMessage, StepStartedMessage, UntilMessage, Welcome, WelcomeState, seed,
};
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::support::documents::table;
use crate::support::message_types::types;

const PAGE: &str = "docs/protocol.md";

/// The fields of a JSON object in their order.
struct Ordered(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Ordered;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, "an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Ordered, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = from.next_entry()? {
                    fields.push(field);
                }
                Ok(Ordered(fields))
            }
        }
        from.deserialize_map(Fields)
    }
}

/// A row of a table: what identifies it, and the fields.
#[derive(Debug)]
struct Row {
    name: String,
    sender: &'static str,
    /// The name of each field, what JSON has there, and whether it is optional.
    fields: Vec<(String, &'static str, bool)>,
}

impl Row {
    /// The row of a message or object, all of whose fields are set. `tag` names the field that has its type.
    fn of<T: Serialize + DeserializeOwned>(sender: &'static str, tag: &str, value: &T) -> Self {
        let text = serde_json::to_string(value).expect("JSON");
        let Ordered(found) = serde_json::from_str(&text).expect("an object");
        let is_optional = |field: &str| {
            let mut value: Value = serde_json::from_str(&text).expect("JSON");
            value.as_object_mut().expect("an object").remove(field);
            serde_json::from_value::<T>(value).is_ok()
        };
        let mut row = Self { name: String::new(), sender, fields: Vec::new() };
        for (field, value) in found {
            if field == tag {
                row.name = format!("`{}`", value.as_str().expect("a type"));
            } else {
                let optional = is_optional(&field);
                row.fields.push((field, kind(&value), optional));
            }
        }
        row
    }

    fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    fn fields(&self) -> String {
        let shown = |(name, _, optional): &(String, _, bool)| format!("`{name}{}`", if *optional { "?" } else { "" });
        self.fields.iter().map(shown).collect::<Vec<_>>().join(", ")
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => panic!("every field of an example has a value"),
        Value::Bool(_) => "true or false",
        Value::Number(_) => "number",
        Value::String(_) => "text",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
    }
}

/// The rows of all messages of a type; each of its variants has to be there.
fn rows<T: Serialize + DeserializeOwned>(sender: &'static str, tag: &str, examples: &[T]) -> Vec<Row> {
    let rows: Vec<_> = examples.iter().map(|example| Row::of(sender, tag, example)).collect();
    let types = types::<T>().iter().map(|name| format!("`{name}`")).collect();
    assert_eq!(rows.iter().map(|row| row.name.clone()).collect::<BTreeSet<_>>(), types);
    rows
}

fn text() -> String {
    "text".to_owned()
}

fn phase_id() -> PhaseId {
    PhaseId { trial: 1, phase: Phase::Run }
}

fn step_id() -> StepId {
    phase_id().step(0)
}

fn process() -> Process {
    Process { pid: 1, user: text(), command: text() }
}

fn forced() -> ForcedMessage {
    ForcedMessage { signal: 9, after: 1 }
}

fn attempt() -> AttemptMessage {
    AttemptMessage { after: 1, duration: 1, outcome: OutcomeMessage::Stopped, stdout: 1, stderr: 1 }
}

fn until() -> UntilMessage {
    UntilMessage { limit: 1, attempt: Some(1) }
}

fn step() -> StepMessage {
    StepMessage {
        label: text(),
        command: text(),
        action: Some(ActionMessage::Barrier { name: text() }),
        must: true,
        spawn: true,
        parallel: true,
        timeout: Some(1),
        passes_at_limit: true,
        until: Some(until()),
    }
}

fn holder() -> Holder {
    Holder {
        run: text(),
        conductor: text(),
        seconds: 1,
        state: HolderState::Live,
        free_within: 1,
        lease_within: Some(1),
    }
}

fn limits() -> Limits {
    Limits { frame: 1, window: 1 }
}

fn file() -> FileMessage {
    FileMessage { step: step_id(), stream: 0, name: FileName::from(OsStr::new("a")), mode: 0o644 }
}

fn file_ended() -> FileEndedMessage {
    FileEndedMessage { stream: 0, length: 1, digest: text(), grew: true, failed: Some(text()) }
}

fn step_ended() -> StepEndedMessage {
    StepEndedMessage {
        step: step_id(),
        outcome: OutcomeMessage::Stopped,
        duration: Some(1),
        stdout: 1,
        stderr: 1,
        left: LeftMessage {
            unsettled: true,
            leaky: true,
            holders: vec![process()],
            not_stopped: vec![process()],
            forced: Some(forced()),
        },
        attempts: vec![attempt()],
    }
}

fn greetings() -> Vec<Row> {
    let hello = Hello {
        protocols: vec![2],
        features: vec![text()],
        run: text(),
        worker: text(),
        secret: Secret::default(),
        run_secret: Secret::default(),
        session: 1,
        attempt: 1,
        next: 0,
        incarnation: Some(text()),
        conductor: text(),
        check: true,
        lease: 1,
    };
    let welcome = Welcome {
        protocol: 2,
        version: text(),
        host: text(),
        incarnation: text(),
        state: WelcomeState::New,
        next: 0,
        limits: limits(),
        clock: 1,
        holder: Some(holder()),
        leftovers: vec![text()],
        remarks: vec![text()],
        features: vec![text()],
        process: Some(1),
        system: Some(text()),
        kernel: Some(text()),
    };
    let refusal = Refusal { reason: RefusalReason::Busy, message: text(), holder: Some(holder()) };
    vec![
        Row::of("conductor", "", &hello).named("`hello`"),
        Row::of("player", "", &welcome).named("`welcome`"),
        Row::of("player", "", &refusal).named("`refused`"),
    ]
}

fn signals() -> Vec<Row> {
    let examples = [
        Signal::Heartbeat,
        Signal::Probe { sent: 1 },
        Signal::ProbeAnswer { sent: 1, received: 1, answered: 1 },
        Signal::Acknowledge { next: 1 },
    ];
    let mut rows = rows("both", "type", &examples);
    (rows[1].sender, rows[2].sender) = ("conductor", "player");
    rows
}

fn conductor_messages() -> Vec<Row> {
    let (phase, step_at, at) = (phase_id(), step_id(), Some(1));
    let plan = PlanMessage {
        incarnation: Some(text()),
        trials: 1,
        phases: vec![Phase::Run],
        shell: text(),
        directory: Some(text()),
        scratch: Some(ScratchMessage::Remove),
        versions: vec![text()],
        environment: vec![(text(), text())],
        step_timeout: Some(1),
        reset_timeout: 1,
        lease: 1,
        startup: vec![step()],
        run: vec![step()],
        collect: vec![step()],
        reset: vec![step()],
    };
    let examples = [
        ConductorMessage::Plan(Box::new(plan)),
        ConductorMessage::Arm(phase),
        ConductorMessage::Go { phase, at },
        ConductorMessage::Stop(phase),
        ConductorMessage::Release { step: step_at, at },
        ConductorMessage::FailBarrier { step: step_at, why: text() },
        ConductorMessage::File(file()),
        ConductorMessage::FileEnded(file_ended()),
        ConductorMessage::FileTaken { stream: 0, error: Some(text()) },
        ConductorMessage::EndTrial { trial: 1 },
        ConductorMessage::Bye,
    ];
    rows("conductor", "type", &examples)
}

fn player_messages() -> Vec<Row> {
    let (phase, step) = (phase_id(), step_id());
    let started = StepStartedMessage { step, at: 1, late: 1, pid: 1, stdout: 0, stderr: 1 };
    let holders = vec![process()];
    let settled = StepSettledMessage { step, stdout: 1, stderr: 1, leaky: true, holders };
    let examples = [
        PlayerMessage::PlanTaken,
        PlayerMessage::Versions { printed: vec![text()] },
        PlayerMessage::Armed(phase),
        PlayerMessage::StepStarted(started),
        PlayerMessage::StepEnded(step_ended()),
        PlayerMessage::SpawnedEnded(step_ended()),
        PlayerMessage::StepSettled(settled),
        PlayerMessage::BarrierReached(step),
        PlayerMessage::Withdraw(step),
        PlayerMessage::File(file()),
        PlayerMessage::FileEnded(file_ended()),
        PlayerMessage::PutWanted(step),
        PlayerMessage::PutOver(step),
        PlayerMessage::PhaseEnded(phase),
        PlayerMessage::TrialEnded { trial: 1 },
        PlayerMessage::Leaving { reason: text() },
        PlayerMessage::Left { summary: text() },
        PlayerMessage::Stalled { kept: 1 },
        PlayerMessage::Warning { text: text() },
        PlayerMessage::Log { level: LogLevel::Info, text: text() },
    ];
    rows("player", "type", &examples)
}

/// A part as it is sent: of a message that is longer than a frame.
fn part() -> Row {
    let mut outbox = Outbox::default();
    outbox.push(&PlayerMessage::Warning { text: "x".repeat(1 << 20) });
    let mut bytes = Vec::new();
    assert!(outbox.write_next(&mut bytes));
    let Ordered(found) = serde_json::from_slice(&bytes[4..]).expect("a part");
    let mut fields: Vec<_> = found.iter().map(|(name, value)| (name.clone(), kind(value), false)).collect();
    fields.retain(|(name, ..)| name != "number" && name != "type");
    fields.sort_by_key(|(name, ..)| name != "text");
    Row { name: "`part`".to_owned(), sender: "both", fields }
}

fn objects() -> Vec<Row> {
    let actions = [
        ActionMessage::Barrier { name: text() },
        ActionMessage::Stop { label: text() },
        ActionMessage::Await { label: text(), pattern: text() },
        ActionMessage::Fetch { pattern: text(), scratch: true },
        ActionMessage::Put { remote: text() },
    ];
    let outcomes = [
        OutcomeMessage::Exit { status: 0 },
        OutcomeMessage::Signal { signal: 9 },
        OutcomeMessage::TimedOut { after: 1 },
        OutcomeMessage::Elapsed { after: 1 },
        OutcomeMessage::Spawned,
        OutcomeMessage::Stopped,
        OutcomeMessage::Skipped { why: Some(text()) },
        OutcomeMessage::NotStarted { why: text() },
        OutcomeMessage::Unfulfilled { why: text() },
    ];
    let mut objects =
        vec![Row::of("", "", &step()).named("step of a plan"), Row::of("", "", &until()).named("`until`")];
    let kind = |kind: &'static str| move |row: Row| Row { name: format!("{kind} {}", row.name), ..row };
    objects.extend(rows("", "is", &actions).into_iter().map(kind("action")));
    objects.extend(rows("", "is", &outcomes).into_iter().map(kind("outcome")));
    objects.push(Row::of("", "", &attempt()).named("attempt"));
    objects.push(Row::of("", "", &process()).named("process"));
    objects.push(Row::of("", "", &forced()).named("`forced`"));
    objects.push(Row::of("", "", &holder()).named("`holder`"));
    objects.push(Row::of("", "", &limits()).named("`limits`"));
    objects
}

/// All rows of the page's tables of this header, of which there may be several.
fn tables(header: &str) -> Vec<Vec<String>> {
    let text = crate::support::documents::read(PAGE);
    let (head, mut found, mut inside) = (format!("| {header} |"), Vec::new(), false);
    for line in text.lines() {
        inside = line.starts_with(&head) || (inside && line.starts_with('|'));
        if inside && !line.starts_with(&head) && !line.starts_with("|---") {
            found.push(line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect());
        }
    }
    found
}

#[test]
fn the_tables_of_messages_are_those_of_the_types() {
    let mut expected = vec![
        // The messages of version 1 are written and read by hand; another test compares them.
        ["`phase`", "conductor", "`resulthost`, `resultport`, `steps?`"].map(str::to_owned),
        ["`run`", "conductor", ""].map(str::to_owned),
        ["`result`", "player", "`code`, `message`"].map(str::to_owned),
    ];
    let messages = [greetings(), signals(), conductor_messages(), player_messages(), vec![part()]];
    expected.extend(messages.iter().flatten().map(|row| [row.name.clone(), row.sender.to_owned(), row.fields()]));
    let found: Vec<_> =
        tables("type").into_iter().map(|row| [row[0].clone(), row[1].clone(), row[2].clone()]).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_table_of_fields_has_every_field_of_a_message_and_what_json_has_there() {
    let messages = [greetings(), signals(), conductor_messages(), player_messages(), vec![part()]];
    let fields = messages.iter().flatten().flat_map(|row| &row.fields);
    let expected: BTreeSet<_> = fields.map(|(name, kind, _)| (name.clone(), (*kind).to_owned())).collect();
    let rows = table(PAGE, "field").into_iter();
    let found: Vec<_> = rows.map(|row| (row[0].trim_matches('`').to_owned(), row[1].clone())).collect();
    assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn the_table_of_objects_is_that_of_the_types() {
    let expected: Vec<_> = objects().iter().map(|row| [row.name.clone(), row.fields()]).collect();
    let found: Vec<_> = tables("object").into_iter().map(|row| [row[0].clone(), row[1].clone()]).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_messages_of_version_1_have_the_fields_that_the_page_names() {
    let fields = |payload: &[u8]| {
        let envelope: Value = serde_json::from_slice(payload).expect("an envelope");
        assert_eq!(envelope["version"], 1);
        let data = envelope["data"].as_object().expect("an object").keys().cloned().collect::<Vec<_>>();
        (envelope["type"].as_str().expect("a type").to_owned(), data.join(" "))
    };
    let step = seed::SeedStep { command: text(), spawn: false, timeout: None };
    let phase = seed::SeedPhase { result_host: text(), result_port: 1, steps: vec![step] };
    assert_eq!(fields(&phase.encode()), ("phase".to_owned(), "resulthost resultport steps".to_owned()));
    assert_eq!(fields(&seed::encode_run()), ("run".to_owned(), String::new()));
    assert_eq!(fields(&seed::encode_result(0, "")), ("result".to_owned(), "code message".to_owned()));
    let least = br#"{"version": 1, "type": "phase", "data": {"resulthost": "h", "resultport": 1}}"#;
    assert!(seed::Request::decode(least).is_ok(), "`steps` is optional");
    let least = br#"{"version": 1, "type": "phase", "data": {"resulthost": "h", "resultport": 1, "steps": [{"command": "x"}]}}"#;
    assert!(seed::Request::decode(least).is_ok(), "`spawn` and `timeout` are optional");
}

#[test]
fn a_data_frame_is_laid_out_as_the_page_says() {
    let mut payload = vec![1];
    payload.extend(2_u64.to_be_bytes());
    payload.extend(3_u32.to_be_bytes());
    payload.extend(4_u64.to_be_bytes());
    let lengths = table(PAGE, "bytes").into_iter().filter_map(|row| row[0].parse::<usize>().ok());
    assert_eq!((lengths.sum::<usize>(), payload.len()), (DATA_HEADER, DATA_HEADER));
    payload.extend(b"rest");
    let Ok(SessionFrame::<PlayerMessage>::Numbered(2, Body::Data(data))) = SessionFrame::decode(&payload) else {
        panic!("a data frame")
    };
    assert_eq!((data.stream, data.offset, &data.bytes[..]), (3, 4, &b"rest"[..]));
}
