//! What a leaky step prints after its end, until the trial ends: it is the step's output in every report.

use std::fs;
use std::process::Command;

use crate::support::{Folder, Player, conductor, eventually, finish, start};
use serde_json::Value;
use snapbox::str;

#[test]
fn what_a_leaky_step_prints_later_in_the_trial_stands_in_every_report() {
    let (player, folder) = (Player::start(), Folder::new());
    for name in ["go", "said"] {
        assert!(Command::new("mkfifo").arg(folder.join(name)).status().expect("`mkfifo` runs").success());
    }
    let here = folder.path().display().to_string();
    let steps = format!(
        "[Run]\nleaks = (read -r line < {here}/go; echo late words; echo now > {here}/said) & echo first\n\
         next = read -r line < {here}/said; echo $line\n"
    );
    folder.test("", &["w"]).worker("w", player.port, &steps);
    let arguments = ["conduct", "-q", "--results", "kept", "-p", "run", "reset", "--", "test.cfg"];
    let child = start(conductor(&folder, arguments));
    // What comes before that is in the step's result.
    let events = folder.join("kept/latest/events.jsonl");
    eventually("the step is leaky", || fs::read_to_string(&events).is_ok_and(|text| text.contains("is leaky")));
    fs::write(folder.join("go"), "go\n").expect("somebody reads the pipe");
    finish(child).assert(
        0,
        str![[r#"
test.cfg  run [..]
1 trial of run, reset on 1 worker
results: kept/[..]

Trial 1 of 1, run
  w  leaks  passed              [..]s  [..]
      | first
  warning: w: step `leaks` in run of trial 1 is leaky: its output is still open in [..]; stopped after the trial, if still running
  w  next   passed              [..]s  [..]
      | now

Trial 1 of 1, reset
  w  leaks  printed after the end of the step (in run)
      | late words

passed: 1 of 1 trial; steps: 2 passed; 1 worker; 1 warning; [..]s; report: kept/[..]/report.html

"#]],
        str![""],
    );
    let read = |name: &str| folder.read(&format!("kept/latest/{name}"));
    assert_eq!(read("outputs/trial-1/w/run-01-leaks.stdout"), "first\nlate words\n");
    let document: Value = serde_json::from_str(&read("report.json")).expect("a document");
    let result = &document["trials"][0]["phases"]["run"]["workers"]["w"]["results"][0];
    assert_eq!((&result["stdout"], &result["stdout_bytes"]), (&"first\nlate words\n".into(), &17.into()));
    assert_eq!((&result["stdout_late_bytes"], result.get("stderr_late_bytes")), (&11.into(), None));
    let late = "first\n[… printed after the end of the step: …]\nlate words\n";
    assert!(read("junit.xml").contains(late), "{}", read("junit.xml"));
    let page = read("report.html");
    assert!(page.contains(r#""text":"first\n""#) && page.contains(r#""late":true,"#), "{page}");
    assert!(page.contains(r#""text":"late words\n""#), "{page}");
    let lines = read("events.jsonl");
    let events: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    let printed = events.iter().filter(|event| event["event"] == "output" && event["label"] == "leaks");
    let printed: Vec<_> = printed.map(|event| (event["offset"].as_u64(), event["text"].as_str())).collect();
    assert_eq!(printed, [(Some(0), Some("first\n")), (Some(6), Some("late words\n"))]);
}
