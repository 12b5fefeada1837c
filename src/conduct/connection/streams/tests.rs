//! Messages that wait for their data, and streams that grow.

use super::*;
use crate::conduct::testing::bytes;
use crate::model::Process;
use crate::model::{ConductorTime, Phase};
use crate::wire::LeftMessage;

fn startup(step: usize) -> StepId {
    StepId { trial: 1, phase: Phase::Startup, position: step }
}

fn started(step: usize, stdout: u32) -> PlayerMessage {
    let (step, at, late, pid, stderr) = (startup(step), 0, 0, 1, stdout + 1);
    PlayerMessage::StepStarted(StepStartedMessage { step, at, late, pid, stdout, stderr })
}

fn ended(step: usize, outcome: OutcomeMessage, stdout: u64) -> StepEndedMessage {
    let (step, duration, stderr, left) = (startup(step), None, 0, LeftMessage::default());
    let attempts = Vec::new();
    StepEndedMessage { step, outcome, duration, stdout, stderr, left, attempts }
}

fn take(streams: &mut Streams, message: PlayerMessage) {
    let at = crate::conduct::testing::start_at(ConductorTime::from_nanoseconds(1));
    streams.message(message, |_| at).unwrap();
}

fn data(stream: u32, offset: u64, text: &str) -> Data {
    Data { stream, offset, bytes: text.as_bytes().to_vec() }
}

#[test]
fn a_spawned_step_ends_twice_and_each_end_has_its_bytes() {
    let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
    take(&mut streams, started(0, 10));
    take(&mut streams, PlayerMessage::StepEnded(ended(0, OutcomeMessage::Spawned, 3)));
    take(&mut streams, PlayerMessage::PhaseEnded(startup(0).phase_id()));
    let exit = OutcomeMessage::Exit { status: 0 };
    take(&mut streams, PlayerMessage::SpawnedEnded(ended(0, exit, 8)));
    assert!(matches!(streams.next(), Some(ConnectionEvent::StepStarted(..))));
    assert!(streams.next().is_none(), "its bytes are on the way");
    streams.data(&data(10, 0, "early")).unwrap();
    let Some(ConnectionEvent::StepEnded(_, result)) = streams.next() else { panic!("the spawn is whole") };
    assert_eq!((result.outcome, bytes(&result.stdout)), (Outcome::Spawned, b"ear".to_vec()));
    assert!(matches!(streams.next(), Some(ConnectionEvent::PhaseEnded(_))));
    assert!(streams.next().is_none());
    streams.data(&data(10, 5, " on")).unwrap();
    let Some(ConnectionEvent::SpawnedEnded(_, result)) = streams.next() else { panic!("the end is whole") };
    assert_eq!((result.outcome, bytes(&result.stdout)), (Outcome::Passed, b"early on".to_vec()));
    assert!(!streams.is_waiting());
}

fn leaky(stdout: u64, holder: &Process) -> PlayerMessage {
    let exit = OutcomeMessage::Exit { status: 0 };
    let left = LeftMessage { leaky: true, holders: vec![holder.clone()], ..LeftMessage::default() };
    PlayerMessage::StepEnded(StepEndedMessage { left, ..ended(0, exit, stdout) })
}

fn holder() -> Process {
    Process { pid: 7, user: "somebody".to_owned(), command: "sleep 600".to_owned() }
}

fn at(seconds: u64) -> ConductorTime {
    ConductorTime::from_nanoseconds(0).plus(Duration::from_secs(seconds))
}

/// Runs a leaky step that printed `ab` by its end.
fn leaks(streams: &mut Streams) {
    take(streams, started(0, 10));
    take(streams, leaky(2, &holder()));
    streams.data(&data(10, 0, "ab")).unwrap();
    assert_eq!(streams.next_deadline(), Some(at(0)));
    assert_eq!(streams.grown(at(3)).len(), 1);
    assert_eq!(streams.next_deadline(), None);
    streams.next();
    let Some(ConnectionEvent::StepEnded(_, result)) = streams.next() else { panic!("the step is whole") };
    assert_eq!((result.leaky, &result.holders[..], bytes(&result.stdout)), (true, &[holder()][..], b"ab".to_vec()));
}

#[test]
fn what_comes_behind_the_end_of_a_leaky_step_is_its_output_until_the_trial_ends() {
    let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
    leaks(&mut streams);
    streams.data(&data(10, 2, " late")).unwrap();
    assert_eq!(streams.next_deadline(), Some(at(3).plus(PAUSE)));
    let grown = streams.grown(at(4));
    let [ConnectionEvent::Output(StepId { position: 0, .. }, Stream::Stdout, output)] = &grown[..] else {
        panic!("one stream grew: {grown:?}")
    };
    assert_eq!(bytes(output), b"ab late");
    take(&mut streams, PlayerMessage::TrialEnded { trial: 1 });
    let Some(ConnectionEvent::OutputEnded(_, Stream::Stdout, output)) = streams.next() else { panic!("it grew") };
    assert_eq!(bytes(&output), b"ab late");
    assert!(matches!(streams.next(), Some(ConnectionEvent::TrialEnded(1))));
    streams.data(&data(10, 7, " too late")).unwrap();
    assert!(streams.grown(at(5)).is_empty() && streams.writers.is_empty());
}

#[test]
fn a_leaky_step_that_prints_nothing_more_is_told_of_once() {
    let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
    leaks(&mut streams);
    take(&mut streams, PlayerMessage::TrialEnded { trial: 1 });
    assert!(matches!(streams.next(), Some(ConnectionEvent::TrialEnded(1))));
    assert!(streams.writers.is_empty());
}

#[test]
fn late_output_is_told_of_when_the_connection_is_lost() {
    let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
    leaks(&mut streams);
    streams.data(&data(10, 2, " late")).unwrap();
    let lost = streams.lost();
    let [ConnectionEvent::OutputEnded(_, Stream::Stdout, output)] = &lost[..] else { panic!("{lost:?}") };
    assert_eq!(bytes(output), b"ab late");
}

#[test]
fn what_is_not_settled_holds_up_what_comes_behind_it_and_gets_what_was_printed_by_then() {
    let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
    take(&mut streams, started(0, 10));
    let left = LeftMessage { unsettled: true, ..LeftMessage::default() };
    let exit = OutcomeMessage::Exit { status: 0 };
    take(&mut streams, PlayerMessage::StepEnded(StepEndedMessage { left, ..ended(0, exit.clone(), 2) }));
    take(&mut streams, started(1, 20));
    take(&mut streams, PlayerMessage::StepEnded(ended(1, exit, 1)));
    streams.data(&data(10, 0, "ab")).unwrap();
    streams.data(&data(20, 0, "x")).unwrap();
    assert!(matches!(streams.next(), Some(ConnectionEvent::StepStarted(..))));
    assert!(streams.next().is_none() && streams.is_waiting());
    let settled = |step, stdout, leaky| {
        let (step, stderr, holders) = (startup(step), 0, Vec::new());
        PlayerMessage::StepSettled(StepSettledMessage { step, stdout, stderr, leaky, holders })
    };
    take(&mut streams, settled(1, 5, true));
    take(&mut streams, settled(0, 4, false));
    assert!(streams.next().is_none(), "its bytes are on the way");
    streams.data(&data(10, 2, "cd")).unwrap();
    let Some(ConnectionEvent::StepEnded(_, result)) = streams.next() else { panic!("the first is whole") };
    assert_eq!((result.leaky, bytes(&result.stdout)), (false, b"abcd".to_vec()));
    assert!(matches!(streams.next(), Some(ConnectionEvent::StepStarted(..))));
    let Some(ConnectionEvent::StepEnded(_, result)) = streams.next() else { panic!("the second is whole") };
    assert_eq!((result.leaky, bytes(&result.stdout)), (false, b"x".to_vec()), "nothing had to be settled");
}

#[test]
fn thousands_of_messages_that_are_no_events_are_passed_over_one_by_one() {
    let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
    let exit = OutcomeMessage::Exit { status: 0 };
    let left = LeftMessage { unsettled: true, ..LeftMessage::default() };
    take(&mut streams, PlayerMessage::StepEnded(StepEndedMessage { left, ..ended(0, exit, 0) }));
    for number in 0..100_000 {
        take(&mut streams, started(1, 10 + 2 * number));
    }
    streams.open.clear();
    let (step, stdout, stderr, leaky, holders) = (startup(0), 0, 0, false, Vec::new());
    let settled = StepSettledMessage { step, stdout, stderr, leaky, holders };
    take(&mut streams, PlayerMessage::StepSettled(settled));
    assert!(matches!(streams.next(), Some(ConnectionEvent::StepEnded(..))));
    assert!(streams.next().is_none() && !streams.is_waiting());
}

#[test]
fn what_was_never_announced_is_the_players_error() {
    let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
    assert!(streams.data(&data(10, 0, "b")).is_err());
    take(&mut streams, started(0, 10));
    assert!(streams.data(&data(12, 0, "b")).is_err());
    assert!(!streams.data(&data(9, 0, "b")).unwrap(), "a step that is over");
    let twice =
        streams.message(started(1, 11), |_| crate::conduct::testing::start_at(ConductorTime::from_nanoseconds(1)));
    assert_eq!(twice.unwrap_err().to_string(), "its player announced stream 11 twice");
}

#[test]
fn a_gap_in_a_stream_is_the_players_error() {
    let mut streams = Streams::new(Store::unnamed().unwrap(), WorkerId(0));
    take(&mut streams, started(0, 10));
    assert!(streams.data(&data(10, 1, "b")).is_err());
}
