//! A command of a transport, such as `podman`, that a test can make fail from a moment on: no machine is reached any more.

use std::fs;
use std::process::Command;

use super::super::Folder;

/// What the command prints then.
pub const CLOSED: &str = "the gate is closed";

/// A folder with a script in the place of a command.
pub struct Gate(Folder);

impl Gate {
    /// One for this command, which has to exist.
    pub fn of(program: &str) -> Self {
        let folder = Folder::new();
        // Written by a process of its own: what this one has open to write is open in whatever another test starts meanwhile.
        let script = "real=$(command -v \"$1\"); printf '#!/bin/sh\\n[ ! -e %s/closed ] || { echo %s >&2; exit 1; }\\n\
            exec %s \"$@\"\\n' \"$PWD\" \"'$2'\" \"$real\" >\"$1\"; chmod +x \"$1\"";
        let mut write = Command::new("sh");
        write.args(["-c", script, "sh", program, CLOSED]).current_dir(folder.path());
        assert!(write.status().expect("a shell").success(), "a script in the place of `{program}`");
        Self(folder)
    }

    /// Lets a command and its children find the script first.
    pub fn put_on(&self, command: &mut Command) {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = [self.0.path().to_owned()].into_iter().chain(std::env::split_paths(&path));
        command.env("PATH", std::env::join_paths(folders).expect("a list of folders"));
    }

    /// Lets the command fail from now on.
    pub fn close(&self) {
        fs::write(self.0.join("closed"), "").expect("a file");
    }
}
