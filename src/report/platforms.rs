//! Compares the systems and kernels of the workers of a run.

use super::{Run, grouped};
use crate::model::PlayerDescription;

/// Describes how the systems and kernels of the machines differ, or returns `None` if they do not. Workers whose system
/// is not known are left out.
pub(super) fn differences(run: &Run) -> Option<String> {
    let known = run.players.iter().filter_map(|(id, player)| Some((PlayerDescription::platform(player)?, id)));
    let groups = grouped(known);
    let one = |(platform, workers): (String, Vec<_>)| format!("{platform} on {}", run.names(workers));
    (groups.len() > 1).then(|| groups.into_iter().map(one).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConductorTime, Event, WorkerId};

    fn run(kernels: &[Option<&str>]) -> Run {
        let mut run = Run::default();
        for (index, kernel) in kernels.iter().enumerate() {
            let kernel = kernel.map(str::to_owned);
            let (version, host, system) =
                ("1".to_owned(), "h".to_owned(), kernel.as_ref().map(|_| "Debian".to_owned()));
            let player = PlayerDescription::Session { version, host, system, kernel };
            run.take(ConductorTime::default(), &Event::WorkerConnected { worker: WorkerId(index), player });
        }
        run
    }

    #[test]
    fn only_machines_that_are_known_to_differ_are_told() {
        assert_eq!(differences(&run(&[Some("Linux 6.1"), None, Some("Linux 6.1")])), None);
        let told = differences(&run(&[Some("Linux 6.1"), None, Some("Linux 6.6")])).unwrap();
        assert!(told.starts_with("Debian, Linux 6.1 on ") && told.contains("; Debian, Linux 6.6 on "), "{told}");
    }
}
