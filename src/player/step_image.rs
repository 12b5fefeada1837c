//! The image of a step's process: the shell and its command, the folder, and the variables; and the reasons why it
//! could not be started.

use std::ffi::CString;
use std::io;

use super::environment::{Environment, absolute_folder};
use super::session::NotStarted;
use crate::model::{StepId, on_one_line, words};
use crate::sys::{Image, PrintsTo, StartError};
use crate::wire::{PlanMessage, StepMessage};

/// Returns the image of this step. Adds the step's own variables to `environment`.
///
/// # Errors
///
/// Returns an error if a part of it contains a NUL byte.
pub(super) fn image(
    plan: &PlanMessage,
    key: StepId,
    step: &StepMessage,
    environment: &mut Environment,
) -> Result<Image, NotStarted> {
    environment.set("CONDUCTOR_TRIAL", key.trial.to_string().as_bytes());
    environment.set("CONDUCTOR_PHASE", key.phase.to_string().as_bytes());
    environment.set("CONDUCTOR_STEP", step.label.as_bytes());
    shell_image(&plan.shell, step.command.as_bytes(), plan.directory.as_deref(), environment)
}

/// Returns the image of a shell that runs a command.
///
/// # Errors
///
/// Returns an error if a part of it contains a NUL byte.
pub(super) fn shell_image(
    shell: &str,
    command: &[u8],
    directory: Option<&str>,
    environment: &Environment,
) -> Result<Image, NotStarted> {
    let no_nul = |what: &str| NotStarted { why: format!("{what} has a NUL byte"), may_work_later: false };
    let text = |bytes: &[u8], what: &str| CString::new(bytes).map_err(|_| no_nul(what));
    Ok(Image {
        program: text(&path_of(shell, environment), "the shell")?,
        arguments: vec![text(shell.as_bytes(), "the shell")?, c"-c".to_owned(), text(command, "the command")?],
        environment: environment.variables().ok_or_else(|| no_nul("a variable of its environment"))?,
        directory: directory.map(|directory| text(directory.as_bytes(), "the folder")).transpose()?,
        prints_to: PrintsTo::Pipes,
    })
}

/// Returns the message for a folder of a worker's steps that cannot be entered.
pub(super) fn not_entered(directory: &str, error: &io::Error) -> String {
    let folder = absolute_folder(directory);
    format!("cannot enter the folder `{}`, which `directory` names: {}", on_one_line(&folder), words(error))
}

impl From<StartError> for NotStarted {
    fn from(error: StartError) -> Self {
        let why = match &error {
            StartError::Directory(folder, error) => not_entered(&folder.to_string_lossy(), error),
            StartError::Program(shell, error) => {
                format!("cannot run the shell `{}`: {}", on_one_line(&shell.to_string_lossy()), words(error))
            }
            StartError::Process(error) => {
                let limit = match error.raw_os_error() {
                    Some(libc::EMFILE) => " (`ulimit -n` of the player)",
                    Some(libc::EAGAIN) => " (`ulimit -u` of the player's user)",
                    _ => "",
                };
                format!("cannot run the shell: {}{limit}", words(error))
            }
        };
        let (StartError::Directory(_, cause) | StartError::Program(_, cause) | StartError::Process(cause)) = error;
        let lacks = [libc::EAGAIN, libc::ENOMEM, libc::EMFILE, libc::ENFILE];
        Self { why, may_work_later: cause.raw_os_error().is_some_and(|error| lacks.contains(&error)) }
    }
}

impl From<io::Error> for NotStarted {
    fn from(error: io::Error) -> Self {
        StartError::Process(error).into()
    }
}

/// Returns the path of a shell whose name contains no folder.
fn path_of(shell: &str, environment: &Environment) -> Vec<u8> {
    let folders = environment.get(b"PATH").filter(|_| !shell.contains('/'));
    let candidates = folders.into_iter().flat_map(|folders| folders.split(|byte| *byte == b':')).map(|folder| {
        let folder = if folder.is_empty() { b"." } else { folder };
        [folder, b"/", shell.as_bytes()].concat()
    });
    let runs = |path: &Vec<u8>| rustix::fs::access(path.as_slice(), rustix::fs::Access::EXEC_OK).is_ok();
    candidates.into_iter().find(runs).unwrap_or_else(|| shell.into())
}
