//! The check of a trial: runs the command `check` of the test file on the conductor.
//!
//! The check starts when all results of the trial are in the results folder. It runs in the folder of the test file,
//! and gets the variables of the run that steps get, and the results folder. Its supervisor is a process that runs our
//! own program and ends whatever the check leaves running, even if the conductor is killed. Otherwise, a check runs
//! like a step.

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

/// How often to look whether the check is still wanted.
const LOOK: Duration = Duration::from_millis(20);
/// How often to log that the check cannot start yet.
const WORD: Duration = Duration::from_secs(10);
/// How long the supervisor may take to end.
const STOP: Duration = Duration::from_secs(20);
/// How long the writers of the results folder may make no progress before the check is given up.
const STUCK: Duration = Wait::ResultsWritten.time();

/// The check of one trial.
pub(super) struct Check {
    pub(super) plan: Arc<Plan>,
    pub(super) trial: u32,
    /// The limit on open descriptors for the check: the one with which we were started.
    pub(super) descriptors: DescriptorLimit,
    /// The store for its output.
    pub(super) store: Store,
    /// The folder of the run's results.
    pub(super) results: Option<PathBuf>,
    /// The mark after everything that the check may read in that folder.
    pub(super) kept: Mark,
}

/// Runs a check and returns its result. The check is stopped when the channel is closed.
pub(super) fn check(check: &Check, unwanted: &Receiver<Infallible>) -> CheckEnd {
    let ended =
        settle(check, unwanted, STUCK).map(|()| run(check, unwanted).unwrap_or_else(|error| not_started(&error)));
    ended.unwrap_or_else(CheckEnd::from)
}

/// The result of a check that could not be started.
pub(super) fn not_started(error: &io::Error) -> CheckEnd {
    Outcome::NotStarted(words(error)).into()
}

/// Waits until everything that the check may read has been written. Waits for a slow folder as long as there is
/// progress. Without progress for `stuck`, the folder is considered stuck, like the disk below it.
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
    // The check ran on the conductor's own clock.
    let player = PlayerTime::from_nanoseconds(at.nanoseconds());
    let started = Start { at, error: Duration::ZERO, player, late: Duration::ZERO };
    let [stdout, stderr] = kept.printed.each_ref().map(Printed::output);
    let result = StepResult { started: end.result.duration.map(|_| started), stdout, stderr, ..end.result };
    Ok(CheckEnd { result, unkept: kept.unkept, ..end })
}

/// Returns the command of the supervisor, which runs the check: our own program, in a session of its own. Signals from
/// a terminal reach only us, and we end the check properly.
fn command(check: &Check) -> io::Result<Command> {
    let Check { plan, trial, results, descriptors, .. } = check;
    // Our own program, even if its file was replaced by another version. With a fixed `argv[0]`, its name does not
    // choose what it does.
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

/// The folder in which the check starts: that of the test file, unless it is the current one.
fn folder(plan: &Plan) -> Option<&Path> {
    plan.file.parent().filter(|folder| !folder.as_os_str().is_empty())
}

/// Returns the error of a check that could not be started. Names the folder if that is the cause.
fn not_entered(plan: &Plan, error: io::Error) -> io::Error {
    let Some(folder) = folder(plan).filter(|folder| !folder.is_dir()) else { return error };
    io::Error::other(format!("cannot enter the folder `{}`: {}", folder.display(), words(&error)))
}

/// A check that runs under its supervisor.
struct Kept {
    supervisor: Child,
    /// The socket on which the supervisor sends its answer. Closing our side tells it that the check is no longer
    /// wanted.
    socket: UnixStream,
    said: Vec<u8>,
    /// The answer, once all of it has arrived.
    answer: Option<SupervisorMessage>,
    printed: [Printed; 2],
    /// Why output of the check cannot be kept.
    unkept: Option<String>,
}

impl Kept {
    /// Waits for the supervisor's answer. Has it end the check if that takes too long or is no longer wanted.
    fn wait(&mut self, limit: Option<Duration>, unwanted: &Receiver<Infallible>) -> CheckEnd {
        let begun = Instant::now();
        let mut ended_by_us = None;
        while self.answer.is_none() && self.hear() {
            let is_unwanted = unwanted.try_recv() == Err(TryRecvError::Disconnected);
            let is_late = limit.filter(|limit| begun.elapsed() >= *limit);
            match &ended_by_us {
                None if is_unwanted || is_late.is_some() => {
                    ended_by_us = Some((is_late.map_or(Outcome::Stopped, Outcome::TimedOut), Instant::now()));
                    // A supervisor that is gone has ended the check by then, or left no answer.
                    let _ = self.socket.shutdown(Shutdown::Write);
                }
                Some((_, since)) if since.elapsed() >= STOP => break,
                _ => {}
            }
        }
        // The process above the supervisor may have been stopped. If it stays stopped, or hangs, it is killed.
        let guard = i32::try_from(self.supervisor.id()).ok().and_then(Pid::from_raw);
        let _ = guard.map(|guard| kill_process(guard, Signal::CONT));
        let _ = Wait::CheckAnswer.end_of(&mut self.supervisor, STOP);
        self.take();
        // A supervisor that was killed left no answer.
        let mut end = self.answer.take().map_or_else(|| CheckEnd::from(Outcome::Lost), CheckEnd::from);
        if let (Outcome::Stopped, Some((outcome, _))) = (&end.result.outcome, ended_by_us) {
            end.result.outcome = outcome;
        }
        end
    }

    /// Waits briefly for the supervisor and the check, and reads what they write. Returns whether more can come from
    /// the supervisor.
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
                // The process above the supervisor has the same socket and may be stopped, so the end of the stream may
                // never come.
                self.answer = serde_json::from_slice(&self.said).ok();
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        }
    }

    /// Reads what the check has printed.
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

    /// A check whose results folder accepts nothing until the sender is dropped.
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
