//! What a step gets: its environment, descriptors, signals, group, terminal, folder and shell, as it sees them itself.

use std::process::{Command, Stdio};

use crate::support::{CONDUCTOR, Finished, Folder, Player, run};
use serde_json::Value;
use snapbox::str;

/// Has a step with this command run alone, and takes what it printed.
fn printed(player: &Player, command: &str) -> String {
    let folder = Folder::new();
    folder.test("", &["w"]).worker("w", player.port, &format!("[Run]\nstep = {command}\n"));
    let finished = run(&folder, ["conduct", "-q", "-p", "run", "-f", "json", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    output(&finished, 0, "run", "w", 0)
}

/// What a step printed, from the report.
fn output(finished: &Finished, trial: usize, phase: &str, worker: &str, step: usize) -> String {
    let document: Value = serde_json::from_str(&finished.stdout).expect("one JSON document");
    let result = &document["trials"][trial]["phases"][phase]["workers"][worker]["results"][step];
    result["stdout"].as_str().unwrap_or_else(|| panic!("no output in {result}")).to_owned()
}

/// A player that was started as carelessly as possible: with signals ignored, descriptors open, and things on its input.
fn careless_player(folder: &Folder) -> Player {
    folder.file("in", "not for steps");
    let script =
        "trap '' HUP INT TERM PIPE USR1 CHLD; exec \"$0\" player -q -b 127.0.0.1 -p 0 7<in 9>out 250</dev/null";
    let mut command = Command::new("/bin/bash");
    command.current_dir(folder.path()).args(["-c", script, CONDUCTOR]);
    Player::from(command)
}

#[test]
fn a_step_knows_its_run_trial_phase_and_workers() {
    let player = Player::start();
    let folder = Folder::new();
    let show = "[Startup]\ns1 = env | grep ^CONDUCTOR_ | grep -v ^CONDUCTOR_MARK | LC_ALL=C sort\n[Run]\nfirst = true\ns2 = env | grep ^CONDUCTOR_ | grep -v ^CONDUCTOR_MARK | LC_ALL=C sort\n";
    folder.test("trials = 2", &["web-1", "db"]).worker("web-1", player.port, show).worker("db", player.port, show);
    let finished = run(&folder, ["conduct", "-q", "-f", "json", "--run-id", "the-run", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    snapbox::assert_data_eq!(
        output(&finished, 0, "startup", "web-1", 0),
        str![[r#"
CONDUCTOR_ADDR_DB=127.0.0.1
CONDUCTOR_ADDR_WEB_1=127.0.0.1
CONDUCTOR_PHASE=startup
CONDUCTOR_RUN=the-run
CONDUCTOR_SCRATCH=[..]/conductor-web-1-[..]
CONDUCTOR_STEP=s1
CONDUCTOR_TRIAL=1
CONDUCTOR_TRIALS=2
CONDUCTOR_WORKER=web-1
CONDUCTOR_WORKERS=web-1 db

"#]]
    );
    snapbox::assert_data_eq!(
        output(&finished, 1, "run", "db", 1),
        str![[r#"
CONDUCTOR_ADDR_DB=127.0.0.1
CONDUCTOR_ADDR_WEB_1=127.0.0.1
CONDUCTOR_PHASE=run
CONDUCTOR_RUN=the-run
CONDUCTOR_SCRATCH=[..]/conductor-db-[..]
CONDUCTOR_STEP=s2
CONDUCTOR_TRIAL=2
CONDUCTOR_TRIALS=2
CONDUCTOR_WORKER=db
CONDUCTOR_WORKERS=web-1 db

"#]]
    );
}

#[test]
fn a_step_gets_the_variables_of_the_test_and_of_its_worker_and_the_players_own() {
    let mut command = Command::new(CONDUCTOR);
    command.args(["player", "-q", "-b", "127.0.0.1", "-p", "0"]).env("OF_THE_PLAYER", "p").env("BOTH", "p");
    let player = Player::from(command);
    let folder = Folder::new();
    let sections = "[Environment]\nBoth_Files = worker\nWORKER_ONLY = %(worker)s\n\
                    [Run]\nstep = env | grep -i -e ^OF_THE -e ^BOTH -e ^WORKER_ONLY -e ^TEST_ONLY | LC_ALL=C sort\n";
    let test = "[Test]\n[Environment]\nTEST_ONLY = a b=c 'd'\nBoth_Files = test\nBOTH = test\n[Workers]\nw = w.cfg\n";
    folder.worker("w", player.port, sections).file("test.cfg", test);
    let finished = run(&folder, ["conduct", "-q", "-f", "json", "test.cfg"]);
    assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    snapbox::assert_data_eq!(
        output(&finished, 0, "run", "w", 0),
        str![[r#"
BOTH=test
Both_Files=worker
OF_THE_PLAYER=p
TEST_ONLY=a b=c 'd'
WORKER_ONLY=w

"#]]
    );
}

#[test]
fn a_step_inherits_no_descriptor_and_reads_nothing() {
    let folder = Folder::new();
    let player = careless_player(&folder);
    // `ls` looks at the shell, which has to wait for it; `cat` shows that there is nothing to read.
    let command = "LC_ALL=C ls -l /proc/$$/fd; cat";
    snapbox::assert_data_eq!(
        printed(&player, command),
        str![[r#"
total 0
lr-x------ [..] 0 -> /dev/null
l-wx------ [..] 1 -> pipe:[..]
l-wx------ [..] 2 -> pipe:[..]

"#]]
    );
}

#[test]
fn a_step_has_every_signal_at_its_default() {
    let folder = Folder::new();
    let player = careless_player(&folder);
    // `sed` is the process that tells: a shell may set some for itself.
    snapbox::assert_data_eq!(
        printed(&player, "exec sed -n /^Sig[IBC]/p /proc/self/status"),
        str![[r#"
SigBlk:	0000000000000000
SigIgn:	0000000000000000
SigCgt:	0000000000000000

"#]]
    );
}

#[test]
fn a_step_has_a_group_of_its_own_and_no_terminal() {
    let player = Player::start();
    // The second field may have blanks, but not here. Then: state, parent, group, session, terminal.
    let command = "read -r pid name state parent group session tty rest < /proc/$$/stat; \
                   test $pid = $group && echo leads its group; test $session != $group && echo in the session of another; \
                   echo terminal $tty; export LC_ALL=C; (: < /dev/tty) 2>&1 || true";
    snapbox::assert_data_eq!(
        printed(&player, command),
        str![[r#"
leads its group
in the session of another
terminal 0
[..]/dev/tty: No such device or address

"#]]
    );
}

#[test]
fn a_step_of_a_player_on_a_terminal_has_none() {
    let folder = Folder::new();
    // `script` makes a terminal, of which the player's session is the owner.
    let player_on_terminal = format!("exec {CONDUCTOR} player -q -b 127.0.0.1 -p 0");
    let mut command = Command::new("script");
    command.current_dir(folder.path()).args(["-q", "-e", "-c", &player_on_terminal, "/dev/null"]).stderr(Stdio::null());
    let player = Player::from(command);
    let command = "read -r pid name state parent group session tty rest < /proc/$$/stat; echo terminal $tty";
    assert_eq!(printed(&player, command), "terminal 0\n");
}

#[test]
fn a_step_runs_in_the_folder_of_its_player_unless_it_has_one() {
    let home = Folder::new();
    let mut command = Command::new(CONDUCTOR);
    command.args(["player", "-q", "-b", "127.0.0.1", "-p", "0"]).current_dir(home.path());
    let player = Player::from(command);
    assert_eq!(printed(&player, "pwd -P"), format!("{}\n", home.path().display()));

    let folder = Folder::new();
    let elsewhere = Folder::new();
    let port = player.port;
    let worker = format!(
        "[Coordinator]\nplayer = 127.0.0.1\nconductor = 127.0.0.1\ncmdport = {port}\ndirectory = {}\n[Run]\nstep = pwd -P\n",
        elsewhere.path().display()
    );
    folder.test("", &["w"]).file("w.cfg", &worker);
    let finished = run(&folder, ["conduct", "-q", "-f", "json", "test.cfg"]);
    assert_eq!(output(&finished, 0, "run", "w", 0), format!("{}\n", elsewhere.path().display()));
}

#[test]
fn a_folder_or_a_shell_that_is_not_there_fails_the_step_and_says_why() {
    let player = Player::start();
    let port = player.port;
    let with = |line| {
        let folder = Folder::new();
        let head = format!("[Coordinator]\nplayer = 127.0.0.1\nconductor = 127.0.0.1\ncmdport = {port}\n{line}\n");
        folder.test("", &["w"]).file("w.cfg", &format!("{head}[Run]\nstep = echo never\n"));
        run(&folder, ["conduct", "-q", "-p", "run", "test.cfg"])
    };
    with("directory = /no/such/folder").assert(3, str![[r#"
test.cfg  run [..]
1 trial of run on 1 worker

Trial 1 of 1, run
  w  step  not started              -  echo never
      cannot enter the folder `/no/such/folder`, which `directory` names: no such file or directory

failed: `step` on w in run of trial 1: could not be started: cannot enter the folder `/no/such/folder`, which `directory` names: no such file or directory
    command: `echo never` (w.cfg:7)
failed: 1 of 1 trial failed; steps: 1 not started; 1 worker; [..]s

"#]], str![""]);
    with("shell = /no/such/shell").assert(3, str![[r#"
test.cfg  run [..]
1 trial of run on 1 worker

Trial 1 of 1, run
  w  step  not started              -  echo never
      cannot run the shell `/no/such/shell`: no such file or directory

failed: `step` on w in run of trial 1: could not be started: cannot run the shell `/no/such/shell`: no such file or directory
    command: `echo never` (w.cfg:7)
failed: 1 of 1 trial failed; steps: 1 not started; 1 worker; [..]s

"#]], str![""]);
}

#[test]
fn a_step_runs_in_the_shell_that_its_worker_file_names() {
    let player = Player::start();
    let folder = Folder::new();
    let head = format!("[Coordinator]\nplayer = 127.0.0.1\nconductor = 127.0.0.1\ncmdport = {}\n", player.port);
    folder
        .test("", &["w"])
        .file("w.cfg", &format!("{head}shell = /bin/bash\n[Run]\nstep = echo ${{BASH_VERSION:+bash}}\n"));
    let finished = run(&folder, ["conduct", "-q", "-f", "json", "test.cfg"]);
    assert_eq!(output(&finished, 0, "run", "w", 0), "bash\n", "{finished:#?}");
}
