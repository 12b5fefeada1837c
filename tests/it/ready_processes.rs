//! A step's process is made before its conductor's word to start it, waits for that, and is gone when it never comes.

use crate::support::surroundings::skip;
use crate::support::wire;
use crate::support::wire::FakeConductor;
use crate::support::{Folder, Player, children, eventually, kill, run};
use serde_json::json;

/// A session that is ready to run this step, and the step's process.
fn ready(player: &Player, step: &str) -> (FakeConductor, u32, u32) {
    let mut conductor = FakeConductor::with_plan(player.port, "r", "w", &json!({"run": [step]}));
    let (session, process) = arm(player, &mut conductor, "run");
    (conductor, session, process)
}

/// Has the session get ready for this phase; it and the process that waits for it, which is there when it says so.
fn arm(player: &Player, conductor: &mut FakeConductor, phase: &str) -> (u32, u32) {
    conductor.send(json!({"type": "arm", "trial": 1, "phase": phase}));
    conductor.expect_armed(phase);
    let session = player.children()[0];
    (session, children(session)[0])
}

fn is_there(pid: u32) -> bool {
    std::path::Path::new(&format!("/proc/{pid}")).exists()
}

#[test]
fn the_process_that_waits_becomes_the_step_when_it_is_told_to() {
    let (folder, player) = (Folder::new(), Player::start());
    let log = folder.join("log");
    let (mut conductor, _, process) = ready(&player, &format!("echo $$ > {}", log.display()));
    assert!(!log.exists(), "nothing of the step has begun");
    conductor.send(json!({"type": "go", "trial": 1, "phase": "run"}));
    assert_eq!(conductor.expect("step_started")["pid"], process);
    assert_eq!(conductor.expect("step_ended")["outcome"]["status"], 0);
    assert_eq!(folder.read("log"), format!("{process}\n"));
}

#[test]
fn whoever_says_to_be_at_a_barrier_has_the_next_process_ready() {
    let player = Player::start();
    let mut plan = wire::plan(&json!({"run": ["true", "true"]}));
    plan["run"][0] = json!({"label": "meet", "action": {"is": "barrier", "name": "meet"}});
    let (mut conductor, _, _) = FakeConductor::hello(player.port, "r", "w");
    conductor.send(plan);
    conductor.expect("plan_taken");
    conductor.arm_and_go("run");
    conductor.expect("barrier_reached");
    let process = children(player.children()[0])[0];
    conductor.send(json!({"type": "release", "trial": 1, "phase": "run", "step": 0, "at": 1}));
    assert_eq!(conductor.expect("step_started")["pid"], process);
}

#[test]
fn a_process_that_somebody_holds_up_is_given_up_after_its_limit() {
    let player = Player::start();
    let mut plan = wire::plan(&json!({"run": ["echo never", "echo next"]}));
    plan["run"][0]["timeout"] = json!(100_000_000);
    let (mut conductor, _, _) = FakeConductor::hello(player.port, "r", "w");
    conductor.send(plan);
    conductor.expect("plan_taken");
    let (_, process) = arm(&player, &mut conductor, "run");
    kill(process, 19);
    conductor.send(json!({"type": "go", "trial": 1, "phase": "run"}));
    let late = json!({"is": "timed_out", "after": 100_000_000});
    assert_eq!(conductor.expect("step_ended")["outcome"], late);
    assert_eq!(conductor.expect("step_ended")["outcome"], json!({"is": "exit", "status": 0}));
    assert!(!is_there(process));
}

#[test]
fn a_stop_before_the_word_leaves_no_process() {
    let player = Player::start();
    let (mut conductor, session, process) = ready(&player, "true");
    conductor.send(json!({"type": "stop", "trial": 1, "phase": "run"}));
    conductor.expect("phase_ended");
    eventually("it is gone", || !is_there(process));
    assert!(is_there(session));
    conductor.send(json!({"type": "bye"}));
    conductor.wait_for_end();
}

#[test]
fn a_farewell_before_the_word_leaves_no_process_and_tells_of_none() {
    let player = Player::start();
    let (mut conductor, _, process) = ready(&player, "true");
    conductor.send(json!({"type": "bye"}));
    conductor.wait_for_end();
    assert!(!is_there(process), "it had ended when the session did");
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    let check = run(&folder, ["conduct", "--check", "test.cfg"]);
    assert_eq!((check.status, check.stdout.lines().count()), (Some(0), 1), "nothing is left over: {check:#?}");
}

#[test]
fn the_death_of_the_session_ends_the_process_that_waits() {
    let player = Player::start();
    let (_conductor, session, process) = ready(&player, "true");
    kill(session, 9);
    eventually("it is gone", || !is_there(process));
}

#[test]
fn a_process_that_was_killed_while_it_waited_is_made_anew() {
    let (folder, player) = (Folder::new(), Player::start());
    let (mut conductor, _, process) = ready(&player, &format!("echo ran > {}", folder.join("log").display()));
    kill(process, 9);
    eventually("it is gone", || !is_there(process));
    conductor.send(json!({"type": "go", "trial": 1, "phase": "run"}));
    assert_eq!(conductor.expect("step_ended")["outcome"], json!({"is": "exit", "status": 0}));
    assert_eq!(folder.read("log"), "ran\n");
}

/// Whoever ends a service, or all that has the player's name, signals its session and the process that waits as well.
#[test]
fn a_signal_to_all_of_the_player_does_not_keep_reset_from_running() {
    let (folder, player) = (Folder::new(), Player::start());
    let log = folder.join("log");
    let phases = json!({"run": ["true"], "reset": [format!("echo reset > {}", log.display())]});
    let mut conductor = FakeConductor::with_plan(player.port, "r", "w", &phases);
    conductor.phase("run");
    let (session, process) = arm(&player, &mut conductor, "reset");
    // It has the signal before its session does, and cannot end before the session has decided.
    kill(process, 19);
    kill(process, 15);
    kill(session, 15);
    eventually("Reset has run", || log.exists());
}

#[test]
fn a_folder_that_is_made_before_the_word_is_the_one_that_the_step_starts_in() {
    let (folder, player) = (Folder::new(), Player::start());
    let place = folder.join("place");
    let mut plan = wire::plan(&json!({"run": ["echo ran > log"]}));
    plan["directory"] = json!(place);
    let (mut conductor, _, _) = FakeConductor::hello(player.port, "r", "w");
    conductor.send(plan);
    conductor.expect("plan_taken");
    arm(&player, &mut conductor, "run");
    std::fs::create_dir(&place).expect("a folder");
    conductor.send(json!({"type": "go", "trial": 1, "phase": "run"}));
    assert_eq!(conductor.expect("step_ended")["outcome"], json!({"is": "exit", "status": 0}));
    assert_eq!(folder.read("place/log"), "ran\n");
}

#[test]
fn the_process_that_waits_knows_what_has_changed_before_the_word() {
    let (folder, player) = (Folder::new(), Player::start());
    rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("end"), 0o600.into()).expect("a named pipe");
    let (end, pid) = (folder.join("end"), folder.join("pid"));
    let (end, pid) = (end.display(), pid.display());
    folder.worker(
        "a",
        player.port,
        &format!(
            "[Run]\nserver = spawn:echo $$ > {pid}; read line < {end}\nmeet = barrier:meet\n\
             look = echo \"server [$CONDUCTOR_PID_SERVER]\"\n[Reset]\nstep = true\n"
        ),
    );
    folder.worker(
        "b",
        player.port,
        &format!(
            "[Run]\nserved = until30:test -s {pid}\nlet = echo > {end}\ngone = until30:! kill -0 $(cat {pid})\n\
             meet = barrier:meet\n[Reset]\nstep = true\n"
        ),
    );
    folder.test("", &["a", "b"]);
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("| server []\n"), "{finished:#?}");
}

/// A step may freeze its own control group, where it has one; whoever began in that would never start.
#[test]
fn a_control_group_that_a_step_has_frozen_is_not_that_of_the_next_step() {
    let (folder, player) = (Folder::new(), Player::start());
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("a list of mounts");
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 ")).and_then(|line| line.split(' ').nth(4));
    let Some(mount) = mount else { return skip("control groups of the second version are not mounted here") };
    let freezes = format!(
        "place=$(sed -n s/^0:://p /proc/self/cgroup); \
         case $place in *conductor-*) echo 1 >{mount}$place/cgroup.freeze;; esac; sleep 600"
    );
    let steps = format!("[Run]\none = timeout1:{freezes}\ntwo = timeout20:echo on\n");
    folder.test("", &["w"]).worker("w", player.port, &steps);
    let finished = run(&folder, ["conduct", "-q", "-p", "run", "-f", "json", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let results: serde_json::Value = serde_json::from_str(&finished.stdout).expect("JSON");
    let results = &results["trials"][0]["phases"]["run"]["workers"]["w"]["results"];
    assert_eq!(results[0]["outcome"], "timed out");
    assert_eq!(results[1]["outcome"], "passed", "{results:#}");
}
