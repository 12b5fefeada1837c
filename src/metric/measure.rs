//! Computes the values of a trial's metrics from what the trial left.

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::time::Duration;

use super::missing::usable;
use super::printed::{self, printed};
use super::{Files, Left, Missing, Picked, Reading, text};
use crate::model::{
    Across, Extract, Measured, Measurement, Metric, MetricName, Mode, Outcome, Phase, Pick, Plan, PlannedStep, Source,
    Step, StepReference, StepResult, Stream, WorkerId, counted, shown_number,
};

/// The unit of durations.
const SECONDS: &str = "s";
/// The source of the metrics of `check`, for messages.
const OF_CHECK: &str = "the standard output of `check`";

/// A number, or why there is none: the place where it was expected, and what is there.
type Found = Result<f64, String>;

/// A number in the unit of the metric, with the reason if it is the default; or why there is none.
type Scaled = Result<(f64, Option<String>), String>;

/// Measures the metrics of a trial. Returns those of the plan in order, then those that only `check` printed.
pub fn measure(plan: &Plan, left: &Left, files: &dyn Files) -> Vec<Measured> {
    let mut measurer = Measurer { plan, left, files, printed: None, unkept: None };
    measurer.read_check();
    let mut all: Vec<Measured> = plan.metrics.iter().flat_map(|metric| measurer.metric(metric)).collect();
    all.extend(measurer.printed_alone());
    if plan.is_warm_up(left.trial()) {
        // Expected ranges apply only to trials that count.
        for own in &mut all {
            if let Measurement::Value { outside, .. } = &mut own.measurement {
                *outside = false;
            }
        }
    }
    all
}

/// Returns the measurements of all metrics of the plan if nothing could be read, for this reason.
pub fn unmeasured(plan: &Plan, why: &str) -> Vec<Measured> {
    let missing = |metric: &Metric| value(metric, None, metric.unit.clone(), Err(why.to_owned()));
    plan.metrics.iter().filter(|metric| metric.source.is_some()).map(missing).collect()
}

struct Measurer<'a> {
    plan: &'a Plan,
    left: &'a Left,
    files: &'a dyn Files,
    /// The metrics in the output of `check`, if it was run, or why they are not known.
    printed: Option<Result<Said, String>>,
    /// Why the output of `check` is incomplete, if it is.
    unkept: Option<String>,
}

/// The metrics that `check` printed, and whether there are more.
type Said = (BTreeMap<MetricName, printed::Printed>, bool);

impl Measurer<'_> {
    /// Reads the metrics in the output of `check`.
    fn read_check(&mut self) {
        let pick = |name: &MetricName| self.plan.metric(name).map_or(Pick::Last, |metric| metric.pick);
        let Some(output) = self.left.check() else { return };
        let said = printed(text::of(output.clone(), self.files), pick);
        self.printed = Some(said.map_err(|why| format!("{OF_CHECK}: {why}")));
        self.unkept = output.unkept().map(|unkept| format!("{OF_CHECK} is incomplete: {unkept}"));
    }

    /// Measures a metric of the plan. Returns one measurement for each worker, or a single one.
    fn metric(&mut self, metric: &Metric) -> Vec<Measured> {
        let Some(source) = &metric.source else { return Vec::new() };
        let unit = metric.unit.clone().or_else(|| own_unit(metric, source));
        let single = |worker, unit, found: Found| vec![value(metric, worker, unit, found)];
        let each: Vec<(WorkerId, Found)> = match source {
            Source::Output(steps, stream) => {
                steps.iter().map(|step| (step.worker, self.output(metric, *step, *stream))).collect()
            }
            Source::Duration(steps) => steps.iter().map(|step| (step.worker, self.duration(*step))).collect(),
            Source::File(workers, path) => {
                workers.iter().map(|worker| (*worker, self.file(metric, *worker, path))).collect()
            }
            Source::Check => {
                let (found, own) = self.check(metric);
                return single(None, unit.or(own), found);
            }
            Source::StartSkew(phase) => return single(None, unit, self.skew(*phase)),
        };
        let pick = match metric.across {
            Across::Each => {
                let of_worker = |(worker, found)| value(metric, Some(worker), unit.clone(), found);
                return each.into_iter().map(of_worker).collect();
            }
            Across::Sum => Pick::Sum,
            Across::Mean => Pick::Mean,
            Across::Min => Pick::Min,
            Across::Max => Pick::Max,
        };
        // The default applies to each worker.
        let all: Result<Vec<_>, String> = each.into_iter().map(|(_, found)| scaled(metric, found)).collect();
        let whole = all.and_then(|all| {
            let (all, whys): (Vec<f64>, Vec<Option<String>>) = all.into_iter().unzip();
            let missing: Vec<String> = whys.into_iter().flatten().collect();
            let missing = missing.first().map(|first| match missing.len() - 1 {
                0 => first.clone(),
                more => format!("{first} (and {})", counted(more, "more worker")),
            });
            let whole = Picked::of(pick, all).filter(|value| value.is_finite());
            whole.map(|value| (value, missing)).ok_or_else(|| format!("the {pick} of the workers' values is too large"))
        });
        vec![measured(metric, None, unit, whole)]
    }

    /// Returns the number that a step printed.
    fn output(&self, metric: &Metric, step: PlannedStep, stream: Stream) -> Found {
        let result = self.ran(step)?;
        let place = format!(
            "the standard {} of {}",
            if stream == Stream::Stdout { "output" } else { "error" },
            self.name(step)
        );
        let output = Left::output(result, stream);
        if let Some(unkept) = output.unkept() {
            return Err(format!("{place} is incomplete: {unkept}"));
        }
        read(metric, text::of(output, self.files), &place)
    }

    /// Returns the duration of a step in seconds.
    fn duration(&self, step: PlannedStep) -> Found {
        let result = self.ran(step)?;
        let unknown = || match self.planned(step).map(|step| step.mode) {
            Some(Mode::Spawn) if result.outcome == Outcome::Spawned => format!("{} has not ended", self.name(step)),
            _ => format!("it is not known how long {} took", self.name(step)),
        };
        let duration = result.attempts.last().map(|attempt| attempt.duration).or(result.duration);
        duration.as_ref().map(Duration::as_secs_f64).ok_or_else(unknown)
    }

    /// Returns the result of a step, if its process was run.
    fn ran(&self, step: PlannedStep) -> Result<&StepResult, String> {
        let why = match self.left.step(step).map(|result| (&result.outcome, result)) {
            None => "was not run",
            Some((Outcome::Skipped(_), _)) => "was skipped",
            Some((Outcome::NotStarted(_), _)) => "could not be started",
            Some((Outcome::Lost, _)) => "was lost",
            Some((_, result)) => return Ok(result),
        };
        Err(format!("{} {why}", self.name(step)))
    }

    fn planned(&self, step: PlannedStep) -> Option<&Step> {
        let PlannedStep { worker, phase, position } = step;
        self.plan.step(StepReference { trial: self.left.trial(), phase, worker, position })
    }

    /// Returns the name of a step, for messages.
    fn name(&self, step: PlannedStep) -> String {
        let label = self.planned(step).map_or("?", |step| step.label.as_str());
        format!("`{label}` on {} in {}", self.plan.name(step.worker), step.phase)
    }

    /// Returns the number in a file.
    fn file(&self, metric: &Metric, worker: WorkerId, path: &str) -> Found {
        let (trial, name) = (self.left.trial(), self.plan.name(worker));
        let place = format!("`trial-{trial}/{name}/{path}`");
        let file = self.files.file(trial, name, path);
        let file = file.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => format!("there is no file {place}"),
            _ => format!("{place} cannot be read: {error}"),
        })?;
        read(metric, text::limited(file, self.files), &place)
    }

    /// Returns the number that `check` printed, and its unit.
    fn check(&mut self, metric: &Metric) -> (Found, Option<String>) {
        let Some(output) = self.left.check() else { return (Err("`check` was not run".to_owned()), None) };
        if let Some(why) = &self.unkept {
            return (Err(why.clone()), None);
        }
        if metric.extract.is_some() {
            return (read(metric, text::of(output.clone(), self.files), OF_CHECK), None);
        }
        let said = match &mut self.printed {
            Some(Ok((said, _))) => said.remove(&metric.name),
            Some(Err(why)) => return (Err(why.clone()), None),
            None => None,
        };
        let Some(printed::Printed { picked, unit }) = said else {
            let none = metric.pick == Pick::Count;
            let missing = || format!("`check` did not print `metric {} VALUE`", metric.name);
            return (none.then_some(0.0).ok_or_else(missing), None);
        };
        let value = picked.and_then(|picked| picked.value().ok_or(Missing::NoMatch));
        // With a scale, the section defines the unit of the result.
        let own = metric.unit.as_ref().filter(|_| !metric.is_scaled());
        let others = own.zip(unit.as_ref()).filter(|(own, printed)| own != printed);
        let value = others.map_or(value, |(own, printed)| Err(Missing::Units(own.clone(), printed.clone())));
        (value.map_err(|why| format!("{OF_CHECK}: {why}")), unit)
    }

    /// Returns how far apart the workers started a phase, in seconds.
    fn skew(&self, phase: Phase) -> Found {
        let skew = self.left.skew(phase).ok_or_else(|| format!("no worker started a process in {phase}"))?;
        let unknown = || {
            let names: Vec<_> = skew.unknown.iter().map(|worker| self.plan.name(*worker)).collect();
            format!("it is not known when {} started {phase}", names.join(", "))
        };
        skew.most().is_some().then_some(skew.spread.as_secs_f64()).ok_or_else(unknown)
    }

    /// Returns the metrics that `check` printed and that are not in the plan.
    fn printed_alone(&mut self) -> Vec<Measured> {
        let Some(Ok((said, has_more))) = self.printed.take() else { return Vec::new() };
        let is_alone = |(name, _): &(MetricName, _)| self.plan.metric(name).is_none();
        let measured = |(metric, printed::Printed { picked, unit }): (MetricName, printed::Printed)| {
            let value = picked.and_then(|picked| picked.value().ok_or(Missing::NoMatch)).and_then(usable);
            let value = value.map_err(|why| format!("{OF_CHECK}: {why}"));
            let plain = |value| Measurement::Value { value, outside: false, missing: None };
            let measurement = self.unkept.clone().map_or(value, Err).map_or_else(Measurement::Missing, plain);
            Measured { metric, worker: None, unit, measurement }
        };
        let mut all: Vec<Measured> = said.into_iter().filter(is_alone).map(measured).collect();
        if let Some(last) = all.last_mut().filter(|_| has_more) {
            last.measurement = Measurement::Missing(format!("`check` printed more than {} metrics", printed::MOST));
        }
        all
    }
}

/// Reads the number in a text.
fn read(metric: &Metric, text: impl BufRead, place: &str) -> Found {
    let reading = Reading::new(metric.extract.as_ref())?;
    reading.read(text, metric.pick).map_err(|why| match (why, &metric.extract) {
        (Missing::NoMatch, None) => format!("no number in {place}"),
        (Missing::NoMatch, Some(Extract::Json(pointer))) => format!("nothing at `{pointer}` in {place}"),
        (Missing::NotThere(instead), Some(Extract::Json(pointer))) => {
            format!("nothing at `{pointer}` in {place}: {instead}")
        }
        (Missing::NoMatch, Some(Extract::Regex(pattern))) => format!("nothing matches `{pattern}` in {place}"),
        (Missing::Empty, _) => format!("{place} is empty"),
        (why, _) => format!("{place}: {why}"),
    })
}

/// Returns the unit of a metric whose source implies one.
fn own_unit(metric: &Metric, source: &Source) -> Option<String> {
    let is_duration = matches!(source, Source::Duration(_) | Source::StartSkew(_));
    (is_duration && metric.scale.to_bits() == 1_f64.to_bits()).then(|| SECONDS.to_owned())
}

/// Converts a number to the unit of the metric. If there is none, returns the default, and why.
fn scaled(metric: &Metric, found: Found) -> Scaled {
    let found = found.and_then(|number| {
        let value = times(number, metric.scale);
        let too_large = || format!("{} times {} is too large", shown_number(number), shown_number(metric.scale));
        if value.is_finite() { usable(value).map_err(|why| why.to_string()) } else { Err(too_large()) }
    });
    match found {
        Ok(value) => Ok((value, None)),
        Err(why) => metric.default.map(|default| (default, Some(why.clone()))).ok_or(why),
    }
}

/// Multiplies a number by a scale. A scale such as 1e-6 is not exact, but its inverse is: 941200000 becomes 941.2.
fn times(number: f64, scale: f64) -> f64 {
    let inverse = (1.0 / scale).round();
    if (1.0 / inverse).to_bits() == scale.to_bits() { number / inverse } else { number * scale }
}

/// Creates the measurement of a metric from its unscaled number.
fn value(metric: &Metric, worker: Option<WorkerId>, unit: Option<String>, found: Found) -> Measured {
    measured(metric, worker, unit, scaled(metric, found))
}

/// Creates the measurement of a metric from its final value.
fn measured(metric: &Metric, worker: Option<WorkerId>, unit: Option<String>, found: Scaled) -> Measured {
    let checked = |(value, missing)| usable(value).map(|value| (value, missing)).map_err(|why| why.to_string());
    let measurement = match found.and_then(checked) {
        Ok((value, missing)) => {
            let outside = metric.expect.as_ref().is_some_and(|expect| !expect.contains(value));
            Measurement::Value { value, outside, missing }
        }
        Err(why) => Measurement::Missing(why),
    };
    Measured { metric: metric.name.clone(), worker, unit, measurement }
}
