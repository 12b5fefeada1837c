//! conductor

pub mod model;
pub mod wire;
