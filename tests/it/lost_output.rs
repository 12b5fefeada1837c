//! A player of the test's own that is lost in the middle of a step: what the step had printed by then is in the report.

use std::io::Write;
use std::net::{TcpListener, TcpStream};

use crate::support::wire::{frame, read_frame};
use crate::support::{DEADLINE, Folder, run};
use serde_json::{Value, json};

fn say(stream: &mut TcpStream, message: &Value) {
    stream.write_all(&frame(message.to_string().as_bytes())).expect("the conductor reads");
}

/// Waits for a message of this type, and tells the clock when it is asked meanwhile.
fn wait_for(stream: &mut TcpStream, kind: &str) {
    loop {
        let payload = read_frame(stream).unwrap_or_else(|| panic!("`{kind}` never came"));
        let message: Value = serde_json::from_slice(&payload).expect("JSON");
        if message["type"] == "probe" {
            say(stream, &json!({"type": "probe_answer", "sent": message["sent"], "received": 1, "answered": 1}));
        }
        if message["type"] == kind {
            return;
        }
    }
}

/// Serves one session up to the middle of the first step of its Run, and is gone.
fn play(listener: &TcpListener) {
    let (mut stream, _) = listener.accept().expect("a connection");
    stream.set_read_timeout(Some(DEADLINE)).expect("a socket has a time-out");
    wait_for(&mut stream, "hello");
    let welcome = json!({
        "protocol": 2, "version": "0", "host": "test", "incarnation": "1", "state": "new", "next": 0,
        "limits": {"frame": 65536, "window": 1_048_576},
    });
    say(&mut stream, &json!({"version": 1, "type": "welcome", "data": welcome}));
    wait_for(&mut stream, "plan");
    say(&mut stream, &json!({"type": "plan_taken", "number": 0}));
    wait_for(&mut stream, "arm");
    say(&mut stream, &json!({"type": "armed", "number": 1, "trial": 1, "phase": "run"}));
    wait_for(&mut stream, "go");
    let at = json!({"type": "step_started", "number": 2, "trial": 1, "phase": "run", "step": 0, "at": 1, "pid": 1,
        "stdout": 0, "stderr": 1});
    say(&mut stream, &at);
    let mut number = 3;
    for (stream_number, text) in [(0_u32, "said before\n"), (1, "and complained\n")] {
        let header = [&[1][..], &u64::to_be_bytes(number), &stream_number.to_be_bytes(), &[0; 8]].concat();
        stream.write_all(&frame(&[&header, text.as_bytes()].concat())).expect("the conductor reads");
        number += 1;
    }
    // Only when all was taken is the connection closed: bytes that nobody has read may be lost with it.
    loop {
        let payload = read_frame(&mut stream).expect("an acknowledgement");
        let message: Value = serde_json::from_slice(&payload).expect("JSON");
        if message["type"] == "acknowledge" && message["next"] == number {
            return;
        }
    }
}

#[test]
fn what_a_step_printed_before_its_player_was_lost_is_in_the_report() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let player = std::thread::spawn(move || play(&listener));
    let folder = Folder::new();
    folder.test("lease = 500ms", &["w"]).worker("w", port, "[Run]\nwork = a long measurement\n");
    let finished = run(&folder, ["conduct", "--quiet", "--phases", "run", "--", "test.cfg"]);
    player.join().expect("no panic");
    assert_eq!(finished.status, Some(4), "{finished:#?}");
    for expected in ["  w  work  lost ", "      | said before\n", "      ! and complained\n", "lost: w: "] {
        assert!(finished.stdout.contains(expected), "`{expected}` is missing: {finished:#?}");
    }
}
