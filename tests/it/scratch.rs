//! The scratch folder of a worker: private, empty in each trial, and removed afterwards, whatever happens.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::support::pipes::Pipe;
use crate::support::surroundings::skip;
use crate::support::{CONDUCTOR, Folder, Player, conductor, eventually, finish, kill, run, start};

const INTERRUPT: i32 = 2;
const KILL: i32 = 9;
const TERMINATE: i32 = 15;

/// A player whose temporary files are in a folder of their own.
struct Scene {
    player: Player,
    folder: Folder,
    temporary: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let folder = Folder::new();
        let temporary = folder.join("tmp");
        std::fs::create_dir(&temporary).expect("a folder");
        let mut command = Command::new(CONDUCTOR);
        command.args(["player", "--quiet", "--bind", "127.0.0.1", "--port", "0"]).env("TMPDIR", &temporary);
        Self { player: Player::from(command), folder, temporary }
    }

    /// A test of one worker, with these lines in `[Test]`.
    fn test(&self, lines: &str, sections: &str) -> &Self {
        self.folder.test(lines, &["w"]).worker("w", self.player.port, sections);
        self
    }

    /// What is in the folder for temporary files.
    fn left(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.temporary).expect("a folder").map(|entry| entry.expect("an entry"));
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// The scratch folder that a step has written to `where`.
    fn noted(&self) -> PathBuf {
        let path = PathBuf::from(self.folder.read("where").trim());
        assert_eq!(path.parent(), Some(self.temporary.as_path()), "{}", path.display());
        path
    }

    /// Starts `conduct` with a step that holds a pipe, and waits until it does.
    fn start(&self, lines: &str, reset: &str) -> (Child, Pipe) {
        let pipe = Pipe::new(&self.folder, "pipe");
        let place = self.folder.join("where").display().to_string();
        let hold = pipe.hold();
        let step =
            format!("echo \"$CONDUCTOR_SCRATCH\" >{place}; echo x >\"$CONDUCTOR_SCRATCH/file\"; {hold}; sleep 600");
        self.test(lines, &format!("[Run]\nstep = {step}\n[Reset]\nreset = {reset}\n"));
        let child = start(conductor(&self.folder, ["conduct", "--quiet", "test.cfg"]));
        pipe.wait_for_start();
        (child, pipe)
    }
}

fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}

#[test]
fn it_is_private_and_empty_in_each_trial_and_removed_with_everything_in_it() {
    let scene = Scene::new();
    let outside = scene.folder.join("outside");
    std::fs::create_dir(&outside).expect("a folder");
    std::fs::write(outside.join("kept"), "x").expect("a file");
    let look = "test \"$(stat -c %%a%%F \"$CONDUCTOR_SCRATCH\")\" = 700directory && test -z \"$(ls -A \"$CONDUCTOR_SCRATCH\")\"";
    let fill = format!(
        "cd \"$CONDUCTOR_SCRATCH\"; i=0; while [ $i -lt 1000 ]; do echo $i >file-$i; i=$((i+1)); done; ln -s {} link; \
         mkdir -p a/b/c; ln -s .. a/b/up; chmod 0 a/b/c a/b a",
        outside.display()
    );
    let same = "test -e \"$CONDUCTOR_SCRATCH/file-999\"";
    let sections = format!(
        "[Startup]\nlook = {look}\nfill = {fill}\n[Run]\nsame = {same}\n[Reset]\nsame = {same} && echo reset >>{}\n",
        scene.folder.join("log").display()
    );
    scene.test("trials = 2", &sections);
    let finished = run(&scene.folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    assert!(!finished.stdout.contains("scratch folder"), "{finished:#?}");
    assert_eq!(scene.folder.read("log"), "reset\nreset\n");
    eventually("the folders are gone", || scene.left().is_empty());
    assert!(outside.join("kept").exists(), "links are not followed");
}

#[test]
fn a_folder_that_nothing_has_used_serves_the_next_trial() {
    let scene = Scene::new();
    let log = scene.folder.join("log").display().to_string();
    let use_it =
        "case $CONDUCTOR_TRIAL in 3) touch \"$CONDUCTOR_SCRATCH/x\";; 5) chmod 755 \"$CONDUCTOR_SCRATCH\";; esac";
    let look = format!("ls -A \"$CONDUCTOR_SCRATCH\" >>{log}; echo \"$CONDUCTOR_SCRATCH\" >>{log}");
    scene.test("trials = 7", &format!("[Startup]\nlook = {look}\n[Run]\nuse = {use_it}\n"));
    let finished = run(&scene.folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let log = scene.folder.read("log");
    let paths: Vec<_> = log.lines().collect();
    let [first, _, _, fourth, _, sixth, _] = paths[..] else { panic!("{paths:?}") };
    assert_eq!(paths, [first, first, first, fourth, fourth, sixth, sixth]);
    assert!(first != fourth && fourth != sixth && first != sixth, "{paths:?}");
    eventually("the folders are gone", || scene.left().is_empty());
}

#[test]
fn when_the_session_is_killed_in_a_later_trial_its_reset_has_the_folder_of_that_trial() {
    let scene = Scene::new();
    let (log, place) = (scene.folder.join("log"), scene.folder.join("where"));
    let pipe = Pipe::new(&scene.folder, "pipe");
    let step = format!(
        "test $CONDUCTOR_TRIAL = 1 || {{ echo \"$CONDUCTOR_SCRATCH\" >{}; echo x >\"$CONDUCTOR_SCRATCH/file\"; {}; sleep 600; }}",
        place.display(),
        pipe.hold()
    );
    let reset = format!("test $CONDUCTOR_TRIAL = 1 || cat {}/file >>{}", "$CONDUCTOR_SCRATCH", log.display());
    scene.test("trials = 2", &format!("[Run]\nstep = {step}\n[Reset]\nreset = {reset}\n"));
    let child = start(conductor(&scene.folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    kill(scene.player.children()[0], KILL);
    pipe.wait_for_end();
    assert_eq!(finish(child).status, Some(4));
    eventually("the folder is gone", || scene.left().is_empty());
    assert_eq!(scene.folder.read("log"), "x\n");
}

#[test]
fn twenty_workers_on_a_machine_have_folders_of_their_own() {
    let scene = Scene::new();
    let log = scene.folder.join("log").display().to_string();
    scene.folder.file("test.cfg", "[Workers]\nnode[1-20] = node.cfg\n");
    let sections = format!(
        "[Startup]\nfirst = echo \"$CONDUCTOR_SCRATCH\" >>{log}; touch \"$CONDUCTOR_SCRATCH/%(worker)s\"\nall = barrier:all\nown = test \"$(ls \"$CONDUCTOR_SCRATCH\")\" = %(worker)s\n"
    );
    scene.folder.worker("node", scene.player.port, &sections);
    let finished = run(&scene.folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let mut paths: Vec<_> = scene.folder.read("log").lines().map(str::to_owned).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(paths.len(), 20, "{paths:?}");
    eventually("the folders are gone", || scene.left().is_empty());
}

#[test]
fn its_files_are_fetched_before_it_is_removed() {
    let scene = Scene::new();
    let results = scene.folder.join("results").display().to_string();
    let sections = "[Run]\nwrite = cd \"$CONDUCTOR_SCRATCH\"; echo a >a.log; mkdir b; echo c >b/c.log; echo d >.d\n\
                    [Collect]\nall = fetch:scratch:**\nnone = mayfail:fetch:scratch:*.txt\n";
    scene.test("", sections);
    let finished = run(&scene.folder, ["conduct", "--quiet", "--results", &results, "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("no file matches `*.txt`"), "{finished:#?}");
    let read = |name: &str| scene.folder.read(&format!("results/latest/trial-1/w/{name}"));
    assert_eq!([read("a.log"), read("b/c.log")], ["a\n", "c\n"]);
    eventually("the folder is gone", || scene.left().is_empty());
}

#[test]
fn keep_scratch_keeps_it_and_says_where_unless_it_is_empty() {
    let scene = Scene::new();
    let write = "if [ $CONDUCTOR_TRIAL = 2 ]; then echo x >\"$CONDUCTOR_SCRATCH/file\"; fi";
    scene.test("trials = 3", &format!("[Run]\nwrite = {write}\n"));
    let finished = run(&scene.folder, ["conduct", "--quiet", "--keep-scratch", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let left = scene.left();
    let [kept] = &left[..] else { panic!("{left:?}") };
    assert!(kept.starts_with("conductor-w-2-"), "{kept}");
    let path = scene.temporary.join(kept);
    let text = format!("the scratch folder of trial 2 was kept: `{}`", path.display());
    assert_eq!(finished.stdout.matches(&text).count(), 1, "{finished:#?}");
    assert_eq!(std::fs::read_to_string(path.join("file")).expect("a file"), "x\n");
}

#[test]
fn without_reset_it_is_removed_too() {
    let scene = Scene::new();
    scene.test("trials = 2", "[Run]\nwrite = test ! -e \"$CONDUCTOR_SCRATCH/x\" && touch \"$CONDUCTOR_SCRATCH/x\"\n");
    let finished = run(&scene.folder, ["conduct", "--quiet", "-p", "run", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    eventually("the folders are gone", || scene.left().is_empty());
}

#[test]
fn after_an_interrupt_it_is_gone_and_reset_has_seen_it() {
    let scene = Scene::new();
    let (child, pipe) = scene.start("", "test -e \"$CONDUCTOR_SCRATCH/file\"");
    assert!(is_there(&scene.noted()));
    kill(child.id(), INTERRUPT);
    let finished = finish(child);
    pipe.wait_for_end();
    assert_eq!(finished.status, Some(130), "{finished:#?}");
    assert!(!finished.stdout.contains("`reset` failed"), "{finished:#?}");
    eventually("the folder is gone", || scene.left().is_empty());
}

#[test]
fn when_the_conductor_is_gone_it_is_removed_after_reset() {
    let scene = Scene::new();
    let log = scene.folder.join("log").display().to_string();
    let (mut child, pipe) = scene.start("lease = 1s", &format!("cat \"$CONDUCTOR_SCRATCH/file\" >>{log}"));
    kill(child.id(), KILL);
    child.wait().expect("it was killed");
    pipe.wait_for_end();
    eventually("the folder is gone", || scene.left().is_empty());
    assert_eq!(scene.folder.read("log"), "x\n");
}

#[test]
fn when_the_session_is_killed_reset_has_it_and_then_it_is_removed() {
    let scene = Scene::new();
    let log = scene.folder.join("log").display().to_string();
    let reset = format!("cat \"$CONDUCTOR_SCRATCH/file\" >>{log}; echo $CONDUCTOR_SCRATCH >>{log}");
    let (child, pipe) = scene.start("", &reset);
    let sessions = scene.player.children();
    let [session] = sessions[..] else { panic!("{sessions:?}") };
    kill(session, KILL);
    pipe.wait_for_end();
    let finished = finish(child);
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    eventually("the folder is gone", || scene.left().is_empty());
    assert_eq!(scene.folder.read("log"), format!("x\n{}\n", scene.noted().display()));
}

#[test]
fn when_the_session_is_killed_in_reset_the_listener_removes_it() {
    let scene = Scene::new();
    let pipe = Pipe::new(&scene.folder, "pipe");
    let step = format!("touch \"$CONDUCTOR_SCRATCH/file\"; {}; sleep 600", pipe.hold());
    scene.test("", &format!("[Run]\nstep = true\n[Reset]\nreset = {step}\n"));
    let child = start(conductor(&scene.folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    let sessions = scene.player.children();
    assert_eq!((sessions.len(), scene.left().len()), (1, 1));
    kill(sessions[0], KILL);
    pipe.wait_for_end();
    assert_eq!(finish(child).status, Some(4));
    eventually("the folder is gone", || scene.left().is_empty());
}

#[test]
fn a_player_that_is_stopped_once_or_twice_leaves_no_folder() {
    for times in [1, 2] {
        let mut scene = Scene::new();
        let reset = if times == 2 { "sleep 600" } else { "true" };
        let (child, pipe) = scene.start("lease = 2s", reset);
        scene.player.signal(TERMINATE);
        if times == 2 {
            // The first one stops the step, and the second one also ends Reset.
            pipe.wait_for_end();
            scene.player.signal(TERMINATE);
        }
        scene.player.wait();
        assert_eq!(scene.left(), [""; 0], "{times}");
        assert_eq!(finish(child).status, Some(4));
    }
}

#[test]
fn a_player_that_conduct_starts_leaves_no_folder() {
    let folder = Folder::new();
    let temporary = folder.join("tmp");
    std::fs::create_dir(&temporary).expect("a folder");
    let log = folder.join("log").display().to_string();
    folder.test("", &["w"]).worker(
        "w",
        1,
        &format!("[Run]\nstep = echo \"$CONDUCTOR_SCRATCH\" >{log}; touch \"$CONDUCTOR_SCRATCH/x\"\n"),
    );
    let mut command = conductor(&folder, ["conduct", "--local", "--quiet", "test.cfg"]);
    command.env("TMPDIR", &temporary);
    let finished = finish(start(command));
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(folder.read("log").starts_with(temporary.to_str().expect("a path")), "{}", folder.read("log"));
    eventually("nothing is left", || std::fs::read_dir(&temporary).expect("a folder").next().is_none());
}

/// The player is in a namespace of mounts in which no folder for temporary files can be written.
#[test]
fn without_a_folder_for_it_only_the_steps_that_name_it_fail_and_a_warning_says_why() {
    let read_only = "for folder in /tmp /var/tmp /dev/shm; do mount -t tmpfs -o ro none $folder || exit 1; done";
    let unshare = ["--map-root-user", "--mount", "sh", "-c"];
    let mut trial = Command::new("unshare");
    let is_possible = trial.args(unshare).arg(read_only).stderr(Stdio::null()).status().is_ok_and(|end| end.success());
    if !is_possible {
        return skip("namespaces of mounts cannot be made here");
    }
    let mut command = Command::new("unshare");
    // The program itself can be below /tmp.
    let script = format!("exec 3<\"$0\"; {read_only}; exec /proc/self/fd/3 player --quiet --bind 127.0.0.1 --port 0");
    command.args(unshare).arg(script).arg(CONDUCTOR);
    command.env_remove("TMPDIR").env_remove("XDG_RUNTIME_DIR").env_remove("HOME");
    let (player, folder) = (Player::from(command), Folder::new());
    let sections = "[Run]\nwith = echo \"$CONDUCTOR_SCRATCH\"\nother = echo other\nfiles = fetch:scratch:*\n\
                    [Reset]\nlast = echo last\n";
    folder.test("results = results", &["w"]).worker("w", player.port, sections);
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    let why = "cannot create a scratch folder: `/dev/shm`: read-only file system";
    let warning = format!("  warning: w: {why}\n");
    assert_eq!(finished.stdout.matches(&warning).count(), 1, "{finished:#?}");
    let line = |label: &str| format!("\n  w  {label:5}  ");
    for [label, outcome] in [["with", "not started"], ["other", "passed"], ["files", "failed"], ["last", "passed"]] {
        let line = format!("{}{outcome} ", line(label));
        assert_eq!(finished.stdout.matches(&line).count(), 1, "`{line}`: {finished:#?}");
    }
}
