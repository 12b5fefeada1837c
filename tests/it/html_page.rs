//! The page of the `html` report in a real browser, from `file:`: no error on its console, a bar for each step, and a
//! click on one shows what it printed. On a machine without a browser the tests say so and pass.

mod keyboard;
mod layout;
mod links;
mod made;
mod timeline;

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::support::browser::Browser;
use crate::support::large_run::{Size, events};
use crate::support::{Folder, run};
use conductor::model::{Format, Stamped};
use conductor::report::{Style, reporter};

/// Clicks the middle of a step's bar, and returns what the page shows of the step then.
fn click(browser: &Browser, step: usize) -> String {
    browser
        .run(&format!("timeline.zoomTo({step}); document.getElementById('chart').scrollIntoView({{block: 'center'}})"));
    let place = browser.run(&format!("return timeline.place({step})"));
    let at = |index: usize| place[index].as_f64().expect("a place");
    browser.click(at(0), at(1));
    shown(browser)
}

/// What is shown beside the page; nothing when that is closed.
fn shown(browser: &Browser) -> String {
    text(browser, "const panel = document.getElementById('panel'); return panel.hidden ? '' : panel.innerText")
}

/// The text that a script returns.
fn text(browser: &Browser, script: &str) -> String {
    browser.run(script).as_str().expect("a text").to_owned()
}

/// A run of two workers in the folder of results, in which one step fails: its page.
fn failed_run(folder: &Folder) -> PathBuf {
    folder.test("trials = 2\ncheck = echo judged", &["dut", "node07"]);
    let steps = "[Startup]\nspawn1 = echo up; sleep 600\n[Run]\nread me = echo to be read\nquiet = true\n";
    folder.worker("dut", 6970, steps);
    let verify = "verify = echo block 4711; echo a mismatch >&2; test $CONDUCTOR_TRIAL = 1\n";
    folder.file("100% & #1", "fetched\n");
    let name = folder.join("100% & #1").display().to_string();
    folder.worker("node07", 6970, &format!("[Run]\nfirst = true\n{verify}[Collect]\nlogs = fetch:{name}\n"));
    let finished = run(folder, ["conduct", "--local", "-q", "--results", "kept", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    folder.join("kept/latest/report.html").canonicalize().expect("the page is there")
}

/// Whether each of these bars is painted in something other than the colour behind it.
fn all_painted(browser: &Browser, steps: std::ops::Range<usize>) -> bool {
    let (from, to) = (steps.start, steps.end);
    let script = format!(
        "const sheet = getComputedStyle(document.querySelector('section')).backgroundColor.match(/\\d+/g).map(Number);
         for (let i = {from}; i < {to}; i++) {{
           timeline.zoomTo(i);
           const color = timeline.color(i);
           if (sheet.every((part, k) => Math.abs(part - color[k]) < 24)) return i;
         }}
         return null"
    );
    browser.run(&script).is_null()
}

fn assert_no_error(browser: &Browser) {
    let said = browser.console();
    let errors: Vec<_> = said.iter().filter(|entry| entry["level"] == "SEVERE").collect();
    assert!(errors.is_empty(), "the console says {errors:#?}");
}

#[test]
fn a_real_runs_page_shows_every_step_and_what_it_printed() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    folder.test("trials = 2", &["dut", "generator"]);
    let hostile = "printf '</script><b>bold</b>\\033[2J\\000\\377]]>&amp;'; echo; exit 3";
    folder.worker("dut", 6970, &format!("[Startup]\nspawn1 = echo up; sleep 600\n[Run]\nhostile = {hostile}\n"));
    folder.worker("generator", 6970, "[Run]\nflood = echo '12 packets'\nquiet = true\n");
    let finished = run(&folder, ["conduct", "--local", "-q", "-f", "html", "-o", "page.html", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    browser.open(&folder.join("page.html"));
    assert_eq!(browser.run("return timeline.bars"), 8);
    assert_eq!(browser.run("return document.querySelector('.verdict').textContent"), "failed");
    assert!(all_painted(&browser, 0..8));
    let shown: Vec<String> = (0..8).map(|step| click(&browser, step)).collect();
    let of = |label: &str| {
        let title = format!("\n\n{label}\n\n");
        let all = shown.iter().find(|text| text.contains(&title));
        all.unwrap_or_else(|| panic!("no `{label}` in {shown:#?}"))
    };
    assert!(of("flood").contains("12 packets"), "{shown:#?}");
    assert!(of("quiet").contains("It printed nothing."), "{shown:#?}");
    assert!(of("spawn1").contains("up"), "{shown:#?}");
    assert!(of("hostile").contains("</script><b>bold</b>"), "{shown:#?}");
    assert_eq!(browser.run("return document.querySelectorAll('#panel b').length"), 0, "remote text is no markup");
    let background = |scheme: &str| {
        browser.prefer(scheme);
        let painted = all_painted(&browser, 0..8);
        assert!(painted, "{scheme}");
        browser.run("return getComputedStyle(document.body).backgroundColor")
    };
    assert_ne!(background("dark"), background("light"));
    assert!(browser.print() > 10_000, "it can be printed");
    assert_no_error(&browser);
}

#[test]
fn the_page_of_many_workers_works_as_well() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    let size = Size { workers: 300, steps: 1, trials: 5 };
    write_page(&folder.join("page.html"), size);
    browser.open(&folder.join("page.html"));
    assert_eq!(browser.run("return timeline.bars"), 300 * 4 * 5);
    for step in [0, 299, 3000, 5999] {
        let shown = click(&browser, step);
        let worker = step % 300;
        assert!(shown.contains(&format!("node{:04}", worker + 1)), "{shown}");
        assert!(shown.contains(&format!("node {worker} sent ")), "{shown}");
    }
    browser.run("const filter = document.getElementById('filter'); filter.value = 'node0007'; filter.dispatchEvent(new Event('input'))");
    assert_eq!(browser.run("return document.getElementById('shown').textContent"), "1 of 300\u{a0}rows");
    assert_no_error(&browser);
}

fn write_page(path: &Path, size: Size) {
    write(path, &events(size));
}

/// Writes the page of these events.
fn write(path: &Path, events: &[Stamped]) {
    let mut reporter = reporter(Format::Html, Box::new(File::create(path).expect("a file")), Style::plain());
    for stamped in events {
        reporter.report(stamped).expect("it is written");
    }
}
