//! A series over networks and players that fail: the plan of the next point comes whole, once, and with its own Reset, and
//! a player that cannot take it is refused by name.

use std::net::TcpListener;
use std::sync::atomic::Ordering;

use crate::support::faults::Conductor;
use crate::support::hostile_player::{Shared, play};
use crate::support::pipes::Pipe;
use crate::support::relay::{Relay, Way};
use crate::support::{Folder, Player, eventually, kill, run};

const KILL: i32 = 9;
const SERIES: &str = "[Parameters]\nqdisc = codel, pfifo\n[Series]\norder = interleaved\n";
/// What a worker writes down when nothing is lost, and nothing is done twice.
const WHOLE: &str = "1 codel codel run\n1 codel reset\n2 pfifo pfifo run\n2 pfifo reset\n";

/// A series of two trials with this step behind the one that writes down its run.
fn series(folder: &Folder, lines: &str, port: u16, step: &str) {
    let log = folder.join("log").display().to_string();
    folder.test(lines, &["w"]);
    let test = folder.read("test.cfg");
    folder.file("test.cfg", &format!("{test}{SERIES}"));
    let sections = format!(
        "[Run]\nfirst = echo $CONDUCTOR_TRIAL $CONDUCTOR_PARAM_QDISC %(qdisc)s run >>{log}\nstep = {step}\n\
         [Reset]\nundo = echo $CONDUCTOR_TRIAL %(qdisc)s reset >>{log}\n"
    );
    folder.worker("w", port, &sections);
}

/// Breaks the connection while `check` judges the first trial, which then goes on; the second trial is of the other point.
fn broken_between_trials(name: &str, fault: impl FnOnce(&Relay), mend: impl FnOnce(&Relay, &Conductor)) {
    let (folder, player) = (Folder::new(), Player::start());
    let relay = Relay::to(player.port);
    let (here, gate) = (folder.join("checking"), folder.join("gate"));
    let check = format!("check = touch {}; until [ -e {} ]; do sleep 0.01; done", here.display(), gate.display());
    series(&folder, &check, relay.port, "true");
    let conductor = Conductor::start(&folder);
    eventually("the first trial is judged", || here.exists());
    let before = relay.accepted();
    fault(&relay);
    folder.file("gate", "");
    mend(&relay, &conductor);
    let (status, said) = conductor.finish();
    assert_eq!((status, folder.read("log").as_str()), (Some(0), WHOLE), "{name}: {said}");
    assert!(relay.accepted() > before, "{name}: the connection was not broken: {said}");
}

#[test]
fn a_connection_that_is_killed_between_trials_of_different_points_loses_nothing_of_the_next_plan() {
    let nothing = |_: &Relay, _: &Conductor| {};
    std::thread::scope(|scope| {
        scope.spawn(|| broken_between_trials("cut", Relay::cut, nothing));
        scope.spawn(|| broken_between_trials("reset", Relay::reset, nothing));
        scope.spawn(|| {
            let refused = |relay: &Relay| {
                relay.refuse(true);
                relay.cut();
            };
            broken_between_trials("refused", refused, |relay, conductor| {
                conductor.wait_for("; reconnecting");
                relay.refuse(false);
            });
        });
        for bytes in [1, 60, 400] {
            let within = move |relay: &Relay| relay.cut_after(Way::ToPlayer, bytes);
            scope.spawn(move || broken_between_trials(&format!("{bytes} bytes of the plan"), within, nothing));
        }
        let answer = |relay: &Relay| relay.cut_after(Way::ToConductor, 1);
        scope.spawn(move || broken_between_trials("within the answer", answer, nothing));
    });
}

/// Ends something in the second trial, so that its player runs Reset alone.
fn lost_in_the_second_trial(end: impl FnOnce(&Player, &Conductor)) -> Player {
    let (folder, player) = (Folder::new(), Player::start());
    let pipe = Pipe::new(&folder, "pipe");
    let step = format!("[ $CONDUCTOR_TRIAL = 1 ] || {{ {}; sleep 600; }}", pipe.hold());
    series(&folder, "lease = 3s", player.port, &step);
    let conductor = Conductor::start(&folder);
    pipe.wait_for_start();
    end(&player, &conductor);
    pipe.wait_for_end();
    eventually("a Reset was run", || folder.read("log").matches("reset").count() == 2);
    let (_, said) = conductor.finish();
    assert_eq!(folder.read("log"), WHOLE, "{said}");
    player
}

#[test]
fn a_lease_that_ends_at_the_second_point_runs_the_reset_of_that_point() {
    let player = lost_in_the_second_trial(|_, conductor| kill(conductor.child.id(), KILL));
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    let next = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(next.status, Some(0), "{next:#?}");
    let told = "nothing was received from the conductor for 3s; its steps were stopped and Reset was run";
    assert!(next.stdout.contains(told), "{next:#?}");
}

#[test]
fn a_session_that_is_killed_at_the_second_point_has_the_reset_of_that_point() {
    let sessions = |player: &Player| player.children().into_iter();
    let player = lost_in_the_second_trial(|player, _| sessions(player).for_each(|session| kill(session, KILL)));
    eventually("the player is free", || player.children().is_empty());
}

#[test]
fn a_player_of_an_earlier_version_is_refused_a_series_by_name() {
    let (folder, shared) = (Folder::new(), Shared::default());
    // An honest player that says of nothing new that it can do it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::scope(|scope| {
        scope.spawn(|| play(listener, None, &shared));
        series(&folder, "connect_timeout = 10s", port, "true");
        let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
        shared.is_over.store(true, Ordering::Relaxed);
        assert_eq!(finished.status, Some(1), "{finished:#?}");
        let refused = "its player (version 0.1.0) does not support `[Parameters]`; update it";
        assert!(finished.stdout.contains(refused), "{finished:#?}");
    });
}
