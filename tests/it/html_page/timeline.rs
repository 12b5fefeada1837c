//! What the timeline draws: bars that follow each other, the uncertainty of clocks, marks, what is late or missing.

use std::sync::Arc;

use conductor::model::{Ending, Event, Outcome, Output, Phase, StepReference, StepResult, Stream, Unkept, WorkerId};

use super::made::{Ran, ended, events};
use super::{assert_no_error, shown, text, write};
use crate::support::Folder;
use crate::support::browser::Browser;
use crate::support::large_run::{Size, events as large};

fn passed(worker: usize, [start, player, error, duration]: [u64; 4]) -> Ran {
    Ran { worker, start, player, error, duration, result: ended(Outcome::Passed) }
}

fn failed(worker: usize, [start, player, error, duration]: [u64; 4]) -> Ran {
    Ran { worker, start, player, error, duration, result: ended(Outcome::Failed(Ending::Exit(1))) }
}

#[test]
fn bars_of_one_worker_follow_each_other_and_its_clock_has_an_error() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    // Each start was estimated anew: by these estimates, steps of one worker would overlap.
    let steps = vec![
        passed(0, [1000, 500, 90, 200]),
        passed(0, [1150, 700, 40, 200]),
        passed(0, [1380, 900, 80, 100]),
        passed(1, [1020, 9000, 10, 300]),
    ];
    write(&folder.join("page.html"), &events(&["a", "b"], steps, 2000, Vec::new()));
    browser.open(&folder.join("page.html"));
    let bar = |step: usize, side: &str| {
        browser.run(&format!("return timeline.drawn({step}).{side}")).as_f64().expect("a place")
    };
    for step in 0..2 {
        let gap = bar(step + 1, "left") - bar(step, "right");
        assert!((0.0..1.0).contains(&gap), "step {step} ends {gap} pixels before the next");
    }
    // The whisker of the first worker is 40 ms wide to either side of its first start, and has no other.
    let scale = (bar(2, "right") - bar(0, "left")) / 500.0;
    let whisker = |step: usize, by: f64| {
        let script = format!(
            "const at = timeline.drawn({step}), area = document.querySelector('canvas').getBoundingClientRect();
             return timeline.colorAt([area.left + at.left + {by}, area.top + (at.top + at.bottom) / 2])"
        );
        browser.run(&script)
    };
    let ends_at = 40.0 * scale;
    assert_ne!(whisker(0, -ends_at + 4.0), whisker(0, -ends_at - 4.0), "it is painted before the bar");
    assert_eq!(whisker(0, -ends_at - 4.0), whisker(0, -ends_at - 9.0), "and not farther");
    let clock = "return document.querySelector('.legend .clock').innerText";
    assert_eq!(text(&browser, clock), "clock of a worker, at most ±\u{a0}40.000\u{a0}ms");
    assert_no_error(&browser);
}

#[test]
fn a_failure_of_a_millisecond_in_an_hour_is_seen() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    let steps = vec![
        passed(0, [1000, 1000, 1, 1_800_000]),
        failed(0, [1_801_000, 1_801_000, 1, 1]),
        passed(0, [1_801_002, 1_801_002, 1, 1_798_000]),
    ];
    write(&folder.join("page.html"), &events(&["a"], steps, 3_600_000, Vec::new()));
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        browser.open(&folder.join("page.html"));
        // Around its place, the mark has the colour of failures over several pixels.
        let script = "timeline.whole();
            const [px, py] = timeline.mark(1), probe = document.createElement('i');
            probe.style.color = 'var(--failed)'; document.body.append(probe);
            const wanted = getComputedStyle(probe).color.match(/\\d+/g).map(Number);
            let found = 0;
            for (let dx = -8; dx <= 8; dx++) for (let dy = -8; dy <= 8; dy++) {
              const color = timeline.colorAt([px + dx, py + dy]);
              found += wanted.every((part, k) => Math.abs(part - color[k]) < 12);
            }
            return found";
        let pixels = browser.run(script).as_u64().expect("a number");
        assert!(pixels > 45, "{scheme}: {pixels} pixels");
    }
    // A click on the mark shows the step.
    browser.run("document.getElementById('chart').scrollIntoView({block: 'center'})");
    let place = browser.run("return timeline.mark(1)");
    browser.click(place[0].as_f64().expect("a place"), place[1].as_f64().expect("a place"));
    assert!(shown(&browser).contains("\n\nstep1\n\n"), "{}", shown(&browser));
    assert_no_error(&browser);
}

#[test]
fn what_is_late_or_could_not_be_stored_is_marked_on_the_step() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    let unkept = Unkept { bytes: 1_234, why: "No space left on device".into() };
    let stdout = Output::new(Arc::new(b"kept".to_vec()), 4, Some(unkept));
    let full = Ran { result: StepResult { stdout, ..ended(Outcome::Passed) }, ..passed(0, [1000, 1000, 1, 100]) };
    let early = StepResult { stdout: Output::from_bytes("in time\n"), leaky: true, ..ended(Outcome::Passed) };
    let leaky = Ran { result: early, ..passed(0, [1200, 1200, 1, 100]) };
    let step = StepReference { trial: 1, phase: Phase::Run, worker: WorkerId(0), position: 1 };
    let output = Output::from_bytes("in time\ntoo late\n");
    let more = vec![Event::OutputReceived { step, stream: Stream::Stdout, output }];
    write(&folder.join("page.html"), &events(&["a"], vec![full, leaky], 2000, more));
    browser.open_at(&folder.join("page.html"), "#trial-1.a.run.step0");
    let missing = shown(&browser);
    let size = "1,238\u{a0}bytes, of which 1,234\u{a0}bytes are not shown";
    assert!(missing.contains(size), "{missing}");
    assert!(missing.contains("1,234\u{a0}bytes could not be stored: No space left on device"), "{missing}");
    browser.open_at(&folder.join("page.html"), "#trial-1.a.run.step1");
    let late = shown(&browser);
    let (before, after) = late.split_once("Printed after the end of the step.").expect("it is marked");
    assert!(before.contains("in time") && !before.contains("too late"), "{late}");
    assert!(after.contains("too late") && !after.contains("in time"), "{late}");
    assert_no_error(&browser);
}

#[test]
fn causes_come_first_and_lead_to_their_consequences() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    folder.test("", &["node01", "node02", "node03"]);
    for name in ["node01", "node02", "node03"] {
        let verify = if name == "node02" { "echo a mismatch; exit 1" } else { "true" };
        folder.worker(name, 6970, &format!("[Run]\nverify = must:{verify}\nready = barrier:ready\nlast = true\n"));
    }
    let line = ["conduct", "--local", "-q", "-f", "html", "-o", "page.html", "test.cfg"];
    assert_eq!(crate::support::run(&folder, line).status, Some(3));
    browser.open(&folder.join("page.html"));
    let top = text(&browser, "return document.getElementById('causes').innerText");
    assert!(top.contains("failed verify on node02 in run of trial 1: exit 1\n\na mismatch\n"), "{top}");
    assert!(top.contains("could not pass barrier ready"), "{top}");
    let trials = text(&browser, "return document.getElementById('trials').innerText");
    assert!(trials.contains("barrier ready: not passed: worker node02 skipped it"), "{trials}");
    browser.run("document.querySelector('#causes .what a').click()");
    assert!(shown(&browser).contains("\n\nverify\n\nnode02, run of trial 1"), "{}", shown(&browser));
    // Each consequence is a link to its step, which leads back.
    browser.run("document.querySelector('#causes .links a').click()");
    let consequence = "Consequence of: verify on node02 in run of trial 1: exit 1";
    assert!(shown(&browser).contains(consequence), "{}", shown(&browser));
    browser.run("document.querySelector('#panel .note a').click()");
    assert!(shown(&browser).contains("\n\nverify\n\n"), "{}", shown(&browser));
    // With `causes only`, one worker is left.
    browser.run("document.getElementById('bad').click()");
    assert_eq!(text(&browser, "return document.getElementById('shown').textContent"), "1 of 3\u{a0}rows");
    assert_no_error(&browser);
}

#[test]
fn trials_that_have_no_room_for_their_numbers_are_numbered_at_equal_distances() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    for (trials, expected) in [(3, "Trial 1, Trial 2, Trial 3"), (200, "10, 20, 30, 40, 50, 60, 70")] {
        write(&folder.join("page.html"), &large(Size { workers: 1, steps: 1, trials }));
        browser.open(&folder.join("page.html"));
        let names = text(&browser, "timeline.whole(); return timeline.trialNames().join(', ')");
        assert!(names.starts_with(expected), "{names}");
        assert_no_error(&browser);
    }
}
