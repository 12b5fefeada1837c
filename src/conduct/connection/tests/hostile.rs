//! Players that start correctly and then break the rules: each is lost and named, and a correct worker next to them
//! completes.

use super::*;
use crate::wire::{Data, LeftMessage, OutcomeMessage, Signal, StepEndedMessage, StepStartedMessage, frame};

fn started(trial: u32, step: usize, stdout: u32) -> PlayerMessage {
    let step = PhaseId { trial, phase: Phase::Run }.step(step);
    let (at, late, pid, stderr) = (0, 0, 1, stdout + 1);
    PlayerMessage::StepStarted(StepStartedMessage { step, at, late, pid, stdout, stderr })
}

fn ended(step: usize, stdout: u64, unsettled: bool) -> PlayerMessage {
    let left = LeftMessage { unsettled, ..LeftMessage::default() };
    let step = PhaseId { trial: 1, phase: Phase::Run }.step(step);
    let (duration, stderr, attempts) = (None, 0, Vec::new());
    let outcome = OutcomeMessage::Exit { status: 0 };
    PlayerMessage::StepEnded(StepEndedMessage { step, outcome, duration, stdout, stderr, left, attempts })
}

/// What a player does instead of running its steps.
type Deviation = fn(&mut Peer);

/// The message about each deviation, and the deviation.
const DEVIATIONS: [(&str, Deviation); 8] = [
    ("reported the start of step `s1` in run of trial 1 twice", |peer| {
        peer.outbox.push(&ended(0, 0, true));
        (0..500).for_each(|number| peer.outbox.push(&started(1, 1, 500 + 2 * number)));
    }),
    ("which it did not announce", |peer| {
        peer.outbox.push_data(Data { stream: 7777, offset: 0, bytes: vec![0; 100] });
    }),
    ("the peer sent an invalid message", |peer| {
        peer.stream.write_all(&frame(b"hello")).unwrap();
    }),
    ("a clock probe that was not sent", |peer| {
        let answer = Signal::ProbeAnswer { sent: 0, received: 0, answered: 0 };
        peer.stream.write_all(&frame(&serde_json::to_vec(&answer).unwrap())).unwrap();
    }),
    ("which is not in the plan", |peer| peer.outbox.push(&started(1, 99, 500))),
    ("which has not begun", |peer| peer.outbox.push(&started(9, 0, 500))),
    ("too many warnings in a trial", |peer| {
        for number in 0..11_000 {
            peer.outbox.push(&PlayerMessage::Warning { text: format!("warning {number}") });
        }
    }),
    ("bytes of output that has not arrived", |peer| {
        peer.outbox.push(&started(1, 0, 500));
        peer.outbox.push(&ended(0, 1 << 62, false));
    }),
];

fn hostile(listener: std::net::TcpListener, deviation: Deviation) -> std::thread::JoinHandle<()> {
    std::thread::spawn(move || {
        let (mut peer, _) = Peer::accept(&listener);
        peer.welcome();
        while let Some(message) = peer.message() {
            if matches!(message, ConductorMessage::Go { phase: PhaseId { phase: Phase::Run, .. }, .. }) {
                deviation(&mut peer);
                peer.flush();
                while peer.payload().is_some() {}
                return;
            }
            peer.answer(&message, &|_, _| Vec::new());
        }
    })
}

#[test]
fn whoever_breaks_the_rules_is_lost_and_named_and_the_honest_worker_is_complete() {
    let (first, port) = listener();
    let honest = player(first, |_, _| b"fine".to_vec());
    let (mut ports, mut players) = (vec![port], Vec::new());
    for (_, deviation) in DEVIATIONS {
        let (listener, port) = listener();
        ports.push(port);
        players.push(hostile(listener, deviation));
    }
    let (conclusion, events) = run(plan_at(&ports, 2, &[Phase::Run, Phase::Reset]));
    honest.join().unwrap();
    for player in players {
        player.join().unwrap();
    }
    assert_eq!(conclusion.verdict, Verdict::Incomplete);
    for (index, (what, _)) in DEVIATIONS.iter().enumerate() {
        let begin = format!("worker `w{}` was lost: ", index + 1);
        let is_named = |reason: &Reason| matches!(reason, Reason::Incomplete(text) if text.starts_with(&begin) && text.contains(what));
        assert!(conclusion.reasons.iter().any(is_named), "{what}: {:#?}", conclusion.reasons);
    }
    let passed = events.iter().filter(|event| {
        matches!(event, Event::StepEnded { step, result }
            if step.worker.0 == 0 && result.outcome == Outcome::Passed && bytes(&result.stdout) == b"fine")
    });
    assert_eq!(passed.count(), 4);
    let told = events.iter().filter(|event| matches!(event, Event::Warning { worker: Some(_), .. })).count();
    assert!(told <= 201, "{told} warnings are passed on");
}
