//! conductor

mod app;
mod cli;
pub mod conduct;
pub mod config;
mod exit_code;
pub mod model;
pub mod player;
pub mod report;
mod sys;
mod telemetry;
pub mod wire;

pub use app::run;
