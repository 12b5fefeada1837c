//! conductor

pub mod model;
pub mod player;
mod sys;
pub mod wire;
