//! Output that nobody takes for a while: it waits on the player's disk, memory stays bounded, and every byte comes.

use std::fmt::Write as _;

use crate::support::faults::Conductor;
use crate::support::pipes::Pipe;
use crate::support::relay::{Relay, Way};
use crate::support::room::Disk;
use crate::support::surroundings::skip;
use crate::support::{CONDUCTOR, Folder, Player, eventually};

const LINES: usize = 3_000_000;
const BROKEN: &str = "; reconnecting";
const STALLED: &str = "wait on its disk, and steps that print are paused";

/// A worker that prints 22 MB in Run, as fast as they are taken, and waits then until its pipe is read.
struct Scene {
    folder: Folder,
    relay: Relay,
    pipe: Pipe,
    _player: Player,
}

impl Scene {
    fn new(lines: &str, player: Player) -> Self {
        let folder = Folder::new();
        let (relay, pipe) = (Relay::to(player.port), Pipe::new(&folder, "pipe"));
        let here = folder.path().display();
        let run = format!(
            "loud = echo $PPID >{here}/session; {}; until [ -e {here}/gate ]; do sleep 0.02; done; seq 1 {LINES}; \
             echo ends >>{here}/log\nlast = until [ -e {here}/end ]; do sleep 0.02; done",
            pipe.hold()
        );
        folder.test(&format!("max_message_size = 100\n{lines}"), &["w"]);
        folder.worker("w", relay.port, &format!("[Run]\n{run}\n"));
        Self { folder, relay, pipe, _player: player }
    }

    /// Starts it, and waits until the step is about to print.
    fn start(&self) -> Conductor {
        let conductor = Conductor::with_report(&self.folder, ["classic", "report"]);
        self.pipe.wait_for_start();
        conductor
    }

    fn session(&self) -> u32 {
        self.folder.read("session").trim().parse().expect("a number")
    }

    fn print(&self) {
        self.folder.file("gate", "");
    }

    fn printed_all(&self) -> bool {
        self.folder.read("log") == "ends\n"
    }

    /// Every byte came, and nobody needed much memory for it.
    fn assert_whole(&self, conductor: Conductor) -> String {
        conductor.wait_for("w: loud of run passed");
        let (session, own) = (memory(self.session()), memory(conductor.child.id()));
        self.folder.file("end", "");
        let (status, said) = conductor.finish();
        assert_eq!(status, Some(0), "{said}");
        let mut expected = "0 phase received\n0 ".to_owned();
        (1..=LINES).for_each(|line| writeln!(expected, "{line}").expect("a text grows"));
        // The report has no lines of its own that these could be mistaken for.
        assert!(self.folder.read("report").contains(&expected), "22 MB are not as they were printed: {said}");
        // With the 22 MB that were printed it would be over 22,000.
        assert!(session < 10_000 && own < 10_000, "session {session} kB, conductor {own} kB");
        said
    }
}

/// The most memory that a process had resident, in kB, without what it has of files, such as its own program.
fn memory(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("its memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number")
    };
    field("VmHWM:") - field("RssFile:")
}

/// The largest file that a process has open.
fn largest_file(pid: u32) -> u64 {
    let files = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files.filter_map(|file| std::fs::metadata(file.path()).ok()).map(|file| file.len()).max().unwrap_or_default()
}

#[test]
fn what_is_printed_while_the_connection_is_broken_waits_on_the_disk() {
    let scene = Scene::new("lease = 1m", Player::start());
    let conductor = scene.start();
    scene.relay.refuse(true);
    scene.relay.cut();
    conductor.wait_for(BROKEN);
    scene.print();
    eventually("the step has printed everything", || scene.printed_all());
    scene.relay.refuse(false);
    let said = scene.assert_whole(conductor);
    assert!(!said.contains(STALLED), "{said}");
}

#[test]
fn what_is_printed_while_the_conductor_takes_nothing_waits_on_the_disk() {
    let scene = Scene::new("lease = 1m", Player::start());
    let conductor = scene.start();
    scene.relay.stall(Way::Both);
    scene.print();
    eventually("the step has printed everything", || scene.printed_all());
    scene.relay.flow(Way::Both);
    let said = scene.assert_whole(conductor);
    assert!(!said.contains(STALLED), "{said}");
}

#[test]
fn beyond_the_limit_the_step_stands_still_which_is_told_and_nothing_is_lost() {
    let scene = Scene::new("lease = 1m", Player::with(["--quiet", "--spool-limit", "4"]));
    let conductor = scene.start();
    scene.relay.refuse(true);
    scene.relay.cut();
    conductor.wait_for(BROKEN);
    scene.print();
    eventually("the disk has its share", || largest_file(scene.session()) >= 4 << 20);
    assert!(!scene.printed_all());
    // It is broken once more while the rest is on its way.
    scene.relay.cut_after(Way::ToConductor, 2_000_000);
    scene.relay.refuse(false);
    let said = scene.assert_whole(conductor);
    assert!(said.contains(STALLED), "{said}");
    assert!(said.matches(BROKEN).count() >= 2, "{said}");
}

#[test]
fn over_a_narrow_link_signs_of_life_do_not_wait_behind_output() {
    // Three silent intervals of 500 ms would break it.
    let scene = Scene::new("lease = 3s", Player::start());
    scene.relay.rate(Way::Both, Some(125_000));
    let conductor = scene.start();
    let before = scene.relay.passed(Way::ToConductor);
    scene.print();
    eventually("it takes its time", || scene.relay.passed(Way::ToConductor) >= before + 500_000);
    assert!(!conductor.said().contains(BROKEN), "{}", conductor.said());
    scene.relay.rate(Way::Both, None);
    let said = scene.assert_whole(conductor);
    assert!(!said.contains(BROKEN), "{said}");
}

#[test]
fn where_the_players_disk_is_full_the_step_stands_still_which_is_told_and_nothing_is_lost() {
    let disk = match Disk::new() {
        Ok(disk) => disk,
        Err(error) => return skip(&format!("no file system can be made here: {error}")),
    };
    disk.fill();
    let log = Folder::new();
    let mut command = std::process::Command::new(CONDUCTOR);
    command.args(["player", "--bind", "127.0.0.1", "--port", "0", "--log-file"]).arg(log.join("log"));
    command.env("TMPDIR", disk.path());
    let scene = Scene::new("lease = 1m", Player::from(command));
    let conductor = scene.start();
    scene.relay.refuse(true);
    scene.relay.cut();
    conductor.wait_for(BROKEN);
    scene.print();
    eventually("nothing more finds room", || log.read("log").contains("cannot write output to a temporary file: "));
    assert!(!scene.printed_all());
    scene.relay.refuse(false);
    let said = scene.assert_whole(conductor);
    assert!(said.contains(STALLED), "{said}");
}
