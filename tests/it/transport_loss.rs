//! Connections over `ssh` that are killed: at each moment of a run, again and again, for longer than the lease, and together
//! with the conductor. The session continues where it was, or ends in good order, and no step runs twice.

use std::collections::BTreeMap;
use std::process::Child;
use std::time::Duration;

use crate::support::look::Look;
use crate::support::machines::Sshd;
use crate::support::machines::cut::{Cut, Direction};
use crate::support::machines::files_in;
use crate::support::{
    CONDUCTOR, Finished, Folder, children_of_all_threads, conductor, eventually, finish, kill, start,
};

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
    /// Starts a run with two trials. `None` without ssh.
    fn start(lease: &str) -> Option<Self> {
        Self::with(2, lease)
    }

    fn with(trials: u32, lease: &str) -> Option<Self> {
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
        folder.test(&format!("trials = {trials}\nlease = {lease}\nreset_timeout = 30s\ncheck = {check}"), &WORKERS);
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

    /// The transports: `ssh`, but not while it only says which hosts it would connect to.
    fn transports(&mut self) -> Vec<u32> {
        let line = |pid: &u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let is_transport = |pid: &u32| {
            let line = line(pid);
            line.starts_with(b"ssh\0") && !line.starts_with(b"ssh\0-G\0")
        };
        children_of_all_threads(self.conductor().id()).into_iter().filter(is_transport).collect()
    }

    /// Kills all transports at once; how many that were.
    fn kill_transports(&mut self) -> usize {
        let transports = self.transports();
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

    /// Whether the run has ended. Its conductor may still wait for a reader of the report.
    fn is_over(&mut self) -> bool {
        count(&self.folder, "kept/r/events.jsonl", "\"run_ended\"") > 0
            || self.conductor().try_wait().is_ok_and(|status| status.is_some())
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

    /// How often the program was sent. Both workers are on one machine, and share a copy.
    fn copies(&self) -> usize {
        count(self.sshd.folder(), "copies", "copied")
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

    /// The run passed, each step ran once, everything arrived, and the program was not copied again.
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
        assert_eq!(self.copies(), 1, "copies of the program");
        self.look.assert_nothing_is_left();
    }
}

/// How many lines of a file have this text.
fn count(folder: &Folder, file: &str, text: &str) -> usize {
    folder.read(file).lines().filter(|line| line.contains(text)).count()
}

#[test]
fn a_session_continues_when_its_transport_is_killed_at_any_moment() {
    let Some(mut scene) = Scene::start("30s") else { return };
    for trial in [1, 2] {
        for moment in MOMENTS {
            scene.wait_for(moment, trial);
            scene.kill_transports();
            scene.wait_for_resumes();
            scene.let_go_on(moment, trial);
        }
    }
    assert!(scene.killed >= 2 * WORKERS.len() * MOMENTS.len(), "{} transports were killed", scene.killed);
    scene.assert_passed();
}

#[test]
fn a_session_continues_when_its_transport_is_killed_again_and_again() {
    // While it is killed, an attempt to connect may never have enough time.
    let Some(mut scene) = Scene::start("60s") else { return };
    // The run does not end before enough transports were killed.
    let last = ("reset", 2);
    let all = [1, 2].into_iter().flat_map(|trial| MOMENTS.map(|moment| (moment, trial)));
    all.filter(|at| *at != last).for_each(|(moment, trial)| scene.let_go_on(moment, trial));
    scene.wait_for("startup", 1);
    let mut pause = 7;
    // Also while connections are being made again.
    while scene.killed < 16 && !scene.is_over() {
        // Every pause up to a second, in an order without a pattern.
        pause = pause * 83 % 997;
        std::thread::sleep(Duration::from_millis(pause));
        scene.kill_transports();
    }
    assert!(scene.killed >= 16, "{} transports were killed", scene.killed);
    scene.let_go_on(last.0, last.1);
    scene.assert_passed();
}

#[test]
fn a_machine_is_reached_again_when_the_transport_is_killed_before_the_player_is_there() {
    for pause in [0, 50, 100, 200, 400] {
        let Some(mut scene) = Scene::start("30s") else { return };
        scene.let_all_go_on();
        eventually("ssh connects", || !scene.transports().is_empty());
        std::thread::sleep(Duration::from_millis(pause));
        assert!(scene.kill_transports() > 0, "after {pause} ms");
        let finished = scene.finish();
        assert_eq!(finished.status, Some(0), "after {pause} ms: {finished:#?}");
        for worker in WORKERS {
            let steps = scene.steps(worker);
            assert!(steps.values().all(|count| *count == 1) && steps.len() == 10, "{worker}: {steps:?}");
        }
        scene.look.assert_nothing_is_left();
    }
}

/// A run whose only worker puts and fetches a file, over a command that is killed when it has passed on so many bytes. Its
/// plan is long.
#[track_caller]
fn continues_after_a_cut(what: &str, direction: Direction, bytes: usize, lines: &str, resumes: usize) {
    let (folder, cut) = (Folder::new(), Cut::after(direction, bytes));
    let here = folder.path().display();
    std::fs::create_dir(folder.join("scratch")).expect("a folder");
    let long = "x".repeat(100_000);
    folder.file("big", &"0123456\n".repeat(SIZE / 8)).test("lease = 30s", &["w"]).file(
        "w.cfg",
        &format!(
            "[Coordinator]\nplayer = 127.0.0.1\nscratch = {here}/scratch\n{}{lines}\n[Startup]\nbegin = echo begin >>{here}/log\n\
             [Run]\nlong = true {long}\nput = put:big -> {here}/copy\n[Collect]\nget = fetch:{here}/copy\n\
             [Reset]\nclean = echo reset >>{here}/log\n",
            cut.lines()
        ),
    );
    let look = Look::here();
    let conduct = start(conductor(&folder, ["conduct", "--quiet", "--results", "kept", "--run-id", "r", "test.cfg"]));
    cut.kill(conduct.id());
    let finished = finish(conduct);
    assert_eq!(finished.status, Some(0), "{what}: {finished:#?}");
    assert_eq!(folder.read("log"), "begin\nreset\n", "{what}");
    assert!(folder.read("kept/r/trial-1/w/copy") == folder.read("big"), "{what}: the file that was fetched");
    let events = folder.read("kept/r/events.jsonl");
    let workers: Vec<_> = events.lines().filter(|line| line.contains("\"event\":\"worker_")).collect();
    let count = workers.iter().filter(|line| line.contains("\"worker_resumed\"")).count();
    assert_eq!(count, resumes, "{what}: {workers:#?}");
    assert_eq!(files_in(&folder.join("scratch")), Vec::<String>::new(), "{what}");
    look.assert_nothing_is_left();
}

#[test]
fn a_run_continues_when_its_transport_is_killed_in_the_middle_of_a_copy_the_plan_a_put_or_a_fetch() {
    use Direction::{FromPlayer, ToPlayer};
    let installed = format!("program = {CONDUCTOR}");
    // No program is sent there, so the first bytes are those of `hello` and the plan.
    for (what, direction, bytes, lines, resumes) in [
        ("the copy of the program", ToPlayer, 200_000, "", 0),
        ("the plan", ToPlayer, 20_000, &*installed, 1),
        ("a put", ToPlayer, 300_000, &*installed, 1),
        ("a fetch", FromPlayer, 200_000, &*installed, 1),
    ] {
        continues_after_a_cut(what, direction, bytes, lines, resumes);
    }
}

#[test]
fn a_machine_on_which_the_player_has_ended_gets_no_other_copy() {
    let Some(mut scene) = Scene::with(1, "10m") else { return };
    for moment in ["startup", "check"] {
        scene.let_go_on(moment, 1);
    }
    scene.wait_for("barrier", 1);
    scene.sshd.end_all();
    let finished = scene.finish();
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    for part in
        [": its player is no longer running on that machine\n", "\n    hint: check that machine: if it was restarted"]
    {
        assert!(finished.stdout.contains(part), "{part}: {finished:#?}");
    }
    assert_eq!(scene.copies(), 1, "copies of the program");
    // No process of the player was left that could remove the folders of its steps.
    for folder in files_in(&scene.sshd.folder().join("tmp")) {
        std::fs::remove_dir_all(scene.sshd.folder().join("tmp").join(folder)).expect("a folder of the steps");
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
