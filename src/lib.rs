//! `conductor` runs one test on several machines at once and reports what happened on each of them.
//!
//! One machine runs `conduct`; every other machine runs `player`. A test is a few text files. Each trial has four phases:
//! Startup, Run, Collect, Reset. In each phase, the conductor waits until all players are ready, and then all of them start
//! at the same moment.
//!
//! # The parts
//!
//! ```text
//! conduct:  cli ─▶ config ─▶ Plan ─▶ Coordinator ─command▶ connection actor ─▶ wire ─▶ player
//!                                         ▲   └──event──▶ reports     └─data─▶ store
//!                                         └─── events ─── connection actors
//! player:   listener ─fork▶ session process:  Session ─action▶ executor ─▶ steps' processes
//!                                              ▲ └─▶ wire ─▶ conductor
//!                                              └── events ── executor
//! ```
//!
//! Decisions are separate from effects: `conduct::coordinator` and `player::session` take an event and the time, and return
//! actions. They have no sockets, threads, clocks or files, so tests can try any order of events. The rest carries out actions
//! and decides nothing: threads in the conductor, one poll loop in each process of the player.
//!
//! `docs/architecture.md` follows a step, a byte and a `go` through the program, and names the functions.
//! `docs/glossary.md` explains the terms.
//!
//! # The modules, and which other modules each may use
//!
//! | module | holds | may use |
//! |---|---|---|
//! | [`model`] | plain values: names, phases, steps, plan, events, outcomes, verdicts | nothing |
//! | [`metric`] | how numbers are read from outputs | `model`, `statistics` |
//! | [`statistics`] | medians, comparisons, verdicts, outliers, drift; random orders | nothing |
//! | [`values`] | the values of the metrics of runs, and what the statistics say of them | `model`, `statistics` |
//! | [`wait`] | all waits, each with its limit; the calls that block | nothing |
//! | [`config`] | reads configuration files into a [`model::Plan`]; findings with their positions | `model`, `metric`, `statistics` |
//! | [`wire`] | frames, messages, the protocol of the Python program | `model` |
//! | [`conduct`] | coordinator, clock estimate, run loop, output store, a connection actor for each worker | `model`, `metric`, `values`, `wait`, `wire`, `sys` |
//! | [`player`] | listener, session, executor, clean-up | `model`, `wait`, `wire`, `sys` |
//! | [`report`] | the reports, one file for each format | `model`, `statistics`, `values` |
//! | `sys` | system calls that std does not have; the only `unsafe` code | `model`, `wait` |
//! | `cli` | the command line | `config`, `model`, `telemetry` |
//! | `telemetry` | the log | `model`, `wait` |
//! | `app` | the commands | everything |
//!
//! `tests/it/architecture.rs` compares this table with the source code.

// They panic if the output is closed or full; `telemetry` has replacements.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod model;
pub mod metric;
pub mod statistics;
pub mod values;
pub mod wait;
pub mod config;
pub mod wire;
pub mod conduct;
pub mod player;
pub mod report;
mod sys;
mod cli;
mod telemetry;
mod app;
#[cfg(test)]
mod simulated_runs;

pub use app::run;
pub use cli::command_lines;
