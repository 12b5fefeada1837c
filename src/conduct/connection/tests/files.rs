//! A player that sends files as no player of ours does: nothing is written outside its worker's results folder.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::*;

use crate::wire::{
    Data, FileEndedMessage, FileMessage, FileName, OutcomeMessage, OutgoingFile, Piece, PlayerMessage, StepEndedMessage,
};

/// A file that a player sends.
struct Sent {
    step: usize,
    name: Vec<u8>,
    /// The offsets and the texts of its pieces.
    pieces: Vec<(u64, &'static [u8])>,
    end: Option<FileEndedMessage>,
}

/// Returns a small file with this name, correct in everything else.
fn named(name: &[u8]) -> Sent {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "abc").unwrap();
    let mut outgoing = OutgoingFile::open(file.path(), 0).unwrap();
    let end = loop {
        if let Piece::End(end) = outgoing.piece() {
            break end;
        }
    };
    Sent { step: 0, name: name.to_vec(), pieces: vec![(0, b"abc")], end: Some(end) }
}

/// Makes a player send these in Run, whose first step fetches. Returns the answers that it got.
fn answers(results: &Path, files: Vec<Sent>) -> Vec<Option<String>> {
    let (listener, port) = listener();
    let mut plan = plan_at(&[port], 2, &[Phase::Run]);
    plan.workers[0].steps[Phase::Run][0] = Step { action: Action::Fetch("*".to_owned()), ..Step::plain("f", "") };
    let player = std::thread::spawn(move || {
        let (mut peer, _) = Peer::accept(&listener);
        peer.welcome();
        let mut answers = Vec::new();
        let expected = files.iter().filter(|file| file.end.is_some()).count();
        while let Some(message) = peer.message() {
            match message {
                ConductorMessage::Go { .. } => files.iter().enumerate().for_each(|(index, file)| {
                    send(&mut peer, u32::try_from(index).unwrap(), file);
                }),
                ConductorMessage::FileTaken { stream, error } => {
                    answers.push((stream, error));
                    if answers.len() == expected {
                        let outcome = OutcomeMessage::Exit { status: 0 };
                        end_of_phase(&mut peer, &outcome);
                    }
                }
                ConductorMessage::Bye => break,
                other => peer.answer(&other, &|_, _| Vec::new()),
            }
        }
        answers.sort_unstable_by_key(|(stream, _)| *stream);
        answers.into_iter().map(|(_, error)| error).collect()
    });
    let options = Options { results: Some(results.to_owned()), ..options() };
    conduct(Arc::new(plan), &options, None, &never(), Reporters::default());
    player.join().unwrap()
}

fn send(peer: &mut Peer, stream: u32, file: &Sent) {
    let name = FileName::from(OsStr::from_bytes(&file.name));
    let step = PhaseId { trial: 1, phase: Phase::Run }.step(file.step);
    peer.outbox.push(&PlayerMessage::File(FileMessage { step, stream, name, mode: 0o644 }));
    for (offset, bytes) in &file.pieces {
        peer.outbox.push_data(Data { stream, offset: *offset, bytes: bytes.to_vec() });
    }
    if let Some(end) = &file.end {
        peer.outbox.push(&PlayerMessage::FileEnded(FileEndedMessage { stream, ..end.clone() }));
    }
    peer.flush();
}

#[test]
fn a_player_that_never_says_what_it_has_heard_of_its_files_is_lost() {
    let (listener, port) = listener();
    let mut plan = plan_at(&[port], 1, &[Phase::Run]);
    plan.workers[0].steps[Phase::Run][0] = Step { action: Action::Fetch("*".to_owned()), ..Step::plain("f", "") };
    let player = std::thread::spawn(move || {
        let (mut peer, _) = Peer::accept(&listener);
        peer.welcome();
        while let Some(message) = peer.message() {
            if !matches!(message, ConductorMessage::Go { .. }) {
                peer.answer(&message, &|_, _| Vec::new());
                continue;
            }
            let file = FileMessage {
                step: PhaseId { trial: 1, phase: Phase::Run }.step(0),
                stream: 0,
                name: FileName::from(OsStr::new("x")),
                mode: 0o644,
            };
            let failed = Some("x".repeat(4000));
            let end = FileEndedMessage { stream: 0, length: 0, digest: String::new(), grew: false, failed };
            // Received data is discarded, but always read: a player that does not read is lost.
            let mut stream = peer.stream.try_clone().unwrap();
            let drained = std::thread::spawn(move || std::io::copy(&mut stream, &mut std::io::sink()));
            for _ in 0..5000 {
                peer.outbox.push(&PlayerMessage::File(file.clone()));
                peer.outbox.push(&PlayerMessage::FileEnded(end.clone()));
                peer.flush();
            }
            // The conductor has closed the connection, or reset it.
            let _ = drained.join().unwrap();
            return;
        }
    });
    let (conclusion, _) = run(plan);
    player.join().unwrap();
    let expected = "worker `w0` was lost: its player did not acknowledge messages: too many bytes of unacknowledged messages: at most 16777216 \
                    are allowed";
    assert_eq!(conclusion.reasons, [Reason::Incomplete(expected.to_owned())]);
}

fn end_of_phase(peer: &mut Peer, outcome: &OutcomeMessage) {
    for step in 0..2 {
        let outcome = outcome.clone();
        let text = serde_json::json!({"trial": 1, "phase": "run", "step": step, "outcome": outcome}).to_string();
        let ended: StepEndedMessage = serde_json::from_str(&text).unwrap();
        peer.outbox.push(&PlayerMessage::StepEnded(ended));
    }
    peer.outbox.push(&PlayerMessage::PhaseEnded(PhaseId { trial: 1, phase: Phase::Run }));
    peer.flush();
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(below(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found
}

#[test]
fn names_that_lead_out_of_the_folder_write_nothing_and_are_told() {
    let around = tempfile::tempdir().unwrap();
    let results = around.path().join("results/run");
    std::fs::create_dir_all(&results).unwrap();
    let absolute = around.path().join("absolute");
    let names: [&[u8]; 9] = [
        b"../../../x",
        b"../../etc/x",
        b"a/../../../../x",
        absolute.as_os_str().as_bytes(),
        b"",
        b"..",
        b"./x",
        b"a//x",
        b"x\0y",
    ];
    let answers = answers(&results, names.iter().map(|name| named(name)).collect());
    let refused = Some("its name points outside the worker's results folder".to_owned());
    assert_eq!(answers, vec![refused; names.len()]);
    assert_eq!(below(around.path()), Vec::<PathBuf>::new());
}

#[test]
fn only_what_a_step_fetches_and_what_is_as_announced_is_taken() {
    let results = tempfile::tempdir().unwrap();
    let end = |end: FileEndedMessage| Some(end);
    let good = named(b"good").end.unwrap();
    let files = vec![
        named(b"good"),
        Sent { step: 1, ..named(b"a command's") },
        Sent { step: 77, ..named(b"nobody's") },
        Sent { end: end(FileEndedMessage { digest: "0".repeat(64), ..good.clone() }), ..named(b"other bytes") },
        Sent { pieces: vec![(1, b"abc")], ..named(b"a gap") },
        Sent { pieces: vec![(0, b"abcd")], ..named(b"too long") },
        Sent { end: end(FileEndedMessage { failed: Some("it is cold".to_owned()), ..good }), ..named(b"failed") },
        named(&[b'n'; 300]),
        named(b"good"),
    ];
    let answers = answers(results.path(), files);
    let told: Vec<_> = answers.iter().map(|error| error.as_deref().unwrap_or("taken")).collect();
    assert_eq!(
        told,
        [
            "taken",
            "no step has requested it",
            "no step has requested it",
            "the received data differs from the data that was sent (wrong digest)",
            "byte 1 arrived instead of byte 0",
            "4 bytes arrived instead of 3",
            "it is cold",
            "file name too long",
            "it already exists",
        ]
    );
    assert_eq!(below(results.path()), [results.path().join("trial-1/w0/good")]);
}
