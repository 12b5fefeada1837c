//! Connections that say nothing, little, or nonsense: they disturb neither a player nor those whom it serves.

use crate::support::wire;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::pipes::Pipe;
use crate::support::wire::{FakeConductor, frame};
use crate::support::{Folder, Player, conductor, finish, run};
use serde_json::json;

/// A run on this player passes, though it gets less time for `hello` than a player gives silent connections.
#[track_caller]
fn assert_served(player: &Player) {
    let folder = Folder::new();
    folder.test("connect_timeout = 3s", &["w"]).worker("w", player.port, "[Run]\nstep = echo served\n");
    let finished = run(&folder, ["conduct", "--quiet", "test.cfg"]);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("| served\n"), "{finished:#?}");
}

#[test]
fn a_silent_connection_disturbs_nobody_and_is_closed_in_the_end() {
    let player = Player::start();
    let mut silent = player.connect();
    assert_served(&player);
    let mut rest = Vec::new();
    silent.read_to_end(&mut rest).expect("the player closes it");
    assert_eq!(rest, b"");
    assert_served(&player);
}

#[test]
fn three_hundred_silent_connections_disturb_nobody() {
    let player = Player::start();
    let silent: Vec<TcpStream> = (0..300).map(|_| player.connect()).collect();
    assert_served(&player);
    drop(silent);
    assert_served(&player);
}

#[test]
fn three_hundred_connections_that_began_a_frame_disturb_nobody() {
    let player = Player::start();
    let mut begun: Vec<TcpStream> = (0..300).map(|_| player.connect()).collect();
    for (index, stream) in begun.iter_mut().enumerate() {
        // Some of them were closed by the player for want of room; the rest is in the middle of a header or a payload.
        let _ = stream.write_all(&frame(b"{\"version\": 1")[..=index % 12]);
    }
    assert_served(&player);
}

#[test]
fn peers_that_trickle_disturb_nobody() {
    let player = Player::start();
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                let mut stream = player.connect();
                // A frame of a megabyte, which never comes to its end.
                let _ = stream.write_all(&[0, 0x10, 0, 0, b'{']);
                while !over.load(Ordering::Relaxed) && stream.write_all(b" ").is_ok() {
                    std::thread::sleep(Duration::from_millis(10));
                }
            });
        }
        assert_served(&player);
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn garbage_and_half_closed_connections_disturb_no_session() {
    let player = Player::start();
    let folder = Folder::new();
    let (pipe, gate) = (Pipe::new(&folder, "pipe"), folder.join("gate"));
    let step = format!("{}; until [ -e {} ]; do sleep 0.02; done; echo undisturbed", pipe.hold(), gate.display());
    folder.test("", &["w"]).worker("w", player.port, &format!("[Run]\nstep = {step}\n"));
    let child = crate::support::start(conductor(&folder, ["conduct", "--quiet", "test.cfg"]));
    pipe.wait_for_start();
    let nonsense: [&[u8]; 6] =
        [b"", &[0x16, 3, 1, 2, 0, 1], b"\0\0\0\x05hello", b"\0\0", &[0xff; 4096], b"\0\0\0\x02{}"];
    for bytes in nonsense {
        for half_closed in [true, false] {
            let mut stream = player.connect();
            // Whoever is answered early may find its connection closed while it still speaks.
            let _ = stream.write_all(bytes);
            if half_closed {
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        }
    }
    folder.file("gate", "");
    let finished = finish(child);
    assert_eq!(finished.status, Some(0), "{finished:#?}");
    assert!(finished.stdout.contains("      | undisturbed\n"), "{finished:#?}");
    assert_eq!(finished.stderr, "");
}

#[test]
fn an_answered_peer_that_never_reads_nor_closes_disturbs_nobody() {
    let player = Player::start();
    let mut rude: Vec<TcpStream> = (0..50).map(|_| player.connect()).collect();
    for stream in &mut rude {
        let _ = stream.write_all(&frame(br#"{"version": 1, "type": "banana", "data": {}}"#));
    }
    assert_served(&player);
}

#[test]
fn sessions_that_never_send_a_plan_end_by_themselves() {
    let player = Player::start();
    let mut data = wire::hello("r", "w");
    data["lease"] = json!(60_000_000);
    let sessions: Vec<_> = (0..20)
        .map(|index| {
            data["worker"] = json!(format!("w{index}"));
            FakeConductor::hello_with(player.port, &data)
        })
        .collect();
    assert!(sessions.iter().all(|(_, kind, _)| kind == "welcome"));
    crate::support::eventually("the sessions are over", || player.children().is_empty());
    assert_served(&player);
}
