//! A few runs in which everything is signalled at random; `scripts/chaos` makes more.

use crate::support::chaos;

#[test]
fn whatever_is_killed_and_stopped_each_trial_is_reset_once_and_nothing_is_left() {
    std::thread::scope(|scope| {
        let runs = [1, 2, 3, 4].map(|seed| scope.spawn(move || chaos::run(seed)));
        for run in runs {
            let outcome = run.join().expect("a run");
            assert!(outcome.unexplained.is_empty(), "{outcome:#?}\n{}", outcome.unexplained.join("\n"));
        }
    });
}
