//! A run whose worker waits in the middle of a step until the test lets it go on: meanwhile the test ends the transport, or
//! `conduct`.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};

use super::super::{CONDUCTOR, Finished, Folder, descendants, eventually, finish, kill, start};
use super::gate::{CLOSED, Gate};

/// A run with one worker on a machine.
pub struct HeldRun {
    child: Child,
    folder: Folder,
    /// The folder of the worker, as this machine sees it.
    here: PathBuf,
}

impl HeldRun {
    /// Starts `conduct` and waits until the step has begun. The worker is reached with these lines of `[Coordinator]`, and
    /// uses the folder `there` on its machine, which is `here` on this one.
    pub fn start(lines: &str, there: &str, here: PathBuf, conduct: impl Fn(&Folder, &[&str]) -> Command) -> Self {
        fs::create_dir(&here).expect("a folder on the machine");
        let folder = Folder::new();
        let steps = "[Startup]\nup = spawn:exec sleep 600\n\
            [Run]\nhold = echo begun >>held; until [ -e go ]; do sleep 0.1; done; echo ended >>held\n\
            [Reset]\nclean = echo reset >>reset\n";
        folder.file("a.cfg", &format!("[Coordinator]\n{lines}\ndirectory = {there}\n{steps}"));
        folder.file("test.cfg", "[Test]\nlease = 4s\n[Workers]\na = a.cfg\n");
        let child = start(conduct(&folder, &["test.cfg"]));
        let run = Self { child, folder, here };
        eventually("the step has begun", || run.read("held") == "begun\n");
        run
    }

    /// The process of `conduct`; the command may have started it in another one.
    pub fn conduct(&self) -> u32 {
        let is_conduct = |pid: &u32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.starts_with(format!("{CONDUCTOR}\0conduct\0").as_bytes())
        };
        let mut processes = [self.child.id()].into_iter().chain(descendants(self.child.id()));
        processes.find(is_conduct).expect("conduct runs")
    }

    /// The processes of the transport.
    pub fn transports(&self) -> Vec<u32> {
        let threads = fs::read_dir(format!("/proc/{}/task", self.conduct())).expect("threads").flatten();
        let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        lists.flat_map(|list| list.split(' ').filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
    }

    /// Kills the transport.
    pub fn kill_transport(&self) {
        let killed = self.transports();
        assert!(!killed.is_empty(), "there is a transport");
        for pid in &killed {
            kill(*pid, 9);
        }
    }

    /// Kills the transport, and waits until `conduct` has started another one.
    pub fn break_transport(&self) {
        let killed = self.transports();
        self.kill_transport();
        eventually("the machine is reached again", || self.transports().iter().any(|pid| !killed.contains(pid)));
    }

    /// Kills the transport, and lets each other one fail, until the lease is over: the player runs Reset, and `conduct` says
    /// why the worker is lost.
    pub fn lose_transport(self, gate: &Gate) -> Ended {
        gate.close();
        self.kill_transport();
        eventually("the player has run Reset", || self.read("reset") == "reset\n");
        let (finished, ended) = self.finish();
        assert_eq!(finished.status, Some(4), "{finished:#?}");
        for part in ["worker `a` was lost", "within its lease of 4s", CLOSED] {
            assert!(finished.stdout.contains(part), "{part}: {finished:#?}");
        }
        ended
    }

    /// Lets the step go on.
    fn release(&self) {
        fs::write(self.here.join("go"), "").expect("a file on the machine");
    }

    /// Kills the transport twice, and waits each time until another one has taken its place. The run passes all the same.
    #[track_caller]
    pub fn outlives_its_transports(self) {
        self.break_transport();
        self.break_transport();
        self.passes();
    }

    /// Lets the step go on: the run passes, and each of its steps has run once.
    #[track_caller]
    pub fn passes(self) {
        self.release();
        let (finished, ended) = self.finish();
        assert_eq!(finished.status, Some(0), "{finished:#?}");
        ended.assert_each_step_ran_once();
    }

    /// Waits for the end of the run.
    pub fn finish(self) -> (Finished, Ended) {
        let finished = finish(self.child);
        (finished, Ended { _folder: self.folder, here: self.here })
    }

    /// Kills `conduct`, and waits until the player has run the steps of Reset without it.
    pub fn kill_conduct(self) -> Ended {
        kill(self.conduct(), 9);
        eventually("the player has run Reset", || self.read("reset") == "reset\n");
        let (_, ended) = self.finish();
        ended
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.here.join(name)).unwrap_or_default()
    }
}

/// What a run has left in the folder of its worker. It is removed with this.
pub struct Ended {
    _folder: Folder,
    here: PathBuf,
}

impl Ended {
    /// Each step ran once, from its beginning to its end.
    #[track_caller]
    pub fn assert_each_step_ran_once(&self) {
        let read = |name| fs::read_to_string(self.here.join(name)).unwrap_or_default();
        assert_eq!((read("held"), read("reset")), ("begun\nended\n".to_owned(), "reset\n".to_owned()));
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.here);
    }
}
