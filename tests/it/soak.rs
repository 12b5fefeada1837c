//! A short soak; `scripts/soak` runs longer ones.

#[test]
fn faults_at_random_explain_every_verdict_and_nothing_grows() {
    let soaked = crate::support::soak::soak(30, 3);
    assert_eq!(soaked.unexplained, Vec::<String>::new(), "{:#?}", soaked.faults);
    let [first, last] = soaked.thirds();
    for (first, last) in [(first.conductor, last.conductor), (first.players, last.players)] {
        // On a loaded machine every sample of a third may come while each of the three workers has a step at work and a process
        // that waits for its word. What one trial left would be there twenty times.
        assert!(last.descriptors <= first.descriptors + 18, "{first:?} {last:?}");
        assert!(last.threads <= first.threads + 1, "{first:?} {last:?}");
        assert!(last.processes <= first.processes + 6, "{first:?} {last:?}");
        assert!(last.memory <= first.memory + 4000, "{first:?} {last:?}");
    }
}
