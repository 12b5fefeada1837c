//! Tests session actors against a player on a loopback socket.

mod files;
mod hostile;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{bounded, never};

use crate::conduct::testing::{Peer, bytes, listener, options, plan_at, player, run, welcome};
use crate::conduct::{Options, Reporters, check, conduct};
use crate::model::{Action, Event, Hint, Outcome, Phase, PhaseId, PlayerDescription, Reason, Step, Verdict};
use crate::wire::{ConductorMessage, Greeting, Holder, HolderState, PlayerMessage, Refusal, RefusalReason, Welcome};

fn not_carried_out(reasons: &[Reason]) -> &str {
    match reasons {
        [Reason::NotCarriedOut(text)] => text,
        other => panic!("{other:?}"),
    }
}

fn greeted_with(greeting: Greeting) -> String {
    let (listener, port) = listener();
    let player = std::thread::spawn(move || {
        let (mut peer, _) = Peer::accept(&listener);
        peer.greet(&greeting);
        assert_eq!(peer.payload(), None);
    });
    let (conclusion, _) = run(plan_at(&[port], 1, &Phase::ALL));
    player.join().unwrap();
    not_carried_out(&conclusion.reasons).to_owned()
}

#[test]
fn a_run_over_two_sessions_passes() {
    let ((first, first_port), (second, second_port)) = (listener(), listener());
    let first = player(first, |phase, step| format!("{phase} {step}\n").into_bytes());
    let second = player(second, |_, _| Vec::new());
    let (conclusion, events) = run(plan_at(&[first_port, second_port], 2, &Phase::ALL));
    assert_eq!((conclusion.verdict, conclusion.reasons), (Verdict::Passed, Vec::new()));
    let told = first.join().unwrap();
    assert_eq!(told.len(), 11, "plan, four times arm and go, end_trial, bye: {told:?}");
    assert_eq!(second.join().unwrap().len(), 11);
    let printed = events.iter().filter_map(|event| match event {
        Event::StepEnded { step, result } if step.worker.0 == 0 => Some(bytes(&result.stdout)),
        _ => None,
    });
    let printed: Vec<_> = printed.collect();
    assert_eq!(printed[2], b"run 0\n");
    assert_eq!(printed[7], b"reset 1\n");
}

#[test]
fn a_step_ends_when_its_announced_output_is_there() {
    let (listener, port) = listener();
    let printed: Vec<u8> = (0..5_000_000_u32).map(|number| number.to_le_bytes()[0] ^ number.to_le_bytes()[1]).collect();
    let expected = printed.clone();
    let player = player(listener, move |phase, _| if phase == Phase::Run { printed.clone() } else { Vec::new() });
    let (conclusion, events) = run(plan_at(&[port], 1, &Phase::ALL));
    assert_eq!(conclusion.reasons, []);
    player.join().unwrap();
    let result = events.iter().find_map(|event| match event {
        Event::StepEnded { step, result } if step.phase == Phase::Run => Some(result),
        _ => None,
    });
    assert!(bytes(&result.unwrap().stdout) == expected, "all 5 MB, in their order");
}

#[test]
fn the_times_of_steps_are_on_the_conductors_clock() {
    let (listener, port) = listener();
    let player = player(listener, |_, _| Vec::new());
    let before = crate::conduct::now::now();
    let (_, events) = run(plan_at(&[port], 1, &[Phase::Run]));
    player.join().unwrap();
    // The player reports 2000 on a clock that is 1000 ahead of ours.
    let started = events.iter().find_map(|event| match event {
        Event::StepStarted { started, .. } => Some(started.at),
        _ => None,
    });
    assert!(started.unwrap() < before);
}

#[test]
fn an_end_of_the_connection_that_lasts_longer_than_the_lease_is_a_lost_worker() {
    let (listener, port) = listener();
    let player = std::thread::spawn(move || {
        let (mut peer, _) = Peer::accept(&listener);
        // Nothing accepts connections any more.
        drop(listener);
        peer.welcome();
        while let Some(message) = peer.message() {
            if matches!(message, ConductorMessage::Go { phase: PhaseId { phase: Phase::Run, .. }, .. }) {
                return;
            }
            peer.answer(&message, &|_, _| Vec::new());
        }
    });
    let mut plan = plan_at(&[port], 2, &Phase::ALL);
    plan.settings.lease = Duration::from_millis(300);
    let (conclusion, events) = run(plan);
    player.join().unwrap();
    assert_eq!(conclusion.verdict, Verdict::Incomplete);
    let expected = "worker `w0` was lost: the connection was closed by its player, and it could not be reached again within \
                    its lease of 300ms: connection refused";
    assert_eq!(conclusion.reasons, [Reason::Incomplete(expected.to_owned())]);
    assert_eq!(conclusion.hints, [Hint::RestartPlayer]);
    let lost = |event: &&Event| matches!(event, Event::StepEnded { result, .. } if result.outcome == Outcome::Lost);
    assert_eq!(events.iter().filter(lost).count(), 2);
}

/// Runs a player that leaves in Run, runs its Reset, and may send a last message. Returns why the run is incomplete,
/// and the number of its Resets.
fn left_with(last: Option<&'static str>) -> (Vec<Reason>, usize) {
    let (listener, port) = listener();
    let player = std::thread::spawn(move || {
        let (mut peer, _) = Peer::accept(&listener);
        peer.welcome();
        while let Some(message) = peer.message() {
            let ConductorMessage::Go { phase: PhaseId { trial, phase: Phase::Run }, .. } = message else {
                peer.answer(&message, &|_, _| Vec::new());
                continue;
            };
            peer.outbox.push(&PlayerMessage::Leaving { reason: "the player was shut down".to_owned() });
            peer.outbox.push(&PlayerMessage::PhaseEnded(PhaseId { trial, phase: Phase::Run }));
            let reset = ConductorMessage::Go { phase: PhaseId { trial, phase: Phase::Reset }, at: None };
            peer.answer(&reset, &|_, _| b"undone".to_vec());
            if let Some(summary) = last {
                peer.outbox.push(&PlayerMessage::Left { summary: summary.to_owned() });
            }
            peer.flush();
            // Closing a socket with unread data may discard what was sent.
            peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
            while peer.payload().is_some() {}
            return;
        }
    });
    let (conclusion, events) = run(plan_at(&[port], 2, &Phase::ALL));
    player.join().unwrap();
    let undone = events.iter().filter(|event| {
        matches!(event, Event::StepEnded { step, result }
            if step.phase == Phase::Reset && result.outcome == Outcome::Passed && bytes(&result.stdout) == b"undone")
    });
    (conclusion.reasons, undone.count())
}

#[test]
fn a_player_that_leaves_is_heard_to_its_end_and_has_the_last_word() {
    let lost = |why: &str| vec![Reason::Incomplete(format!("worker `w0` was lost: {why}"))];
    let summary = "the player was shut down; its steps were stopped and Reset was run";
    assert_eq!(left_with(Some(summary)), (lost(summary), 2));
    let silent = "the player was shut down; it did not report the result of its Reset";
    assert_eq!(left_with(None), (lost(silent), 2), "so says an older one");
    assert_eq!(left_with(Some("")), (lost("no reason was given"), 2));
}

#[test]
fn a_player_that_has_heard_what_was_never_said_is_lost_at_once() {
    let (listener, port) = listener();
    let player = std::thread::spawn(move || {
        let (mut peer, _) = Peer::accept(&listener);
        peer.welcome();
        assert!(matches!(peer.message(), Some(ConductorMessage::Plan(_))));
        drop(peer);
        let (mut peer, _) = Peer::accept(&listener);
        drop(listener);
        peer.greet(&Greeting::Welcome(Welcome { next: 100, ..welcome() }));
        assert_eq!(peer.payload(), None);
    });
    let mut plan = plan_at(&[port], 1, &Phase::ALL);
    plan.settings.lease = Duration::from_secs(5);
    let (conclusion, _) = run(plan);
    player.join().unwrap();
    let text = not_carried_out(&conclusion.reasons);
    assert!(text.ends_with("the peer acknowledged a frame that was not sent"), "{text}");
}

#[test]
fn a_silent_player_is_lost() {
    let (listener, port) = listener();
    let player = std::thread::spawn(move || {
        let (mut peer, _) = Peer::accept(&listener);
        peer.welcome();
        // It reads everything, and sends nothing.
        while peer.payload().is_some() {}
    });
    let mut plan = plan_at(&[port], 1, &Phase::ALL);
    plan.settings.lease = Duration::from_millis(300);
    let (conclusion, _) = run(plan);
    player.join().unwrap();
    let text = not_carried_out(&conclusion.reasons);
    assert!(text.contains("nothing was received from its player"), "{text}");
}

#[test]
fn an_older_player_is_refused_by_name_of_what_it_does_not_support() {
    let refused = |steps: Vec<Step>| {
        let (listener, port) = listener();
        let player = std::thread::spawn(move || {
            let (mut peer, _) = Peer::accept(&listener);
            peer.welcome();
            assert_eq!(peer.message(), Some(ConductorMessage::Bye), "it gets no plan");
        });
        let mut plan = plan_at(&[port], 1, &Phase::ALL);
        plan.workers[0].steps[Phase::Run] = steps;
        let (conclusion, _) = run(plan);
        player.join().unwrap();
        let text = not_carried_out(&conclusion.reasons);
        let what = text
            .strip_prefix(&format!("worker `w0` at 127.0.0.1:{port}: its player (version 0.1.0) does not support "));
        what.unwrap_or_else(|| panic!("{text}")).to_owned()
    };
    let step = |action| Step { action, ..Step::plain("s", "") };
    let wait = || step(Action::Await { label: "server".to_owned(), pattern: "up".to_owned() });
    let fetch = step(Action::Fetch("scratch:*".to_owned()));
    let command = Step::plain("s", "cd $CONDUCTOR_SCRATCH");
    assert_eq!(refused(vec![wait()]), "`await:`; update it");
    assert_eq!(refused(vec![fetch]), "`$CONDUCTOR_SCRATCH`; update it");
    assert_eq!(refused(vec![command, wait()]), "`await:` and `$CONDUCTOR_SCRATCH`; update it");
}

#[test]
fn a_busy_player_says_who_holds_it() {
    let holder = Holder {
        run: "other".to_owned(),
        conductor: "ann@lab".to_owned(),
        seconds: 7,
        state: HolderState::Live,
        free_within: 0,
        lease_within: None,
    };
    let refusal = Refusal { reason: RefusalReason::Busy, message: "busy".to_owned(), holder: Some(holder) };
    let text = greeted_with(Greeting::Refused(refusal));
    assert!(text.ends_with("its player is busy: run `other` of ann@lab has used it for 7 s"), "{text}");
}

#[test]
fn a_player_that_is_free_in_more_time_than_there_is_is_asked_again() {
    for free_within in [1 << 63, u64::MAX] {
        let holder = Holder {
            run: "other".to_owned(),
            conductor: "ann@lab".to_owned(),
            seconds: u64::MAX,
            state: HolderState::Silent,
            free_within,
            lease_within: Some(u64::MAX),
        };
        let refusal = Refusal { reason: RefusalReason::Busy, message: "busy".to_owned(), holder: Some(holder) };
        let (listener, port) = listener();
        let player = std::thread::spawn(move || {
            for answer in
                [Greeting::Refused(refusal), Greeting::Result { code: 1, message: "no such command".to_owned() }]
            {
                let (mut peer, _) = Peer::accept(&listener);
                peer.greet(&answer);
                assert_eq!(peer.payload(), None);
            }
        });
        let (conclusion, events) = run(plan_at(&[port], 1, &Phase::ALL));
        player.join().unwrap();
        let text = not_carried_out(&conclusion.reasons);
        assert!(text.ends_with("its player answers: no such command"), "{text}");
        let is_said = |event: &Event| format!("{event:?}").contains("has been busy with run `other` of ann@lab");
        assert!(events.iter().any(is_said), "{events:?}");
    }
}

#[test]
fn another_answer_than_the_seeds_is_no_seed() {
    let text = greeted_with(Greeting::Result { code: 1, message: "no such command".to_owned() });
    assert!(text.ends_with("its player answers: no such command"), "{text}");
}

#[test]
fn what_is_no_player_is_called_so() {
    let (listener, port) = listener();
    let stranger = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
    });
    let (conclusion, _) = run(plan_at(&[port], 1, &Phase::ALL));
    stranger.join().unwrap();
    let text = not_carried_out(&conclusion.reasons);
    assert!(text.ends_with(&format!("the program at 127.0.0.1:{port} is not a player")), "{text}");
    assert_eq!(conclusion.hints, [Hint::CorrectPort]);
}

#[test]
fn what_accepts_a_connection_and_says_nothing_has_a_hint() {
    let (listener, port) = listener();
    let mut plan = plan_at(&[port], 1, &Phase::ALL);
    plan.settings.connect_timeout = Duration::from_millis(100);
    let (conclusion, _) = run(plan);
    drop(listener);
    let text = not_carried_out(&conclusion.reasons);
    assert!(text.ends_with("the connection was accepted, but `hello` was not answered"), "{text}");
    assert_eq!(conclusion.hints, [Hint::LookAtPlayer]);
}

#[test]
fn a_player_that_is_not_there_is_tried_again() {
    let (listener, port) = listener();
    drop(listener);
    let mut plan = plan_at(&[port], 1, &Phase::ALL);
    plan.settings.connect_timeout = Duration::from_millis(400);
    let (conclusion, _) = run(plan);
    let text = not_carried_out(&conclusion.reasons);
    assert_eq!(text, format!("worker `w0` at 127.0.0.1:{port} could not be reached: connection refused"));
    assert_eq!(conclusion.hints, [Hint::StartPlayer]);
}

#[test]
fn an_interrupt_while_connecting_ends_the_run_at_once() {
    let (listener, port) = listener();
    drop(listener);
    let mut plan = plan_at(&[port], 1, &Phase::ALL);
    plan.settings.connect_timeout = Duration::from_mins(5);
    let (sender, interrupts) = bounded(1);
    sender.send(15).unwrap();
    let began = Instant::now();
    let conclusion = conduct(Arc::new(plan), &options(), None, &interrupts, Reporters::default());
    assert_eq!(conclusion.reasons, [Reason::Interrupted(15)]);
    assert!(began.elapsed() < Duration::from_mins(1));
}

#[test]
fn an_interrupt_stops_the_phase_and_runs_reset() {
    let (listener, port) = listener();
    let (sender, interrupts) = bounded(1);
    let player = std::thread::spawn(move || {
        let (mut peer, _) = Peer::accept(&listener);
        peer.welcome();
        let mut told = Vec::new();
        while let Some(message) = peer.message() {
            told.push(message.clone());
            match message {
                ConductorMessage::Go { phase: PhaseId { phase: Phase::Run, .. }, .. } => sender.send(2).unwrap(),
                ConductorMessage::Bye => break,
                message => peer.answer(&message, &|_, _| Vec::new()),
            }
        }
        told
    });
    let conclusion =
        conduct(Arc::new(plan_at(&[port], 1, &Phase::ALL)), &options(), None, &interrupts, Reporters::default());
    assert_eq!(conclusion.reasons, [Reason::Interrupted(2)]);
    let told = player.join().unwrap();
    let stop = ConductorMessage::Stop(PhaseId { trial: 1, phase: Phase::Run });
    let reset = ConductorMessage::Arm(PhaseId { trial: 1, phase: Phase::Reset });
    let place = |wanted: &ConductorMessage| told.iter().position(|message| message == wanted).unwrap();
    assert!(place(&stop) < place(&reset));
    assert!(!told.contains(&ConductorMessage::Arm(PhaseId { trial: 1, phase: Phase::Collect })));
}

#[test]
fn a_check_asks_and_runs_nothing() {
    let (listener, port) = listener();
    let player = std::thread::spawn(move || {
        let (mut peer, hello) = Peer::accept(&listener);
        assert!(hello.check);
        let mut answer = welcome();
        answer.clock = 1;
        answer.holder = Some(Holder {
            run: "other".to_owned(),
            conductor: "ann@lab".to_owned(),
            seconds: 7,
            state: HolderState::Live,
            free_within: 0,
            lease_within: None,
        });
        peer.greet(&Greeting::Welcome(answer));
        assert_eq!(peer.message(), None);
    });
    let (answers, _) = check(&Arc::new(plan_at(&[port], 1, &Phase::ALL)), &options(), &never());
    player.join().unwrap();
    let report = answers[0].as_ref().unwrap();
    assert!(matches!(&report.player, PlayerDescription::Session { host, .. } if host == "testhost"));
    assert_eq!(report.holder.as_deref(), Some("run `other` of ann@lab, for 7 s"));
    assert!(report.clock.is_some());
}
