//! Python conductors with several workers on our players, and steps that print after their shells have ended.
//! `scripts/python-conductors` runs many more.

use std::io::{Read, Write};
use std::thread;

use serde_json::json;

use crate::support::pipes::Pipe;
use crate::support::python_conductor::{Messages, Ports, Worker, check_run, incomplete, run_phase};
use crate::support::wire::{frame, free_port};
use crate::support::{Folder, Player};

#[test]
fn a_python_conductor_gets_the_results_of_all_its_workers_whatever_players_and_ports_they_share() {
    let ways = [
        (Ports::Own, Messages::PhasesFirst),
        (Ports::Own, Messages::WorkerByWorker),
        (Ports::OfPlayer, Messages::PhasesFirst),
        (Ports::One, Messages::PhasesFirst),
    ];
    thread::scope(|scope| {
        for (index, (ports, messages)) in ways.into_iter().enumerate() {
            scope.spawn(move || {
                let players = [Player::start(), Player::start(), Player::start()];
                let numbers = players.each_ref().map(|player| player.port);
                for count in 1..=6 {
                    check_run(&numbers[..=(count + index) % 3], count, ports, messages);
                }
            });
        }
    });
}

#[test]
fn what_a_step_prints_in_the_background_is_complete() {
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let player = Player::start();
                assert_eq!(incomplete(player.port), []);
            });
        }
    });
}

#[test]
fn output_that_is_held_for_longer_than_the_step_may_take_is_a_time_out() {
    let (player, folder) = (Player::start(), Folder::new());
    let pipe = Pipe::new(&folder, "pipe");
    let commands = vec![format!("({}; exec sleep 600)& echo early", pipe.hold())];
    let worker = Worker { player: player.port, results: free_port(), commands, timeout: 1 };
    let ran = run_phase(&[worker], Messages::PhasesFirst);
    assert_eq!(ran.results, [[(1, "Command timed out after 1 seconds".to_owned())]]);
    pipe.wait_for_end();
}

#[test]
fn phases_that_are_not_run_are_bounded_and_forgotten() {
    let player = Player::start();
    let phase = |bytes: usize| {
        let data = json!({"resulthost": "127.0.0.1", "resultport": 7, "steps": [{"command": "x".repeat(bytes)}]});
        let message = frame(json!({"version": 1, "type": "phase", "data": data}).to_string().as_bytes());
        // The player waits for 5 s while nothing comes, and making 10 MB can take longer.
        let mut stream = player.connect();
        stream.write_all(&message).expect("a player reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    };
    let answers: Vec<String> = (0..8).map(|_| phase(10_000_000)).collect();
    assert_eq!(answers.iter().filter(|answer| answer.contains("phase received")).count(), 6, "{answers:?}");
    assert!(answers[7].contains("bytes of a Python conductor's phases"), "{answers:?}");
}
