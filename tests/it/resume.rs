//! A connection that breaks for less than the lease changes no result: whatever breaks it, whenever it does.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::faults::{Conductor, Scene, at_every_moment};
use crate::support::relay::{Relay, Way};
use crate::support::{Folder, Player, eventually, kill, run};

const BROKEN: &str = "; reconnecting";
const THERE_AGAIN: &str = "w: reconnected after ";

/// Breaks the connection at every moment. The player can be reached again only when its steps have gone on.
#[track_caller]
fn broken_by(fault: impl Fn(&Relay) + Sync) {
    at_every_moment(|moment| {
        let scene = Scene::waiting_at(moment, "lease = 1m");
        let conductor = scene.start();
        scene.wait_for(moment, &conductor);
        scene.relay.refuse(true);
        fault(&scene.relay);
        conductor.wait_for(BROKEN);
        scene.pass(moment);
        scene.relay.refuse(false);
        conductor.wait_for(THERE_AGAIN);
        let (status, said) = conductor.finish();
        scene.assert_undisturbed(moment.name, &said, status);
    });
}

#[test]
fn a_connection_that_is_closed_is_made_again_and_changes_no_result() {
    broken_by(Relay::cut);
}

#[test]
fn a_connection_that_is_reset_is_made_again_and_changes_no_result() {
    broken_by(Relay::reset);
}

#[test]
fn a_connection_whose_way_to_the_player_ends_is_made_again_and_changes_no_result() {
    broken_by(|relay| relay.half_close(Way::ToPlayer));
}

#[test]
fn a_connection_whose_way_to_the_conductor_ends_is_made_again_and_changes_no_result() {
    broken_by(|relay| relay.half_close(Way::ToConductor));
}

/// Silences the connection at every moment, until the conductor has noticed.
fn silenced_by(fault: impl Fn(&Relay) + Sync, mend: impl Fn(&Relay) + Sync) {
    at_every_moment(|moment| {
        // An interval is a second: three silent ones leave half of the lease.
        let scene = Scene::waiting_at(moment, "lease = 6s");
        let conductor = scene.start();
        scene.wait_for(moment, &conductor);
        fault(&scene.relay);
        scene.pass(moment);
        conductor.wait_for(BROKEN);
        mend(&scene.relay);
        conductor.wait_for(THERE_AGAIN);
        let (status, said) = conductor.finish();
        scene.assert_undisturbed(moment.name, &said, status);
    });
}

#[test]
fn a_connection_that_is_stalled_until_it_breaks_changes_no_result() {
    silenced_by(|relay| relay.stall(Way::Both), |relay| relay.flow(Way::Both));
}

#[test]
fn a_connection_that_is_stalled_on_the_way_to_the_conductor_changes_no_result() {
    silenced_by(|relay| relay.stall(Way::ToConductor), |relay| relay.flow(Way::Both));
}

#[test]
fn a_connection_that_is_stalled_on_the_way_to_the_player_changes_no_result() {
    silenced_by(|relay| relay.stall(Way::ToPlayer), |relay| relay.flow(Way::Both));
}

#[test]
fn a_connection_that_the_network_forgets_changes_no_result() {
    silenced_by(Relay::strand, |_| {});
}

#[test]
fn a_connection_that_is_stalled_for_a_moment_changes_no_result() {
    at_every_moment(|moment| {
        let scene = Scene::waiting_at(moment, "lease = 1m");
        let conductor = scene.start();
        scene.wait_for(moment, &conductor);
        scene.relay.stall(Way::Both);
        scene.pass(moment);
        scene.relay.flow(Way::Both);
        let (status, said) = conductor.finish();
        assert!(!said.contains(BROKEN), "{said}");
        scene.assert_undisturbed(moment.name, &said, status);
    });
}

#[test]
fn an_interrupt_while_the_connection_is_broken_is_heard_when_it_is_there_again() {
    at_every_moment(|moment| {
        let scene = Scene::waiting_at(moment, "lease = 1m");
        let conductor = scene.start();
        scene.wait_for(moment, &conductor);
        scene.relay.refuse(true);
        scene.relay.cut();
        conductor.wait_for(BROKEN);
        kill(conductor.child.id(), 2);
        conductor.wait_for("SIGINT while waiting for ");
        scene.relay.refuse(false);
        scene.release(moment);
        let (status, said) = conductor.finish();
        assert_eq!(status, Some(130), "{}: {said}", moment.name);
        scene.pipe.wait_for_end();
        let log = scene.log();
        let once = usize::from(moment.name != "before the plan");
        for line in ["1 reset begins\n", "1 reset ends\n"] {
            assert_eq!(log.matches(line).count(), once, "{}: {log}{said}", moment.name);
        }
        eventually("the player is free", || scene.player.children().is_empty());
    });
}

/// The next run on this player is served. What the last one's sessions still have to tell their conductor keeps nobody away.
#[track_caller]
fn assert_serves(player: &Player) {
    let folder = Folder::new();
    folder.test("connect_timeout = 1m", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
}

/// `w`, whose relay closes each connection over which `go` comes, and `x`, which gets its own.
fn without_go(lease: &str) -> (Folder, Player, [Relay; 2]) {
    let (folder, player) = (Folder::new(), Player::start());
    let relays = [Relay::to(player.port), Relay::to(player.port)];
    relays[0].forbid(r#""type":"go""#);
    folder.test(&format!("lease = {lease}"), &["w", "x"]);
    for (name, relay) in ["w", "x"].into_iter().zip(&relays) {
        let log = folder.join(&format!("log-{name}"));
        let step = |phase: &str| format!("[{phase}]\nstep = echo {phase} >>{}\n", log.display());
        folder.worker(name, relay.port, &(step("Run") + &step("Reset")));
    }
    (folder, player, relays)
}

#[test]
fn a_connection_that_breaks_at_each_go_loses_its_worker_and_no_other() {
    let (folder, player, relays) = without_go("1s");
    let (status, said) = Conductor::start(&folder).finish();
    assert_eq!(status, Some(4), "{said}");
    assert!(said.contains("worker `w` was lost"), "{said}");
    let document: serde_json::Value = serde_json::from_str(&folder.read("report.json")).expect("JSON");
    assert_eq!(document["lost"][0]["worker"], "w", "{document:#}");
    assert_eq!(document["not_reset"], serde_json::json!([]), "{document:#}");
    // `w` never began its phase: there is nothing to reset.
    assert_eq!(folder.read("log-x"), "Run\nReset\n");
    assert_serves(&player);
    let tries = relays[0].accepted();
    assert!(tries <= 40, "{tries} connections");
    assert!(said.lines().count() <= 150, "{said}");
}

#[test]
fn interrupts_end_a_run_whose_connection_breaks_at_each_go() {
    let (folder, player, relays) = without_go("10s");
    let conductor = Conductor::start(&folder);
    eventually("the connection broke", || relays[0].accepted() >= 4);
    kill(conductor.child.id(), 2);
    conductor.wait_for("SIGINT while waiting for ");
    kill(conductor.child.id(), 2);
    let (status, said) = conductor.finish();
    assert_eq!(status, Some(130), "{said}");
    assert_serves(&player);
}

#[test]
fn a_connection_that_is_cut_at_any_byte_changes_no_result_and_the_player_is_free() {
    let whole = Scene::new("");
    whole.start().finish();
    let totals = [Way::ToPlayer, Way::ToConductor].map(|way| (way, whole.relay.passed(way)));
    // The beginning and the end are told byte by byte, and the output between them is long.
    let cuts = totals.into_iter().flat_map(|(way, total)| {
        let first = [0, 1, 3, 4, 30, 100, 300, 500, 700, 900, 1200, 1600].into_iter();
        let last = [2, 30, 60, 90, 130, 170, 220, 300, 400, 600, 1000].into_iter();
        let middle = (1..4).map(move |part| total * part / 4);
        first.chain(middle).chain(last.map(move |byte| total.saturating_sub(byte))).map(move |byte| (way, byte))
    });
    let cuts = Mutex::new(cuts.collect::<Vec<_>>());
    let broken = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((way, byte)) = cuts.lock().expect("the cuts").pop() else { return };
                    let scene = Scene::new("lease = 1m");
                    scene.relay.cut_after(way, byte);
                    let (status, said) = scene.start().finish();
                    broken.fetch_add(said.matches(BROKEN).count(), Ordering::Relaxed);
                    scene.assert_undisturbed(&format!("{way:?} {byte}"), &said, status);
                    eventually("the player is free", || scene.player.children().is_empty());
                }
            });
        }
    });
    // The first greeting is repeated without a word, and a run may be over before the last byte.
    assert!(broken.into_inner() >= 30);
}
