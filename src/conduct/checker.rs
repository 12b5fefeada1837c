//! The test's own judgement of a trial: the command `check` of the test file, run on the conductor.
//!
//! It starts when everything of the trial stands in the folder of results, in the test file's folder, with what the steps
//! know of the run and with the folder of results; what it prints goes to files without names. It is kept by a process
//! that runs our own program, which ends whatever the check leaves running, also when the conductor is killed.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TryRecvError, bounded, select};

use crate::model::{Outcome, Output, OutputSource, Plan, PlayerTime, Start, StepResult};
use crate::wait::Wait;
use crate::wire::KeeperMessage;

use super::connection::words;
use super::event::CheckEnd;
use super::now::now;
use super::plan_message::common_variables;
use super::reports::Mark;
use super::threads::Threads;

/// How often we look whether it is still wanted.
const LOOK: Duration = Duration::from_millis(20);
/// How often we say that it can't begin yet.
const WORD: Duration = Duration::from_secs(10);
/// How long the keeper may take to end.
const STOP: Duration = Duration::from_secs(20);
/// How long the folder of results may take nothing of what it is told until it is given up.
const STUCK: Duration = Wait::ResultsWritten.time();

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
pub(super) fn start(threads: &mut Threads, check: Check, ended: Sender<CheckEnd>) -> io::Result<Checker> {
    // Nothing is ever sent: that it is closed says that nobody waits for the check any more.
    let (wanted, unwanted) = bounded(0);
    threads.start("check".to_owned(), move || {
        let end = settle(&check, &unwanted, STUCK)
            .and_then(|()| run(&check, &unwanted).map_err(|error| Outcome::NotStarted(words(&error))));
        let _ = ended.send(end.unwrap_or_else(CheckEnd::from));
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
            default(Wait::ResultsWritten.within(WORD.min(stuck))) => {}
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

fn run(check: &Check, unwanted: &Receiver<Infallible>) -> io::Result<CheckEnd> {
    let at = now();
    let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    let (socket, theirs) = UnixStream::pair()?;
    Wait::CheckAnswer.limit_reads(&socket, LOOK)?;
    let mut keeper =
        command(check, [theirs.into(), stdout.try_clone()?.into(), stderr.try_clone()?.into()])?.spawn()?;
    let end = wait(&mut keeper, socket, check.plan.settings.step_timeout, unwanted)?;
    // It ran on our own clock.
    let player = PlayerTime::from_nanoseconds(at.nanoseconds());
    let started = Start { at, error: Duration::ZERO, player, late: Duration::ZERO };
    let result = StepResult {
        started: end.result.duration.map(|_| started),
        stdout: Output::new(Printed(stdout)),
        stderr: Output::new(Printed(stderr)),
        ..end.result
    };
    Ok(CheckEnd { result, ..end })
}

/// The keeper of the check, with these standard descriptors: a socket to us, and what the check prints to.
fn command(check: &Check, [socket, stdout, stderr]: [OwnedFd; 3]) -> io::Result<Command> {
    let Check { plan, trial, results, .. } = check;
    // Our own program, though its file may have been replaced by another version. What it is called must not choose what
    // it does.
    let mut command = Command::new("/proc/self/exe");
    command.arg0("conductor").args(["keep", "--"]).arg(plan.settings.check.as_deref().unwrap_or("true"));
    command.envs(common_variables(plan)).env("CONDUCTOR_TRIAL", trial.to_string());
    if let Some(results) = results {
        command.env("CONDUCTOR_RESULTS", std::path::absolute(results)?);
    }
    if let Some(folder) = plan.file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        command.current_dir(folder);
    }
    // What a terminal sends to us is not for the check: we end it in good order.
    command.stdin(socket).stdout(stdout).stderr(stderr).process_group(0);
    Ok(command)
}

/// Waits for the keeper's word, and has it end the check when that takes too long, or is not wanted any more.
fn wait(
    keeper: &mut Child,
    mut socket: UnixStream,
    limit: Option<Duration>,
    unwanted: &Receiver<Infallible>,
) -> io::Result<CheckEnd> {
    let begun = Instant::now();
    let (mut said, mut buffer) = (Vec::new(), [0; 4096]);
    let mut ended_by_us = None;
    loop {
        match socket.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => said.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => break,
        }
        let is_unwanted = unwanted.try_recv() == Err(TryRecvError::Disconnected);
        let is_late = limit.filter(|limit| begun.elapsed() >= *limit);
        if ended_by_us.is_none() && (is_unwanted || is_late.is_some()) {
            ended_by_us = Some(is_late.map_or(Outcome::Stopped, Outcome::TimedOut));
            // One that is gone has ended it by then, or left no word.
            let _ = socket.shutdown(Shutdown::Write);
        }
    }
    // A keeper that was stopped or hangs is killed.
    Wait::CheckAnswer.end_of(keeper, STOP)?;
    // One that was killed left no word.
    let said: Option<KeeperMessage> = serde_json::from_slice(&said).ok();
    let mut end = said.map_or_else(|| CheckEnd::from(Outcome::Lost), CheckEnd::from);
    if let (Outcome::Stopped, Some(outcome)) = (&end.result.outcome, ended_by_us) {
        end.result.outcome = outcome;
    }
    Ok(end)
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
