//! `conductor` runs one test on many machines at once and tells what happened.
//!
//! One machine runs `conduct`, each other machine runs `player`; a test is a text file. Each trial goes through four
//! phases, Startup, Run, Collect, Reset. In each, every player is given its steps, says that it is ready, and all start
//! together.
//!
//! # The way of a run
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
//! What decides is pure: `conduct::coordinator` and [`player::session`] take an event and the time, and return what is to
//! be done. They own no socket, thread, clock or file, so that a test can play any order of events against them. What
//! carries out, decides nothing: threads on the conductor, one poll loop in each process of the player.
//!
//! `docs/architecture.md` follows a step, a byte and a `go` through the program, with the functions on their way.
//!
//! # The modules, and what each may use of ours
//!
//! | module | holds | may use |
//! |---|---|---|
//! | [`model`] | plain values: names, phases, steps, plan, events, outcomes, verdicts | nothing |
//! | [`wait`] | everything that is waited for, with its limit; the blocking calls | nothing |
//! | [`config`] | text → typed configuration → [`model::Plan`]; diagnostics with positions | `model` |
//! | [`wire`] | frames, messages, the seed's protocol | `model` |
//! | [`conduct`] | coordinator, clock estimate, run loop, output store, one connection actor a worker | `model`, `wait`, `wire` |
//! | [`player`] | listener, session, executor, what cleans up after them | `model`, `wait`, `wire`, `sys` |
//! | [`report`] | one file a format | `model` |
//! | `sys` | what std lacks on Linux; the only `unsafe` | `wait` |
//! | `cli` | what can be written on the command line | `config`, `model`, `telemetry` |
//! | `telemetry` | the log | `wait` |
//! | `app` | the commands: the only place where everything meets | everything |
//!
//! `tests/architecture.rs` holds this table against the sources.

// They panic when nobody reads, or there is no room: `telemetry` has what takes their place.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod model;
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

pub use app::run;
