//! The links of the page: to its own steps, trials and workers, to the files of the results folder, and copies.

use serde_json::{Value, json};

use super::{assert_no_error, click, failed_run, shown, text};
use crate::support::browser::Browser;
use crate::support::{Folder, run};

fn address(browser: &Browser) -> String {
    text(browser, "return location.hash")
}

#[test]
fn each_step_trial_and_worker_has_a_link_that_shows_it_again() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    let page = failed_run(&folder);
    for (link, told) in [
        ("#trial-2.node07.run.verify", "failed: exit 1\n\nverify\n\nnode07, run of trial 2"),
        ("#trial-1.dut.run.read%20me", "passed\n\nread me\n\ndut, run of trial 1"),
        ("#trial-1.dut.run.read me", "passed\n\nread me\n\ndut, run of trial 1"),
        ("#trial-2.check", "passed\n\ncheck\n\ntrial 2"),
        ("#trial-2", "failed\n\nTrial 2"),
        ("#worker-node07", "1\u{a0}step failed or lost\n\nnode07"),
    ] {
        browser.open_at(&page, link);
        let shown = shown(&browser);
        assert!(shown.contains(told), "{link}: {shown}");
    }
    browser.open_at(&page, "#trial-9.nobody.run.nothing");
    assert_eq!(shown(&browser), "");
    // Each link leads to its own step.
    let wrong = "return [...Array(timeline.bars).keys()].filter((i) => timeline.find(timeline.link(i)).step !== i)";
    assert_eq!(browser.run(wrong), json!([]));
    assert_no_error(&browser);
}

#[test]
fn the_address_says_what_is_shown_and_the_way_back_works() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    browser.open(&failed_run(&folder));
    let first = click(&browser, 0);
    let link = text(&browser, "return timeline.link(0)");
    assert_eq!(address(&browser), link);
    browser.run("document.querySelector('#panel a[href^=\"#worker-\"]').click()");
    assert_eq!((address(&browser), shown(&browser) == first), ("#worker-dut".to_owned(), false));
    browser.back();
    assert_eq!((address(&browser), shown(&browser)), (link, first));
    browser.run("document.getElementById('close').click()");
    assert_eq!((address(&browser), shown(&browser)), (String::new(), String::new()));
    browser.back();
    assert!(!shown(&browser).is_empty());
    assert_no_error(&browser);
}

#[test]
fn outputs_and_fetched_files_are_links_to_files_that_are_there() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    let page = failed_run(&folder);
    // Also from where the page is made again.
    let again = folder.join("other/page.html");
    std::fs::create_dir(folder.join("other")).expect("a folder");
    let line = ["report", "kept/latest", "-f", "html", "-o", "other/page.html"];
    assert_eq!(run(&folder, line).status, Some(0));
    browser.open(&again);
    let run = page.parent().and_then(std::path::Path::file_name).expect("a name").display().to_string();
    let base = format!("../kept/{run}/");
    let script = "const links = [];
        for (let i = 0; i < timeline.bars; i++) {
          location.hash = timeline.link(i);
          dispatchEvent(new Event('hashchange'));
          for (const a of document.querySelectorAll('#panel-body a')) {
            if (!a.getAttribute('href').startsWith('#')) links.push([a.textContent, a.getAttribute('href')]);
          }
        }
        return links";
    let links: Vec<(String, String)> = serde_json::from_value(browser.run(script)).expect("pairs");
    for (text, link) in &links {
        assert!(link.starts_with(&base), "{link}");
        browser.open_at(&again.with_file_name(link), "");
        let content = browser.run("return document.body.innerText");
        assert!(content.as_str().is_some_and(|content| !content.is_empty()), "{text}: {link}: {content}");
    }
    let fetched: Vec<&str> =
        links.iter().filter(|(text, _)| text == "100% & #1").map(|(_, link)| &link[base.len()..]).collect();
    assert_eq!(fetched, ["trial-1/node07/100%25%20%26%20%231", "trial-2/node07/100%25%20%26%20%231"]);
    assert_eq!(links.len() - 2, 10, "{links:#?}");
    assert_no_error(&browser);
}

#[test]
fn commands_outputs_and_links_are_copied() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    browser.open_at(&failed_run(&folder), "#trial-2.node07.run.verify");
    let with = |clipboard: &str| {
        browser.run(&format!(
            "window.copies = [];
             Object.defineProperty(navigator, 'clipboard', {{configurable: true, value: {clipboard}}});
             document.execCommand = (what) => copies.push([what, document.activeElement.value]) > 0"
        ));
        for name in ["Copy command", "Copy standard output", "Copy standard error", "Copy link"] {
            browser.run(&format!("document.querySelector('#panel [aria-label=\"{name}\"]').click()"));
        }
        browser.run("return copies")
    };
    let command = "echo block 4711; echo a mismatch >&2; test $CONDUCTOR_TRIAL = 1";
    let address = browser.run("return location.href");
    let texts = [json!(command), json!("block 4711\n"), json!("a mismatch\n"), address];
    assert_eq!(with("{writeText: async (text) => { copies.push(text) }}"), Value::from(texts.to_vec()));
    let by_hand: Vec<Value> = texts.iter().map(|text| json!(["copy", text])).collect();
    assert_eq!(with("undefined"), Value::from(by_hand));
    let told = "const button = document.querySelector('#panel [aria-label=\"Copy command\"]'); button.click();
        return new Promise((resolve) => setTimeout(() => resolve(button.textContent), 0))";
    assert_eq!(text(&browser, told), "Copied");
    assert_no_error(&browser);
}
