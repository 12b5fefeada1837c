//! `conduct --check`: tells how every player is.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use crossbeam_channel::Receiver;

use crate::conduct::{self, CheckReport, Options};
use crate::exit_code;
use crate::model::{Plan, PlayerDescription};
use crate::report::{milliseconds, on_one_line};

/// Asks every player and prints a line for each, with what it holds or has left below it. 1 when one can't be reached or
/// is held by another run.
pub(super) fn run(plan: &Arc<Plan>, options: &Options, interrupts: &Receiver<i32>) -> ExitCode {
    let answers = conduct::check(plan, options, interrupts);
    let name_width = plan.workers.iter().map(|worker| worker.name.as_str().chars().count()).max().unwrap_or(0);
    let place_width = plan.workers.iter().map(|worker| worker.player.to_string().chars().count()).max().unwrap_or(0);
    let mut output = std::io::stdout().lock();
    let mut fine = answers.len() == plan.workers.len();
    for answer in &answers {
        let worker = plan.worker(answer.worker);
        let place = worker.player.to_string();
        let (text, below) = match &answer.result {
            Ok(report) => (describe(report), below(report)),
            Err(why) => (why.clone(), Vec::new()),
        };
        fine &= answer.result.as_ref().is_ok_and(|report| report.holder.is_none());
        // A closed standard output leaves nobody to tell; the exit status says it all the same.
        let _ = writeln!(output, "{:name_width$}  {place:place_width$}  {}", worker.name, on_one_line(&text));
        for line in below {
            let _ = writeln!(output, "{:name_width$}  {}", "", on_one_line(&line));
        }
    }
    ExitCode::from(if fine { exit_code::PASSED } else { exit_code::NOT_CARRIED_OUT })
}

fn describe(report: &CheckReport) -> String {
    let round_trip = milliseconds(report.round_trip);
    match &report.player {
        PlayerDescription::Seed => format!("a Python player, answered in {round_trip}"),
        PlayerDescription::Session { version, host } => {
            let clock = report.clock.map(|clock| format!(", clock known to ±{}", milliseconds(clock.error)));
            format!("conductor {version} on {host}, answered in {round_trip}{}", clock.unwrap_or_default())
        }
    }
}

fn below(report: &CheckReport) -> Vec<String> {
    let holder = report.holder.iter().map(|holder| format!("busy: {holder}"));
    holder.chain(report.leftovers.iter().map(|leftover| format!("left over: {leftover}"))).collect()
}
