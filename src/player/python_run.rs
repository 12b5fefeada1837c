//! The process that runs one phase of a Python conductor and delivers its results.

use std::os::unix::net::UnixStream;

use super::note::{self, Note};
use super::origin::Cgroups;
use super::python_delivery::{SUPERSEDED, deliver};
use super::python_results::PhaseResults;
use super::session_process::run_phase;
use crate::model::{PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE, Phase, nanoseconds};
use crate::sys::Process;
use crate::wire::seed::{SeedPhase, encode_result};
use crate::wire::{PlanMessage, StepMessage};

/// Runs the phase, and delivers its results after the processes in `before` have delivered theirs. Returns the exit
/// status. A result has at most `limit` bytes. If `is_wanted` is false because the player is about to stop, the steps
/// are not run, and the conductor is only told so.
pub(super) fn run(
    phase: &SeedPhase,
    before: &[Process],
    limit: u64,
    is_wanted: bool,
    notes: &UnixStream,
    cgroups: Cgroups,
) -> i32 {
    let mut results = PhaseResults::new(limit);
    let run = if is_wanted {
        notes.try_clone().and_then(|notes| run_phase(plan_of(phase), &mut results, notes, cgroups))
    } else {
        Ok((Vec::new(), None))
    };
    let Ok((left, stopped)) = run else { return 1 };
    note::send(notes, &Note::Delivering);
    let mut results = results.results(phase);
    results.push(encode_result(PHASES_COMPLETE, PHASES_COMPLETE_MESSAGE));
    if stopped != Some(SUPERSEDED)
        && let Err(why) = deliver(phase, &results, before, stopped.is_some() || !is_wanted)
    {
        tracing::warn!("results for {}:{} are lost: {why}", phase.result_host, phase.result_port);
    }
    note::send(notes, &Note::Over { left, summary: None });
    0
}

/// Returns the plan of a session that runs this phase.
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
