//! How the page looks at any width and on paper: nothing overflows, no word is broken, no value loses its unit.

use std::path::Path;

use serde_json::json;

use super::{assert_no_error, failed_run, text};
use crate::support::Folder;
use crate::support::browser::Browser;

/// Words of the page that are broken, and values that are on several lines.
const BROKEN: &str = "
    const lines = (range) => new Set([...range.getClientRects()].filter((box) => box.width > 0).map((box) => Math.round(box.top))).size;
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), broken = [], range = document.createRange();
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (!node.parentElement.checkVisibility() || node.parentElement.closest('script, style, canvas')) continue;
      for (const word of node.data.matchAll(/[\\p{L}\\p{N}]+/gu)) {
        range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
        if (lines(range) > 1) broken.push(word[0]);
      }
    }
    for (const value of document.querySelectorAll('.value')) {
      range.selectNodeContents(value);
      if (lines(range) > 1) broken.push(value.textContent);
    }
    return broken";

fn check(browser: &Browser, page: &Path, link: &str, width: u32) {
    browser.open_at(page, link);
    browser.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })");
    let beyond = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
    assert_eq!(browser.run(beyond), 0, "{link} at {width}");
    let outside = "return [...document.querySelectorAll('main *, #panel *')].filter((part) => part.checkVisibility() && !part.closest('pre, #chart')
        && part.getBoundingClientRect().right > innerWidth + 0.5).map((part) => part.outerHTML.slice(0, 200))";
    assert_eq!(browser.run(outside), json!([]), "{link} at {width}");
    assert_eq!(browser.run(BROKEN), json!([]), "{link} at {width}");
    let left = "return document.getElementById('panel').getBoundingClientRect().left";
    assert!(browser.run(left).as_f64().is_some_and(|left| left >= 0.0), "{link} at {width}");
}

#[test]
fn nothing_overflows_and_no_word_is_broken_at_any_width() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    let page = failed_run(&folder);
    for width in [360, 500, 800, 1400] {
        browser.resize(width, 900);
        for link in ["", "#trial-2.node07.run.verify", "#trial-2", "#worker-node07"] {
            check(&browser, &page, link, width);
        }
        browser.open(&page);
        let bottom = browser.run("return document.querySelector('.cause pre').getBoundingClientRect().bottom");
        assert!(bottom.as_f64().is_some_and(|bottom| bottom < 900.0), "the cause is seen at once: {bottom}");
        let beyond =
            "const lines = document.querySelector('.cause pre'); lines.textContent = 'checksum mismatch '.repeat(20);
            return lines.scrollWidth - lines.clientWidth";
        assert_eq!(browser.run(beyond), 0, "all of a long line is seen at {width}");
    }
    assert_no_error(&browser);
}

#[test]
fn texts_stand_out_from_what_is_behind_them() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    let page = failed_run(&folder);
    // The contrast of each text with the first background behind it, as WCAG defines it.
    let script = "
        const parse = (color) => color.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
          .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
        const behind = (part) => { for (; part; part = part.parentElement) { const color = parse(getComputedStyle(part).backgroundColor); if (color.length < 4 || color[3] === 1) return color; } return parse(getComputedStyle(document.body).backgroundColor); };
        const poor = [];
        for (const part of document.querySelectorAll('body *')) {
          if (!part.checkVisibility() || part.disabled || part.closest('canvas') || ![...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
          const [a, b] = [light(parse(getComputedStyle(part).color)), light(behind(part))], ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
          if (ratio < 4.5) poor.push(`${part.outerHTML.slice(0, 120)}: ${ratio.toFixed(2)}`);
        }
        return poor";
    for scheme in ["light", "dark"] {
        browser.prefer(scheme);
        for link in ["", "#trial-2.node07.run.verify", "#trial-2", "#worker-node07"] {
            browser.open_at(&page, link);
            browser.run("document.querySelectorAll('details').forEach((part) => { part.open = true; })");
            assert_eq!(browser.run(script), json!([]), "{scheme} {link}");
        }
    }
    assert_no_error(&browser);
}

#[test]
fn on_paper_the_page_is_light_and_all_is_open() {
    let Some(browser) = Browser::start() else { return };
    let folder = Folder::new();
    browser.prefer("dark");
    browser.open(&failed_run(&folder));
    let features = json!([{"name": "prefers-color-scheme", "value": "dark"}]);
    browser.devtools("Emulation.setEmulatedMedia", &json!({"media": "print", "features": features}));
    browser.run("dispatchEvent(new Event('beforeprint'))");
    assert_eq!(text(&browser, "return getComputedStyle(document.body).backgroundColor"), "rgb(255, 255, 255)");
    let hidden = "return [...document.querySelectorAll('h2, table, .cause')].filter((part) => !part.closest('#panel, #keys') && !part.checkVisibility({contentVisibilityAuto: true})).length";
    assert_eq!(browser.run(hidden), 0, "nothing is folded away");
    let chart = "const chart = document.getElementById('chart'); return chart.clientWidth - chart.querySelector('canvas').getBoundingClientRect().width";
    assert_eq!(browser.run(chart), 0, "the timeline is as wide as the paper");
    let pressed = "return [...document.querySelectorAll('button, input, select')].filter((part) => part.checkVisibility()).length";
    assert_eq!(browser.run(pressed), 0, "there is nothing to press");
    browser.run("dispatchEvent(new Event('afterprint'))");
    assert_eq!(browser.run("return document.querySelectorAll('details[open]').length"), 0);
    assert_no_error(&browser);
}
