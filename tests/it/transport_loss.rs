//! Connections over `ssh` that are killed: at each moment of a run, again and again, for longer than the lease, and together
//! with the conductor. The session continues where it was, or ends in good order, and no step runs twice.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::Duration;

use crate::support::look::Look;
use crate::support::machines::Sshd;
use crate::support::{Finished, Folder, children_of_all_threads, conductor, eventually, finish, kill, start};

const WORKERS: [&str; 2] = ["a", "b"];
/// The moments at which the steps of all workers wait, in their order.
const MOMENTS: [&str; 6] = ["startup", "barrier", "print", "collect", "reset", "check"];
/// The size of the file that is put and fetched.
const SIZE: usize = 8 << 20;

/// A run over ssh with two workers, which waits at each moment until it may go on.
struct Scene {
    folder: Folder,
    sshd: Sshd,
    look: Look,
    conductor: Option<Child>,
    /// How many transports were killed.
    killed: usize,
}

impl Scene {
    /// Starts the run. `None` without ssh.
    fn start(lease: &str) -> Option<Self> {
        let sshd = Sshd::start("")?;
        let copies = sshd.path("copies");
        let path = "PATH=/usr/local/bin:/usr/bin:/bin";
        sshd.add_program("head", &format!("[ \"$1\" = -c ] && echo copied >>{copies}; {path} exec head \"$@\""));
        let folder = Folder::new();
        let here = folder.path().display();
        let wait = |moment: &str| {
            let name = format!("{moment}-$CONDUCTOR_TRIAL");
            format!(": >{here}/in-$CONDUCTOR_WORKER-{name}; until [ -e {here}/go-{name} ]; do sleep 0.02; done")
        };
        let log = |text: &str| format!("echo {text} $CONDUCTOR_TRIAL >>{here}/log-$CONDUCTOR_WORKER");
        let check = wait("check").replace("$CONDUCTOR_WORKER", "a");
        folder.test(&format!("trials = 2\nlease = {lease}\nreset_timeout = 30s\ncheck = {check}"), &WORKERS);
        for worker in WORKERS {
            let late = if worker == "b" { wait("barrier") } else { "true".to_owned() };
            folder.file(
                &format!("{worker}.cfg"),
                &format!(
                    "[Coordinator]\n{}\n[Startup]\nup = spawn:{}; exec sleep 600\nbegin = {}; {}\n\
                     [Run]\nlate = {late}\nmeet = barrier:here\nprint = {}; seq 1 20000; {}; seq 1 20000\n\
                     put = put:big -> {here}/copy-{worker}\n[Collect]\nwait = {}; {}\nget = fetch:{here}/copy-{worker}\n\
                     [Reset]\nclean = {}; {}\n",
                    sshd.lines(),
                    log("up"),
                    log("startup"),
                    wait("startup"),
                    log("print"),
                    wait("print"),
                    log("collect"),
                    wait("collect"),
                    log("reset"),
                    wait("reset"),
                ),
            );
        }
        let big = (0..SIZE / 8).fold(String::new(), |text, number| text + &format!("{number:07}\n"));
        folder.file("big", &big);
        let look = Look::here();
        let arguments = ["conduct", "--quiet", "--results", "kept", "--run-id", "r", "test.cfg"];
        let conductor = Some(start(conductor(&folder, arguments)));
        Some(Self { folder, sshd, look, conductor, killed: 0 })
    }

    fn conductor(&mut self) -> &mut Child {
        self.conductor.as_mut().expect("the run has not ended")
    }

    /// Kills all transports at once; how many that were.
    fn kill_transports(&mut self) -> usize {
        let pid = self.conductor().id();
        let is_ssh = |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "ssh\n");
        let transports: Vec<_> = children_of_all_threads(pid).into_iter().filter(is_ssh).collect();
        for pid in &transports {
            kill(*pid, libc::SIGKILL);
        }
        self.killed += transports.len();
        transports.len()
    }

    /// Waits until every worker that was cut off is connected again.
    fn wait_for_resumes(&mut self) {
        let killed = self.killed;
        self.eventually("all are connected again", |folder| {
            count(folder, "kept/r/events.jsonl", "\"worker_resumed\"") >= killed
        });
    }

    /// Waits until something is so, or the run has ended.
    fn eventually(&mut self, what: &str, is_so: impl Fn(&Folder) -> bool) {
        let Self { folder, conductor, .. } = self;
        let conductor = conductor.as_mut().expect("the run has not ended");
        eventually(what, || is_so(folder) || conductor.try_wait().is_ok_and(|status| status.is_some()));
    }

    /// Waits until all workers are at this moment.
    fn wait_for(&mut self, moment: &str, trial: u32) {
        let workers = match moment {
            "barrier" => &["b"][..],
            "check" => &["a"],
            _ => &WORKERS,
        };
        let all: Vec<_> = workers.iter().map(|worker| format!("in-{worker}-{moment}-{trial}")).collect();
        self.eventually(moment, |folder| all.iter().all(|name| folder.join(name).exists()));
    }

    fn let_go_on(&self, moment: &str, trial: u32) {
        self.folder.file(&format!("go-{moment}-{trial}"), "");
    }

    fn let_all_go_on(&self) {
        for trial in [1, 2] {
            for moment in MOMENTS {
                self.let_go_on(moment, trial);
            }
        }
    }

    fn finish(&mut self) -> Finished {
        finish(self.conductor.take().expect("the run has not ended"))
    }

    /// How often each line is in a worker's log.
    fn steps(&self, worker: &str) -> BTreeMap<String, usize> {
        let mut steps = BTreeMap::new();
        for line in self.folder.read(&format!("log-{worker}")).lines() {
            *steps.entry(line.to_owned()).or_default() += 1;
        }
        steps
    }

    /// The run passed, each step ran once, everything arrived, and the program was copied once.
    #[track_caller]
    fn assert_passed(mut self) {
        let finished = self.finish();
        assert_eq!(finished.status, Some(0), "{finished:#?}");
        for worker in WORKERS {
            let steps = self.steps(worker);
            assert!(steps.values().all(|count| *count == 1) && steps.len() == 10, "{worker}: {steps:?}");
            for trial in [1, 2] {
                let numbers = (1..=20000).fold(String::new(), |text, number| text + &format!("{number}\n"));
                let printed = self.folder.read(&format!("kept/r/outputs/trial-{trial}/{worker}/run-03-print.stdout"));
                assert!(printed == numbers.repeat(2), "what {worker} printed in trial {trial} is not complete");
                let fetched = self.folder.read(&format!("kept/r/trial-{trial}/{worker}/copy-{worker}"));
                assert!(fetched == self.folder.read("big"), "the file of {worker} in trial {trial} is not the same");
            }
        }
        assert_eq!(count(self.sshd.folder(), "copies", "copied"), 1, "copies of the program");
        self.look.assert_nothing_is_left();
    }
}

/// How many lines of a file have this text.
fn count(folder: &Folder, file: &str, text: &str) -> usize {
    folder.read(file).lines().filter(|line| line.contains(text)).count()
}

/// Puts and fetches begin when a step before them has ended: a moment later, they are going on.
const TRANSFER: Duration = Duration::from_millis(60);

#[test]
fn a_session_continues_when_its_transport_is_killed_at_any_moment() {
    let Some(mut scene) = Scene::start("30s") else { return };
    for trial in [1, 2] {
        for moment in MOMENTS {
            scene.wait_for(moment, trial);
            scene.kill_transports();
            scene.wait_for_resumes();
            scene.let_go_on(moment, trial);
            if matches!(moment, "print" | "collect") {
                std::thread::sleep(TRANSFER);
                scene.kill_transports();
                scene.wait_for_resumes();
            }
        }
    }
    assert!(scene.killed >= 2 * WORKERS.len() * MOMENTS.len(), "{} transports were killed", scene.killed);
    scene.assert_passed();
}

#[test]
fn a_session_continues_when_its_transport_is_killed_again_and_again() {
    // While it is killed, an attempt to connect may never have enough time.
    let Some(mut scene) = Scene::start("60s") else { return };
    scene.let_all_go_on();
    scene.wait_for("startup", 1);
    let mut pause = 7;
    // Also while connections are being made again.
    while scene.killed < 16 && scene.conductor().try_wait().is_ok_and(|status| status.is_none()) {
        // Every pause up to a second, in an order without a pattern.
        pause = pause * 83 % 997;
        std::thread::sleep(Duration::from_millis(pause));
        scene.kill_transports();
    }
    assert!(scene.killed > 4, "{} transports were killed", scene.killed);
    scene.assert_passed();
}

#[test]
fn a_machine_is_reached_again_when_the_transport_is_killed_before_the_player_is_there() {
    for pause in [0, 50, 100, 200, 400] {
        let Some(mut scene) = Scene::start("30s") else { return };
        scene.let_all_go_on();
        let pid = scene.conductor().id();
        eventually("ssh runs", || !children_of_all_threads(pid).is_empty());
        std::thread::sleep(Duration::from_millis(pause));
        scene.kill_transports();
        let finished = scene.finish();
        assert_eq!(finished.status, Some(0), "after {pause} ms: {finished:#?}");
        for worker in WORKERS {
            let steps = scene.steps(worker);
            assert!(steps.values().all(|count| *count == 1) && steps.len() == 10, "{worker}: {steps:?}");
        }
        scene.look.assert_nothing_is_left();
    }
}

#[test]
fn a_transport_that_stays_away_for_longer_than_the_lease_ends_the_session_with_its_reset() {
    for moment in ["startup", "barrier"] {
        let Some(mut scene) = Scene::start("2s") else { return };
        for earlier in MOMENTS.iter().take_while(|earlier| **earlier != moment) {
            scene.let_go_on(earlier, 1);
        }
        for moment in ["reset", "check"] {
            scene.let_go_on(moment, 1);
        }
        scene.wait_for(moment, 1);
        scene.sshd.stop();
        scene.kill_transports();
        let finished = scene.finish();
        assert_eq!(finished.status, Some(4), "at {moment}: {finished:#?}");
        assert_resets(&scene, moment);
    }
}

#[test]
fn when_the_conductor_is_killed_the_session_ends_with_its_reset() {
    for moment in ["barrier", "print", "reset"] {
        let Some(mut scene) = Scene::start("2s") else { return };
        for earlier in MOMENTS.iter().take_while(|earlier| **earlier != moment) {
            scene.let_go_on(earlier, 1);
        }
        scene.let_go_on("reset", 1);
        scene.wait_for(moment, 1);
        let pid = scene.conductor().id();
        kill(pid, libc::SIGKILL);
        let finished = scene.finish();
        assert_eq!(finished.status, None, "at {moment}: {finished:#?}");
        assert_resets(&scene, moment);
    }
}

/// Every worker runs its Reset once, and then nothing is left.
#[track_caller]
fn assert_resets(scene: &Scene, moment: &str) {
    for worker in WORKERS {
        eventually("the Reset of the lease", || scene.steps(worker).contains_key("reset 1"));
        let steps = scene.steps(worker);
        assert!(steps.values().all(|count| *count == 1), "{worker} at {moment}: {steps:?}");
    }
    scene.look.assert_nothing_is_left();
}
