//! The page by keyboard alone, and as a screen reader tells it.

use super::{assert_no_error, failed_run, shown, text};
use crate::support::Folder;
use crate::support::browser::{Browser, DOWN, ENTER, ESCAPE, RIGHT, TAB};

/// The element that has the focus: its text.
fn focused(browser: &Browser) -> String {
    text(browser, "return document.activeElement.textContent")
}

#[test]
fn the_keys_go_from_failure_to_failure_and_close_what_is_open() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    folder.test("", &["a", "b"]);
    folder.worker("a", 6970, "[Run]\none = exit 1\ntwo = sleep 0.3\n");
    folder.worker("b", 6970, "[Run]\nlong = sleep 0.2\nthree = exit 3\n");
    let finished =
        crate::support::run(&folder, ["conduct", "--local", "-q", "-f", "html", "-o", "page.html", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    browser.open(&folder.join("page.html"));
    let pressed = |keys: &str| {
        browser.press(keys);
        let link = text(&browser, "return location.hash");
        assert_eq!(link.is_empty(), shown(&browser).is_empty(), "{link}");
        link
    };
    let (one, three) = ("#trial-1.a.run.one", "#trial-1.b.run.three");
    let steps = [("n", one), ("n", three), ("n", one), ("p", three), ("p", one), (ESCAPE, ""), ("p", three)];
    assert_eq!(steps.map(|(key, _)| pressed(key)), steps.map(|(_, link)| link));
    let is_open = || browser.run("return document.getElementById('keys').open");
    browser.press("?");
    assert_eq!(is_open(), true);
    browser.press(ESCAPE);
    assert_eq!((is_open(), pressed(ESCAPE)), (false.into(), String::new()));
    // Letters that are typed are no keys.
    browser.run("document.getElementById('filter').focus()");
    browser.press("n?");
    assert_eq!(text(&browser, "return document.getElementById('filter').value + location.hash"), "n?");
    assert_no_error(&browser);
}

#[test]
fn all_is_reached_by_keyboard_alone() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    browser.open(&failed_run(&folder));
    // The first thing of all is the first failure.
    browser.press(TAB);
    assert!(focused(&browser).contains("verify"), "{}", focused(&browser));
    let mut names = Vec::new();
    while text(&browser, "return document.activeElement.closest('canvas') ? 'yes' : 'no'") == "no" {
        let is_seen = "const style = getComputedStyle(document.activeElement); return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0";
        assert_eq!(browser.run(is_seen), true, "`{}` shows that it has the focus", focused(&browser));
        names.push(focused(&browser));
        assert!(names.len() < 30, "{names:#?}");
        browser.press(TAB);
    }
    // In the timeline, arrows lead from step to step.
    assert!(focused(&browser).starts_with("verify: failed: exit 1"), "{}", focused(&browser));
    browser.press(RIGHT);
    assert!(focused(&browser).starts_with("logs: passed"), "{}", focused(&browser));
    browser.press(DOWN);
    assert!(focused(&browser).starts_with("check: passed"), "{}", focused(&browser));
    browser.press(ENTER);
    assert!(shown(&browser).contains("judged"), "{}", shown(&browser));
    assert_eq!(text(&browser, "return document.activeElement.id"), "panel");
    browser.press(TAB);
    assert_eq!(focused(&browser), "‹ Previous");
    browser.press(ESCAPE);
    assert!(focused(&browser).starts_with("check: passed"), "the focus returns: {}", focused(&browser));
    // One more Tab leaves the timeline: it is one stop, however many steps it has.
    browser.press(TAB);
    assert_eq!(text(&browser, "return document.activeElement.closest('canvas') ? 'yes' : 'no'"), "no");
    assert_no_error(&browser);
}

#[test]
fn a_screen_reader_is_told_of_each_step() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    browser.open_at(&failed_run(&folder), "#trial-2.node07.run.verify");
    let told = browser.accessible();
    let names = |role: &str| -> Vec<&str> {
        told.iter().filter(|(known, _)| known == role).map(|(_, name)| name.as_str()).collect()
    };
    let links = names("link");
    for trial in 1..=2 {
        for (step, phase) in [
            ("spawn1: stopped", "startup"),
            ("read me: passed", "run"),
            ("quiet: passed", "run"),
            ("first: passed", "run"),
            (if trial == 1 { "verify: passed" } else { "verify: failed: exit 1" }, "run"),
            ("logs: passed", "collect"),
        ] {
            let place = format!(", {phase} of trial {trial}");
            let found = links.iter().filter(|name| name.starts_with(step) && name.contains(&place)).count();
            assert_eq!(found, 1, "{step}{place} in {links:#?}");
        }
        let check = format!(", trial {trial}");
        assert!(links.iter().any(|name| name.starts_with("check: passed") && name.ends_with(&check)), "{links:#?}");
    }
    for name in ["dut", "node07", "check", "Steps by worker"] {
        assert!(names("list").contains(&name), "no list `{name}` in {told:#?}");
    }
    let buttons = names("button");
    for name in ["Zoom in", "Zoom out", "Close", "Copy link", "Copy command", "Copy standard output"] {
        assert!(buttons.contains(&name), "no button `{name}` in {buttons:#?}");
    }
    assert!(!buttons.contains(&"") && !links.contains(&""), "nothing to press is without a name: {told:#?}");
    for name in ["What went wrong", "Timeline", "Trials", "verify"] {
        assert!(names("heading").contains(&name), "no heading `{name}` in {told:#?}");
    }
    assert_no_error(&browser);
}
