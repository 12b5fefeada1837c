//! Snapshot tests: the exact output of each format for the recorded runs.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::recorded::{
    Recording, failed, interrupted, left, lost, measured, not_carried_out, passed, plain, plan, printing, range,
    snapshot, spawned, told, worker,
};
use super::{Style, html, reporter};
use crate::model::{
    Conclusion, ConductorTime, Ending, Event, FileLine, Format, Outcome, Output, OutputSource, Phase, Reason, Stamped,
    Step, StepResult, Verdict, WorkerId, WorkerPlan,
};

fn json(events: &[Stamped]) -> Value {
    serde_json::from_str(&told(Format::Json, plain(), events)).unwrap()
}

#[test]
fn what_is_said_before_the_first_trial_of_a_resumed_run_is_about_no_trial() {
    let plan = plan(vec![worker("dut", Vec::new(), vec![Step::plain("work", "work")])]);
    let mut run = Recording::of(plan.clone());
    run.trial();
    run.phase(Phase::Run);
    run.add(Event::Warning { worker: None, text: "in the trial".to_owned() });
    run.add(Event::RunResumed { plan: Arc::new(plan), done: 0, generation: 1 });
    run.add(Event::Warning { worker: None, text: "before the trial".to_owned() });
    let report = json(&run.over(Verdict::Passed, Vec::new()));
    let warnings = report["warnings"].as_array().unwrap().iter();
    let warnings: Vec<_> = warnings.map(|own| format!("{}: {}", own["trial"], own["text"])).collect();
    assert_eq!(warnings, ["1: \"in the trial\"", "null: \"before the trial\""]);
}

#[test]
fn classic_tells_a_passed_run_as_the_seed_does() {
    let expected = "0 phase received\n0 startup\n\n0 Spawned\n65535 phases complete\n\
                    0 phase received\n0 running\n\n65535 phases complete\n";
    assert_eq!(told(Format::Classic, plain(), &passed()), expected);
}

#[test]
fn classic_tells_workers_in_the_order_of_the_configuration_with_codes_and_command_lines() {
    let expected = "0 phase received\n0 phase received\n\
                    3 echo out; echo err >&2; exit 3\n1 Command timed out after 1 seconds\n-9 kill -9 $$\n\
                    65535 phases complete\n\
                    1 false\n0 \n65535 phases complete\n";
    assert_eq!(told(Format::Classic, plain(), &failed()), expected);
}

#[test]
fn classic_names_a_lost_worker_and_why_the_run_is_incomplete() {
    let expected = "0 phase received\n0 phase received\n\
                    0 a was here\n\n0 \n65535 phases complete\n\
                    1 Command lost with its worker\n1 Command skipped\n1 b is lost: nothing heard for 66s\n\
                    1 incomplete: b was lost\n";
    assert_eq!(told(Format::Classic, plain(), &lost()), expected);
}

#[test]
fn classic_says_why_a_run_was_not_carried_out_or_was_interrupted() {
    assert_eq!(
        told(Format::Classic, plain(), &not_carried_out()),
        "1 not carried out: dut at 127.0.0.1:6970 cannot be reached: connection refused\n"
    );
    let expected = "0 phase received\n1 Command stopped\n1 interrupted by SIGINT\n";
    assert_eq!(told(Format::Classic, plain(), &interrupted()), expected);
}

#[test]
fn classic_tells_of_a_spawned_step_that_failed_after_it_was_spawned() {
    let mut run = Recording::of(plan(vec![worker("dut", Vec::new(), vec![spawned("server", "serve")])]));
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, StepResult::without_output(Outcome::Spawned));
    let step = run.reference(Phase::Run, 0, 0);
    run.add(Event::SpawnedEnded { step, result: left(Outcome::Failed(Ending::Exit(2)), b"", b"") });
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    let events = run.over(Verdict::Failed, vec![Reason::Failed("server failed".to_owned())]);
    let expected = "0 phase received\n0 Spawned\n2 serve\n65535 phases complete\n";
    assert_eq!(told(Format::Classic, plain(), &events), expected);
}

#[test]
fn github_shows_a_lost_worker_at_the_step_that_it_ran() {
    let origin = |line| Some(FileLine { file: Arc::from(PathBuf::from("test.cfg")), line });
    let steps = vec![
        Step { origin: origin(7), ..Step::plain("work", "work") },
        Step { origin: origin(8), ..Step::plain("more", "more") },
    ];
    let mut run = Recording::of(plan(vec![worker("dut", Vec::new(), steps)]));
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
    run.add(Event::WorkerLost { worker: WorkerId(0), reason: "nothing heard".to_owned(), hint: None });
    run.step(Phase::Run, 0, 1, StepResult::without_output(Outcome::Lost));
    let text = told(Format::Github, plain(), &run.over(Verdict::Incomplete, Vec::new()));
    assert!(text.starts_with("::error file=test.cfg,line=8,title=lost%3A dut in run of trial 1"), "{text}");
}

/// Two workers. The second leaves in Run, and its Reset is before that of the first.
fn left_early() -> Recording {
    let worker = |name: &str| {
        let mut worker = worker(name, Vec::new(), vec![Step::plain("work", "work")]);
        worker.steps[Phase::Reset] = vec![Step::plain("undo", "undo")];
        worker
    };
    let mut plan = plan(vec![worker("a"), worker("b")]);
    plan.phases = vec![Phase::Run, Phase::Collect, Phase::Reset];
    let mut run = Recording::of(plan);
    run.trial();
    run.phase(Phase::Run);
    run.step(Phase::Run, 1, 0, left(Outcome::Stopped, b"", b""));
    run.worker_done(Phase::Run, 1);
    run.step(Phase::Reset, 1, 0, left(Outcome::Passed, b"undone\n", b""));
    run
}

#[test]
fn a_reset_while_others_are_in_run_is_told_as_what_it_is_and_stands_with_the_others_in_the_end() {
    let mut run = left_early();
    let mut board = super::Board::default();
    run.events.iter().for_each(|stamped| board.take(stamped));
    let shown = board.lines(run.events.last().unwrap().at, 79, 10);
    assert_eq!(shown[1].text, "  b  done                       | undone");
    run.worker_done(Phase::Reset, 1);
    run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
    run.worker_done(Phase::Run, 0);
    run.phase_done(Phase::Run);
    run.phase(Phase::Collect);
    run.phase_done(Phase::Collect);
    run.phase(Phase::Reset);
    run.step(Phase::Reset, 0, 0, left(Outcome::Passed, b"", b""));
    run.worker_done(Phase::Reset, 0);
    run.phase_done(Phase::Reset);
    let events = run.over(Verdict::Incomplete, vec![Reason::Incomplete("b left".to_owned())]);
    let text = told(Format::Text, plain(), &events);
    let (_, in_run) = text.split_once("Trial 1 of 1, run\n").unwrap();
    let expected = "  b  work  stopped             0.012s  work\n  b  undo  passed              0.012s  undo  (in reset)\n      \
                    | undone\n  a  work  passed              0.012s  work\n";
    assert!(in_run.starts_with(expected), "{text}");
    let json = told(Format::Json, plain(), &events);
    assert!(json.find("\"collect\":") < json.find("\"reset\":"), "{json}");
    let document = self::json(&events);
    assert_eq!(document["not_reset"], Value::Array(Vec::new()));
    assert_eq!(document["trials"][0]["phases"]["reset"]["workers"]["b"]["results"][0]["stdout"], "undone\n");
}

#[test]
fn each_format_writes_of_each_recorded_run_what_the_folder_of_snapshots_has() {
    let runs = [
        ("passed", passed()),
        ("failed", failed()),
        ("lost", lost()),
        ("not_carried_out", not_carried_out()),
        ("interrupted", interrupted()),
        ("range", range()),
        ("measured", measured()),
    ];
    for (name, events) in runs {
        for format in Format::ALL {
            let extension = match format {
                Format::Text | Format::Classic => format!("{format}.txt"),
                Format::Junit => "junit.xml".to_owned(),
                Format::Github => "github.txt".to_owned(),
                other => other.to_string(),
            };
            // Leave out what is the same in every page.
            let told = told(format, plain(), &events).replace(html::STYLE, "").replace(html::SCRIPT, "");
            snapshot(&format!("{name}.{extension}"), told);
        }
    }
}

#[test]
fn text_with_colour_says_nothing_more_than_without() {
    for events in [passed(), failed(), lost(), not_carried_out(), interrupted()] {
        let colored = told(Format::Text, Style { color: true, ..plain() }, &events);
        let mut bare = colored.clone();
        for escape in ["\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[32m", "\x1b[33m"] {
            bare = bare.replace(escape, "");
        }
        assert_ne!(colored, bare);
        assert_eq!(bare, told(Format::Text, plain(), &events));
    }
}

#[test]
fn json_says_for_each_step_how_it_ended() {
    let document = json(&failed());
    assert_eq!(document["metadata"]["verdict"], "failed");
    assert_eq!(document["metadata"]["exit_status"], 3);
    let results = &document["trials"][0]["phases"]["run"]["workers"]["dut"]["results"];
    let told: Vec<(i64, &str, &str)> = results
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            let text = |key: &str| entry[key].as_str().unwrap_or("none");
            (entry["code"].as_i64().unwrap(), text("message"), text("outcome"))
        })
        .collect();
    let expected = [
        (3, "echo out; echo err >&2; exit 3", "failed"),
        (1, "Command timed out after 1 seconds", "timed out"),
        (-9, "kill -9 $$", "failed"),
        (65535, "phases complete", "none"),
    ];
    assert_eq!(told, expected);
    assert_eq!(results[0]["exit_status"], 3);
    assert_eq!(results[0]["stderr"], "err\n");
    assert_eq!(results[1]["limit"], 1.0);
    assert_eq!(results[1]["stdout"], "half a line");
    assert_eq!(results[2]["signal"], 9);
    assert_eq!(results[2]["exit_status"], Value::Null);
}

#[test]
fn json_says_who_was_lost_and_what_was_warned_of() {
    let document = json(&lost());
    assert_eq!(document["metadata"]["exit_status"], 4);
    assert_eq!(document["causes"][0]["kind"], "lost");
    assert_eq!(document["lost"][0]["worker"], "b");
    assert_eq!(document["lost"][0]["trial"], 1);
    assert_eq!(document["warnings"][0]["text"], "nothing heard for 40s");
    let workers = &document["trials"][0]["phases"]["run"]["workers"];
    assert_eq!(workers["b"]["end_time"], Value::Null);
    assert_eq!(workers["b"]["results"][0]["outcome"], "lost");
    assert_eq!(workers["a"]["results"][1]["outcome"], "passed");
}

#[test]
fn times_are_told_in_the_zone_that_was_asked_for() {
    let time_zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    let style = Style { time_zone, ..plain() };
    assert!(told(Format::Json, style.clone(), &passed()).contains("\"start_time\": \"2026-11-23T18:56:17.123456\""));
    assert!(told(Format::Text, style, &passed()).contains("2026-11-23 18:56:17"));
}

#[test]
fn json_is_a_whole_document_when_nothing_was_run() {
    let document = json(&not_carried_out());
    assert_eq!(document["metadata"]["exit_status"], 1);
    assert_eq!(document["causes"][0]["verdict"], "not carried out");
    assert_eq!(document["trials"], Value::Array(Vec::new()));
    assert_eq!(json(&interrupted())["metadata"]["exit_status"], 130);
}

#[test]
fn every_format_says_why_when_there_was_not_even_a_plan() {
    let reason = Reason::NotCarriedOut("test.cfg cannot be read".to_owned());
    let conclusion = Conclusion::new(Verdict::Incomplete, vec![reason]);
    let events = [Stamped { at: ConductorTime::from_nanoseconds(1), event: Event::RunEnded { conclusion } }];
    assert_eq!(told(Format::Classic, plain(), &events), "1 not carried out: test.cfg cannot be read\n");
    let expected = "not carried out: test.cfg cannot be read\nnot carried out: no step was run\n";
    assert_eq!(told(Format::Text, plain(), &events), expected);
    assert_eq!(json(&events)["causes"][0]["text"], "not carried out: test.cfg cannot be read");
}

#[test]
fn a_step_that_prints_anything_leaves_every_format_whole_and_harmless() {
    let bytes = b"a\x1b[2J\x00\xff\xc2\x9b]0;title\x07</script>\r\n\"\\tail";
    let events = printing(bytes, 1000);
    let terminal = Style { terminal: true, ..plain() };
    for format in [Format::Text, Format::Classic] {
        let shown = told(format, terminal.clone(), &events);
        assert!(!shown.contains(|character: char| character.is_control() && character != '\n'), "{shown}");
        assert!(shown.contains("a\\x1b[2J\\x00\u{fffd}\\x9b]0;title\\x07</script>\\r\n"), "{shown}");
    }
    let document = told(Format::Json, plain(), &events);
    assert!(!document.contains(|character: char| character.is_control() && character != '\n'), "{document}");
    let result = &json(&events)["trials"][0]["phases"]["run"]["workers"]["dut"]["results"][0];
    assert_eq!(result["stdout"].as_str().unwrap(), String::from_utf8_lossy(bytes));
    assert_eq!(result["stdout_bytes"], bytes.len());
    assert_eq!(result["command"], "print\u{1b}[2J");
}

#[test]
fn the_events_have_what_was_printed_as_it_came_in_lines_of_64_kib_at_most() {
    let mut bytes = vec![0x1b; 100_000];
    bytes.extend(b"\xff\xfe\x00 \xc3\xa9".repeat(20_000));
    bytes.extend([0xe2, 0x82]);
    let told = told(Format::Jsonl, plain(), &printing(&bytes, 1000));
    assert!(!told.contains(|character: char| character.is_control() && character != '\n'));
    assert!(told.lines().all(|line| line.len() < 64 * 1024));
    let mut printed = Vec::new();
    for line in told.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        if line["event"] == "output" && line["stream"] == "stdout" {
            assert_eq!(line["offset"], printed.len());
            match (line["text"].as_str(), line["base64"].as_str()) {
                (Some(text), None) => printed.extend(text.as_bytes()),
                (None, Some(other)) => printed.extend(from_base64(other)),
                _ => panic!("{line}"),
            }
        }
    }
    assert!(printed == bytes);
}

fn from_base64(text: &str) -> Vec<u8> {
    let sign = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let bits = text.bytes().filter(|c| *c != b'=').flat_map(|c| (0..6).rev().map(move |bit| sign(c) >> bit & 1));
    let bits: Vec<u8> = bits.collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit)).collect()
}

#[test]
fn a_file_gets_remote_text_as_it_came() {
    let events = printing(b"\x1b[31mred\x1b[0m\r\n", 1000);
    assert!(told(Format::Classic, plain(), &events).contains("0 \x1b[31mred\x1b[0m\r\n\n"));
    assert!(told(Format::Text, plain(), &events).contains("      | \x1b[31mred\x1b[0m\r\n"));
}

#[test]
fn an_output_longer_than_the_limit_is_told_by_head_tail_and_what_is_missing() {
    let mut bytes = b"head ".to_vec();
    bytes.extend(vec![b'x'; 300_000]);
    bytes.extend(b" tail\n");
    let events = printing(&bytes, 20);
    let kept = "head xxxxx\n[… 299991 bytes left out …]\nxxxx tail\n";
    assert_eq!(told(Format::Classic, plain(), &events), format!("0 phase received\n0 {kept}\n65535 phases complete\n"));
    let result = &json(&events)["trials"][0]["phases"]["run"]["workers"]["dut"]["results"][0];
    assert_eq!(result["message"], kept);
    assert_eq!(result["stderr"], kept);
    assert_eq!(result["stdout_bytes"], 300_011);
    assert_eq!(result["stdout_left_out"], 299_991);
}

/// An output that is generated while it is read, so that only the memory for a report's excerpt counts.
struct Endless;

impl OutputSource for Endless {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let line = b"0123456789abcdef\x1b\xff\xc3\xa9 \"quoted\"\t...\n";
        for (place, byte) in buffer.iter_mut().enumerate() {
            *byte = line[usize::try_from(offset).unwrap().wrapping_add(place) % line.len()];
        }
        Ok(buffer.len())
    }
}

#[test]
fn a_report_of_thirty_megabytes_is_written_in_small_pieces() {
    /// Counts the written bytes, and the length of the longest piece.
    #[derive(Clone, Default)]
    struct Count(Arc<AtomicUsize>, Arc<AtomicUsize>);
    impl Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.fetch_add(bytes.len(), Ordering::Relaxed);
            self.1.fetch_max(bytes.len(), Ordering::Relaxed);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    // These formats contain no output of a run that passed.
    let without = [Format::Github, Format::Trace, Format::Markdown, Format::Csv];
    for format in Format::ALL.into_iter().filter(|format| !without.contains(format)) {
        let mut run = Recording::of(plan(vec![worker("dut", Vec::new(), vec![Step::plain("work", "print")])]));
        run.trial();
        run.phase(Phase::Run);
        let mut result = left(Outcome::Passed, b"", b"");
        result.stdout = Output::new(Arc::new(Endless), 30_000_000, None);
        run.step(Phase::Run, 0, 0, result);
        run.worker_done(Phase::Run, 0);
        run.phase_done(Phase::Run);
        let count = Count::default();
        let mut reporter = reporter(format, Box::new(count.clone()), plain());
        for stamped in run.over(Verdict::Passed, Vec::new()) {
            reporter.report(&stamped).unwrap();
        }
        let (total, longest) = (count.0.load(Ordering::Relaxed), count.1.load(Ordering::Relaxed));
        let least = match format {
            Format::Junit | Format::Html => 64 << 10,
            _ => 10 << 20,
        };
        assert!(total > least, "{format}: {total} bytes");
        assert!(longest <= 256 * 1024, "{format}: {longest} bytes at once");
    }
}

#[test]
fn workers_of_one_file_with_different_steps_are_told_apart_and_at_once() {
    let of_test = |name: &str, label: &str| WorkerPlan {
        file: PathBuf::from("test.cfg"),
        ..worker(name, Vec::new(), vec![Step::plain(label, label)])
    };
    let mut plan = plan(vec![of_test("server", "serve"), of_test("client", "load")]);
    plan.trials = 2;
    let mut run = Recording::of(plan);
    for trial in [1, 2] {
        run.number(trial);
        run.trial();
        run.phase(Phase::Run);
        run.step(Phase::Run, 1, 0, left(Outcome::Passed, b"", b""));
        let text = told(Format::Text, plain(), &run.events);
        assert_eq!(text.matches("  client  load   passed ").count(), trial as usize, "{text}");
        run.step(Phase::Run, 0, 0, left(Outcome::Passed, b"", b""));
        run.phase_done(Phase::Run);
    }
    let text = told(Format::Text, plain(), &run.over(Verdict::Passed, Vec::new()));
    let (_, table) = text.split_once("Statistics of 2 trials").unwrap();
    assert!(table.contains("serve") && table.contains("load"), "{text}");
}

#[test]
fn the_time_between_the_conductors_of_a_run_is_not_in_its_duration() {
    let plan = plan(vec![worker("dut", Vec::new(), vec![Step::plain("s", "true")])]);
    let mut run = Recording::of(plan.clone());
    run.trial();
    let mut events = std::mem::take(&mut run.events);
    let last = events.last().unwrap().at;
    let later = |seconds| last.plus(Duration::from_secs(seconds));
    let resumed = Event::RunResumed { plan: std::sync::Arc::new(plan), done: 0, generation: 1 };
    events.push(Stamped { at: later(60), event: resumed });
    let conclusion = Conclusion::new(Verdict::Incomplete, Vec::new());
    events.push(Stamped { at: later(62), event: Event::RunEnded { conclusion } });
    let text = told(Format::Text, plain(), &events);
    assert!(text.ends_with("; 1 worker; 2.200s\n"), "{text}");
    assert!(told(Format::Markdown, plain(), &events).contains("; 2.200s; run "));
    assert!(told(Format::Junit, plain(), &events).contains("time=\"2.200\""));
}
