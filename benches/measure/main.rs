//! Measurements and long tests with random input: `cargo bench --bench measure -- NAME [ARGUMENT...]`.
//!
//! Each has a script in `scripts` that builds what it needs and runs it. They are one program, so that what they share
//! with the tests is compiled once.

mod chaos;
mod hostile_conductor;
mod hostile_player;
mod many_trials;
mod many_workers;
mod python_conductors;
mod reach_speed;
mod report_size;
mod soak;
mod speed;
mod start_skew;
mod support;
mod transfers;
mod validate_speed;

use std::process::ExitCode;

fn main() -> ExitCode {
    // First, because a stamp is taken as soon as its process begins.
    if start_skew::stamp::stamp_if_wanted() {
        return ExitCode::SUCCESS;
    }
    let name = support::arguments().next().unwrap_or_default();
    match name.as_str() {
        "chaos" => chaos::main(),
        "hostile_conductor" => hostile_conductor::main(),
        "hostile_player" => hostile_player::main(),
        "many_trials" => many_trials::main(),
        "many_workers" => many_workers::main(),
        "python_conductors" => python_conductors::main(),
        "reach_speed" => reach_speed::main(),
        "report_size" => report_size::main(),
        "soak" => soak::main(),
        "speed" => speed::main(),
        "start_skew" => start_skew::main(),
        "transfers" => transfers::main(),
        "validate_speed" => return validate_speed::main(),
        _ => {
            eprintln!("unknown measurement `{name}`: run one of the scripts in `scripts`");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}
