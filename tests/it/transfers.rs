//! `fetch:` and `put:` between a conductor and a player: every byte, name and permission arrives, or the step says why not.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use crate::support::relay::{Relay, Way};
use crate::support::{Finished, Folder, Player, conductor, eventually, finish, run, start};
use serde_json::Value;

/// A worker `w` that does this in Run, in a folder with `here`, where its player's files are, and `results`.
struct Transfer {
    folder: Folder,
    player: Player,
}

impl Transfer {
    fn new(steps: &str) -> Self {
        let (folder, player) = (Folder::new(), Player::start());
        fs::create_dir(folder.join("here")).expect("a folder");
        let transfer = Self { folder, player };
        transfer.steps(transfer.player.port, steps);
        transfer
    }

    fn steps(&self, port: u16, steps: &str) {
        self.folder.test("lease = 1m", &["w"]);
        let head = format!("[Coordinator]\nplayer = 127.0.0.1\ncmdport = {port}\n");
        let here = self.folder.join("here");
        let worker = format!("{head}directory = {}\n[Run]\n{steps}\n", here.display());
        self.folder.file("w.cfg", &worker);
    }

    fn here(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join("here").join(name)
    }

    fn fetched(&self, name: impl AsRef<Path>) -> PathBuf {
        self.folder.join("results/r/trial-1/w").join(name)
    }

    fn arguments() -> [&'static str; 8] {
        ["conduct", "-q", "-p", "run", "--results=results", "--run-id=r", "--report=json=report.json", "test.cfg"]
    }

    fn run(&self) -> Finished {
        run(&self.folder, Self::arguments())
    }

    /// The result of the step at this position.
    fn result(&self, position: usize) -> Value {
        let report: Value = serde_json::from_str(&self.folder.read("report.json")).expect("JSON");
        report["trials"][0]["phases"]["run"]["workers"]["w"]["results"][position].clone()
    }

    #[track_caller]
    fn assert_passed(&self) {
        let finished = self.run();
        assert_eq!((finished.status, finished.stderr.as_str()), (Some(0), ""), "{finished:#?}");
    }

    /// Why the step at this position failed.
    #[track_caller]
    fn reason(&self, position: usize) -> String {
        let result = self.result(position);
        assert_eq!(result["outcome"], "failed", "{result:#}");
        result["reason"].as_str().expect("a reason").to_owned()
    }
}

/// All files below a folder, by their paths in it.
fn below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.map(|entry| entry.expect("an entry")) {
        let name = PathBuf::from(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            found.extend(below(&entry.path()).into_iter().map(|below| name.join(below)));
        } else {
            found.push(name);
        }
    }
    found.sort();
    found
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u64;
    let next = |_| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        state.to_be_bytes()[0]
    };
    (0..length).map(next).collect()
}

fn mode(path: impl AsRef<Path>) -> u32 {
    fs::metadata(path).expect("a file").permissions().mode() & 0o7777
}

#[test]
fn several_files_come_with_their_names_permissions_and_bytes() {
    let transfer = Transfer::new("all = fetch:data/**");
    let names: [&[u8]; 6] =
        [b"plain", b"with space", b"new\nline", b"not-utf-8-\xff\xfe", b"\xc3\xa4/\xe4/deep", b"empty"];
    for (index, name) in names.iter().enumerate() {
        let path = transfer.here("data").join(OsStr::from_bytes(name));
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, noise(index * 100_000 % 500_000)).expect("a file");
        let mode = [0o644, 0o600, 0o755, 0o444, 0o640, 0o4755][index];
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("permissions");
    }
    transfer.assert_passed();
    let data = transfer.here("data");
    assert_eq!(below(&transfer.fetched("")), below(&data), "all, and nothing else");
    for name in below(&data) {
        let (sent, got) = (data.join(&name), transfer.fetched(&name));
        assert!(fs::read(&sent).expect("a file") == fs::read(&got).expect("a file"), "{name:?}");
        assert_eq!(mode(&sent) & 0o777, mode(&got), "{name:?}: whose it is gives nobody its rights");
    }
    let result = transfer.result(0);
    assert_eq!((&result["fetched_files"], &result["fetched_bytes"]), (&6.into(), &1_000_000.into()), "{result:#}");
    let plain = result["files"].as_array().expect("a list").iter().find(|file| file["name"] == "empty");
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(plain.expect("the empty file")["sha256"], empty);
}

#[test]
fn what_fits_nothing_fails_and_says_so_and_must_skips_the_rest() {
    let transfer = Transfer::new(
        "a = fetch:*.log\nb = fetch:none\nc = fetch:folder\nd = fetch:/dev/null\ne = must:fetch:x/*\nf = echo never",
    );
    fs::create_dir(transfer.here("folder")).expect("a folder");
    assert_eq!(transfer.run().status, Some(3));
    assert_eq!(transfer.reason(0), "no file matches `*.log`");
    assert_eq!(transfer.reason(1), "there is no file `none`");
    assert_eq!(transfer.reason(2), "`folder` is a folder; use `folder/*` for the files in it");
    assert_eq!(transfer.reason(3), "`/dev/null`: it is not a regular file");
    assert_eq!(transfer.reason(4), "no file matches `x/*`");
    assert_eq!(transfer.result(5)["outcome"], "skipped");
}

#[test]
fn a_fetch_in_a_folder_that_is_not_there_says_that_of_the_folder() {
    let transfer = Transfer::new("one = fetch:*.log\ntwo = fetch:x/y.log\nthree = fetch:/no/such/*.log");
    fs::remove_dir(transfer.here("")).expect("an empty folder");
    assert_eq!(transfer.run().status, Some(3));
    let here = transfer.here("").display().to_string();
    let here = here.trim_end_matches('/');
    let why = format!("cannot enter the folder `{here}`, which `directory` names: no such file or directory");
    assert_eq!([transfer.reason(0), transfer.reason(1)], [why.as_str(), &why]);
    assert_eq!(transfer.reason(2), "no file matches `/no/such/*.log`", "it does not begin there");
}

#[test]
fn two_files_for_one_name_fail_the_step_and_the_first_stays() {
    let transfer = Transfer::new("a = fetch:one/x\nb = fetch:two/*");
    for (name, text) in [("one/x", "first"), ("two/x", "second"), ("two/y", "other")] {
        fs::create_dir_all(transfer.here(name).parent().expect("a folder")).expect("a folder");
        fs::write(transfer.here(name), text).expect("a file");
    }
    assert_eq!(transfer.run().status, Some(3));
    assert_eq!(transfer.result(0)["outcome"], "passed");
    assert_eq!(transfer.reason(1), "`x`: it already exists");
    assert_eq!(fs::read(transfer.fetched("x")).expect("a file"), b"first");
    assert_eq!(fs::read(transfer.fetched("y")).expect("what can be fetched is"), b"other");
    assert_eq!(below(&transfer.fetched("")).len(), 2);
}

#[test]
fn nothing_is_written_through_a_link_in_the_folder_of_results() {
    // The worker's folder itself, a folder in it, and a file in it lead elsewhere.
    for (link, files) in [("trial-1/w", "x"), ("trial-1/w/sub", "sub/x"), ("trial-1/w/x", "x")] {
        let transfer = Transfer::new("");
        let (inside, outside) = (transfer.folder.join("results/r").join(link), transfer.folder.join("outside"));
        let target = if link.ends_with('x') { outside.join("x") } else { outside.clone() };
        fs::create_dir_all(&outside).expect("a folder");
        fs::create_dir_all(transfer.here("data/sub")).expect("a folder");
        fs::write(transfer.here("data").join(files), "data").expect("a file");
        let make = format!(
            "mkdir -p {} && ln -s {} {}",
            inside.parent().expect("a folder").display(),
            target.display(),
            inside.display()
        );
        transfer.steps(transfer.player.port, &format!("link = {make}\nget = fetch:data/**"));
        assert_eq!(transfer.run().status, Some(3));
        assert!(inside.is_symlink());
        assert_eq!(below(&outside), Vec::<PathBuf>::new(), "{link}");
        let why = transfer.reason(1);
        assert!(
            why.contains("is a symbolic link, which `conduct` does not follow") || why.contains("already exists"),
            "{why}"
        );
    }
}

#[test]
fn a_file_that_is_written_meanwhile_comes_as_it_was() {
    let transfer = Transfer::new("");
    let log = transfer.here("log");
    fs::write(&log, noise(3_000_000)).expect("a file");
    let relay = Relay::to(transfer.player.port);
    relay.rate(Way::ToConductor, Some(4_000_000));
    transfer.steps(relay.port, "get = fetch:log");
    let child = start(conductor(&transfer.folder, Transfer::arguments()));
    eventually("the file is on its way", || relay.passed(Way::ToConductor) > 100_000);
    let mut file = fs::OpenOptions::new().append(true).open(&log).expect("the log");
    file.write_all(b"more").expect("it is written");
    assert_eq!(finish(child).status, Some(0));
    assert!(fs::read(transfer.fetched("log")).expect("a file") == noise(3_000_000));
    assert_eq!(transfer.result(0)["files"][0]["grew"], true);
}

#[test]
fn a_file_that_becomes_shorter_meanwhile_fails_its_step_and_leaves_nothing() {
    let transfer = Transfer::new("");
    let log = transfer.here("log");
    fs::write(&log, noise(3_000_000)).expect("a file");
    let relay = Relay::to(transfer.player.port);
    relay.rate(Way::ToConductor, Some(4_000_000));
    transfer.steps(relay.port, "get = fetch:log");
    let child = start(conductor(&transfer.folder, Transfer::arguments()));
    eventually("the file is on its way", || relay.passed(Way::ToConductor) > 100_000);
    fs::OpenOptions::new().write(true).open(&log).and_then(|file| file.set_len(10)).expect("it is cut");
    assert_eq!(finish(child).status, Some(3));
    assert_eq!(transfer.reason(0), "`log`: it became shorter while it was read");
    assert_eq!(below(&transfer.fetched("")), Vec::<PathBuf>::new());
}

#[test]
fn a_connection_that_breaks_in_the_middle_goes_on_with_both_transfers() {
    let transfer = Transfer::new("");
    fs::write(transfer.here("up"), noise(5_000_000)).expect("a file");
    fs::write(transfer.folder.join("down"), noise(5_000_001)).expect("a file");
    let relay = Relay::to(transfer.player.port);
    transfer.steps(relay.port, "get = parallel:fetch:up\nset = parallel:put:down -> down");
    relay.cut_after(Way::ToConductor, 2_000_000);
    let child = start(conductor(&transfer.folder, Transfer::arguments()));
    eventually("the connection is there again", || relay.accepted() >= 2);
    relay.cut_after(Way::ToPlayer, 1_000_000);
    let finished = finish(child);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(relay.accepted() >= 3, "it broke twice");
    assert!(fs::read(transfer.fetched("up")).expect("a file") == noise(5_000_000));
    assert!(fs::read(transfer.here("down")).expect("a file") == noise(5_000_001));
    assert_eq!((below(&transfer.fetched("")).len(), below(&transfer.here("")).len()), (1, 2), "nothing else is left");
}

#[test]
fn ten_thousand_small_files_arrive() {
    let transfer = Transfer::new("all = fetch:data/**");
    for folder in 0..100 {
        let folder = transfer.here(format!("data/{folder}"));
        fs::create_dir_all(&folder).expect("a folder");
        for number in 0..100 {
            fs::write(folder.join(number.to_string()), format!("{number} of {}", folder.display())).expect("a file");
        }
    }
    transfer.assert_passed();
    let (sent, got) = (below(&transfer.here("data")), below(&transfer.fetched("")));
    assert_eq!((got.len(), &got), (10_000, &sent));
    for name in sent.iter().step_by(97) {
        let text = |path: PathBuf| fs::read_to_string(path).expect("a file");
        assert_eq!(text(transfer.here("data").join(name)), text(transfer.fetched(name)));
    }
    let result = transfer.result(0);
    assert_eq!((&result["fetched_files"], &result["files_left_out"]), (&10_000.into(), &9_000.into()));
}

#[test]
fn a_transfer_that_takes_too_long_is_stopped_and_leaves_nothing() {
    let transfer = Transfer::new("");
    fs::write(transfer.here("up"), noise(5_000_000)).expect("a file");
    fs::write(transfer.folder.join("down"), noise(5_000_000)).expect("a file");
    let relay = Relay::to(transfer.player.port);
    relay.rate(Way::Both, Some(1_000_000));
    transfer.steps(relay.port, "a = timeout400ms:fetch:up\nb = timeout400ms:put:down -> down\nc = echo on");
    let finished = run(&transfer.folder, Transfer::arguments());
    assert_eq!(finished.status, Some(3), "{finished:#?}");
    assert_eq!([0, 1, 2].map(|step| transfer.result(step)["outcome"].clone()), ["timed out", "timed out", "passed"]);
    assert_eq!(below(&transfer.fetched("")), Vec::<PathBuf>::new());
    assert_eq!(below(&transfer.here("")), [Path::new("up")]);
}

#[test]
fn an_interrupt_ends_a_transfer() {
    let transfer = Transfer::new("");
    fs::write(transfer.here("up"), noise(20_000_000)).expect("a file");
    let relay = Relay::to(transfer.player.port);
    relay.rate(Way::ToConductor, Some(2_000_000));
    transfer.steps(relay.port, "a = fetch:up");
    let child = start(conductor(&transfer.folder, Transfer::arguments()));
    eventually("the file is on its way", || relay.passed(Way::ToConductor) > 100_000);
    crate::support::kill(child.id(), 2);
    assert_eq!(finish(child).status, Some(130));
    assert_eq!(transfer.result(0)["outcome"], "stopped");
    assert_eq!(below(&transfer.fetched("")), Vec::<PathBuf>::new());
}

#[test]
fn a_put_replaces_a_file_whole_and_keeps_its_permissions() {
    let transfer = Transfer::new(
        "a = put:file -> new\nb = put:file -> old\nc = put:file -> folder\nd = put:sub/other file -> folder/\n\
         e = put:file -> link",
    );
    fs::write(transfer.folder.join("file"), noise(300_000)).expect("a file");
    fs::set_permissions(transfer.folder.join("file"), Permissions::from_mode(0o751)).expect("permissions");
    fs::create_dir(transfer.folder.join("sub")).expect("a folder");
    fs::write(transfer.folder.join("sub/other file"), "").expect("a file");
    fs::create_dir(transfer.here("folder")).expect("a folder");
    fs::write(transfer.here("old"), "old and with other permissions").expect("a file");
    fs::write(transfer.here("target"), "old").expect("a file");
    symlink("target", transfer.here("link")).expect("a link");
    transfer.assert_passed();
    for name in ["new", "old", "folder/file", "target"] {
        assert!(fs::read(transfer.here(name)).expect("a file") == noise(300_000), "{name}");
        assert_eq!(mode(transfer.here(name)), 0o751, "{name}");
    }
    assert!(transfer.here("link").is_symlink());
    assert_eq!(fs::read(transfer.here("folder/other file")).expect("a file"), b"");
    assert_eq!(below(&transfer.here("")).len(), 6, "nothing else is left");
}

#[test]
fn a_put_that_can_not_be_done_says_why_and_changes_nothing() {
    let transfer = Transfer::new(
        "a = put:file -> none/file\nb = put:file -> none/\nc = put:file -> file/x\nd = put:file -> /dev/null\n\
         e = rm ../gone\nf = must:put:gone -> new\ng = echo never",
    );
    transfer.folder.file("file", "new").file("gone", "");
    fs::write(transfer.here("file"), "old").expect("a file");
    assert_eq!(transfer.run().status, Some(3));
    let here = transfer.folder.join("here");
    let here = here.display();
    let missing = format!("the folder `{here}/none`: no such file or directory");
    assert_eq!(transfer.reason(0), format!("cannot write `none/file`: {missing}"));
    assert_eq!(
        transfer.reason(1),
        format!("cannot write `none/`: the folder `{here}/none/`: no such file or directory")
    );
    assert_eq!(transfer.reason(2), format!("cannot write `file/x`: `{here}/file` is not a folder"));
    assert_eq!(transfer.reason(3), "cannot write `/dev/null`: it exists and is not a regular file");
    assert_eq!(transfer.reason(5), "cannot read `gone`: no such file or directory");
    assert_eq!(transfer.result(6)["outcome"], "skipped");
    assert_eq!(below(&transfer.here("")), [Path::new("file")]);
    assert_eq!(fs::read(transfer.here("file")).expect("a file"), b"old");
}

#[test]
fn a_full_disk_fails_the_step_on_either_side() {
    // A size limit on the files of a process does what a full disk does, without needing one.
    let limited = |arguments: &[&str]| {
        let mut command = std::process::Command::new("/bin/sh");
        command
            .args(["-c", "ulimit -f 1000; trap '' XFSZ; exec \"$0\" \"$@\"", crate::support::CONDUCTOR])
            .args(arguments);
        command
    };
    let transfer = Transfer::new("a = fetch:*");
    fs::write(transfer.here("1"), noise(5_000_000)).expect("a file");
    fs::write(transfer.here("2"), "small").expect("a file");
    let mut command = limited(&Transfer::arguments());
    command.current_dir(transfer.folder.path());
    assert_eq!(finish(start(command)).status, Some(3));
    assert_eq!(transfer.reason(0), "`1`: file too large");
    assert_eq!(below(&transfer.fetched("")), [Path::new("2")], "what fits is fetched");

    let transfer = Transfer::new("");
    let player = Player::from(limited(&["player", "--bind", "127.0.0.1", "--port", "0", "-q"]));
    transfer.folder.file("file", &"x".repeat(5_000_000));
    transfer.steps(player.port, "a = put:file -> file\nb = echo on");
    assert_eq!(transfer.run().status, Some(3));
    assert_eq!(transfer.reason(0), "cannot write `file`: file too large");
    assert_eq!(transfer.result(1)["outcome"], "passed");
    assert_eq!(below(&transfer.here("")), Vec::<PathBuf>::new());
}
