//! When nobody reads, or there is no room: no process of ours dies of that, no Reset is skipped, nothing is left.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::PipeReader;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use serde_json::Value;

use crate::support::{CONDUCTOR, Folder, Player, conductor, eventually, finish, run, start};
use snapbox::str;

/// Who loses something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Listener,
    /// There is none while its player is idle.
    Session,
    /// It is never idle.
    Conductor,
    /// The process that keeps the check, which is there when everything else of the trial is over.
    Check,
}

/// What is lost. Steps have the limits of their session, and it those of the listener: a Reset leaves a folder, which needs no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// The reader of standard output. A player writes only where it listens, a session and a check's keeper nothing.
    Stdout,
    /// The reader of standard error, where the log goes. Listener and sessions have the same.
    Stderr,
    /// No file may grow, the log's neither.
    Files,
    /// Every descriptor is used.
    Descriptors,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Idle,
    Run,
    Reset,
    Check,
}

use Loss::{Descriptors, Files, Stderr, Stdout};

/// A player, and a run that waits at each moment until it is let go on.
struct Scene {
    folder: Folder,
    player: Player,
    stderr: Option<PipeReader>,
    conductor: Option<Child>,
}

impl Scene {
    fn new(loss: Loss) -> Self {
        let folder = Folder::new();
        let (stderr, theirs) = std::io::pipe().expect("a pipe");
        let mut command = Command::new(CONDUCTOR);
        command.args(["player", "-v", "-b", "127.0.0.1", "-p", "0"]).stderr(theirs);
        if loss == Files {
            command.arg("-l").arg(folder.join("log"));
        }
        let player = Player::from(command);
        let here = folder.path().display();
        let wait = |name| format!(": >{here}/in-{name}; until [ -e {here}/go-{name} ]; do sleep 0.02; done");
        let check = format!("results = kept\ncheck = echo $PPID >{here}/keeper; {}", wait("Check"));
        let (step, reset) = (wait("Run"), wait("Reset"));
        let sections = format!("[Run]\nstep = {step}; echo said\n[Reset]\nreset = mkdir {here}/reset-$$; {reset}\n");
        folder.test(&check, &["w"]).worker("w", player.port, &sections);
        folder.worker("quick", player.port, "[Run]\nstep = true\n").file("quick", "[Workers]\nquick = quick.cfg\n");
        Self { folder, player, stderr: Some(stderr), conductor: None }
    }

    fn pid(&self, who: Who) -> u32 {
        match who {
            Who::Listener => self.player.pid(),
            Who::Session => self.player.children()[0],
            Who::Conductor => self.conductor.as_ref().expect("a conductor").id(),
            Who::Check => self.folder.read("keeper").trim().parse().expect("a process"),
        }
    }

    fn lose(&mut self, loss: Loss, who: Who) {
        let conductor = self.conductor.as_mut().filter(|_| who == Who::Conductor);
        match (loss, conductor) {
            (Stdout, Some(conductor)) => drop(conductor.stdout.take()),
            (Stderr, Some(conductor)) => drop(conductor.stderr.take()),
            (Stdout | Stderr, None) => self.stderr = None,
            (Files, _) => limit(self.pid(who), Resource::Fsize, 0),
            (Descriptors, _) => {
                let pid = self.pid(who);
                let open = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors").flatten();
                let open: BTreeSet<u64> = open.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
                // The conductor has closed some between those that it has. A process that polls many needs a limit that
                // is not below their number (poll(2)).
                let first_free = (0..1024).find(|number| !open.contains(number)).expect("a number");
                let behind_all = open.last().map_or(0, |most| most + 1);
                limit(pid, Resource::Nofile, if who == Who::Conductor { first_free } else { behind_all });
            }
        }
    }
}

/// Gives a process another limit. How far it may be raised again is what it has from us.
fn limit(pid: u32, resource: Resource, most: u64) {
    let limit = Rlimit { current: Some(most), ..getrlimit(resource) };
    prlimit(Pid::from_raw(pid.cast_signed()), resource, limit).expect("a limit can be set");
}

/// Somebody loses something at a moment of a run that is otherwise without fault: the run ends with this status, Reset was run
/// once, nothing is left, and the player serves the next run. What is said contains this.
#[track_caller]
fn assert_goes_on(loss: Loss, who: Who, when: When, status: i32, said: &str) {
    let cell = format!("{loss:?} of {who:?} in {when:?}");
    let mut scene = Scene::new(loss);
    if when == When::Idle {
        scene.lose(loss, who);
    }
    scene.conductor = Some(start(conductor(&scene.folder, ["conduct", "-v", "test.cfg"])));
    for moment in [When::Run, When::Reset, When::Check] {
        let here = scene.folder.join(&format!("in-{moment:?}"));
        // Without room there may be no check.
        let conductor = scene.conductor.as_mut().expect("a conductor");
        let mut has_come = || here.exists() || conductor.try_wait().is_ok_and(|ended| ended.is_some());
        eventually(&format!("{cell}: {moment:?}"), &mut has_come);
        if when == moment {
            // A process writes its number before it says that it is there.
            scene.lose(loss, who);
        }
        scene.folder.file(&format!("go-{moment:?}"), "");
    }
    let finished = finish(scene.conductor.take().expect("a conductor"));
    assert_eq!(finished.status, Some(status), "{cell}: {finished:#?}");
    let entries = std::fs::read_dir(scene.folder.path()).expect("a folder").flatten();
    let resets = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("reset-")).count();
    assert_eq!(resets, 1, "{cell}: {finished:#?}");
    let all = format!("{}{}", finished.stdout, finished.stderr);
    assert!(all.contains(said), "{cell}: `{said}` is missing: {finished:#?}");
    let quick = run(&scene.folder, ["conduct", "-q", "-p", "run", "quick"]);
    assert_eq!(quick.status, Some(0), "{cell}: the next run: {quick:#?}");
}

#[test]
fn whoever_loses_the_reader_of_its_standard_output_goes_on() {
    let said = "output `standard output` can't be written: ";
    for when in [When::Run, When::Reset, When::Check] {
        assert_goes_on(Stdout, Who::Conductor, when, 1, said);
    }
}

#[test]
fn whoever_loses_the_reader_of_its_standard_error_goes_on() {
    for when in [When::Idle, When::Run, When::Reset] {
        assert_goes_on(Stderr, Who::Listener, when, 0, "passed: ");
    }
    for when in [When::Run, When::Reset, When::Check] {
        assert_goes_on(Stderr, Who::Conductor, when, 0, "passed: ");
    }
}

#[test]
fn whoever_may_not_let_a_file_grow_goes_on() {
    for when in [When::Idle, When::Run, When::Reset] {
        assert_goes_on(Files, Who::Listener, when, 0, "passed: ");
    }
    for when in [When::Run, When::Reset] {
        assert_goes_on(Files, Who::Session, when, 0, "passed: ");
    }
    for when in [When::Run, When::Reset, When::Check] {
        assert_goes_on(Files, Who::Conductor, when, 1, "ile too large");
    }
    assert_goes_on(Files, Who::Check, When::Check, 0, "passed: ");
}

#[test]
fn whoever_has_used_up_its_descriptors_goes_on() {
    for when in [When::Run, When::Reset] {
        assert_goes_on(Descriptors, Who::Session, when, 0, "passed: ");
    }
    for when in [When::Run, When::Reset] {
        assert_goes_on(Descriptors, Who::Conductor, when, 1, "oo many open files");
    }
    assert_goes_on(Descriptors, Who::Conductor, When::Check, 0, "passed: ");
    assert_goes_on(Descriptors, Who::Check, When::Check, 0, "passed: ");
}

fn full() -> File {
    File::options().write(true).open("/dev/full").expect("/dev/full")
}

#[test]
fn a_configuration_with_a_warning_is_run_though_standard_error_is_full() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("unknown_key = 1", &["w"]).worker("w", player.port, "[Run]\nstep = echo said\n");
    let mut command = conductor(&folder, ["conduct", "-v", "-f", "classic", "-p", "run", "test.cfg"]);
    let child = command.stdout(Stdio::piped()).stderr(full()).spawn().expect("the program starts");
    finish(child).assert(
        0,
        str![[r#"
0 phase received
0 said

65535 phases complete

"#]],
        str![""],
    );
}

#[test]
fn a_file_that_may_not_grow_is_an_error_and_not_the_end() {
    let (player, folder) = (Player::start(), Folder::new());
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nmuch = seq 1 100000\nend = echo end\n");
    let mut command = Command::new("/bin/sh");
    let script = "ulimit -f 200; exec \"$0\" conduct -q -f json --results kept test.cfg";
    command.args(["-c", script, CONDUCTOR]).current_dir(folder.path());
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(1), "{finished:#?}");
    assert!(finished.stdout.contains("File too large") || finished.stdout.contains("file too large"), "{finished:#?}");
    let document: Value = serde_json::from_str(&finished.stdout).expect("a document");
    let results = &document["trials"][0]["phases"]["run"]["workers"]["w"]["results"];
    let numbers = |position: usize| {
        let of = |name: &str| results[position][name].as_u64().expect("a number");
        (of("stdout_bytes"), of("stdout_left_out"))
    };
    // Both are counted, whether or not anything of them was kept.
    let (printed, left_out) = numbers(0);
    assert_eq!(printed, 588_895);
    assert!(left_out >= printed - 200 * 1024, "{left_out} of {printed} bytes are left out");
    assert_eq!(numbers(1), (4, if results[1]["stdout"] == "end\n" { 0 } else { 4 }));
    let unkept = "what step `much` in run of trial 1 prints on stdout can't be kept: file too large";
    assert!(finished.stdout.contains(&format!("\"{unkept}\"")), "{finished:#?}");
    assert!(finished.stdout.contains(" bytes could not be kept: file too large …]"), "{finished:#?}");
    // The player is free.
    run(&folder, ["conduct", "-q", "-o", "result", "test.cfg"]).assert(0, str![""], str![""]);
}
