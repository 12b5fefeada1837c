//! The sequence of stages: connecting, and trials with their phases.

use std::collections::BTreeSet;

use crate::conduct::event::{CheckEnd, Command, End, EndKind};
use crate::model::{
    Event, OnFailure, Phase, PhaseId, PlayerAddress, PlayerDescription, PrintedVersion, Process, StartSkew, Verdict,
    WorkerId, WorkerName, WorkerPlan,
};
use crate::wait::Wait;

use super::phase::what_stays;
use super::worker::{Part, Standing, Worker};
use super::{Action, Coordinator, Rest, Stage};

impl Coordinator {
    pub(super) fn start(&mut self) {
        let anchor = if self.resumed.is_some() { self.anchor } else { self.anchor.at(self.now) };
        self.report(Event::RunStarted { plan: self.plan.clone(), anchor });
        if let Some((generation, done)) = self.resumed {
            self.report(Event::RunResumed { plan: self.plan.clone(), done, generation });
        }
        if self.todo.left() == 0 && !self.adds_trials() { self.finish() } else { self.connect() }
    }

    /// Asks for a connection to each worker that needs one.
    pub(super) fn connect(&mut self) {
        let limit = self.plan.settings.connect_timeout + Wait::Connection.time();
        self.wait(Stage::Connecting, self.who(|worker| worker.standing == Standing::Connecting), Some(limit));
        self.actions.extend(self.pending.iter().map(|id| Action::Connect(*id)));
    }

    pub(super) fn connected(&mut self, worker: WorkerId, player: PlayerDescription) {
        let entry = &mut self.workers[worker.0];
        if entry.standing == Standing::Connecting && self.stage == Stage::Connecting {
            entry.standing = Standing::Connected;
            entry.seed = player == PlayerDescription::Seed;
            self.report(Event::WorkerConnected { worker, player });
            self.answered(Stage::Connecting, worker);
        }
    }

    pub(super) fn plan_taken(&mut self, worker: WorkerId) {
        let entry = &mut self.workers[worker.0];
        if self.stage == Stage::Planning {
            if entry.standing == Standing::Connected {
                (entry.standing, entry.point) = (Standing::Live, Some(self.plan.point_of(self.todo.next())));
            }
            self.answered(Stage::Planning, worker);
        }
    }

    /// Records what the commands of `versions` printed. Warns about differences from before: a resumed run, or another
    /// session, may find other programs.
    pub(super) fn versions_printed(&mut self, worker: WorkerId, printed: Vec<String>) {
        let commands = self.plan.settings.versions.iter().cloned();
        let versions: Vec<_> =
            commands.zip(printed).map(|(command, printed)| PrintedVersion { command, printed }).collect();
        if versions.is_empty() {
            return;
        }
        let before = self.versions.insert(worker, versions.clone()).unwrap_or_default();
        for PrintedVersion { command, printed } in &versions {
            let known = before.iter().find(|known| known.command == *command && known.printed != *printed);
            if let Some(PrintedVersion { printed: known, .. }) = known {
                let text = format!("`{command}` printed `{printed}`, and `{known}` earlier in the run");
                self.report(Event::Warning { worker: Some(worker), text });
            }
        }
        self.report(Event::VersionsPrinted { worker, versions });
    }

    /// Handles a worker whose connection has ended, or that is given up.
    pub(super) fn ended(&mut self, worker: WorkerId, end: End) {
        self.pending.remove(&worker);
        let in_trial = self.is_in_trial();
        // Between two trials, a worker that took part in one may come back for the next.
        let entry = &mut self.workers[worker.0];
        let had_plan = entry.point.take().is_some();
        if self.stage == Stage::Planning && had_plan && self.trial > 0 && !entry.came_back {
            (entry.standing, entry.came_back) = (Standing::Lost, true);
            let text = format!("{}; its session ended between two trials, so a new one is started", end.reason);
            return self.report(Event::Warning { worker: Some(worker), text });
        }
        self.workers[worker.0].standing = if in_trial { Standing::Lost } else { Standing::Gone };
        if in_trial {
            self.lose(worker, &end);
        } else if matches!(self.stage, Stage::Connecting | Stage::Planning) {
            self.faults.insert(worker, end);
        }
    }

    pub(super) fn is_in_trial(&self) -> bool {
        matches!(self.stage, Stage::Arming | Stage::Running | Stage::EndingTrial | Stage::Checking | Stage::Measuring)
    }

    /// Continues from every stage that no longer waits for a worker.
    pub(super) fn advance(&mut self) {
        while self.pending.is_empty() {
            match self.stage {
                Stage::Connecting => self.all_connected(),
                Stage::Planning => self.all_planned(),
                Stage::Arming => self.go(),
                Stage::Running => self.phase_over(),
                Stage::EndingTrial => self.check_trial(),
                Stage::Leaving => self.finish(),
                Stage::Checking | Stage::Measuring | Stage::Over => return,
            }
        }
    }

    /// Continues after each worker has answered or cannot be reached.
    fn all_connected(&mut self) {
        if !self.may_go_on() {
            return self.leave();
        }
        if self.trial == 0 {
            self.warn_of_seeds();
        }
        self.send_plans();
    }

    /// Sends each worker the plan of the next trial's point, unless it already has that.
    fn send_plans(&mut self) {
        let point = self.plan.point_of(self.todo.next());
        let lacks_plan = |worker: &Worker| match worker.standing {
            Standing::Connected => true,
            Standing::Live => worker.point != Some(point),
            _ => false,
        };
        self.wait(Stage::Planning, self.who(lacks_plan), Some(Wait::PlanAnswer.time()));
        for worker in self.pending.clone() {
            self.workers[worker.0].point = self.workers[worker.0].is_live().then_some(point);
        }
        self.command_pending(&Command::Plan(point));
    }

    fn all_planned(&mut self) {
        let are_lost = self.workers.iter().any(|worker| worker.standing == Standing::Lost);
        if are_lost && self.interrupted.is_none() && self.faults.is_empty() {
            return self.gather();
        }
        if !self.may_go_on() {
            return self.leave();
        }
        self.begin_trial();
    }

    /// Whether the run may continue, because no required worker is missing. Reports those that are missing.
    fn may_go_on(&mut self) -> bool {
        if self.interrupted.is_some() {
            return false;
        }
        let mut may_go_on = true;
        for (worker, end) in std::mem::take(&mut self.faults) {
            let WorkerPlan { name, player, .. } = self.plan.worker(worker);
            self.judge.hint(end.hint);
            if self.trial == 0 && self.skip_unreachable && end.kind == EndKind::Unreachable {
                self.judge.incomplete(format!("worker `{name}` at {player} was left out: {}", end.reason));
                self.report(Event::WorkerLost { worker, reason: end.reason, hint: end.hint });
                continue;
            }
            may_go_on = false;
            if self.trial == 0 {
                self.judge.not_carried_out(not_begun(name, player, &end));
            } else {
                self.judge.incomplete(format!("worker `{name}` could not be reached again: {}", end.reason));
            }
            let refused = end.kind != EndKind::Unreachable;
            self.report(Event::WorkerUnreachable { worker, refused, reason: end.reason, hint: end.hint });
        }
        let (trials, left) = (self.todo.last(), self.todo.left());
        if may_go_on && self.workers.iter().all(Worker::is_gone) {
            self.judge.not_carried_out("no worker can be reached".to_owned());
            return false;
        }
        if !may_go_on && self.trial > 0 && left > 0 {
            self.judge.incomplete(format!("{left} of {trials} trials were not run, because a worker was lost"));
        }
        may_go_on
    }

    fn warn_of_seeds(&mut self) {
        let names = self.names(self.who(|worker| worker.seed));
        if !names.is_empty() {
            let text = format!(
                "Python players (protocol version 1): {names}; they do not report standard error, the output of failed \
                 steps, start times or the end of spawned steps, and a running phase cannot be stopped"
            );
            self.report(Event::Warning { worker: None, text });
        }
    }

    pub(super) fn begin_trial(&mut self) {
        let Some((trial, attempt)) = self.todo.take() else { return self.leave() };
        self.trial = trial;
        self.workers.iter_mut().for_each(|worker| worker.came_back = false);
        self.rest = Rest::All;
        self.reset_began = None;
        self.report(Event::trial_started(&self.plan, trial, attempt));
        self.next_phase(0);
    }

    /// Enters the first phase at or after this position that is still to be run.
    fn next_phase(&mut self, from: usize) {
        let wanted = |phase: Phase| match self.rest {
            Rest::All => true,
            Rest::CollectAndReset => matches!(phase, Phase::Collect | Phase::Reset),
            Rest::CollectAfterInterrupt => matches!(phase, Phase::Collect | Phase::Reset) && self.dirty,
            Rest::ResetAlone => phase == Phase::Reset && self.dirty,
        };
        let live = self.live();
        // If no worker stays, those that leave are still observed during their Reset.
        let seen = |phase: Phase| match phase {
            Phase::Reset if self.dirty => !self.who(|worker| worker.is_live() || self.is_resetting(worker)).is_empty(),
            _ => !live.is_empty(),
        };
        let mut phases = self.plan.phases.iter().enumerate().skip(from);
        let position = phases.find(|(_, phase)| wanted(**phase) && seen(**phase)).map(|(position, _)| position);
        let Some(position) = position else {
            return self.end_trial();
        };
        self.position = position;
        self.stopping = None;
        let id = self.phase_id();
        let PhaseId { trial, phase } = id;
        self.report(Event::PhaseStarted { trial, phase });
        for worker in &live {
            let steps = self.plan.worker_in(self.trial, *worker).steps[phase].len();
            self.workers[worker.0].enter(Part::new(id, steps));
        }
        self.prepare_barriers();
        self.wait(Stage::Arming, live, Some(Wait::Readiness.time()));
        self.command_pending(&Command::Arm(id));
    }

    fn go(&mut self) {
        let (trial, phase) = (self.trial, self.phase());
        let limit = if phase == Phase::Reset {
            self.reset_began = Some(self.now);
            Some(self.plan.settings.reset_timeout * self.longest_queue() + Wait::ResetEnd.time())
        } else {
            self.dirty = true;
            None
        };
        let mut pending = self.live();
        let lead = self.lead.take(pending.len());
        if phase == Phase::Reset {
            pending = self.who(|worker| worker.is_live() || self.is_resetting(worker));
        }
        self.wait(Stage::Running, pending, limit);
        if limit.is_none() {
            self.limit_workers(phase, self.now.plus(lead));
        }
        self.report(Event::PhaseGo { trial, phase, lead });
        self.command_pending(&Command::Go(self.phase_id(), self.now.plus(lead)));
    }

    fn phase_over(&mut self) {
        let (trial, phase) = (self.trial, self.phase());
        self.report_barriers();
        let skew = self.start_skew();
        self.judge_skew(trial, phase, skew.as_ref());
        self.report(Event::PhaseEnded { trial, phase, skew });
        if phase == Phase::Reset {
            self.dirty = false;
        }
        self.next_phase(self.position + 1);
    }

    /// How far apart the workers of the phase started. A worker that had steps and reported no start is listed as
    /// unknown.
    fn start_skew(&self) -> Option<StartSkew> {
        let phase = self.phase_id();
        let starts: Vec<_> = self.workers.iter().filter_map(|worker| worker.began(phase)).collect();
        let unknown = self.who(|worker| worker.first == Some((phase, None)) && (worker.seed || worker.is_gone()));
        StartSkew::of(&starts, unknown.into_iter().collect())
    }

    /// Ends spawned steps. Without Reset, they stay, and the player reports them to the next run.
    fn end_trial(&mut self) {
        let has_reset = self.plan.has(Phase::Reset);
        let pending = self.who(|worker| (worker.is_live() && has_reset) || worker.is_departing());
        self.wait(Stage::EndingTrial, pending, Some(Wait::TrialEnd.time()));
        self.command_pending(&Command::EndTrial(self.trial));
    }

    /// Runs `check` on a trial that was not interrupted, if the test has one.
    fn check_trial(&mut self) {
        if self.plan.check_in(self.trial).is_none() || self.interrupted.is_some() {
            return self.measure_trial();
        }
        self.wait(Stage::Checking, BTreeSet::new(), None);
        self.report(Event::CheckStarted { trial: self.trial });
        self.actions.push(Action::Check(self.trial));
    }

    pub(super) fn checked(&mut self, CheckEnd { result, left, unkept }: CheckEnd) {
        if self.stage == Stage::Checking {
            let trial = self.trial;
            self.judge.check(&self.plan, trial, &result.outcome);
            if let Some(why) = unkept {
                self.output_failed(None, format!("cannot save the output of `check` of trial {trial}: {why}"));
            }
            let ended = (!left.is_empty())
                .then(|| format!("left {}, stopped after it: {}", Process::count(&left), Process::list(&left)));
            let said: Vec<String> = ended.into_iter().chain(what_stays(&result, true)).collect();
            self.report(Event::CheckEnded { trial, result });
            for what in said {
                self.report(Event::Warning { worker: None, text: format!("`check` of trial {trial} {what}") });
            }
            self.measure_trial();
        }
    }

    /// Whether a part of the trial was not seen.
    fn is_incomplete(&self) -> bool {
        self.live().len() < self.workers.len() || self.rest >= Rest::CollectAfterInterrupt
    }

    /// The verdict of the trial so far.
    pub(super) fn verdict_so_far(&self) -> Verdict {
        if self.is_incomplete() { Verdict::Incomplete } else { self.judge.trial }
    }

    pub(super) fn trial_over(&mut self) {
        let trial = self.trial;
        let incomplete = self.is_incomplete();
        let verdict = self.judge.end_trial(incomplete);
        self.report(Event::TrialEnded { trial, verdict });
        let failed = self.plan.settings.on_failure == OnFailure::Stop && self.judge.has_failures();
        let is_over = failed || self.interrupted.is_some();
        if is_over || (self.todo.left() == 0 && !self.adds_trials()) {
            self.leave();
        } else {
            self.gather();
        }
    }

    /// Connects again to lost workers, and continues with the next trial.
    fn gather(&mut self) {
        let lost = self.workers.iter_mut().filter(|worker| worker.standing == Standing::Lost);
        let mut all_are_there = true;
        for worker in lost {
            worker.standing = Standing::Connecting;
            worker.broken = false;
            all_are_there = false;
        }
        if all_are_there { self.send_plans() } else { self.connect() }
    }
}

/// Why a worker's session did not start.
fn not_begun(name: &WorkerName, player: &PlayerAddress, end: &End) -> String {
    match player {
        PlayerAddress::Transport(transport) if end.kind == EndKind::Unreachable => {
            format!("worker `{name}` could not be reached through `{transport}`: {}", end.reason)
        }
        _ if end.kind == EndKind::Unreachable => {
            format!("worker `{name}` at {player} could not be reached: {}", end.reason)
        }
        _ => format!("worker `{name}` at {player}: {}", end.reason),
    }
}
