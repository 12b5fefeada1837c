//! Finds metrics that failed their trial, as causes or as consequences of what prevented their measurement.

use super::super::{Measured, Remark, Run, Trial};
use super::cause::{Cause, Effect, Kind, cause};
use super::find::Finder;
use super::root::Key;
use super::source::{Reads, absent, reads};
use crate::model::{Measurement, MetricName, Phase, StepReference};

impl Finder<'_> {
    /// Adds the metrics that failed their trial. A missing metric can only be a consequence of what happened to its
    /// source.
    pub(super) fn metrics(&mut self) {
        let run = self.run;
        for trial in run.trials.values() {
            let failures = trial.metrics.iter().enumerate().filter(|(_, measured)| trial.is_failed_by(measured));
            for (place, measured) in failures {
                let explained = self.explained(trial, measured);
                if let Some(cause) = explained.and_then(|key| self.causes.get_mut(&key)) {
                    let missing = cause.follow(Effect::Metrics);
                    missing.trials.insert(trial.number);
                    missing.metrics.insert(MetricName::clone(&measured.metric));
                } else {
                    self.causes.insert(Key::Metric(trial.number, place), of_its_own(run, trial, measured));
                }
            }
        }
    }

    /// Returns the cause of a missing metric, if there is one: the first, if the metric reads several steps.
    fn explained(&self, trial: &Trial, measured: &Measured) -> Option<Key> {
        let Measurement::Missing(_) = measured.measurement else { return None };
        let keys: Vec<Key> = match reads(self.run, trial, measured) {
            Reads::Steps(steps) => steps.into_iter().filter_map(|step| self.not_read(trial, step)).collect(),
            Reads::Check => self.no_check(trial).into_iter().collect(),
            Reads::Starts(phase) => self.no_starts(trial, phase).into_iter().collect(),
        };
        keys.into_iter().min_by_key(|key| self.causes.get(key).map(|cause| cause.at))
    }

    /// Returns the cause that left a step without output or files to read, if there is one.
    fn not_read(&self, trial: &Trial, step: StepReference) -> Option<Key> {
        let Some(finished) = self.run.finished(step) else {
            let absent = self.first(absent(trial.number, step.worker));
            return absent.or_else(|| self.not_begun(trial, step.phase));
        };
        if Self::is_told(finished) {
            return self.first([self.roots.of(finished)]);
        }
        self.first(self.unwritten(step.worker).filter(|_| finished.result().is_unkept()))
    }

    /// Returns the cause that prevented a phase from beginning: the first thing that went wrong in the trial.
    fn not_begun(&self, trial: &Trial, phase: Phase) -> Option<Key> {
        if trial.phases.get(phase).is_some() { None } else { self.first_of_trial(trial) }
    }

    /// Returns the cause that prevented `check` from printing what it should, if there is one.
    fn no_check(&self, trial: &Trial) -> Option<Key> {
        let follows = |cause: &Cause| {
            cause.consequences.iter().any(|one| one.effect == Effect::Check && one.trials.contains(&trial.number))
        };
        let earlier = || self.causes.iter().find(|(_, cause)| follows(cause)).map(|(key, _)| key.clone());
        let is_unkept = trial.check.as_ref().is_some_and(|check| check.stdout.unkept().is_some());
        let unkept = || {
            let is_own = |remark: &Remark| remark.worker.is_none() && remark.trial == Some(trial.number);
            self.run.unwritten.iter().position(is_own).map(Key::Unwritten)
        };
        let own = self.first([Key::Check(trial.number)]).or_else(earlier);
        own.or_else(|| is_unkept.then(unkept).flatten())
    }

    /// Returns the cause of unknown starts of workers in a phase, if there is one.
    fn no_starts(&self, trial: &Trial, phase: Phase) -> Option<Key> {
        let skew = trial.phases.get(phase).and_then(|own| own.skew.as_ref());
        let unknown = skew.into_iter().flat_map(|skew| &skew.unknown);
        let lost = unknown.flat_map(|worker| absent(trial.number, *worker));
        self.first([Key::Skew(trial.number, phase)].into_iter().chain(lost)).or_else(|| self.not_begun(trial, phase))
    }
}

/// Creates the cause for a metric that failed by itself.
fn of_its_own(run: &Run, trial: &Trial, measured: &Measured) -> Cause {
    let kind = Kind::Metric(MetricName::clone(&measured.metric), run.measured(trial.number, measured));
    let workers = measured.worker.into_iter().collect();
    Cause { trial: Some(trial.number), workers, ..cause(kind, measured.at) }
}
