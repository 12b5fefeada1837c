//! Tests that runs that are written as lines and read back give the same reports in every format.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::Replay;
use crate::model::{
    Absence, Action, Attempt, BarrierFailure, BarrierResult, Blame, Bound, Conclusion, Destination, Ending, Event,
    FetchedFile, FetchedFiles, FileLine, Format, Gate, Hint, Mode, Outcome, Output, OutputSource, Phase, Plan,
    PlayerDescription, Printer, Process, Reason, Stamped, StartSkew, Step, StepResult, Stream, Unkept, Until, Verdict,
    WorkerId,
};
use crate::report::recorded::{
    Recording, failed, interrupted, left, lost, not_carried_out, passed, plain, plan, printing, range, spawned, told,
    worker,
};
use crate::report::{dry_run_json, reporter};

/// An output of which these bytes were kept.
fn kept(bytes: &[u8], unkept: Option<Unkept>) -> Output {
    Output::new(Arc::new(bytes.to_vec()), bytes.len() as u64, unkept)
}

/// The outputs of a run, as in the results folder.
#[derive(Default)]
struct Files {
    plan: Option<Arc<Plan>>,
    files: BTreeMap<Vec<String>, Vec<u8>>,
}

impl Files {
    fn of(events: &[Stamped]) -> Self {
        let mut files = Self::default();
        for stamped in events {
            match &stamped.event {
                Event::RunStarted { plan, .. } => files.plan = Some(Arc::clone(plan)),
                Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } => {
                    files.both(Printer::Step(*step), result);
                }
                Event::CheckEnded { trial, result } => files.both(Printer::Check(*trial), result),
                Event::OutputReceived { step, stream, output } | Event::OutputEnded { step, stream, output } => {
                    files.add(Printer::Step(*step), *stream, output);
                }
                _ => {}
            }
        }
        files
    }

    fn both(&mut self, of: Printer, result: &StepResult) {
        self.add(of, Stream::Stdout, &result.stdout);
        self.add(of, Stream::Stderr, &result.stderr);
    }

    fn add(&mut self, of: Printer, stream: Stream, output: &Output) {
        let mut bytes = vec![0; usize::try_from(output.length()).unwrap()];
        output.read_exact_at(0, &mut bytes).unwrap();
        let known = self.files.entry(of.file(self.plan.as_deref(), stream)).or_default();
        if known.len() < bytes.len() {
            *known = bytes;
        }
    }

    fn source(&self, path: &[String]) -> Arc<dyn OutputSource> {
        Arc::new(self.files.get(path).cloned().unwrap_or_default())
    }
}

fn configuration(events: &[Stamped]) -> Option<String> {
    let Event::RunStarted { plan, .. } = &events.first()?.event else { return None };
    let mut written = Vec::new();
    dry_run_json(plan, None, &mut written).unwrap();
    Some(String::from_utf8(written).unwrap())
}

/// Reads events back from these lines of a run. Also returns whether the record is complete.
fn read_back(lines: &str, events: &[Stamped]) -> Result<(Vec<Stamped>, bool), String> {
    let files = Files::of(events);
    let mut replay = Replay::new(
        lines.as_bytes(),
        configuration(events).into_iter().collect(),
        |_| {},
        |path, _| files.source(&path),
    );
    let mut read = Vec::new();
    while let Some(stamped) = replay.next().map_err(|error| error.to_string())? {
        read.push(stamped);
    }
    Ok((read, replay.is_whole()))
}

#[track_caller]
fn assert_same_reports(name: &str, events: &[Stamped]) {
    let (read, whole) = read_back(&told(Format::Jsonl, plain(), events), events).unwrap();
    assert!(whole, "{name}");
    for format in Format::ALL {
        assert_eq!(told(format, plain(), &read), told(format, plain(), events), "{name}, {format}");
    }
}

#[test]
fn runs_that_are_read_back_have_the_same_reports() {
    for (name, events) in [
        ("passed", passed()),
        ("failed", failed()),
        ("lost", lost()),
        ("not carried out", not_carried_out()),
        ("interrupted", interrupted()),
        ("range", range()),
        ("bytes", printing(b"a\x1b[2J\x00\xff\xc2\x9b</script>\r\n\"\\\xe2\x82", 1000)),
        ("many bytes", printing(&b"\xff\xfe\x00 \xc3\xa9".repeat(20_000), 1000)),
    ] {
        assert_same_reports(name, &events);
    }
}

#[test]
fn what_a_step_printed_before_its_start_was_recorded_is_shown_of_a_run_without_an_end() {
    let mut run = Recording::of(plan(vec![worker("dut", Vec::new(), vec![Step::plain("work", "work")])]));
    run.trial();
    run.phase(Phase::Run);
    let step = run.reference(Phase::Run, 0, 0);
    run.add(Event::OutputReceived { step, stream: Stream::Stdout, output: Output::from_bytes("half\n") });
    run.add(Event::StepStarted { step, started: left(Outcome::Passed, b"", b"").started.unwrap() });
    let (read, is_whole) = read_back(&told(Format::Jsonl, plain(), &run.events), &run.events).unwrap();
    let text = told(Format::Text, plain(), &read);
    assert!(!is_whole && text.contains("\n      | half\n"), "{text}");
}

#[test]
fn a_run_without_a_plan_is_read_back() {
    let reasons = vec![Reason::NotCarriedOut("test.cfg cannot be read".to_owned())];
    let event = Event::RunEnded { conclusion: Conclusion::new(Verdict::Incomplete, reasons) };
    let at = crate::model::ConductorTime::from_nanoseconds(1);
    assert_same_reports("no plan", &[Stamped { at, event }]);
}

#[test]
fn the_hints_of_a_run_are_read_back_and_one_of_a_later_version_is_left_out() {
    for hint in Hint::ALL.into_iter().filter(|hint| *hint != Hint::CheckNetwork) {
        let hints = vec![hint, Hint::CheckNetwork];
        let conclusion = Conclusion { hints, ..Conclusion::new(Verdict::Incomplete, Vec::new()) };
        let events =
            [Stamped { at: crate::model::ConductorTime::from_nanoseconds(1), event: Event::RunEnded { conclusion } }];
        assert_same_reports("two hints", &events);
        let lines = told(Format::Jsonl, plain(), &events);
        let word = serde_json::to_string(&hint).unwrap();
        assert!(lines.contains(&format!("\"hints\":[{word},\"check_network\"]")), "{lines}");
        let (read, _) = read_back(&lines.replace(&word, "\"of_a_later_version\""), &events).unwrap();
        let Event::RunEnded { conclusion } = &read[0].event else { panic!("{read:?}") };
        assert_eq!(conclusion.hints, [Hint::CheckNetwork]);
    }
}

#[test]
fn a_reason_of_a_later_version_is_read_with_its_text() {
    let incomplete = |text: &str| Reason::Incomplete(text.to_owned());
    let reasons = vec![Reason::Failed("one".to_owned()), incomplete("two")];
    let event = Event::RunEnded { conclusion: Conclusion::new(Verdict::Failed, reasons) };
    let events = [Stamped { at: crate::model::ConductorTime::from_nanoseconds(1), event }];
    let lines = told(Format::Jsonl, plain(), &events);
    let later = lines.replace(r#""kind":"failed""#, r#""kind":"moon""#);
    assert_ne!(later, lines);
    let (read, _) = read_back(&later, &events).unwrap();
    let Event::RunEnded { conclusion } = &read[0].event else { panic!("{read:?}") };
    assert_eq!(conclusion.reasons, [incomplete("one"), incomplete("two")]);
}

/// Steps of every form.
fn steps() -> Vec<Step> {
    let second = Duration::from_secs(1);
    let action = |label: &str, action| Step { action, ..Step::plain(label, "") };
    vec![
        Step {
            gate: Gate::Must,
            bound: Some(Bound::Timeout(second * 3)),
            origin: Some(FileLine { file: Path::new("a:b.cfg").into(), line: 12 }),
            ..Step::plain("must", "a\nb \u{1b}")
        },
        Step { gate: Gate::MayFail, mode: Mode::Parallel, ..Step::plain("may", "c") },
        Step { bound: Some(Bound::For(Duration::from_millis(1500))), ..spawned("for", "d") },
        Step { until: Some(Until { limit: second * 9, attempt: Some(second) }), ..Step::plain("until", "e") },
        action("meet", Action::Barrier("here".to_owned())),
        action("stop", Action::Stop("for".to_owned())),
        action("get", Action::Fetch("log/*".to_owned())),
        action("put", Action::Put { local: "x/y".into(), remote: "/tmp/z".to_owned() }),
        Step::plain(&"l".repeat(1000), &"long ".repeat(2000)),
    ]
}

/// A result with all optional parts.
fn everything(outcome: Outcome, stdout: &[u8], stderr: &[u8]) -> StepResult {
    let process = |pid| Process { pid, user: "me".to_owned(), command: "sh -c '\u{1b}é'".repeat(500) };
    let long: String = "why ".repeat(3000);
    let outcomes = [
        Outcome::Failed(Ending::Exit(3)),
        Outcome::Failed(Ending::Signal(34)),
        Outcome::TimedOut(Duration::from_millis(1)),
        Outcome::NotStarted(long.clone()),
        Outcome::Unfulfilled(long),
        Outcome::Passed,
    ];
    let attempt = |(number, outcome): (u32, Outcome)| Attempt {
        after: Duration::from_millis(10) * number,
        duration: Duration::from_nanos(number.into()),
        outcome,
        printed_before: [number.into(), 0],
    };
    let mut files = FetchedFiles::default();
    for number in 0..300 {
        let (name, digest) = (format!("log/{number}").into(), "0f".repeat(32));
        files.add(FetchedFile { name, length: number, mode: 0o4755, digest, grew: number == 7 });
    }
    StepResult {
        leaky: true,
        holders: [process(1), process(2)].into(),
        not_stopped: [process(3)].into(),
        attempts: (1..).zip(outcomes.into_iter().cycle().take(600)).map(attempt).collect(),
        files: Some(Box::new(files)),
        ..left(outcome, stdout, stderr)
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a run with everything that a run can have, in its order")]
fn nothing_of_a_run_is_lost_when_it_is_read_back() {
    let mut plan = plan(vec![
        worker("a", Vec::new(), steps()),
        worker("b", Vec::new(), steps()),
        worker("c", Vec::new(), Vec::new()),
    ]);
    plan.workers[1].player = Destination { host: "fe80::1".to_owned(), port: 1 }.into();
    plan.workers[1].environment = vec![("Z".to_owned(), "1".to_owned()), ("A".to_owned(), "2\n".to_owned())];
    plan.workers[1].directory = Some("/tmp".to_owned());
    plan.settings.check = Some("check".to_owned());
    plan.settings.max_start_skew = Some(Duration::from_micros(1500));
    let mut run = Recording::of(plan);
    run.trial();
    run.add(Event::WorkerConnected { worker: WorkerId(1), player: PlayerDescription::Seed });
    run.phase(Phase::Run);
    let step = |run: &Recording, position| run.reference(Phase::Run, 0, position);
    let reference = step(&run, 0);
    // Both streams end with an incomplete character.
    for bytes in [&b"early"[..], b"early \xc3"] {
        let output = Output::from_bytes(bytes);
        run.add(Event::OutputReceived { step: reference, stream: Stream::Stdout, output });
    }
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"early \xc3", b"err \xe2\x82"));
    run.step(Phase::Run, 0, 1, everything(Outcome::Failed(Ending::Exit(1)), b"printed", b"\xff"));
    for (bytes, more) in [(&b"printed and late \xc3"[..], true), (b"printed and late \xc3", false)] {
        let (step, stream, output) = (step(&run, 1), Stream::Stdout, Output::from_bytes(bytes));
        run.add(if more {
            Event::OutputReceived { step, stream, output }
        } else {
            Event::OutputEnded { step, stream, output }
        });
    }
    run.step(Phase::Run, 0, 2, left(Outcome::Spawned, b"", b""));
    run.step(Phase::Run, 0, 3, everything(Outcome::TimedOut(Duration::from_secs(5)), b"", b""));
    run.step(Phase::Run, 0, 4, StepResult::without_output(Outcome::Unfulfilled("nobody came".to_owned())));
    let because = |because, outcome| StepResult { because: Some(because), ..StepResult::without_output(outcome) };
    run.step(Phase::Run, 0, 5, because(Blame::Signal(15), Outcome::Skipped(None)));
    run.step(Phase::Run, 1, 5, because(Blame::Step(step(&run, 1)), Outcome::Skipped(None)));
    run.step(Phase::Run, 1, 6, because(Blame::Worker(WorkerId(1)), Outcome::Lost));
    run.step(Phase::Run, 0, 6, StepResult::without_output(Outcome::Skipped(Some("a".repeat(5000)))));
    run.step(Phase::Run, 0, 7, StepResult::without_output(Outcome::NotStarted("no shell".to_owned())));
    let unkept = Unkept { bytes: 8, why: Arc::from("no space left on device") };
    run.step(Phase::Run, 0, 8, StepResult { stdout: kept(b"kept", Some(unkept)), ..left(Outcome::Lost, b"", b"") });
    let spawned = step(&run, 2);
    run.add(Event::SpawnedEnded { step: spawned, result: left(Outcome::Failed(Ending::Signal(9)), b"up", b"") });
    run.add(Event::Warning { worker: None, text: "look\n".to_owned() });
    run.add(Event::WorkerBroken { worker: WorkerId(1), reason: "cut".to_owned() });
    run.add(Event::WorkerResumed { worker: WorkerId(1), silent: Duration::from_secs(2) });
    let skew = StartSkew {
        spread: Duration::from_nanos(7),
        bound: Duration::from_nanos(9),
        workers: 2,
        unknown: vec![WorkerId(1)],
    };
    run.add(Event::BarrierReleased {
        trial: 1,
        phase: Phase::Run,
        name: "here".to_owned(),
        lead: Duration::from_millis(3),
    });
    let absences = [
        Absence::Lost(Some(step(&run, 1))),
        Absence::Lost(None),
        Absence::Leaves("it was told to".to_owned()),
        Absence::Finished(Phase::Run),
        Absence::Skipped,
        Absence::StoppedWaiting(vec![step(&run, 1), step(&run, 3)]),
        Absence::DidNotWait,
        Absence::WaitsAt("there".to_owned()),
    ];
    let missing = absences.map(|why| Err(BarrierFailure::Missing(WorkerId(1), why)));
    let told = Err(BarrierFailure::Told("b was lost".repeat(1000)));
    for passed in [Ok(Some(skew)), Ok(None), told, Err(BarrierFailure::Stopped)].into_iter().chain(missing) {
        let waited = vec![(WorkerId(0), Duration::from_secs(1)), (WorkerId(1), Duration::ZERO)];
        let barrier = BarrierResult { name: "here".to_owned(), waited, passed };
        run.add(Event::BarrierEnded { trial: 1, phase: Phase::Run, barrier });
    }
    let hint = Some(Hint::RestartPlayer);
    run.add(Event::WorkerLost { worker: WorkerId(1), reason: "gone \u{202e}".to_owned(), hint });
    run.add(Event::WorkerUnreachable { worker: WorkerId(1), refused: true, reason: "busy".to_owned(), hint: None });
    run.add(Event::OutputFailed { worker: Some(WorkerId(1)), text: "no space".to_owned() });
    run.add(Event::OutputFailed { worker: None, text: "no space".to_owned() });
    run.add(Event::Interrupted { signal: 15 });
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    run.add(Event::CheckEnded {
        trial: 1,
        result: left(Outcome::Failed(Ending::Exit(2)), &b"line\n".repeat(2000), b"\xff"),
    });
    let reasons = vec![
        Reason::Interrupted(15),
        Reason::NotCarriedOut("one".to_owned()),
        Reason::Incomplete("two".repeat(3000)),
        Reason::Failed("three".to_owned()),
    ];
    assert_same_reports("everything", &run.over(Verdict::Incomplete, reasons));
}

#[test]
fn a_cause_of_a_later_version_is_read_as_unknown() {
    let mut run = Recording::of(plan(vec![worker("a", Vec::new(), steps()), worker("b", Vec::new(), steps())]));
    run.trial();
    run.phase(Phase::Run);
    let because = Some(Blame::Signal(15));
    run.step(Phase::Run, 0, 5, StepResult { because, ..StepResult::without_output(Outcome::Skipped(None)) });
    let passed = Err(BarrierFailure::Missing(WorkerId(1), Absence::Skipped));
    let barrier = BarrierResult { name: "here".to_owned(), waited: Vec::new(), passed };
    run.add(Event::BarrierEnded { trial: 1, phase: Phase::Run, barrier });
    let events = run.over(Verdict::Incomplete, Vec::new());
    let mut lines = told(Format::Jsonl, plain(), &events);
    for (known, later) in [
        (r#""because":{"signal":15}"#, r#""because":{"moon":["full"]}"#),
        (r#""absence":"skipped""#, r#""absence":{"moon":{"worker":"b"}}"#),
    ] {
        assert!(lines.contains(known), "{lines}");
        lines = lines.replace(known, later);
    }
    let (read, _) = read_back(&lines, &events).unwrap();
    let because = read.iter().find_map(|one| match &one.event {
        Event::StepEnded { result, .. } => Some(result.because),
        _ => None,
    });
    assert_eq!(because, Some(None));
    let passed = read.iter().find_map(|one| match &one.event {
        Event::BarrierEnded { barrier, .. } => Some(barrier.passed.clone()),
        _ => None,
    });
    assert_eq!(passed, Some(Err(BarrierFailure::Told("worker `b` skipped it".to_owned()))));
}

#[test]
fn of_a_record_without_an_end_there_are_reports_of_what_was_recorded() {
    let events = failed();
    let lines = told(Format::Jsonl, plain(), &events);
    let ends: Vec<usize> = lines.match_indices('\n').map(|(at, _)| at + 1).collect();
    for end in [0, 10, ends[0], ends[0] + 1, ends[ends.len() / 2], lines.len() - 1] {
        let (read, whole) = read_back(&lines[..end], &events).unwrap();
        assert!(!whole, "{end}");
        let text = told(Format::Text, plain(), &read);
        assert!(text.contains("incomplete: the end of the run was not recorded"), "{text}");
        let again = told(Format::Jsonl, plain(), &read);
        let kept = lines[..end].rfind('\n').map_or(0, |at| at + 1);
        assert!(again.starts_with(&lines[..kept]), "{end}");
    }
}

/// Whether an output of this event is shorter than its recorded length.
fn has_less_than_recorded(event: &Event) -> bool {
    let outputs = match event {
        Event::StepEnded { result, .. } | Event::SpawnedEnded { result, .. } | Event::CheckEnded { result, .. } => {
            vec![&result.stdout, &result.stderr]
        }
        Event::OutputReceived { output, .. } | Event::OutputEnded { output, .. } => vec![output],
        _ => Vec::new(),
    };
    let last = |output: &Output| output.length().checked_sub(1);
    outputs.into_iter().any(|output| last(output).is_some_and(|last| output.read_exact_at(last, &mut [0]).is_err()))
}

#[test]
fn no_number_in_a_record_makes_a_report_fail() {
    let events = failed();
    let lines = told(Format::Jsonl, plain(), &events);
    let numbers = lines.match_indices(':').filter_map(|(at, _)| {
        let digits = lines[at + 1..].find(|c: char| !c.is_ascii_digit())?;
        (digits > 0).then_some((at + 1, at + 1 + digits))
    });
    let (mut read, mut short) = (0, 0);
    for (start, end) in numbers {
        for number in ["0", "4294967295", "18446744073709551615"] {
            let lines = format!("{}{number}{}", &lines[..start], &lines[end..]);
            // Numbers that are too large for their type are errors.
            if let Ok((events, _)) = read_back(&lines, &failed()) {
                read += 1;
                for format in Format::ALL {
                    let mut reporter = reporter(format, Box::new(io::sink()), plain());
                    let failed = events.iter().find_map(|one| Some((one, reporter.report(one).err()?)));
                    // Only `jsonl` contains whole outputs: there, an output that is shorter than recorded is an error.
                    if let Some((Stamped { event, .. }, error)) = failed {
                        let is_short = error.kind() == io::ErrorKind::UnexpectedEof && has_less_than_recorded(event);
                        assert!(format == Format::Jsonl && is_short, "{format}: {error}: {lines}");
                        short += 1;
                    }
                }
            }
        }
    }
    assert!(read > 100, "{read} records were read");
    assert!(short > 0, "no output was shorter than its record says");
}

#[test]
fn a_line_that_is_not_a_record_is_named() {
    let events = failed();
    let lines = told(Format::Jsonl, plain(), &events);
    let first = lines.lines().next().unwrap();
    for (wrong, why) in [
        ("{\n", "line 2: EOF while parsing an object"),
        (r#"{"at_ns":1,"time":null,"event":"no such"}"#, "line 2: unknown variant `no such`"),
        (
            r#"{"at_ns":1,"time":null,"event":"worker_lost","worker":"nobody","reason":""}"#,
            "line 2: unknown worker `nobody`",
        ),
    ] {
        let error = read_back(&format!("{first}\n{wrong}\n"), &events).unwrap_err();
        assert!(error.starts_with(why), "{error}");
    }
}

#[test]
fn a_step_that_was_open_when_the_conductor_was_killed_is_lost_at_that_time_and_not_when_the_run_is_resumed() {
    let plan = plan(vec![worker("a", Vec::new(), steps())]);
    let mut run = Recording::of(plan.clone());
    run.trial();
    run.phase(Phase::Run);
    let step = run.reference(Phase::Run, 0, 0);
    run.add(Event::StepStarted { step, started: left(Outcome::Passed, b"", b"").started.unwrap() });
    let mut events = run.events;
    let killed = events.last().unwrap().at;
    let resumed = Event::RunResumed { plan: Arc::new(plan), done: 0, generation: 1 };
    events.push(Stamped { at: killed.plus(Duration::from_mins(1)), event: resumed });
    let lines = told(Format::Jsonl, plain(), &events);
    let (read, _) = read_back(&lines, &events).unwrap();
    let lost = read.iter().find(|one| matches!(one.event, Event::StepEnded { .. }));
    assert_eq!(lost.map(|one| one.at), Some(killed));
    // The record has no such line.
    assert!(told(Format::Jsonl, plain(), &read).starts_with(&lines));
}
