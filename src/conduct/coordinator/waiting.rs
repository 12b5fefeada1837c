//! Describes what the run waits for, and for which workers.

use std::time::Duration;

use crate::model::{ConductorTime, Phase, StartSkew, WorkerId};
use crate::wait::Wait;

use super::{Coordinator, Stage};

/// How many workers are named; the others are counted.
const NAMED: usize = 8;

impl Coordinator {
    /// When the current wait began.
    pub(in crate::conduct) fn waiting_since(&self) -> ConductorTime {
        self.since
    }

    /// What the run waits for and for which workers, as a message.
    pub(in crate::conduct) fn waiting(&self) -> String {
        let wait = match self.stage {
            Stage::Connecting => Wait::Connection,
            Stage::Planning => Wait::PlanAnswer,
            Stage::Arming => Wait::Readiness,
            Stage::Running if self.stopping.is_some() => Wait::PhaseStop,
            Stage::Running => Wait::PhaseEnd,
            Stage::EndingTrial => Wait::TrialEnd,
            Stage::Leaving => Wait::Leave,
            Stage::Checking => return format!("{} of trial {}", Wait::CheckEnd.what(), self.trial),
            Stage::Measuring => return format!("{} of trial {}", Wait::Metrics.what(), self.trial),
            Stage::Over => return "nothing".to_owned(),
        };
        let what = wait.what().replace("the phase", &self.phase().to_string());
        let mut names: Vec<_> = self.pending.iter().take(NAMED).map(|id| self.doing(*id)).collect();
        if self.pending.len() > NAMED {
            names.push(format!("and {} more", self.pending.len() - NAMED));
        }
        ["the players", "the workers"].iter().fold(what, |what, all| what.replace(all, &names.join(", ")))
    }

    /// The name of a worker, and what it was last known to do.
    fn doing(&self, id: WorkerId) -> String {
        let (worker, name) = (&self.workers[id.0], self.plan.name(id));
        let step = self.at(id).filter(|_| self.stage == Stage::Running);
        match (worker.leaves(), step) {
            (Some(reason), _) => format!("`{name}` (it leaves: {reason})"),
            (None, _) if worker.broken => format!("`{name}` (its connection is broken)"),
            (None, Some(step)) => format!("`{name}` (at `{}`)", step.label),
            (None, None) => format!("`{name}`"),
        }
    }

    /// Reports that the workers of a phase started farther apart than the test allows, or that this is unknown. Reset
    /// is not checked: it cleans up, and measures nothing.
    pub(super) fn judge_skew(&mut self, trial: u32, phase: Phase, skew: Option<&StartSkew>) {
        let (Some(limit), Some(skew)) = (self.plan.settings.max_start_skew.filter(|_| phase != Phase::Reset), skew)
        else {
            return;
        };
        let allowed = humantime::format_duration(limit);
        let what = match skew.most() {
            Some(most) if most <= limit => return,
            Some(_) => format!("{} ± {}", shown(skew.spread), shown(skew.bound)),
            None => format!("unknown for {}", self.names(skew.unknown.iter().copied())),
        };
        self.judge.incomplete(format!(
            "the start skew of {phase} in trial {trial} is {what}, but `max_start_skew` is {allowed}"
        ));
    }
}

fn shown(duration: Duration) -> String {
    format!("{duration:.3?}")
}
