//! A run whose worker waits in the middle of its steps until the test lets it go on: meanwhile the test ends the transport, or
//! `conduct`.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};

use super::super::{
    CONDUCTOR, Finished, Folder, Player, children_of_all_threads, descendants, eventually, finish, kill, start,
};
use super::gate::{CLOSED, Gate};

/// The moments at which the worker waits, in their order.
const MOMENTS: [&str; 4] = ["startup", "barrier", "hold", "reset"];

/// A run with one worker on a machine, and another one here, for which it waits at a barrier.
pub struct HeldRun {
    child: Child,
    folder: Folder,
    /// The folder of the worker, as this machine sees it.
    here: PathBuf,
    other: Player,
}

impl HeldRun {
    /// Starts `conduct` and waits until the step of Run has begun. The worker is reached with these lines of `[Coordinator]`,
    /// and uses the folder `there` on its machine, which is `here` on this one. Its Reset does not wait.
    pub fn start(lines: &str, there: &str, here: PathBuf, conduct: impl Fn(&Folder, &[&str]) -> Command) -> Self {
        let run = Self::begin(lines, there, here, "4s", conduct);
        for moment in ["startup", "barrier", "reset"] {
            run.release(moment);
        }
        run.wait_for("hold");
        run
    }

    /// Starts `conduct`. The worker waits at each moment.
    pub fn begin(
        lines: &str,
        there: &str,
        here: PathBuf,
        lease: &str,
        conduct: impl Fn(&Folder, &[&str]) -> Command,
    ) -> Self {
        fs::create_dir(&here).expect("a folder on the machine");
        let (folder, other) = (Folder::new(), Player::start());
        let hold = |moment: &str| {
            format!("echo begun >>{moment}; until [ -e go-{moment} ]; do sleep 0.1; done; echo ended >>{moment}")
        };
        let steps = format!(
            "[Startup]\nup = spawn:exec sleep 600\nbegin = {}\n\
             [Run]\nready = echo begun >>barrier\nmeet = barrier:here\nhold = {}\n[Reset]\nclean = {}\n",
            hold("startup"),
            hold("hold"),
            hold("reset")
        );
        folder.file("a.cfg", &format!("[Coordinator]\n{lines}\ndirectory = {there}\n{steps}"));
        let wait = format!("until [ -e {}/go-barrier ]; do sleep 0.1; done", folder.path().display());
        folder.worker("b", other.port, &format!("[Run]\nlate = {wait}\nmeet = barrier:here\n"));
        folder.test(&format!("lease = {lease}"), &["a", "b"]);
        let child = start(conduct(&folder, &["--results", "kept", "--run-id", "r", "test.cfg"]));
        Self { child, folder, here, other }
    }

    /// Waits until the worker is at this moment.
    fn wait_for(&self, moment: &str) {
        eventually(moment, || self.read(moment) == "begun\n");
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
        children_of_all_threads(self.conduct())
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
        eventually("the player has run Reset", || self.read("reset") == "begun\nended\n");
        let (finished, ended) = self.finish();
        assert_eq!(finished.status, Some(4), "{finished:#?}");
        for part in ["lost: a in run of trial 1: ", "within its lease of 4s", CLOSED] {
            assert!(finished.stdout.contains(part), "{part}: {finished:#?}");
        }
        ended
    }

    /// Lets the worker go on from this moment.
    fn release(&self, moment: &str) {
        let name = format!("go-{moment}");
        fs::write(self.here.join(&name), "").expect("a file on the machine");
        self.folder.file(&name, "");
    }

    /// How often the session has continued over another connection.
    fn resumes(&self) -> usize {
        self.folder.read("kept/r/events.jsonl").matches("\"worker_resumed\"").count()
    }

    /// Kills the transport at each moment, and waits each time until the session has continued over another one. The run
    /// passes all the same.
    #[track_caller]
    pub fn outlives_its_transports(self) {
        for (number, moment) in MOMENTS.iter().enumerate() {
            self.wait_for(moment);
            self.kill_transport();
            eventually(&format!("the session continues in {moment}"), || self.resumes() > number);
            self.release(moment);
        }
        self.passes();
    }

    /// Lets the worker go on: the run passes, and each of its steps has run once.
    #[track_caller]
    pub fn passes(self) {
        for moment in MOMENTS {
            self.release(moment);
        }
        let (finished, ended) = self.finish();
        assert_eq!(finished.status, Some(0), "{finished:#?}");
        ended.assert_each_step_ran_once();
    }

    /// Waits for the end of the run.
    pub fn finish(self) -> (Finished, Ended) {
        let finished = finish(self.child);
        (finished, Ended { _folder: self.folder, _other: self.other, here: self.here })
    }

    /// Kills `conduct`, and waits until the player has run the steps of Reset without it.
    pub fn kill_conduct(self) -> Ended {
        kill(self.conduct(), 9);
        eventually("the player has run Reset", || self.read("reset") == "begun\nended\n");
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
    _other: Player,
    here: PathBuf,
}

impl Ended {
    /// Each step ran once, from its beginning to its end.
    #[track_caller]
    pub fn assert_each_step_ran_once(&self) {
        let read = |name| fs::read_to_string(self.here.join(name)).unwrap_or_default();
        let whole = "begun\nended\n";
        assert_eq!(MOMENTS.map(read), [whole, "begun\n", whole, whole].map(str::to_owned));
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.here);
    }
}
