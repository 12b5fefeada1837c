//! Plans for the tests of all modules.

use std::path::PathBuf;

use super::{
    Definitions, Destination, Phase, PhaseMap, Plan, Point, RunId, RunSettings, Schedule, Step, WorkerName, WorkerPlan,
};

/// Creates a worker with this name and these steps, whose player is on this machine.
pub(crate) fn worker(name: &str, steps: PhaseMap<Vec<Step>>) -> WorkerPlan {
    WorkerPlan {
        name: WorkerName::new(name).unwrap(),
        file: PathBuf::from(format!("{name}.cfg")),
        player: Destination { host: "127.0.0.1".to_owned(), port: 6970 }.into(),
        player_host: "127.0.0.1".to_owned(),
        conductor: None,
        results_port: 6971,
        shell: "/bin/sh".to_owned(),
        directory: None,
        environment: Vec::new(),
        variables: Definitions::default(),
        steps,
    }
}

/// Creates a plan with this name, of one trial with these phases.
pub(crate) fn plan(run: &str, workers: Vec<WorkerPlan>, phases: &[Phase]) -> Plan {
    Plan {
        run: RunId::new(run).unwrap(),
        file: PathBuf::from("test.cfg"),
        trials: 1,
        phases: phases.to_vec(),
        settings: RunSettings::default(),
        variables: Definitions::default(),
        metrics: Vec::new(),
        workers,
        points: vec![Point::default()],
        schedule: Schedule::default(),
    }
}
