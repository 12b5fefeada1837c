//! The plan as text, for `--dry-run`, and the limit that applies to a step.

use std::io::{self, Write};
use std::time::Duration;

use humantime::format_duration;
use serde::{Deserialize, Serialize};

use super::columns::aligned;
use super::words;
use crate::model::{
    Bound, Gate, Mode, OnInterrupt, Order, Phase, Plan, PointId, Schedule, Step, WorkerPlan, in_seconds, on_one_line,
};

/// The maximum number of points for which the different steps are listed.
const POINTS: usize = 20;

/// The expected duration of a series, from an earlier run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    /// The name of the earlier run.
    pub run: String,
    /// The duration of its trials, scaled to the number of trials of the series.
    #[serde(rename = "seconds", with = "in_seconds")]
    pub duration: Duration,
}

/// Writes the plan as text: every step of every worker in every chosen phase, with the limits that apply. For a series,
/// it includes the expected duration, if it is known.
///
/// # Errors
///
/// Returns the errors of `writer`.
pub fn write(plan: &Plan, expected: Option<&Expected>, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "{}: {}", on_one_line(&plan.file.to_string_lossy()), words::extent(plan))?;
    let settings = &plan.settings;
    let step_timeout = settings.step_timeout.map_or("none".to_owned(), |limit| format_duration(limit).to_string());
    writeln!(
        writer,
        "step_timeout {step_timeout}, reset_timeout {}, connect_timeout {}, lease {}",
        format_duration(settings.reset_timeout),
        format_duration(settings.connect_timeout),
        format_duration(settings.lease),
    )?;
    if settings.on_interrupt != OnInterrupt::default() {
        writeln!(writer, "on_interrupt {}", settings.on_interrupt.word())?;
    }
    if plan.is_series() {
        write_series(plan, expected, writer)?;
    }
    if let Some(check) = &settings.check {
        writeln!(writer, "check {}", on_one_line(check))?;
    }
    plan.metrics.iter().try_for_each(|metric| writeln!(writer, "{}", on_one_line(&words::metric(metric))))?;
    plan.workers.iter().try_for_each(|worker| write_worker(plan, worker, writer))?;
    write_differences(plan, writer)
}

/// Writes the points and the order of the trials. The steps that follow are those of the first point.
fn write_series(plan: &Plan, expected: Option<&Expected>, writer: &mut dyn Write) -> io::Result<()> {
    let Schedule { order, seed, .. } = &plan.schedule;
    let seeded = if *order == Order::Shuffled { format!(", seed {seed}") } else { String::new() };
    writeln!(writer, "order {order}{seeded}")?;
    for point in plan.points.iter().filter(|point| !point.name.is_empty()) {
        writeln!(writer, "point {}", point.name)?;
    }
    for trial in 1..=plan.trials {
        writeln!(writer, "trial {trial}{}", plan.about_trial(trial))?;
    }
    match expected {
        Some(Expected { run, duration }) => {
            writeln!(writer, "expected duration about {}, by the trials of run {run}", words::about(*duration))?;
        }
        None => writeln!(writer, "expected duration unknown: the results folder has no earlier run of this test")?,
    }
    if plan.points.len() > 1 {
        let first = plan.point_name(PointId::default());
        writeln!(writer, "steps of the point {first}; those that differ at other points follow them")?;
    }
    Ok(())
}

/// Writes the steps of each other point that differ from the steps of the first point.
fn write_differences(plan: &Plan, writer: &mut dyn Write) -> io::Result<()> {
    for point in plan.points.iter().skip(1).take(POINTS) {
        writeln!(writer, "\nat the point {}", point.name)?;
        let mut rows: Vec<[String; 3]> = Vec::new();
        for (first, worker) in plan.workers.iter().zip(&point.workers) {
            for &phase in &plan.phases {
                let steps = first.steps[phase].iter().zip(&worker.steps[phase]);
                let differ = steps.filter(|(first, step)| {
                    first.action != step.action || how(plan, phase, first) != how(plan, phase, step)
                });
                let row = |step: &Step| {
                    let label = format!("{} ({})", words::label(Some(step)), how(plan, phase, step));
                    [format!("{} {phase}", worker.name), label, words::command(Some(step))]
                };
                rows.extend(differ.map(|(_, step)| row(step)));
            }
        }
        let check = point.check.as_ref().filter(|check| plan.settings.check.as_ref() != Some(check));
        rows.extend(check.map(|check| ["check".to_owned(), String::new(), on_one_line(check).into_owned()]));
        aligned(&rows, |_| false).iter().try_for_each(|line| writeln!(writer, "  {line}"))?;
        if rows.is_empty() {
            writeln!(writer, "  the same steps")?;
        }
    }
    match plan.points.len().saturating_sub(1 + POINTS) {
        0 => Ok(()),
        more => writeln!(writer, "\nand {}; `-f json` has the steps of all", words::counted(more, "more point")),
    }
}

/// Returns the time limit of a step: its own, or else that of the run. A spawned step may run until the trial ends. In
/// Reset, the limit of a worker's whole Reset applies as well. A `for:` step has a length, not a limit.
pub(super) fn limit(plan: &Plan, phase: Phase, step: &Step) -> Option<Duration> {
    let own = match (step.bound, step.until, step.mode) {
        (Some(Bound::Timeout(limit)), _, _) => Some(limit),
        (Some(Bound::For(_)), _, _) | (None, None, Mode::Spawn) => return None,
        (None, Some(until), _) => Some(until.limit),
        (None, None, Mode::Wait | Mode::Parallel) => plan.settings.step_timeout,
    };
    let of_reset = (phase == Phase::Reset && step.mode != Mode::Spawn).then_some(plan.settings.reset_timeout);
    own.into_iter().chain(of_reset).min()
}

fn write_worker(plan: &Plan, worker: &WorkerPlan, writer: &mut dyn Write) -> io::Result<()> {
    writeln!(writer, "\n{} at {}", worker.name, on_one_line(&worker.player.to_string()))?;
    let row = |phase, step| [words::label(Some(step)), how(plan, phase, step), words::command(Some(step))];
    let rows = plan.phases.iter().flat_map(|&phase| worker.steps[phase].iter().map(move |step| row(phase, step)));
    let mut lines = aligned(&rows.collect::<Vec<_>>(), |_| false).into_iter();
    for &phase in &plan.phases {
        let count = worker.steps[phase].len();
        writeln!(writer, "  {phase}{}", if count == 0 { "  (no steps)" } else { "" })?;
        lines.by_ref().take(count).try_for_each(|line| writeln!(writer, "    {line}"))?;
    }
    Ok(())
}

/// Describes how a step is run, in the words of its prefixes, and its limit.
pub(crate) fn how(plan: &Plan, phase: Phase, step: &Step) -> String {
    let mut parts = Vec::new();
    parts.extend((step.gate != Gate::Plain).then(|| step.gate.to_string()));
    parts.extend((step.mode != Mode::Wait).then(|| step.mode.to_string()));
    if let Some(Bound::For(length)) = step.bound {
        parts.push(format!("for {}", format_duration(length)));
    }
    if let Some(until) = step.until {
        parts.push(format!("until {}", format_duration(until.limit)));
        parts.extend(until.attempt.map(|attempt| format!("each at most {}", format_duration(attempt))));
    }
    parts.extend(limit(plan, phase, step).map(|limit| format!("at most {}", format_duration(limit))));
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::model::{Action, Bound, Gate, Phase, Plan, Step};
    use crate::report::recorded::{plan, snapshot, spawned, worker};
    use crate::report::{dry_run_json, dry_run_text};

    fn planned() -> Plan {
        let startup = vec![Step::plain("step1", "printf '%s\\n' \"a b\""), spawned("spawn1", "serve\nmore")];
        let seconds = Duration::from_secs(30);
        let run = vec![
            Step { bound: Some(Bound::Timeout(seconds)), ..Step::plain("timeout30", "measure") },
            Step {
                bound: Some(Bound::For(Duration::from_millis(1500))),
                gate: Gate::MayFail,
                ..Step::plain("flood", "flood")
            },
            Step { action: Action::Barrier("all".to_owned()), ..Step::plain("wait", "") },
        ];
        let mut dut = worker("dut", startup, run);
        dut.steps[Phase::Reset] = vec![Step::plain("clean", "clean")];
        let mut plan = plan(vec![dut, worker("idle", Vec::new(), Vec::new())]);
        plan.phases.push(Phase::Reset);
        plan
    }

    #[test]
    fn the_plan_is_shown_with_every_step_and_the_limit_that_applies() {
        let mut written = Vec::new();
        dry_run_text(&planned(), None, &mut written).unwrap();
        snapshot("dry_run.txt", String::from_utf8(written).unwrap());
    }

    #[test]
    fn the_plan_as_json_has_each_command_exactly() {
        let mut written = Vec::new();
        dry_run_json(&planned(), None, &mut written).unwrap();
        snapshot("dry_run.json", String::from_utf8(written).unwrap());
    }
}
