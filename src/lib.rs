//! conductor

pub mod model;
pub mod config;
pub mod wire;
pub mod conduct;
pub mod player;
pub mod report;
mod sys;
