//! A command that passes on only so many bytes in one direction, and then nothing more: a test knows what the connection is in
//! the middle of when it kills the command. It is so the first time; from the second time on, everything is passed on.

use rustix::process::{Pid, Signal, kill_process_group};

use super::super::{Folder, children_of_all_threads, eventually};

/// The direction that is cut.
#[derive(Clone, Copy)]
pub enum Direction {
    ToPlayer,
    FromPlayer,
}

/// The folder of the command.
pub struct Cut(Folder);

impl Cut {
    /// One that passes on so many bytes in this direction.
    pub fn after(direction: Direction, bytes: usize) -> Self {
        let folder = Folder::new();
        let here = folder.path().display();
        let part = format!("{{ dd bs=1 count={bytes} status=none; : >{here}/is-cut; exec sleep 600; }}");
        // What runs on the machine is in a session of its own: it is not killed with the command.
        let passes = match direction {
            Direction::ToPlayer => format!("{part} | setsid \"$@\""),
            Direction::FromPlayer => format!("setsid \"$@\" | {part}"),
        };
        folder.file("cut", &format!("if mkdir {here}/used 2>/dev/null; then {passes}; else exec \"$@\"; fi\n"));
        Self(folder)
    }

    /// The line of `[Coordinator]` that leads to this machine.
    pub fn lines(&self) -> String {
        format!("connect = sh {}\n", self.0.join("cut").display())
    }

    /// Waits until so many bytes were passed on, and kills the command of this `conduct`.
    pub fn kill(&self, conduct: u32) {
        eventually("the connection is cut", || self.0.join("is-cut").exists());
        let commands = children_of_all_threads(conduct);
        assert_eq!(commands.len(), 1, "the command that is cut");
        let group = i32::try_from(commands[0]).ok().and_then(Pid::from_raw).expect("a process");
        kill_process_group(group, Signal::KILL).expect("it leads a group");
    }
}
