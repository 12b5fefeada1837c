//! The seed driver against a seed player over loopback sockets, with the recorded conversations.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::listen;
use super::players::{Claim, SeedPlayers};
use crate::conduct::testing::{bytes, listener, plan_at, run};
use crate::model::{Action, Bound, Ending, Event, Mode, Outcome, Phase, Plan, Reason, Step, Verdict, WorkerId};
use crate::wire::seed::{PHASES_COMPLETE, Request, SeedPhase, SeedStep, encode_result};
use crate::wire::{FrameDecoder, frame};

/// The messages that a seed player received, except `hello`.
type Told = Vec<Vec<u8>>;
/// The results of a phase.
type Results = Vec<(i64, String)>;

fn payload(stream: &mut TcpStream) -> Vec<u8> {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut decoder = FrameDecoder::new(1 << 24);
    let mut buffer = [0; 4096];
    loop {
        if let Some(payload) = decoder.next_frame().unwrap() {
            return payload;
        }
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the connection was closed within a message");
        decoder.push(&buffer[..count]);
    }
}

fn deliver(phase: &SeedPhase, code: i64, text: &str) {
    let mut stream = TcpStream::connect((phase.result_host.as_str(), phase.result_port)).unwrap();
    stream.write_all(&frame(&encode_result(code, text))).unwrap();
}

/// Plays a seed player for this many runs: one connection at a time, and everything that was downloaded is run.
fn seed(
    listener: TcpListener,
    runs: usize,
    results: impl Fn(&SeedPhase) -> Results + Send + 'static,
) -> JoinHandle<Told> {
    std::thread::spawn(move || {
        let (mut told, mut kept, mut ran) = (Vec::new(), Vec::new(), 0);
        while ran < runs {
            let (mut stream, _) = listener.accept().unwrap();
            let message = payload(&mut stream);
            let answer = match Request::decode(&message).unwrap() {
                Request::Other(_) => (2, "no such command"),
                Request::Phase(phase) => {
                    told.push(message);
                    kept.push(phase);
                    (0, "phase received")
                }
                Request::Run => {
                    told.push(message);
                    ran += 1;
                    let phases = std::mem::take(&mut kept);
                    for phase in &phases {
                        for (code, text) in results(phase) {
                            deliver(phase, code, &text);
                        }
                    }
                    deliver(phases.last().unwrap(), PHASES_COMPLETE, "phases complete");
                    continue;
                }
            };
            stream.write_all(&frame(&encode_result(answer.0, answer.1))).unwrap();
        }
        told
    })
}

fn all_pass(phase: &SeedPhase) -> Results {
    phase
        .steps
        .iter()
        .map(|step| if step.spawn { (0, "Spawned".to_owned()) } else { (0, "out\n".to_owned()) })
        .collect()
}

fn recorded(file: &str) -> Vec<Value> {
    let path = format!("{}/testdata/seed/wire/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn step(seed: &SeedStep) -> Step {
    let mut step = Step::plain("step", &seed.command);
    step.mode = if seed.spawn { Mode::Spawn } else { Mode::Wait };
    step.bound = seed.timeout.map(Bound::Timeout);
    step
}

fn plan_with_port(ports: &[u16], phases: &[Phase]) -> Plan {
    let mut plan = plan_at(ports, 1, phases);
    let (free, port) = listener();
    drop(free);
    for worker in &mut plan.workers {
        worker.results_port = port;
        worker.conductor = Some("127.0.0.1".to_owned());
    }
    plan
}

fn ends(events: &[Event]) -> Vec<Outcome> {
    let ends = events.iter().filter_map(|event| match event {
        Event::StepEnded { result, .. } => Some(result.outcome.clone()),
        _ => None,
    });
    ends.collect()
}

#[test]
fn a_whole_run_sends_what_the_seeds_conductor_sends() {
    let frames: Vec<String> = recorded("conductor-and-player.jsonl")
        .into_iter()
        .filter(|line| line["sender"] == "conductor")
        .map(|line| line["frame"].as_str().unwrap().to_owned())
        .collect();
    let downloads = frames.iter().filter_map(|frame| match Request::decode(frame.as_bytes()) {
        Ok(Request::Phase(phase)) => Some(phase),
        _ => None,
    });
    let (listener, port) = listener();
    let mut plan = plan_with_port(&[port], &Phase::ALL);
    let downloads: Vec<SeedPhase> = downloads.collect();
    // The recording mixes the connections; the command of the first step shows the phase.
    for download in &downloads {
        let phase = match download.steps[0].command.as_str() {
            "echo \"startup\"" => Phase::Startup,
            "echo \"running\"" => Phase::Run,
            "echo \"collecting\"" => Phase::Collect,
            _ => Phase::Reset,
        };
        plan.workers[0].steps[phase] = download.steps.iter().map(step).collect();
    }
    let results_port = plan.workers[0].results_port;
    let player = seed(listener, 4, all_pass);
    let (conclusion, _) = run(plan);
    assert_eq!((conclusion.verdict, conclusion.reasons), (Verdict::Passed, Vec::new()));
    let own = format!("\"resultport\": {results_port}");
    let mut expected: Vec<String> = frames.iter().map(|frame| frame.replace("\"resultport\": 16971", &own)).collect();
    let mut told: Vec<String> =
        player.join().unwrap().into_iter().map(|told| String::from_utf8(told).unwrap()).collect();
    assert!(told[0].contains("startup") && told[1].contains("\"run\"") && told[6].contains("goodbye"));
    expected.sort();
    told.sort();
    assert_eq!(told, expected);
}

#[test]
fn recorded_results_become_outcomes() {
    let lines = recorded("one-phase-on-the-player.jsonl");
    let download = lines.iter().find(|line| line["frame"]["type"] == "phase").unwrap();
    let Ok(Request::Phase(download)) = Request::decode(download["frame"].to_string().as_bytes()) else {
        panic!("the recording begins with a phase");
    };
    let results = lines.iter().filter(|line| line["port"] == "resultsport").map(|line| {
        let data = &line["frame"]["data"];
        (data["code"].as_i64().unwrap(), data["message"].as_str().unwrap().to_owned())
    });
    let mut results: Results = results.collect();
    assert_eq!(results.pop().unwrap().0, PHASES_COMPLETE);
    let (listener, port) = listener();
    let mut plan = plan_with_port(&[port], &[Phase::Run]);
    plan.workers[0].steps[Phase::Run] = download.steps.iter().map(step).collect();
    let player = seed(listener, 1, move |_| results.clone());
    let (conclusion, events) = run(plan);
    player.join().unwrap();
    assert_eq!(conclusion.verdict, Verdict::Failed);
    let failed = |status| Outcome::Failed(Ending::Exit(status));
    let expected = [
        Outcome::Passed,
        Outcome::Passed,
        failed(3),
        failed(127),
        Outcome::Failed(Ending::Signal(9)),
        Outcome::Passed,
        Outcome::TimedOut(Duration::from_secs(1)),
        Outcome::Spawned,
        Outcome::Passed,
    ];
    assert_eq!(ends(&events), expected);
    let printed = events.iter().filter_map(|event| match event {
        Event::StepEnded { result, .. } => Some(bytes(&result.stdout)),
        _ => None,
    });
    assert_eq!(String::from_utf8(printed.take(2).last().unwrap()).unwrap(), "café \u{fffd} tail");
}

#[test]
fn workers_on_one_seed_player_run_one_after_another() {
    let (listener, port) = listener();
    let plan = plan_with_port(&[port, port], &[Phase::Run, Phase::Reset]);
    let player = seed(listener, 4, all_pass);
    let (conclusion, events) = run(plan);
    assert_eq!(conclusion.reasons, []);
    let kinds: Vec<bool> =
        player.join().unwrap().iter().map(|told| matches!(Request::decode(told), Ok(Request::Run))).collect();
    assert_eq!(kinds, [false, true, false, true, false, true, false, true]);
    let shared = "another worker also uses";
    let warned = |event: &&Event| matches!(event, Event::Warning { worker: Some(_), text } if text.contains(shared));
    assert_eq!(events.iter().filter(warned).count(), 1);
}

#[test]
fn what_the_seed_has_not_is_refused_by_name() {
    let (listener, port) = listener();
    let mut plan = plan_with_port(&[port], &Phase::ALL);
    plan.workers[0].environment.push(("NAME".to_owned(), "value".to_owned()));
    plan.workers[0].shell = "/bin/bash".to_owned();
    let action = Action::Await { label: "server".to_owned(), pattern: "up".to_owned() };
    plan.workers[0].steps[Phase::Run] =
        vec![Step { action, ..Step::plain("ready", "") }, Step::plain("s", "cd $CONDUCTOR_SCRATCH")];
    let player = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        payload(&mut stream);
        stream.write_all(&frame(&encode_result(2, "no such command"))).unwrap();
    });
    let (conclusion, _) = run(plan);
    player.join().unwrap();
    let text = format!(
        "worker `w0` at 127.0.0.1:{port}: its player is a Python player, which does not support `[Environment]`, `shell = \
         /bin/bash`, `await:` (`ready` in `[Run]`), `$CONDUCTOR_SCRATCH` (`s` in `[Run]`)"
    );
    assert_eq!(conclusion.reasons, [Reason::NotCarriedOut(text)]);
}

#[test]
fn a_result_over_the_limit_is_named_and_the_run_goes_on() {
    let (listener, port) = listener();
    let mut plan = plan_with_port(&[port], &[Phase::Run, Phase::Reset]);
    plan.settings.max_message_size = 1000;
    let player = seed(listener, 2, |_| vec![(0, "x".repeat(2000))]);
    let (conclusion, events) = run(plan);
    player.join().unwrap();
    assert_eq!(ends(&events), [Outcome::Lost, Outcome::Lost]);
    assert_eq!(conclusion.verdict, Verdict::Incomplete);
    assert!(conclusion.reasons[0].text().ends_with("exceeds `max_message_size` (1000 bytes)"));
}

#[test]
fn a_seed_player_that_ends_without_results_is_lost() {
    let (listener, port) = listener();
    let plan = plan_with_port(&[port], &[Phase::Run]);
    let player = std::thread::spawn(move || {
        for answer in [(2, "no such command"), (0, "phase received")] {
            let (mut stream, _) = listener.accept().unwrap();
            payload(&mut stream);
            stream.write_all(&frame(&encode_result(answer.0, answer.1))).unwrap();
        }
        let (mut stream, _) = listener.accept().unwrap();
        payload(&mut stream);
    });
    let (conclusion, events) = run(plan);
    player.join().unwrap();
    assert_eq!(ends(&events), [Outcome::Lost]);
    let text = "worker `w0` was lost: its player closed the connection without sending results";
    assert_eq!(conclusion.reasons, [Reason::Incomplete(text.to_owned())]);
}

/// Plays a player that accepts one phase, and calls `act` while `run` is open.
fn seed_that(listener: TcpListener, act: impl Fn(&SeedPhase) + Send + 'static) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut phase = None;
        for answer in [(2, "no such command"), (0, "phase received")] {
            let (mut stream, _) = listener.accept().unwrap();
            if let Ok(Request::Phase(found)) = Request::decode(&payload(&mut stream)) {
                // What arrives before `run` is no result.
                deliver(&found, 0, "too early");
                phase = Some(found);
            }
            stream.write_all(&frame(&encode_result(answer.0, answer.1))).unwrap();
        }
        let (mut stream, _) = listener.accept().unwrap();
        payload(&mut stream);
        act(&phase.unwrap());
        // The conductor closes it.
        let _ = stream.read(&mut [0]);
    })
}

#[test]
fn a_seed_player_that_keeps_its_run_open_and_says_nothing_is_lost_when_its_steps_have_had_their_time() {
    let (listener, port) = listener();
    let mut plan = plan_with_port(&[port], &[Phase::Run]);
    plan.settings.step_timeout = Some(Duration::from_millis(500));
    let player = seed_that(listener, |_| {});
    let (conclusion, events) = run(plan);
    player.join().unwrap();
    assert_eq!(ends(&events), [Outcome::Lost]);
    let text = "worker `w0` was lost: its Python player did not end the phase within 2s 500ms, \
                which is longer than its steps may take";
    assert_eq!(conclusion.reasons, [Reason::Incomplete(text.to_owned())]);
}

#[test]
fn only_the_player_is_believed_and_only_while_its_phase_runs_and_who_drips_bytes_holds_nobody_up() {
    let (listener, port) = listener();
    let plan = plan_with_port(&[port], &[Phase::Run]);
    let player = seed_that(listener, |phase| {
        let elsewhere = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        elsewhere.bind(&SocketAddr::from(([127, 0, 0, 2], 0)).into()).unwrap();
        elsewhere.connect(&SocketAddr::from(([127, 0, 0, 1], phase.result_port)).into()).unwrap();
        // The connection may be closed by now.
        let _ = (&elsewhere).write_all(&frame(&encode_result(0, "not from the player")));
        let mut slow = TcpStream::connect((phase.result_host.as_str(), phase.result_port)).unwrap();
        slow.write_all(&100_u32.to_be_bytes()).unwrap();
        deliver(phase, 7, "failed");
        deliver(phase, PHASES_COMPLETE, "phases complete");
        while slow.write_all(b" ").is_ok() {
            std::thread::sleep(Duration::from_millis(700));
        }
    });
    let (conclusion, events) = run(plan);
    player.join().unwrap();
    assert_eq!(ends(&events), [Outcome::Failed(Ending::Exit(7))]);
    assert_eq!(conclusion.verdict, Verdict::Failed);
    let warned = |text: &str| events.iter().any(|event| format!("{event:?}").contains(text));
    assert!(warned("came from 127.0.0.2, not from 127.0.0.1"), "{events:?}");
    assert!(warned("the sender is too slow"), "{events:?}");
}

#[test]
fn a_worker_that_comes_back_has_its_results_port_again_and_no_other_worker_gets_it() {
    let players = SeedPlayers::new(&plan_at(&[1, 2], 1, &[Phase::Run]));
    let claims = [(7, 0), (7, 1), (7, 0), (8, 1)].map(|(port, worker)| players.claim(port, WorkerId(worker)));
    assert_eq!(claims, [Claim::First, Claim::Refused, Claim::Again, Claim::First]);
}

#[test]
fn a_worker_that_comes_back_before_its_results_port_is_closed_gets_another_one() {
    let player = Ipv4Addr::LOCALHOST.into();
    let (earlier, none) = listen(Claim::First, 0, player, 1).unwrap();
    let port = earlier.port;
    assert_eq!(none, None);
    assert!(listen(Claim::First, port, player, 1).is_err(), "another program may have it");
    let (other, warning) = listen(Claim::Again, port, player, 1).unwrap();
    assert_ne!(other.port, port);
    let expected = format!(
        "its earlier connection still uses `resultsport` {port}; the results of this worker are received on port {}",
        other.port
    );
    assert_eq!(warning, Some(expected));
    drop(earlier);
    let (again, none) = listen(Claim::Again, port, player, 1).unwrap();
    assert_eq!((again.port, none), (port, None));
}
