//! Runs the commands of `versions`, one after another, before the plan is accepted, while nothing else of the run is
//! active. They have a common time limit, so that the session is not blocked for long: with a short lease, its
//! connection would break.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use rustix::process::{Pid, Signal, kill_process_group};

use super::life;
use super::watch::BEAT;
use crate::wait::Wait;
use crate::wire::PlanMessage;

/// How many bytes of a command's output are kept.
const MOST: usize = 1 << 10;

/// Returns the line that each command of the plan printed, or why there is none.
pub(super) fn printed(plan: &PlanMessage) -> Vec<String> {
    let end = Instant::now() + Wait::Versions.time().min(Duration::from_nanos(plan.lease) / 4);
    plan.versions.iter().map(|command| run(plan, command, end)).collect()
}

fn run(plan: &PlanMessage, command: &str, end: Instant) -> String {
    let spawned = spawn(plan, command);
    let (mut child, output) = match spawned {
        Ok(spawned) => spawned,
        Err(error) => return format!("could not be started: {error}"),
    };
    let read = read(&output, end);
    let left = end.saturating_duration_since(Instant::now());
    let ended = read.as_ref().and_then(|_| Wait::Versions.end_of(&mut child, left).ok());
    // Leave no processes behind, even if the command has started others.
    if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let text = read.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().map(str::trim).find(|line| !line.is_empty());
    match (line, ended) {
        (Some(line), _) => line.to_owned(),
        (None, Some(status)) => match status.code() {
            Some(0) => "printed nothing".to_owned(),
            Some(code) => format!("failed with exit status {code}, and printed nothing"),
            None => "was killed, and printed nothing".to_owned(),
        },
        (None, None) => "did not end in time".to_owned(),
    }
}

/// Starts a command like a step, in its own group. Standard output and standard error are combined.
fn spawn(plan: &PlanMessage, command: &str) -> io::Result<(Child, io::PipeReader)> {
    let (output, input) = io::pipe()?;
    rustix::io::ioctl_fionbio(&output, true)?;
    let mut prepared = Command::new(&plan.shell);
    prepared.arg("-c").arg(command).envs(plan.environment.iter().map(|(name, value)| (name, value)));
    prepared.stdin(Stdio::null()).stdout(input.try_clone()?).stderr(input).process_group(0);
    if let Some(directory) = &plan.directory {
        prepared.current_dir(directory);
    }
    Ok((prepared.spawn()?, output))
}

/// Returns the output up to its end, truncated. If it does not end before `end`, returns what was printed by then, or
/// `None` if that is nothing.
fn read(output: &impl AsFd, end: Instant) -> Option<Vec<u8>> {
    let (mut text, mut buffer) = (Vec::new(), [0; MOST]);
    loop {
        life::show();
        match rustix::io::read(output, &mut buffer) {
            Ok(0) => return Some(text),
            Ok(count) => {
                let room = MOST.saturating_sub(text.len());
                text.extend_from_slice(&buffer[..count.min(room)]);
            }
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => {}
            Err(_) => return Some(text),
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return (!text.is_empty()).then_some(text);
        }
        let mut descriptors = [PollFd::from_borrowed_fd(output.as_fd(), PollFlags::IN)];
        // Whatever this returns, the next iteration checks again.
        let _ = Wait::Versions.poll(&mut descriptors, Some(left.min(BEAT)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(commands: &[&str]) -> PlanMessage {
        PlanMessage {
            shell: "/bin/sh".to_owned(),
            environment: vec![("TOOL".to_owned(), "tool 1.2".to_owned())],
            lease: 60_000_000_000,
            versions: commands.iter().map(|command| (*command).to_owned()).collect(),
            ..PlanMessage::default()
        }
    }

    #[test]
    fn commands_that_hang_take_less_time_than_breaks_a_connection() {
        let begun = Instant::now();
        let short = PlanMessage { lease: 1_000_000_000, ..plan(&["sleep 60", "sleep 60"]) };
        assert_eq!(printed(&short), ["did not end in time", "did not end in time"]);
        assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    }

    #[test]
    fn the_first_line_of_each_command_is_what_it_printed_on_either_output() {
        let commands =
            ["echo; echo \"$TOOL\"; echo more", "echo 3.4 >&2", "exit 3", "head -c 1000000 /dev/zero | tr '\\0' x"];
        let printed = printed(&plan(&commands));
        assert_eq!(printed[..3], ["tool 1.2", "3.4", "failed with exit status 3, and printed nothing"]);
        assert_eq!(printed[3], "x".repeat(MOST));
        let none = PlanMessage { shell: "/no/such/shell".to_owned(), ..plan(&["true"]) };
        assert_eq!(super::printed(&none), ["could not be started: No such file or directory (os error 2)"]);
    }

    #[test]
    fn a_command_that_does_not_end_is_killed_with_what_it_started() {
        let end = Instant::now() + Duration::from_millis(300);
        assert_eq!(run(&plan(&[]), "sleep 600 & sleep 600", end), "did not end in time");
        assert_eq!(run(&plan(&[]), "echo started; sleep 600", Instant::now() + Duration::from_millis(300)), "started");
    }
}
