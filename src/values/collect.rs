//! Collects the values of a run from its events.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::{
    Event, Measured, Measurement, Mode, Order, Phase, Plan, Point, Slot, Step, StepReference, StepResult, WorkerId,
    shown_number,
};
use crate::statistics::{Design, Sample};

use super::table::{Kind, Metric, Reading, Trial, Value, Values, usual_threshold};

/// The maximum number of notes that are kept for a trial.
const NOTES: usize = 5;

/// Collects the values of a run.
#[derive(Debug, Clone)]
pub struct Collector {
    values: Values,
    /// The values of the earlier generations of the run.
    earlier: Vec<(u32, Values)>,
    /// The highest number of a trial that was started.
    highest: u32,
    /// The positions of the metrics, by name.
    known: BTreeMap<String, usize>,
    plan: Option<Arc<Plan>>,
    /// The phase that started last.
    phase: Phase,
    /// The current generation of the run, from 1.
    generation: u32,
}

impl Default for Collector {
    fn default() -> Self {
        let (values, earlier, known) = Default::default();
        Self { values, earlier, highest: 0, known, plan: None, phase: Phase::Startup, generation: 1 }
    }
}

impl Collector {
    /// Returns the values of the latest generation.
    pub const fn values(&self) -> &Values {
        &self.values
    }

    /// Iterates over all generations, from the first, each with its number and values.
    pub fn generations(&self) -> impl Iterator<Item = (u32, &Values)> {
        let earlier = self.earlier.iter().map(|(generation, values)| (*generation, values));
        earlier.chain([(self.generation, &self.values)])
    }

    /// Returns the values of the latest generation, at the end of the run.
    pub fn into_values(self) -> Values {
        self.values
    }

    /// Processes an event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::RunStarted { plan, .. } => self.begin(plan),
            // Values of different generations are never combined.
            Event::RunResumed { plan, generation, .. } if *generation != self.generation => {
                self.fill();
                self.earlier.push((self.generation, std::mem::take(&mut self.values)));
                (self.generation, self.highest) = (*generation, 0);
                self.begin(plan);
            }
            Event::PhaseStarted { phase, .. } => self.phase = *phase,
            Event::TrialStarted { trial, slot, attempt } => {
                self.fill();
                self.phase = Phase::Startup;
                if *trial <= self.highest {
                    let replaced = self.values.trials.iter_mut().filter(|own| own.number == *trial);
                    replaced.for_each(|own| own.is_replaced = true);
                }
                self.highest = self.highest.max(*trial);
                let point = slot.point.0.min(self.values.points.len() - 1);
                let (number, attempt) = (*trial, *attempt);
                let Slot { round, warm_up: is_warm_up, .. } = *slot;
                self.values.trials.push(Trial { number, attempt, round, point, is_warm_up, ..Trial::default() });
            }
            Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } => self.step(*step, result),
            Event::PhaseEnded { phase, skew: Some(skew), .. } if skew.workers > 1 => {
                self.time(&format!("start_skew.{phase}"), skew.spread);
                if let Some(trial) = self.open() {
                    trial.skews.push((*phase, skew.spread));
                }
            }
            Event::WorkerResumed { worker, silent } => {
                let name = self.values.worker(*worker);
                self.note(format!("{name} was out of reach for {:.1} s", silent.as_secs_f64()));
            }
            Event::Warning { worker, text } | Event::OutputFailed { worker, text } => self.remark(*worker, text),
            Event::MeasuringStarted { verdict, .. } => {
                if let Some(trial) = self.open() {
                    trial.before = Some(*verdict);
                }
            }
            Event::Measured { measured: Measured { metric, worker, unit, measurement }, .. } => {
                let metric = self.metric(metric.as_str(), unit.as_deref(), Kind::Printed);
                let reading = match measurement {
                    Measurement::Value { value, outside, missing } => {
                        Reading::Number { value: *value, is_outside: *outside, is_default: missing.is_some() }
                    }
                    Measurement::Missing(why) => Reading::Missing(why.as_str().into()),
                };
                let reading = self.of_one_unit(metric, unit.as_deref(), reading);
                self.push(metric, *worker, reading);
            }
            Event::TrialEnded { verdict, .. } => {
                self.fill();
                if let Some(trial) = self.open() {
                    trial.verdict = Some(*verdict);
                }
            }
            Event::RunEnded { .. } => self.fill(),
            _ => {}
        }
    }

    fn begin(&mut self, plan: &Arc<Plan>) {
        self.values.workers = plan.workers.iter().map(|worker| worker.name.to_string()).collect();
        self.values.metrics = plan.metrics.iter().map(|metric| of_section(plan, metric)).collect();
        self.known = plan.metrics.iter().zip(0..).map(|(metric, at)| (metric.name.to_string(), at)).collect();
        if !plan.points.is_empty() {
            self.values.points = plan.points.iter().map(of_point).collect();
        }
        self.values.design = if plan.schedule.order == Order::Blocked { Design::Unpaired } else { Design::Paired };
        self.plan = Some(Arc::clone(plan));
    }

    /// Gives each metric of the test file a row in each trial, even if it was not measured.
    fn fill(&mut self) {
        if self.open().is_none() {
            return;
        }
        let trial = self.values.trials.len() - 1;
        let own = self.values.rows.iter().rev().take_while(|row| row.trial == trial);
        let measured: Vec<usize> = own.map(|row| row.metric).collect();
        let planned = self.plan.as_ref().map_or(0, |plan| plan.metrics.len());
        for metric in (0..planned).filter(|metric| !measured.contains(metric)) {
            self.push(metric, None, Reading::Missing("it was not measured".into()));
        }
    }

    /// Returns the trial that is running.
    fn open(&mut self) -> Option<&mut Trial> {
        self.values.trials.last_mut().filter(|trial| trial.verdict.is_none())
    }

    fn remark(&mut self, worker: Option<WorkerId>, text: &str) {
        let name = worker.map(|worker| format!("{}: ", self.values.worker(worker))).unwrap_or_default();
        self.note(format!("{name}{text}"));
    }

    fn note(&mut self, text: String) {
        let phase = self.phase;
        let is_known = |trial: &Trial| trial.notes.iter().any(|(_, known)| *known == text);
        if let Some(trial) = self.open().filter(|trial| trial.notes.len() < NOTES && !is_known(trial)) {
            trial.notes.push((phase, text));
        }
    }

    fn step(&mut self, step: StepReference, result: &StepResult) {
        let Some(plan) = self.plan.clone() else { return };
        let StepReference { phase, worker, .. } = step;
        if result.leaky {
            let text = format!("step `{}` of {} left its output open", plan.label(step), plan.name(worker));
            self.note(text);
        }
        if let Some(duration) = result.duration {
            let steps = plan.workers.get(worker.0).map(|own| &own.steps[phase]);
            let label = plan.label(step);
            let is_alone = steps.is_some_and(|all| all.iter().filter(|own| own.label.as_str() == label).count() == 1);
            let label = if is_alone { label.to_owned() } else { format!("#{}", step.position.saturating_add(1)) };
            self.time(&format!("step.{}.{phase}.{label}", plan.name(worker)), duration);
        }
    }

    fn time(&mut self, name: &str, duration: Duration) {
        let metric = self.metric(name, Some("s"), Kind::Time);
        self.push(metric, None, Reading::plain(duration.as_secs_f64()));
    }

    /// Returns the position of a metric, after adding it if it is new. A metric without a unit gets the unit of the
    /// measured value.
    fn metric(&mut self, name: &str, unit: Option<&str>, kind: Kind) -> usize {
        let metrics = &mut self.values.metrics;
        let unit = unit.map(str::to_owned);
        let Some(known) = self.known.get(name).copied() else {
            self.known.insert(name.to_owned(), metrics.len());
            let threshold = usual_threshold();
            metrics.push(Metric { name: name.to_owned(), unit, better: None, threshold, kind, phase: None });
            return metrics.len() - 1;
        };
        let own = &mut metrics[known].unit;
        *own = own.take().or(unit);
        known
    }

    /// Returns a reading if it has the unit of its metric and statistics can use it, otherwise why it is missing.
    fn of_one_unit(&self, metric: usize, unit: Option<&str>, reading: Reading) -> Reading {
        let own = self.values.metrics[metric].unit.as_deref();
        match (own, unit, &reading) {
            (Some(own), Some(unit), Reading::Number { .. }) if own != unit => {
                Reading::Missing(format!("its unit is `{unit}`, but that of earlier trials is `{own}`").into())
            }
            (_, _, Reading::Number { value, .. }) if value.abs() > Sample::LARGEST => {
                Reading::Missing(format!("{} is too large", shown_number(*value)).into())
            }
            _ => reading,
        }
    }

    fn push(&mut self, metric: usize, worker: Option<WorkerId>, reading: Reading) {
        if let Some(trial) = self.values.trials.len().checked_sub(1) {
            self.values.rows.push(Value { trial, metric, worker, reading });
        }
    }
}

/// Copies a point of the plan, without what is done at it.
fn of_point(point: &Point) -> Point {
    let (name, parameters) = (point.name.clone(), point.parameters.clone());
    Point { name, parameters, baseline: point.baseline, ..Point::default() }
}

/// Converts a metric of the test file.
fn of_section(plan: &Plan, metric: &crate::model::Metric) -> Metric {
    Metric {
        name: metric.name.to_string(),
        unit: metric.unit.clone(),
        better: metric.better,
        threshold: metric.threshold.unwrap_or_else(usual_threshold),
        kind: Kind::Section,
        phase: phase_of(plan, &metric.from),
    }
}

/// Returns the phase in which a value with this `from` is produced: the last one that the text can refer to. Returns
/// `None` for the output of a spawned step, which can also depend on later phases.
fn phase_of(plan: &Plan, from: &str) -> Option<Phase> {
    let from = from.strip_suffix(":stderr").or(from.strip_suffix(":stdout")).unwrap_or(from).to_lowercase();
    let is_named = |phase: &Phase| from.contains(&format!(".{phase}.")) || from == format!("start_skew.{phase}");
    let phase = Phase::ALL.into_iter().filter(is_named).max().filter(|_| !from.starts_with("file:"))?;
    let is_meant = |step: &&Step| from.ends_with(&format!(".{}", step.label.as_str().to_lowercase()));
    let mut spawned =
        plan.workers.iter().flat_map(|worker| &worker.steps[phase]).filter(|step| step.mode == Mode::Spawn);
    let goes_on = spawned.any(|step| from.contains(".#") || is_meant(&step));
    (!goes_on).then_some(phase)
}
