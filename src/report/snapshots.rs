//! What each format writes of the recorded runs, exactly.

use serde_json::Value;
use snapbox::{IntoData, assert_data_eq, str};

use super::recorded::{
    Recording, failed, interrupted, left, lost, not_carried_out, passed, plain, plan, printing, spawned, told, worker,
};
use super::{Format, Style};
use crate::model::{Conclusion, ConductorTime, Ending, Event, Outcome, Phase, Reason, Stamped, StepResult, Verdict};

fn json(events: &[Stamped]) -> Value {
    serde_json::from_str(&told(Format::Json, plain(), events)).unwrap()
}

#[test]
fn classic_tells_a_passed_run_as_the_seed_does() {
    let expected = "0 phase received\n0 startup\n\n0 Spawned\n65535 phases complete\n\
                    0 phase received\n0 running\n\n65535 phases complete\n";
    assert_eq!(told(Format::Classic, plain(), &passed()), expected);
}

#[test]
fn classic_tells_each_worker_when_its_phase_is_over_with_codes_and_command_lines() {
    let expected = "0 phase received\n0 phase received\n\
                    1 false\n0 \n65535 phases complete\n\
                    3 echo out; echo err >&2; exit 3\n1 Command timed out after 1 seconds\n-9 kill -9 $$\n\
                    65535 phases complete\n";
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
        "1 not carried out: dut at 127.0.0.1:6970 can't be reached: connection refused\n"
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
fn text_tells_a_passed_run() {
    assert_data_eq!(
        told(Format::Text, plain(), &passed()),
        str![[r#"
test.cfg  run 7f3a  2026-11-23 16:56:17
1 trial of startup, run on 1 worker

Trial 1 of 1, startup
  dut  step1   passed              0.012s  echo "startup"
      | startup
  dut  spawn1  spawned                  -  sleep 60

Trial 1 of 1, run
  dut  step1   passed              0.012s  echo running; echo note >&2
      | running
      ! note
  dut  spawn1  stopped             0.012s  sleep 60  (spawned in startup)

passed: 2 passed, 1 stopped; 1 of 1 trial; 1 worker; 1.800s

"#]]
        .raw()
    );
}

#[test]
fn text_repeats_failures_with_their_last_lines() {
    assert_data_eq!(
        told(Format::Text, plain(), &failed()),
        str![[r#"
test.cfg  run 7f3a  2026-11-23 16:56:17
1 trial of startup, run on 2 workers

Trial 1 of 1, run
  dut        check     failed: exit 3      0.012s  echo out; echo err >&2; exit 3
      | out
      ! err
  generator  probe     failed: exit 1      0.012s  false  (may fail)
  dut        timeout1  timed out           0.012s  sleep 5
      stopped after 1s
      | half a line
  generator  last      passed              0.012s  true
  dut        kill      failed: SIGKILL     0.012s  kill -9 $$

Failures
  trial 1, run, dut, check: failed: exit 3  echo out; echo err >&2; exit 3
      | out
      ! err
  trial 1, run, generator, probe: failed: exit 1  false  (may fail: does not count)
  trial 1, run, dut, timeout1: timed out  sleep 5
      | half a line
  trial 1, run, dut, kill: failed: SIGKILL  kill -9 $$

failed: 3 steps failed
failed: 1 passed, 3 failed, 1 timed out; 1 of 1 trial; 2 workers; 1 failure not counted; 1.700s

"#]]
        .raw()
    );
}

#[test]
fn text_names_a_lost_worker_and_shows_the_results_of_the_others() {
    assert_data_eq!(
        told(Format::Text, plain(), &lost()),
        str![[r#"
test.cfg  run 7f3a  2026-11-23 16:56:17
1 trial of startup, run on 2 workers

Trial 1 of 1, run
  a  work  passed              0.012s  work
      | a was here
  warning: b: nothing heard for 40s
  lost: b: nothing heard for 66s
  b  work  lost                     -  work
  b  more  skipped                  -  more
  a  more  passed              0.012s  more

Lost workers
  b: nothing heard for 66s

incomplete: b was lost
incomplete: 2 passed, 1 skipped, 1 lost; 1 of 1 trial; 2 workers; 1 warning; 1.700s

"#]]
        .raw()
    );
}

#[test]
fn text_says_why_a_run_was_not_carried_out() {
    assert_data_eq!(
        told(Format::Text, plain(), &not_carried_out()),
        str![[r#"
test.cfg  run 7f3a  2026-11-23 16:56:17
1 trial of startup, run on 1 worker

not carried out: dut at 127.0.0.1:6970 can't be reached: connection refused
not carried out: no step was run; 0 of 1 trial; 1 worker; 0.100s

"#]]
        .raw()
    );
}

#[test]
fn text_says_that_a_run_was_interrupted() {
    assert_data_eq!(
        told(Format::Text, plain(), &interrupted()),
        str![[r#"
test.cfg  run 7f3a  2026-11-23 16:56:17
1 trial of startup, run on 1 worker

Trial 1 of 1, run
  dut  work  stopped             0.012s  sleep 60

interrupted by SIGINT
interrupted: 1 stopped; 0 of 1 trial; 1 worker; 0.700s

"#]]
        .raw()
    );
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
fn json_tells_a_passed_run_in_the_seeds_shape() {
    assert_data_eq!(
        told(Format::Json, plain(), &passed()),
        str![[r#"
{
  "metadata": {
    "start_time": "2026-11-23T16:56:17.123456",
    "end_time": "2026-11-23T16:56:18.923456",
    "total_trials": 1,
    "total_workers": 1,
    "version": "0.1.0",
    "run": "7f3a",
    "config": "test.cfg",
    "verdict": "passed",
    "reasons": [],
    "exit_status": 0
  },
  "workers": [
    {
      "name": "dut",
      "player": "127.0.0.1:6970",
      "kind": "session",
      "version": "0.1.0",
      "host": "box"
    }
  ],
  "trials": [
    {
      "trial_number": 1,
      "start_time": "2026-11-23T16:56:17.323456",
      "end_time": "2026-11-23T16:56:18.823456",
      "verdict": "passed",
      "phases": {
        "startup": {
          "start_time": "2026-11-23T16:56:17.423456",
          "end_time": "2026-11-23T16:56:18.023456",
          "workers": {
            "dut": {
              "start_time": "2026-11-23T16:56:17.523456",
              "end_time": "2026-11-23T16:56:17.923456",
              "results": [
                {
                  "timestamp": "2026-11-23T16:56:17.723456",
                  "code": 0,
                  "message": "startup\n",
                  "step": "step1",
                  "position": 0,
                  "command": "echo \"startup\"",
                  "outcome": "passed",
                  "exit_status": 0,
                  "signal": null,
                  "started_at": "2026-11-23T16:56:17.123456",
                  "duration": 0.012,
                  "stdout": "startup\n",
                  "stdout_bytes": 8,
                  "stdout_left_out": 0,
                  "stderr": "",
                  "stderr_bytes": 0,
                  "stderr_left_out": 0,
                  "leaky": false
                },
                {
                  "timestamp": "2026-11-23T16:56:17.823456",
                  "code": 0,
                  "message": "Spawned",
                  "step": "spawn1",
                  "position": 1,
                  "command": "sleep 60",
                  "outcome": "spawned",
                  "exit_status": null,
                  "signal": null,
                  "started_at": null,
                  "duration": null,
                  "stdout": "",
                  "stdout_bytes": 0,
                  "stdout_left_out": 0,
                  "stderr": "",
                  "stderr_bytes": 0,
                  "stderr_left_out": 0,
                  "leaky": false,
                  "spawned_end": {
                    "timestamp": "2026-11-23T16:56:18.723456",
                    "outcome": "stopped",
                    "exit_status": null,
                    "signal": null,
                    "started_at": "2026-11-23T16:56:17.123456",
                    "duration": 0.012,
                    "stdout": "",
                    "stdout_bytes": 0,
                    "stdout_left_out": 0,
                    "stderr": "",
                    "stderr_bytes": 0,
                    "stderr_left_out": 0,
                    "leaky": false
                  }
                }
              ]
            }
          }
        },
        "run": {
          "start_time": "2026-11-23T16:56:18.123456",
          "end_time": "2026-11-23T16:56:18.623456",
          "workers": {
            "dut": {
              "start_time": "2026-11-23T16:56:18.223456",
              "end_time": "2026-11-23T16:56:18.523456",
              "results": [
                {
                  "timestamp": "2026-11-23T16:56:18.423456",
                  "code": 0,
                  "message": "running\n",
                  "step": "step1",
                  "position": 0,
                  "command": "echo running; echo note >&2",
                  "outcome": "passed",
                  "exit_status": 0,
                  "signal": null,
                  "started_at": "2026-11-23T16:56:17.123456",
                  "duration": 0.012,
                  "stdout": "running\n",
                  "stdout_bytes": 8,
                  "stdout_left_out": 0,
                  "stderr": "note\n",
                  "stderr_bytes": 5,
                  "stderr_left_out": 0,
                  "leaky": false
                }
              ]
            }
          }
        }
      }
    }
  ],
  "lost": [],
  "warnings": []
}

"#]]
        .raw()
    );
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
            let text = |key: &str| entry[key].as_str().unwrap();
            (entry["code"].as_i64().unwrap(), text("message"), text("outcome"))
        })
        .collect();
    let expected = [
        (3, "echo out; echo err >&2; exit 3", "failed"),
        (1, "Command timed out after 1 seconds", "timed out"),
        (-9, "kill -9 $$", "failed"),
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
    assert_eq!(document["metadata"]["reasons"][0]["kind"], "incomplete");
    assert_eq!(document["lost"][0]["worker"], "b");
    assert_eq!(document["lost"][0]["trial"], 1);
    assert_eq!(document["warnings"][0]["text"], "nothing heard for 40s");
    let workers = &document["trials"][0]["phases"]["run"]["workers"];
    assert_eq!(workers["b"]["end_time"], Value::Null);
    assert_eq!(workers["b"]["results"][0]["outcome"], "lost");
    assert_eq!(workers["a"]["results"][1]["outcome"], "passed");
}

#[test]
fn json_is_a_whole_document_when_nothing_was_run() {
    let document = json(&not_carried_out());
    assert_eq!(document["metadata"]["exit_status"], 1);
    assert_eq!(document["metadata"]["reasons"][0]["kind"], "not carried out");
    assert_eq!(document["trials"], Value::Array(Vec::new()));
    assert_eq!(json(&interrupted())["metadata"]["exit_status"], 130);
}

#[test]
fn every_format_says_why_when_there_was_not_even_a_plan() {
    let reason = Reason::NotCarriedOut("test.cfg can't be read".to_owned());
    let conclusion = Conclusion { verdict: Verdict::Incomplete, reasons: vec![reason] };
    let events = [Stamped { at: ConductorTime::from_nanoseconds(1), event: Event::RunEnded { conclusion } }];
    assert_eq!(told(Format::Classic, plain(), &events), "1 not carried out: test.cfg can't be read\n");
    let expected = "\nnot carried out: test.cfg can't be read\nnot carried out: no step was run\n";
    assert_eq!(told(Format::Text, plain(), &events), expected);
    assert_eq!(json(&events)["metadata"]["reasons"][0]["text"], "test.cfg can't be read");
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
