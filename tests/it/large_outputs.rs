//! Much output arrives whole: every byte is counted, head and tail are kept, and what is left out is told.

use crate::support::{Folder, Player, run};
use serde_json::Value;
use snapbox::str;

/// Runs one step, and returns its result from the report.
fn result_of(command: &str, lines: &str) -> Value {
    let player = Player::start();
    let folder = Folder::new();
    folder.test(lines, &["w"]).worker("w", player.port, &format!("[Run]\ns = {command}\n"));
    let finished = run(&folder, ["conduct", "-q", "-f", "json", "-p", "run", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    document["trials"][0]["phases"]["run"]["workers"]["w"]["results"][0].clone()
}

/// The numbers from 1 in lines of eight bytes.
fn line(number: u64) -> String {
    format!("{number:07}\n")
}

#[test]
fn twenty_megabytes_arrive_whole_and_the_report_keeps_head_and_tail() {
    let lines = 20 * 1024 * 1024 / 8;
    let result = result_of(&format!("seq -f %%07.0f {lines}"), "max_message_size = 1");
    assert_eq!(result["stdout_bytes"], lines * 8);
    let text = result["stdout"].as_str().expect("a text");
    let left_out = result["stdout_left_out"].as_u64().expect("a number");
    assert!(text.starts_with(&(line(1) + &line(2))) && text.ends_with(&(line(lines - 1) + &line(lines))));
    assert!(left_out >= 19 * 1024 * 1024 && text.len() <= (1 << 20) + 100, "{left_out} and {}", text.len());
    // Between head and tail stands how much is missing, and nothing else does.
    let (head, tail) = text.split_once(&format!("{left_out}")).expect("the number of bytes that are left out");
    let whole: String = (1..).map(line).take(head.len() / 8).collect();
    assert!(head.starts_with(&whole), "the head is the beginning");
    assert!(tail.len() > 400_000, "the tail is a good part");
}

#[test]
fn what_is_kept_of_twenty_megabytes_is_all_of_it_when_the_limit_allows() {
    let result = result_of("head -c 20971520 /dev/zero | tr '\\0' y; echo end", "max_message_size = 21");
    assert_eq!((&result["stdout_bytes"], &result["stdout_left_out"]), (&20_971_524.into(), &0.into()));
    let text = result["stdout"].as_str().expect("a text");
    assert!(text.len() == 20_971_524 && text.ends_with("yyyend\n") && !text.trim_end_matches("end\n").contains('e'));
}

#[test]
fn both_streams_arrive_whole_when_a_step_prints_on_both_at_once() {
    let command = "(seq -f %%07.0f 1000000) & seq -f %%07.0f 1000000 >&2; wait";
    let result = result_of(command, "max_message_size = 8");
    for stream in ["stdout", "stderr"] {
        assert_eq!(result[format!("{stream}_bytes")], 8_000_000, "{stream}");
        assert_eq!(result[format!("{stream}_left_out")], 0, "{stream}");
        let whole: String = (1..=1_000_000).map(line).collect();
        assert!(result[stream] == whole.as_str(), "{stream} is in order and whole");
    }
}

#[test]
fn the_text_report_says_how_much_it_leaves_out() {
    let player = Player::start();
    let folder = Folder::new();
    folder.test("max_message_size = 1", &["w"]).worker("w", player.port, "[Run]\ns = seq -f %%07.0f 262144\n");
    let finished = run(&folder, ["conduct", "-q", "-p", "run", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""));
    let around: Vec<&str> = finished.stdout.lines().filter(|line| !line.starts_with("      | 0")).collect();
    snapbox::assert_data_eq!(
        around.join("\n"),
        str![[r#"
test.cfg  run [..]
1 trial of run on 1 worker

Trial 1 of 1, run
  w  s  passed              [..]s  seq -f %07.0f 262144
      | 
      | [… 1048576 bytes left out …]

passed: 1 of 1 trial; steps: 1 passed; 1 worker; [..]s
"#]]
    );
}

#[test]
fn bytes_that_are_no_text_become_marks_and_are_counted_as_they_are() {
    let result = result_of("printf 'a\\377b\\0c'", "");
    assert_eq!((&result["stdout"], &result["stdout_bytes"]), (&"a\u{fffd}b\0c".into(), &5.into()));
}
