//! What a trial left, as far as metrics need it: a fold over its events.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Event, Output, Phase, Plan, PlannedStep, Source, StartSkew, StepReference, StepResult, Stream};

/// The outputs, durations and start skews that a trial left.
#[derive(Debug, Clone, Default)]
pub struct Left {
    /// The steps that metrics need.
    wanted: BTreeSet<PlannedStep>,
    trial: u32,
    steps: BTreeMap<PlannedStep, StepResult>,
    skews: BTreeMap<Phase, StartSkew>,
    check: Option<Output>,
}

impl Left {
    /// Creates an empty state for the metrics of this plan.
    pub fn new(plan: &Plan) -> Self {
        let steps = plan.metrics.iter().flat_map(|metric| match &metric.source {
            Some(Source::Output(steps, _) | Source::Duration(steps)) => steps.as_slice(),
            _ => &[],
        });
        Self { wanted: steps.copied().collect(), ..Self::default() }
    }

    /// Processes an event.
    pub fn take(&mut self, event: &Event) {
        match event {
            Event::TrialStarted { trial, .. } => {
                let wanted = std::mem::take(&mut self.wanted);
                *self = Self { wanted, trial: *trial, ..Self::default() };
            }
            Event::StepEnded { step, result } | Event::SpawnedEnded { step, result } => {
                if let Some(known) = self.wanted(*step) {
                    // Output can come before the step is known to have been spawned.
                    let [stdout, stderr] = [(&known.stdout, &result.stdout), (&known.stderr, &result.stderr)]
                        .map(|(before, now)| if now.printed() < before.printed() { before } else { now }.clone());
                    *known = StepResult { stdout, stderr, ..result.clone() };
                }
            }
            Event::OutputReceived { step, stream, output } | Event::OutputEnded { step, stream, output } => {
                if let Some(known) = self.wanted(*step) {
                    *known.output_mut(*stream) = output.clone();
                }
            }
            Event::PhaseEnded { trial, phase, skew: Some(skew) } if *trial == self.trial => {
                self.skews.insert(*phase, skew.clone());
            }
            Event::CheckEnded { trial, result } if *trial == self.trial => self.check = Some(result.stdout.clone()),
            _ => {}
        }
    }

    /// Returns the result of a step so far, if a metric needs it.
    fn wanted(&mut self, step: StepReference) -> Option<&mut StepResult> {
        let planned = PlannedStep { worker: step.worker, phase: step.phase, position: step.position };
        let is_wanted = step.trial == self.trial && self.wanted.contains(&planned);
        is_wanted.then(|| self.steps.entry(planned).or_default())
    }

    /// Returns the number of the trial.
    pub const fn trial(&self) -> u32 {
        self.trial
    }

    /// Returns the result of a step, if it is known.
    pub(super) fn step(&self, step: PlannedStep) -> Option<&StepResult> {
        self.steps.get(&step)
    }

    /// Returns the output of a step; for a repeated step, that of the last attempt.
    pub(super) fn output(result: &StepResult, stream: Stream) -> Output {
        let before = result.attempts.last().map_or(0, |attempt| attempt.printed_before[stream as usize]);
        result.outputs()[stream as usize].behind(before)
    }

    /// Returns how far apart the workers started a phase.
    pub(super) fn skew(&self, phase: Phase) -> Option<&StartSkew> {
        self.skews.get(&phase)
    }

    /// Returns the standard output of `check`, if it was run.
    pub fn check(&self) -> Option<&Output> {
        self.check.as_ref()
    }
}
