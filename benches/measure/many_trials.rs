//! Many trials of a trivial step with all reports: the memory of `conduct` at the end, and its page.
//!
//! `scripts/many-trials` builds the program as it is shipped and runs this.

use std::time::{Duration, Instant};

use crate::support::argument;
use crate::support::testing::browser::Browser;
use crate::support::testing::many_trials::Run;

/// So much more may the memory be after many trials than after few, in bytes.
const MORE: u64 = 20 << 20;
/// So large may the page be, in bytes.
const PAGE: u64 = 8_000_000;
/// So long may a browser take until the page can be used.
const USABLE: Duration = Duration::from_secs(5);

pub fn main() {
    let (few, many) = (argument(0, 1000), argument(1, 10_000));
    let browser = Browser::start();
    let mut is_within = true;
    for (what, fails) in [("trials that pass", false), ("trials whose metric is not as expected", true)] {
        let [first, last] = [few, many].map(|trials| {
            let start = Instant::now();
            let run = Run::of(trials, fails);
            let (peak, end) = (mebibytes(run.peak), mebibytes(run.at_the_end));
            println!(
                "{trials} {what}: {:.0} s, {peak:.1} MiB at the peak, {end:.1} MiB at the end",
                start.elapsed().as_secs_f64()
            );
            run
        });
        let more = last.at_the_end.saturating_sub(first.at_the_end);
        println!("  {:.1} MiB more at the end (limit {:.0})", mebibytes(more), mebibytes(MORE));
        let page = last.page_size();
        println!("  the page has {page} bytes (limit {PAGE})");
        is_within &= more <= MORE && page < PAGE;
        let Some(browser) = &browser else { continue };
        let start = Instant::now();
        browser.open(&last.page());
        let steps = browser.run("timeline.zoomTo(timeline.bars - 1); return timeline.bars");
        let took = start.elapsed();
        println!(
            "  a browser shows the last of {steps} steps after {:.1} s (limit {})",
            took.as_secs_f64(),
            USABLE.as_secs()
        );
        is_within &= took <= USABLE;
    }
    assert!(is_within, "something is above its limit");
}

#[expect(clippy::cast_precision_loss, reason = "a size for people")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
