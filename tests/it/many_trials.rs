//! What each of many trials costs; `scripts/many-trials` measures it in runs of 10,000 trials.

use crate::support::many_trials::Run;

const FEW: u32 = 200;
const MANY: u32 = 1000;

#[test]
fn a_trial_needs_little_memory_at_the_end_and_little_room_in_the_page() {
    let [few, many] = [FEW, MANY].map(|trials| Run::of(trials, false));
    let each = |few: u64, many: u64| many.saturating_sub(few) / u64::from(MANY - FEW);
    let (memory, page) = (each(few.peak, many.peak), each(few.page_size(), many.page_size()));
    // The record and the values have about 2 KB of a trial. The peak, which has what reports make, varies by some MB between
    // runs. With a record for each report it was 60 KB.
    assert!(memory < 8000, "{memory} bytes of memory a trial");
    // The page has less than 8 MB for 10,000 trials.
    assert!(page < 800, "{page} bytes of the page a trial");
}
