//! Reads the workers of a test: once for an ordinary test, and at each point for a series.

use std::collections::HashMap;

use super::{CHECK, Loader, Reading};
use crate::config::lints::{self, Steps, barriers, shared_player, steps, unknown_variables};
use crate::config::series::{self, Parameter, Series};
use crate::config::settings::{TEST_SETTINGS, TestSettings};
use crate::config::{Diagnostic, Document, Lint, Scope, TEST, quoted};
use crate::model::{PhaseMap, PlayerAddress, Point, WorkerPlan};

/// Reads `check` at a point.
fn check_at_point(scope: &mut Scope<'_>) -> Option<String> {
    scope.has_parameters_everywhere = true;
    let mut settings = TestSettings::default();
    for setting in TEST_SETTINGS.iter().filter(|setting| setting.key == CHECK) {
        scope.set(TEST, setting, &mut settings);
    }
    settings.run.check
}

impl Loader {
    /// Reads the workers at each point, or once for an ordinary test. Returns those of the first point, and the points.
    pub(super) fn points(
        &mut self,
        reading: &Reading<'_>,
        series: Option<Series>,
        settings: &mut TestSettings,
    ) -> (Vec<WorkerPlan>, Option<(Vec<Point>, Series)>) {
        if self.at.names.is_empty() && series.is_none() {
            return (self.read_point(reading), None);
        }
        let series = series.unwrap_or_default();
        let place = series::place(reading.test);
        let diagnostics = &mut self.context.diagnostics;
        let all = series::points(&self.parameters, &series, &self.chosen, &place, diagnostics);
        let trials = self.trials.or(settings.trials).unwrap_or(1);
        series::check_most(&series, all.len(), trials, &place, diagnostics);
        self.check_parameters(reading);
        // Without points, which was reported as an error, the files of the workers are still read.
        let first = vec![self.parameters.first()];
        let values = if all.is_empty() { first } else { all.iter().map(|point| point.parameters.clone()).collect() };
        let names: Vec<&str> = all.iter().map(|point| &*point.name).collect();
        let read = self.at_points(&names, &values, |loader| {
            let check = check_at_point(&mut loader.scope(reading.test));
            (loader.read_point(reading), check)
        });
        let at_point = |(point, (workers, check)): (Point, _)| Point { workers, check, ..point };
        let mut points: Vec<Point> = all.into_iter().zip(read).map(at_point).collect();
        let workers = points.first_mut().map(|first| {
            settings.run.check = first.check.take();
            std::mem::take(&mut first.workers)
        });
        (workers.unwrap_or_default(), Some((points, series)))
    }

    /// Reads something at each point, with the values of its parameters. Findings that are the same at all points are
    /// reported once, others with the name of the point.
    fn at_points<T>(
        &mut self,
        names: &[&str],
        values: &[Vec<(String, String)>],
        read: impl Fn(&mut Self) -> T,
    ) -> Vec<T> {
        let before = std::mem::take(&mut self.context.diagnostics);
        let (checked, reported) = (self.checked.clone(), self.context.reported.clone());
        let mut found: Vec<(Diagnostic, Vec<usize>)> = Vec::new();
        let mut known: HashMap<(usize, usize, Lint, String), usize> = HashMap::new();
        let mut all = Vec::new();
        for (point, values) in values.iter().enumerate() {
            self.at.values.clone_from(values);
            (self.checked, self.context.reported) = (checked.clone(), reported.clone());
            all.push(read(self));
            for finding in std::mem::take(&mut self.context.diagnostics).into_all() {
                let key = (finding.order, finding.start(), finding.lint, finding.message.clone());
                let place = *known.entry(key).or_insert_with(|| {
                    found.push((finding, Vec::new()));
                    found.len() - 1
                });
                found[place].1.push(point);
            }
        }
        self.at.values.clear();
        self.context.diagnostics = before;
        for (mut finding, at) in found {
            let name = at.first().and_then(|first| names.get(*first)).map(|name| quoted(name));
            let count = at.len();
            if let Some(name) = name.filter(|_| count < values.len()) {
                let of =
                    if count == 1 { format!("the point {name}") } else { format!("{count} points, such as {name}") };
                finding.message = format!("{} (at {of})", finding.message);
            }
            self.context.diagnostics.push(finding);
        }
        all
    }

    /// Warns about parameters that no file uses.
    fn check_parameters(&mut self, reading: &Reading<'_>) {
        let files = reading.located.iter().filter_map(|located| located.document.as_deref());
        let documents: Vec<&Document> = files.chain([reading.test, &self.defines]).collect();
        if self.is_partial || documents.len() < reading.names.len().min(1) {
            return;
        }
        for parameter in self.parameters.iter().filter(|parameter| !lints::defaults::uses(&documents, parameter)) {
            let name = &parameter.name;
            let message = format!("the parameter {} is not used", quoted(name));
            let hint = format!("use it as `%({name})s` or `${}`, or remove it", parameter.variable());
            let warning = Diagnostic::new(Lint::UnusedParameter, parameter.place.clone(), message, hint);
            self.context.diagnostics.push(warning);
        }
    }

    /// Reads all workers of a test once, and runs the lints that need all of them.
    fn read_point(&mut self, reading: &Reading<'_>) -> Vec<WorkerPlan> {
        let Reading { located, addresses, .. } = *reading;
        let workers: Vec<_> = located.iter().filter_map(|located| self.worker(located, addresses)).collect();
        let diagnostics = &mut self.context.diagnostics;
        if !reading.has_results {
            diagnostics.extend(workers.iter().flat_map(|(_, steps)| steps::fetch_without_results(steps)));
        }
        barriers::check(&workers, reading.is_whole, diagnostics);
        if !reading.shares_players {
            let places =
                located.iter().filter(|_| workers.len() == located.len()).map(|located| &located.of.worker.place);
            let workers = workers.iter().zip(places).map(|((plan, steps), place)| (plan, steps, place));
            shared_player::check(workers, diagnostics);
        }
        let parameters: Vec<String> = self.parameters.iter().map(Parameter::variable).collect();
        // A worker whose address is invalid, or is set only on the command line, does not count as having none.
        let has_none = |plan: &&WorkerPlan| {
            let is_open = !addresses.contains_key(&plan.name.as_str().to_lowercase());
            is_open && matches!(plan.player, PlayerAddress::Transport(_))
        };
        let without = workers.iter().map(|(plan, _)| plan).filter(has_none);
        let without: Vec<&str> = without.map(|plan| plan.name.as_str()).collect();
        for (plan, steps) in &workers {
            let (environment, names) = (&plan.environment, Some(&reading.names[..]));
            unknown_variables::check(steps, environment, &parameters, names, &without, diagnostics);
        }
        let with_steps = |(plan, mut located): (WorkerPlan, Steps)| {
            let steps = PhaseMap::from_fn(|phase| located[phase].drain(..).map(|located| located.step).collect());
            WorkerPlan { steps, ..plan }
        };
        workers.into_iter().map(with_steps).collect()
    }
}
