//! The process that runs one phase of a Python conductor and delivers its results.

use std::os::unix::net::UnixStream;

use super::note::{self, Note};
use super::origin::Cgroups;
use super::python_delivery::{SUPERSEDED, deliver};
use super::python_results::PhaseResults;
use super::session_process::{PhaseRun, run_phase};
use crate::model::{PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE, Phase, nanoseconds};
use crate::sys::Process;
use crate::wire::seed::{SeedPhase, encode_result};
use crate::wire::{Connection, PlanMessage, StepMessage};

/// A phase that a Python conductor wants to be run.
#[derive(Debug)]
pub(super) struct PythonRun {
    /// The phase.
    pub(super) phase: SeedPhase,
    /// The connection that said `run`, which is closed when all has run.
    pub(super) connection: Option<Connection>,
    /// The largest message.
    pub(super) limit: u64,
    /// Whether its steps are to run: if the player is about to stop, the conductor only learns that they did not.
    pub(super) is_wanted: bool,
    /// The processes that have to deliver results to the same place first.
    pub(super) before: Vec<Process>,
}

impl PythonRun {
    /// Runs the phase, delivers its results; the exit status.
    pub(super) fn run(self, notes: UnixStream, cgroups: Cgroups) -> i32 {
        let Self { phase, connection, limit, is_wanted, before } = self;
        let results = PhaseResults::new(limit);
        let run = if is_wanted {
            notes.try_clone().and_then(|notes| run_phase(plan_of(&phase), results, notes, cgroups))
        } else {
            Ok(PhaseRun { results, left: Vec::new(), stopped: None })
        };
        let Ok(PhaseRun { results, left, stopped }) = run else { return 1 };
        note::send(&notes, &Note::Delivering);
        let mut results = results.results(&phase);
        results.push(encode_result(PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE));
        if stopped != Some(SUPERSEDED)
            && let Err(why) = deliver(&phase, &results, &before, stopped.is_some() || !is_wanted)
        {
            tracing::warn!("results for {}:{} are lost: {why}", phase.result_host, phase.result_port);
        }
        note::send(&notes, &Note::Over { left, summary: None });
        drop(connection);
        0
    }
}

/// The plan of a session that runs this phase.
fn plan_of(phase: &SeedPhase) -> PlanMessage {
    let steps = phase.steps.iter().enumerate().map(|(position, step)| StepMessage {
        label: format!("step{}", position + 1),
        command: step.command.clone(),
        spawn: step.spawn,
        timeout: step.timeout.map(nanoseconds),
        ..StepMessage::default()
    });
    let (shell, run) = ("/bin/sh".to_owned(), steps.collect());
    PlanMessage { trials: 1, phases: vec![Phase::Run], shell, run, ..PlanMessage::default() }
}
