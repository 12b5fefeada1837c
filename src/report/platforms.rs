//! On which systems and kernels the workers of a run are.

use super::{Run, compact};
use crate::model::{PlayerDescription, WorkerId};

/// The workers by system and kernel, in the order of the first of each. Those of which this is not known are left out.
fn platforms(run: &Run) -> Vec<(String, Vec<WorkerId>)> {
    let mut groups: Vec<(String, Vec<WorkerId>)> = Vec::new();
    for (id, player) in &run.players {
        let Some(platform) = PlayerDescription::platform(player) else { continue };
        match groups.iter_mut().find(|(known, _)| *known == platform) {
            Some((_, workers)) => workers.push(*id),
            None => groups.push((platform, vec![*id])),
        }
    }
    groups
}

/// How the systems and kernels of the machines differ, for people; `None` if they do not.
pub(super) fn differences(run: &Run) -> Option<String> {
    let groups = platforms(run);
    let one = |(platform, workers): &(String, Vec<WorkerId>)| {
        let names: Vec<&str> = workers.iter().map(|worker| run.name(*worker)).collect();
        format!("{platform} on {}", compact(&names))
    };
    (groups.len() > 1).then(|| groups.iter().map(one).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ConductorTime, Event};

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
