//! `conduct --check`: reports the state of every player.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::Receiver;

use super::messages::Refused;
use super::outputs::Plain;
use crate::conduct::{self, CheckAnswer, CheckReport, Options, Site};
use crate::model::{
    NOT_CARRIED_OUT, PASSED, Plan, PlayerEntry, display_width, interrupted_by, object, on_one_line, padded,
};
use crate::report::{hint, milliseconds, write_json};

/// Asks every player for its state and prints it, with the holder and the leftovers of the player. Exits with status 1
/// if a player cannot be reached or is held by another run; after a signal, with the status of an interrupted run.
pub(super) fn run(
    plan: &Arc<Plan>,
    options: &Options,
    interrupts: &Receiver<i32>,
    mut output: Plain,
) -> Result<ExitCode, Refused> {
    let (answers, interrupted) = conduct::check(plan, options, interrupts);
    let fine = answers.iter().all(|answer| answer.as_ref().is_ok_and(|report| report.holder.is_none()));
    let writer = &mut *output.writer;
    let told = if output.json { tell_json(plan, &answers, writer) } else { tell_text(plan, &answers, writer) };
    output.finish(told)?;
    Ok(ExitCode::from(match interrupted {
        Some(signal) => interrupted_by(signal),
        None if fine => PASSED,
        None => NOT_CARRIED_OUT,
    }))
}

/// Prints a line for each worker, and below it the holder and the leftovers of its player.
fn tell_text(plan: &Plan, answers: &[CheckAnswer], output: &mut dyn Write) -> io::Result<()> {
    let name_width = plan.workers.iter().map(|worker| display_width(worker.name.as_str())).max().unwrap_or(0);
    let place_width = plan.workers.iter().map(|worker| display_width(&worker.player.to_string())).max().unwrap_or(0);
    for (worker, answer) in plan.workers.iter().zip(answers) {
        let place = padded(&worker.player.to_string(), place_width);
        let (text, below) = match answer {
            Ok(report) => (describe(report), below(report)),
            Err(end) => (end.reason.clone(), Vec::new()),
        };
        writeln!(output, "{}  {place}  {}", padded(worker.name.as_str(), name_width), on_one_line(&text))?;
        for line in below {
            writeln!(output, "{:name_width$}  {}", "", on_one_line(&line))?;
        }
    }
    let mut hints = Vec::new();
    answers.iter().filter_map(|answer| answer.as_ref().err()?.hint).for_each(|hint| hint.add_to(&mut hints));
    for what in hints {
        writeln!(output, "  hint: {}", hint(what))?;
    }
    Ok(())
}

/// Prints an object for each worker, with as much of its player's state as is known. Times are in seconds.
fn tell_json(plan: &Plan, answers: &[CheckAnswer], output: &mut dyn Write) -> io::Result<()> {
    let entries = plan.workers.iter().zip(answers).map(|(worker, answer)| {
        let report = answer.as_ref().ok();
        let clock = report.and_then(|report| report.clock);
        #[expect(clippy::cast_precision_loss, reason = "a difference of clocks, to the microsecond for a century")]
        let offset = clock.map(|clock| clock.offset as f64 / 1e9);
        object! {
            worker: worker.name.as_str(),
            player: worker.player.to_string(),
            error: answer.as_ref().err().map(|end| &end.reason),
            #[serde(flatten)]
            description: report.map(|report| PlayerEntry::from(report.player.clone())).unwrap_or_default(),
            round_trip: report.map(|report| report.round_trip.as_secs_f64()),
            // How far the player's clock is ahead of the conductor's. Both count from the start of their machine.
            clock_offset: offset,
            clock_error: clock.map(|clock| clock.error.as_secs_f64()),
            busy: report.and_then(|report| report.holder.as_ref()),
            left_over: report.map_or(&[][..], |report| &report.leftovers),
            // How the player was reached, if through a command.
            reached: report.and_then(|report| report.place.as_ref()).map(|(place, took)| object! {
                seconds: took.as_secs_f64(),
                system: place.system.as_ref().map(|(system, _)| system),
                architecture: place.system.as_ref().map(|(_, machine)| machine),
                program: place.program.as_ref(),
            }),
            remarks: report.map_or(&[][..], |report| &report.remarks),
        }
    });
    write_json(output, &object! { workers: entries.collect::<Vec<_>>() })
}

fn describe(report: &CheckReport) -> String {
    let clock = report.clock.map(|clock| format!(", clock known to ±{}", milliseconds(clock.error)));
    format!("{}, answered in {}{}", report.player, milliseconds(report.round_trip), clock.unwrap_or_default())
}

/// Describes where a player is, and how long it took to reach it.
fn reached((place, took): &(Site, Duration)) -> String {
    let system = place.system.as_ref().map(|(system, machine)| format!(": {system} {machine}")).unwrap_or_default();
    let program = place.program.as_ref().map(|program| format!(", the program runs from `{program}`"));
    format!("reached in {}{system}{}", milliseconds(*took), program.unwrap_or_default())
}

fn below(report: &CheckReport) -> Vec<String> {
    let place = report.place.iter().map(reached);
    let holder = report.holder.iter().map(|holder| format!("busy: {holder}"));
    let leftovers = report.leftovers.iter().map(|leftover| format!("left over: {leftover}"));
    let remarks = report.remarks.iter().map(|remark| format!("warning: {remark}"));
    place.chain(holder).chain(leftovers).chain(remarks).collect()
}
