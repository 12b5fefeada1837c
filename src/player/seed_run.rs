//! The process that runs one phase of a Python conductor, and delivers its results.

use std::os::unix::net::UnixStream;

use super::note::{self, Note};
use super::process_tree::Cgroups;
use super::seed_delivery::{SUPERSEDED, deliver};
use super::seed_results::Kept;
use super::session_process::{PhaseRun, run_phase};
use crate::model::{PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE, Phase, PhaseId, nanoseconds};
use crate::sys::Process;
use crate::wire::seed::{SeedPhase, encode_result};
use crate::wire::{ConductorMessage, Connection, PlanMessage, StepMessage};

/// A phase that a Python conductor has told us to run.
#[derive(Debug)]
pub(super) struct SeedRun {
    /// The phase.
    pub(super) phase: SeedPhase,
    /// The connection that said `run`, which is closed when all has run.
    pub(super) connection: Option<Connection>,
    /// The largest message.
    pub(super) limit: u64,
    /// Whether its steps are to run: when the player is about to stop the conductor is only told that they did not.
    pub(super) is_wanted: bool,
    /// The processes that have to deliver results to the same place first.
    pub(super) before: Vec<Process>,
}

impl SeedRun {
    /// Runs the phase, delivers its results; the exit status.
    pub(super) fn run(self, mut notes: UnixStream, cgroups: Cgroups) -> i32 {
        let Self { phase, connection, limit, is_wanted, before } = self;
        let run = if is_wanted {
            let run = notes.try_clone().and_then(|notes| run_phase(phase_messages(&phase), limit, notes, cgroups));
            let Ok(run) = run else { return 1 };
            run
        } else {
            PhaseRun { kept: Kept::new(limit), left: Vec::new(), stopped: None }
        };
        let PhaseRun { kept, left, stopped } = run;
        note::send(&mut notes, &Note::Delivering);
        let mut results = kept.results(&phase);
        results.push(encode_result(PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE));
        if stopped != Some(SUPERSEDED)
            && let Err(why) = deliver(&phase, &results, &before, stopped.is_some() || !is_wanted)
        {
            tracing::warn!("results for {}:{} are lost: {why}", phase.result_host, phase.result_port);
        }
        note::send(&mut notes, &Note::Over { left, summary: None });
        drop(connection);
        0
    }
}

/// What the session has to be told, so that it runs this phase.
fn phase_messages(phase: &SeedPhase) -> [ConductorMessage; 3] {
    let steps = phase.steps.iter().enumerate().map(|(position, step)| StepMessage {
        label: format!("step{}", position + 1),
        command: step.command.clone(),
        spawn: step.spawn,
        timeout: step.timeout.map(nanoseconds),
        ..StepMessage::default()
    });
    let plan = PlanMessage {
        incarnation: None,
        trials: 1,
        phases: vec![Phase::Run],
        shell: "/bin/sh".to_owned(),
        directory: None,
        environment: Vec::new(),
        step_timeout: None,
        reset_timeout: 0,
        lease: 0,
        startup: Vec::new(),
        run: steps.collect(),
        collect: Vec::new(),
        reset: Vec::new(),
    };
    let phase = PhaseId { trial: 1, phase: Phase::Run };
    [ConductorMessage::Plan(Box::new(plan)), ConductorMessage::Arm(phase), ConductorMessage::Go { phase, at: None }]
}
