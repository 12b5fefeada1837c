//! A player whose run was left alone: who comes next waits for it, visibly, or takes it over.

use crate::support::pipes::Pipe;
use crate::support::{Folder, Player, conductor, eventually, finish, kill, run, start};

const KILL: i32 = 9;
const INTERRUPT: i32 = 2;

/// A player whose conductor was killed in the middle of Run, and what its steps appended to their log.
struct Orphaned {
    player: Player,
    folder: Folder,
    pipe: Pipe,
}

impl Orphaned {
    fn with_lease(lease: &str) -> Self {
        let (player, folder) = (Player::start(), Folder::new());
        let pipe = Pipe::new(&folder, "pipe");
        let log = folder.join("log");
        let work = format!("echo run >>{}; {}; sleep 600", log.display(), pipe.hold());
        let sections = format!("[Run]\nwork = {work}\n[Reset]\nundo = echo reset >>{}\n", log.display());
        folder.test(&format!("lease = {lease}"), &["w"]).worker("w", player.port, &sections);
        let mut conduct = start(conductor(&folder, ["conduct", "--quiet", "--run-id", "first", "test.cfg"]));
        pipe.wait_for_start();
        kill(conduct.id(), KILL);
        conduct.wait().expect("it was killed");
        Self { player, folder, pipe }
    }

    /// The next run, whose step appends to the log too.
    fn next(&self) -> Folder {
        let folder = Folder::new();
        let log = self.folder.join("log");
        let sections = format!("[Run]\nstep = echo next >>{}\n", log.display());
        folder.test("", &["w"]).worker("w", self.player.port, &sections);
        folder
    }

    /// The player has to notice that the connection is closed: until then its conductor counts as live.
    fn wait_until_missed(next: &Folder) {
        eventually("the conductor is missed", || {
            run(next, ["conduct", "--quiet", "--check", "test.cfg"]).stdout.contains("its conductor does not respond")
        });
    }

    /// Everything that the killed run had begun is over and undone, and only then the next run began.
    fn assert_undone_before_the_next(&self) {
        self.pipe.wait_for_end();
        assert_eq!(self.folder.read("log"), "run\nreset\nnext\n");
    }
}

#[test]
fn the_next_run_waits_for_one_whose_conductor_is_gone_says_so_and_is_told_what_became_of_it() {
    let orphaned = Orphaned::with_lease("2s");
    let folder = orphaned.next();
    Orphaned::wait_until_missed(&folder);
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let waited = "warning: w: its player has been busy with run `first` of ";
    assert!(finished.stdout.contains(waited), "{finished:#?}");
    assert!(finished.stdout.contains("and its conductor does not respond; waiting up to "), "{finished:#?}");
    assert!(
        finished.stdout.contains(
            " s for the end of its lease, and then up to 315 s for its Reset; to end it now, use `--take-over`"
        )
    );
    let told = ": nothing was received from the conductor for 2s; its steps were stopped and Reset was run";
    assert!(finished.stdout.contains(told), "{finished:#?}");
    orphaned.assert_undone_before_the_next();
}

#[test]
fn a_player_that_goes_away_while_it_is_waited_for_is_told_of() {
    let mut orphaned = Orphaned::with_lease("1h");
    let folder = orphaned.next();
    Orphaned::wait_until_missed(&folder);
    let arguments = ["conduct", "--log-file", "conduct.log", "test.cfg"];
    let conduct = start(conductor(&folder, arguments));
    eventually("it is waited for", || folder.read("conduct.log").contains(" s for the end of its lease"));
    orphaned.player.signal(KILL);
    orphaned.player.children().into_iter().for_each(|child| kill(child, KILL));
    orphaned.player.wait();
    let said = "its player became unreachable during the wait; trying again: connection refused";
    eventually("it is said that the player is gone", || folder.read("conduct.log").contains(said));
    kill(conduct.id(), INTERRUPT);
    assert_eq!(finish(conduct).status, Some(130));
    assert_eq!(folder.read("conduct.log").matches(said).count(), 1);
}

#[test]
fn a_run_that_takes_over_does_not_wait_for_the_lease_and_reset_is_run_before_it() {
    let orphaned = Orphaned::with_lease("1h");
    let folder = orphaned.next();
    Orphaned::wait_until_missed(&folder);
    let finished = run(&folder, ["conduct", "--quiet", "--run-id", "second", "--take-over", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let said = "its conductor does not respond; `--take-over` ends that run now; waiting for its Reset\n";
    assert!(finished.stdout.contains(said), "{finished:#?}");
    assert!(finished.stdout.contains("run second of "), "who took it over: {finished:#?}");
    assert!(
        finished.stdout.contains(" took over the player; its steps were stopped and Reset was run"),
        "{finished:#?}"
    );
    orphaned.assert_undone_before_the_next();
}

#[test]
fn a_live_run_is_not_taken_over() {
    let (player, folder, other) = (Player::start(), Folder::new(), Folder::new());
    let pipe = Pipe::new(&folder, "pipe");
    let gate = folder.join("gate");
    let work = format!("{}; until [ -e {} ]; do sleep 0.02; done", pipe.hold(), gate.display());
    folder.test("", &["w"]).worker("w", player.port, &format!("[Run]\nwork = {work}\n"));
    other.test("", &["w"]).worker("w", player.port, "[Run]\nstep = echo next\n");
    let conduct = start(conductor(&folder, ["conduct", "--quiet", "--run-id", "first", "test.cfg"]));
    pipe.wait_for_start();
    let refused = run(&other, ["conduct", "--quiet", "--take-over", "test.cfg"]);
    assert_eq!(refused.status, Some(1), "{refused:#?}");
    assert!(refused.stdout.contains("its player is busy: run `first` of "), "{refused:#?}");
    assert!(refused.stdout.contains(" s; `--take-over` does not end a run whose conductor is alive\n"), "{refused:#?}");
    folder.file("gate", "");
    assert_eq!(finish(conduct).status, Some(0));
}

#[test]
fn with_v_a_wait_names_what_is_waited_for_and_on_whom() {
    let (player, folder) = (Player::start(), Folder::new());
    let pipe = Pipe::new(&folder, "pipe");
    let log = folder.join("conduct.log");
    // The step goes on until it was said that it is waited for.
    let until = format!("until grep -q 'waiting for .* to finish run' {}; do sleep 0.05; done", log.display());
    let work = format!("{}; {until}", pipe.hold());
    folder.test("", &["w", "quick"]).worker("w", player.port, &format!("[Run]\nlong = {work}\n"));
    folder.worker("quick", player.port, "[Run]\nstep = true\n");
    let finished = run(&folder, ["conduct", "-v", "--log-file", "conduct.log", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let said = folder.read("conduct.log");
    assert!(said.contains("waiting for `w` (at `long`) to finish run, 1s so far"), "{said}");
}
