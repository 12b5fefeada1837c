//! The main job: the seed's localhost test, with a private player and with one that serves many runs.

use crate::support::surroundings::conductor_with_ping;
use crate::support::{Folder, Player, finish, run, start};
use snapbox::str;

const LOCALHOST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/localhost");

#[test]
fn the_localhost_test_passes_without_a_player() {
    let folder = Folder::new();
    let test = format!("{LOCALHOST}/conductor.cfg");
    let Some(command) = conductor_with_ping(&folder, &["conduct", "--local", "--quiet", &test], true) else { return };
    finish(start(command)).assert(
        0,
        str![[r#"
[..]/testdata/localhost/conductor.cfg  run [..]
1 trial of startup, run, collect, reset on 1 worker

Trial 1 of 1, startup
  worker1  step1  passed              [..]s  echo "startup"
      | startup

Trial 1 of 1, run
  worker1  step1  passed              [..]s  echo "running"
      | running
  worker1  step2  passed              [..]s  if command -v ping >/dev/null; then ping -c 3 127.0.0.1; else echo "no ping on this machine"; fi
      | ping -c 3 127.0.0.1

Trial 1 of 1, collect
  worker1  step1  passed              [..]s  echo "collecting"
      | collecting

Trial 1 of 1, reset
  worker1  step1  passed              [..]s  echo "system reset: goodbye"
      | system reset: goodbye

passed: 1 of 1 trial; steps: 5 passed; 1 worker; [..]s

"#]],
        str![""],
    );
}

#[test]
fn a_player_serves_ten_runs_in_a_row_and_ends_with_0_when_it_is_told_to_stop() {
    let mut player = Player::start();
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo again\n");
    for _ in 0..10 {
        let finished = run(&folder, ["conduct", "--quiet", "--format", "classic", "test.cfg"]);
        finished.assert(
            0,
            str![[r"
0 phase received
65535 phases complete
0 phase received
0 again

65535 phases complete
0 phase received
65535 phases complete
0 phase received
65535 phases complete

"]],
            str![""],
        );
    }
    player.signal(15);
    assert_eq!(player.wait().code(), Some(0));
}
