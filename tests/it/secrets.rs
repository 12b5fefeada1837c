//! Whom a run's secret lets join it, and what other users of a machine can do about a session there: nothing.

use std::fs::Permissions;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use conductor::wire::Secret;
use serde_json::{Value, json};

use crate::support::room::as_user;
use crate::support::session_player::{SessionPlayer, hello_with, names_of};
use crate::support::surroundings::skip;
use crate::support::wire::{FakeConductor, frame, hello};
use crate::support::{DEADLINE, Folder, Player, eventually, run};

fn owner(run: &str, worker: &str) -> Value {
    let mut hello = hello(run, worker);
    hello["run_secret"] = json!("the run's own secret");
    hello
}

/// Whether the tests can become another user; if not, the test is skipped.
fn there_is_another_user() -> bool {
    let is_root = rustix::process::getuid().is_root();
    if !is_root {
        skip("only root can become another user");
    }
    is_root
}

fn secret() -> Secret {
    Secret::random().expect("random bytes")
}

#[test]
fn another_user_who_connects_to_the_player_of_a_session_is_closed_at_once_and_told_nothing() {
    if !there_is_another_user() {
        return;
    }
    let secret = secret();
    let (_owner, kind, data) = SessionPlayer::hello(&hello_with(&secret));
    assert_eq!(kind, "welcome", "{data}");
    let (name, hello) = (names_of(&secret)[0].clone(), hello_with(&secret));
    let request = json!({"version": 1, "type": "hello", "data": hello}).to_string();
    let strangers = as_user(move || {
        let connect = |_| {
            let mut stream = UnixStream::connect_addr(&name).expect("the name of a session is known to all");
            // Even whoever has the secret gets nothing.
            let _ = stream.write_all(&frame(request.as_bytes()));
            stream
        };
        (0..300).map(connect).collect::<Vec<_>>()
    });
    for mut stranger in strangers {
        stranger.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
        let mut heard = Vec::new();
        // It was closed before all was read.
        let _ = stranger.read_to_end(&mut heard).inspect_err(|error| {
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it is not left open");
        });
        assert_eq!(heard, b"");
    }
}

#[test]
fn silent_connections_do_not_hold_up_the_player_of_a_session() {
    let secret = secret();
    let mut hello = hello_with(&secret);
    let (first, kind, data) = SessionPlayer::hello(&hello);
    assert_eq!(kind, "welcome", "{data}");
    let silent: Vec<_> =
        (0..20).map(|_| UnixStream::connect_addr(&names_of(&secret)[0]).expect("a connection")).collect();
    let begun = Instant::now();
    (hello["attempt"], hello["incarnation"]) = (json!(2), data["incarnation"].clone());
    let (_second, kind, data) = SessionPlayer::hello(&hello);
    assert_eq!((kind.as_str(), &data["state"]), ("welcome", &json!("resumed")), "{data}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop((silent, first));
}

#[test]
fn another_user_who_listens_at_the_name_of_a_session_neither_hears_the_secret_nor_prevents_the_session() {
    if !there_is_another_user() {
        return;
    }
    let secret = secret();
    let first = names_of(&secret)[0].clone();
    let squatter = as_user(move || UnixListener::bind_addr(&first).expect("a free name"));
    let (owner, kind, data) = SessionPlayer::hello(&hello_with(&secret));
    assert_eq!(kind, "welcome", "{data}");
    let (mut caller, _) = squatter.accept().expect("the owner has looked whose it is");
    caller.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
    let mut heard = Vec::new();
    caller.read_to_end(&mut heard).expect("it was closed");
    assert_eq!(heard, b"", "and nothing was said");
    // When the squatter has gone, the session is still found at its second name.
    drop(squatter);
    let mut again = hello_with(&secret);
    (again["attempt"], again["incarnation"]) = (json!(2), data["incarnation"].clone());
    let (_again, kind, data) = SessionPlayer::hello(&again);
    assert_eq!((kind.as_str(), &data["state"]), ("welcome", &json!("resumed")), "{data}");
    drop(owner);
}

#[test]
fn the_secret_of_a_session_is_in_no_command_line_environment_and_name_of_a_socket() {
    let secret = secret();
    let (_owner, kind, data) = SessionPlayer::hello(&hello_with(&secret));
    assert_eq!(kind, "welcome", "{data}");
    let text = secret.reveal();
    let sockets = std::fs::read_to_string("/proc/net/unix").expect("the sockets of this machine");
    assert!(sockets.contains(&format!("@conductor-{}", secret.names::<1>()[0])), "it listens");
    assert!(!sockets.contains(text));
    for process in std::fs::read_dir("/proc").expect("the processes").flatten() {
        for file in ["cmdline", "environ", "comm"] {
            let bytes = std::fs::read(process.path().join(file)).unwrap_or_default();
            let shown = String::from_utf8_lossy(&bytes);
            // The tests' own memory has it; nobody else's visible parts.
            assert!(!shown.contains(text), "{}/{file}", process.path().display());
        }
    }
}

#[test]
fn a_copy_of_the_program_can_be_entered_and_changed_by_nobody_else() {
    let folder = Folder::new();
    let (scratch, bin) = (folder.join("scratch"), folder.join("bin"));
    std::fs::create_dir(&scratch).expect("a folder");
    std::fs::create_dir(&bin).expect("a folder");
    // The script takes the program with `head`: this one looks at where it goes.
    let list = format!(
        "ls -ld {0} {0}/conductor-*/* >>{1}",
        scratch.join("conductor-*").display(),
        folder.join("seen").display()
    );
    let head = format!("#!/bin/sh\n/usr/bin/head \"$@\"\n{list}\n");
    // Files of this user are usually open to everybody.
    let carelessly = format!("#!/bin/sh\numask 0\nPATH={}:/usr/bin:/bin exec \"$@\"\n", bin.display());
    for (name, text) in [("bin/head", head), ("carelessly", carelessly)] {
        folder.file(name, &text);
        std::fs::set_permissions(folder.join(name), Permissions::from_mode(0o755)).expect("a program");
    }
    folder.test("", &["w"]).file(
        "w.cfg",
        &format!(
            "[Coordinator]\nplayer = 127.0.0.1\nscratch = {}\nconnect = {}\n[Run]\nr = true\n",
            scratch.display(),
            folder.join("carelessly").display()
        ),
    );
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    let seen = folder.read("seen");
    assert!(!seen.is_empty());
    for line in seen.lines() {
        let others = &line[4..10];
        assert_eq!(others, "------", "{seen}");
    }
    let left: Vec<_> = std::fs::read_dir(&scratch).expect("the folder").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_second_worker_of_a_run_needs_the_runs_secret() {
    let player = Player::start();
    let (_first, kind, data) = FakeConductor::hello_with(player.port, &owner("r", "first"));
    assert_eq!(kind, "welcome", "{data}");
    for wrong in [Value::Null, json!(""), json!("another secret"), json!("the run's own secreT")] {
        let mut hello = owner("r", "second");
        if wrong.is_null() {
            hello.as_object_mut().expect("an object").remove("run_secret");
        } else {
            hello["run_secret"] = wrong.clone();
        }
        let (_, kind, data) = FakeConductor::hello_with(player.port, &hello);
        assert_eq!((kind.as_str(), &data["reason"]), ("refused", &json!("secret")), "{wrong}: {data}");
    }
    let (_second, kind, data) = FakeConductor::hello_with(player.port, &owner("r", "second"));
    assert_eq!(kind, "welcome", "{data}");
}

#[test]
fn a_run_may_have_the_name_of_one_that_is_over() {
    let (folder, player) = (Folder::new(), Player::start());
    folder.test("", &["w"]).worker("w", player.port, "[Run]\nstep = true\n");
    for _ in 0..2 {
        let finished = run(&folder, ["conduct", "--quiet", "--run-id", "nightly", "test.cfg"]);
        assert_eq!(finished.status, Some(0), "{finished:#?}");
        eventually("the session is over", || player.children().is_empty());
    }
}
