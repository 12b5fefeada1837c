//! conductor

pub mod config;
pub mod model;
pub mod wire;
pub mod player;
pub mod report;
mod sys;
