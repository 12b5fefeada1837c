//! conductor

pub mod conduct;
pub mod model;
pub mod wire;
