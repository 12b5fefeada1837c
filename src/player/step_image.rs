//! What a step's process is made of: the shell and its command, the folder, the variables.

use std::ffi::{CStr, CString};

use super::environment::Environment;
use super::folder;
use super::session::NotStarted;
use crate::model::{StepId, on_one_line, words};
use crate::sys::{Image, PrintsTo};
use crate::wire::{PlanMessage, StepMessage};

/// What the process of this step is made of. The variables that are the step's own are in `environment` from now on.
///
/// # Errors
///
/// Says what in it no process can have.
pub(super) fn image(
    plan: &PlanMessage,
    step: &StepMessage,
    key: StepId,
    environment: &mut Environment,
) -> Result<Image, String> {
    environment.set("CONDUCTOR_TRIAL", key.trial.to_string().as_bytes());
    environment.set("CONDUCTOR_PHASE", key.phase.to_string().as_bytes());
    environment.set("CONDUCTOR_STEP", step.label.as_bytes());
    shell_image((&plan.shell, step.command.as_bytes()), plan.directory.as_deref(), environment)
}

/// What a process is made of in which a shell runs a command.
///
/// # Errors
///
/// Says what in it no process can have.
pub(super) fn shell_image(
    (shell, command): (&str, &[u8]),
    directory: Option<&str>,
    environment: &Environment,
) -> Result<Image, String> {
    let no_nul = |what: &str| format!("{what} has a NUL byte");
    let text = |bytes: &[u8], what: &str| CString::new(bytes).map_err(|_| no_nul(what));
    Ok(Image {
        program: text(&path_of(shell, environment), "the shell")?,
        arguments: vec![text(shell.as_bytes(), "the shell")?, text(b"-c", "")?, text(command, "the command")?],
        environment: environment.variables().ok_or_else(|| no_nul("a variable of its environment"))?,
        directory: directory.map(|directory| text(directory.as_bytes(), "the folder")).transpose()?,
        prints_to: PrintsTo::Pipes,
    })
}

/// What is said of the folder of a worker's steps when nobody gets into it.
pub(super) fn not_entered(directory: &str, error: &std::io::Error) -> String {
    let folder = folder::absolute(directory);
    format!("the folder `{}`, which `directory` names, can't be entered: {}", on_one_line(&folder), words(error))
}

impl NotStarted {
    /// For this reason, which comes of this error.
    pub(super) fn new(why: String, error: &std::io::Error) -> Self {
        let lacks = [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE];
        Self { why, may_work_later: error.raw_os_error().is_some_and(|error| lacks.contains(&error)) }
    }
}

impl From<String> for NotStarted {
    /// For a reason that stays.
    fn from(why: String) -> Self {
        Self { why, may_work_later: false }
    }
}

/// What is said of a shell that could not be run.
pub(super) fn not_run(shell: &CStr, error: &std::io::Error) -> String {
    format!("the shell `{}` can't be run: {}", on_one_line(&shell.to_string_lossy()), words(error))
}

/// What is said of a process that could not be made.
pub(super) fn not_made(error: &std::io::Error) -> String {
    let limit = match error.raw_os_error() {
        Some(libc::EMFILE) => " by the player's `ulimit -n`",
        Some(libc::EAGAIN) => " by the `ulimit -u` of the player's user",
        _ => "",
    };
    format!("the shell can't be run: {}{limit}", words(error))
}

/// Where a shell is that is named without a folder.
fn path_of(shell: &str, environment: &Environment) -> Vec<u8> {
    let folders = environment.get(b"PATH").filter(|_| !shell.contains('/'));
    let candidates = folders.into_iter().flat_map(|folders| folders.split(|byte| *byte == b':')).map(|folder| {
        let folder = if folder.is_empty() { b"." } else { folder };
        [folder, b"/", shell.as_bytes()].concat()
    });
    let runs = |path: &Vec<u8>| rustix::fs::access(path.as_slice(), rustix::fs::Access::EXEC_OK).is_ok();
    candidates.into_iter().find(runs).unwrap_or_else(|| shell.into())
}
