//! The test's own judgement of a trial: the command `check` of the test file, run on the conductor.
//!
//! It starts when everything of the trial stands in the results folder, in the test file's folder, with what the steps
//! know of the run and with the results folder. A process supervises it that runs our own program, which ends whatever the
//! check leaves running, also when the conductor is killed. Its surroundings are those of a step.

use std::convert::Infallible;
use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError, select};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal, kill_process};

use crate::model::{Attention, Outcome, Plan, PlayerTime, Printer, Start, StepResult, Stream, words};
use crate::sys::{DescriptorLimit, start_apart};
use crate::wait::Wait;
use crate::wire::SupervisorMessage;

use super::check_output::Printed;
use super::event::CheckEnd;
use super::now::now;
use super::plan_message::{common_variables, parameter_variables};
use super::reports::Mark;
use super::store::Store;

/// How often we look whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);
/// How often we say that it cannot begin yet.
const WORD: Duration = Duration::from_secs(10);
/// How long the supervisor may take to end.
const STOP: Duration = Duration::from_secs(20);
/// How long the writers of the results folder may make no progress before the check no longer waits for them.
const STUCK: Duration = Wait::ResultsWritten.time();

/// One check of one trial.
pub(super) struct Check {
    pub(super) plan: Arc<Plan>,
    pub(super) trial: u32,
    /// The limit on descriptors that it gets: that with which we were started.
    pub(super) descriptors: DescriptorLimit,
    /// Where what it prints is kept.
    pub(super) store: Store,
    /// The folder of the run's results.
    pub(super) results: Option<PathBuf>,
    /// Behind everything that it is to find there.
    pub(super) kept: Mark,
}

/// Carries out a check; what it left. It is stopped when the channel is closed.
pub(super) fn check(check: &Check, unwanted: &Receiver<Infallible>) -> CheckEnd {
    let ended =
        settle(check, unwanted, STUCK).map(|()| run(check, unwanted).unwrap_or_else(|error| not_started(&error)));
    ended.unwrap_or_else(CheckEnd::from)
}

/// The end of one that could not be started.
pub(super) fn not_started(error: &io::Error) -> CheckEnd {
    Outcome::NotStarted(words(error)).into()
}

/// Waits until there is everything that the check may read. A folder that is slow is waited for as long as something goes
/// on there; one that takes nothing for so long is stuck, like the disk below it.
fn settle(check: &Check, unwanted: &Receiver<Infallible>, stuck: Duration) -> Result<(), Outcome> {
    let (mut taken, mut since) = (check.kept.taken.load(Ordering::Relaxed), Instant::now());
    let mut attention = Attention::new(2 * WORD, now());
    loop {
        select! {
            recv(check.kept.reached) -> _ => return Ok(()),
            recv(unwanted) -> _ => return Err(Outcome::Stopped),
            default(Wait::ResultsWritten.within(WORD.min(stuck))) => {}
        }
        let now_taken = check.kept.taken.load(Ordering::Relaxed);
        if let Some(pause) = attention.look(now()) {
            since += pause;
        }
        if now_taken != taken {
            (taken, since) = (now_taken, Instant::now());
        } else if since.elapsed() >= stuck {
            let stuck = humantime::format_duration(stuck);
            return Err(Outcome::NotStarted(format!("nothing could be written to the results folder for {stuck}")));
        }
        tracing::info!("`check` of trial {} waits until the results folder is written", check.trial);
    }
}

fn run(check: &Check, unwanted: &Receiver<Infallible>) -> io::Result<CheckEnd> {
    let at = now();
    let printer = Printer::Check(check.trial);
    let (stdout, their_stdout) = Printed::begin(check.store.stream(printer, Stream::Stdout))?;
    let (stderr, their_stderr) = Printed::begin(check.store.stream(printer, Stream::Stderr))?;
    let (socket, theirs) = UnixStream::pair()?;
    socket.set_nonblocking(true)?;
    let mut command = command(check)?;
    command.stdin(OwnedFd::from(theirs)).stdout(their_stdout).stderr(their_stderr);
    let supervisor = command.spawn().map_err(|error| not_entered(&check.plan, error))?;
    // Our copies of the supervisor's ends would keep its pipes open.
    drop(command);
    let mut kept = Kept { supervisor, socket, said: Vec::new(), answer: None, printed: [stdout, stderr], unkept: None };
    let end = kept.wait(check.plan.settings.step_timeout, unwanted);
    // It ran on our own clock.
    let player = PlayerTime::from_nanoseconds(at.nanoseconds());
    let started = Start { at, error: Duration::ZERO, player, late: Duration::ZERO };
    let [stdout, stderr] = kept.printed.each_ref().map(Printed::output);
    let result = StepResult { started: end.result.duration.map(|_| started), stdout, stderr, ..end.result };
    Ok(CheckEnd { result, unkept: kept.unkept, ..end })
}

/// The supervisor of the check, with what it is to keep: our own program, in a session of its own. What a terminal sends to us is
/// not for the check: we end it in good order.
fn command(check: &Check) -> io::Result<Command> {
    let Check { plan, trial, results, descriptors, .. } = check;
    // Our own program, though its file may have been replaced by another version. What it is called must not choose what
    // it does.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("conductor").args(["keep", "--"]);
    start_apart(&mut command, *descriptors);
    command.arg(plan.check_in(*trial).unwrap_or("true"));
    command
        .envs(common_variables(plan))
        .envs(parameter_variables(plan, plan.point_of(*trial)))
        .env("CONDUCTOR_TRIAL", trial.to_string());
    if let Some(results) = results {
        let results = std::path::absolute(results)?;
        command.env("CONDUCTOR_TRIAL_RESULTS", results.join(format!("trial-{trial}")));
        command.env("CONDUCTOR_RESULTS", results);
    }
    if let Some(folder) = folder(plan) {
        command.current_dir(folder);
    }
    Ok(command)
}

/// Where it starts: in the folder of the test file, unless that is ours.
fn folder(plan: &Plan) -> Option<&Path> {
    plan.file.parent().filter(|folder| !folder.as_os_str().is_empty())
}

/// Why it could not be started, where that is its folder.
fn not_entered(plan: &Plan, error: io::Error) -> io::Error {
    let Some(folder) = folder(plan).filter(|folder| !folder.is_dir()) else { return error };
    io::Error::other(format!("cannot enter the folder `{}`: {}", folder.display(), words(&error)))
}

/// A check that its supervisor keeps.
struct Kept {
    supervisor: Child,
    /// Where the supervisor says what came of it; its end says that the check is not wanted any more.
    socket: UnixStream,
    said: Vec<u8>,
    /// That, once all of it is here.
    answer: Option<SupervisorMessage>,
    printed: [Printed; 2],
    /// Why what it prints cannot be kept.
    unkept: Option<String>,
}

impl Kept {
    /// Waits for the supervisor's word, and has it end the check when that takes too long, or is not wanted any more.
    fn wait(&mut self, limit: Option<Duration>, unwanted: &Receiver<Infallible>) -> CheckEnd {
        let begun = Instant::now();
        let mut ended_by_us = None;
        while self.answer.is_none() && self.hear() {
            let is_unwanted = unwanted.try_recv() == Err(TryRecvError::Disconnected);
            let is_late = limit.filter(|limit| begun.elapsed() >= *limit);
            match &ended_by_us {
                None if is_unwanted || is_late.is_some() => {
                    ended_by_us = Some((is_late.map_or(Outcome::Stopped, Outcome::TimedOut), Instant::now()));
                    // One that is gone has ended it by then, or left no word.
                    let _ = self.socket.shutdown(Shutdown::Write);
                }
                Some((_, since)) if since.elapsed() >= STOP => break,
                _ => {}
            }
        }
        // The process above the supervisor may have been stopped. One that stays so, or hangs, is killed.
        let guard = i32::try_from(self.supervisor.id()).ok().and_then(Pid::from_raw);
        let _ = guard.map(|guard| kill_process(guard, Signal::CONT));
        let _ = Wait::CheckAnswer.end_of(&mut self.supervisor, STOP);
        self.take();
        // One that was killed left no word.
        let mut end = self.answer.take().map_or_else(|| CheckEnd::from(Outcome::Lost), CheckEnd::from);
        if let (Outcome::Stopped, Some((outcome, _))) = (&end.result.outcome, ended_by_us) {
            end.result.outcome = outcome;
        }
        end
    }

    /// Waits a moment for the supervisor and the check, and takes what they say; whether the supervisor will say more.
    fn hear(&mut self) -> bool {
        let printed = self.printed.iter().filter_map(Printed::waits_for);
        let mut descriptors: Vec<_> = [PollFd::new(&self.socket, PollFlags::IN)].into_iter().chain(printed).collect();
        let _ = Wait::CheckAnswer.poll(&mut descriptors, Some(LOOK));
        self.take();
        let mut buffer = [0; 4096];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(count) => {
                self.said.extend_from_slice(&buffer[..count]);
                // The process above the supervisor has the same socket, and may be stopped: its end need not come.
                self.answer = serde_json::from_slice(&self.said).ok();
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    /// Takes what the check has printed.
    fn take(&mut self) {
        for printed in &mut self.printed {
            if let Err(error) = printed.take() {
                self.unkept.get_or_insert_with(|| words(&error));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crossbeam_channel::{Sender, bounded};

    use super::*;
    use crate::conduct::reports::{NamedReporters, Reporters, Reports};
    use crate::conduct::testing::plan;
    use crate::model::{ConductorTime, Event, Reporter, Stamped};

    /// A disk that does not answer.
    struct Stuck(Receiver<Infallible>);

    impl Reporter for Stuck {
        fn report(&mut self, _: &Stamped) -> io::Result<()> {
            let _ = self.0.recv();
            Ok(())
        }
    }

    /// A check whose folder of results takes nothing until the sender is dropped.
    fn held_up() -> (Check, Sender<Infallible>) {
        let (disk, answers) = bounded(0);
        let kept: NamedReporters = vec![("kept".to_owned(), Box::new(Stuck(answers)))];
        let reports = Reports::start(Reporters { kept, ..Reporters::default() });
        reports.tell(Stamped {
            at: ConductorTime::from_nanoseconds(1),
            event: Event::trial_started(&plan(1, 1, 1, &[]), 1, 1),
        });
        let check = Check {
            plan: Arc::new(plan(1, 1, 1, &[])),
            trial: 1,
            descriptors: DescriptorLimit::of_this_process(),
            store: Store::unnamed().unwrap(),
            results: None,
            kept: reports.mark(),
        };
        (check, disk)
    }

    #[test]
    fn a_check_is_not_begun_when_the_disk_does_not_answer() {
        let (check, disk) = held_up();
        let (_wanted, unwanted) = bounded(0);
        let why = "nothing could be written to the results folder for 10ms".to_owned();
        assert_eq!(settle(&check, &unwanted, Duration::from_millis(10)), Err(Outcome::NotStarted(why)));
        drop(disk);
        assert_eq!(settle(&check, &unwanted, STUCK), Ok(()));
    }

    #[test]
    fn a_check_that_waits_to_begin_is_stopped_when_nobody_wants_it_any_more() {
        let (check, _disk) = held_up();
        let (wanted, unwanted) = bounded(0);
        drop(wanted);
        assert_eq!(settle(&check, &unwanted, STUCK), Err(Outcome::Stopped));
    }
}
