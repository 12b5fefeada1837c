//! The test's own judgement of a trial: the command `check` of the test file, run on the conductor.
//!
//! It starts when everything of the trial stands in the folder of results, in the test file's folder, in a process group
//! of its own, with what the steps know of the run and with the folder of results; what it prints goes to files without
//! names. Whatever it leaves running in its group is ended.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, select};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::model::{Ending, Outcome, Output, OutputSource, Plan, PlayerTime, Start, StepResult};

use super::now::now;
use super::plan_message::common_variables;
use super::reports::Mark;
use super::threads::Threads;

/// How often we look whether it is over.
const LOOK: Duration = Duration::from_millis(20);
/// How long it may take to end when it was told to.
const GRACE: Duration = Duration::from_secs(2);
/// How often we say that it can't begin yet.
const WORD: Duration = Duration::from_secs(10);
/// How long the folder of results may take nothing of what it is told until it is given up.
const STUCK: Duration = Duration::from_mins(1);

/// One check of one trial.
pub(super) struct Check {
    pub(super) plan: Arc<Plan>,
    pub(super) trial: u32,
    /// The folder of the run's results.
    pub(super) results: Option<PathBuf>,
    /// Behind everything that it is to find there.
    pub(super) kept: Mark,
}

/// A check that was begun; it is ended when this is dropped.
pub(super) struct Checker {
    _wanted: Sender<Infallible>,
}

/// Begins a check; what it left is sent when it is over.
///
/// # Errors
///
/// Says why there is no thread.
pub(super) fn start(threads: &mut Threads, check: Check, ended: Sender<StepResult>) -> io::Result<Checker> {
    // Nothing is ever sent: that it is closed says that nobody waits for the check any more.
    let (wanted, unwanted) = bounded(0);
    threads.start("check".to_owned(), move || {
        let result = match settle(&check, &unwanted, STUCK) {
            Ok(()) => run(&check, &unwanted),
            Err(outcome) => StepResult::without_output(outcome),
        };
        let _ = ended.send(result);
    })?;
    Ok(Checker { _wanted: wanted })
}

/// Waits until there is everything that the check may read. A folder that is slow is waited for as long as something goes
/// on there; one that takes nothing for so long is stuck, like the disk below it.
fn settle(check: &Check, unwanted: &Receiver<Infallible>, stuck: Duration) -> Result<(), Outcome> {
    let (mut taken, mut since) = (check.kept.taken(), Instant::now());
    loop {
        select! {
            recv(check.kept.reached()) -> _ => return Ok(()),
            recv(unwanted) -> _ => return Err(Outcome::Stopped),
            default(WORD.min(stuck)) => {}
        }
        let now_taken = check.kept.taken();
        if now_taken != taken {
            (taken, since) = (now_taken, Instant::now());
        } else if since.elapsed() >= stuck {
            let stuck = humantime::format_duration(stuck);
            return Err(Outcome::NotStarted(format!("nothing could be written to the folder of results for {stuck}")));
        }
        tracing::info!("`check` of trial {} waits until the folder of results is written", check.trial);
    }
}

fn run(check: &Check, unwanted: &Receiver<Infallible>) -> StepResult {
    let at = now();
    let begun = tempfile::tempfile().and_then(|stdout| Ok((stdout, tempfile::tempfile()?)));
    let begun = begun.and_then(|(stdout, stderr)| Ok((command(check, &stdout, &stderr)?.spawn()?, stdout, stderr)));
    let (mut child, stdout, stderr) = match begun {
        Ok(begun) => begun,
        Err(error) => return StepResult::without_output(Outcome::NotStarted(error.to_string())),
    };
    let outcome = wait(&mut child, check.plan.settings.step_timeout, unwanted);
    // It ran on our own clock.
    let player = PlayerTime::from_nanoseconds(at.nanoseconds());
    StepResult {
        started: Some(Start { at, error: Duration::ZERO, player, late: Duration::ZERO }),
        duration: Some(now().since(at)),
        stdout: Output::new(Printed(stdout)),
        stderr: Output::new(Printed(stderr)),
        ..StepResult::without_output(outcome)
    }
}

fn command(check: &Check, stdout: &File, stderr: &File) -> io::Result<Command> {
    let Check { plan, trial, results, .. } = check;
    let mut command = Command::new("/bin/sh");
    command.arg("-c").arg(plan.settings.check.as_deref().unwrap_or("true"));
    command.envs(common_variables(plan)).env("CONDUCTOR_TRIAL", trial.to_string());
    if let Some(results) = results {
        command.env("CONDUCTOR_RESULTS", std::path::absolute(results)?);
    }
    if let Some(folder) = plan.file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        command.current_dir(folder);
    }
    command.stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?).process_group(0);
    Ok(command)
}

/// Waits for the end, and makes it when the check takes too long, or is not wanted any more.
fn wait(child: &mut Child, limit: Option<Duration>, unwanted: &Receiver<Infallible>) -> Outcome {
    let begun = Instant::now();
    let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) else { return Outcome::Stopped };
    let mut ended_by_us = None;
    let mut kill_at = None;
    // The group's number is nobody else's until the child is reaped.
    while !is_over(pid) {
        let is_unwanted = unwanted.recv_timeout(LOOK) == Err(RecvTimeoutError::Disconnected);
        let is_late = limit.filter(|limit| begun.elapsed() >= *limit);
        if ended_by_us.is_none() && (is_unwanted || is_late.is_some()) {
            ended_by_us = Some(is_late.map_or(Outcome::Stopped, Outcome::TimedOut));
            kill_at = Some(Instant::now() + GRACE);
            let _ = kill_process_group(pid, Signal::TERM);
        }
        if kill_at.is_some_and(|at| at <= Instant::now()) {
            let _ = kill_process_group(pid, Signal::KILL);
        }
        if is_unwanted {
            std::thread::sleep(LOOK);
        }
    }
    let _ = kill_process_group(pid, Signal::KILL);
    let outcome = child.wait().map_or_else(|error| Outcome::NotStarted(error.to_string()), outcome);
    ended_by_us.unwrap_or(outcome)
}

fn is_over(pid: Pid) -> bool {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    !matches!(waitid(WaitId::Pid(pid), options), Ok(None))
}

fn outcome(status: ExitStatus) -> Outcome {
    match (status.code(), status.signal()) {
        (Some(0), _) => Outcome::Passed,
        (Some(code), _) => Outcome::Failed(Ending::Exit(code)),
        (None, signal) => Outcome::Failed(Ending::Signal(signal.unwrap_or_default())),
    }
}

/// What it printed on one stream.
struct Printed(File);

impl OutputSource for Printed {
    fn length(&self) -> u64 {
        self.0.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }
}

#[cfg(test)]
mod tests {
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
        reports.tell(Stamped { at: ConductorTime::from_nanoseconds(1), event: Event::TrialStarted { trial: 1 } });
        (Check { plan: Arc::new(plan(1, 1, 1, &[])), trial: 1, results: None, kept: reports.mark() }, disk)
    }

    #[test]
    fn a_check_is_not_begun_when_the_disk_does_not_answer() {
        let (check, disk) = held_up();
        let (_wanted, unwanted) = bounded(0);
        let why = "nothing could be written to the folder of results for 10ms".to_owned();
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
