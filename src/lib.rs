//! conductor

pub mod model;
