//! A connection that is broken for longer than the lease: the worker is lost, nothing of it goes on, its Reset has run
//! once, the others go on, and in the next trial it is back.

use crate::support::faults::{MOMENTS, Moment, Scene, at_every_moment};
use crate::support::relay::{Relay, Way};
use crate::support::{CONDUCTOR, Folder, Player, descendants, eventually, kill, run};

const LOST: &str = "w is lost: ";
const IN_RUN: Moment = MOMENTS[2];
const KILL: i32 = 9;
const CONTINUE: i32 = 18;
const STOP: i32 = 19;
const BROKEN: &str = "; reconnecting";

/// Breaks the connection at every moment, until the conductor has given the worker up; in the second trial it is back.
#[track_caller]
fn broken_by(fault: impl Fn(&Relay) + Sync, mend: impl Fn(&Relay) + Sync) {
    at_every_moment(|moment| {
        let scene = Scene::waiting_at(moment, "lease = 3s\ntrials = 2");
        let conductor = scene.start();
        scene.wait_for(moment, &conductor);
        fault(&scene.relay);
        if moment.name == "before the plan" {
            // Nothing was begun, and nothing is.
            conductor.wait_for(BROKEN);
            scene.release(moment);
            let (status, said) = conductor.finish();
            assert_eq!((status, scene.log()), (Some(1), String::new()), "{said}");
            return mend(&scene.relay);
        }
        // Nothing opens the gate: what waits there is stopped, but for a Reset.
        if moment.name != "in reset" {
            scene.pipe.wait_for_end();
            eventually("its Reset was run", || scene.log().ends_with("1 reset ends\n"));
        }
        conductor.wait_for(LOST);
        mend(&scene.relay);
        scene.release(moment);
        let (status, said) = conductor.finish();
        assert_lost_once(&scene, moment, status, &said);
    });
}

fn assert_lost_once(scene: &Scene, moment: Moment, status: Option<i32>, said: &str) {
    let name = moment.name;
    assert_eq!(status, Some(4), "{name}: {said}");
    assert_eq!(said.matches(LOST).count(), 1, "{name}: {said}");
    let log = scene.log();
    let (first, second) = log.split_once("2 ").unwrap_or_else(|| panic!("{name}: no second trial: {log}\n{said}"));
    for line in ["1 reset begins\n", "1 reset ends\n"] {
        assert_eq!(first.matches(line).count(), 1, "{name}: {log}");
    }
    for phase in ["startup", "run", "collect", "reset"] {
        for line in [format!("2 {phase} begins\n"), format!("2 {phase} ends\n")] {
            assert_eq!(format!("2 {second}").matches(&line).count(), 1, "{name}: {log}\n{said}");
        }
        assert!(first.matches(&format!("1 {phase} begins\n")).count() <= 1, "{name}: {log}");
    }
    assert_eq!(scene.folder.read("log-x"), "run\nreset\nrun\nreset\n", "{name}: the other worker goes on");
    let report = scene.report();
    let warnings = report["warnings"].to_string();
    let own = "an earlier session of this run for worker w: nothing was received from the conductor for 3s";
    assert!(warnings.contains(own) && !warnings.contains("worker w of run "), "{name}: {warnings}");
    let verdicts = ["incomplete", "failed"].map(serde_json::Value::from);
    assert_eq!([0, 1].map(|trial| report["trials"][trial]["verdict"].clone()), verdicts, "{name}: {report:#}");
    eventually("the player is free", || scene.player.children().is_empty());
}

#[test]
fn a_worker_whose_connection_is_closed_for_longer_than_the_lease_is_reset_and_back_in_the_next_trial() {
    broken_by(
        |relay| {
            relay.refuse(true);
            relay.cut();
        },
        |relay| relay.refuse(false),
    );
}

#[test]
fn a_worker_that_is_silent_for_longer_than_the_lease_is_reset_and_back_in_the_next_trial() {
    broken_by(|relay| relay.stall(Way::Both), |relay| relay.flow(Way::Both));
}

#[test]
fn a_worker_that_hears_nothing_for_longer_than_the_lease_is_reset_and_back_in_the_next_trial() {
    broken_by(|relay| relay.stall(Way::ToPlayer), |relay| relay.flow(Way::Both));
}

#[test]
fn a_worker_that_is_not_heard_for_longer_than_the_lease_is_reset_and_back_in_the_next_trial() {
    broken_by(|relay| relay.stall(Way::ToConductor), |relay| relay.flow(Way::Both));
}

/// The next run is told what became of the last one, and has its own results.
fn serves_and_tells(player: &Player, told: &str) {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo next\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    for expected in ["      | next\n", told] {
        assert!(finished.stdout.contains(expected), "`{expected}` is missing: {finished:#?}");
    }
}

#[test]
fn a_player_that_was_restarted_while_the_connection_was_broken_has_lost_its_workers_at_once() {
    let mut scene = Scene::waiting_at(IN_RUN, "lease = 1h");
    let conductor = scene.start();
    scene.wait_for(IN_RUN, &conductor);
    let port = scene.player.port.to_string();
    let all = descendants(scene.player.pid());
    for pid in [scene.player.pid()].into_iter().chain(all) {
        kill(pid, KILL);
    }
    scene.player.wait();
    let mut command = std::process::Command::new(CONDUCTOR);
    command.args(["player", "--quiet", "--bind", "127.0.0.1", "--port", &port]);
    scene.player = Player::from(command);
    let (status, said) = conductor.finish();
    assert_eq!(status, Some(4), "{said}");
    for lost in ["w is lost: ", "x is lost: "] {
        let line = said.lines().find(|line| line.contains(lost)).unwrap_or_else(|| panic!("{said}"));
        assert!(line.ends_with(": its player was restarted"), "{line}");
    }
    assert_eq!(scene.log().matches("run begins\n").count(), 1, "nothing is begun again: {}", scene.log());
}

#[test]
fn a_conductor_that_is_killed_leaves_no_step_each_reset_runs_once_and_the_next_run_is_told() {
    at_every_moment(|moment| {
        let scene = Scene::waiting_at(moment, "lease = 3s");
        let conductor = scene.start();
        scene.wait_for(moment, &conductor);
        kill(conductor.child.id(), KILL);
        conductor.finish();
        scene.release(moment);
        let nothing = moment.name == "before the plan";
        if !nothing {
            scene.pipe.wait_for_end();
            eventually("its Reset was run", || scene.log().ends_with("1 reset ends\n"));
        }
        let reset = if nothing { "no Reset was needed" } else { "its steps were stopped and Reset was run" };
        serves_and_tells(&scene.player, &format!("nothing was received from the conductor for 3s; {reset}"));
        assert_eq!(scene.log().matches("1 reset begins\n").count(), usize::from(!nothing), "{}", moment.name);
    });
}

#[test]
fn a_player_that_is_stopped_for_less_than_the_lease_goes_on_as_if_nothing_had_been() {
    at_every_moment(|moment| {
        let scene = Scene::waiting_at(moment, "lease = 10s");
        let conductor = scene.start();
        scene.wait_for(moment, &conductor);
        // The steps go on, and nobody is there to see it.
        let stopped = [vec![scene.player.pid()], scene.player.children()].concat();
        for pid in &stopped {
            kill(*pid, STOP);
        }
        scene.pass(moment);
        conductor.wait_for(BROKEN);
        for pid in &stopped {
            kill(*pid, CONTINUE);
        }
        let (status, said) = conductor.finish();
        scene.assert_undisturbed(moment.name, &said, status);
        eventually("the player is free", || scene.player.children().is_empty());
    });
}
