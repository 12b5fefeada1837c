//! `init`: writes a test that can be run immediately.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::messages::{self, Refused};
use crate::cli::{InitArguments, Template};
use crate::model::{PASSED, on_one_line, words};

/// The name of the file that is written.
const FILE: &str = "test.cfg";

/// Returns the text of a template, which is one file, and a sentence about the programs that it needs.
const fn content(template: Template) -> (&'static str, &'static str) {
    match template {
        Template::Minimal => (include_str!("init/minimal.cfg"), ""),
        Template::Web => (include_str!("init/web.cfg"), "It needs python3 and curl. "),
        Template::Iperf3 => (include_str!("init/iperf3.cfg"), "It needs iperf3. "),
    }
}

/// Writes the file, and prints what to do next.
pub(super) fn run(arguments: &InitArguments) -> Result<ExitCode, Refused> {
    let file = arguments.folder.join(FILE);
    let shown = on_one_line(&file.to_string_lossy()).into_owned();
    let (text, needs) = content(arguments.template);
    write(&arguments.folder, &file, text)
        .map_err(|error| format!("cannot write `{shown}`: {}\n  hint: {}", words(&error), hint(&error)))?;
    let program = std::env::args_os().next().map_or_else(|| "conductor".into(), |name| shell_word(Path::new(&name)));
    messages::print(&next_steps(needs, &shown, &program, &shell_word(&file)))?;
    Ok(ExitCode::from(PASSED))
}

fn next_steps(needs: &str, shown: &str, program: &str, file: &str) -> String {
    format!(
        "wrote {shown}\n\n{needs}Run the test on this machine:\n  {program} conduct --local {file}\n\nTo run it on other \
         machines, set their addresses and `connect` in the file, then check it:\n  {program} validate {file}\nThen run \
         it without `--local`.\n"
    )
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AlreadyExists => "nothing was written; name another folder, or remove the file",
        io::ErrorKind::NotADirectory => "nothing was written; a part of the path is a file",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "nothing was written; free some space, or name a folder elsewhere"
        }
        _ => "nothing was written; name a folder in which you can write",
    }
}

/// Writes a new file. If that fails, neither the file nor any new folder remains.
fn write(folder: &Path, file: &Path, text: &str) -> io::Result<()> {
    if folder.metadata().is_ok_and(|metadata| !metadata.is_dir()) {
        return Err(rustix::io::Errno::NOTDIR.into());
    }
    if file.symlink_metadata().is_ok() {
        return Err(rustix::io::Errno::EXIST.into());
    }
    let new: Vec<PathBuf> = folder.ancestors().take_while(|path| is_missing(path)).map(Path::to_owned).collect();
    let written = fs::create_dir_all(folder).and_then(|()| write_whole(folder, file, text));
    if written.is_err() {
        for folder in new {
            // A folder in which somebody else has created something in the meantime is kept.
            let _ = fs::remove_dir(folder);
        }
    }
    written
}

fn is_missing(path: &Path) -> bool {
    !path.as_os_str().is_empty() && path.symlink_metadata().is_err()
}

/// Writes a file that becomes visible only when it is complete.
fn write_whole(folder: &Path, file: &Path, text: &str) -> io::Result<()> {
    // The umask restricts these permissions, as for any new file.
    let mut builder = tempfile::Builder::new();
    let mut temporary = builder.permissions(Permissions::from_mode(0o666)).tempfile_in(folder).map_err(plain)?;
    temporary.write_all(text.as_bytes()).map_err(plain)?;
    temporary.persist_noclobber(file).map_err(|error| error.error)?;
    Ok(())
}

/// Removes the path of the temporary file from an error, because it means nothing to the user.
fn plain(error: io::Error) -> io::Error {
    let source = error.get_ref().and_then(std::error::Error::source);
    let number = source.and_then(|source| source.downcast_ref::<io::Error>()).and_then(io::Error::raw_os_error);
    number.map_or(error, io::Error::from_raw_os_error)
}

/// Quotes a path as a word of a shell command that cannot be taken for an option.
fn shell_word(path: &Path) -> String {
    let text = path.to_string_lossy();
    let text = if text.starts_with('-') { format!("./{text}") } else { text.into_owned() };
    let is_plain = |c: char| c.is_alphanumeric() || "_./@%+,:=-".contains(c);
    let word = if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) };
    on_one_line(&word).into_owned()
}
