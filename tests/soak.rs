//! A short soak; `scripts/soak` runs longer ones.

#[path = "support/relay.rs"]
mod relay;
#[path = "support/soak.rs"]
mod soak;
mod support;

#[test]
fn faults_at_random_explain_every_verdict_and_nothing_grows() {
    let soaked = soak::soak(30, 3);
    assert_eq!(soaked.unexplained, Vec::<String>::new(), "{:#?}", soaked.faults);
    let [first, last] = soaked.thirds();
    for (first, last) in [(first.conductor, last.conductor), (first.players, last.players)] {
        // Of one worker less, at the most: one is not there while the listener cleans up after its session, nor is the
        // process that waits for its word.
        assert!(last.descriptors <= first.descriptors + 12, "{first:?} {last:?}");
        assert!(last.threads <= first.threads + 1, "{first:?} {last:?}");
        assert!(last.processes <= first.processes + 2, "{first:?} {last:?}");
        assert!(last.memory <= first.memory + 4000, "{first:?} {last:?}");
    }
}
